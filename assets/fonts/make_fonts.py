"""Makes the fonts that the window uses. Run by hand; the results are kept beside this file.

    pip install fonttools
    python make_fonts.py INTER_FOLDER TABLER_TTF CJK_FONT
    python make_fonts.py CJK_FONT        # after a change of ../words/zh-Hans.ftl

INTER_FOLDER: the static OpenType files of Inter 4 (Debian package `fonts-inter`).
TABLER_TTF:   `tabler-icons-300.ttf` and its style sheet of npm `@tabler/icons-webfont`.
CJK_FONT:     `NotoSansCJK-Regular.ttc` (Debian package `fonts-noto-cjk`), for the tests' small font.

Inter: Latin, Greek, Cyrillic, signs; tabular figures put in the place of the plain ones, because
egui cannot switch OpenType features; contextual alternates dropped ("->" stays what was typed).
Icons: only those named in ../icons/names.txt, at U+E000 on, in that order.
CJK: only the characters that ../words/zh-Hans.ftl and the tests show.
"""

import pathlib
import re
import sys

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

HERE = pathlib.Path(__file__).parent
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x18F, 0x18F), (0x192, 0x192), (0x1A0, 0x1A1), (0x1AF, 0x1B0),
    (0x218, 0x21B), (0x2BB, 0x2BD), (0x2C6, 0x2DD), (0x300, 0x30F), (0x323, 0x323), (0x370, 0x3FF),
    (0x400, 0x45F), (0x490, 0x4FF), (0x1E80, 0x1EF9), (0x2010, 0x2027), (0x202F, 0x203A),
    (0x2044, 0x2044), (0x2070, 0x2094), (0x20A0, 0x20BF), (0x2116, 0x2122), (0x2150, 0x215E),
    (0x2190, 0x21B5), (0x21DE, 0x21E7), (0x2200, 0x22A5), (0x2303, 0x2327), (0x23CE, 0x23CE),
    (0x25A0, 0x25CF), (0x2605, 0x2606), (0x2713, 0x2717),
]


def keep(font, unicodes, features):
    options = subset.Options()
    options.layout_features = features
    options.notdef_outline = True
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += ["DSIG", "meta"]
    worker = subset.Subsetter(options)
    worker.populate(unicodes=unicodes)
    worker.subset(font)


def tabular(font):
    """Puts the glyphs of feature `tnum` where the plain figures are in the character map."""
    table = font["GSUB"].table
    pairs = {}
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for entry in table.LookupList.Lookup[index].SubTable:
                    entry = getattr(entry, "ExtSubTable", entry)
                    pairs.update(getattr(entry, "mapping", {}))
    for cmap in font["cmap"].tables:
        for code, name in list(cmap.cmap.items()):
            if 0x30 <= code <= 0x39 and name in pairs:
                cmap.cmap[code] = pairs[name]


def inter(folder):
    unicodes = [code for first, last in RANGES for code in range(first, last + 1)]
    for weight in ["Regular", "Medium", "SemiBold"]:
        font = TTFont(pathlib.Path(folder) / f"Inter-{weight}.otf")
        tabular(font)
        keep(font, unicodes, ["ccmp", "kern", "locl", "mark", "mkmk"])
        font.save(HERE / f"Inter-{weight}.otf")


def icons(path):
    names = (HERE / "../icons/names.txt").read_text().split()
    style = pathlib.Path(path).parent.parent / (pathlib.Path(path).stem + ".css")
    codes = dict(re.findall(r'\.ti-([a-z0-9-]+):before \{\s*content: "\\([0-9a-f]+)"', style.read_text()))
    font = TTFont(path)
    have = font.getBestCmap()
    wanted = {0xE000 + i: have[int(codes[name], 16)] for i, name in enumerate(names)}
    for cmap in font["cmap"].tables:
        cmap.cmap = dict(wanted)
    keep(font, list(wanted), [])
    # The source leaves the side bearings at 0, by which readers would move each icon to the left.
    for name in font["glyf"].keys():
        glyph = font["glyf"][name]
        glyph.expand(font["glyf"])
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (font["hmtx"][name][0], glyph.xMin)
    font.save(HERE / "../icons/icons.ttf")


def cjk(path):
    text = "".join(p.read_text() for p in sorted((HERE / "../words").glob("*.ftl")))
    wanted = {ord(c) for c in text + "一只红苹果狐狸" if ord(c) > 0x2E7F}
    font = next(f for f in TTCollection(path).fonts if f["name"].getDebugName(1) == "Noto Sans CJK SC")
    keep(font, wanted, [])
    font.save(HERE / "NotoSansCJKsc-words.otf")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        inter(sys.argv[1])
        icons(sys.argv[2])
    cjk(sys.argv[-1])
