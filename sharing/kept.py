"""What of sharing a web process keeps and gives again; for the front too, which has no Django apps."""

from __future__ import annotations

from typing import Final

from project.snapshots.depends import Read

MOST_SHARED: Final = Read("api/v1/most-shared", ("site", "days", "limit"))
_URL: Final = frozenset({"url"})
SHARIFF: Final = Read("shariff", ("url",), addresses=_URL)
SHARIFF_OF_SITE: Final = Read("shariff/<slug:site_slug>", ("url",), addresses=_URL)
ARTICLE_SHARE_LINKS: Final = Read("api/v1/articles/<int:article_id>/share-links", ("comment",))
SHARE_LINKS: Final = Read("api/v1/share-links", ("site", "url", "identifier", "article", "comment"), addresses=_URL)
READS: Final = (ARTICLE_SHARE_LINKS, SHARE_LINKS, MOST_SHARED, SHARIFF, SHARIFF_OF_SITE)
