"""What AUTOMATIC1111's web UI and compel make of weighted prompts with the starter's text encoder.

    python tools/prompts/embeddings.py WEBUI

WEBUI is a checkout of the web UI (1.10): its modules sd_hijack_clip, sd_emphasis and prompt_parser run as they are,
under stand-ins for the rest of it. Needs torch, transformers, safetensors, lark and compel (2.3). Writes
tests/golden/prompts/embeddings.safetensors.gz, which tests/it/engine/prompts.rs compares with.
"""

import gzip
import json
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
LONG = "a red apple, a green pear, a fox on a blue background, " * 2
# Of 192: weights act on all alike.
CHANNELS = 48
# Each prompt, and the texts that its schedule has over ten steps.
CASES = {
    "weights": ["a (red:1.4) [apple] on a ((blue)) background"],
    "escaped": [r"a \(red\) apple"],
    "nested": ["a (red (apple:1.5) on:0.8) blue"],
    "long": [LONG],
    "long-weighted": [f"(a fox:1.3), {LONG}(pear:0.5)"],
    "break": ["a red apple BREAK a (green:1.2) pear"],
    "schedule": ["a (fox:1.3)", "a (red:0.7) apple"],
    "schedule-longer": ["a fox", f"a (red:1.3) apple {LONG}"],
    "alternate": ["a (red:1.5) fox", "a blue fox"] * 5,
}
WEIGHTED = {
    "compel-up": ([["a ", "red", " apple on a ", "blue", " background"]], [[1.0, 1.4, 1.0, 1.2, 1.0]]),
    "compel-down": ([["a ", "red", " apple on a ", "blue", " background"]], [[1.0, 0.5, 1.0, 1.3, 1.0]]),
    "compel-none": ([["a ", "red", " apple"]], [[1.0, 0.0, 1.0]]),
}


def starter():
    weights = load_file(ROOT / "assets/starter/model.safetensors")
    prefix = "cond_stage_model.transformer."
    state = {name[len(prefix):]: value.float() for name, value in weights.items() if name.startswith(prefix)}
    vocabulary, width = state["text_model.embeddings.token_embedding.weight"].shape
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(ROOT / "assets/starter/tokenizer.json"), bos_token="<|startoftext|>",
        eos_token="<|endoftext|>", pad_token="<|endoftext|>", model_max_length=24)
    config = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=4,
        num_attention_heads=3, max_position_embeddings=24, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id)
    model = CLIPTextModel(config).eval()
    expected = set(model.state_dict())
    if not any(name in expected for name in state):
        state = {name.removeprefix("text_model."): value for name, value in state.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return tokenizer, model


def webui(folder, tokenizer, model):
    """The web UI's own embedder over the starter's, and its options."""
    sys.path.insert(0, str(folder))
    options = types.SimpleNamespace(
        emphasis="Original", comma_padding_backtrack=20, CLIP_stop_at_last_layers=1,
        use_old_emphasis_implementation=False, textual_inversion_add_hashes_to_infotext=False)
    stand_ins = {
        "shared": {"opts": options},
        "devices": {"device": torch.device("cpu"), "torch_npu_set_device": lambda: None},
        "sd_hijack": {"StableDiffusionModelHijack": object},
    }
    import modules
    for name, members in stand_ins.items():
        module = types.ModuleType(f"modules.{name}")
        module.__dict__.update(members)
        sys.modules[f"modules.{name}"] = module
        setattr(modules, name, module)
    from modules import sd_hijack_clip

    no_words = types.SimpleNamespace(find_embedding_at_position=lambda tokens, position: (None, None))
    hijack = types.SimpleNamespace(embedding_db=no_words, fixes=None, extra_generation_params={})
    if not hasattr(model, "text_model"):
        # Later transformers leave this level out.
        object.__setattr__(model, "text_model", model)
    wrapped = types.SimpleNamespace(tokenizer=tokenizer, transformer=model)
    embedder = sd_hijack_clip.FrozenCLIPEmbedderWithCustomWords.__new__(
        sd_hijack_clip.FrozenCLIPEmbedderWithCustomWords)
    torch.nn.Module.__init__(embedder)
    object.__setattr__(embedder, "wrapped", wrapped)
    embedder.hijack, embedder.tokenizer = hijack, tokenizer
    embedder.comma_token = tokenizer.get_vocab().get(",</w>")
    embedder.id_start, embedder.id_end = tokenizer.bos_token_id, tokenizer.eos_token_id
    embedder.id_pad = embedder.id_end
    embedder.chunk_length = 22
    return embedder, options


@torch.no_grad()
def main():
    tokenizer, model = starter()
    embedder, options = webui(Path(sys.argv[1]), tokenizer, model)
    recorded, about = {}, {}
    runs = [(name, "a1111", 1) for name in CASES]
    runs += [("weights", "none", 1), ("long-weighted", "none", 1), ("weights", "a1111", 2), ("long", "a1111", 3)]
    for name, emphasis, clip_skip in runs:
        options.emphasis = {"a1111": "Original", "none": "No norm"}[emphasis]
        options.CLIP_stop_at_last_layers = clip_skip
        key = f"{name}/{emphasis}/{clip_skip}"
        # Texts that take turns come back; the first two are all of them.
        recorded[key] = embedder(CASES[name])[:2, :, :CHANNELS].contiguous()
        about[key] = {"texts": CASES[name], "emphasis": emphasis, "clip_skip": clip_skip}
    from compel.embeddings_provider import DownweightMode, EmbeddingsProvider

    provider = EmbeddingsProvider(tokenizer, model, truncate=True, downweight_mode=DownweightMode.REMOVE)
    for name, (pieces, weights) in WEIGHTED.items():
        recorded[name] = provider.get_embeddings_for_weighted_prompt_fragments(
            pieces, weights)[:, :, :CHANNELS].contiguous()
        text = "".join(piece if weight == 1 else f"({piece}:{weight})" for piece, weight in zip(pieces[0], weights[0]))
        about[name] = {"texts": [text], "emphasis": "compel", "clip_skip": 1}
    out = ROOT / "tests/golden/prompts/embeddings.safetensors.gz"
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        file.write(save(recorded, {"about": json.dumps(about)}))
    for name, value in recorded.items():
        print(name, list(value.shape))


main()
