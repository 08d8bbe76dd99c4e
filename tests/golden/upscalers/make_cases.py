"""Records what PyTorch's networks of the ESRGAN family make of a small picture, with small drawn weights in every
layout: the files as programs store them, and the results. The networks are spandrel's, which are the authors' own, with
two channels more for each convolution of a dense block instead of 32.

    python make_cases.py

Needs torch, safetensors, numpy and spandrel. Writes cases.safetensors.gz: `CASE/FILE` holds a file's bytes, `CASE/x`
the picture (1, 3, h, w) in [0, 1], `CASE/y` the result.
"""

import gzip
import io
import json
import pathlib

import numpy as np
import safetensors.torch
import torch
from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
from spandrel.architectures.ESRGAN.__arch import RRDB as arch

HERE = pathlib.Path(__file__).parent
BLOCK = arch.B.RRDB
arch.B.RRDB = lambda **how: BLOCK(**{**how, "gc": 2})


def drawn(net, seed):
    """Weights that keep numbers of one size; of few values, so that they pack well."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in net.state_dict().items():
        if tensor.dim() == 4:
            spread = 0.9 / (tensor[0].numel() ** 0.5)
        elif tensor.numel() and "bias" in name:
            spread = 0.1
        else:
            spread = 0.3
        step = spread / 2
        whole = (torch.randn(tensor.shape, generator=generator) * spread / step).round().clamp(-4, 4)
        tensor.copy_((whole * step).half().float())
    if isinstance(net, arch.RRDBNet):
        # Results about the middle of the range.
        tensor.copy_((tensor + 0.5).half().float())
    return net.eval()


def real_names(state):
    """The oldest layout's names as Real-ESRGAN's, for a network of two doublings or of one."""
    numbers = sorted({int(name.split(".")[1]) for name in state if name.split(".")[1].isdigit()} - {0, 1})
    ends = {numbers[-1]: "conv_last", numbers[-2]: "conv_hr"}
    ends |= {number: f"conv_up{i + 1}" for i, number in enumerate(numbers[:-2])}
    trunk = max(int(name.split(".")[3]) for name in state if name.startswith("model.1.sub."))
    out = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[1] == "0":
            new = ["conv_first", parts[2]]
        elif parts[1] == "1" and int(parts[3]) == trunk:
            new = ["conv_body", parts[4]]
        elif parts[1] == "1":
            _, _, _, block, dense, conv, *rest = parts
            new = ["body", block, dense.lower(), conv, rest[-1]]
        else:
            new = [ends[int(parts[1])], parts[2]]
        out[".".join(new)] = tensor
    return out


def second_names(state):
    def one(name):
        name = name.replace("conv_body", "trunk_conv").replace("body.", "RRDB_trunk.").replace(".rdb", ".RDB")
        return name.replace("conv_up", "upconv").replace("conv_hr", "HRconv")

    return {one(name): tensor for name, tensor in state.items()}


def torch_file(state):
    bytes_ = io.BytesIO()
    torch.save(state, bytes_)
    return "model.pth", bytes_.getvalue()


def safetensors_file(state):
    return "model.safetensors", safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()})


def main():
    torch.set_grad_enabled(False)
    halves = lambda state: {name: tensor.half() for name, tensor in state.items()}  # noqa: E731
    rrdb = lambda seed, **more: drawn(arch.RRDBNet(num_filters=4, num_blocks=1, **more), seed)  # noqa: E731
    old, two = rrdb(1, scale=4), rrdb(2, scale=2)
    real, plus2 = rrdb(3, scale=4), rrdb(4, scale=4, in_nc=12, shuffle_factor=2)
    plus1, esrgan_plus = rrdb(5, scale=4, in_nc=48, shuffle_factor=4), rrdb(6, scale=4, plus=True)
    compact = drawn(SRVGGNetCompact(num_feat=6, num_conv=3, upscale=4, act_type="prelu"), 7)
    second = second_names(halves(real_names(old.state_dict())))
    wrapped = {f"module.{name}": tensor for name, tensor in second.items()}
    cases = {
        "old": (old, torch_file(halves(old.state_dict()))),
        "old-x2": (two, safetensors_file(halves(two.state_dict()))),
        "plus": (esrgan_plus, torch_file(halves(esrgan_plus.state_dict()))),
        "new": (old, safetensors_file(wrapped)),
        "real": (real, torch_file({"params": {"a.weight": torch.zeros(1)}, "params_ema": halves(real_names(real.state_dict()))})),
        "real-x2plus": (plus2, torch_file({"params": halves(real_names(plus2.state_dict()))})),
        "real-x1": (plus1, safetensors_file(halves(real_names(plus1.state_dict())))),
        "compact": (compact, torch_file({"params": halves(compact.state_dict())})),
    }
    tensors, about = {}, {}
    for number, (name, (net, (file, bytes_))) in enumerate(cases.items()):
        x = torch.from_numpy(np.random.default_rng(number).random((1, 3, 4, 4), dtype=np.float32))
        x = (x * 255).round() / 255
        y = net(x)
        about[name] = {"file": file, "scale": y.shape[-1] // x.shape[-1]}
        tensors |= {f"{name}/{file}": torch.frombuffer(bytearray(bytes_), dtype=torch.uint8), f"{name}/x": x, f"{name}/y": y}
        print(name, tuple(y.shape), float(y.min()), float(y.max()), len(bytes_))
    blob = safetensors.torch.save(tensors, metadata={"about": json.dumps(about)})
    (HERE / "cases.safetensors.gz").write_bytes(gzip.compress(blob, 9, mtime=0))


if __name__ == "__main__":
    main()
