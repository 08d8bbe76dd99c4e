//! Blocks of distilled UNets, numbered without gaps.
//!
//! Scripts that turn a diffusers folder into a single file number blocks as if each level had two residual
//! blocks on the way down and three on the way up. With one fewer a number is left out, and an enlargement
//! stands in a block of its own. Invariant: a UNet without gaps keeps its names.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::UNET;
use crate::checkpoint::tensor::stored::Tensors;

const INPUT: &str = "model.diffusion_model.input_blocks.";
const OUTPUT: &str = "model.diffusion_model.output_blocks.";

/// Renumbers the UNet's blocks as the reference does.
pub(crate) fn close(tensors: Tensors) -> Tensors {
    let inputs: BTreeMap<usize, usize> =
        numbers(&tensors, INPUT).into_iter().enumerate().map(|(new, old)| (old, new)).collect();
    let outputs = outputs(&tensors);
    // The first block is in every UNet; without it the file is not whole, and its numbers tell nothing.
    if !tensors.contains_key(&format!("{INPUT}0.0.weight")) {
        return tensors;
    }
    let is_closed = inputs.iter().all(|(old, new)| old == new)
        && outputs.iter().all(|(old, (new, part))| old == new && part.is_none());
    if is_closed {
        return tensors;
    }
    let renamed = |name: String| {
        if !name.starts_with(UNET) {
            return name;
        }
        let found =
            place(&name, INPUT).and_then(|(old, rest)| Some(format!("{INPUT}{}.{rest}", inputs.get(&old)?)));
        let found = found.or_else(|| {
            let (old, rest) = place(&name, OUTPUT)?;
            match outputs.get(&old)? {
                (new, None) => Some(format!("{OUTPUT}{new}.{rest}")),
                (new, Some(part)) => Some(format!("{OUTPUT}{new}.{part}.{}", rest.split_once('.')?.1)),
            }
        });
        found.unwrap_or(name)
    };
    tensors.into_iter().map(|(name, tensor)| (renamed(name), tensor)).collect()
}

/// The new number of each output block; of one that only enlarges, the block before it and its part there.
fn outputs(tensors: &Tensors) -> BTreeMap<usize, (usize, Option<usize>)> {
    let mut found = BTreeMap::new();
    let mut next = 0;
    let mut parts = 0;
    for old in numbers(tensors, OUTPUT) {
        let has = |rest: &str| tensors.contains_key(&format!("{OUTPUT}{old}.{rest}"));
        if has("0.in_layers.2.weight") {
            parts = if has("1.norm.weight") { 2 } else { 1 };
            found.insert(old, (next, None));
            next += 1;
        } else {
            found.insert(old, (next.max(1) - 1, Some(parts)));
        }
    }
    found
}

/// The numbers of blocks behind `start`, ascending.
fn numbers(tensors: &Tensors, start: &str) -> BTreeSet<usize> {
    let within = tensors.range(start.to_owned()..).map(|(name, _)| name);
    let within = within.take_while(|name| name.starts_with(start));
    within.filter_map(|name| Some(place(name, start)?.0)).collect()
}

/// A block's number, and the rest of a name.
fn place<'n>(name: &'n str, start: &str) -> Option<(usize, &'n str)> {
    let (number, rest) = name.strip_prefix(start)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tensor::element::ElementType;
    use crate::checkpoint::tensor::stored::StoredTensor;

    fn closed(names: &[&str]) -> Vec<String> {
        let tensor =
            StoredTensor { shape: vec![1], element: ElementType::F16, pieces: Vec::new(), scale: None };
        let tensors = names.iter().map(|name| (format!("{UNET}{name}"), tensor.clone())).collect();
        close(tensors).into_keys().map(|name| name[UNET.len()..].to_owned()).collect()
    }

    #[test]
    fn one_block_a_level_is_numbered_as_the_reference_does() {
        let names = [
            "input_blocks.0.0.weight",
            "input_blocks.1.0.in_layers.2.weight",
            "input_blocks.3.0.op.weight",
            "input_blocks.4.0.in_layers.2.weight",
            "output_blocks.0.0.in_layers.2.weight",
            "output_blocks.1.0.in_layers.2.weight",
            "output_blocks.1.1.norm.weight",
            "output_blocks.2.1.conv.weight",
            "output_blocks.3.0.in_layers.2.weight",
            "output_blocks.4.0.in_layers.2.weight",
        ];
        let expected = [
            "input_blocks.0.0.weight",
            "input_blocks.1.0.in_layers.2.weight",
            "input_blocks.2.0.op.weight",
            "input_blocks.3.0.in_layers.2.weight",
            "output_blocks.0.0.in_layers.2.weight",
            "output_blocks.1.0.in_layers.2.weight",
            "output_blocks.1.1.norm.weight",
            "output_blocks.1.2.conv.weight",
            "output_blocks.2.0.in_layers.2.weight",
            "output_blocks.3.0.in_layers.2.weight",
        ];
        assert_eq!(closed(&names), expected);
        assert_eq!(closed(&expected), expected);
    }
}
