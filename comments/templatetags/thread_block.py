"""The COMMENTS block of an article's page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from django import template
from django.utils.translation import gettext_lazy

from comments.models import Provider, Report
from comments.selectors import CommentRow
from comments.views.thread_page import ThreadView, thread_view

register = template.Library()
ROLES: Final = {
    "author": gettext_lazy("author"),
    "moderator": gettext_lazy("moderator"),
    "staff": gettext_lazy("staff"),
    "verified": gettext_lazy("verified"),
}

# What the page's script fills in for a comment that comes while the page is open: the same markup as all others.
BLANK: Final = SimpleNamespace(
    id="", author_name="NAME", author_url="", provider=Provider.NATIVE, status="approved", html="", up=0, down=0
)
TOMBSTONE: Final = SimpleNamespace(id="", status="removed")


@register.simple_tag(takes_context=True)
def conversation(context: dict[str, Any]) -> ThreadView:
    """Return the conversation of `article` as the request's query asks; three SELECTs on an ordinary page."""
    return thread_view(context["article"], context["request"].GET, context.get("comment_form"))


@register.inclusion_tag("comments/thread.html")
def thread_block(view: ThreadView) -> dict[str, Any]:
    """Show tabs, form and conversation; no query."""
    shapes = {
        "blank": BLANK,
        "tombstone": TOMBSTONE,
        "reasons": Report.Reason.choices,
        "providers": [each for each in Provider if each != Provider.NATIVE],
    }
    return {"article": view.article, "view": view, "form": view.form, **shapes}


@register.filter
def provider_label(provider: str) -> str:
    """Return the name of the system that a comment came from."""
    return str(Provider(provider).label)


@register.filter
def role_label(role: str) -> str:
    """Return what the author of a comment is to the article or its site, as readers see it."""
    return str(ROLES.get(role, ""))


@register.filter
def score(comment: CommentRow) -> int:
    """Return votes for a comment less votes against it."""
    return comment.up - comment.down
