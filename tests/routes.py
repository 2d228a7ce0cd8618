"""Every route of the URL table, for tests that must not forget one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from project.routes import methods_of_view

CONVERTER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")


@dataclass(frozen=True)
class Route:
    """One address; `path` names its variables in braces, as in `/a/{article_id}`."""

    path: str
    methods: tuple[str, ...]
    view: Any

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/v1/")


def routes() -> list[Route]:
    """Return every route of ours, without those of Django's admin."""
    return sorted(_walk(get_resolver().url_patterns, "/"), key=lambda route: route.path)


def _walk(patterns: Any, prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + CONVERTER.sub(r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield Route(path, tuple(m for m in methods_of_view(pattern.callback) if m != "HEAD"), pattern.callback)
