//! The conditioning stage of a config: `cond_stage_config` of Stable Diffusion v1 and v2 is one module,
//! sgm's `conditioner_config` is a list of them (`params.emb_models`).
//!
//! A further text encoder is an arm of [`text_encoder`].

use serde_json::Value;

use super::{ModelError, ReadTokenizer, class_of, unknown};
use crate::config::{Params, Target};
use crate::model::cond::tokenizer::Tokenizer;
use crate::model::cond::{
    ClassEmbedder, ClipOutput, ClipShape, CondStage, GeneralConditioner, TextEncoder, TransformerKind,
};
use crate::model::unet::{LabelShape, UNetConfig};
use crate::note::{FileNote, Note};
use crate::ops::Weights;

/// The most encoders of a list; SDXL has two.
const ENCODERS_MAX: usize = 8;

/// A conditioning stage that is built, and what its config and weights have told.
pub(super) struct Built<T> {
    /// The stage, or one encoder of it.
    pub(super) stage: T,
    /// Training-only keys of its config.
    pub(super) training_only: Vec<String>,
    /// What is odd about its weights.
    pub(super) notes: Vec<Note>,
}

/// The conditioning stage's target in a model's config, and where its weights are.
pub(super) fn find(params: &mut Params, weights: &Weights) -> Result<(Target, Weights), ModelError> {
    Ok(match params.take("conditioner_config") {
        Some(value) => (Target::from_value(&value, "conditioner_config")?, weights.pp("conditioner")),
        None => (params.target("cond_stage_config")?, weights.pp("cond_stage_model")),
    })
}

