"""The allow-lists of HTML and what can be read off their output.

Sanitising is the last thing that happens to any HTML, and its result is a fixed point: cleaned again it is the same,
so a browser builds the very tree that was checked. No list meets svg, math, style, forms or raw-text elements, and
none lets `id`, `name`, `class` or `style` through, which could reach into the page around a comment.
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from typing import Final

import nh3

REL: Final = "nofollow ugc noopener"
INLINE: Final = frozenset({"a", "b", "strong", "i", "em", "u", "s", "del", "code"})
COMMENT_TAGS: Final = INLINE | {"p", "br", "pre", "blockquote", "ul", "ol", "li", "hr"}
# Layout that imported comments arrive with. It is known only until its boundaries have become paragraphs.
LAYOUT_TAGS: Final = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "div", "section", "article", "address", "figure", "figcaption", "center"}
    | {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "dl", "dt", "dd"}
)
ARTICLE_TAGS: Final = COMMENT_TAGS | {
    *{"h2", "h3", "h4", "h5", "h6", "figure", "figcaption", "img", "dl", "dt", "dd", "details", "summary"},
    *{"table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"},
    *{"abbr", "cite", "dfn", "ins", "kbd", "mark", "q", "samp", "small", "sub", "sup", "time", "var", "wbr"},
}
MAIL_TAGS: Final = frozenset(
    {"p", "br", "b", "strong", "i", "em", "u", "s", "del", "code", "pre", "blockquote", "ul", "ol", "li"}
)
MAX_ROUNDS: Final = 6
DROPPED_WHOLE: Final = frozenset({"script", "style", "template", "noscript", "title", "iframe", "textarea", "select"})

# nh3 escapes < and > inside attribute values, so that this matches exactly the tags of its output.
TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]*)([^>]*)>")
BLANKS: Final = re.compile(r"[ \t\n\r\f\xa0]+")
UNSAFE_IN_LINK: Final = re.compile("[\x00-\x20\x7f-\x9f]")
PRE_NEWLINES: Final = re.compile(r"(<pre>)\n+")
ANY_TAG: Final = re.compile(r"<(/?)([A-Za-z][^\s/>]*)")
# Void elements, and those that the next of their kind closes.
NEVER_NESTED: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option"}
)
FEW_TAGS: Final = 1_000
MAX_WORK: Final = 1_000_000
# Elements after which a reader sees an empty line, and those after which only a new line begins.
PARAGRAPHS: Final = frozenset({"p", "pre", "blockquote", "ul", "ol", "hr", "table", "figure", "dl"}) | {
    f"h{level}" for level in range(1, 7)
}
LINES: Final = frozenset({"li", "tr", "dt", "dd", "figcaption", "caption", "div", "summary", "td", "th"})


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if name in {"href", "src"}:
        return None if UNSAFE_IN_LINK.search(value) else value
    if name in {"start", "width", "height", "colspan", "rowspan"}:
        return value if value.isascii() and value.isdigit() and len(value) <= 9 else None
    return value


def _cleaner(tags: frozenset[str], attributes: dict[str, set[str]], rel: str | None = REL) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags=DROPPED_WHOLE,
        attributes={"*": set(), **attributes},  # without the star, lang and title would be let through everywhere
        attribute_filter=_keep_attribute,
        tag_attribute_values={"img": {"loading": {"lazy", "eager"}}} if "img" in tags else None,
        link_rel=rel,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )


COMMENT: Final = _cleaner(COMMENT_TAGS, {"a": {"href"}, "ol": {"start"}})
IMPORT: Final = _cleaner(COMMENT_TAGS | LAYOUT_TAGS, {"a": {"href"}, "ol": {"start"}})
ARTICLE: Final = _cleaner(
    ARTICLE_TAGS,
    {
        "*": {"lang", "dir"},
        "a": {"href", "title", "hreflang"},
        "abbr": {"title"},
        "img": {"src", "alt", "title", "width", "height"},
        "ol": {"start"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan", "scope"},
        "time": {"datetime"},
    },
    rel="noopener",
)
MAIL: Final = _cleaner(MAIL_TAGS, {"ol": {"start"}}, rel=None)


def bounded(html: str) -> str:
    """Return `html`, or its source as text where a parser's work would grow with the square of its length.

    Every unclosed element is looked at, or opened anew, at each later one: a megabyte of `<b x=1><b x=2>…` or of
    paragraphs after them would cost minutes and gigabytes.
    """
    if html.count("<") < FEW_TAGS:
        return html
    unclosed: Counter[str] = Counter()
    depth = work = 0
    for found in ANY_TAG.finditer(html):
        closing, name = found[1], found[2].lower()
        if name in NEVER_NESTED:
            pass
        elif not closing:
            unclosed[name] += 1
            depth += 1
        elif unclosed[name]:
            unclosed[name] -= 1
            depth -= 1
        work += depth
        if work > MAX_WORK:
            return f"<p>{entities.escape(html, quote=False)}</p>"
    return html


def sanitise(cleaner: nh3.Cleaner, html: str) -> str:
    """Return the part of `html` that the allow-list lets through, as a fixed point.

    Taking an element away can put two others into each other that HTML does not nest, which the next parse would
    move; what has not settled after a few rounds is shown as text.
    """
    html = bounded(html)
    for _ in range(MAX_ROUNDS):
        # A parser drops the first newline of <pre>: each round would lose one more.
        cleaned = cleaner.clean(PRE_NEWLINES.sub(r"\1", html) if "<pre>\n" in html else html)
        if cleaned == html:
            return html
        html = cleaned
    return cleaner.clean(f"<p>{entities.escape(plain_text(html), quote=False)}</p>")


def plain_text(html: str) -> str:
    """Return what a reader sees of sanitised HTML, an empty line between blocks; linear in its length."""
    pieces: list[str] = []
    newlines = depth_of_pre = 0
    parts = TAG.split(html)
    for position in range(0, len(parts), 4):
        text = entities.unescape(parts[position])
        if depth_of_pre <= 0:
            text = BLANKS.sub(" ", text)
            # Blanks beside the edge of a line are markup's, not the writer's.
            text = text.lstrip(" ") if newlines or not pieces else text
        if text:
            pieces.append("\n" * min(newlines, 2) + text)
            newlines = 0
        if position + 3 < len(parts):
            closing, tag = parts[position + 1 : position + 3]
            depth_of_pre += (-1 if closing else 1) if tag == "pre" else 0
            newlines = newlines + 1 if tag == "br" else max(newlines, _newlines_around(tag))
    return "\n".join(line.rstrip() for line in "".join(pieces).split("\n")).strip("\n")


def _newlines_around(tag: str) -> int:
    return 2 if tag in PARAGRAPHS else int(tag in LINES)
