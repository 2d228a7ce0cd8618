"""How far the look at a page that links here has come."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from comments.models import Comment, Provider
from project.errors import Problem
from sharing.models import Webmention


@dataclass(frozen=True)
class MentionStatus:
    """A row, and the comment that the public may read because of it, None where there is none (yet)."""

    mention: Webmention
    comment: Comment | None


def mention_status(token: UUID) -> MentionStatus:
    """Return what became of an announced page. Problem: not_found, after a month too."""
    mention = Webmention.objects.select_related("article").filter(token=token).first()
    if mention is None:
        raise Problem("not_found", "Nothing is known of this mention, or not any more.")
    source, external_id = mention.outside_name
    named = {"references__source": source, "references__external_id": external_id}
    public = Comment.objects.approved().filter(site=mention.site_id, article__visibility="public")
    return MentionStatus(mention, public.filter(references__provider=Provider.WEBMENTION, **named).first())
