"""What of comments a web process keeps and gives again, and how it learns that something has changed.

For the front too, which has no Django apps: nothing here may import a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from project.snapshots.depends import Read
from project.statements import fetch

_PAGE: Final = ("site", "url", "identifier", "article")
_URL: Final = frozenset({"url"})

THREAD: Final = Read("api/v1/thread", (*_PAGE, "sort", "cursor", "limit"), addresses=_URL, has_version=True)
CHANGES: Final = Read("api/v1/thread/changes", (*_PAGE, "since"), addresses=_URL)
COMMENT: Final = Read("api/v1/comments/<int:comment_id>")
REPLIES: Final = Read("api/v1/comments/<int:comment_id>/replies", ("cursor", "limit"))
COUNTS: Final = Read("api/v1/counts", ("site", "url"), lists=_URL, posted=(("site", "site"), ("urls", "url")))
RECENT: Final = Read("api/v1/recent", ("site", "limit"))
MOST_DISCUSSED: Final = Read("api/v1/most-discussed", ("site", "days", "limit"))
READS: Final = (THREAD, CHANGES, COMMENT, REPLIES, COUNTS, RECENT, MOST_DISCUSSED)

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
