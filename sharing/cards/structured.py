"""An article with its comments as JSON-LD of schema.org, for search engines.

A publisher's article is a NewsArticle whose comments are nested in it. Google wants an author with a name, a date and a
text of every comment (Search Central, "Discussion forum"); what lacks them is left out, its replies move up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import orjson
from django.utils.safestring import SafeString, mark_safe

from articles.models import Article
from comments.selectors import CommentRow
from project.markup import plain_text
from project.text import excerpt
from sharing.cards.card import Card, article_card, http_address

# Comments in one page's data; `commentCount` says how many there are.
MOST: Final = 100
TEXT: Final = 2_000
# What could end the element or begin a comment in it, and the line ends that only JSON knows.
UNSAFE: Final = re.compile("[<>&\u2028\u2029]")

Node = dict[str, Any]


def news_article(article: Article, rows: Iterable[CommentRow], total: int, shares: Mapping[str, int]) -> Node:
    """Return a public article (with its site) as JSON values.

    `rows` are the comments that the page shows, in reading order; `total` counts all, `shares` is by network.
    """
    card = article_card(article)
    return _known(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "@id": article.page_url,
            "url": card.url,
            "mainEntityOfPage": article.page_url,
            "headline": card.title,
            "description": card.description,
            "image": [card.picture.url],
            "datePublished": _time(card.published_at),
            "dateModified": _time(card.modified_at),
            "author": _person(card.author),
            "publisher": {"@type": "Organization", "name": card.site_name},
            "keywords": list(card.tags),
            "isBasedOn": _source(article),
            "commentCount": total,
            "interactionStatistic": [_counter("CommentAction", total), _counter("ShareAction", sum(shares.values()))],
            "comment": _comments(card, article, islice(rows, MOST)),
        }
    )


def script_text(data: Node) -> SafeString:
    """Return JSON that may stand in a `script` element: whatever it quotes cannot end it."""
    text = UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(data).decode())
    return mark_safe(text)  # noqa: S308  (nothing is left that HTML would see)


def _comments(card: Card, article: Article, rows: Iterable[CommentRow]) -> list[Node]:
    """Nest the comments; what answers a comment without words stands where that one would."""
    listed: list[Node] = []
    lists: dict[int | None, list[Node]] = {}
    for row in rows:
        above = lists.get(row.parent_id, listed)
        if not row.is_approved:
            lists[row.id] = above
            continue
        node = _comment(card, row)
        lists[row.id] = node["comment"] = []
        above.append(node)
    for node in _every(listed):
        if not node["comment"]:
            del node["comment"]
    return listed


def _every(nodes: list[Node]) -> list[Node]:
    found = list(nodes)
    for node in found:
        found.extend(node["comment"])
    return found


def _comment(card: Card, row: CommentRow) -> Node:
    return _known(
        {
            "@type": "Comment",
            "url": f"{card.url.partition('#')[0]}{row.fragment}",
            "text": excerpt(plain_text(row.html or ""), TEXT),
            "author": _person(row.author_name or "", row.author_url or ""),
            "dateCreated": _time(row.created_at),
            "datePublished": _time(row.created_at),
            "dateModified": _time(row.edited_at),
            "interactionStatistic": [_counter("LikeAction", row.up)] if row.up else None,
        }
    )


def _source(article: Article) -> Node | None:
    """Return where a republished text came from; `source_title` is what its author is."""
    url = http_address(article.source_url)
    if not (url or article.source_name):
        return None
    author = _person(article.source_author)
    if author and article.source_title:
        author["jobTitle"] = article.source_title
    publisher = {"@type": "Organization", "name": article.source_name} if article.source_name else None
    return _known({"@type": "CreativeWork", "url": url, "author": author, "publisher": publisher})


def _person(name: str, url: str = "") -> Node | None:
    return _known({"@type": "Person", "name": name, "url": http_address(url)}) if name else None


def _counter(action: str, count: int) -> Node:
    return {
        "@type": "InteractionCounter",
        "interactionType": {"@type": action},
        "userInteractionCount": count,
    }


def _known(node: Node) -> Node:
    return {name: value for name, value in node.items() if value not in (None, "", [])}


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""
