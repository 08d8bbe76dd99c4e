//! What a set of named tensors is, where it is no whole model of Stable Diffusion v1 or v2.
//!
//! A table of marks in tensors' names decides; where names do not, the width of the context does. Trap:
//! merged models carry leftovers of other things, so a set with such a UNet and its text encoder is a
//! model whatever else is in it, but for the few families that have both.

mod tables;

use self::tables::{ADDITIONS, FAMILIES, LORA, Mark, OTHER_LORAS, PARTS, REFINER, Row, WHOLE, XL, XL_LORA};
use super::keys::{EMA, UNET};
use super::rests::text_layout;
use crate::checkpoint::kind::Kind;
use crate::checkpoint::tensor::stored::Tensors;

/// The narrowest embeddings and the widest.
const EMBEDDING_WIDTHS: &[usize] = &[768, 1024, 1280, 2048, 4096];
/// An embedding has one tensor a text encoder.
const MOST_EMBEDDINGS: usize = 4;
/// The channels of the latents of v1's VAE are 4; those of Flux and Stable Diffusion 3 are 16.
const MOST_LATENT_CHANNELS: usize = 8;

impl Kind {
    /// What the tensors are, if they are something else than a model with a UNet of v1's kind.
    pub(crate) fn of(tensors: &Tensors) -> Option<Self> {
        let names = Names(tensors);
        let family = || names.first_of(FAMILIES).or_else(|| names.by_context());
        let found = if text_layout(tensors).is_some() {
            names.first_of(WHOLE)
        } else if names.fits(&Mark::Start(UNET)) || names.fits(&Mark::Start(EMA)) {
            family()
        } else {
            let first = names.first_of(ADDITIONS).or_else(family).or_else(|| names.first_of(PARTS));
            first.or_else(|| names.embedding())
        };
        found.map(|kind| names.narrowed(kind))
    }
}

/// The names and shapes of a set of tensors.
struct Names<'a>(&'a Tensors);

