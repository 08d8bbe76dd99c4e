//! Names of upscalers' tensors: the three layouts of the ESRGAN family as the last of them, Real-ESRGAN's.
//!
//! Trap: the oldest layout numbers its modules, those without weights included, so the last two convolutions are told
//! by their order alone.

use super::super::tensor::stored::Tensors;

/// Where training keeps the weights; the first one that is there holds the better.
const NESTS: [&str; 2] = ["params_ema.", "params."];

/// Brings the names to Real-ESRGAN's; false if they are of no network of that family.
pub(crate) fn as_real_esrgan(tensors: &mut Tensors) -> bool {
    let nest = NESTS.into_iter().find(|nest| tensors.keys().any(|name| name.starts_with(nest)));
    if let Some(nest) = nest {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(nest)?.to_owned(), tensor)))
            .collect();
    }
    let old = Numbers::of(tensors);
    *tensors = std::mem::take(tensors)
        .into_iter()
        .map(|(name, tensor)| {
            (old.as_ref().and_then(|old| old.renamed(&name)).or_else(|| new(&name)).unwrap_or(name), tensor)
        })
        .collect();
    let has = |name: &str| tensors.contains_key(name);
    has("conv_first.weight") && has("body.0.rdb1.conv1.weight") && has("conv_last.weight")
        || has("body.0.weight") && has("body.1.weight") && has("body.2.weight")
}

/// The numbers of the oldest layout's modules behind the blocks.
struct Numbers {
    /// Of convolutions, in their order: those behind enlargements, then two more.
    convs: Vec<usize>,
    /// Of the convolution behind the last block.
    trunk: String,
}

impl Numbers {
    fn of(tensors: &Tensors) -> Option<Self> {
        if !tensors.contains_key("model.0.weight") {
            return None;
        }
        let number =
            |name: &String| name.strip_prefix("model.")?.strip_suffix(".weight")?.parse::<usize>().ok();
        let mut convs: Vec<usize> = tensors.keys().filter_map(number).filter(|number| *number > 1).collect();
        convs.sort_unstable();
        let trunk = tensors.keys().find_map(|name| {
            let number = name.strip_prefix("model.1.sub.")?.strip_suffix(".weight")?;
            number.parse::<usize>().ok().map(|number| format!("model.1.sub.{number}."))
        })?;
        (convs.len() >= 2).then_some(Self { convs, trunk })
    }

    fn renamed(&self, name: &str) -> Option<String> {
        if let Some(rest) = name.strip_prefix(&self.trunk) {
            return Some(format!("conv_body.{rest}"));
        }
        if let Some(rest) = name.strip_prefix("model.1.sub.") {
            // "3.RDB1.conv2.0.weight".
            let rest = rest.replacen(".RDB", ".rdb", 1);
            let rest = (1..=5)
                .fold(rest, |rest, i| rest.replacen(&format!(".conv{i}.0."), &format!(".conv{i}."), 1));
            return Some(format!("body.{rest}"));
        }
        let (number, rest) = name.strip_prefix("model.")?.split_once('.')?;
        let number: usize = number.parse().ok()?;
        if number == 0 {
            return Some(format!("conv_first.{rest}"));
        }
        let place = self.convs.iter().position(|conv| *conv == number)?;
        Some(match self.convs.len() - place {
            1 => format!("conv_last.{rest}"),
            2 => format!("conv_hr.{rest}"),
            _ => format!("conv_up{}.{rest}", place + 1),
        })
    }
}

/// A name of the second layout.
fn new(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("RRDB_trunk.") {
        return Some(format!("body.{}", rest.replacen(".RDB", ".rdb", 1)));
    }
    let (first, rest) = name.split_once('.')?;
    let first = match first {
        "trunk_conv" => "conv_body",
        "HRconv" => "conv_hr",
        up => return Some(format!("conv_up{}.{rest}", up.strip_prefix("upconv")?)),
    };
    Some(format!("{first}.{rest}"))
}
