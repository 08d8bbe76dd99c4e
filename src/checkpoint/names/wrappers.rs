//! Strips what training and merging programs put around the names of a model's tensors.
//!
//! A model trained on several cards is called `module.…`, a compiled one `_orig_mod.…`; a model that
//! was part of another or was merged wrongly carries a prefix too many, or one of them twice.
//! Invariant: no tensor is lost. A name keeps its wrapper where another tensor has the bare name.

use std::collections::BTreeSet;

use super::keys::{FIRST_STAGE, UNET};
use crate::checkpoint::tensor::stored::Tensors;
use crate::note::{FileNote, Note};

/// Parts of a name that stand for a wrapping module of torch, wherever they are.
const SEGMENTS: [&str; 5] =
    ["module", "_orig_mod", "_orig_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// The modules of a whole model: as wrapped names mention them, and as the reference begins them.
const ROOTS: [(&str, &str); 3] = [
    ("diffusion_model.", UNET),
    ("first_stage_model.", FIRST_STAGE),
    ("cond_stage_model.", "cond_stage_model."),
];

/// Within the text encoder these come once.
const ONCE: [(&str, &str); 2] =
    [("transformer.transformer.", "transformer."), ("text_model.text_model.", "text_model.")];

/// Beginnings of names that lie beside the modules and are wrapped with them.
const LOOSE: [&str; 10] = [
    "alphas_cumprod",
    "betas",
    "log_one_minus",
    "logvar",
    "model_ema.",
    "posterior_",
    "scale_factor",
    "sqrt_",
    "v_pred",
    "ztsnr",
];

/// The tensors whose names lost a wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// How many there are.
    pub(crate) tensors: usize,
    /// The first one's stored name.
    pub(crate) stored: String,
    /// Its name without the wrapper.
    pub(crate) read_as: String,
}

impl From<Renamed> for Note {
    fn from(Renamed { tensors, stored, read_as }: Renamed) -> Self {
        Self::File(FileNote::NamesUnwrapped { tensors, stored, read_as })
    }
}

/// Removes torch's wrapping modules from the names.
pub(crate) fn unwrap_modules(tensors: &mut Tensors) -> Option<Renamed> {
    let is_wrapper = |segment: &&str| SEGMENTS.contains(segment);
    rename(tensors, |name| {
        let bare = || name.split('.').filter(|segment| !is_wrapper(segment)).collect::<Vec<_>>().join(".");
        name.split('.').any(|segment| is_wrapper(&segment)).then(bare)
    })
}

/// Removes surplus prefixes from the names of a single file.
pub(crate) fn unwrap_prefixes(tensors: &mut Tensors) -> Option<Renamed> {
    let outer: BTreeSet<String> = tensors
        .keys()
        .filter_map(|name| Some(place(name)?.outer.to_owned()))
        .filter(|o| !o.is_empty())
        .collect();
    rename(tensors, |name| match place(name) {
        Some(place) => Some(place.name()),
        None => {
            let inner = outer.iter().find_map(|outer| name.strip_prefix(outer.as_str()))?;
            LOOSE.iter().any(|loose| inner.starts_with(loose)).then(|| inner.to_owned())
        }
    })
}

/// A name, split at the last module of a whole model that it mentions.
struct Place<'n> {
    outer: &'n str,
    root: &'static str,
    inner: &'n str,
}

impl Place<'_> {
    fn name(&self) -> String {
        let mut inner = self.inner.to_owned();
        for (twice, once) in ONCE {
            while self.root.starts_with("cond_stage") && inner.contains(twice) {
                inner = inner.replacen(twice, once, 1);
            }
        }
        format!("{}{inner}", self.root)
    }
}

fn place(name: &str) -> Option<Place<'_>> {
    // The tensors of a LoRA are not the model's own, whatever they change.
    if name.contains("lora_") {
        return None;
    }
    let last = |(module, root): &(&str, &'static str)| {
        let mut found = name.rmatch_indices(module);
        let (at, _) = found.find(|(at, _)| *at == 0 || name[..*at].ends_with('.'))?;
        Some((at, at + module.len(), *root))
    };
    let (at, end, root) = ROOTS.iter().filter_map(last).max_by_key(|(at, ..)| *at)?;
    let outer = &name[..at];
    let outer = if root == UNET { outer.strip_suffix("model.").unwrap_or(outer) } else { outer };
    Some(Place { outer, root, inner: &name[end..] })
}

