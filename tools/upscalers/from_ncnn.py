"""Turns an upscaler of the ESRGAN family in ncnn's form into safetensors under Real-ESRGAN's names.

    python from_ncnn.py MODEL.param MODEL.bin OUT.safetensors

Needs numpy and safetensors. The layers of a .param lie in the network's order, so their numbers of channels tell which
network it is: an RRDBNet (convolutions with concatenations between) or an SRVGGNetCompact (convolutions with PReLU
between).
"""

import sys

import numpy as np
from safetensors.numpy import save_file

F16 = 0x01306B47


def layers(param):
    """Each layer's kind and its numbered values."""
    with open(param, encoding="utf-8") as file:
        lines = file.read().split("\n")[2:]
    for line in lines:
        words = line.split()
        if words:
            pairs = (word.split("=") for word in words[4:] if "=" in word)
            yield words[0], {int(key): value for key, value in pairs}


def weights(param, data):
    """(kind, weight, bias) of each layer that has numbers."""
    at = 0

    def take(count, kind):
        nonlocal at
        found = np.frombuffer(data, dtype=kind, count=count, offset=at)
        at += (found.nbytes + 3) // 4 * 4
        return found

    for kind, values in layers(param):
        if kind == "Convolution":
            out, side, count = int(values[0]), int(values[1]), int(values[6])
            flag = int(take(1, "<u4")[0])
            if flag not in (0, F16):
                sys.exit(f"expected weights in f32 or f16, found the flag {flag:#x}")
            weight = take(count, "<f2" if flag == F16 else "<f4")
            bias = take(out, "<f4") if values.get(5) == "1" else np.zeros(out, "<f4")
            yield kind, weight.reshape(out, -1, side, side), bias
        elif kind == "PReLU":
            yield kind, take(int(values[0]), "<f4"), None
    if at != len(data):
        sys.exit(f"expected {at} bytes of weights, found {len(data)}")


def names(count):
    """The convolutions of an RRDBNet, in their order."""
    blocks, rest = divmod(count - 6, 15)
    if rest or blocks < 1:
        sys.exit(f"expected an RRDBNet of two enlargements, found {count} convolutions")
    body = [f"body.{b}.rdb{r}.conv{c}" for b in range(blocks) for r in (1, 2, 3) for c in range(1, 6)]
    return ["conv_first", *body, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def main():
    param, binary, out = sys.argv[1:]
    with open(binary, "rb") as file:
        found = list(weights(param, file.read()))
    compact = any(kind == "PReLU" for kind, *_ in found)
    called = [f"body.{i}" for i in range(len(found))] if compact else names(len(found))
    tensors = {}
    for name, (_, weight, bias) in zip(called, found, strict=True):
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight)
        if bias is not None:
            tensors[f"{name}.bias"] = np.ascontiguousarray(bias.astype(weight.dtype))
    save_file(tensors, out)
    print(f"{out}: {len(found)} layers with numbers, {'SRVGGNetCompact' if compact else 'RRDBNet'}")


if __name__ == "__main__":
    main()
