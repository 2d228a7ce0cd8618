"""Comments in Django's admin: read everything, decide through the same service as the API, edit nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from comments.models import Comment, Decision
from comments.services.moderation import Moderator, decide
from project.admin import SiteScopedAdmin, TabularInline


class DecisionInline(TabularInline[Decision, Comment]):
    model = Decision
    extra = 0
    can_delete = False
    fields = readonly_fields = ("decided_at", "old_status", "status", "reason", "user", "api_key", "revision")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Comment)
class CommentAdmin(SiteScopedAdmin[Comment]):
    """The moderators' list. Its actions are the decisions; fields are shown, never edited."""

    list_display = ("id", "status", "author_name", "excerpt", "article", "provider", "reason", "created_at")
    list_filter = ("status", "provider", "site")
    search_fields = ("text", "author_name")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    list_select_related = ("article", "site")
    show_full_result_count = False
    inlines = (DecisionInline,)
    fields = readonly_fields = (
        "site",
        "article",
        "parent",
        "status",
        "reason",
        "provider",
        "author_name",
        "author_email",
        "author_url",
        "source",
        "created_at",
        "published_at",
        "edited_at",
        "pinned_at",
        "revision",
    )
    actions = ("approve", "reject", "mark_as_spam", "remove")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="text")
    def excerpt(self, comment: Comment) -> str:
        return comment.text[:80]

    def _decide(self, request: HttpRequest, chosen: QuerySet[Comment], status: str) -> None:
        assert isinstance(request.user, User)
        moderator = Moderator(user=request.user)
        comments = list(chosen.select_related("site"))
        for comment in comments:
            decide(comment.site, comment.pk, status, moderator)
        self.message_user(request, f"{len(comments)} comments: {status}.")

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        self._decide(request, chosen, Comment.Status.APPROVED)

    @admin.action(description="Reject", permissions=["change"])
    def reject(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        self._decide(request, chosen, Comment.Status.REJECTED)

    @admin.action(description="Mark as spam", permissions=["change"])
    def mark_as_spam(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        self._decide(request, chosen, Comment.Status.SPAM)

    @admin.action(description="Remove", permissions=["change"])
    def remove(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        self._decide(request, chosen, Comment.Status.REMOVED)
