#!/usr/bin/env python3
"""Records pictures of diffusers' own pipelines on small models, for tests/it/pipelines.rs.

    make_pipelines.py TOKENIZER_FOLDER [NAME...]

TOKENIZER_FOLDER holds CLIP's vocab.json and merges.txt. Needs torch, diffusers and transformers. Each
NAME.json.gz beside this script holds the configs of a diffusers folder, the names and shapes of its
tensors, the request and the picture (8-bit RGB, base64). Weights are not stored: they follow from names.

A weight: splitmix64 of (crc32(name) << 32) + index; its upper 24 bits u make 2u/2^24 - 1, in [-1, 1).
More than one dimension: times sqrt(3 / numbers of a row), and 0.5 for tables of tokens and positions.
One dimension: 1 + 0.1 of it for `weight`, else 0.1 of it. All in f32.

Cases that begin from a picture hold that, its mask and its map of depths as well. A picture is encoded as the
mean of its distribution, so that nothing is drawn for it.
"""
import base64
import gzip
import json
import pathlib
import sys
import zlib

import numpy as np
import torch
from diffusers import (AutoencoderKL, AutoencoderTiny, DDIMScheduler, LatentConsistencyModelPipeline,
                       LCMScheduler, StableDiffusionDepth2ImgPipeline, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline, StableDiffusionInstructPix2PixPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
PROMPT = "a painting of a virus monster playing guitar"
NEGATIVE = "blurry, low quality"


def drawn(name, shape):
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = (np.uint64(zlib.crc32(name.encode())) << np.uint64(32)) + np.arange(count, dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0 / (1 << 24)) - np.float32(1.0)
    if len(shape) > 1:
        row = count // shape[0]
        scale = 0.5 if "embedding" in name and "time" not in name else float(np.sqrt(np.float32(3.0 / row)))
        u = u * np.float32(scale)
    elif name.endswith("weight"):
        u = np.float32(1.0) + np.float32(0.1) * u
    else:
        u = np.float32(0.1) * u
    return torch.from_numpy(u.reshape(shape))


def fill(model, part, half):
    shapes = {}
    state = model.state_dict()
    for name, tensor in state.items():
        if not tensor.dtype.is_floating_point:
            continue
        value = drawn(f"{part}/{name}", tuple(tensor.shape))
        state[name] = value.half().float() if half else value
        shapes[name] = list(tensor.shape)
    model.load_state_dict(state)
    model.eval()
    return shapes


def unet(**more):
    return dict(sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(32, 64),
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=24,
                attention_head_dim=4) | more


def vae(**more):
    return dict(in_channels=3, out_channels=3, latent_channels=4, sample_size=16, block_out_channels=(32, 64),
                down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                layers_per_block=1) | more


def text(**more):
    return dict(hidden_size=24, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
                max_position_embeddings=77, vocab_size=49408, hidden_act="quick_gelu") | more


DDIM = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
            set_alpha_to_one=False, steps_offset=1)
REQUEST = dict(steps=5, guidance=4.0, seed=11, side=16, sampler="ddim")
V2 = dict(text=text(hidden_act="gelu", num_hidden_layers=3), pad="!",
          unet=unet(use_linear_projection=True, attention_head_dim=(2, 4)))
THREE = dict(block_out_channels=(32, 64, 64), sample_size=8)
CASES = {
    "v1": dict(unet=unet(layers_per_block=2)),
    "v1-wide": dict(unet=unet(**THREE, norm_num_groups=16, cross_attention_dim=40, attention_head_dim=8,
                              down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
                              up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2),
                    text=text(hidden_size=40, intermediate_size=160), variant="fp16"),
    "v2": dict(V2),
    "v2-v": dict(V2, scheduler=dict(DDIM, prediction_type="v_prediction"), shards="12KB"),
    "v2-ztsnr": dict(V2, scheduler=dict(DDIM, prediction_type="v_prediction", rescale_betas_zero_snr=True,
                                        timestep_spacing="trailing"),
                     request=dict(REQUEST, timesteps="trailing")),
    "no-middle": dict(unet=unet(mid_block_type=None)),
    "one-block": dict(unet=unet(**THREE, down_block_types=("CrossAttnDownBlock2D",) * 3,
                                up_block_types=("CrossAttnUpBlock2D",) * 3, mid_block_type=None)),
    "lcm": dict(unet=unet(time_cond_proj_dim=16), scheduler=dict(
        {k: v for k, v in DDIM.items() if k != "steps_offset"}, original_inference_steps=50),
        request=dict(REQUEST, steps=4, guidance=8.0, sampler="lcm")),
    "sdxs": dict(unet=unet(**THREE, mid_block_type=None, only_cross_attention=(True, False, False),
                           attention_head_dim=(1, 4, 8),
                           down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
                           up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2),
                 tiny=dict(encoder_block_out_channels=(16, 16), decoder_block_out_channels=(16, 16),
                           num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1)),
                 scheduler=dict(DDIM, timestep_spacing="trailing"),
                 request=dict(REQUEST, steps=1, guidance=1.0, timesteps="trailing")),
    "from-picture": dict(begins=StableDiffusionImg2ImgPipeline, request=dict(REQUEST, strength=0.6)),
    "inpaint": dict(begins=StableDiffusionInpaintPipeline, unet=unet(in_channels=9),
                    request=dict(REQUEST, strength=1.0)),
    "inpaint-part": dict(begins=StableDiffusionInpaintPipeline, unet=unet(in_channels=9),
                         request=dict(REQUEST, strength=0.8)),
    "edit": dict(begins=StableDiffusionInstructPix2PixPipeline, unet=unet(in_channels=8),
                 request=dict(REQUEST, strength=1.0, image_guidance=1.5)),
    "depth": dict(begins=StableDiffusionDepth2ImgPipeline, unet=unet(in_channels=5),
                  request=dict(REQUEST, strength=0.8)),
}


