"""What a channel has to say of a notification, read when it is said: nothing that is hidden, and no address of anybody.

`EVENT_OF` names the event of each kind of notification that channels are told of; of other kinds nobody outside hears.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone

from articles.models import Article, Site
from comments.models import Comment
from project.text import excerpt
from sharing.channels.base import Account, Post
from sharing.channels.wording import hashtags
from sharing.models import Channel, Delivery, Notification
from sharing.networks.targets import web_address
from sharing.selectors.outbox import shares_of_notice

Event = Channel.Event

EVENT_OF: Final[Mapping[str, str]] = {
    "article": Event.ARTICLE_PUBLISHED.value,
    "comment": Event.COMMENT_PUBLISHED.value,
    "changed": Event.COMMENT_CHANGED.value,
    "removed": Event.COMMENT_REMOVED.value,
    "shares": Event.SHARES_HOURLY.value,
    "milestone": Event.SHARES_MILESTONE.value,
}
# Characters of what may be long, so that a message stays below the 20 kB that receivers of webhooks expect.
MOST_TEXT: Final = 2_000
MOST_TITLE: Final = 500
MOST_TAGS: Final = 20
PROBE: Final = "channel.test"


class NothingToSay(Exception):  # noqa: N818
    """It is no longer to be seen, or concerns nobody outside; the text says why."""


def post_of(delivery: Delivery) -> Post:
    """Return what the channel of a delivery is to say now; its notification, article and comment should be loaded.

    NothingToSay: nothing.
    """
    notification, channel, event = delivery.notification, delivery.site_channel, event_of(delivery)
    if notification is None or channel is None:
        return _post(delivery, event, delivery.site, None, {}, {"title": "A test of this channel", "summary": ""})
    if event not in channel.events:
        raise NothingToSay("the channel is not told of this")
    article = _shown_article(notification)
    words, data = _told(notification, article)
    return _post(delivery, event, delivery.site, article, data, words)


def event_of(delivery: Delivery) -> str:
    """Return what a post tells of; PROBE where it tells of nothing. Its notification should be loaded."""
    return EVENT_OF.get(delivery.notification.kind, "") if delivery.notification else PROBE


def probe_of(channel: Channel, article: Article | None) -> Post:
    """Return what the channel would say of an article, or as a test; nothing of it is stored."""
    moment = timezone.now()
    delivery = Delivery(site=channel.site, token=uuid.uuid4(), created_at=moment, pk=0)
    if article is None:
        return _post(delivery, PROBE, channel.site, None, {}, {"title": "A test of this channel"})
    words = {"summary": article.summary}
    return _post(delivery, Event.ARTICLE_PUBLISHED.value, channel.site, article, _of_article(article), words)


def account_of(channel: Channel, secret: str, old_secret: str = "", session: str = "") -> Account:
    return Account(dict(channel.settings), channel.template, secret, old_secret, session)


def _post(
    delivery: Delivery,
    event: str,
    site: Site,
    article: Article | None,
    data: Mapping[str, Any],
    words: Mapping[str, str],
) -> Post:
    of_article = _words_of(article) if article else {}
    notification = delivery.notification
    return Post(
        token=delivery.token,
        number=delivery.pk,
        event=event,
        happened_at=(notification.created_at if notification else delivery.created_at).astimezone(UTC),
        planned_at=delivery.created_at.astimezone(UTC),
        url=_address(article),
        words={"site": site.name or site.slug, **of_article, **words},
        data={"site": site.slug, **data},
        in_doubt=delivery.doubt_at is not None,
    )


def _shown_article(notification: Notification) -> Article:
    article, comment = notification.article, notification.comment
    if article is None or not article.is_public:
        raise NothingToSay("no longer to be seen")
    is_removal = notification.kind == Notification.Kind.REMOVED
    if comment is not None and comment.is_approved == is_removal:
        raise NothingToSay("no longer true")
    return article


def _told(notification: Notification, article: Article) -> tuple[dict[str, str], dict[str, Any]]:
    """Return words for a template, and data, beside those of the article itself."""
    comment = notification.comment
    if comment is not None:
        removed = notification.kind == Notification.Kind.REMOVED
        words = {} if removed else {"summary": comment.text, "author": comment.author_name}
        said = {"id": comment.pk} if removed else _of_comment(comment, article)
        return words, {"article": _name_of(article), "comment": said}
    if notification.kind == Notification.Kind.ARTICLE:
        return {"summary": article.summary}, _of_article(article)
    if notification.kind == Notification.Kind.SHARES:
        shares = shares_of_notice(notification)
        total = sum(count for _, count in shares)
        counts = [{"network": label, "count": count} for label, count in shares]
        return {"count": str(total)}, {"article": _name_of(article), "total": total, "shares": counts}
    # The cause of a milestone ends with its number.
    number = notification.cause_key.rpartition(":")[2]
    reached = int(number) if number.isascii() and number.isdigit() else 0
    return {"count": str(reached)}, {"article": _name_of(article), "reached": reached}


def _words_of(article: Article) -> dict[str, str]:
    tags = article.tags[:MOST_TAGS]
    return {
        "title": article.title,
        "author": article.author_name,
        "tags": ", ".join(tags),
        "hashtags": hashtags(tags),
    }


def _name_of(article: Article) -> dict[str, Any]:
    return {
        "id": article.pk,
        "url": _address(article),
        "identifier": article.identifier or None,
        "title": excerpt(article.title, MOST_TITLE),
    }


def _of_article(article: Article) -> dict[str, Any]:
    more = {
        "page": article.page_url,
        "summary": excerpt(article.summary, MOST_TEXT),
        "author": article.author_name or None,
        "image": article.image or None,
        "tags": article.tags[:MOST_TAGS],
        "published_at": _rfc3339(article.published_at),
    }
    return {"article": _name_of(article) | more}


def _of_comment(comment: Comment, article: Article) -> dict[str, Any]:
    return {
        "id": comment.pk,
        "parent": comment.parent_id,
        "author": comment.author_name or None,
        "text": comment.text[:MOST_TEXT],
        "is_cut": len(comment.text) > MOST_TEXT,
        "created_at": _rfc3339(comment.created_at),
        "permalink": f"{_address(article).partition('#')[0]}{comment.fragment}",
    }


def _address(article: Article | None) -> str:
    return (web_address(article.public_url) or article.page_url) if article else ""


def _rfc3339(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if moment else None
