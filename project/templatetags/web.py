"""Addresses in pages: only what a browser may follow becomes a link."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def http_only(address: str | None) -> str:
    """Return an http or https address as it is, "" for anything else: imported data may hold `javascript:`."""
    return address if address and address.lower().startswith(("http://", "https://")) else ""
