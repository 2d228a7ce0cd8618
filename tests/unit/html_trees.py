"""What a browser would build of a piece of HTML, asked of html5lib."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import html5lib

PREFIX = "{http://www.w3.org/1999/xhtml}"
LINK_ATTRIBUTES = {"href", "src"}


def parse(html: str) -> Element:
    """Return the tree of a fragment, as innerHTML would build it."""
    return html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=True)


def outline(element: Element) -> list[tuple[str, tuple[tuple[str, str], ...], str, str]]:
    """Return a tree as a flat list that two equal trees share."""
    return [
        (str(node.tag), tuple(sorted(node.attrib.items())), node.text or "", node.tail or "") for node in element.iter()
    ]


def serialise(element: Element) -> str:
    return str(html5lib.serialize(element, tree="etree", omit_optional_tags=False, quote_attr_values="always"))


def forbidden_things(html: str, tags: frozenset[str], attributes: frozenset[str]) -> list[str]:
    """Name every element, attribute and scheme of the parsed HTML that is not on the list given."""
    found = []
    for node in parse(html).iter():
        tag = str(node.tag)
        if tag == "DOCUMENT_FRAGMENT":
            continue
        if not tag.startswith(PREFIX) or tag.removeprefix(PREFIX) not in tags:
            found.append(f"element {tag}")
        for name, value in node.attrib.items():
            if name not in attributes:
                found.append(f"attribute {name}")
            # Browsers drop blanks and control characters inside a scheme.
            plain = re.sub(r"[\x00-\x20\x7f-\x9f]", "", unquote(value)).lower()
            if name in LINK_ATTRIBUTES and not plain.startswith(("http://", "https://", "mailto:")):
                found.append(f"link {value!r}")
            if name in LINK_ATTRIBUTES and re.search(r"[\x00-\x20\x7f-\x9f]", value):
                found.append(f"control characters in {value!r}")
    return found
