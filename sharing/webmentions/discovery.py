"""Where a page wants to be told that others link to it (W3C Webmention, 3.1.2), and to whom our texts link."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from requests.utils import parse_header_links

from project.addresses import canonical_origin, web_address
from project.errors import Problem
from project.pages import Page
from sharing.webmentions.markup import HTML, base_of, parsed, resolved

REL: Final = "webmention"
MOST_LINKS: Final = 100


def endpoint_of(page: Page) -> str:
    """Return the address that a page names: in its headers first, else in its first element that does; "" for none.

    Relative to where the page was found in the end; an empty one is the page itself, a query stays.
    """
    named = _in_headers(page.headers.get("link", ""))
    if named is not None:
        return _checked(resolved(page.url, named))
    if page.media_type not in HTML or (root := parsed(page.text)) is None:
        return ""
    for element in root.iter("link", "a"):
        href = element.get("href")
        if href is not None and _is_webmention(element.get("rel") or ""):
            return _checked(resolved(base_of(root, page.url), href))
    return ""


def targets_of(html: str, without: Collection[str]) -> list[str]:
    """Return whom a text links to, each once and at most 100, in its order, except `host[:port]` of `without`."""
    root = parsed(html) if "href" in html else None
    found: dict[str, None] = {}
    for element in root.iter("a") if root is not None else ():
        address = _checked(element.get("href") or "")
        if address and canonical_origin(address) not in without:
            found[address] = None
        if len(found) >= MOST_LINKS:
            break
    return list(found)


def _in_headers(value: str) -> str | None:
    for link in parse_header_links(value) if value else ():
        parameters = {name.lower(): text for name, text in link.items()}
        if _is_webmention(parameters.get("rel", "")):
            return parameters["url"]
    return None


def _is_webmention(rel: str) -> bool:
    return REL in rel.lower().split()


def _checked(address: str) -> str:
    """Return an address in the spelling in which it is asked, "" where it cannot be."""
    try:
        return web_address(address) if urlsplit(address).scheme in {"http", "https"} else ""
    except (Problem, ValueError):
        return ""
