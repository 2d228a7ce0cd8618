"""Doors for moderators: the queue, decisions, pins and the record of what was decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from articles.authentication import ApiKeyAuthentication, HasScope, api_key_of
from articles.models import ApiKey, Site
from articles.services.idempotency import Answer, answer_once
from comments.models import Comment
from comments.moderation_serializers import (
    BatchSerializer,
    DecidedSerializer,
    DecisionSerializer,
    LogSerializer,
    PinSerializer,
    QueueSerializer,
    ReportRowSerializer,
    ReportsSerializer,
    RevisionsSerializer,
    moderated_data,
    revisions_data,
)
from comments.selectors.moderation import decisions_about, moderation_queue
from comments.selectors.reports import reported_comments
from comments.selectors.revisions import revisions_of
from comments.services.batches import decide_many
from comments.services.moderation import Decided, Moderator, decide, pin, undo
from project import cursors
from project.documented import RETRY_KEY
from project.errors import Problem
from project.throttling import limited

QUEUE_PAGE = 50
REVISIONS_PAGE = 20
ONCE: Final[dict[str, Any]] = {"parameters": [RETRY_KEY]}


class ModerationView(APIView):
    """Everything here needs a key with the scope `moderate`; the key's site is all that it sees."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope(ApiKey.Scope.MODERATE),)

    @staticmethod
    def site(request: Request) -> Site:
        return api_key_of(request).site

    @staticmethod
    def moderator(request: Request) -> Moderator:
        return Moderator(api_key=api_key_of(request))

    def once(self, request: Request, work: Callable[[], Decided]) -> HttpResponse:
        """Do `work`, or repeat the answer to a request with the same Idempotency-Key."""
        return answer_once(request._request, self.site(request).pk, lambda: Answer(_answer(work())))


class QueueView(ModerationView):
    @extend_schema(
        operation_id="moderation_queue",
        parameters=[OpenApiParameter("status", enum=Comment.Status.values), OpenApiParameter("cursor", str)],
        responses=QueueSerializer,
    )
    def get(self, request: Request) -> Response:
        """Comments of one status (pending ones unless asked otherwise), oldest first, 50 at a time."""
        status = request.query_params.get("status", Comment.Status.PENDING)
        if status not in Comment.Status.values:
            message = f"One of {', '.join(Comment.Status.values)}."
            errors: Any = [{"field": "status", "code": "unknown_choice", "message": message}]
            raise Problem("validation_failed", "There is no such status.", errors=errors)
        site = self.site(request)
        scope = f"queue:{site.pk}:{status}"
        cursor = request.query_params.get("cursor")
        after = int(cursors.decode(scope, cursor)[0]) if cursor else 0
        rows = moderation_queue(site, status, after=after, limit=QUEUE_PAGE + 1)
        page, more = rows[:QUEUE_PAGE], rows[QUEUE_PAGE:]
        following = cursors.encode(scope, page[-1].pk) if more else None
        return Response({"comments": [moderated_data(comment) for comment in page], "next": following})


class DecisionView(ModerationView):
    @extend_schema(operation_id="decide", request=DecisionSerializer, responses=DecidedSerializer, **ONCE)
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        """Approve, reject, remove a comment or call it spam; with `revision` only if that is still its text."""
        wish = DecisionSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        wishes, site, moderator = wish.validated_data, self.site(request), self.moderator(request)
        return self.once(request, lambda: decide(site, comment_id, moderator=moderator, **wishes))


class BatchView(ModerationView):
    @extend_schema(operation_id="decide_many", request=BatchSerializer, responses=DecidedSerializer(many=True), **ONCE)
    def post(self, request: Request) -> HttpResponse:
        """Decide about up to 100 comments at once, in the order given: about all of them or none."""
        wish = BatchSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        site, moderator = self.site(request), self.moderator(request)
        wishes = wish.validated_data

        def work() -> Answer:
            return Answer([_answer(each) for each in decide_many(site, moderator=moderator, **wishes)])

        return answer_once(request._request, site.pk, work)


