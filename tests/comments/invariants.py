"""What must hold of every stored thread, worked out anew from the rows, the slow way."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from articles.models import Site
from comments import ranking
from comments.models import Comment, Thread, ThreadCount, Vote


def check_site(site: Site) -> None:
    """Assert that tree, counters, votes and versions of every thread of a site are exact."""
    comments = list(Comment.objects.filter(site=site).order_by("depth", "id"))
    by_id = {comment.pk: comment for comment in comments}
    children: dict[int, list[Comment]] = defaultdict(list)
    for comment in comments:
        if comment.parent_id is None:
            assert (comment.depth, comment.root_id) == (0, comment.pk)
        else:
            parent = by_id[comment.parent_id]
            assert (comment.depth, comment.root_id) == (parent.depth + 1, parent.root_id)
            assert comment.article_id == parent.article_id
            children[parent.pk].append(comment)
    shown: dict[int, bool] = {}
    branch: Counter[int] = Counter()
    for comment in reversed(comments):
        replies = children[comment.pk]
        shown[comment.pk] = comment.is_approved or any(shown[reply.pk] for reply in replies)
        branch[comment.pk] = sum(reply.is_approved + branch[reply.pk] for reply in replies)
        approved = branch[comment.pk] if comment.parent_id is None else sum(reply.is_approved for reply in replies)
        assert comment.reply_count == approved, comment.pk
        assert comment.shown_replies == sum(shown[reply.pk] for reply in replies), comment.pk
    _check_counts(site, comments)
    _check_versions(site, comments, shown)
    _check_votes(site, comments)


def _check_counts(site: Site, comments: list[Comment]) -> None:
    counted = Counter((comment.article_id, comment.provider) for comment in comments if comment.is_approved)
    stored = {(row.article_id, row.provider): row.count for row in ThreadCount.objects.filter(site=site) if row.count}
    assert stored == counted


def _check_votes(site: Site, comments: list[Comment]) -> None:
    cast = Counter(Vote.objects.filter(site=site).values_list("comment_id", "value"))
    for comment in comments:
        up, down = cast[comment.pk, 1], cast[comment.pk, -1]
        assert (comment.up, comment.down) == (up, down), comment.pk
        assert comment.best == pytest.approx(ranking.best(up, down))
        assert comment.hot == pytest.approx(ranking.hot(up, down, comment.created_at))
        assert comment.controversial == pytest.approx(ranking.controversial(up, down))


def _check_versions(site: Site, comments: list[Comment], shown: dict[int, bool]) -> None:
    versions = dict(Thread.objects.filter(site=site).values_list("article_id", "version"))
    for comment in comments:
        assert comment.changed_version <= versions.get(comment.article_id, 0)
        if shown[comment.pk]:
            assert comment.shown_version is not None
            assert 0 < comment.shown_version <= comment.changed_version