/// Builds the stage that `target` describes.
pub(super) fn cond_stage(
    target: Target,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<Built<CondStage>, ModelError> {
    let alone = |stage, training_only| Ok(Built { stage, training_only, notes: Vec::new() });
    match class_of(&target.target) {
        "GeneralConditioner" => general_conditioner(target.params, weights, read_tokenizer),
        "ClassEmbedder" => {
            let mut params = target.params;
            params.training_only(&["key"]);
            let n_classes = params.count("n_classes")?.unwrap_or(1000);
            let embed_dim = params.required_count("embed_dim")?;
            let training_only = params.finish()?;
            alone(CondStage::Class(ClassEmbedder::new(weights, n_classes, embed_dim)?), training_only)
        }
        "__is_first_stage__" => alone(CondStage::FirstStage, Vec::new()),
        "__is_unconditional__" => alone(CondStage::Unconditional, Vec::new()),
        _ => {
            let Built { stage, training_only, notes } = text_encoder(target, weights, read_tokenizer)?;
            let stage = CondStage::Texts(GeneralConditioner::new(vec![stage]));
            Ok(Built { stage, training_only, notes })
        }
    }
}

/// A list of text encoders; the weights of the i-th are at `embedders.i`.
fn general_conditioner(
    mut params: Params,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<Built<CondStage>, ModelError> {
    let models = match params.take("emb_models") {
        Some(Value::Array(models)) if (1..=ENCODERS_MAX).contains(&models.len()) => models,
        _ => return Err(params.refuse("emb_models", "expected a list of text encoders").into()),
    };
    let mut training_only = params.finish()?;
    let (mut encoders, mut notes) = (Vec::new(), Vec::new());
    for (i, model) in models.iter().enumerate() {
        let target = Target::from_value(model, "emb_models")?;
        let built = text_encoder(target, &weights.pp("embedders").pp(i), read_tokenizer)?;
        encoders.push(built.stage);
        training_only.extend(built.training_only);
        notes.extend(built.notes);
    }
    Ok(Built { stage: CondStage::Texts(GeneralConditioner::new(encoders)), training_only, notes })
}

/// One text encoder.
fn text_encoder(
    target: Target,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<Built<TextEncoder>, ModelError> {
    match class_of(&target.target) {
        // The weighted one differs in how it reads emphasis in a text.
        "FrozenCLIPEmbedder" | "WeightedFrozenCLIPEmbedder" => clip(target.params, weights, read_tokenizer),
        "FrozenOpenCLIPEmbedder" => open_clip(target.params, weights, read_tokenizer),
        _ => {
            let known = [
                "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                "ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder",
                "sgm.modules.GeneralConditioner",
                "ldm.modules.encoders.modules.ClassEmbedder",
                "__is_first_stage__",
                "__is_unconditional__",
            ];
            Err(unknown(&target.target, "a conditioning stage", &known))
        }
    }
}

fn clip(
    mut params: Params,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<Built<TextEncoder>, ModelError> {
    params.training_only(&["device", "freeze"]);
    if let Some(version) = params.text("version")?
        && version != "openai/clip-vit-large-patch14"
    {
        let sentence = format!("expected openai/clip-vit-large-patch14, found {version}");
        return Err(params.refuse("version", &sentence).into());
    }
    let tokenizer = tokenizer(&mut params, read_tokenizer)?;
    let shape = shape(&mut params, &tokenizer, ClipShape::default())?;
    let layer_idx = layer_idx(&mut params, shape.num_hidden_layers)?;
    let pooled_at = params.flag("always_return_pooled", false)?.then(|| tokenizer.end());
    let training_only = params.finish()?;
    let embeddings = weights.pp("transformer").pp("text_model").pp("embeddings");
    let embedding = embeddings.pp("token_embedding");
    let notes = rows_without_words(&embedding, shape.vocabulary).into_iter().collect();
    let kind = TransformerKind::Clip(ClipOutput { layer_idx, pooled_at });
    let stage = TextEncoder::new(weights, tokenizer, shape, kind)?;
    Ok(Built { stage, training_only, notes })
}

/// The text encoder of Stable Diffusion 2; its ids are padded with 0.
fn open_clip(
    mut params: Params,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<Built<TextEncoder>, ModelError> {
    // The names of open_clip's training data.
    params.training_only(&["device", "freeze", "version"]);
    if let Some(arch) = params.text("arch")?
        && arch != "ViT-H-14"
    {
        return Err(params.refuse("arch", &format!("expected ViT-H-14, found {arch}")).into());
    }
    let tokenizer = tokenizer(&mut params, read_tokenizer)?.padded_with(0);
    let shape = shape(&mut params, &tokenizer, ClipShape::VIT_H)?;
    let skipped = match params.text("layer")?.as_deref() {
        None | Some("last") => 0,
        Some("penultimate") => 1,
        Some(other) => {
            let sentence = format!("expected last or penultimate, found {other}");
            return Err(params.refuse("layer", &sentence).into());
        }
    };
    let training_only = params.finish()?;
    let embedding = weights.pp("model").pp("token_embedding");
    let notes = rows_without_words(&embedding, shape.vocabulary).into_iter().collect();
    let kind = TransformerKind::OpenClip { skipped };
    let stage = TextEncoder::new(weights, tokenizer, shape, kind)?;
    Ok(Built { stage, training_only, notes })
}

/// CLIP's tokenizer, or the one that the config names.
fn tokenizer(params: &mut Params, read_tokenizer: ReadTokenizer<'_>) -> Result<Tokenizer, ModelError> {
    let tokenizer = match params.text("tokenizer")? {
        None => Tokenizer::clip().map_err(|error| error.to_string()),
        Some(name) => read_tokenizer(&name)
            .and_then(|bytes| Tokenizer::from_json(&bytes).map_err(|error| error.to_string())),
    };
    Ok(tokenizer.map_err(|sentence: String| params.refuse("tokenizer", &sentence))?)
}

/// The dimensions that the config gives, else those of `default`.
fn shape(params: &mut Params, tokenizer: &Tokenizer, default: ClipShape) -> Result<ClipShape, ModelError> {
    Ok(ClipShape {
        vocabulary: tokenizer.vocabulary_size(),
        max_length: params.count("max_length")?.unwrap_or(default.max_length),
        hidden_size: params.count("hidden_size")?.unwrap_or(default.hidden_size),
        num_hidden_layers: params.count("num_hidden_layers")?.unwrap_or(default.num_hidden_layers),
        num_attention_heads: params.count("num_attention_heads")?.unwrap_or(default.num_attention_heads),
    })
}

/// The layer whose state is the context: `last`, or `hidden` after `layer_idx` layers.
fn layer_idx(params: &mut Params, layers: usize) -> Result<Option<usize>, ModelError> {
    let layer = params.text("layer")?;
    let layer_idx = params.count("layer_idx")?;
    match (layer.as_deref(), layer_idx) {
        (None | Some("last"), _) => Ok(None),
        (Some("hidden"), Some(index)) if index <= layers => Ok(Some(index)),
        (Some("hidden"), _) => {
            Err(params.refuse("layer_idx", &format!("expected 0 to {layers} with layer: hidden")).into())
        }
        (Some(other), _) => {
            Err(params.refuse("layer", &format!("expected last or hidden, found {other}")).into())
        }
    }
}

/// A note on rows of the token table that no token has.
fn rows_without_words(token_embedding: &Weights, used: usize) -> Option<Note> {
    let rows = token_embedding.stored_shape("weight")?.first()?.checked_sub(used)?;
    (rows > 0).then_some(Note::File(FileNote::RowsWithoutWords { rows, used }))
}

/// What the encoders pool goes into the UNet as its vector, so the two must have the same channels.
///
/// Trap: SDXL's vector has further channels for sizes (`ConcatTimestepEmbedderND`), which come behind the
/// pooled ones.
pub(super) fn check_vector(stage: &CondStage, unet: &UNetConfig) -> Result<(), ModelError> {
    let CondStage::Texts(conditioner) = stage else { return Ok(()) };
    let pooled = conditioner.pooled_width();
    if pooled == 0 || unet.label == LabelShape::Vector(pooled) {
        return Ok(());
    }
    let sentence = format!(
        "expected adm_in_channels {pooled} with num_classes: sequential in unet_config, as many as the text \
         encoders pool, found {:?}",
        unet.label
    );
    Err(crate::config::ConfigError::Key(sentence).into())
}
