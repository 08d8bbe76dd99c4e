#!/usr/bin/env python3
"""Makes kinds.json.gz: names and shapes of tensors of what is no model of Stable Diffusion v1 or v2.

    pip install torch diffusers transformers
    make_kinds.py

Each entry is [what a sentence calls it, who writes such files, {name: shape}]. diffusers' and transformers' layouts
are taken from their own classes, built without memory and with few layers. Names of other writers are given in
ORIGINAL; those of a family that diffusers converts are checked to be ones that its converters know. Of a shape only
what tells kinds apart is kept, the first dimension never.
"""
import gzip
import json
import pathlib
import warnings

import diffusers
import torch
import transformers
from diffusers.loaders import single_file_utils

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
SIZED = (".attn2.to_k.weight", "token_embedding.weight", "decoder.conv_in.weight", ".lora_down.weight", ".lora_A.weight")
XL = dict(cross_attention_dim=2048, addition_embed_type="text_time", addition_time_embed_dim=256,
          projection_class_embeddings_input_dim=2816)
KANDINSKY = dict(down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"), block_out_channels=(64, 128),
                 up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), cross_attention_dim=768,
                 mid_block_type="UNetMidBlock2DSimpleCrossAttn")
LAYERS = dict(num_layers=2)
STREAMS = dict(num_layers=2, num_single_layers=2)
HIDREAM = dict(num_layers=2, num_single_layers=2, num_attention_heads=2, attention_head_dim=128, in_channels=64,
               caption_channels=[4096, 4096], text_emb_dim=2048, num_routed_experts=4, num_activated_experts=2,
               axes_dims_rope=(64, 32, 32), max_resolution=(128, 128), llama_layers=[0, 1], patch_size=2)
FAMILY, ADDITION = "found one of another family: ", "found an addition to models ("

