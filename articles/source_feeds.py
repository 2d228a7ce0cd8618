"""Feeds and sitemaps as their publishers write them, turned into a bounded list of entries. Nothing is fetched here.

lxml reads a document first, strictly (source_xml); what is left of it for feedparser is small, well-formed and without
entities. So its lenient parser, which guesses where damage is, has nothing to do: an
address or a date that somebody guessed would be announced to people. Formats: RSS 0.9x to 2.0, RSS 1.0 (RDF), Atom
(RFC 4287), sitemaps.org 0.9 with Google's news extension.
"""

from __future__ import annotations

import calendar
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urljoin
from xml.parsers import expat

import feedparser  # type: ignore[import-untyped]
from lxml import etree

from articles.fields import distinct_tags
from articles.source_xml import SourceError, read_root
from project.addresses import canonical_url, web_address
from project.errors import Problem
from project.markup import plain_text
from project.text import BIDI, FORBIDDEN, excerpt

# What is read of one document: entries of a feed, addresses of a sitemap, sitemaps of an index.
MAX_ENTRIES: Final = 500
MAX_ADDRESSES: Final = 50_000
MAX_CHILDREN: Final = 50
MAX_PARTS: Final = 100
MAX_TEXT: Final = 4_000
MAX_TAGS: Final = 50

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
KEPT: Final = frozenset(
    "title link guid id pubDate published updated issued modified created date author creator category subject"
    " source".split()
)
ATTRIBUTES: Final = (
    *"href isPermaLink label rel term type url version".split(),
    "{http://www.w3.org/XML/1998/namespace}base",
    "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about",
)
ROOTS: Final = frozenset({"rss", "RDF", "feed"})


@dataclass(frozen=True)
class Entry:
    """A page that a feed or sitemap names. Texts are single lines of plain text, any of them may be "".

    `published_at` is what the document calls so; `changed_at` only bounds it: the page was there by then.
    `identifier` is the document's own id of the page where that is not just its address.
    """

    url: str
    identifier: str = ""
    title: str = ""
    published_at: datetime | None = None
    changed_at: datetime | None = None
    author_name: str = ""
    tags: tuple[str, ...] = ()
    source_name: str = ""
    source_author: str = ""


@dataclass(frozen=True)
class Child:
    """A sitemap that an index names, and when that was changed, if it says so."""

    url: str
    changed_at: datetime | None


@dataclass(frozen=True)
class Document:
    """What was read: pages, each once; or, of an index, the sitemaps to read next, newest first."""

    entries: list[Entry]
    children: list[Child]


def read_source(body: bytes, base: str, charset: str = "") -> Document:
    """Return the entries of a feed or sitemap that was found at `base`; `charset` is what its server calls it.

    At most 500 entries of a feed, 50,000 addresses of a sitemap (newest first), 50 sitemaps of an index; gzip is
    unpacked. SourceError: none of these, not well-formed, entities declared, too large.
    """
    root = read_root(body, charset)
    name = etree.QName(root).localname
    if name == "urlset":
        return Document(_distinct(_pages(root, base)), [])
    if name == "sitemapindex":
        children = [Child(url, date) for url, date, _ in _addresses(root, "sitemap", base)]
        return Document([], children[:MAX_CHILDREN])
    if name in ROOTS:
        return Document(_distinct(_entries(root, base)), [])
    raise SourceError(f"This is neither a feed nor a sitemap: its first element is {name[:40]!r}.")


def _pages(root: etree._Element, base: str) -> Iterator[Entry]:
    """Yield the pages of a sitemap, newest first."""
    for url, changed_at, node in _addresses(root, "url", base):
        yield Entry(
            url,
            title=_line(_text(node, "{*}news/{*}title"), 500),
            published_at=_iso_time(_text(node, "{*}news/{*}publication_date")),
            changed_at=changed_at,
        )


def _addresses(root: etree._Element, name: str, base: str) -> list[tuple[str, datetime | None, etree._Element]]:
    """Return the addresses of a sitemap with their dates, newest first; those without a date as they come, after."""
    dated = [(_iso_time(_text(node, "{*}lastmod")), node) for node in root.iterchildren(f"{{*}}{name}")]
    dated.sort(key=lambda one: (one[0] is None, -one[0].timestamp() if one[0] else 0))
    found = [(_address(base, _text(node, "{*}loc")), date, node) for date, node in dated[:MAX_ADDRESSES]]
    return [(url, date, node) for url, date, node in found if url]


def _text(node: etree._Element, path: str) -> str:
    return (node.findtext(path) or "")[:MAX_TEXT].strip()


