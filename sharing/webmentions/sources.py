"""What a page says about one of ours: whether it links there at all, and in which words (microformats2).

The page is anybody's: trees too deep or too wide for the library that reads microformats are taken as pages without
any, and every text comes back plain or is sanitised by whoever stores it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import mf2py
from lxml import etree

from project.pages import Page
from project.text import FORBIDDEN
from sharing.webmentions.markup import HTML, links_of, parsed

ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, application/json;q=0.7, text/plain;q=0.5"
ADDRESS: Final = re.compile(r"""https?://[^\s<>"']{1,2000}""", re.IGNORECASE)
# What the library of microformats is given: it walks through nested elements again and again.
MAX_WORK: Final = 60_000
MAX_DEPTH: Final = 100
MAX_ITEMS: Final = 5_000
MARK: Final = re.compile("(h|p|u|dt|e)-.+")
# Names of the first microformats, which the library would translate at the cost of seconds for a long page.
CLASSIC: Final = frozenset(
    "adr geo hentry hfeed hproduct hrecipe hresume hreview hreview-aggregate vcard vevent".split()
)
MAX_CONTENT: Final = 50_000
MAX_NAME: Final = 200
# Letters of the text around a link.
AROUND: Final = 280

Matches = Callable[[str], bool]


class Kind(StrEnum):
    """What an entry does with what it links to."""

    REPLY = "reply"
    LIKE = "like"
    REPOST = "repost"
    MENTION = "mention"


KINDS: Final = {"in-reply-to": Kind.REPLY, "like-of": Kind.LIKE, "repost-of": Kind.REPOST}


@dataclass(frozen=True)
class Said:
    """What a page says; `html` is as it came, `excerpt` plain, both may be "". No picture is taken."""

    kind: Kind = Kind.MENTION
    author: str = ""
    title: str = ""
    html: str = ""
    excerpt: str = ""
    published: str = ""


class UnreadableSource(Exception):  # noqa: N818 — a fact about the page, no error of ours
    """The page has a type that is not read; the text says which."""


def read_source(page: Page, matches: Matches) -> Said | None:
    """Return what a page says of the resource that `matches` knows by its addresses, None if it does not link there.

    HTML links by an attribute, JSON by a value, plain text by the address standing there. UnreadableSource.
    """
    if page.media_type in HTML:
        return _read_html(page, matches)
    if page.media_type == "application/json" or page.media_type.endswith("+json"):
        return Said() if any(matches(text) for text in _strings(page.text)) else None
    if page.media_type == "text/plain":
        found = next((one for one in ADDRESS.finditer(page.text) if matches(one[0])), None)
        return Said(excerpt=_around(page.text, found.start())) if found else None
    kind = f"of the type {page.media_type[:60]}" if page.media_type else "without a type"
    raise UnreadableSource(f"pages {kind} are not read")


def _read_html(page: Page, matches: Matches) -> Said | None:
    text = page.text
    root = parsed(text)
    if root is None:
        return None
    link = next((element for element, address in links_of(root, page.url) if matches(address)), None)
    if link is None:
        return None
    title = _line(next((_text(one) for one in root.iter("title")), ""))
    items = _microformats(text, page.url, root)
    entry = _entry(items, matches)
    if entry is None:
        return Said(title=title, author=_author({}, items), excerpt=_words_at(link))
    return _of_entry(entry, items, matches, title)


