"""The word lens of the starter's recorded call, computed plainly in f64: a UNet in numpy that keeps every
cross-attention's probabilities. Writes tests/golden/lens/starter.safetensors, which a test compares with.

    pip install numpy safetensors
    python tools/lens/reference.py

It also prints how far its prediction lies from the recorded one of the reference, so the network is the right one.
"""
import math
import pathlib

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
STARTER = ROOT / "assets/starter"
PREFIX = "model.diffusion_model."
HEADS, GROUPS, CHANNELS = 4, 32, 64

weights = {
    name[len(PREFIX):]: value.astype(np.float64)
    for name, value in load_file(STARTER / "model.safetensors").items()
    if name.startswith(PREFIX)
}
maps = {}


def linear(name, x):
    y = x @ weights[f"{name}.weight"].reshape(weights[f"{name}.weight"].shape[0], -1).T
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def conv(name, x, stride=1):
    weight = weights[f"{name}.weight"]
    size = weight.shape[2]
    padded = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weight) + weights[f"{name}.bias"][:, None, None]


def group_norm(name, x, eps):
    grouped = x.reshape(GROUPS, -1)
    grouped = (grouped - grouped.mean(1, keepdims=True)) / np.sqrt(grouped.var(1, keepdims=True) + eps)
    return grouped.reshape(x.shape) * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]


def layer_norm(name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(name, x, context, size=None):
    split = lambda y: y.reshape(len(y), HEADS, -1).transpose(1, 0, 2)
    q, k, v = (split(linear(f"{name}.{part}", y)) for part, y in [("to_q", x), ("to_k", context), ("to_v", context)])
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    probabilities = scores / scores.sum(-1, keepdims=True)
    if size:
        maps.setdefault(size, []).append(probabilities.mean(0))
    return linear(f"{name}.to_out.0", (probabilities @ v).transpose(1, 0, 2).reshape(len(x), -1))


def transformer(name, x, context):
    _, h, w = x.shape
    tokens = conv(f"{name}.proj_in", group_norm(f"{name}.norm", x, 1e-6)).reshape(-1, h * w).T
    block = f"{name}.transformer_blocks.0"
    normal = layer_norm(f"{block}.norm1", tokens)
    tokens = tokens + attention(f"{block}.attn1", normal, normal)
    tokens = tokens + attention(f"{block}.attn2", layer_norm(f"{block}.norm2", tokens), context, (h, w))
    inner, gate = np.split(linear(f"{block}.ff.net.0.proj", layer_norm(f"{block}.norm3", tokens)), 2, -1)
    tokens = tokens + linear(f"{block}.ff.net.2", inner * gelu(gate))
    return x + conv(f"{name}.proj_out", tokens.T.reshape(-1, h, w))


def res_block(name, x, emb):
    h = conv(f"{name}.in_layers.2", silu(group_norm(f"{name}.in_layers.0", x, 1e-5)))
    h = h + linear(f"{name}.emb_layers.1", silu(emb))[:, None, None]
    h = conv(f"{name}.out_layers.3", silu(group_norm(f"{name}.out_layers.0", h, 1e-5)))
    return h + (conv(f"{name}.skip_connection", x) if f"{name}.skip_connection.weight" in weights else x)


def unet(x, t, context):
    frequencies = np.exp(-math.log(10000) * np.arange(CHANNELS // 2) / (CHANNELS // 2))
    emb = np.concatenate([np.cos(t * frequencies), np.sin(t * frequencies)])
    emb = linear("time_embed.2", silu(linear("time_embed.0", emb)))

    def block(name, x):
        for layer in range(3):
            part = f"{name}.{layer}"
            if f"{part}.in_layers.0.weight" in weights:
                x = res_block(part, x, emb)
            elif f"{part}.proj_in.weight" in weights:
                x = transformer(part, x, context)
            elif f"{part}.op.weight" in weights:
                x = conv(f"{part}.op", x, 2)
            elif f"{part}.conv.weight" in weights:
                x = conv(f"{part}.conv", x.repeat(2, 1).repeat(2, 2))
            elif f"{part}.weight" in weights:
                x = conv(part, x)
        return x

    skips = []
    for i in range(6):
        x = block(f"input_blocks.{i}", x)
        skips.append(x)
    x = block("middle_block", x)
    for i in range(6):
        x = block(f"output_blocks.{i}", np.concatenate([x, skips.pop()]))
    return conv("out.2", silu(group_norm("out.0", x, 1e-5)))


def cubic(size, to):
    """The matrix of torch's bicubic interpolation along one side."""
    a, matrix = -0.75, np.zeros((to, size))
    for i in range(to):
        place = (i + 0.5) * size / to - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - tap)
            near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            matrix[i, min(max(tap, 0), size - 1)] += near if d <= 1 else far
    return matrix


def lens(latent):
    """Mean over heads and layers at the latent's size, one map a token."""
    total, layers = 0, 0
    for (h, w), found in maps.items():
        if h * 8 <= latent[0]:
            continue
        summed = sum(found).T.reshape(-1, h, w)
        total = total + np.maximum(cubic(h, latent[0]) @ summed @ cubic(w, latent[1]).T, 0)
        layers += len(found)
    return total / layers


recorded = load_file(STARTER / "expected.safetensors")
x, context = (recorded[name][0].astype(np.float64) for name in ("probe_x", "context"))
e_t = unet(x, float(recorded["probe_t"][0]), context)
print("e_t differs from the recorded one by", np.abs(e_t - recorded["probe_eps"][0]).max())
found = lens(x.shape[1:])
print("layers of each size:", {size: len(layers) for size, layers in maps.items()}, "sum of a position:", found.sum(0).min(), found.sum(0).max())
save_file({"maps": found.astype(np.float32)}, ROOT / "tests/golden/lens/starter.safetensors")
