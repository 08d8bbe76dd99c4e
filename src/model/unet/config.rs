//! `UNetConfig`: the arguments of `UNetModel`, as the reference names them.

use crate::config::{Params, Result};

/// The options of the reference's `UNetModel`; `norm_num_groups` is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UNetConfig {
    /// Channels of x, concatenated conditioning included.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Base width.
    pub model_channels: usize,
    /// ResBlocks a level.
    pub num_res_blocks: usize,
    /// Downsampling rates at which there is attention.
    pub attention_resolutions: Vec<usize>,
    /// Width of each level in units of `model_channels`.
    pub channel_mult: Vec<usize>,
    /// Resample with convolutions.
    pub conv_resample: bool,
    /// Classes of a class-conditional model.
    pub num_classes: Option<usize>,
    /// Heads of attention.
    pub num_heads: Option<usize>,
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
    /// Transformer blocks.
    pub transformer_depth: usize,
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
        let config = Self {
            in_channels: params.required_count("in_channels")?,
            out_channels: params.required_count("out_channels")?,
            model_channels: params.required_count("model_channels")?,
            num_res_blocks: params.required_count("num_res_blocks")?,
            attention_resolutions: params.counts("attention_resolutions")?.unwrap_or_default(),
            channel_mult: params.counts("channel_mult")?.unwrap_or_else(|| vec![1, 2, 4, 8]),
            conv_resample: params.flag("conv_resample", true)?,
            num_classes: params.count("num_classes")?,
            num_heads: params.count_or_minus_one("num_heads")?,
            num_head_channels: params.count_or_minus_one("num_head_channels")?,
            num_heads_upsample: params.count_or_minus_one("num_heads_upsample")?,
            use_scale_shift_norm: params.flag("use_scale_shift_norm", false)?,
            resblock_updown: params.flag("resblock_updown", false)?,
            use_new_attention_order: params.flag("use_new_attention_order", false)?,
            use_spatial_transformer: params.flag("use_spatial_transformer", false)?,
            transformer_depth: params.count("transformer_depth")?.unwrap_or(1),
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
