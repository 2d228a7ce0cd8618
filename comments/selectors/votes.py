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


def votes_of(article: Article, *voter_keys: str) -> dict[int, int]:
    """Return 1 or -1 for each public comment of a thread that a reader marked, at most the latest 5,000 votes.

    She may vote under several names; where she has under two of them, the first one's counts here.
    """
    public = Vote.objects.filter(article=article, comment__status=Comment.Status.APPROVED)
    found: dict[int, int] = {}
    for key in filter(None, voter_keys):
        votes = public.filter(voter_key=key).order_by("-id").values_list("comment_id", "value")[:MAX_VOTES]
        found = dict(votes) | found
    return found
