#!/usr/bin/env python3
"""Makes cases.safetensors.gz: LoRA files of every writer, and what diffusers draws with them.

    pip install torch diffusers transformers peft lycoris-lora safetensors
    python make_cases.py [SEED]

The model is `../formats/diffusers` with a schedule of 1000 steps (`config.yaml` here). Adapters are random, put
in by PEFT or LyCORIS, and saved by these programs or under the names that others gave them. A case is `NAME/…`:
its files as bytes, and under `expected/NAME` the last latent and the picture of diffusers' own
StableDiffusionPipeline with DDIM. `about` in the header tells the strengths.
"""
import copy, gzip, io, json, pathlib, sys, tempfile

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from lycoris import LycorisNetwork, create_lycoris
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import load_file, save, save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = pathlib.Path(__file__).parent
BASE = HERE.parent / "formats"
PROMPT, NEGATIVE, STEPS, GUIDANCE, SEED = "a red tomato", "rain", 5, 4.0, 3
VOCABULARY = json.loads((BASE / "tokenizer.json").read_text())["model"]["vocab"]
generator = torch.Generator().manual_seed(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
torch.set_num_threads(1)
torch.set_grad_enabled(False)

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
LINEAR = ATTENTION + ["ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "time_emb_proj", "linear_1"]
CONVOLUTION = ["conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "conv_in"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def parts():
    unet = UNet2DConditionModel.from_pretrained(BASE / "diffusers/unet", torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(BASE / "diffusers/vae", torch_dtype=torch.float32)
    config = json.loads((BASE / "diffusers/text_encoder/config.json").read_text())
    config.update(vocab_size=len(VOCABULARY), dtype="float32")
    text = CLIPTextModel(CLIPTextConfig(**config))
    stored = load_file(BASE / "diffusers/text_encoder/model.safetensors")
    own = text.state_dict()
    strip = lambda name: name.removeprefix("text_model.")
    stored = {strip(k): v.float() for k, v in stored.items() if "position_ids" not in k}
    missing = text.load_state_dict({k: stored[strip(k)] for k in own if strip(k) in stored}, strict=False)
    assert not [k for k in missing.missing_keys if "position_ids" not in k], missing
    return unet.eval(), vae.eval(), text.eval()


def ids(prompt):
    tokens = [VOCABULARY.get(letter, VOCABULARY["?"]) for letter in prompt if letter != " "]
    tokens = [VOCABULARY["<|startoftext|>"]] + tokens
    return torch.tensor([tokens + [VOCABULARY["<|endoftext|>"]] * (77 - len(tokens))])


def draw(unet, vae, text, embed=lambda text, prompt: text(ids(prompt)).last_hidden_state, guidance=GUIDANCE):
    """diffusers' own pipeline, DDIM, from torch's CPU noise."""
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
        clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="leading",
    )
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=None, unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(SEED))
    common = dict(
        prompt_embeds=embed(text, PROMPT), negative_prompt_embeds=embed(text, NEGATIVE), latents=latents,
        num_inference_steps=STEPS, guidance_scale=guidance,
    )
    latent = pipe(**common, output_type="latent").images
    picture = pipe(**common, output_type="np").images[0]
    return latent, torch.tensor((picture * 255).round().astype("uint8"))


def randomize(module, marks, size=0.35):
    """Random numbers in place of an adapter's first ones, so large that the picture changes much."""
    for name, parameter in module.named_parameters():
        if any(mark in name for mark in marks):
            if "magnitude" in name or "dora_scale" in name:
                parameter.mul_(1 + 0.4 * torch.randn(parameter.shape, generator=generator))
            else:
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))


PEFT_MARKS = ["lora_A", "lora_B", "lora_magnitude_vector", "hada_", "lokr_"]


def half(state):
    return {name: tensor.half().contiguous() for name, tensor in state.items()}


def rounded(module, marks):
    """Adapters are stored in f16: the truth computes with the same numbers."""
    for name, parameter in module.named_parameters():
        if any(mark in name for mark in marks):
            parameter.copy_(parameter.half().float())


def peft(config, text_config=None, size=0.35):
    unet, vae, text = parts()
    inject_adapter_in_model(config, unet)
    if text_config:
        inject_adapter_in_model(text_config, text)
    for module in (unet, text):
        randomize(module, PEFT_MARKS, size)
        rounded(module, PEFT_MARKS)
    return unet.eval(), vae, text.eval()


def scale_peft(module, strength):
    for layer in module.modules():
        if hasattr(layer, "set_scale"):
            layer.set_scale("default", strength)


files, expected, about = {}, {}, {}


def case(name, contents, strength, picture):
    for file, data in contents.items():
        files[f"{name}/{file}"] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    expected[f"expected/{name}/latent"], expected[f"expected/{name}/picture"] = picture
    about[name] = {"files": sorted(contents), "strength": strength}
    print(name, {k: len(v) for k, v in contents.items()})


def lora(targets, rank=2, alpha=3, **kwargs):
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False, **kwargs)


def plain(module):
    return get_peft_model_state_dict(module)


