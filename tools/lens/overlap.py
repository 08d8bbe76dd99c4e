"""How well the lens finds things: 20 pictures of the starter, one thing on one color each.

    cargo build --release
    pip install numpy pillow safetensors
    python tools/lens/overlap.py target/release/safelight

For each it takes the cumulative map of the thing's word, enlarged to the picture and normalized (as DAAM does), and
counts what lies above the threshold against the pixels that are not background: their intersection over their union.
Beside it stand the same number for the full frame and for the word "background". Pixels are not background where they
differ from the color of the picture's border by more than 48 of 255 in some channel. With --tune other prompts are
used and every threshold is tried, so that the threshold is not chosen on what it is judged by.
"""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

JUDGED = [
    ("red", "apple", "blue"), ("orange", "fox", "green"), ("white", "rocket", "black"), ("pink", "octopus", "purple"),
    ("yellow", "sunflower", "blue"), ("white", "snowman", "pink"), ("brown", "guitar", "yellow"),
    ("green", "dinosaur", "orange"), ("brown", "owl", "purple"), ("white", "sailboat", "blue"),
    ("pink", "cupcake", "blue"), ("blue", "butterfly", "yellow"), ("red", "mushroom", "green"),
    ("green", "frog", "pink"), ("gray", "elephant", "orange"), ("yellow", "banana", "purple"),
    ("red", "car", "gray"), ("green", "cactus", "yellow"), ("purple", "grapes", "green"), ("brown", "bear", "blue"),
]
OTHERS = [
    ("yellow", "lemon", "blue"), ("brown", "dog", "green"), ("white", "rabbit", "purple"), ("red", "balloon", "yellow"),
    ("green", "turtle", "pink"), ("orange", "pumpkin", "black"), ("blue", "fish", "orange"), ("pink", "pig", "green"),
    ("white", "ghost", "purple"), ("brown", "violin", "blue"), ("red", "strawberry", "green"),
    ("yellow", "duck", "blue"), ("gray", "wolf", "orange"), ("green", "broccoli", "pink"), ("red", "crab", "yellow"),
    ("black", "penguin", "orange"), ("brown", "cookie", "blue"), ("orange", "tiger", "green"),
    ("blue", "whale", "yellow"), ("red", "rose", "gray"),
]


def draw(program, folder, name, prompt, seed):
    picture, trace = folder / f"{name}.png", folder / f"{name}.safetensors"
    subprocess.run(
        [program, "generate", prompt, "--seed", str(seed), "--no-negative", "--force", "-o", picture,
         "--trace", trace, "--lens", "background", "--lens-out", folder / f"{name}-lens.png"],
        check=True, capture_output=True,
    )
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    border = np.concatenate([pixels[:6].reshape(-1, 3), pixels[-6:].reshape(-1, 3),
                             pixels[:, :6].reshape(-1, 3), pixels[:, -6:].reshape(-1, 3)])
    thing = np.abs(pixels - np.median(border, axis=0)).max(-1) > 48
    words = {key.split(".", 2)[2]: value for key, value in load_file(trace).items() if key.startswith("lens.")}
    return thing, words


def enlarged(map, shape):
    large = Image.fromarray(map.astype(np.float32), mode="F").resize(shape[::-1], Image.BICUBIC)
    large = np.asarray(large)
    return (large - large.min()) / max(large.max() - large.min(), 1e-12)


def overlap(found, thing):
    return (found & thing).sum() / max((found | thing).sum(), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--threshold", type=float, default=0.55)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the pictures and maps")
    given = parser.parse_args()
    folder = given.keep or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    rows, thresholds = [], np.arange(0.1, 0.9, 0.05)
    for color, word, ground in OTHERS if given.tune else JUDGED:
        thing, words = draw(given.program, folder, word, f"a {color} {word} on a {ground} background", given.seed)
        maps = [enlarged(words[name], thing.shape) for name in (word, "background")]
        full = overlap(np.ones_like(thing), thing)
        rows.append([[*(overlap(map > threshold, thing) for map in maps), full]
                     for threshold in [given.threshold, *thresholds]])
        own, other, frame = rows[-1][0]
        print(f"{word:12} {own:.3f}   full frame {frame:.3f}   background {other:.3f}")
    means = np.mean(rows, axis=0)
    own, other, frame = means[0]
    print(f"mean at {given.threshold}: word {own:.3f}, full frame {frame:.3f}, background {other:.3f}; "
          f"ahead of them by {own - frame:.3f} and {own - other:.3f}")
    if given.tune:
        for threshold, (own, other, frame) in zip(thresholds, means[1:]):
            print(f"  {threshold:.2f}: word {own:.3f}, full frame {frame:.3f}, background {other:.3f}")


if __name__ == "__main__":
    main()