/// Renames the tensors that `bare` has another name for, those with the shortest names first.
fn rename(tensors: &mut Tensors, bare: impl Fn(&str) -> Option<String>) -> Option<Renamed> {
    let other = |name: &String| Some((name.clone(), bare(name).filter(|bare| bare != name)?));
    let mut wrapped: Vec<(String, String)> = tensors.keys().filter_map(other).collect();
    wrapped.sort_by_key(|(name, _)| name.len());
    let mut renamed: Option<Renamed> = None;
    for (stored, read_as) in wrapped {
        if tensors.contains_key(&read_as) {
            continue;
        }
        if let Some(tensor) = tensors.remove(&stored) {
            tensors.insert(read_as.clone(), tensor);
            renamed.get_or_insert(Renamed { tensors: 0, stored, read_as }).tensors += 1;
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tensor::element::ElementType;
    use crate::checkpoint::tensor::stored::StoredTensor;

    fn tensors(names: &[&str]) -> Tensors {
        let tensor =
            StoredTensor { shape: vec![1], element: ElementType::F16, pieces: Vec::new(), scale: None };
        names.iter().map(|name| ((*name).to_owned(), tensor.clone())).collect()
    }

    /// The names that are left of these, and how many were read without a wrapper.
    fn unwrapped(names: &[&str]) -> (Vec<String>, usize) {
        let mut tensors = tensors(names);
        let renamed = [unwrap_modules(&mut tensors), unwrap_prefixes(&mut tensors)];
        (tensors.into_keys().collect(), renamed.iter().flatten().map(|renamed| renamed.tensors).sum())
    }

    #[test]
    fn wrappers_of_every_kind_are_taken_off() {
        let unet = "model.diffusion_model.out.2.bias";
        let text = "cond_stage_model.transformer.text_model.final_layer_norm.bias";
        for (wrapped, bare) in [
            ("model.diffusion_model.model.diffusion_model.out.2.bias", unet),
            ("model.diffusion_model.diffusion_model.out.2.bias", unet),
            ("model.model.diffusion_model.out.2.bias", unet),
            ("state_dict.net.model.diffusion_model.out.2.bias", unet),
            ("diffusion_model.out.2.bias", unet),
            ("module.model.diffusion_model.out.2.bias", unet),
            ("model.diffusion_model._orig_mod.out.2.bias", unet),
            ("_orig_mod.module.model._fsdp_wrapped_module.diffusion_model.out.2.bias", unet),
            ("model.cond_stage_model.transformer.text_model.final_layer_norm.bias", text),
            ("cond_stage_model.transformer.transformer.text_model.text_model.final_layer_norm.bias", text),
            ("first_stage_model.first_stage_model.quant_conv.bias", "first_stage_model.quant_conv.bias"),
            ("module.betas", "betas"),
        ] {
            let (names, _) = unwrapped(&[wrapped]);
            assert_eq!(names, [bare]);
        }
    }

    #[test]
    fn plain_names_and_foreign_ones_stay() {
        let names = [
            "betas",
            "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias",
            "control_model.input_blocks.0.0.bias",
            "diffusion_model.double_blocks.0.lora_A.weight",
            "first_stage_model.decoder.mid.block_1.conv1.bias",
            "model.betas",
            "model.diffusion_model.input_blocks.1.1.norm.bias",
            "model_ema.diffusion_modelout2bias",
        ];
        assert_eq!(unwrapped(&names), (names.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn buffers_are_unwrapped_with_the_modules_and_no_tensor_is_lost() {
        let (names, renamed) = unwrapped(&["model.betas", "model.model.diffusion_model.out.2.bias"]);
        assert_eq!(
            (names, renamed),
            (vec!["betas".to_owned(), "model.diffusion_model.out.2.bias".to_owned()], 2)
        );
        let both = ["ema.model.diffusion_model.out.2.bias", "model.diffusion_model.out.2.bias"];
        assert_eq!(unwrapped(&both), (both.map(str::to_owned).to_vec(), 0));
    }
}