def _entries(root: etree._Element, base: str) -> Iterator[Entry]:
    """Yield the entries of a feed, read by feedparser."""
    feed = _essence(root)
    try:
        expat.ParserCreate(namespace_separator=" ").Parse(feed, True)
        # A stream: bytes and texts it would take for the name of a file, or an address.
        read = feedparser.parse(
            io.BytesIO(feed),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception as error:  # the library says nothing of what it raises
        raise SourceError(f"It could not be read: {type(error).__name__}.") from error
    inherited = _author(read.feed)
    for found in read.entries:
        url = _address(base, str(found.get("link") or (found.get("guidislink") and found.get("id")) or ""))
        if url:
            yield _entry(url, found, inherited)


def _essence(root: etree._Element) -> bytes:
    """Return a feed with the parts that we read of its entries, and nothing else."""
    items = list(root.iterfind(".//{*}item")) or list(root.iterfind("{*}entry"))
    channel = root.find("{*}channel")
    new = below = _shell(root)
    if channel is not None and etree.QName(root).localname == "rss":
        below = _shell(channel)
        new.append(below)
    for author in root.findall("{*}author")[:1]:
        new.append(_small(author))
    for item in items[:MAX_ENTRIES]:
        entry = _shell(item)
        wanted = (part for part in item if isinstance(part.tag, str) and etree.QName(part).localname in KEPT)
        entry.extend([_small(part) for part in islice(wanted, MAX_PARTS)])
        below.append(entry)
    return etree.tostring(new, encoding="utf-8", xml_declaration=True)


def _shell(element: etree._Element) -> etree._Element:
    """Return an element with the name and the few attributes that count of another, and nothing in it."""
    new = etree.Element(element.tag)
    for name in ATTRIBUTES:
        value = element.get(name)
        if value is not None:
            new.set(name, value[:MAX_TEXT])
    return new


def _small(node: etree._Element) -> etree._Element:
    """Return an element with what is in it, its texts cut."""
    new = _shell(node)
    new.text = (node.text or "")[:MAX_TEXT]
    for part in islice(node, MAX_PARTS):
        if isinstance(part.tag, str):
            new.append(_small(part))
            new[-1].tail = (part.tail or "")[:MAX_TEXT]
    return new


def _entry(url: str, found: Any, inherited: str) -> Entry:
    # Past the library's own `get`, which gives one date for the other.
    published, changed = dict.get(found, "published_parsed"), dict.get(found, "updated_parsed")
    source = found.get("source") or {}
    title = str(found.get("title") or "")
    if "html" in str((found.get("title_detail") or {}).get("type")):
        title = plain_text(title)
    return Entry(
        url,
        identifier=_identifier(str(found.get("id") or ""), url),
        title=_line(title, 500),
        published_at=_struct_time(published),
        changed_at=_struct_time(changed),
        author_name=_author(found) or inherited,
        tags=_tags(found),
        source_name=_line(str(source.get("title") or ""), 200),
        source_author=_author(source),
    )


def _tags(found: Any) -> tuple[str, ...]:
    terms = (_line(str(tag.get("term") or ""), 100) for tag in found.get("tags") or ())
    return tuple(distinct_tags(terms)[:MAX_TAGS])


def _author(found: Any) -> str:
    """Return the name of an author, never her e-mail address."""
    name = str((found.get("author_detail") or {}).get("name") or found.get("author") or "")
    return "" if "@" in name else _line(name, 200)


def _identifier(text: str, url: str) -> str:
    """Return an id that says more than the address."""
    line = text.strip()
    if not line or len(line) > 500 or FORBIDDEN.search(line):
        return ""
    try:
        return "" if canonical_url(line) == canonical_url(url) else line
    except Problem:
        return line


def _address(base: str, text: str) -> str:
    """Return an absolute http(s) address that the service can store, else ""."""
    try:
        address = web_address(urljoin(base, text.strip())) if text.strip() else ""
        return address if address and canonical_url(address) else ""
    except (Problem, ValueError):
        return ""


def _line(text: str, limit: int) -> str:
    return excerpt(BIDI.sub("", FORBIDDEN.sub(" ", text)), limit)


def _iso_time(text: str) -> datetime | None:
    """Read a W3C date or time, UTC where it names no zone; None for nonsense."""
    try:
        found = datetime.fromisoformat(text)
        return _sensible(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _struct_time(given: Any) -> datetime | None:
    try:
        return _sensible(datetime.fromtimestamp(calendar.timegm(given), UTC)) if given else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _sensible(date: datetime) -> datetime | None:
    return date if date > EARLIEST and date.year < 9000 else None


def _distinct(found: Iterable[Entry]) -> list[Entry]:
    """Return each page once; an id that several pages have names none of them."""
    pages: dict[str, Entry] = {}
    for entry in found:
        pages.setdefault(canonical_url(entry.url), entry)
    used = Counter(entry.identifier for entry in pages.values())
    return [replace(entry, identifier="") if used[entry.identifier] > 1 else entry for entry in pages.values()]
