//! The marks in tensors' names that tell kinds apart: tables, read from the top.
//!
//! Trap: families share names. A row that another family's tensors fit as well stands behind that family's.

use crate::checkpoint::kind::Kind;
use crate::checkpoint::names::keys::{CLIP, FIRST_STAGE, OPEN_CLIP};

/// What a name, somewhere in the set, looks like.
pub(super) enum Mark {
    Start(&'static str),
    Within(&'static str),
    /// No name begins so.
    Lacks(&'static str),
}

use Mark::{Lacks, Start, Within};

/// A kind, and the marks that only it has together.
pub(super) type Row = (Kind, &'static [Mark]);

pub(super) const LORA: Kind = Kind::Addition("LoRA");
pub(super) const CONTROL_NET: Kind = Kind::Addition("ControlNet");
pub(super) const T2I_ADAPTER: Kind = Kind::Addition("T2I-Adapter");
pub(super) const IP_ADAPTER: Kind = Kind::Addition("IP-Adapter");
pub(super) const ANIMATE_DIFF: Kind = Kind::Addition("AnimateDiff");
pub(super) const XL: Kind = Kind::Family("Stable Diffusion XL");
pub(super) const REFINER: Kind = Kind::Family("Stable Diffusion XL's refiner");
const VERSION_3: Kind = Kind::Family("Stable Diffusion 3");
const VERSION_3_5: Kind = Kind::Family("Stable Diffusion 3.5");
const VIDEO: Kind = Kind::Family("Stable Video Diffusion");
const CASCADE: Kind = Kind::Family("Stable Cascade");
const FLUX: Kind = Kind::Family("Flux");
const FLUX_3: Kind = Kind::Family("Flux 3");
const Z_IMAGE: Kind = Kind::Family("Z-Image");
const LUMINA: Kind = Kind::Family("Lumina");
const SANA: Kind = Kind::Family("Sana");
const WAN: Kind = Kind::Family("Wan");
const LTX: Kind = Kind::Family("LTX-Video");
const MOCHI: Kind = Kind::Family("Mochi");
const COSMOS: Kind = Kind::Family("Cosmos");
const PIXART: Kind = Kind::Family("PixArt");
const AURA_FLOW: Kind = Kind::Family("AuraFlow");
const OMNI_GEN: Kind = Kind::Family("OmniGen");
const KANDINSKY: Kind = Kind::Family("Kandinsky");
const STABLE_AUDIO: Kind = Kind::Family("Stable Audio");
const BERT: Kind = Kind::Family("latent diffusion with BERT");
const RETRIEVAL: Kind = Kind::Family("retrieval-augmented diffusion (RDM)");
const TEXT_TO_VIDEO: Kind = Kind::Family("text to video");
const DIT: Kind = Kind::Family("diffusion transformer (DiT)");

/// What goes with a model. The first row that fits decides.
pub(super) const ADDITIONS: &[Row] = &[
    (CONTROL_NET, &[Start("lora_controlnet")]),
    (CONTROL_NET, &[Start("control_model.")]),
    (CONTROL_NET, &[Start("controlnet_")]),
    (CONTROL_NET, &[Start("input_hint_block.")]),
    (CONTROL_NET, &[Start("zero_convs.")]),
    (CONTROL_NET, &[Start("control_layers.")]),
    (CONTROL_NET, &[Start("control_all_x_embedder.")]),
    (IP_ADAPTER, &[Start("ip_adapter")]),
    (IP_ADAPTER, &[Start("image_proj.")]),
    (IP_ADAPTER, &[Within(".to_k_ip.")]),
    (IP_ADAPTER, &[Within(".ip_adapter_")]),
    (LORA, &[Start("lora_")]),
    (LORA, &[Start("lycoris_")]),
    (LORA, &[Start("base_model.model.")]),
    (LORA, &[Start("unet:")]),
    (LORA, &[Start("text_encoder:")]),
    (LORA, &[Within(".lora_")]),
    (LORA, &[Within("_lora.")]),
    (LORA, &[Within(".lora.")]),
    (LORA, &[Within(".hada_w1")]),
    (LORA, &[Within(".lokr_w")]),
    (LORA, &[Within("oft_blocks")]),
    (LORA, &[Within(".dora_scale")]),
    (T2I_ADAPTER, &[Start("adapter.")]),
    (T2I_ADAPTER, &[Start("body."), Within(".block1.")]),
    (T2I_ADAPTER, &[Start("transformer_layes.")]),
    (Kind::Addition("GLIGEN"), &[Start("position_net.")]),
    (ANIMATE_DIFF, &[Within("motion_modules.")]),
    (Kind::Embedding, &[Start("emb_params")]),
    (Kind::Embedding, &[Start("string_to_param")]),
];

pub(super) const XL_LORA: Kind = Kind::Addition("Stable Diffusion XL LoRA");
const FLUX_LORA: Kind = Kind::Addition("Flux LoRA");
const QWEN_LORA: Kind = Kind::Addition("Qwen-Image LoRA");
const WAN_LORA: Kind = Kind::Addition("Wan LoRA");
const Z_IMAGE_LORA: Kind = Kind::Addition("Z-Image LoRA");

/// LoRAs for models of other families, by layers that v1 and v2 do not have.
pub(super) const OTHER_LORAS: &[Row] = &[
    (FLUX_LORA, &[Within("double_blocks")]),
    (FLUX_LORA, &[Within("single_blocks")]),
    (FLUX_LORA, &[Within("single_transformer_blocks")]),
    (Kind::Addition("Stable Diffusion 3 LoRA"), &[Within("joint_blocks")]),
    (QWEN_LORA, &[Within("img_mlp")]),
    (QWEN_LORA, &[Within("img_mod")]),
    (WAN_LORA, &[Within(".cross_attn."), Within(".self_attn.")]),
    (WAN_LORA, &[Within("_cross_attn_"), Within("_self_attn_")]),
    (Z_IMAGE_LORA, &[Start("diffusion_model.layers."), Within(".attention.")]),
    (Z_IMAGE_LORA, &[Start("transformer.layers."), Within(".attention.")]),
    (Z_IMAGE_LORA, &[Start("lora_unet_layers_"), Within("_attention_")]),
    (XL_LORA, &[Start("lora_te2_")]),
    (XL_LORA, &[Start("text_encoder_2.")]),
    (XL_LORA, &[Start("lora_unet_"), Within("_transformer_blocks_1_")]),
    (XL_LORA, &[Start("unet."), Within(".transformer_blocks.1.")]),
];

/// Models of other families, whose UNets may have v1's names.
pub(super) const FAMILIES: &[Row] = &[
    (VIDEO, &[Within(".time_stack.")]),
    (VIDEO, &[Within("temporal_transformer_blocks.")]),
    (BERT, &[Start("cond_stage_model.transformer.token_emb.")]),
    (RETRIEVAL, &[Start("first_stage_model.quantize."), Within(".attn2.to_k."), Lacks("cond_stage_model.")]),
    (REFINER, &[Start("conditioner.embedders.0.model.transformer.")]),
    (XL, &[Start("conditioner.embedders.")]),
    (Kind::Family("Kolors"), &[Start("encoder_hid_proj."), Start("add_embedding.linear_1.")]),
    (XL, &[Start("add_embedding.linear_1.")]),
    (CASCADE, &[Within("effnet_mapper.")]),
    (CASCADE, &[Within("clip_txt_mapper.")]),
    (CASCADE, &[Within("clip_txt_pooled_mapper.")]),
    (AURA_FLOW, &[Within("joint_transformer_blocks.")]),
    (AURA_FLOW, &[Within("double_layers.")]),
    (VERSION_3_5, &[Within("joint_blocks."), Within(".attn.ln_q.")]),
    (VERSION_3, &[Within("joint_blocks.")]),
    (
        VERSION_3_5,
        &[
            Start("pos_embed."),
            Within(".attn.add_q_proj."),
            Start("context_embedder."),
            Within(".attn.norm_q."),
        ],
    ),
    (VERSION_3, &[Start("pos_embed."), Within(".attn.add_q_proj."), Start("context_embedder.")]),
    (FLUX_3, &[Within("early_stream_modulations.")]),
    (Kind::Family("Flux 2"), &[Within("double_stream_modulation_img.")]),
    (Kind::Family("HunyuanImage"), &[Start("time_guidance_embed."), Within("token_refiner.")]),
    (Kind::Family("HunyuanVideo"), &[Within("token_refiner.")]),
    (Kind::Family("Chroma"), &[Within("distilled_guidance_layer.")]),
    (Kind::Family("HiDream"), &[Within("double_stream_blocks.")]),
    (FLUX, &[Within("double_blocks.")]),
    (FLUX, &[Within("single_blocks.")]),
    (FLUX, &[Within("single_transformer_blocks.")]),
    (FLUX, &[Start("context_embedder."), Within(".attn.add_q_proj.")]),
    (Kind::Family("Qwen-Image"), &[Within(".img_mod.1.")]),
    (Z_IMAGE, &[Within("cap_pad_token")]),
    (Z_IMAGE, &[Within("x_pad_token")]),
    (Z_IMAGE, &[Within("all_x_embedder.")]),
    (Z_IMAGE, &[Within("all_final_layer.")]),
    (LUMINA, &[Within("noise_refiner.")]),
    (LUMINA, &[Within("cap_embedder.")]),
    (LUMINA, &[Start("time_caption_embed.")]),
    (LTX, &[Within("patchify_proj.")]),
    (SANA, &[Start("caption_norm.")]),
    (SANA, &[Within("attention_y_norm.")]),
    (
        LTX,
        &[
            Start("caption_projection."),
            Start("scale_shift_table"),
            Start("time_embed.emb."),
            Start("proj_in."),
        ],
    ),
    (PIXART, &[Start("adaln_single."), Start("caption_projection.")]),
    (PIXART, &[Within("y_embedder.y_proj.")]),
    (Kind::Family("Hunyuan-DiT"), &[Within("text_embedding_padding")]),
    (WAN, &[Within("time_projection.1."), Within("text_embedding.0.")]),
    (WAN, &[Start("condition_embedder."), Within("scale_shift_table")]),
    (MOCHI, &[Start("pos_frequencies")]),
    (MOCHI, &[Within(".attn.qkv_x.")]),
    (Kind::Family("CogView"), &[Start("time_condition_embed.")]),
    (Kind::Family("CogVideoX"), &[Start("norm_final."), Start("transformer_blocks.0.norm1.norm.")]),
    (COSMOS, &[Start("time_embed.t_embedder.")]),
    (COSMOS, &[Start("net.x_embedder.proj.1.")]),
    (OMNI_GEN, &[Start("patch_embedding."), Start("time_token.")]),
    (OMNI_GEN, &[Start("input_x_embedder."), Start("llm.")]),
    (KANDINSKY, &[Start("prd_embedding")]),
    (KANDINSKY, &[Start("add_time_condition.")]),
    (KANDINSKY, &[Start("visual_transformer_blocks.")]),
    (KANDINSKY, &[Start("encoder_hid_proj.image")]),
    (Kind::Family("DeepFloyd IF"), &[Start("encoder_hid_proj.")]),
    (Kind::Family("I2VGen-XL"), &[Start("image_latents_proj_in.")]),
    (TEXT_TO_VIDEO, &[Start("transformer_in.")]),
    (TEXT_TO_VIDEO, &[Within(".temopral_conv.")]),
    (STABLE_AUDIO, &[Start("preprocess_conv."), Start("timestep_proj.")]),
    (STABLE_AUDIO, &[Within("preprocess_conv."), Within("to_timestep_embed.")]),
    (DIT, &[Within("adaLN_modulation.")]),
    (DIT, &[Within("scale_shift_table")]),
    (DIT, &[Start("transformer_blocks.0.")]),
];

/// Other families whose UNet and text encoder go together as v1's or v2's do.
pub(super) const WHOLE: &[Row] = &[
    (VIDEO, &[Within(".time_stack.")]),
    (TEXT_TO_VIDEO, &[Within(".temopral_conv.")]),
    (Kind::Family("Stable unCLIP"), &[Start("noise_augmentor.")]),
    (Kind::Family("Stable unCLIP"), &[Start("embedder.model.visual.")]),
    (Kind::Family("Stable Diffusion's upscaler"), &[Start("low_scale_model.")]),
    (RETRIEVAL, &[Start("cond_stage_model.model.visual."), Lacks("cond_stage_model.model.transformer.")]),
];

/// Models' parts in files of their own.
pub(super) const PARTS: &[Row] = &[
    (Kind::Unet, &[Start("down_blocks."), Start("mid_block.")]),
    (Kind::Unet, &[Start("input_blocks."), Start("middle_block.")]),
    (Kind::TinyFirstStage, &[Start("decoder.layers.0.weight")]),
    (Kind::TinyFirstStage, &[Start("1.weight"), Within("3.conv.0.weight")]),
    (Kind::OtherFirstStage, &[Start("decoder.middle.")]),
    (Kind::OtherFirstStage, &[Within(".time_conv.")]),
    (Kind::OtherFirstStage, &[Within("temporal_res_block.")]),
    (Kind::OtherFirstStage, &[Start("decoder.conv_in.conv.")]),
    (Kind::OtherFirstStage, &[Start("decoder.block_in.")]),
    (Kind::OtherFirstStage, &[Start("decoder.up_blocks.0.0.")]),
    (Kind::OtherFirstStage, &[Start("decoder.stages.")]),
    (Kind::OtherFirstStage, &[Start("quantize.embedding.")]),
    (Kind::FirstStage, &[Start(FIRST_STAGE)]),
    (Kind::FirstStage, &[Start("vae.")]),
    (Kind::FirstStage, &[Start("decoder.conv_in.")]),
    (Kind::FirstStage, &[Start("encoder.conv_in.")]),
    (Kind::TextEncoder, &[Within("text_model.encoder.layers.")]),
    (Kind::TextEncoder, &[Start(CLIP)]),
    (Kind::TextEncoder, &[Start(OPEN_CLIP)]),
    (Kind::TextEncoder, &[Start("encoder.layers."), Start("embeddings.token_embedding.")]),
    (Kind::TextEncoder, &[Within("transformer.resblocks."), Within("token_embedding.")]),
    (Kind::OtherTextEncoder("T5"), &[Within("encoder.block."), Within(".SelfAttention.")]),
    (Kind::OtherTextEncoder("T5"), &[Start("enc.blk.0.")]),
    (Kind::OtherTextEncoder("BERT"), &[Within("encoder.layer."), Within("attention.self.")]),
    (Kind::LanguageModel, &[Within("layers."), Within(".self_attn."), Within("embed_tokens.")]),
    (Kind::LanguageModel, &[Start("model.layers."), Within(".self_attn.")]),
    (Kind::LanguageModel, &[Within("wte."), Within(".attn.c_attn.")]),
    (Kind::LanguageModel, &[Start("blk.0."), Start("token_embd.")]),
    (Kind::ImageEncoder, &[Within("vision_model.encoder.")]),
    (Kind::ImageEncoder, &[Start("visual.")]),
    (Kind::Upscaler, &[Start("conv_first.")]),
    (Kind::Upscaler, &[Start("model.0."), Start("model.1.sub.")]),
    (Kind::Upscaler, &[Start("params_ema.")]),
    (Kind::Upscaler, &[Start("params.")]),
    (Kind::Upscaler, &[Start("body.0.weight"), Start("body.1.weight")]),
    (Kind::Upscaler, &[Within("residual_group.")]),
    (Kind::Upscaler, &[Within(".rdb1.")]),
];
