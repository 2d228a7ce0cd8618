"""What comments do about facts from below."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from articles import signals as article_signals
from articles.models import Article
from comments.services.versions import Change, commit_change


@receiver(article_signals.article_changed)
def on_article_changed(sender: object, *, article: Article, **_: Any) -> None:
    commit_change(Change(article))
