#!/usr/bin/env python3
"""Writes the window's snapshots again, smaller by a quarter: without an alpha channel that is opaque, and packed well.

    tools/shrink-snapshots.py [FILE…]     those that git sees as changed, where none is named

For after `UPDATE_SNAPSHOTS=1 cargo test --test it window`: the folder has a budget (`tests/it/tidy/space.rs`). The
pixels stay as they are. Needs Pillow.
"""
import pathlib
import subprocess
import sys

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent


def changed():
    told = subprocess.run(["git", "status", "--porcelain", "-z", "tests/snapshots"], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout
    return [ROOT / entry[3:] for entry in told.split("\0") if entry.endswith(".png")]


for path in [pathlib.Path(name) for name in sys.argv[1:]] or changed():
    if not path.is_file():
        continue
    picture, before = Image.open(path), path.stat().st_size
    if picture.mode == "RGBA" and picture.getextrema()[3] == (255, 255):
        picture = picture.convert("RGB")
    picture.save(path, optimize=True)
    print(f"{path.name}: {before} to {path.stat().st_size} bytes")
