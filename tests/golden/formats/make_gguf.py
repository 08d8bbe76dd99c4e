#!/usr/bin/env python3
"""Makes blocks.gguf and blocks.safetensors beside this script: one tensor of every type that is read, and the
numbers that gguf's own `dequantize` finds in it. Needs numpy, gguf and safetensors.
"""
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
QUANTIZED = [Q.Q8_0, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q4_K, Q.Q5_K, Q.Q6_K]
# Where the half floats of a block of the K types lie, in bytes.
HALVES = {Q.Q4_K: (0, 2), Q.Q5_K: (0, 2), Q.Q6_K: (208,)}


def main():
    draw = np.random.default_rng(5)
    writer = gguf.GGUFWriter(str(HERE / "blocks.gguf"), "sd1")
    writer.add_array("comfy.gguf.orig_shape.reshaped.weight", [4, 8, 4, 4])
    expected = {}
    for kind in QUANTIZED:
        name = f"{kind.name.lower()}.weight"
        if kind in HALVES:
            size = gguf.GGML_QUANT_SIZES[kind][1]
            packed = draw.integers(0, 256, (2, 2 * size), dtype=np.uint8)
            blocks = packed.reshape(-1, size)
            for at in HALVES[kind]:
                scales = (draw.standard_normal(len(blocks)) * 0.01).astype(np.float16)
                blocks[:, at:at + 2] = scales.view(np.uint8).reshape(-1, 2)
        else:
            packed = gguf.quants.quantize(draw.standard_normal((2, 512)).astype(np.float32), kind)
        expected[name] = gguf.quants.dequantize(packed, kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
    reshaped = gguf.quants.quantize(draw.standard_normal((2, 256)).astype(np.float32), Q.Q8_0)
    writer.add_tensor("reshaped.weight", reshaped, raw_dtype=Q.Q8_0)
    expected["reshaped.weight"] = gguf.quants.dequantize(reshaped, Q.Q8_0).reshape(4, 8, 4, 4)
    plain = draw.standard_normal((3, 5)).astype(np.float32)
    writer.add_tensor("f32.weight", plain)
    expected["f32.weight"] = plain
    writer.add_tensor("f16.weight", plain.astype(np.float16))
    expected["f16.weight"] = plain.astype(np.float16).astype(np.float32)
    brain = (plain.view(np.uint32) >> 16).astype(np.uint16)
    writer.add_tensor("bf16.weight", brain.view(np.uint8), raw_dtype=Q.BF16)
    expected["bf16.weight"] = (brain.astype(np.uint32) << 16).view(np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, str(HERE / "blocks.safetensors"))


main()
