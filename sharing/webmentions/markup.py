"""HTML of unknown servers as a tree, with bounds for whoever walks through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin

from lxml import etree

# Where HTML names another resource.
LINKING: Final = ("href", "src", "poster", "data", "cite")
HTML: Final = frozenset({"text/html", "application/xhtml+xml"})


def parsed(text: str) -> etree._Element | None:
    """Return the root element of a document as browsers would build it, roughly; None for nothing at all."""
    parser = etree.HTMLParser(
        no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8", recover=True
    )
    try:
        return etree.fromstring(text.encode(errors="replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def base_of(root: etree._Element, url: str) -> str:
    """Return the address against which a document's links are resolved: its own, or what its first <base> says."""
    first = next((one.get("href") for one in root.iter("base") if one.get("href")), "")
    return resolved(url, first or "") or url


def resolved(base: str, link: str) -> str:
    """Return a link as a whole address; "" for what none can be made of."""
    try:
        return urljoin(base, link.strip(" \t\n\r\f"))
    except ValueError:
        return ""


def links_of(root: etree._Element, url: str) -> Iterator[tuple[etree._Element, str]]:
    """Yield every element that names a resource, with the whole address of that; in document order.

    What is in a template is no part of the document (HTML, "the template element").
    """
    base = base_of(root, url)
    for element in root.iter(etree.Element):
        for name in LINKING:
            value = element.get(name)
            if value and element.tag != "base" and next(element.iterancestors("template"), None) is None:
                yield element, resolved(base, value)