def saved_by_diffusers(unet, text, unet_config, text_config):
    with tempfile.TemporaryDirectory() as folder:
        StableDiffusionPipeline.save_lora_weights(
            folder, unet_lora_layers=half(plain(unet)), text_encoder_lora_layers=half(plain(text)) if text else None,
            unet_lora_adapter_metadata=unet_config.to_dict(),
            text_encoder_lora_adapter_metadata=text_config.to_dict() if text else None,
        )
        return (pathlib.Path(folder) / "pytorch_lora_weights.safetensors").read_bytes()


def kohya_name(prefix, name):
    module, part = name.split(".lora_")
    return f"{prefix}_{module.replace('.', '_')}", {"A.weight": "lora_down.weight", "B.weight": "lora_up.weight"}[part]


def kohya(unet, text, alpha, text_alpha):
    out = {}
    for prefix, module, own in (("lora_unet", unet, alpha), ("lora_te", text, text_alpha)):
        for name, tensor in plain(module).items():
            if prefix == "lora_te" and not name.startswith("text_model."):
                name = f"text_model.{name}"
            module_name, part = kohya_name(prefix, name)
            out[f"{module_name}.{part}"] = tensor
            out[f"{module_name}.alpha"] = torch.tensor(float(own))
    return save(half(out), {"ss_network_module": "networks.lora"})


def legacy(unet, text):
    """diffusers' names before PEFT: attention processors, and linear layers of the text encoder."""
    out = {}
    part = lambda name: "down.weight" if ".lora_A" in name else "up.weight"
    for name, tensor in plain(unet).items():
        layer = name.split(".lora_")[0].removesuffix(".0")
        before, last = layer.rsplit(".", 1)
        out[f"unet.{before}.processor.{last}_lora.{part(name)}"] = tensor
    for name, tensor in plain(text).items():
        layer = "text_model." + name.split(".lora_")[0].removeprefix("text_model.")
        out[f"text_encoder.{layer}.lora_linear_layer.{part(name)}"] = tensor
    return save(half(out))


def numbered(unet, text):
    """cloneofsimo's: layers in the order of that day's diffusers (up before mid, ff before attn2)."""
    state, order = plain(unet), []
    blocks = [f"{group}_blocks.{i}" for group in ("down", "up") for i in range(2)] + ["mid_block"]
    layers = sorted({name.split(".lora_")[0] for name in state})
    for block in blocks:
        of_block = [layer for layer in layers if layer.startswith(block + ".")]
        for start in sorted({layer.split(".attn")[0].split(".ff")[0] for layer in of_block}):
            order += [f"{start}.attn1.{end}" for end in ATTENTION] + [f"{start}.ff.net.0.proj"]
            order += [f"{start}.attn2.{end}" for end in ATTENTION]
    assert sorted(order) == layers
    out, header = {}, {"unet": '["CrossAttention", "Attention", "GEGLU"]', "text_encoder": '["CLIPAttention"]'}
    for number, layer in enumerate(order):
        out[f"unet:{number}:down"], out[f"unet:{number}:up"] = state[f"{layer}.lora_A.weight"], state[f"{layer}.lora_B.weight"]
        header[f"unet:{number}:rank"] = "2"
    state = plain(text)
    start = min(state).split("encoder.layers")[0]
    for number in range(8):
        layer = f"{start}encoder.layers.{number // 4}.self_attn.{['k_proj', 'v_proj', 'q_proj', 'out_proj'][number % 4]}"
        out[f"text_encoder:{number}:down"] = state[f"{layer}.lora_A.weight"]
        out[f"text_encoder:{number}:up"] = state[f"{layer}.lora_B.weight"]
        header[f"text_encoder:{number}:rank"] = "2"
    return save(half(out), header)


def lycoris(strength, marks, size=0.35, **kwargs):
    unet, vae, text = parts()
    LycorisNetwork.apply_preset({"target_module": ["ResnetBlock2D", "BasicTransformerBlock", "Transformer2DModel", "Downsample2D"]})
    network = create_lycoris(unet, strength, linear_dim=2, linear_alpha=1, conv_dim=2, conv_alpha=3, **kwargs)
    network.apply_to()
    randomize(network, marks, size)
    rounded(network, marks)
    network.eval()
    state = {name.replace("lycoris_", "lora_unet_"): tensor for name, tensor in network.state_dict().items() if ".org_module" not in name}
    return {"lora.safetensors": save(half(state))}, draw(unet, vae, text)