def _strings(text: str) -> Iterator[str]:
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _microformats(text: str, url: str, root: etree._Element) -> list[dict[str, Any]]:
    """Return the items of a page, those within feeds after them; none of a page that is too much for the library."""
    if "h-" not in text or not _is_modest(root):
        return []
    _without_classics(root)
    # The tree that was looked at, written anew: another parser could make a deeper one of the page's own text.
    html = etree.tostring(root, encoding="unicode", method="html")
    try:
        found = mf2py.parse(doc=html, url=url, html_parser="lxml")["items"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # The library's own stumbling over a page; what the page says besides is read all the same.
        return []
    items: list[dict[str, Any]] = []
    waiting = list(found)
    while waiting and len(items) < MAX_ITEMS:
        item = waiting.pop(0)
        items.append(item)
        waiting += [child for child in item.get("children", []) if isinstance(child, dict)]
    return items


def _is_modest(root: etree._Element) -> bool:
    """Say whether the library can read a tree in a second or two.

    It looks at what a property or an item holds once for each class that makes it one, and within that again: so an
    element counts as often as the classes above it, multiplied with one another.
    """
    times = [1]
    work = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            times.pop()
            continue
        marks = sum(1 for name in (element.get("class") or "").split() if MARK.fullmatch(name))
        times.append(times[-1] * (1 + marks))
        work += times[-1]
        if len(times) > MAX_DEPTH or work > MAX_WORK:
            return False
    return True


def _without_classics(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        names = (element.get("class") or "").split()
        if not CLASSIC.isdisjoint(names):
            element.set("class", " ".join(name for name in names if name not in CLASSIC))


def _entry(items: list[dict[str, Any]], matches: Matches) -> dict[str, Any] | None:
    """Return the entry that speaks of the target: by a property, else in its content, else the first one."""
    entries = [item for item in items if "h-entry" in item.get("type", [])]
    for entry in entries:
        if _kind(entry, matches) != Kind.MENTION:
            return entry
    for entry in entries:
        if any(matches(address) for address in _content_links(entry)):
            return entry
    return entries[0] if entries else None


def _kind(entry: dict[str, Any], matches: Matches) -> Kind:
    for name, kind in KINDS.items():
        if any(matches(address) for address in _addresses(_values(entry, name))):
            return kind
    return Kind.MENTION


def _content_links(entry: dict[str, Any]) -> list[str]:
    root = parsed(_html(entry)) if _html(entry) else None
    return [] if root is None else [address for _, address in links_of(root, "")]


def _of_entry(entry: dict[str, Any], items: list[dict[str, Any]], matches: Matches, title: str) -> Said:
    name = _line(_first_text(entry, "name"))
    excerpt = _first_text(entry, "summary") or _first_text(entry, "content")
    return Said(
        kind=_kind(entry, matches),
        author=_author(entry, items),
        title=name if name and name not in excerpt else title,
        html=_html(entry),
        excerpt=_line(excerpt, MAX_CONTENT),
        published=_line(_first_text(entry, "published"))[:40],
    )


def _author(entry: dict[str, Any], items: list[dict[str, Any]]) -> str:
    for value in _values(entry, "author"):
        name = _first_text(value, "name") if isinstance(value, dict) else value
        if isinstance(name, str) and name and not ADDRESS.match(name):
            return _line(name)
    card = next((item for item in items if "h-card" in item.get("type", [])), {})
    return _line(_first_text(card, "name"))


def _values(item: dict[str, Any], name: str) -> list[Any]:
    found = item.get("properties", {}).get(name, [])
    return found if isinstance(found, list) else []


def _addresses(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (text for text in (value.get("value"), *_values(value, "url")) if isinstance(text, str))


def _first_text(item: dict[str, Any], name: str) -> str:
    for value in _values(item, name):
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str) and text.strip():
            return text[:MAX_CONTENT]
    return ""


def _html(entry: dict[str, Any]) -> str:
    for value in _values(entry, "content"):
        if isinstance(value, dict) and isinstance(value.get("html"), str):
            return str(value["html"])[:MAX_CONTENT]
    return ""


def _words_at(link: etree._Element) -> str:
    """Return the text of the paragraph that holds a link, cut around it."""
    block = link if link.tag not in {"link", "a", "img"} else (link.getparent() if link.tag != "link" else None)
    if block is None or block.tag in {"head", "html", "body"}:
        return ""
    before = "".join(_texts_until(block, link))
    return _around(_text(block), len(before))


def _texts_until(block: etree._Element, link: etree._Element) -> Iterator[str]:
    for event, element in etree.iterwalk(block, events=("start", "end")):
        if element is link:
            return
        yield (element.text if event == "start" else element.tail if element is not block else "") or ""


def _text(element: etree._Element) -> str:
    return "".join(str(piece) for piece in element.itertext())


def _around(text: str, place: int) -> str:
    begin = max(0, place - AROUND // 2)
    return _line(text[begin : begin + 2 * AROUND], AROUND)


def _line(text: str, limit: int = MAX_NAME) -> str:
    return " ".join(FORBIDDEN.sub("", text[: 4 * limit]).split())[:limit]
