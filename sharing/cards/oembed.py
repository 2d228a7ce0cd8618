"""oEmbed 1.0 (https://oembed.com): what another page shows of an article or a comment whose address was pasted there.

A blockquote without scripts and classes, made of escaped plain text, so that the strictest page may keep it as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import format_html
from lxml import etree
from wcwidth import iter_graphemes, wcswidth

from project.text import FORBIDDEN
from sharing.cards.card import Card
from sharing.pictures.words import WIDTHS, height_of

# Pixels: an ordinary column, and what less than a quotation cannot be read in; then the answer is a plain link.
WIDTH: Final = 600
LEAST_WIDTH: Final = 200
LEAST_HEIGHT: Final = 120
# What a browser makes of a quotation in 16 pixels: margins, lines, and the columns of a wide letter being two.
MARGINS: Final = 80
LINE: Final = 24
COLUMN: Final = 9
# Seconds for which a consumer may go on showing what may be taken back here.
CACHE_AGE: Final = 300

Answer = dict[str, Any]


@dataclass(frozen=True)
class Room:
    """The most that the consumer has: `maxwidth` and `maxheight` in pixels."""

    width: int | None = None
    height: int | None = None


def answer(card: Card, room: Room) -> Answer:
    """Return the members of the answer, `rich` with a quotation, or `link` where there is no room for one."""
    facts: Answer = {
        "version": "1.0",
        "title": card.title,
        "author_name": card.author,
        "author_url": card.author_url,
        "provider_name": card.site_name,
        "provider_url": card.home,
        "cache_age": CACHE_AGE,
        **_thumbnail(card, room),
        **(_quotation(card, room) or {"type": "link"}),
    }
    return {name: value for name, value in facts.items() if value != ""}


def as_xml(facts: Answer) -> bytes:
    """Return the answer as XML; what XML 1.0 cannot hold is left out."""
    root = etree.Element("oembed")
    for name, value in facts.items():
        etree.SubElement(root, name).text = FORBIDDEN.sub("", str(value))
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8", standalone=True)
    return body


def _thumbnail(card: Card, room: Room) -> Answer:
    """Return our picture in the largest size that there is room for: all three members or none."""
    for width in WIDTHS:
        if width <= (room.width or math.inf) and height_of(width) <= (room.height or math.inf):
            url = card.drawn.picture(width).url
            return {"thumbnail_url": url, "thumbnail_width": width, "thumbnail_height": height_of(width)}
    return {}


def _quotation(card: Card, room: Room) -> Answer | None:
    width = min(room.width or WIDTH, WIDTH)
    if width < LEAST_WIDTH or (room.height or math.inf) < LEAST_HEIGHT:
        return None
    columns = (width - MARGINS) // COLUMN
    lines = (room.height - MARGINS) // LINE if room.height else None
    headline = _shortened(card.title, columns, lines)
    left = None if lines is None else lines - _lines(headline, columns)
    text = _shortened(card.description, columns, left)
    height = MARGINS + LINE * (_lines(headline, columns) + _lines(text, columns))
    html = format_html(
        '<blockquote cite="{url}"><p><a href="{url}"><strong>{headline}</strong></a></p>{text}</blockquote>',
        url=card.url,
        headline=headline,
        text=format_html("<p>{}</p>", text) if text else "",
    )
    return {"type": "rich", "html": str(html), "width": width, "height": height}


def _lines(text: str, columns: int) -> int:
    return math.ceil(_width(text) / columns)


def _shortened(text: str, columns: int, lines: int | None) -> str:
    """Return as much of a text as so many lines of so many columns hold, with an ellipsis where that is not all."""
    if lines is None or _lines(text, columns) <= lines:
        return text
    left = columns * lines - 1
    kept: list[str] = []
    for grapheme in iter_graphemes(text):
        left -= _width(grapheme)
        if left < 0:
            break
        kept.append(grapheme)
    return "".join(kept).rstrip() + "…" if kept else ""


def _width(text: str) -> int:
    """Return the columns of a text; a text of which the terminal's rules know nothing has one for each character."""
    width = wcswidth(text)
    return len(text) if width < 0 else width
