//! Files that are odd but sound: the same picture as the plain file, and a note where something was
//! left out. Each is made here from the small model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use half::f16;
use safelight::checkpoint::{Checkpoint, guess_config};
use safelight::engine::{OpenError, OpenModel, Opening, open_model};
use safelight::message::ModelSource;
use safelight::ops::{Device, StopFlag};
use safelight::picture::Frame;
use safelight::sampler::{BetaSchedule, DiffusionSchedule, Parameterization};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fixture, picture_of};

const TOKENS: &str = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight";
pub(super) const UNET: &str = "model.diffusion_model.";

/// A tensor's type, shape and bytes.
pub(super) type Stored = (Dtype, Vec<usize>, Vec<u8>);
pub(super) type Tensors = BTreeMap<String, Stored>;

/// The small model's tensors.
pub(super) fn base() -> Tensors {
    let bytes = fs::read(fixture("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    file.iter().map(|(name, view)| (name.to_owned(), stored(view))).collect()
}

/// The same under other names; `None` leaves a tensor out.
pub(super) fn renamed(tensors: Tensors, name: impl Fn(&str) -> Option<String>) -> Tensors {
    tensors.into_iter().filter_map(|(old, tensor)| Some((name(&old)?, tensor))).collect()
}

fn without(beginnings: &[&str]) -> Tensors {
    renamed(base(), |name| (!beginnings.iter().any(|start| name.starts_with(start))).then(|| name.to_owned()))
}

fn f32s(shape: &[usize], values: &[f32]) -> Stored {
    (Dtype::F32, shape.to_vec(), bytemuck::cast_slice(values).to_vec())
}

/// The file's bytes.
pub(super) fn file(tensors: &Tensors) -> Vec<u8> {
    let view = |(dtype, shape, bytes): &'_ Stored| (*dtype, shape.clone(), bytes.clone());
    let owned: Vec<(&String, Stored)> = tensors.iter().map(|(name, tensor)| (name, view(tensor))).collect();
    let views = owned.iter().map(|(name, (dtype, shape, bytes))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    serialize(views, None).unwrap()
}

/// The file with its header as `change` leaves it, and bytes behind the header's end.
fn with_header(tensors: &Tensors, filling: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let plain = file(tensors);
    let (length, rest) = plain.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    change(&mut header);
    let header = format!("{header}{filling}");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A folder with a model file of these bytes and, beside it, the small model's config and tokenizer.
pub(super) struct Made {
    folder: TempDir,
}

impl Made {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        fs::copy(fixture("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
        let made = Self { folder };
        made.with_config(|text| text)
    }

    fn with_config(self, change: impl Fn(String) -> String) -> Self {
        let text = fs::read_to_string(fixture("config.yaml")).unwrap();
        fs::write(self.folder.path().join("model.yaml"), change(text)).unwrap();
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("model.safetensors")
    }

    fn open(&self) -> Result<OpenModel, OpenError> {
        let source = ModelSource::file(self.path());
        open_model(&source, Opening::on(&Device::cpu(StopFlag::default())))
    }

    /// Its picture, and its notes in one text.
    fn develop(&self) -> (Frame, String) {
        let model = self.open().unwrap();
        let notes = model.info.notes.iter().map(|note| format!("{note}\n")).collect();
        (picture_of(&model).1, notes)
    }

    fn refusal(&self) -> String {
        self.open().err().map(|error| error.to_string()).unwrap_or_default()
    }
}

/// Expects the plain file's picture of each, and a note with the words.
pub(super) fn same_picture<const N: usize>(cases: [(&str, Made, &str); N]) {
    let (plain, notes) = Made::new(&file(&base())).develop();
    assert_eq!(notes, "");
    for (what, made, words) in cases {
        let (picture, notes) = made.develop();
        assert!(picture == plain, "{what}: another picture");
        assert!(notes.contains(words) && notes.is_empty() == words.is_empty(), "{what}: {notes:?}");
    }
}

#[test]
fn a_header_with_more_than_text_and_bytes_behind_the_end_do_no_harm() {
    let metadata =
        |value: Value| Made::new(&with_header(&base(), "", |header| header["__metadata__"] = value.clone()));
    let behind = |count: usize| [file(&base()), vec![0; count]].concat();
    same_picture([
        ("number", metadata(json!({ "ss_epoch": 3 })), ""),
        ("map", metadata(json!({ "recipe": { "parts": ["a", null] }, "merged": true })), ""),
        ("null", metadata(json!(null)), ""),
        ("zeros", Made::new(&with_header(&base(), "\0\0\0\0\0", |_| ())), ""),
        ("three bytes", Made::new(&behind(3)), "3 bytes"),
        ("a page", Made::new(&behind(4096)), "4096 bytes"),
    ]);
}

#[test]
fn wrapped_names_are_read_without_their_wrappers() {
    let made = |name: fn(&str) -> String| Made::new(&file(&renamed(base(), |old| Some(name(old)))));
    same_picture([
        ("doubled", made(|name| name.replacen(UNET, &format!("{UNET}{UNET}"), 1)), "is read as"),
        ("all", made(|name| format!("module.{name}")), "is read as"),
        ("compiled", made(|name| name.replacen(UNET, "model.diffusion_model._orig_mod.", 1)), "is read as"),
        ("within", made(|name| format!("net.{name}")), "is read as"),
    ]);
}

/// What merging leaves of the places of tokens: averages of equal numbers, at times one rounding below them.
#[test]
fn damaged_places_of_tokens_are_told_and_not_used() {
    const PLACES: &str = "cond_stage_model.transformer.text_model.embeddings.position_ids";
    let merged: Vec<f32> = (0..77).map(|place| 0.95 * place as f32 + 0.05 * place as f32).collect();
    let whole: Vec<i64> = merged.iter().map(|place| *place as i64).collect();
    assert!(whole[13] == 12 && whole[12] == 12, "merging no longer damages: {whole:?}");
    let exact: Vec<f32> = (0..77).map(|place| place as f32).collect();
    let halves =
        |places: &[f32]| places.iter().flat_map(|place| f16::from_f32(*place).to_le_bytes()).collect();
    let mut twice = exact.clone();
    twice[75] = 76.0;
    let with = |dtype: Dtype, bytes: Vec<u8>| {
        let mut tensors = base();
        tensors.insert(PLACES.to_owned(), (dtype, vec![1, 77], bytes));
        Made::new(&file(&tensors))
    };
    let integers = |places: &[i64]| places.iter().flat_map(|place| place.to_le_bytes()).collect();
    same_picture([
        ("as they should be", with(Dtype::I64, integers(&(0..77).collect::<Vec<_>>())), ""),
        ("as they should be, in f32", with(Dtype::F32, bytemuck::cast_slice(&exact).to_vec()), ""),
        ("as they should be, in f16", with(Dtype::F16, halves(&exact)), ""),
        (
            "rounded down",
            with(Dtype::I64, integers(&whole)),
            "damaged, as merging leaves them (12 in place of 13)",
        ),
        ("averages", with(Dtype::F32, bytemuck::cast_slice(&merged).to_vec()), "(12.999999 in place of 13)"),
        ("twice, in f16", with(Dtype::F16, halves(&twice)), "(76 in place of 75)"),
        ("all the same", with(Dtype::I64, vec![0; 77 * 8]), "(0 in place of 1)"),
    ]);
}

#[test]
fn either_copy_of_the_unet_will_do() {
    let averaged = |name: &str| match name.strip_prefix("model.") {
        Some(inner) => Some(format!("model_ema.{}", inner.replace('.', ""))),
        None => Some(name.to_owned()),
    };
    let ema = |text: String| text.replace("use_ema: false", "use_ema: true");
    same_picture([
        ("no averages", Made::new(&file(&base())).with_config(ema), "no averaged copy"),
        ("averages only", Made::new(&file(&renamed(base(), averaged))), "averaged copy"),
        ("averages asked for", Made::new(&file(&renamed(base(), averaged))).with_config(ema), ""),
    ]);
    // Without a config the shapes are read from the copy.
    let made = Made::new(&file(&renamed(base(), averaged)));
    let plain = Made::new(&file(&base()));
    let guess = |made: &Made| guess_config(&Checkpoint::open(made.path()).unwrap()).unwrap().config;
    assert_eq!(guess(&made), guess(&plain));
}

#[test]
fn a_decoder_alone_makes_pictures_and_half_a_decoder_is_named() {
    let half = |beginnings: &[&str]| {
        let full: Vec<String> = beginnings.iter().map(|start| format!("first_stage_model.{start}")).collect();
        without(&full.iter().map(String::as_str).collect::<Vec<_>>())
    };
    same_picture([
        ("decoder alone", Made::new(&file(&half(&["encoder.", "quant_conv."]))), "no encoder"),
        ("a level of the encoder", Made::new(&file(&half(&["encoder.down.1."]))), "no encoder"),
    ]);
    for missing in [&["decoder.", "post_quant_conv."][..], &["decoder.up.2."], &["post_quant_conv."]] {
        let said = Made::new(&file(&half(missing))).refusal();
        assert!(said.contains("no whole decoder"), "{missing:?}: {said}");
        let bare = Made::new(&file(&half(missing)));
        let said = guess_config(&Checkpoint::open(bare.path()).unwrap()).map(|_| String::new());
        let said = said.unwrap_or_else(|error| error.to_string());
        assert!(said.contains("no whole decoder"), "{missing:?} without a config: {said}");
    }
    let guess = |tensors: &Tensors| {
        let made = Made::new(&file(tensors));
        guess_config(&Checkpoint::open(made.path()).unwrap()).unwrap().config
    };
    assert_eq!(guess(&half(&["encoder.", "quant_conv."])), guess(&base()));
}

#[test]
fn rows_for_added_words_and_rests_of_other_networks_are_left_out() {
    let mut more = base();
    let (_, shape, bytes) = more.get_mut(TOKENS).unwrap();
    shape[0] += 2;
    bytes.extend(vec![0x3c; 2 * 2 * shape[1]]);
    let mut rests = base();
    for name in ["control_model.out.bias", "lora_unet_a.alpha", "cond_stage_model.model.logit_scale"] {
        rests.insert(name.to_owned(), f32s(&[1], &[1.0]));
    }
    let rests_file = file(&rests);
    same_picture([
        ("rows", Made::new(&file(&more)), "2 rows"),
        ("rests", Made::new(&rests_file), "ControlNet"),
    ]);
    let made = Made::new(&rests_file);
    assert!(guess_config(&Checkpoint::open(made.path()).unwrap()).is_ok());
}

/// What the bits of an E4M3 number stand for, by the format's definition.
fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let magnitude =
        if exponent == 0 { mantissa / 512.0 } else { (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7) };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// The UNet's matrices in 8 bits, in units of `scale`; and the same numbers in f32.
fn in_eight_bits(scale: f32) -> (Tensors, Tensors) {
    let (mut small, mut wide) = (base(), base());
    for (name, (dtype, shape, bytes)) in base() {
        if !name.starts_with(UNET) || shape.len() < 2 || dtype != Dtype::F16 {
            continue;
        }
        let numbers: Vec<f32> =
            bytemuck::pod_collect_to_vec::<u8, f16>(&bytes).iter().map(|n| n.to_f32()).collect();
        let nearest = |number: f32| {
            let distance = |byte: &u8| (e4m3(*byte) * scale - number).abs();
            let finite = (0..=255u8).filter(|byte| byte & 0x7f != 0x7f);
            finite.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
        };
        let coded: Vec<u8> = numbers.into_iter().map(nearest).collect();
        let widened: Vec<f32> = coded.iter().map(|byte| e4m3(*byte) * scale).collect();
        small.insert(name.clone(), (Dtype::F8_E4M3, shape.clone(), coded));
        wide.insert(name, f32s(&shape, &widened));
    }
    (small, wide)
}

#[test]
fn eight_bit_weights_are_widened_and_scaled() {
    let picture = |tensors: &Tensors| Made::new(&file(tensors)).develop().0;
    let (small, wide) = in_eight_bits(1.0);
    assert!(picture(&small) == picture(&wide), "as stored");
    for ending in ["scale_weight", "weight_scale"] {
        let (mut small, wide) = in_eight_bits(0.03);
        let scaled: Vec<String> = small
            .iter()
            .filter(|(_, (dtype, ..))| *dtype == Dtype::F8_E4M3)
            .map(|(n, _)| n.clone())
            .collect();
        for name in scaled {
            let stem = name.strip_suffix("weight").unwrap();
            small.insert(format!("{stem}{ending}"), f32s(&[], &[0.03]));
            small.insert(format!("{stem}scale_input"), f32s(&[1], &[7.0]));
        }
        small.insert(format!("{UNET}scaled_fp8"), (Dtype::F8_E4M3, vec![2], vec![0, 0]));
        let made = Made::new(&file(&small));
        assert!(made.develop().0 == picture(&wide), "{ending}");
        assert_eq!(made.open().unwrap().fit.unused.other, Vec::<String>::new(), "{ending}");
    }
}

/// The small model with CLIP's whole table of tokens, so that it opens without a config.
fn standing_alone() -> Tensors {
    let mut tensors = base();
    let (_, shape, bytes) = tensors.get_mut(TOKENS).unwrap();
    shape[0] = 49408;
    bytes.resize(2 * 49408 * shape[1], 0);
    tensors
}

fn alone(bytes: &[u8]) -> OpenModel {
    let made = Made::new(bytes);
    fs::remove_file(made.folder.path().join("model.yaml")).unwrap();
    made.open().unwrap()
}

fn says(model: &OpenModel, words: &str) -> bool {
    model.info.notes.iter().any(|note| note.to_string().contains(words))
}

#[test]
fn a_file_that_says_so_predicts_v() {
    let with = |key: &str, value: Value| {
        with_header(&standing_alone(), "", |header| header["__metadata__"] = json!({ key: value }))
    };
    let mut keyed = standing_alone();
    keyed.insert("v_pred".to_owned(), f32s(&[0], &[]));
    let told = |model: &OpenModel| (model.networks.config.parameterization, says(model, "predicts v"));
    for (what, bytes) in [
        ("modelspec", with("modelspec.prediction_type", json!("v"))),
        ("header", with("v_pred", json!("true"))),
        ("tensor", file(&keyed)),
    ] {
        assert_eq!(told(&alone(&bytes)), (Parameterization::V, true), "{what}");
    }
    let eps = alone(&with("modelspec.prediction_type", json!("epsilon")));
    assert_eq!(told(&eps), (Parameterization::Eps, false));
    assert!(!says(&eps, "(eps) is assumed"), "{:?}", eps.info.notes);
    let odd = alone(&with("modelspec.prediction_type", json!("flow")));
    assert!(odd.networks.config.parameterization == Parameterization::Eps && says(&odd, "flow"));
    // A config beside the file wins, and a note reports the contradiction.
    let beside =
        Made::new(&with_header(&base(), "", |header| header["__metadata__"] = json!({ "v_pred": "" })));
    let beside = beside.open().unwrap();
    assert!(beside.networks.config.parameterization == Parameterization::Eps && says(&beside, "its config"));
}

#[test]
fn a_stored_schedule_without_signal_at_its_end_is_used() {
    let plain = DiffusionSchedule::new(BetaSchedule::Linear, 16, 0.00085, 0.012, 8e-3);
    let zero = plain.with_zero_terminal_snr();
    let mut exact = standing_alone();
    let mut ends_in_nothing = zero.alphas_cumprod.clone();
    ends_in_nothing[15] = 0.0;
    exact.insert("betas".to_owned(), f32s(&[16], &zero.betas));
    exact.insert("alphas_cumprod".to_owned(), f32s(&[16], &ends_in_nothing));
    let model = alone(&file(&exact));
    assert_eq!(model.networks.config.parameterization, Parameterization::V);
    let found = &model.networks.config.schedule.alphas_cumprod;
    assert!(found.iter().zip(&zero.alphas_cumprod).all(|(a, b)| (a - b).abs() <= 1e-6), "{found:?}");
    assert!(says(&model, "without signal"), "{:?}", model.info.notes);
    let (_, frame) = picture_of(&model);
    assert!(frame.rgb.iter().any(|value| *value != frame.rgb[0]));

    // Beside a config, whose schedule ends with signal, the stored one counts as it does in the reference.
    let made = Made::new(&file(&{
        let mut beside = base();
        beside.insert("alphas_cumprod".to_owned(), f32s(&[16], &ends_in_nothing));
        beside
    }));
    let model =
        made.with_config(|text| text.replace("timesteps: 16", "timesteps: 16\n    parameterization: v"));
    let model = model.open().unwrap();
    assert!(model.networks.config.schedule.has_zero_terminal_snr());
}
