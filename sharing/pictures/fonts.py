"""Fonts for every script that they cover: Noto, as two packages bring it (SIL Open Font License).

A character is drawn by the first font that has it. What none has is never drawn as an empty box: `find` says None.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont
from PIL import ImageFont

NOTO: Final = "manimgx_fonts"
CJK: Final = "noto_cjk_sans_jp_bold"
# Marks that belong to an emoji and are drawn by no glyph of their own.
JOINER, SELECTOR, KEYCAP = "\u200d", "\ufe0f", "\u20e3"
EMOJI_FROM: Final = 0x1F000


@dataclass(frozen=True)
class Face:
    """A font file; which characters it has is read when it is first asked."""

    path: Path

    @property
    def is_emoji(self) -> bool:
        return "Emoji" in self.path.name

    def has(self, cluster: str) -> bool:
        """Say whether it can draw a visible character, whatever marks it is made of."""
        known = _characters(self.path)
        return all(ord(each) in known or unicodedata.category(each) == "Cf" for each in _visible(cluster))


@cache
def faces() -> tuple[Face, ...]:
    """Return every font, in the order in which they are asked."""
    names = sorted(path.name for path in _folder(NOTO).glob("*.ttf")) if _folder(NOTO) else []
    plain = [name for name in names if name.startswith("NotoSans[")]
    last = [name for name in names if name.startswith(("NotoSansSymbols", "NotoEmoji"))]
    scripts = [name for name in names if "Italic" not in name and name not in plain + last]
    found = [_folder(NOTO) / name for name in plain + scripts]
    found += sorted(_folder(CJK).glob("*.otf")) + [_folder(NOTO) / name for name in sorted(last, reverse=True)]
    return tuple(Face(path) for path in found)


def find(cluster: str) -> Face | None:
    """Return the font that draws a visible character; None where there is none for it."""
    return next((face for face in _asked(cluster) if face.has(cluster)), None)


@cache
def sized(path: Path, size: int, weight: int) -> ImageFont.FreeTypeFont:
    """Return a font at a size in pixels, as heavy as it can be made up to `weight`."""
    font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.RAQM)
    if "[wght]" in path.name:
        font.set_variation_by_axes([weight])
    return font


def _asked(cluster: str) -> list[Face]:
    """Return the fonts in the order for one visible character: emoji look like emoji, not like letters."""
    is_emoji = ord(cluster[0]) >= EMOJI_FROM or any(mark in cluster for mark in (JOINER + SELECTOR + KEYCAP))
    return sorted(faces(), key=lambda face: is_emoji and not face.is_emoji)


def _visible(cluster: str) -> str:
    return cluster.replace(SELECTOR, "").replace(JOINER, "")


def _folder(package: str) -> Path:
    """Return the folder of a package of fonts; one that is not installed has none in it."""
    return Path(str(files(package))) if find_spec(package) else Path("/nonexistent")


@cache
def _characters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font["cmap"].getBestCmap())
