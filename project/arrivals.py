"""`aw_ref`, the parameter by which a shared address tells that somebody arrived through it.

It belongs to the way that somebody came and never to the page: `addresses.canonical_url` leaves it out of a page's
identity, and no address that we keep has it. What it says, `sharing.references` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PARAMETER: Final = "aw_ref"
MAX_REF: Final = 100


def read_ref(data: Mapping[str, Any]) -> str:
    """Return what a client says of the address by which its reader came, "" for anything too long or no text: where
    somebody comes from is never a reason to refuse her."""
    ref = data.get("ref")
    return ref if isinstance(ref, str) and len(ref) <= MAX_REF else ""


def without_ref(url: str) -> str:
    """Return an address without the parameter, all else as it stands."""
    page, mark, fragment = url.partition("#")
    path, question, query = page.partition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() != PARAMETER]
    return f"{path}{question if kept else ''}{'&'.join(kept)}{mark}{fragment}"


def with_ref(url: str, ref: str) -> str:
    """Return an address with the parameter, once, at the end of its query."""
    page, mark, fragment = without_ref(url).partition("#")
    joint = "" if page.endswith("?") else "&" if "?" in page else "?"
    return f"{page}{joint}{PARAMETER}={ref}{mark}{fragment}"
