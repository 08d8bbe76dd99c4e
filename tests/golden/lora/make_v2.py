#!/usr/bin/env python3
"""Makes v2.safetensors.gz: LoRA files for version 2's text encoder, and what diffusers draws with them.

    pip install torch diffusers transformers peft lycoris-lora safetensors
    python make_v2.py TOKENIZER_FOLDER

The model is `v2` of `../pipelines`, whose weights follow from their names. Adapters of its text encoder are random,
put in by PEFT or LyCORIS, and saved by these programs or under the names that others gave them. A case is laid out
as in `cases.safetensors.gz`. kohya's names are those of `networks/lora.py` for version 2: transformers' layers, dots
made underscores, behind `lora_te_`.
"""
import gzip, json, pathlib, sys, tempfile

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from lycoris import LycorisNetwork, create_lycoris
from peft import LoHaConfig, LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pipelines"))
import make_pipelines as small

CASE, REQUEST = small.CASES["v2"], small.REQUEST
TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
MARKS = ["lora_", "hada_", "lokr_"]
generator = torch.Generator().manual_seed(11)
torch.set_num_threads(1)
torch.set_grad_enabled(False)


def parts():
    networks = {
        "unet": UNet2DConditionModel(**CASE["unet"]),
        "vae": AutoencoderKL(**small.vae()),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**CASE["text"])),
    }
    for part, network in networks.items():
        small.fill(network, part, False)
    return networks


def draw(networks):
    folder = pathlib.Path(sys.argv[1])
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token="!")
    pipe = StableDiffusionPipeline(**networks, tokenizer=tokenizer, scheduler=DDIMScheduler(**small.DDIM),
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    common = dict(prompt=small.PROMPT, negative_prompt=small.NEGATIVE, num_inference_steps=REQUEST["steps"],
                  guidance_scale=REQUEST["guidance"], width=REQUEST["side"], height=REQUEST["side"])
    fresh = lambda: torch.Generator().manual_seed(REQUEST["seed"])
    latent = pipe(**common, generator=fresh(), output_type="latent").images
    picture = pipe(**common, generator=fresh(), output_type="np").images[0]
    return latent, torch.from_numpy(np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8))


def randomize(module, size):
    """Large random numbers, as fine as the file stores them."""
    for name, parameter in module.named_parameters():
        if "magnitude" in name or "dora_scale" in name:
            parameter.mul_(1 + 0.4 * torch.randn(parameter.shape, generator=generator))
        elif any(mark in name for mark in MARKS):
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
        else:
            continue
        parameter.copy_(parameter.half().float())


def adapted(config, size=0.35):
    networks = parts()
    inject_adapter_in_model(config, networks["text_encoder"])
    randomize(networks["text_encoder"], size)
    return networks


def scale(networks, strength):
    for layer in networks["text_encoder"].modules():
        if hasattr(layer, "set_scale"):
            layer.set_scale("default", strength)


def half(state):
    return {name: tensor.half().contiguous() for name, tensor in state.items()}


def state_of(networks):
    """The adapter's tensors under transformers' names as files have them, behind `text_model.`."""
    state = get_peft_model_state_dict(networks["text_encoder"])
    return {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state.items()}


def saved_by_diffusers(networks, config):
    with tempfile.TemporaryDirectory() as folder:
        StableDiffusionPipeline.save_lora_weights(folder, text_encoder_lora_layers=half(state_of(networks)),
                                                  text_encoder_lora_adapter_metadata=config.to_dict())
        return (pathlib.Path(folder) / "pytorch_lora_weights.safetensors").read_bytes()


def kohya(networks, alpha):
    out = {}
    for name, tensor in state_of(networks).items():
        module, part = name.split(".lora_")
        module = f"lora_te_{module.replace('.', '_')}"
        out[f"{module}.lora_{dict(A='down', B='up')[part[0]]}.weight"] = tensor
        out[f"{module}.alpha"] = torch.tensor(float(alpha))
    return save(half(out), {"ss_network_module": "networks.lora", "ss_v2": "True"})