# The sentence's words, the class, and its settings.
CLASSES = [
    (FAMILY + "Stable Diffusion XL;", "UNet2DConditionModel", XL),
    (FAMILY + "Stable Diffusion XL's refiner;", "UNet2DConditionModel", dict(XL, cross_attention_dim=1280, projection_class_embeddings_input_dim=2560)),
    (FAMILY + "Kolors;", "UNet2DConditionModel", dict(XL, encoder_hid_dim=4096, encoder_hid_dim_type="text_proj", projection_class_embeddings_input_dim=5632)),
    (FAMILY + "Stable Diffusion 3;", "SD3Transformer2DModel", LAYERS),
    (FAMILY + "Stable Diffusion 3.5;", "SD3Transformer2DModel", dict(LAYERS, qk_norm="rms_norm", dual_attention_layers=(0,))),
    (FAMILY + "Flux;", "FluxTransformer2DModel", STREAMS),
    (FAMILY + "Flux 2;", "Flux2Transformer2DModel", STREAMS),
    (FAMILY + "Flux 3;", "Flux3Transformer2DModel", LAYERS),
    (FAMILY + "Chroma;", "ChromaTransformer2DModel", STREAMS),
    (FAMILY + "Qwen-Image;", "QwenImageTransformer2DModel", LAYERS),
    (FAMILY + "Z-Image;", "ZImageTransformer2DModel", dict(n_layers=2)),
    (FAMILY + "Lumina;", "Lumina2Transformer2DModel", LAYERS),
    (FAMILY + "Lumina;", "LuminaNextDiT2DModel", dict(LAYERS, num_kv_heads=8)),
    (FAMILY + "PixArt;", "PixArtTransformer2DModel", dict(LAYERS, caption_channels=4096)),
    (FAMILY + "Sana;", "SanaTransformer2DModel", LAYERS),
    (FAMILY + "Hunyuan-DiT;", "HunyuanDiT2DModel", dict(LAYERS, num_attention_heads=4, attention_head_dim=88, in_channels=4, patch_size=2, sample_size=128, activation_fn="gelu-approximate")),
    (FAMILY + "HunyuanImage;", "HunyuanImageTransformer2DModel", STREAMS),
    (FAMILY + "HunyuanVideo;", "HunyuanVideoTransformer3DModel", STREAMS),
    (FAMILY + "HunyuanVideo;", "HunyuanVideo15Transformer3DModel", LAYERS),
    (FAMILY + "HiDream;", "HiDreamImageTransformer2DModel", HIDREAM),
    (FAMILY + "OmniGen;", "OmniGenTransformer2DModel", dict(LAYERS, rope_scaling={"long_factor": [1.0] * 48, "short_factor": [1.0] * 48, "type": "su"})),
    (FAMILY + "AuraFlow;", "AuraFlowTransformer2DModel", dict(num_mmdit_layers=2, num_single_dit_layers=2)),
    (FAMILY + "CogView;", "CogView4Transformer2DModel", LAYERS),
    (FAMILY + "CogView;", "CogView3PlusTransformer2DModel", LAYERS),
    (FAMILY + "Wan;", "WanTransformer3DModel", LAYERS),
    (FAMILY + "Wan;", "WanVACETransformer3DModel", dict(LAYERS, vace_layers=[0])),
    (FAMILY + "LTX-Video;", "LTXVideoTransformer3DModel", LAYERS),
    (FAMILY + "LTX-Video;", "LTX2VideoTransformer3DModel", LAYERS),
    (FAMILY + "Mochi;", "MochiTransformer3DModel", LAYERS),
    (FAMILY + "CogVideoX;", "CogVideoXTransformer3DModel", LAYERS),
    (FAMILY + "Cosmos;", "CosmosTransformer3DModel", LAYERS),
    (FAMILY + "Stable Cascade;", "StableCascadeUNet", dict(block_out_channels=(64, 64), down_num_layers_per_block=(1, 1), up_num_layers_per_block=(1, 1), down_blocks_repeat_mappers=(1, 1), up_blocks_repeat_mappers=(1, 1), num_attention_heads=(1, 1), block_types_per_layer=(("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"),) * 2, conditioning_dim=64, self_attn=True, switch_level=(False,), clip_text_pooled_in_channels=1280, clip_text_in_channels=1280, clip_image_in_channels=768)),
    (FAMILY + "Stable Cascade;", "StableCascadeUNet", dict(block_out_channels=(64, 64), down_num_layers_per_block=(1, 1), up_num_layers_per_block=(1, 1), down_blocks_repeat_mappers=(1, 1), up_blocks_repeat_mappers=(1, 1), num_attention_heads=(1, 1), block_types_per_layer=(("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"),) * 2, conditioning_dim=64, effnet_in_channels=16)),
    (FAMILY + "Kandinsky;", "UNet2DConditionModel", dict(KANDINSKY, encoder_hid_dim=1280, encoder_hid_dim_type="image_proj", addition_embed_type="image", addition_embed_type_num_heads=64)),
    (FAMILY + "Kandinsky;", "UNet2DConditionModel", dict(KANDINSKY, encoder_hid_dim=1024, encoder_hid_dim_type="text_image_proj", addition_embed_type="text_image")),
    (FAMILY + "Kandinsky;", "PriorTransformer", LAYERS),
    (FAMILY + "Kandinsky;", "Kandinsky3UNet", {}),
    (FAMILY + "Kandinsky;", "Kandinsky5Transformer3DModel", dict(num_text_blocks=1, num_visual_blocks=1)),
    (FAMILY + "DeepFloyd IF;", "UNet2DConditionModel", dict(KANDINSKY, encoder_hid_dim=4096, encoder_hid_dim_type="text_proj", addition_embed_type="text")),
    (FAMILY + "Stable Video Diffusion;", "UNetSpatioTemporalConditionModel", {}),
    (FAMILY + "text to video;", "UNet3DConditionModel", {}),
    (FAMILY + "I2VGen-XL;", "I2VGenXLUNet", {}),
    (ADDITION + "AnimateDiff)", "UNetMotionModel", {}),
    (FAMILY + "Stable Audio;", "StableAudioDiTModel", LAYERS),
    (FAMILY + "diffusion transformer (DiT);", "DiTTransformer2DModel", LAYERS),
    (ADDITION + "AnimateDiff)", "MotionAdapter", {}),
    (ADDITION + "ControlNet)", "ControlNetModel", {}),
    (ADDITION + "ControlNet)", "ControlNetModel", {k: v for k, v in XL.items()}),
    (ADDITION + "ControlNet)", "SparseControlNetModel", {}),
    (ADDITION + "ControlNet)", "SD3ControlNetModel", LAYERS),
    (ADDITION + "ControlNet)", "FluxControlNetModel", STREAMS),
    (ADDITION + "ControlNet)", "QwenImageControlNetModel", LAYERS),
    (ADDITION + "ControlNet)", "SanaControlNetModel", LAYERS),
    (ADDITION + "T2I-Adapter)", "T2IAdapter", dict(adapter_type="full_adapter")),
    (ADDITION + "T2I-Adapter)", "T2IAdapter", dict(adapter_type="full_adapter_xl")),
    (ADDITION + "T2I-Adapter)", "T2IAdapter", dict(adapter_type="light_adapter")),
    ("found a VAE, which", "AutoencoderKL", {}),
    ("found a VAE of another family", "AutoencoderKL", dict(latent_channels=16)),
    ("found a VAE of another family", "AutoencoderKLFlux2", {}),
    ("found a VAE of another family", "AutoencoderKLWan", {}),
    ("found a VAE of another family", "AutoencoderKLQwenImage", {}),
    ("found a VAE of another family", "AutoencoderDC", {}),
    ("found a VAE of another family", "AutoencoderKLTemporalDecoder", {}),
    ("found a VAE of another family", "AutoencoderKLCogVideoX", {}),
    ("found a VAE of another family", "AutoencoderKLHunyuanVideo", {}),
    ("found a VAE of another family", "AutoencoderKLLTXVideo", {}),
    ("found a VAE of another family", "AutoencoderKLMochi", {}),
    ("found a VAE of another family", "VQModel", {}),
    ("found TAESD", "AutoencoderTiny", {}),
    ("found a UNet alone", "UNet2DConditionModel", dict(cross_attention_dim=768)),
    ("found a UNet alone", "UNet2DConditionModel", dict(cross_attention_dim=1024, use_linear_projection=True)),
]
TINY = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4)
# transformers' encoders, with the width that tells.
ENCODERS = [
    ("found a text encoder, which", "CLIPTextModel", transformers.CLIPTextConfig(num_hidden_layers=2)),
    ("found a text encoder of another family (Stable Diffusion XL)", "CLIPTextModelWithProjection", transformers.CLIPTextConfig(num_hidden_layers=2, hidden_size=1280, intermediate_size=5120, num_attention_heads=20, projection_dim=1280)),
    ("found a text encoder of another family (T5)", "T5EncoderModel", transformers.T5Config(num_layers=2)),
    ("found a text encoder of another family (T5)", "UMT5EncoderModel", transformers.UMT5Config(num_layers=2)),
    ("found a text encoder of another family (BERT)", "BertModel", transformers.BertConfig(**TINY)),
    ("found a language model", "LlamaForCausalLM", transformers.LlamaConfig(**TINY)),
    ("found a language model", "Qwen2ForCausalLM", transformers.Qwen2Config(**TINY)),
    ("found a language model", "Gemma2ForCausalLM", transformers.Gemma2Config(**TINY, head_dim=16)),
    ("found a language model", "GPT2LMHeadModel", transformers.GPT2Config(n_layer=2, n_embd=64, n_head=4)),
    ("found an image encoder", "CLIPVisionModelWithProjection", transformers.CLIPVisionConfig(num_hidden_layers=2)),
]
UNET = "model.diffusion_model."
XL_UNET = {f"{UNET}input_blocks.0.0.weight": [1], f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [1, 2048], f"{UNET}label_emb.0.0.weight": [1], f"{UNET}out.2.weight": [1]}
FIRST_STAGE = {"first_stage_model.decoder.conv_in.weight": [1, 4, 3, 3], "first_stage_model.quant_conv.weight": [1]}
ONES = lambda *names: {name: [1] for name in names}
# The sentence's words, the writer, what diffusers' converters must know of it (or none), and the tensors.
ORIGINAL = [
    (FAMILY + "Stable Diffusion XL;", "Stability AI", "conditioner.embedders.1", {**XL_UNET, **FIRST_STAGE, **ONES("conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight", "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias")}),
    (FAMILY + "Stable Diffusion XL;", "UNet alone", None, XL_UNET),
    (FAMILY + "Stable Diffusion XL's refiner;", "Stability AI", "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias", {**XL_UNET, f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [1, 1280], **FIRST_STAGE, **ONES("conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias")}),
    (FAMILY + "Stable Diffusion 3;", "Stability AI", "joint_blocks", {**FIRST_STAGE, **ONES(f"{UNET}joint_blocks.0.context_block.adaLN_modulation.1.bias", f"{UNET}joint_blocks.0.x_block.attn.qkv.weight", f"{UNET}pos_embed", "text_encoders.clip_g.transformer.text_model.embeddings.position_embedding.weight")}),
    (FAMILY + "Stable Diffusion 3.5;", "Stability AI", "x_block.attn.ln_q.weight", ONES(f"{UNET}joint_blocks.0.x_block.attn.ln_q.weight", f"{UNET}joint_blocks.0.x_block.attn.qkv.weight", f"{UNET}joint_blocks.37.x_block.mlp.fc1.weight")),
    (FAMILY + "Flux;", "Black Forest Labs", "double_blocks.0.img_attn.norm.key_norm.scale", ONES("double_blocks.0.img_attn.norm.key_norm.scale", "single_blocks.0.linear1.weight", "img_in.weight", "txt_in.weight", "final_layer.linear.weight")),
    (FAMILY + "Flux;", "ComfyUI, whole", "double_blocks.0.img_attn.norm.key_norm.scale", ONES(f"{UNET}double_blocks.0.img_attn.norm.key_norm.scale", "text_encoders.clip_l.transformer.text_model.embeddings.position_ids", "text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight", "vae.decoder.conv_in.weight")),
    (FAMILY + "Flux 2;", "Black Forest Labs", "double_stream_modulation_img.lin", ONES("double_blocks.0.img_attn.qkv.weight", "double_stream_modulation_img.lin.weight", "single_stream_modulation.lin.weight", "single_blocks.0.linear1.weight")),
    (FAMILY + "Flux 3;", "Black Forest Labs", "early_stream_modulations.image.lin", ONES("early_stream_modulations.image.lin.weight")),
    (FAMILY + "Chroma;", "its authors", "distilled_guidance_layer.", ONES("distilled_guidance_layer.in_proj.weight", "distilled_guidance_layer.norms.0.scale", "double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight")),
    (FAMILY + "Z-Image;", "ComfyUI", "layers.0.adaLN_modulation.0.weight", ONES(f"{UNET}layers.0.adaLN_modulation.0.weight", f"{UNET}layers.0.attention.qkv.weight", f"{UNET}noise_refiner.0.attention.qkv.weight", f"{UNET}cap_pad_token", f"{UNET}x_pad_token", f"{UNET}x_embedder.weight")),
    (FAMILY + "Lumina;", "Alpha-VLLM", "noise_refiner", ONES("cap_embedder.0.weight", "noise_refiner.0.attention.qkv.weight", "layers.0.adaLN_modulation.1.weight", "x_embedder.weight")),
    (FAMILY + "Qwen-Image;", "ComfyUI", None, ONES(f"{UNET}transformer_blocks.0.img_mod.1.weight", f"{UNET}txt_norm.weight", f"{UNET}img_in.weight")),
    (FAMILY + "PixArt;", "its authors", None, ONES("blocks.0.cross_attn.kv_linear.weight", "blocks.0.scale_shift_table", "y_embedder.y_proj.fc1.weight", "t_block.1.weight", "x_embedder.proj.weight")),
    (FAMILY + "Sana;", "NVIDIA", "attention_y_norm", ONES("attention_y_norm.weight", "blocks.0.cross_attn.kv_linear.weight", "blocks.0.mlp.depth_conv.conv.weight", "y_embedder.y_proj.fc1.weight")),
    (FAMILY + "HunyuanVideo;", "Tencent", "txt_in.individual_token_refiner.blocks", ONES("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias", "double_blocks.0.img_attn_qkv.weight", "single_blocks.0.linear1.weight")),
    (FAMILY + "AuraFlow;", "fal", "double_layers", ONES("model.double_layers.0.attn.w2q.weight", "model.single_layers.0.attn.w1q.weight", "model.cond_seq_linear.weight")),
    (FAMILY + "Wan;", "Alibaba", "time_projection.1", ONES("blocks.0.self_attn.q.weight", "blocks.0.cross_attn.k.weight", "text_embedding.0.weight", "time_projection.1.weight", "head.modulation")),
    (FAMILY + "LTX-Video;", "Lightricks", "patchify_proj", ONES(f"{UNET}patchify_proj.weight", f"{UNET}transformer_blocks.27.scale_shift_table", f"{UNET}adaln_single.linear.weight", "vae.decoder.up_blocks.9.res_blocks.0.conv1.conv.weight")),
    (FAMILY + "Mochi;", "Genmo", "attn.qkv_x", ONES("blocks.0.attn.qkv_x.weight", "blocks.0.attn.qkv_y.weight", "t5_yproj.weight")),
    (FAMILY + "Cosmos;", "NVIDIA", "net.blocks.block1.blocks.0.block.attn.to_q.0.weight", ONES("net.x_embedder.proj.1.weight", "net.blocks.block1.blocks.0.block.attn.to_q.0.weight", "net.extra_pos_embedder.pos_emb_h")),
    (FAMILY + "HiDream;", "its authors", "double_stream_blocks", ONES("double_stream_blocks.0.block.adaLN_modulation.1.bias", "single_stream_blocks.0.block.adaLN_modulation.1.bias")),
    (FAMILY + "Stable Cascade;", "Stability AI", "clip_txt_mapper.weight", ONES("clip_txt_mapper.weight", "clip_img_mapper.weight", "down_blocks.0.0.channelwise.0.weight", "clf.1.weight")),
    (FAMILY + "Stable Cascade;", "Stability AI", "down_blocks.1.0.channelwise.0.weight", ONES("effnet_mapper.0.weight", "clip_mapper.weight", "down_blocks.1.0.channelwise.0.weight", "clf.1.weight")),
    (FAMILY + "Stable Video Diffusion;", "Stability AI", None, {f"{UNET}input_blocks.0.0.weight": [1], f"{UNET}input_blocks.1.1.time_stack.0.attn1.to_q.weight": [1], f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 1024], f"{UNET}label_emb.0.0.weight": [1], "conditioner.embedders.0.open_clip.model.visual.proj": [1]}),
    (FAMILY + "latent diffusion with BERT;", "CompVis, text to picture", None, {**FIRST_STAGE, f"{UNET}input_blocks.0.0.weight": [1], f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 1280], **ONES("cond_stage_model.transformer.token_emb.weight", "cond_stage_model.transformer.attn_layers.layers.0.0.0.weight")}),
    (FAMILY + "retrieval-augmented diffusion (RDM);", "CompVis, RDM", None, {f"{UNET}input_blocks.0.0.weight": [1], f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 768], **ONES("first_stage_model.decoder.conv_in.weight", "first_stage_model.quantize.embedding.weight")}),
    (FAMILY + "retrieval-augmented diffusion (RDM);", "CompVis, RDM with its encoder", None, {f"{UNET}input_blocks.0.0.weight": [1], f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 768], **ONES("first_stage_model.quantize.embedding.weight", "cond_stage_model.model.visual.conv1.weight"), "cond_stage_model.model.token_embedding.weight": [1, 768]}),
    (ADDITION + "ControlNet)", "lllyasviel", "control_model.time_embed.0.weight", ONES("control_model.time_embed.0.weight", "control_model.input_hint_block.0.weight", "control_model.zero_convs.0.0.weight", "control_model.input_blocks.0.0.weight")),
    (ADDITION + "ControlNet)", "Stability AI, control LoRA", None, ONES("lora_controlnet", "input_hint_block.0.weight", "input_blocks.1.0.in_layers.2.down", "zero_convs.0.0.weight")),
    (ADDITION + "ControlNet)", "Alibaba, for Z-Image", "control_all_x_embedder", ONES("control_all_x_embedder.2-1.weight", "control_layers.0.adaLN_modulation.0.weight", "control_noise_refiner.0.attention.to_q.weight")),
    (ADDITION + "T2I-Adapter)", "Tencent", None, ONES("conv_in.weight", "body.0.block1.weight", "body.0.block2.weight", "body.2.in_conv.weight")),
    (ADDITION + "T2I-Adapter)", "Tencent, style", None, ONES("style_embedding", "ln_post.weight", "transformer_layes.0.attn.in_proj_weight", "proj")),
    (ADDITION + "IP-Adapter)", "h94", None, ONES("image_proj.proj.weight", "image_proj.norm.weight", "ip_adapter.1.to_k_ip.weight", "ip_adapter.1.to_v_ip.weight")),
    (ADDITION + "IP-Adapter)", "h94, plus", None, ONES("image_proj.latents", "image_proj.layers.0.0.norm1.weight", "ip_adapter.1.to_k_ip.weight")),
    (ADDITION + "AnimateDiff)", "guoyww", "motion_modules", ONES("down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_encoder.pe", "mid_block.motion_modules.0.temporal_transformer.norm.bias", "up_blocks.1.motion_modules.0.temporal_transformer.proj_in.weight")),
    (ADDITION + "LoRA)", "kohya", None, {"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": [1, 768], "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [1, 768]}),
    (ADDITION + "LoRA)", "kohya, v2", None, {"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": [1, 1024], "lora_te_text_model_encoder_layers_22_mlp_fc1.lora_down.weight": [1, 1024]}),
    (ADDITION + "Stable Diffusion XL LoRA)", "kohya", None, {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": [1, 2048], "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [1, 768], "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [1, 1280]}),
    (ADDITION + "Stable Diffusion XL LoRA)", "diffusers", None, {"unet.down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.lora_A.weight": [1, 2048]}),
    (ADDITION + "Flux LoRA)", "kohya", None, ONES("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "lora_unet_single_blocks_0_linear1.lora_down.weight")),
    (ADDITION + "Flux LoRA)", "diffusers", None, ONES("transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight", "transformer.transformer_blocks.0.attn.to_q.lora_A.weight")),
    (ADDITION + "Stable Diffusion 3 LoRA)", "kohya", None, ONES("lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight")),
    (ADDITION + "Qwen-Image LoRA)", "diffusers", None, ONES("transformer.transformer_blocks.0.img_mlp.net.2.lora_A.weight", "transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight")),
    (ADDITION + "Wan LoRA)", "ComfyUI", None, ONES("diffusion_model.blocks.0.self_attn.q.lora_A.weight", "diffusion_model.blocks.0.cross_attn.k.lora_A.weight")),
    (ADDITION + "Z-Image LoRA)", "ComfyUI", None, ONES("diffusion_model.layers.0.attention.to_q.lora_A.weight", "diffusion_model.layers.0.feed_forward.w1.lora_A.weight")),
    ("found an embedding (textual inversion), which", "A1111", None, {"emb_params": [1, 768]}),
    (ADDITION + "Stable Diffusion XL embedding)", "kohya", None, {"clip_l": [1, 768], "clip_g": [1, 1280]}),
    ("found an upscaler", "ESRGAN", None, ONES("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight", "model.1.sub.23.weight")),
    ("found an upscaler", "Real-ESRGAN", None, ONES("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_last.weight")),
    ("found an upscaler", "RealESRGAN compact", None, ONES("body.0.weight", "body.0.bias", "body.1.weight", "body.34.weight")),
    ("found an upscaler", "SwinIR, HAT", None, ONES("conv_first.weight", "layers.0.residual_group.blocks.0.norm1.weight", "layers.0.residual_group.blocks.0.attn.qkv.weight")),
    ("found an upscaler", "DAT", None, ONES("before_RG.1.weight", "conv_first.weight", "layers.0.blocks.0.norm1.weight")),
    ("found a VAE of another family", "Black Forest Labs", None, {"decoder.conv_in.weight": [1, 16, 3, 3], "encoder.conv_in.weight": [1], "decoder.mid.attn_1.q.weight": [1]}),
    ("found a VAE of another family", "Alibaba", "decoder.middle.0.residual.0.gamma", ONES("decoder.middle.0.residual.0.gamma", "encoder.conv1.weight", "conv1.weight")),
    ("found TAESD", "madebyollin, decoder", None, ONES("1.weight", "1.bias", "3.conv.0.weight", "3.conv.2.weight", "19.weight")),
    ("found a language model", "llama.cpp", None, ONES("token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_down.weight", "output_norm.weight")),
    ("found a text encoder of another family (T5)", "llama.cpp", None, ONES("token_embd.weight", "enc.blk.0.attn_q.weight", "enc.output_norm.weight")),
    ("found a text encoder of another family (Stable Diffusion XL)", "open_clip bigG", None, {"transformer.resblocks.0.ln_1.weight": [1], "token_embedding.weight": [1, 1280], "text_projection": [1]}),
]


def kept(name, shape):
    return [1, *shape[1:]] if any(name.endswith(end) for end in SIZED) else [1]


def told(state):
    return {name: kept(name, list(tensor.shape)) for name, tensor in state.items() if not name.endswith("bias")}


def main():
    entries = []
    converters = pathlib.Path(single_file_utils.__file__).read_text()
    for words, name, settings in CLASSES:
        with torch.device("meta"):
            network = getattr(diffusers, name)(**settings)
        entries.append([words, f"diffusers {name}", told(network.state_dict())])
    for words, name, config in ENCODERS:
        with torch.device("meta"):
            network = getattr(transformers, name)(config)
        entries.append([words, f"transformers {name}", told(network.state_dict())])
    for words, writer, known, tensors in ORIGINAL:
        assert known is None or known in converters, (words, writer, known)
        entries.append([words, writer, tensors])
    data = json.dumps(entries, separators=(",", ":")).encode()
    (HERE / "kinds.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    print(len(entries), "kinds,", len(data), "bytes")


if __name__ == "__main__":
    main()
