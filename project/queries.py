"""Values from the query of a GET, checked alike by every list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from project.errors import refused_field

MAX_DAYS: Final = 365
DEFAULT_DAYS: Final = 7

SITE: Final = OpenApiParameter("site", str, required=True, description="Slug of the site.")
DAYS: Final = OpenApiParameter("days", int, description=f"1 to {MAX_DAYS}, {DEFAULT_DAYS} unless asked otherwise.")


def site_slug(data: Mapping[str, Any]) -> str:
    """Return the slug under `site`, in a query or a JSON object. Problem: validation_failed where there is no text."""
    site = data.get("site")
    if not site:
        raise refused_field("site", "required", "Name the site.")
    if not isinstance(site, str):
        raise refused_field("site", "not_text", "This must be a text.")
    return site


def whole_number(query: Mapping[str, str], name: str, lowest: int, highest: int) -> int | None:
    """Return a number from the query, None where it is absent. Problem: validation_failed outside the bounds."""
    value = query.get(name)
    if value is None:
        return None
    # The length is bounded first: reading a long run of digits costs quadratic time.
    number = int(value) if value.isascii() and value.isdigit() and len(value) <= len(str(highest)) else -1
    if not lowest <= number <= highest:
        raise refused_field(name, "out_of_range", f"This must be a whole number from {lowest} to {highest}.")
    return number


def days_of(query: Mapping[str, str]) -> int:
    """Return how many days a list looks back. Problem: validation_failed outside the bounds."""
    return whole_number(query, "days", 1, MAX_DAYS) or DEFAULT_DAYS
