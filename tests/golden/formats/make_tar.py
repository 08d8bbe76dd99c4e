#!/usr/bin/env python3
"""Makes tar.ckpt: a torch file of the tar age, before torch.save wrote pickles in a row.

    pip install torch safetensors
    make_tar.py

No program writes such files any more, but torch.load reads them (`legacy_load` in torch/serialization.py), and
this follows that reader. A few tensors of `model.safetensors` lie under `state_dict` beside what training
adds; two share a storage, one is a part of a storage, one lies transposed. At the end torch itself reads the file,
and every tensor must be equal.
"""
import collections
import io
import pathlib
import pickle
import struct
import tarfile
import tempfile

import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent
NAMES = [
    "betas",
    "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight",
    "first_stage_model.post_quant_conv.weight",
    "model.diffusion_model.input_blocks.0.0.weight",
    "model.diffusion_model.out.2.bias",
    "model.diffusion_model.time_embed.0.bias",
    "model.diffusion_model.time_embed.0.weight",
]
CLASSES = {torch.float16: torch.HalfStorage, torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}


class Whole:
    """A storage: numbers in a row."""

    def __init__(self, tensor):
        self.tensor = tensor.contiguous().flatten()


class Part:
    """A storage that is a part of another."""

    def __init__(self, whole, first, count):
        self.whole, self.first, self.count = whole, first, count


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride


class Pickler(pickle.Pickler):
    """Numbers in place of tensors and storages, as torch took their addresses."""

    def __init__(self, out):
        super().__init__(out, 2)
        self.tensors = {}

    def persistent_id(self, thing):
        if not isinstance(thing, Tensor):
            return None
        return self.tensors.setdefault(id(thing), (94693140470944 + 112 * len(self.tensors), thing))[0]


def layout(state):
    """The tensors, with storages as old models shared them."""
    laid = collections.OrderedDict()
    for name, value in state.items():
        laid[name] = Tensor(Whole(value), 0, tuple(value.shape), value.stride())
    weight = state["model.diffusion_model.time_embed.0.weight"]
    laid["model.diffusion_model.time_embed.0.weight"] = Tensor(Whole(weight.t()), 0, tuple(weight.shape), (1, weight.shape[0]))
    both = Whole(torch.cat([state["model.diffusion_model.out.2.bias"], state["model.diffusion_model.time_embed.0.bias"]]))
    first = state["model.diffusion_model.out.2.bias"].numel()
    rest = state["model.diffusion_model.time_embed.0.bias"].numel()
    laid["model.diffusion_model.out.2.bias"] = Tensor(both, 0, (first,), (1,))
    laid["model.diffusion_model.time_embed.0.bias"] = Tensor(Part(both, first - 1, rest + 1), 1, (rest,), (1,))
    return laid


def members(thing):
    objects = io.BytesIO()
    pickler = Pickler(objects)
    pickler.dump(thing)
    storages, parts = {}, {}
    key_of = lambda storage: 41 + 8 * list(storages).index(id(storage))
    for _, tensor in pickler.tensors.values():
        whole = tensor.storage.whole if isinstance(tensor.storage, Part) else tensor.storage
        storages.setdefault(id(whole), whole)
        if isinstance(tensor.storage, Part):
            parts.setdefault(id(tensor.storage), (1 << 33, tensor.storage))
    out = {"sys_info": io.BytesIO(), "pickle": objects, "tensors": io.BytesIO(), "storages": io.BytesIO()}
    sizes = {"short": 2, "int": 4, "long": 8}
    pickle.dump({"protocol_version": 1000, "little_endian": True, "type_sizes": sizes}, out["sys_info"], 2)
    pickle.dump(len(pickler.tensors), out["tensors"], 2)
    for key, tensor in pickler.tensors.values():
        storage = tensor.storage
        storage_key = parts[id(storage)][0] if isinstance(storage, Part) else key_of(storage)
        kind = {torch.float16: torch.HalfTensor, torch.float32: torch.FloatTensor, torch.int64: torch.LongTensor}
        whole = storage.whole if isinstance(storage, Part) else storage
        pickle.dump((key, storage_key, kind[whole.tensor.dtype]), out["tensors"], 2)
        dimensions = len(tensor.size)
        out["tensors"].write(struct.pack(f"<q{2 * dimensions}qq", dimensions, *tensor.size, *tensor.stride, tensor.offset))
    pickle.dump(len(storages), out["storages"], 2)
    for storage in storages.values():
        pickle.dump((key_of(storage), "cpu", CLASSES[storage.tensor.dtype]), out["storages"], 2)
        out["storages"].write(struct.pack("<q", storage.tensor.numel()) + storage.tensor.numpy().tobytes())
    views = [(key, key_of(part.whole), part.first, part.count) for key, part in parts.values()]
    pickle.dump(views, out["storages"], 2)
    return {name: data.getvalue() for name, data in out.items()}


def packed(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            # A time with a fraction makes an extended header, as torch's files have it.
            info.size, info.mtime = len(data), 1488326400.5
            tar.addfile(info, io.BytesIO(data))
    # Two empty blocks end a tar; what pads it to a tape's record is left out.
    written = out.getvalue().rstrip(b"\0")
    return written.ljust(-(-len(written) // 512) * 512 + 1024, b"\0")


def main():
    model = load_file(HERE / "model.safetensors")
    state = {name: model[name] for name in NAMES}
    state["model_ema.num_updates"] = torch.tensor([470000])
    data = packed(members({"epoch": 12, "state_dict": layout(state), "lr_schedulers": []}))
    with tempfile.NamedTemporaryFile(suffix=".ckpt") as file:
        file.write(data)
        file.flush()
        read = torch.load(file.name, weights_only=False)["state_dict"]
    assert list(read) == list(state)
    for name, tensor in state.items():
        assert read[name].dtype == tensor.dtype and torch.equal(read[name], tensor), name
    (HERE / "tar.ckpt").write_bytes(data)
    print(f"{len(data)} bytes, {len(read)} tensors, which torch {torch.__version__} reads equal")


if __name__ == "__main__":
    main()