def begins_from(side):
    """A picture, a mask of it (white is repainted) and its depths."""
    y, x = np.mgrid[0:side, 0:side]
    picture = np.stack([x * 16 + y, 255 - y * 15, (x * y * 7) % 256], axis=-1).clip(0, 255).astype(np.uint8)
    mask = np.where((x >= 5) & (x < 13) & (y >= 3) & (y < 12), 255, 0).astype(np.uint8)
    depth = (255 - 12 * np.hypot(x - 6, y - 9)).clip(0, 255).astype(np.uint8)
    return picture, mask, depth


def drawn_from(pipeline, request, texts, generator):
    """A picture of a pipeline that begins from one, and what it began from."""
    picture, mask, depth = begins_from(request["side"])
    image = Image.fromarray(picture)
    more, told = dict(image=image), dict(picture=picture)
    if isinstance(pipeline, StableDiffusionInstructPix2PixPipeline):
        more["image_guidance_scale"] = request["image_guidance"]
    else:
        more["strength"] = request["strength"]
    if isinstance(pipeline, StableDiffusionInpaintPipeline):
        told["mask"] = mask
        more |= dict(mask_image=Image.fromarray(mask), width=request["side"], height=request["side"])
    if isinstance(pipeline, StableDiffusionDepth2ImgPipeline):
        told["depth"] = depth
        more["depth_map"] = torch.from_numpy(depth.astype(np.float32))[None]
    drawn = pipeline(**texts, **more, num_inference_steps=request["steps"], guidance_scale=request["guidance"],
                     generator=generator, output_type="np").images[0]
    return drawn, {name: base64.b64encode(pixels.tobytes()).decode() for name, pixels in told.items()}


def record(name, case, tokenizer_folder):
    half = case.get("variant") == "fp16"
    kwargs = dict(pad_token="!") if case.get("pad") else {}
    tokenizer = CLIPTokenizer(str(tokenizer_folder / "vocab.json"), str(tokenizer_folder / "merges.txt"),
                              model_max_length=77, **kwargs)
    networks = {
        "unet": UNet2DConditionModel(**case.get("unet", unet())),
        "vae": AutoencoderTiny(**case["tiny"]) if "tiny" in case else AutoencoderKL(**vae()),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**case.get("text", text()))),
    }
    parts = {part: dict(tensors=fill(network, part, half)) for part, network in networks.items()}
    is_lcm = "time_cond_proj_dim" in case.get("unet", {})
    scheduler = (LCMScheduler if is_lcm else DDIMScheduler)(**case.get("scheduler", DDIM))
    pipeline_class = case.get("begins", LatentConsistencyModelPipeline if is_lcm else StableDiffusionPipeline)
    more = dict(safety_checker=None, requires_safety_checker=False, **(dict(image_encoder=None) if is_lcm else {}))
    if pipeline_class is StableDiffusionDepth2ImgPipeline:
        more = dict(depth_estimator=None)
    pipeline = pipeline_class(**networks, tokenizer=tokenizer, scheduler=scheduler, feature_extractor=None, **more)
    pipeline.set_progress_bar_config(disable=True)
    request = case.get("request", REQUEST)
    texts = dict(prompt=PROMPT) if is_lcm else dict(prompt=PROMPT, negative_prompt=NEGATIVE)
    generator, begins = torch.Generator().manual_seed(request["seed"]), None
    if "begins" in case:
        sys.modules[pipeline_class.__module__].retrieve_latents = lambda out, **_: out.latent_dist.mode()
        picture, begins = drawn_from(pipeline, request, texts, generator)
    else:
        picture = pipeline(**texts, num_inference_steps=request["steps"], guidance_scale=request["guidance"],
                           width=request["side"], height=request["side"], generator=generator,
                           output_type="np").images[0]
    pixels = np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8)
    for part, network in networks.items():
        config = network.config if part != "text_encoder" else network.config.to_diff_dict()
        parts[part]["config"] = json.loads(json.dumps(dict(config), default=str))
        if part != "text_encoder":
            parts[part]["config"]["_class_name"] = type(network).__name__
    told = dict(
        index=dict(_class_name=pipeline_class.__name__, unet=["diffusers", "UNet2DConditionModel"]),
        scheduler=dict(scheduler.config) | dict(_class_name=type(scheduler).__name__),
        parts=parts, prompt=PROMPT, negative_prompt="" if is_lcm else NEGATIVE, request=request,
        variant=case.get("variant"), shards=case.get("shards") is not None, begins=begins,
        pixels=base64.b64encode(pixels.tobytes()).decode(), shape=list(pixels.shape))
    told = json.dumps(told, default=str, separators=(",", ":"))
    (HERE / f"{name}.json.gz").write_bytes(gzip.compress(told.encode(), 9, mtime=0))
    print(name, pixels.shape, "mean", pixels.mean(), "deviation", round(float(pixels.std()), 1))


def main():
    torch.set_grad_enabled(False)
    names = sys.argv[2:] or list(CASES)
    for name in names:
        record(name, CASES[name], pathlib.Path(sys.argv[1]))


if __name__ == "__main__":
    main()
