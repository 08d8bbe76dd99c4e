#!/usr/bin/env python3
"""Few-step models with random weights, and OpenVINO on the same networks: what benches/README.md compares with.

    few_step.py make DIR TOKENIZER_FOLDER
                              writes DIR/{sdxs,sd-turbo,tiny-sd}: diffusers folders in f16
    few_step.py convert DIR   writes DIR/NAME/openvino/*.xml beside each
    few_step.py run DIR NAME [REPETITIONS]
                              text encoder, UNet (batch 1, or 2 with guidance) times the steps, decoder;
                              prints the median seconds of a picture, of its parts and of loading, and the peak memory

`run` draws with TAESD's shape of decoder for every model, as `--vae` with a tiny file does here. Needs torch, diffusers,
transformers and openvino. A picture here is `safelight generate --model DIR/NAME --vae DIR/NAME/tiny …`, whose
`saved` event (`--json`) says how long it took.
"""
import json
import pathlib
import resource
import statistics
import sys
import time

SIDE = 64
# Blocks of the UNet, text encoder's width and layers, steps, whether guided.
V2 = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu")
V1 = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
          hidden_act="quick_gelu")
NAMES = {
    "sdxs": dict(
        unet=dict(block_out_channels=(320, 640, 1280), layers_per_block=1, mid_block_type=None,
                  down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                  up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                  cross_attention_dim=768, attention_head_dim=8),
        text=V1, steps=1, guided=False),
    "sd-turbo": dict(
        unet=dict(block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, use_linear_projection=True,
                  down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
                  up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
                  cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20)),
        text=V2, steps=1, guided=False),
    "tiny-sd": dict(
        unet=dict(block_out_channels=(320, 640, 1280), layers_per_block=1, mid_block_type=None,
                  down_block_types=("CrossAttnDownBlock2D",) * 3, up_block_types=("CrossAttnUpBlock2D",) * 3,
                  cross_attention_dim=768, attention_head_dim=8),
        text=V1, steps=8, guided=True),
}


def make(folder):
    import torch
    from diffusers import (AutoencoderKL, AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline,
                           UNet2DConditionModel)
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(sys.argv[3])
    for name, kind in NAMES.items():
        unet = UNet2DConditionModel(sample_size=SIDE, in_channels=4, out_channels=4, **kind["unet"])
        text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, projection_dim=512,
                                            bos_token_id=49406, eos_token_id=49407, **kind["text"]))
        tiny = AutoencoderTiny()
        vae = tiny if name == "sdxs" else AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
        pipe = StableDiffusionPipeline(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
            scheduler=DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                    clip_sample=False, set_alpha_to_one=False, timestep_spacing="trailing"))
        pipe.to(torch.float16).save_pretrained(folder / name)
        tiny.half().save_pretrained(folder / name / "tiny")
        print(name, sum(p.numel() for p in unet.parameters()) // 1_000_000, "M in the UNet")


def convert(folder):
    import openvino as ov
    import torch
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextModel
    torch.set_grad_enabled(False)

    class Called(torch.nn.Module):
        def __init__(self, model, call):
            super().__init__()
            self.model, self.call = model, call

        def forward(self, *x):
            return self.call(self.model, *x)

    for name, kind in NAMES.items():
        at = folder / name
        batch = 2 if kind["guided"] else 1
        unet = UNet2DConditionModel.from_pretrained(at / "unet", torch_dtype=torch.float32).eval()
        text = CLIPTextModel.from_pretrained(at / "text_encoder", attn_implementation="eager",
                                             torch_dtype=torch.float32).eval()
        tiny = AutoencoderTiny.from_pretrained(at / "tiny", torch_dtype=torch.float32).eval()
        width = kind["unet"]["cross_attention_dim"]
        parts = {
            "unet": (unet, lambda m, x, t, c: m(x, t, encoder_hidden_states=c, return_dict=False)[0],
                     (torch.randn(batch, 4, SIDE, SIDE), torch.tensor(500), torch.randn(batch, 77, width))),
            "text": (text, lambda m, ids: m(ids, return_dict=False)[0], (torch.randint(0, 49000, (batch, 77)),)),
            "tiny": (tiny, lambda m, z: m.decode(z, return_dict=False)[0], (torch.randn(1, 4, SIDE, SIDE),)),
        }
        (at / "openvino").mkdir(exist_ok=True)
        for part, (model, call, example) in parts.items():
            converted = ov.convert_model(Called(model, call), example_input=example)
            converted.reshape({i: list(x.shape) for i, x in enumerate(example)})
            ov.save_model(converted, at / "openvino" / f"{part}.xml", compress_to_fp16=True)
        print(name, "converted")


def run(folder, name, repetitions):
    import numpy as np
    import openvino as ov
    kind, core, began = NAMES[name], ov.Core(), time.perf_counter()
    options = {"INFERENCE_NUM_THREADS": 2, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    requests = {part: core.compile_model(core.read_model(folder / name / "openvino" / f"{part}.xml"), "CPU",
                                         options).create_infer_request() for part in ("text", "unet", "tiny")}
    loaded = time.perf_counter() - began
    rng = np.random.default_rng(0)
    batch = 2 if kind["guided"] else 1
    ids, x = rng.integers(0, 49000, (batch, 77)), rng.standard_normal((batch, 4, SIDE, SIDE), dtype=np.float32)
    times = {part: [] for part in ("text", "unet", "tiny", "picture")}

    def timed(part, inputs):
        at = time.perf_counter()
        answer = requests[part].infer(inputs)[0].copy()
        times[part].append(time.perf_counter() - at)
        return answer

    for _ in range(repetitions + 1):
        at = time.perf_counter()
        context = timed("text", [ids])
        for _ in range(kind["steps"]):
            e_t = timed("unet", [x, np.array(500), context])
        timed("tiny", [e_t[:1]])
        times["picture"].append(time.perf_counter() - at)
    # The first one warms up.
    medians = {part: round(statistics.median(values[1:]), 3) for part, values in times.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"model": name, "openvino": ov.__version__.split("-")[0], "steps": kind["steps"],
                      "load_s": round(loaded, 2), **{f"{part}_s": value for part, value in medians.items()},
                      "peak_gib": round(peak, 2)}))


if __name__ == "__main__":
    what, where = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "run":
        run(where, sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 5)
    else:
        {"make": make, "convert": convert}[what](where)
