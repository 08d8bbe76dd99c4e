//! `UNetConfig`: the arguments of `UNetModel`, as the reference names them.

use serde_json::Value;

use crate::config::{Params, Result};
use crate::model::unet::label::LabelShape;

/// The options of the reference's `UNetModel`; `norm_num_groups` is an addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UNetConfig {
    /// Channels of x, concatenated conditioning included.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Channels of the outermost level.
    pub model_channels: usize,
    /// ResBlocks at each level; as many numbers as `channel_mult` has.
    pub num_res_blocks: Vec<usize>,
    /// Downsampling rates at which there is attention.
    pub attention_resolutions: Vec<usize>,
    /// Width of each level in units of `model_channels`.
    pub channel_mult: Vec<usize>,
    /// Resample with convolutions.
    pub conv_resample: bool,
    /// The class label or the vector beside the context (`num_classes`, `adm_in_channels`).
    pub label: LabelShape,
    /// Channels of the guidance embedding of a distilled model, which is added to the timestep's
    /// (`time_cond_proj_dim`, diffusers' name: the reference has none).
    pub time_cond_proj_dim: Option<usize>,
    /// Heads of attention.
    pub num_heads: Option<usize>,
    /// Heads of attention at each level, where `num_heads` is a list; else empty.
    pub num_heads_of_levels: Vec<usize>,
    /// Channels of a head, instead of a number of heads.
    pub num_head_channels: Option<usize>,
    /// Heads on the way up, for `AttentionBlock`s.
    pub num_heads_upsample: Option<usize>,
    /// Time embedding by scale and shift.
    pub use_scale_shift_norm: bool,
    /// Resample inside ResBlocks.
    pub resblock_updown: bool,
    /// How `qkv` rows lie.
    pub use_new_attention_order: bool,
    /// `SpatialTransformer` instead of `AttentionBlock`.
    pub use_spatial_transformer: bool,
    /// Transformer blocks at each level; as many numbers as `channel_mult` has.
    pub transformer_depth: Vec<usize>,
    /// Transformer blocks in the middle (`transformer_depth_middle`, SGM's name).
    pub transformer_depth_middle: usize,
    /// Whether the first attention of a level's blocks reads the context, too (diffusers' name: the
    /// reference has none).
    pub only_cross_attention: Vec<bool>,
    /// Whether there is a middle block; some distilled models have none.
    pub use_middle_block: bool,
    /// Channels of the context.
    pub context_dim: Option<usize>,
    /// The older rule for the size of a head.
    pub legacy: bool,
    /// Groups of every norm.
    pub norm_num_groups: usize,
}

impl UNetConfig {
    /// Reads the arguments; returns the training-only ones too.
    ///
    /// # Errors
    /// If one is missing, unknown or contradicts another.
    pub fn from_params(mut params: Params) -> Result<(Self, Vec<String>)> {
        if let Some(dims) = params.count("dims")?
            && dims != 2
        {
            return Err(params.refuse("dims", &format!("expected 2 (pictures), found {dims}")));
        }
        if params.take("n_embed").is_some() {
            return Err(params.refuse("n_embed", "predicting codebook ids is no denoising; leave it out"));
        }
        params.training_only(&["image_size", "use_checkpoint", "use_fp16", "use_bf16", "dropout"]);
        // A linear layer over tokens is a 1×1 convolution over positions: the weights are read as either.
        params.flag("use_linear_in_transformer", false)?;
        let channel_mult = params.counts("channel_mult")?.unwrap_or_else(|| vec![1, 2, 4, 8]);
        let levels = channel_mult.len();
        let transformer_depth =
            per_level(&mut params, "transformer_depth", levels)?.unwrap_or(vec![1; levels]);
        let num_res_blocks = per_level(&mut params, "num_res_blocks", levels)?;
        let num_heads_of_levels = list_of_heads(&mut params, levels)?;
        let config = Self {
            in_channels: params.required_count("in_channels")?,
            out_channels: params.required_count("out_channels")?,
            model_channels: params.required_count("model_channels")?,
            num_res_blocks: match num_res_blocks {
                Some(blocks) if blocks.contains(&0) => {
                    return Err(params.refuse("num_res_blocks", "expected numbers above 0"));
                }
                Some(blocks) => blocks,
                None => vec![params.required_count("num_res_blocks")?; levels],
            },
            attention_resolutions: params.counts("attention_resolutions")?.unwrap_or_default(),
            conv_resample: params.flag("conv_resample", true)?,
            label: label_shape(&mut params)?,
            time_cond_proj_dim: params.count("time_cond_proj_dim")?,
            num_heads: match num_heads_of_levels.first() {
                Some(heads) => Some(*heads),
                None => params.count_or_minus_one("num_heads")?,
            },
            num_heads_of_levels,
            num_head_channels: params.count_or_minus_one("num_head_channels")?,
            num_heads_upsample: params.count_or_minus_one("num_heads_upsample")?,
            use_scale_shift_norm: params.flag("use_scale_shift_norm", false)?,
            resblock_updown: params.flag("resblock_updown", false)?,
            use_new_attention_order: params.flag("use_new_attention_order", false)?,
            use_spatial_transformer: params.flag("use_spatial_transformer", false)?,
            transformer_depth_middle: params
                .count("transformer_depth_middle")?
                .or(transformer_depth.last().copied())
                .unwrap_or(1),
            transformer_depth,
            only_cross_attention: only_cross_attention(&mut params, levels)?,
            use_middle_block: params.flag("use_middle_block", true)?,
            channel_mult,
            context_dim: context_dim(&mut params)?,
            legacy: params.flag("legacy", true)?,
            norm_num_groups: params.count("norm_num_groups")?.unwrap_or(32),
        };
        config.check(&params)?;
        Ok((config, params.finish()?))
    }

