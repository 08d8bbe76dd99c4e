#!/usr/bin/env python3
"""Makes the small checkpoint fixtures beside this script. Needs Python 3.9 and nothing else.

    make_fixtures.py FORMATS_FOLDER

FORMATS_FOLDER holds one small model as `model.safetensors`, `model.ckpt`, `diffusers/` and
`evil.ckpt`, written by torch and diffusers. Every dimension of 32 or more is cut to an eighth, so
that all names stay and the numbers still agree between the layouts, which are then written again
with the opcodes and headers that torch itself uses.
"""
import collections
import io
import json
import pathlib
import pickle
import shutil
import struct
import sys
import types
import zipfile

HERE = pathlib.Path(__file__).parent
SIZES = {"F16": 2, "F32": 4, "I64": 8, "I32": 4}
STORAGES = {"F16": "HalfStorage", "F32": "FloatStorage", "I64": "LongStorage", "I32": "IntStorage"}


def cut(dimension):
    """An eighth of a width; the vocabulary and the schedule shrink further, 77 positions stay."""
    if dimension >= 1000:
        return 16
    return dimension // 8 if dimension >= 32 and dimension % 8 == 0 else dimension


def sliced(shape, data, size):
    """The first `cut` entries along each dimension."""
    if not shape:
        return [], data
    new = [cut(d) for d in shape]
    step = [size]
    for d in reversed(shape[1:]):
        step.insert(0, step[0] * d)
    out = bytearray()

    def walk(axis, at):
        if axis == len(shape):
            out.extend(data[at : at + size])
            return
        for index in range(new[axis]):
            walk(axis + 1, at + index * step[axis])

    walk(0, 0)
    return new, bytes(out)


def read_safetensors(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        start, end = info["data_offsets"]
        data = raw[8 + length + start : 8 + length + end]
        shape, data = sliced(info["shape"], data, SIZES[info["dtype"]])
        tensors[name] = (info["dtype"], shape, data)
    return tensors


def write_safetensors(path, tensors):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, data) in sorted(tensors.items()):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


# Stand-ins that pickle under torch's names.
def module(name):
    made = sys.modules[name] = types.ModuleType(name)
    return made


def named(where, name, thing):
    thing.__module__, thing.__name__, thing.__qualname__ = where.__name__, name, name
    setattr(where, name, thing)
    return thing


torch, utils = module("torch"), module("torch._utils")
callbacks = [module(n) for n in ("pytorch_lightning", "pytorch_lightning.callbacks")][-1]
callbacks = module("pytorch_lightning.callbacks.model_checkpoint")
rebuild = named(utils, "_rebuild_tensor_v2", lambda *arguments: None)
for storage in STORAGES.values():
    named(torch, storage, type(storage, (), {}))
checkpoint_class = named(callbacks, "ModelCheckpoint", type("ModelCheckpoint", (), {}))


class Stored:
    def __init__(self, dtype, data):
        self.dtype, self.data, self.count = dtype, data, len(data) // SIZES[dtype]


