"""How far threads and sites have come, for whoever keeps answers that hang on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from project.statements import fetch

_VERSIONS: Final = """
    SELECT 0, article_id, version FROM comments_thread WHERE article_id = ANY(%(articles)s)
  UNION ALL
    SELECT 1, id, version FROM articles_site WHERE id = ANY(%(sites)s)"""


def current_versions(articles: Sequence[int], sites: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Return the versions of the articles' threads and of the sites, in one SELECT; what has none is left out."""
    found: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for kind, number, version in fetch(_VERSIONS, {"articles": list(articles), "sites": list(sites)}):
        found[kind][number] = version
    return found