    fn check(&self, params: &Params) -> Result<()> {
        if self.use_spatial_transformer != self.context_dim.is_some() {
            return Err(
                params.refuse("context_dim", "it goes with use_spatial_transformer: give both or neither")
            );
        }
        if self.num_heads.is_none() && self.num_head_channels.is_none() {
            return Err(params.refuse("num_heads", "either num_heads or num_head_channels must be set"));
        }
        if self.channel_mult.is_empty() || self.channel_mult.contains(&0) {
            return Err(params.refuse("channel_mult", "expected numbers above 0"));
        }
        Ok(())
    }

    /// Maps are halved so many times: height and width of a latent are multiples of 2 to this.
    pub fn halvings(&self) -> usize {
        self.channel_mult.len() - 1
    }
}

/// One number for all levels, or one for each.
fn per_level(params: &mut Params, key: &'static str, levels: usize) -> Result<Option<Vec<usize>>> {
    let mut copy = params.clone();
    let Ok(Some(list)) = copy.counts(key) else {
        return Ok(params.count(key)?.map(|one| vec![one; levels]));
    };
    *params = copy;
    if list.len() == levels {
        return Ok(Some(list));
    }
    let sentence = format!("expected a number, or {levels} for the levels of channel_mult, found {list:?}");
    Err(params.refuse(key, &sentence))
}

/// Heads of each level, where `num_heads` is a list.
fn list_of_heads(params: &mut Params, levels: usize) -> Result<Vec<usize>> {
    match params.clone().counts("num_heads") {
        Ok(Some(_)) => Ok(per_level(params, "num_heads", levels)?.unwrap_or_default()),
        _ => Ok(Vec::new()),
    }
}

/// True or false for all levels, or for each.
fn only_cross_attention(params: &mut Params, levels: usize) -> Result<Vec<bool>> {
    const KEY: &str = "only_cross_attention";
    let mut copy = params.clone();
    let Some(Value::Array(list)) = copy.take(KEY) else {
        return Ok(vec![params.flag(KEY, false)?; levels]);
    };
    *params = copy;
    let flags: Option<Vec<bool>> = list.iter().map(Value::as_bool).collect();
    flags.filter(|flags| flags.len() == levels).ok_or_else(|| {
        params.refuse(
            KEY,
            &format!("expected true or false, or {levels} of them for the levels, found {list:?}"),
        )
    })
}

/// `num_classes` is a number of classes, or `sequential` for vectors of `adm_in_channels`.
fn label_shape(params: &mut Params) -> Result<LabelShape> {
    let mut copy = params.clone();
    if copy.take("num_classes") != Some(Value::from("sequential")) {
        let classes = params.count("num_classes")?;
        return Ok(classes.map_or(LabelShape::None, LabelShape::Classes));
    }
    *params = copy;
    Ok(LabelShape::Vector(params.required_count("adm_in_channels")?))
}

/// A number, or the one number of a list (an omegaconf list in some files).
fn context_dim(params: &mut Params) -> Result<Option<usize>> {
    let mut copy = params.clone();
    match copy.counts("context_dim") {
        Ok(Some(list)) if list.len() == 1 => {
            *params = copy;
            Ok(Some(list[0]))
        }
        _ => params.count("context_dim"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_yaml;

    fn read(further: &str) -> Result<UNetConfig> {
        let yaml = format!(
            "{{in_channels: 4, out_channels: 4, model_channels: 32, num_res_blocks: 1, num_heads: 4, \
             channel_mult: [1, 2, 4], attention_resolutions: [2, 4], use_spatial_transformer: true, \
             context_dim: 16, {further}}}"
        );
        let map = parse_yaml(&yaml)?.as_object().unwrap().clone();
        let params = Params::new("unet_config", map);
        UNetConfig::from_params(params).map(|(config, _)| config)
    }

    #[test]
    fn transformers_are_as_deep_as_each_level_says() {
        let config = read("transformer_depth: 2").unwrap();
        assert_eq!((config.transformer_depth, config.transformer_depth_middle), (vec![2; 3], 2));
        let config = read("transformer_depth: [1, 2, 10], use_linear_in_transformer: true").unwrap();
        assert_eq!((config.transformer_depth, config.transformer_depth_middle), (vec![1, 2, 10], 10));
        assert_eq!(read("transformer_depth_middle: 4").unwrap().transformer_depth_middle, 4);
        let refused = read("transformer_depth: [1, 2]").unwrap_err().to_string();
        assert!(refused.contains("transformer_depth") && refused.contains("3 for the levels"), "{refused}");
    }

    #[test]
    fn a_label_is_a_class_or_a_vector() {
        assert_eq!(read("").unwrap().label, LabelShape::None);
        assert_eq!(read("num_classes: 10").unwrap().label, LabelShape::Classes(10));
        let vector = read("num_classes: sequential, adm_in_channels: 2816").unwrap();
        assert_eq!(vector.label, LabelShape::Vector(2816));
        assert!(read("num_classes: sequential").unwrap_err().to_string().contains("adm_in_channels"));
        assert!(read("num_classes: continuous").is_err());
    }
}
