//! Stable Diffusion 2's text encoder: stored in CLIP's layout, named as open_clip names it.
//!
//! Trap: open_clip keeps the query, key and value projections in one tensor, in that order.

use crate::checkpoint::error::Problem;
use crate::checkpoint::names::keys::{self, CLIP, OPEN_CLIP};
use crate::checkpoint::tensor::stored::{StoredTensor, Tensors};

/// Names a text encoder's tensors; unknown ones keep their names behind `text_encoder/`.
pub(crate) fn rename_open_clip(tensors: Tensors) -> Result<Tensors, Problem> {
    let mut renamed = Tensors::new();
    for (stored, tensor) in &tensors {
        let name = stored.strip_prefix("text_model.").unwrap_or(stored);
        if let Some((block, kind)) = projection(name, "q_proj") {
            let parts = ["q_proj", "k_proj", "v_proj"].map(|part| {
                let part = stored.replacen(".q_proj.", &format!(".{part}."), 1);
                tensors.get(&part).cloned().ok_or(Problem::NoTensor(part))
            });
            let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
            renamed.insert(format!("{block}attn.in_proj_{kind}"), stack(stored, parts)?);
        } else if projection(name, "k_proj").or_else(|| projection(name, "v_proj")).is_none() {
            let known = plain_name(name).unwrap_or_else(|| format!("text_encoder/{stored}"));
            renamed.insert(known, tensor.clone());
        }
    }
    Ok(renamed)
}

/// The width of Stable Diffusion 2's text encoder, and the channels of its context.
pub(crate) const WIDTH: usize = 1024;

/// A single file's tensors with v2's text encoder under open_clip's names: some writers give it CLIP's
/// layout, where its width is all that tells the two apart.
pub(crate) fn named_as_its_own(tensors: Tensors) -> Result<Tensors, Problem> {
    let table = tensors.get(&format!("{CLIP}embeddings.token_embedding.weight"));
    if table.is_none_or(|table| table.shape.get(1) != Some(&WIDTH)) {
        return Ok(tensors);
    }
    let (texts, mut others): (Tensors, Tensors) =
        tensors.into_iter().partition(|(name, _)| name.starts_with(CLIP));
    let bare = texts.into_iter().map(|(name, tensor)| (name[CLIP.len()..].to_owned(), tensor)).collect();
    others.extend(rename_open_clip(bare)?);
    Ok(others)
}

/// A layer's block in open_clip and what is left of the name.
fn layer(name: &str) -> Option<(String, &str)> {
    let (number, rest) = name.strip_prefix("encoder.layers.")?.split_once('.')?;
    Some((format!("{OPEN_CLIP}transformer.resblocks.{number}."), rest))
}

/// For `encoder.layers.3.self_attn.q_proj.weight`, the block and `weight`.
fn projection<'n>(name: &'n str, part: &str) -> Option<(String, &'n str)> {
    let (block, rest) = layer(name)?;
    let kind = rest.strip_prefix("self_attn.")?.strip_prefix(part)?.strip_prefix('.')?;
    Some((block, kind))
}

fn plain_name(name: &str) -> Option<String> {
    match layer(name) {
        Some((block, rest)) => Some(format!("{block}{}", keys::replace(keys::OPEN_CLIP_LAYER, rest)?)),
        None => Some(format!("{OPEN_CLIP}{}", keys::replace(keys::OPEN_CLIP_ENDS, name)?)),
    }
}

/// One tensor of several equal ones, along the first dimension.
fn stack(name: &str, parts: Vec<StoredTensor>) -> Result<StoredTensor, Problem> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().ok_or_else(|| Problem::NoTensor(name.to_owned()))?;
    let first = whole.shape.clone();
    for part in parts {
        if part.scale.is_some() || whole.scale.is_some() {
            let expected = format!("numbers without a scale for {name}");
            return Err(Problem::Unsupported { expected, found: "scaled ones".to_owned() });
        }
        if part.shape != first || part.element != whole.element {
            return Err(Problem::Shape { name: name.to_owned(), expected: first, found: part.shape });
        }
        if let (Some(rows), Some(more)) = (whole.shape.first_mut(), part.shape.first()) {
            *rows += more;
        }
        whole.pieces.extend(part.pieces);
    }
    match whole.pieces.iter().any(|piece| piece.strides.is_some()) {
        true => Err(Problem::damaged("torch", format!("{name} in another order than row by row"))),
        false => Ok(whole),
    }
}
