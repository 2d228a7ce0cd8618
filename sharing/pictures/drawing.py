"""Drawing: paper, site, headline or quotation, who said it. One picture at a time in each process."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import Final

from PIL import Image, ImageDraw

from project.errors import Problem
from sharing.pictures.fonts import faces, sized
from sharing.pictures.lines import Line, Style, language_of, set_lines
from sharing.pictures.words import HEIGHT, WIDTH, Words, height_of

# The colours of our pages.
PAPER, INK, SOFT, ACCENT = "#fdfcf9", "#1d1b18", "#5c574f", "#7a1f1f"
MARGIN: Final = 80
MEASURE: Final = WIDTH - 2 * MARGIN
BAR: Final = 16
TOP: Final = 64
FOOT: Final = 556
# Sizes of a headline or quotation and how many lines of it there is room for, the largest that it fits into first.
SIZES: Final = ((76, 3), (64, 4), (52, 5))
LEADING: Final = 1.36
SMALL: Final = 32
# Seconds that a request waits for its turn: FreeType's fonts are for one thread, and drawing is all processor.
PATIENCE: Final = 5.0

_turn = threading.Lock()


def draw(words: Words, comments: int, width: int) -> bytes:
    """Return the picture as PNG; some 50 ms of processor time.

    Problem unavailable: others are being drawn, and none of them ended in time.
    """
    if not _turn.acquire(timeout=PATIENCE):
        raise Problem("unavailable", "Too many pictures are being drawn.", headers={"Retry-After": "5"})
    try:
        picture = _drawn(words, comments)
    finally:
        _turn.release()
    if width != WIDTH:
        picture = picture.resize((width, height_of(width)), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, "PNG", optimize=False)
    return target.getvalue()


def _drawn(words: Words, comments: int) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, WIDTH, BAR), fill=ACCENT)
    pen.line((MARGIN, FOOT - 34, WIDTH - MARGIN, FOOT - 34), fill="#dcd6ca", width=2)
    if not faces():
        return picture
    _write(pen, words.site, _small(words.site, 700), TOP, ACCENT, 1)
    _middle(pen, words.quote or words.headline)
    _foot(pen, words, comments)
    return picture


def _middle(pen: ImageDraw.ImageDraw, text: str) -> None:
    """Write the headline or the quotation, as large as it fits, in the middle of what is left for it."""
    language = language_of(text)
    style, lines = Style(SIZES[-1][0], 700, language), list[Line]()
    for size, most in SIZES:
        style = Style(size, 700, language)
        lines = set_lines(text, style, MEASURE, most)
        if len(lines) < most or size == SIZES[-1][0]:
            break
    first, last = TOP + 2 * SMALL, FOOT - 34
    top = first + (last - first - len(lines) * style.size * LEADING) / 2
    _put(pen, lines, style, top, INK)


def _foot(pen: ImageDraw.ImageDraw, words: Words, comments: int) -> None:
    told = f"{comments:,} comment{'' if comments == 1 else 's'}" if comments else ""
    parts = (words.author, words.headline if words.quote else told)
    text = " · ".join(part for part in parts if part)
    _write(pen, text, _small(text, 400), FOOT, SOFT, 1)


def _small(text: str, weight: int) -> Style:
    return Style(SMALL, weight, language_of(text))


def _write(pen: ImageDraw.ImageDraw, text: str, style: Style, top: float, colour: str, most: int) -> None:
    _put(pen, set_lines(text, style, MEASURE, most), style, top, colour)


def _put(pen: ImageDraw.ImageDraw, lines: list[Line], style: Style, top: float, colour: str) -> None:
    """Write lines below one another, at the side where their text begins."""
    for number, line in enumerate(lines):
        baseline = top + style.size + number * style.size * LEADING
        x = WIDTH - MARGIN - line.width if line.is_rtl else float(MARGIN)
        for run in line.runs:
            font = sized(run.face.path, style.size, style.weight)
            language = style.language or None
            # FreeType refuses a few glyphs that are far wider than any line (U+FDFD); their place stays empty.
            with contextlib.suppress(OSError):
                pen.text((x, baseline), run.text, colour, font, anchor="ls", direction=run.direction, language=language)
            x += run.width(style)
