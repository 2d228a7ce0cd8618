"""Reads the head of a page as a network or a search engine does: with parsers that are not ours."""

from __future__ import annotations

from typing import Any

import extruct
from lxml import html


def open_graph(page: str) -> dict[str, list[str]]:
    """Return every Open Graph property with its values, in the page's order."""
    found = extruct.extract(page, syntaxes=["opengraph"], uniform=False)["opengraph"]
    values: dict[str, list[str]] = {}
    for name, value in found[0]["properties"] if found else []:
        values.setdefault(name, []).append(value)
    return values


def linked_data(page: str) -> list[dict[str, Any]]:
    """Return every JSON-LD node of the page."""
    nodes: list[dict[str, Any]] = extruct.extract(page, syntaxes=["json-ld"])["json-ld"]
    return nodes


def links(page: str, relation: str) -> list[dict[str, str]]:
    """Return the attributes of every `link` of the head with this relation."""
    return [dict(link.attrib) for link in html.fromstring(page).iterfind(f".//head/link[@rel='{relation}']")]


def named(page: str, name: str) -> list[str]:
    """Return the contents of every `meta` of this name."""
    return [str(meta.get("content")) for meta in html.fromstring(page).iterfind(f".//meta[@name='{name}']")]
