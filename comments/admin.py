"""Comments in Django's admin: read everything, decide through the same service as the API, edit nothing.

A decision is one about the text that the list showed: each row carries its revision along.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from comments import disqus_admin  # noqa: F401  (registers itself)
from comments.diffs import diff
from comments.models import Comment, Decision, Report, Revision
from comments.services.moderation import Moderator, decide
from project.admin import M, SiteScopedAdmin, SiteScopedInline
from project.errors import Problem

TAGS: Final = {"equal": "span", "delete": "del", "insert": "ins"}
MAX_DIGITS: Final = 10
NEWEST: Final = 20


class RecordInline(SiteScopedInline[M, Comment]):
    """Rows that are read and never written here."""

    members_may = frozenset({"view"})
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DecisionInline(RecordInline[Decision]):
    model = Decision
    fields = readonly_fields = ("decided_at", "old_status", "status", "reason", "user", "api_key", "revision")


class RevisionInline(RecordInline[Revision]):
    model = Revision
    ordering = ("-number",)
    fields = readonly_fields = ("number", "created_at", "editor", "user", "api_key", "changes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        """Return the newest texts; `moderation/comments/{id}/revisions` leads through all of them."""
        return super().get_queryset(request).filter(number__gt=F("comment__revision") - NEWEST)

    @admin.display(description="what changed")
    def changes(self, revision: Revision) -> SafeString:
        """Show the text with what it lost and won; every piece is escaped."""
        before = Revision.objects.filter(comment=revision.comment_id, number__lt=revision.number).order_by("-number")
        old = before.values_list("source", flat=True).first()
        pieces = diff(revision.source if old is None else old, revision.source)
        return format_html_join("", "<{0}>{1}</{0}>", ((TAGS[piece.op], piece.text) for piece in pieces))


class ReportInline(RecordInline[Report]):
    """What was reported; by whom is nobody's to see."""

    model = Report
    ordering = ("-id",)
    fields = readonly_fields = ("created_at", "reason", "detail", "resolved_at")


class ReportedFilter(admin.SimpleListFilter):
    title = "reports"
    parameter_name = "reported"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Reported, not looked at")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Comment]) -> QuerySet[Comment]:
        unsettled = Report.objects.filter(comment=OuterRef("pk"), resolved_at=None)
        return queryset.filter(Exists(unsettled)) if self.value() == "open" else queryset


@admin.register(Comment)
class CommentAdmin(SiteScopedAdmin[Comment]):
    """The moderators' list. Its actions are the decisions; fields are shown, never edited."""

    list_display = ("id", "status", "author_name", "excerpt", "article", "provider", "reason", "created_at")
    list_filter = ("status", ReportedFilter, "provider", "site")
    search_fields = ("text", "author_name")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    list_select_related = ("article", "site")
    show_full_result_count = False
    inlines = (ReportInline, RevisionInline, DecisionInline)
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
    def excerpt(self, comment: Comment) -> SafeString:
        """Show the beginning of the text and send its revision along with an action."""
        seen = '<input type="hidden" name="revision-{}" value="{}">'
        return format_html("{}" + seen, comment.text[:80], comment.pk, comment.revision)

    def _decide(self, request: HttpRequest, chosen: QuerySet[Comment], status: str) -> None:
        assert isinstance(request.user, User)
        moderator = Moderator(user=request.user)
        comments = list(chosen.select_related("site"))
        stale = []
        for comment in comments:
            seen = request.POST.get(f"revision-{comment.pk}", "")
            # Without one the row was chosen with all the others that no page showed.
            revision = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < MAX_DIGITS else None
            try:
                decide(comment.site, comment.pk, status, moderator, revision=revision)
            except Problem as problem:
                if problem.code != "stale_revision":
                    raise
                stale.append(comment.pk)
        self.message_user(request, f"{len(comments) - len(stale)} comments: {status}.")
        if stale:
            edited = ", ".join(str(pk) for pk in stale)
            self.message_user(request, f"Edited meanwhile, look again: {edited}.", messages.WARNING)

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