impl Names<'_> {
    fn fits(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Start(start) => self.begins(start),
            Mark::Within(part) => self.0.keys().any(|name| name.contains(part)),
            Mark::Lacks(start) => !self.begins(start),
        }
    }

    fn begins(&self, start: &str) -> bool {
        self.0.range(start.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(start))
    }

    fn first_of(&self, rows: &[Row]) -> Option<Kind> {
        rows.iter().find(|(_, marks)| marks.iter().all(|mark| self.fits(mark))).map(|(kind, _)| *kind)
    }

    /// Of the first tensor whose name ends so, one dimension.
    fn dimension(&self, end: &str, axis: usize) -> Option<usize> {
        let (_, tensor) = self.0.iter().find(|(name, _)| name.ends_with(end))?;
        tensor.shape.get(axis).copied()
    }

    /// UNets have the same names in several families; the context's width differs.
    fn by_context(&self) -> Option<Kind> {
        match self.dimension(".attn2.to_k.weight", 1)? {
            2048 => Some(XL),
            1280 if self.fits(&Mark::Within("label_emb.0.0.")) => Some(XL),
            _ => None,
        }
    }

    /// A kind that several families' files look like is one family's if a width or a layer says so.
    fn narrowed(&self, kind: Kind) -> Kind {
        match kind {
            XL if self.dimension(".attn2.to_k.weight", 1) == Some(1280) => REFINER,
            LORA => match self.dimension("attn2_to_k.lora_down.weight", 1) {
                Some(2048) => XL_LORA,
                _ => self.first_of(OTHER_LORAS).unwrap_or(kind),
            },
            Kind::TextEncoder => match self.dimension("token_embedding.weight", 1) {
                Some(1280) => Kind::OtherTextEncoder("Stable Diffusion XL"),
                _ => kind,
            },
            Kind::FirstStage => match self.dimension("decoder.conv_in.weight", 1) {
                Some(channels) if channels > MOST_LATENT_CHANNELS => Kind::OtherFirstStage,
                _ => kind,
            },
            _ => kind,
        }
    }

    /// A few rows of a text encoder's width under a word's name.
    fn embedding(&self) -> Option<Kind> {
        let is_row = |shape: &[usize]| {
            shape.len() <= 2 && shape.last().is_some_and(|width| EMBEDDING_WIDTHS.contains(width))
        };
        let few = (1..=MOST_EMBEDDINGS).contains(&self.0.len());
        let all = self.0.iter().all(|(name, tensor)| !name.contains(".weight") && is_row(&tensor.shape));
        let kind = if self.0.contains_key("clip_g") { Kind::XL_EMBEDDING } else { Kind::Embedding };
        (few && all).then_some(kind)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use safetensors::tensor::{Dtype, TensorView, serialize};
    use tempfile::TempDir;

    use super::tables::{ANIMATE_DIFF, CONTROL_NET, IP_ADAPTER, T2I_ADAPTER};
    use super::*;
    use crate::checkpoint::Checkpoint;

    /// What a file of these tensors is.
    fn kind(tensors: &[(&str, &[usize])]) -> Option<Kind> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        let data: Vec<Vec<u8>> =
            tensors.iter().map(|(_, shape)| vec![0; shape.iter().product::<usize>()]).collect();
        let views = tensors.iter().zip(&data).map(|((name, shape), bytes)| {
            (*name, TensorView::new(Dtype::U8, shape.to_vec(), bytes).unwrap())
        });
        fs::write(&path, serialize(views, None).unwrap()).unwrap();
        Kind::of(&Checkpoint::open(&path).unwrap().tensors)
    }

    fn of_names(names: &[&str]) -> Option<Kind> {
        kind(&names.iter().map(|name| (*name, &[1usize][..])).collect::<Vec<_>>())
    }

    const V1: [&str; 3] = [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ];

    #[test]
    fn a_whole_model_is_one_whatever_else_it_carries() {
        let to_k = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
        let table = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight";
        for rest in ["control_model.zero_convs.0.0.weight", "lora_unet_a.alpha", "cond_stage_model.model.a"] {
            assert_eq!(kind(&[(to_k, &[4, 4]), (table, &[9, 4]), (rest, &[1])]), None, "{rest}");
        }
        let open_clip = "cond_stage_model.model.token_embedding.weight";
        assert_eq!(kind(&[(to_k, &[4, 4]), (open_clip, &[9, 4])]), None);
        let augmentor = ("noise_augmentor.betas", &[9][..]);
        let family = Some(Kind::Family("Stable unCLIP"));
        assert_eq!(kind(&[(to_k, &[4, 4]), (open_clip, &[9, 4]), augmentor]), family);
        assert_eq!(of_names(&V1[..1]), None);
        assert_eq!(of_names(&["model_ema.diffusion_modelinput_blocks00weight"]), None);
    }

    #[test]
    fn additions_are_named() {
        for (expected, names) in [
            (LORA, &["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"][..]),
            (LORA, &["base_model.model.down_blocks.0.attentions.0.to_q.lora_A.weight"]),
            (LORA, &["unet.down_blocks.0.attentions.0.attn1.processor.to_q_lora.down.weight"]),
            (LORA, &["unet:0:down", "unet:0:up"]),
            (LORA, &["lycoris_unet_a.hada_w1_a"]),
            (CONTROL_NET, &["control_model.input_blocks.0.0.weight"]),
            (CONTROL_NET, &["controlnet_cond_embedding.conv_in.weight", "down_blocks.0.a", "mid_block.a"]),
            (CONTROL_NET, &["lora_controlnet", "input_blocks.1.0.in_layers.2.down"]),
            (T2I_ADAPTER, &["adapter.body.0.resnets.0.block1.weight"]),
            (T2I_ADAPTER, &["body.0.block1.weight", "conv_in.weight"]),
            (IP_ADAPTER, &["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"]),
            (ANIMATE_DIFF, &["down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"]),
        ] {
            assert_eq!(of_names(names), Some(expected), "{names:?}");
        }
    }

    #[test]
    fn other_families_are_named() {
        for (name, names) in [
            ("Stable Diffusion XL", &["conditioner.embedders.0.a", V1[0]][..]),
            ("Stable Diffusion XL", &["add_embedding.linear_1.weight", "down_blocks.0.a", "mid_block.a"]),
            ("Stable Diffusion 3", &["model.diffusion_model.joint_blocks.0.a"]),
            (
                "Stable Diffusion 3",
                &["pos_embed.proj.weight", "context_embedder.a", "transformer_blocks.0.attn.add_q_proj.a"],
            ),
            ("Flux", &["double_blocks.0.img_attn.qkv.weight"]),
            ("Flux", &["model.diffusion_model.single_blocks.0.linear1.weight"]),
            ("Flux", &["single_transformer_blocks.0.a", "x_embedder.weight"]),
            ("Flux", &["transformer_blocks.0.attn.add_q_proj.weight", "context_embedder.weight"]),
            ("Qwen-Image", &["transformer_blocks.0.img_mod.1.weight", "txt_norm.weight"]),
            ("Z-Image", &["cap_pad_token", "noise_refiner.0.a", "layers.0.adaLN_modulation.0.weight"]),
            ("Wan", &["blocks.0.self_attn.q.weight", "time_projection.1.weight", "text_embedding.0.weight"]),
            ("PixArt", &["adaln_single.linear.weight", "caption_projection.a", "scale_shift_table"]),
            ("diffusion transformer (DiT)", &["blocks.0.adaLN_modulation.1.weight"]),
        ] {
            assert_eq!(of_names(names), Some(Kind::Family(name)), "{names:?}");
        }
        let to_k = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight";
        assert_eq!(kind(&[(to_k, &[4, 2048]), ("mid_block.a", &[1])]), Some(XL));
        assert_eq!(kind(&[(to_k, &[4, 1024]), ("mid_block.a", &[1])]), Some(Kind::Unet));
        assert_eq!(kind(&[(to_k, &[4, 768]), ("mid_block.a", &[1])]), Some(Kind::Unet));
        let inner = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight";
        assert_eq!(kind(&[(inner, &[4, 2048])]), Some(XL));
    }

    #[test]
    fn parts_are_named() {
        for (expected, names) in [
            (Kind::FirstStage, &["first_stage_model.decoder.conv_in.weight"][..]),
            (Kind::FirstStage, &["encoder.conv_in.weight", "decoder.conv_in.weight"]),
            (Kind::TinyFirstStage, &["decoder.layers.0.weight", "encoder.layers.0.weight"]),
            (Kind::TinyFirstStage, &["1.weight", "3.conv.0.weight"]),
            (Kind::TextEncoder, &["text_model.encoder.layers.0.layer_norm1.weight"]),
            (
                Kind::TextEncoder,
                &["encoder.layers.0.layer_norm1.weight", "embeddings.token_embedding.weight"],
            ),
            (Kind::OtherTextEncoder("T5"), &["encoder.block.0.layer.0.SelfAttention.q.weight"]),
            (Kind::ImageEncoder, &["vision_model.encoder.layers.0.layer_norm1.weight"]),
            (Kind::Upscaler, &["conv_first.weight", "body.0.rdb1.conv1.weight"]),
            (Kind::Upscaler, &["model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"]),
        ] {
            assert_eq!(of_names(names), Some(expected), "{names:?}");
        }
        assert_eq!(kind(&[("decoder.conv_in.weight", &[8, 16, 3, 3])]), Some(Kind::OtherFirstStage));
        let token = "text_model.embeddings.token_embedding.weight";
        let layer = "text_model.encoder.layers.0.a";
        assert_eq!(
            kind(&[(token, &[2, 1280]), (layer, &[1])]),
            Some(Kind::OtherTextEncoder("Stable Diffusion XL"))
        );
        assert_eq!(kind(&[("<toy>", &[768])]), Some(Kind::Embedding));
        assert_eq!(kind(&[("clip_l", &[2, 768]), ("clip_g", &[2, 1280])]), Some(Kind::XL_EMBEDDING));
        assert_eq!(of_names(&["something.weight"]), None);
    }
}