def main():
    unet, vae, text = parts()
    expected["expected/base/latent"], expected["expected/base/picture"] = draw(unet, vae, text)
    unet_config, text_config = lora(LINEAR + CONVOLUTION), lora(TEXT, alpha=1)
    unet, vae, text = peft(unet_config, text_config)
    contents = {"diffusers": saved_by_diffusers(unet, text, unet_config, text_config), "kohya": kohya(unet, text, 3, 1)}
    scale_peft(unet, 0.8), scale_peft(text, 0.8)
    picture = draw(unet, vae, text)
    for name, data in contents.items():
        case(name, {"lora.safetensors": data}, 0.8, picture)

    attention, text_attention = lora(ATTENTION, alpha=2), lora(["q_proj", "k_proj", "v_proj", "out_proj"], alpha=2)
    unet, vae, text = peft(attention, text_attention, 0.9)
    case("legacy", {"lora.safetensors": legacy(unet, text)}, 1.0, draw(unet, vae, text))
    geglu = lora(ATTENTION + ["ff.net.0.proj"], alpha=2)
    unet, vae, text = peft(geglu, text_attention, 0.9)
    case("numbered", {"lora.safetensors": numbered(unet, text)}, 1.0, draw(unet, vae, text))

    dora, text_dora = lora(LINEAR + CONVOLUTION, use_dora=True), lora(TEXT, alpha=1, use_dora=True)
    unet, vae, text = peft(dora, text_dora)
    data = saved_by_diffusers(unet, text, dora, text_dora)
    scale_peft(unet, 0.8), scale_peft(text, 0.8)
    case("dora", {"lora.safetensors": data}, 0.8, draw(unet, vae, text))

    for name, config in {
        "peft-loha": LoHaConfig(r=2, alpha=3, target_modules=LINEAR + CONVOLUTION, use_effective_conv2d=True),
        "peft-lokr": LoKrConfig(r=2, alpha=3, target_modules=LINEAR + CONVOLUTION, decompose_both=True, decompose_factor=2),
    }.items():
        unet, vae, text = peft(config, size=0.6)
        state = {f"base_model.model.{key}": value for key, value in plain(unet).items()}
        described = json.dumps({k: v for k, v in config.to_dict().items() if k in ("r", "alpha", "peft_type")})
        contents = {"adapter_model.safetensors": save(half(state)), "adapter_config.json": described.encode()}
        case(name, contents, 1.0, draw(unet, vae, text))

    hada, lokr = ["hada_"], ["lokr_"]
    case("loha", *_with(0.8, lycoris(0.8, hada, algo="loha", size=0.9)))
    case("loha-tucker", *_with(1.0, lycoris(1.0, hada, algo="loha", use_tucker=True, size=0.9)))
    case("lokr", *_with(0.8, lycoris(0.8, lokr, algo="lokr", factor=2, decompose_both=True, size=0.7)))
    case("lokr-tucker", *_with(1.0, lycoris(1.0, lokr, algo="lokr", factor=2, use_tucker=True, size=0.7)))
    case("locon-tucker", *_with(0.8, lycoris(0.8, ["lora_"], algo="locon", use_tucker=True, size=0.6)))
    case("locon-dora", *_with(1.0, lycoris(1.0, ["lora_", "dora_scale"], algo="locon", weight_decompose=True)))
    both = dict(algo="locon", weight_decompose=True, wd_on_out=False)
    case("locon-dora-in", *_with(1.0, lycoris(1.0, ["lora_", "dora_scale"], **both)))

    embeddings()
    out = save({k: v.contiguous().clone() for k, v in {**files, **expected}.items()}, {"about": json.dumps(about)})
    (HERE / "cases.safetensors.gz").write_bytes(gzip.compress(out, 9, mtime=0))
    base = expected["expected/base/picture"].int()
    for name in about:
        difference = (expected[f"expected/{name}/picture"].int() - base).abs().max().item()
        print(name, "differs from the plain model by", difference)
        assert difference > 5, name


def embeddings():
    """Two words: "t" of 24 vectors as A1111 stores it, "dog" of one as diffusers does."""
    vectors = {word: 3 * torch.randn((count, 4), generator=generator) for word, count in (("t", 24), ("dog", 1))}
    unet, vae, text = parts()

    def embed(text, prompt):
        """A word's ids (one a letter here) give way to new ones, whose rows are its vectors."""
        tokens, added = ids(prompt)[0].tolist(), []
        for word, rows in sorted(vectors.items(), key=lambda item: -len(item[0])):
            own = [VOCABULARY[letter] for letter in word]
            new = [len(VOCABULARY) + len(added) + i for i in range(len(rows))]
            added += list(rows)
            at = 0
            while at + len(own) <= len(tokens):
                if tokens[at : at + len(own)] == own:
                    tokens[at : at + len(own)] = new
                    at += len(new)
                else:
                    at += 1
        grown = copy.deepcopy(text)
        grown.resize_token_embeddings(len(VOCABULARY) + len(added), mean_resizing=False)
        grown.get_input_embeddings().weight[len(VOCABULARY):] = torch.stack(added)
        tokens = (tokens + [VOCABULARY["<|endoftext|>"]] * 77)[:77]
        return grown(torch.tensor([tokens])).last_hidden_state

    old = io.BytesIO()
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": vectors["t"]}, "name": "t", "step": 9}, old)
    new = io.BytesIO()
    torch.save({"dog": vectors["dog"][0]}, new)
    contents = {"t.pt": old.getvalue(), "learned_embeds.bin": new.getvalue(),
                "t.safetensors": save({"emb_params": vectors["t"]})}
    case("embeddings", contents, 1.0, draw(unet, vae, text, embed, 40.0))


def _with(strength, made):
    contents, picture = made
    return contents, strength, picture


if __name__ == "__main__":
    main()
