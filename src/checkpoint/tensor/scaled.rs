//! Weights that are stored in units of a scale beside them, as 8-bit models often are.
//!
//! Writers agree on the idea and not on the name: `X.scale_weight` or `X.weight_scale` belongs to
//! `X.weight`, one number for all of it or one a row. What else they write (scales of activations, a
//! description, a mark that the file is of this kind) decides nothing here.

use super::stored::Tensors;

const SCALES: [&str; 2] = [".scale_weight", ".weight_scale"];
const COMPANIONS: [&str; 3] = [".scale_input", ".input_scale", ".comfy_quant"];
const MARK: &str = "scaled_fp8";

/// Attaches each scale to its weight, and removes scales and their companions from the list.
pub(crate) fn attach(tensors: &mut Tensors) {
    let names: Vec<String> = tensors.keys().filter(|name| is_known(name)).cloned().collect();
    for name in names {
        let scaled = |end: &&str| Some(format!("{}.weight", name.strip_suffix(*end)?));
        let weight = SCALES.iter().chain(&COMPANIONS).find_map(scaled);
        match weight {
            Some(weight) if !tensors.contains_key(&weight) => {}
            Some(weight) => {
                let taken = tensors.remove(&name).filter(|_| SCALES.iter().any(|end| name.ends_with(end)));
                if let (Some(scale), Some(weight)) = (taken, tensors.get_mut(&weight)) {
                    weight.scale = Some(Box::new(scale));
                }
            }
            None => drop(tensors.remove(&name)),
        }
    }
}

fn is_known(name: &str) -> bool {
    let is_mark = name.strip_suffix(MARK).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    is_mark || SCALES.iter().chain(&COMPANIONS).any(|end| name.ends_with(end))
}
