"""What there is to vote on, and how one reader has voted."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from comments.models import Comment, Vote
from project.errors import Problem

MAX_VOTES: Final = 5_000


def comment_to_vote_on(comment_id: int) -> Comment:
    """Return a public comment with its article and site, in one SELECT.

    Problem: not_found for a comment that the public may not see, a tombstone too: there is nothing left to judge.
    """
    public = Comment.objects.approved().filter(pk=comment_id, article__visibility=Article.Visibility.PUBLIC)
    comment = public.select_related("article__site").defer("source", "html", "text").first()
    if comment is None:
        raise Problem("not_found", f"There is no comment {comment_id} to vote on.")
    return comment


def votes_of(article: Article, voter_key: str) -> dict[int, int]:
    """Return 1 or -1 for each public comment of a thread that this voter marked, at most her latest 5,000 votes."""
    votes = Vote.objects.filter(article=article, voter_key=voter_key, comment__status=Comment.Status.APPROVED)
    return dict(votes.order_by("-id").values_list("comment_id", "value")[:MAX_VOTES])