class UndoView(ModerationView):
    @extend_schema(operation_id="undo", request=None, responses=DecidedSerializer, **ONCE)
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        """Give a comment back the status that it had before the last decision."""
        site, moderator = self.site(request), self.moderator(request)
        return self.once(request, lambda: undo(site, comment_id, moderator))


class PinView(ModerationView):
    @extend_schema(operation_id="pin", request=PinSerializer, responses=DecidedSerializer, **ONCE)
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        """Pin a public root comment to the top of its thread (at most five), or take the pin away."""
        wish = PinSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        site, pinned = self.site(request), wish.validated_data["pinned"]
        return self.once(request, lambda: pin(site, comment_id, pinned=pinned))


class LogView(ModerationView):
    @extend_schema(operation_id="decision_log", responses=LogSerializer)
    def get(self, request: Request, comment_id: int) -> Response:
        """Every decision about a comment, newest first."""
        decisions = decisions_about(self.site(request), comment_id)
        return Response(LogSerializer({"decisions": decisions}).data)


class ReportsView(ModerationView):
    @extend_schema(
        operation_id="reported_comments", parameters=[OpenApiParameter("cursor", str)], responses=ReportsSerializer
    )
    def get(self, request: Request) -> Response:
        """Comments with open reports, oldest first, 50 at a time; any decision about a comment settles its reports."""
        site = self.site(request)
        scope, cursor = f"reports:{site.pk}", request.query_params.get("cursor")
        after = int(cursors.decode(scope, cursor)[0]) if cursor else 0
        rows = reported_comments(site, after=after, limit=QUEUE_PAGE + 1)
        page, more = rows[:QUEUE_PAGE], rows[QUEUE_PAGE:]
        reported = [
            {
                "comment": moderated_data(row.comment),
                "total": row.total,
                "reports": ReportRowSerializer(row.reports, many=True).data,
            }
            for row in page
        ]
        following = cursors.encode(scope, page[-1].comment.pk) if more else None
        return Response({"reported": reported, "next": following})


class RevisionsView(ModerationView):
    @extend_schema(
        operation_id="revisions", parameters=[OpenApiParameter("cursor", str)], responses=RevisionsSerializer
    )
    def get(self, request: Request, comment_id: int) -> Response:
        """The texts that an edited comment had, newest first, 20 at a time, each with what it changed."""
        scope, cursor = f"revisions:{comment_id}", request.query_params.get("cursor")
        before = int(cursors.decode(scope, cursor)[0]) if cursor else None
        rows = revisions_of(self.site(request), comment_id, before=before, limit=REVISIONS_PAGE + 1)
        following = cursors.encode(scope, rows[REVISIONS_PAGE - 1].number) if len(rows) > REVISIONS_PAGE else None
        return Response({"revisions": revisions_data(rows, REVISIONS_PAGE), "next": following})


def _answer(decided: Decided) -> dict[str, Any]:
    return {"comment": moderated_data(decided.comment), "version": decided.version}


def _desk(view: type[ModerationView]) -> Any:
    return limited("moderation")(view.as_view())


_ROOT = "api/v1/moderation/"
urlpatterns = [
    path(f"{_ROOT}comments", _desk(QueueView), name="moderation_queue"),
    path(f"{_ROOT}comments/<int:comment_id>/decision", _desk(DecisionView), name="decision"),
    path(f"{_ROOT}comments/<int:comment_id>/undo", _desk(UndoView), name="undo"),
    path(f"{_ROOT}comments/<int:comment_id>/pin", _desk(PinView), name="pin"),
    path(f"{_ROOT}comments/<int:comment_id>/log", _desk(LogView), name="decision_log"),
    path(f"{_ROOT}comments/<int:comment_id>/revisions", _desk(RevisionsView), name="revisions"),
    path(f"{_ROOT}reports", _desk(ReportsView), name="reported_comments"),
    path(f"{_ROOT}decisions", _desk(BatchView), name="decisions"),
]