class Tensor:
    def __init__(self, dtype, shape, data, transposed=False):
        self.shape = tuple(shape)
        self.stride = []
        for d in reversed(shape):
            self.stride.insert(0, self.stride[0] * self.above if self.stride else 1)
            self.above = d
        if transposed:
            rows, columns, size = shape[0], shape[1], SIZES[dtype]
            cell = lambda r, c: data[(r * columns + c) * size : (r * columns + c + 1) * size]
            data = b"".join(cell(r, c) for c in range(columns) for r in range(rows))
            self.stride = [1, rows]
        self.storage = Stored(dtype, data)

    def __reduce_ex__(self, protocol):
        return rebuild, (self.storage, 0, self.shape, tuple(self.stride), False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def __init__(self, out, protocol, legacy):
        super().__init__(out, protocol)
        self.storages, self.legacy = [], legacy

    def persistent_id(self, thing):
        if not isinstance(thing, Stored):
            return None
        if thing not in self.storages:
            self.storages.append(thing)
        key = self.storages.index(thing)
        kind = getattr(torch, STORAGES[thing.dtype])
        if self.legacy:
            return ("storage", kind, str(94693140470944 + 112 * key), "cpu", thing.count, None)
        return ("storage", kind, str(key), "cpu", thing.count)


def write_zip(path, thing, protocol=2):
    """Stored entries whose data begin at multiples of 64, as torch writes them."""
    out = io.BytesIO()
    pickler = Pickler(out, protocol, legacy=False)
    pickler.dump(thing)
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = path.stem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def add(name, data):
            info = zipfile.ZipInfo(f"{stem}/{name}", (1980, 1, 1, 0, 0, 0))
            start = archive.fp.tell() + 30 + len(info.filename)
            padding = (-start - 4) % 64
            info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            archive.writestr(info, data)

        add("data.pkl", out.getvalue())
        add("byteorder", b"little")
        for key, storage in enumerate(pickler.storages):
            add(f"data/{key}", storage.data)
        add("version", b"3\n")


def write_legacy(path, thing):
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with path.open("wb") as out:
        for part in (0x1950A86A20F9469CFC6C, 1001, sizes):
            pickle.dump(part, out, 2)
        pickler = Pickler(out, 2, legacy=True)
        pickler.dump(thing)
        order = list(range(len(pickler.storages)))[::-1]
        pickle.dump([str(94693140470944 + 112 * key) for key in order], out, 2)
        for key in order:
            storage = pickler.storages[key]
            out.write(struct.pack("<q", storage.count) + storage.data)


def lightning(tensors):
    """What a Lightning training file holds: averages, counters, callbacks, optimizer state."""
    state = {name: Tensor(*t, transposed=name.endswith("time_embed.0.weight")) for name, t in tensors.items()}
    first = "model.diffusion_model.input_blocks.0.0.weight"
    state["model_ema.decay"] = Tensor("F32", [], struct.pack("<f", 0.9999))
    state["model_ema.num_updates"] = Tensor("I32", [], struct.pack("<i", 470000))
    state["model_ema.diffusion_modelinput_blocks00weight"] = Tensor(*tensors[first])
    state["cond_stage_model.transformer.text_model.embeddings.position_ids"] = Tensor(
        "I64", [1, 77], struct.pack("<77q", *range(77))
    )
    score = Tensor("F32", [], struct.pack("<f", 0.25))
    moments = {0: {"step": 3, "exp_avg": Tensor("F32", [4], bytes(16))}}
    return {
        "epoch": 12,
        "global_step": 470000,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": state,
        "callbacks": {checkpoint_class: {"monitor": "val/loss_simple_ema", "best_model_score": score}},
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 0.0001}]}],
        "lr_schedulers": [],
    }


def scaled_config(path, out):
    config = json.loads(path.read_text())
    for key in ("block_out_channels", "cross_attention_dim", "hidden_size", "intermediate_size"):
        if key in config:
            value = config[key]
            config[key] = [cut(v) for v in value] if isinstance(value, list) else cut(value)
    if "norm_num_groups" in config:
        config["norm_num_groups"] = 2
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(config, indent=1) + "\n")


OLD_ATTENTION = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}


def old_vae_name(name):
    for new, old in OLD_ATTENTION.items():
        name = name.replace(f"attentions.0.{new}", f"attentions.0.{old}")
    return name


def write_folders(source):
    weights = "diffusion_pytorch_model"
    unet = read_safetensors(source / "unet" / f"{weights}.safetensors")
    vae = read_safetensors(source / "vae" / f"{weights}.safetensors")
    text = read_safetensors(source / "text_encoder" / "model.safetensors")
    new, old = HERE / "diffusers", HERE / "diffusers-old"
    for folder in (new, old):
        for part in ("unet", "vae", "text_encoder"):
            scaled_config(source / part / "config.json", folder / part / "config.json")
        scaled_config(source / "scheduler/scheduler_config.json", folder / "scheduler/scheduler_config.json")
        shutil.copyfile(source / "model_index.json", folder / "model_index.json")
    write_safetensors(new / "unet" / f"{weights}.safetensors", unet)
    write_safetensors(new / "vae" / f"{weights}.safetensors", vae)
    write_safetensors(new / "text_encoder" / "model.safetensors", text)

    write_safetensors(old / "unet" / f"{weights}.fp16.safetensors", unet)
    renamed = collections.OrderedDict((old_vae_name(name), Tensor(*t)) for name, t in vae.items())
    write_zip(old / "vae" / f"{weights}.bin", renamed, protocol=4)
    shards = [{}, {}]
    for index, (name, tensor) in enumerate(sorted(text.items())):
        shards[index % 2][f"text_model.{name}"] = tensor
    files = [f"model-{n}-of-00002.safetensors" for n in ("00001", "00002")]
    for file, shard in zip(files, shards):
        write_safetensors(old / "text_encoder" / file, shard)
    weight_map = {name: file for file, shard in zip(files, shards) for name in shard}
    index = old / "text_encoder" / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}, indent=0) + "\n")


def main():
    source = pathlib.Path(sys.argv[1])
    tensors = read_safetensors(source / "model.safetensors")
    write_safetensors(HERE / "model.safetensors", tensors)
    write_zip(HERE / "model.ckpt", lightning(tensors))
    write_legacy(HERE / "model-legacy.ckpt", lightning(tensors))
    write_zip(HERE / "bare.ckpt", {name: Tensor(*t) for name, t in tensors.items()})
    write_folders(source / "diffusers")
    shutil.copyfile(source / "evil.ckpt", HERE / "evil.ckpt")


if __name__ == "__main__":
    main()
