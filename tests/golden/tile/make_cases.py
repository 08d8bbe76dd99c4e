"""Records PyTorch's convolutions of maps that continue on their other side along some axes, with zeros along the rest.

    python make_cases.py

Needs torch and safetensors. Writes cases.safetensors: `x` (2, 3, 5, 6), `FORM/weight`, `FORM/bias`, `FORM/AXES`.
"""

import pathlib

import safetensors.torch
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
# Kernel, stride, zeros before and after, and how many times larger the map is made before.
FORMS = {
    "one": (1, 1, 0, 0, 1),
    "three": (3, 1, 1, 1, 1),
    "strided": (3, 2, 1, 1, 1),
    "corner": (3, 2, 0, 1, 1),
    "enlarged": (3, 1, 1, 1, 2),
}


def main():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    x = draw(2, 3, 5, 6)
    tensors = {"x": x}
    for name, (kernel, stride, before, after, scale) in FORMS.items():
        weight, bias = draw(4, 3, kernel, kernel), draw(4)
        tensors |= {f"{name}/weight": weight, f"{name}/bias": bias}
        map_ = F.interpolate(x, scale_factor=scale, mode="nearest")
        for axes in ("x", "y", "xy"):
            across = (before, after, 0, 0)
            down = (0, 0, before, after)
            padded = F.pad(map_, across, mode="circular" if "x" in axes else "constant")
            padded = F.pad(padded, down, mode="circular" if "y" in axes else "constant")
            tensors[f"{name}/{axes}"] = F.conv2d(padded, weight, bias, stride)
    safetensors.torch.save_file(tensors, HERE / "cases.safetensors")


if __name__ == "__main__":
    main()