def peft(networks, config):
    state = {f"base_model.model.{name}": tensor for name, tensor in state_of(networks).items()}
    told = {key: value for key, value in config.to_dict().items() if key in ("r", "alpha", "peft_type")}
    return {"adapter_model.safetensors": save(half(state)), "adapter_config.json": json.dumps(told).encode()}


def numbered(networks):
    """cloneofsimo's: of each layer k, v, q and out, without names."""
    state, out, header = state_of(networks), {}, {"text_encoder": '["CLIPAttention"]'}
    for number in range(4 * CASE["text"]["num_hidden_layers"]):
        end = ["k_proj", "v_proj", "q_proj", "out_proj"][number % 4]
        layer = f"text_model.encoder.layers.{number // 4}.self_attn.{end}"
        out[f"text_encoder:{number}:down"] = state[f"{layer}.lora_A.weight"]
        out[f"text_encoder:{number}:up"] = state[f"{layer}.lora_B.weight"]
        header[f"text_encoder:{number}:rank"] = "2"
    return save(half(out), header)


def lycoris(strength, size, **kwargs):
    networks = parts()
    LycorisNetwork.apply_preset({"target_module": ["CLIPAttention", "CLIPMLP"]})
    network = create_lycoris(networks["text_encoder"], strength, linear_dim=2, linear_alpha=1, **kwargs)
    network.apply_to()
    randomize(network, size)
    network.eval()
    prefix = lambda name: name.removeprefix("lycoris_").removeprefix("text_model_")
    state = {f"lora_te_text_model_{prefix(n)}": t for n, t in network.state_dict().items() if ".org_module" not in n}
    return save(half(state)), draw(networks)


def main():
    files, about = {}, {}
    expected = dict(zip(("expected/base/latent", "expected/base/picture"), draw(parts())))

    def case(name, contents, strength, picture):
        files.update({f"{name}/{file}": torch.frombuffer(bytearray(data), dtype=torch.uint8) for file, data in contents.items()})
        expected[f"expected/{name}/latent"], expected[f"expected/{name}/picture"] = picture
        about[name] = {"files": sorted(contents), "strength": strength}

    plain = LoraConfig(r=2, lora_alpha=3, target_modules=TARGETS, init_lora_weights=False)
    networks = adapted(plain)
    contents = {"diffusers": saved_by_diffusers(networks, plain), "kohya": kohya(networks, 3)}
    scale(networks, 0.8)
    picture = draw(networks)
    for name, data in contents.items():
        case(name, {"lora.safetensors": data}, 0.8, picture)

    attention = LoraConfig(r=2, lora_alpha=2, target_modules=TARGETS[:4], init_lora_weights=False)
    networks = adapted(attention)
    case("numbered", {"lora.safetensors": numbered(networks)}, 1.0, draw(networks))

    dora = LoraConfig(r=2, lora_alpha=3, target_modules=TARGETS, init_lora_weights=False, use_dora=True)
    networks = adapted(dora)
    data = saved_by_diffusers(networks, dora)
    scale(networks, 0.8)
    case("dora", {"lora.safetensors": data}, 0.8, draw(networks))

    loha = LoHaConfig(r=2, alpha=3, target_modules=TARGETS)
    networks = adapted(loha, 0.6)
    case("peft-loha", peft(networks, loha), 1.0, draw(networks))

    data, picture = lycoris(0.8, 0.7, algo="lokr", factor=2, decompose_both=True)
    case("lokr", {"lora.safetensors": data}, 0.8, picture)

    for name in about:
        difference = (expected[f"expected/{name}/picture"].int() - expected["expected/base/picture"].int()).abs().max().item()
        print(name, "differs from the plain model by", difference, {k: len(v) for k, v in files.items() if k.startswith(f"{name}/")})
        assert difference > 5, name
    out = save({k: v.contiguous().clone() for k, v in {**files, **expected}.items()}, {"about": json.dumps(about)})
    (HERE / "v2.safetensors.gz").write_bytes(gzip.compress(out, 9, mtime=0))


if __name__ == "__main__":
    main()
