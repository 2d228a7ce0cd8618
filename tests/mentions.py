"""Pages elsewhere that say they link to an article: announced, looked at, and written in microformats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models.functions import Now
from django.test import Client

from articles.models import Article
from sharing.models import Webmention
from sharing.services.webmentions import verify_next
from tests.factories import make_article, make_site
from tests.far_side import FarSide, far_side

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        yield found


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


def send(source: str, target: str | Article, **more: Any) -> Any:
    address = target.url if isinstance(target, Article) else target
    return Client().post("/webmention", urlencode({"source": source, "target": address, **more}), content_type=FORM)


def look() -> Webmention:
    """Look at the one page that is due or put off, now; return its row as it is afterwards."""
    Webmention.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))
    mention = verify_next()
    assert mention is not None
    return Webmention.objects.get(pk=mention.pk)


def mention(source: str, target: str | Article) -> Webmention:
    answer = send(source, target)
    assert answer.status_code == 201, answer.content
    return look()


def links(article: Article, before: str = "Read", **attributes: str) -> str:
    return f'<title>A note</title><p>{before} <a href="{article.url}">this story</a> today.</p>'


def reply(article: Article | str, words: str, name: str = "Cy Writer", property: str = "u-in-reply-to") -> str:
    url = article.url if isinstance(article, Article) else article
    return (
        f'<div class="h-entry"><p class="p-author h-card">{name}</p><a class="{property}" href="{url}">x</a>'
        f'<div class="e-content">{words}</div><time class="dt-published">2026-11-23T09:00:00Z</time></div>'
    )
