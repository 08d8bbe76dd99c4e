//! Files as they are met: numbers of other widths, and names that other programs' scripts leave behind.

use half::f16;
use safetensors::tensor::Dtype;

use super::odd::{Made, Tensors, UNET, base, file, renamed, same_picture};

const ATTENTION: &str = ".mid.attn_1.";

/// The halves among the small model's numbers as another type.
fn widened(dtype: Dtype, write: impl Fn(f16) -> Vec<u8>) -> Tensors {
    let tensors = base().into_iter().map(|(name, (was, shape, bytes))| {
        if was != Dtype::F16 {
            return (name, (was, shape, bytes));
        }
        let halves: Vec<f16> = bytemuck::pod_collect_to_vec(&bytes);
        (name, (dtype, shape, halves.into_iter().flat_map(&write).collect()))
    });
    tensors.collect()
}

#[test]
fn wider_numbers_are_the_same_numbers() {
    let doubles = widened(Dtype::F64, |number| number.to_f64().to_le_bytes().to_vec());
    let singles = widened(Dtype::F32, |number| number.to_f32().to_le_bytes().to_vec());
    same_picture([("f64", Made::new(&file(&doubles)), ""), ("f32", Made::new(&file(&singles)), "")]);
}

/// The first stage's attention as linear layers, which diffusers has in place of CompVis's convolutions.
fn with_linear_attention() -> Tensors {
    let mut tensors = base();
    for (_, (_, shape, _)) in tensors.iter_mut().filter(|(name, _)| name.contains(ATTENTION)) {
        if let [out, inner, 1, 1] = **shape {
            *shape = vec![out, inner];
        }
    }
    tensors
}

#[test]
fn attention_of_the_first_stage_is_known_in_every_shape_and_spelling() {
    let spelled = |tensors: Tensors, names: [&'static str; 4]| {
        let own = [".q.", ".k.", ".v.", ".proj_out."];
        let tensors = renamed(tensors, |name| {
            let found =
                own.iter().zip(names).find(|(own, _)| name.contains(ATTENTION) && name.contains(**own));
            Some(found.map_or(name.to_owned(), |(own, theirs)| name.replace(own, theirs)))
        });
        assert!(tensors.keys().any(|name| name.contains(names[3])));
        Made::new(&file(&tensors))
    };
    let (new, old) =
        ([".to_q.", ".to_k.", ".to_v.", ".to_out.0."], [".query.", ".key.", ".value.", ".proj_attn."]);
    same_picture([
        ("linear", Made::new(&file(&with_linear_attention())), ""),
        ("new names, linear", spelled(with_linear_attention(), new), ""),
        ("new names, convolutions", spelled(base(), new), ""),
        ("old names, linear", spelled(with_linear_attention(), old), ""),
    ]);
}

#[test]
fn a_unet_without_its_prefix_is_found_among_the_other_parts() {
    let bare = renamed(base(), |name| Some(name.strip_prefix(UNET).unwrap_or(name).to_owned()));
    same_picture([("bare", Made::new(&file(&bare)), "")]);
}
