"""Doors for moderators: the queue, decisions, pins and the record of what was decided."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from articles.authentication import ApiKeyAuthentication, HasScope, api_key_of
from articles.models import ApiKey, Site
from comments.models import Comment
from comments.moderation_serializers import (
    BatchSerializer,
    DecidedSerializer,
    DecisionSerializer,
    LogSerializer,
    PinSerializer,
    QueueSerializer,
    moderated_data,
)
from comments.selectors.moderation import decisions_about, missing_ids, moderation_queue
from comments.services.moderation import Decided, Moderator, decide, pin, undo
from project import cursors
from project.errors import Problem

QUEUE_PAGE = 50


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
    @extend_schema(operation_id="decide", request=DecisionSerializer, responses=DecidedSerializer)
    def post(self, request: Request, comment_id: int) -> Response:
        """Approve, reject, remove a comment or call it spam; with `revision` only if that is still its text."""
        wish = DecisionSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        wishes = wish.validated_data
        return Response(_answer(decide(self.site(request), comment_id, moderator=self.moderator(request), **wishes)))


class BatchView(ModerationView):
    @extend_schema(operation_id="decide_many", request=BatchSerializer, responses=DecidedSerializer(many=True))
    def post(self, request: Request) -> Response:
        """Decide about up to 100 comments at once; each is decided on its own, in the order given."""
        wish = BatchSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        site, moderator = self.site(request), self.moderator(request)
        if missing := missing_ids(site, wish.validated_data["ids"]):
            raise Problem("not_found", f"The site has no comment {missing[0]}; nothing was decided.")
        status, reason = wish.validated_data["status"], wish.validated_data["reason"]
        decided = [decide(site, pk, status, moderator, reason=reason) for pk in wish.validated_data["ids"]]
        return Response([_answer(each) for each in decided])


class UndoView(ModerationView):
    @extend_schema(operation_id="undo", request=None, responses=DecidedSerializer)
    def post(self, request: Request, comment_id: int) -> Response:
        """Give a comment back the status that it had before the last decision."""
        return Response(_answer(undo(self.site(request), comment_id, self.moderator(request))))


class PinView(ModerationView):
    @extend_schema(operation_id="pin", request=PinSerializer, responses=DecidedSerializer)
    def post(self, request: Request, comment_id: int) -> Response:
        """Pin a public root comment to the top of its thread (at most five), or take the pin away."""
        wish = PinSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return Response(_answer(pin(self.site(request), comment_id, pinned=wish.validated_data["pinned"])))


class LogView(ModerationView):
    @extend_schema(operation_id="decision_log", responses=LogSerializer)
    def get(self, request: Request, comment_id: int) -> Response:
        """Every decision about a comment, newest first."""
        decisions = decisions_about(self.site(request), comment_id)
        return Response(LogSerializer({"decisions": decisions}).data)


def _answer(decided: Decided) -> dict[str, Any]:
    return {"comment": moderated_data(decided.comment), "version": decided.version}


_ROOT = "api/v1/moderation/"
urlpatterns = [
    path(f"{_ROOT}comments", QueueView.as_view(), name="moderation_queue"),
    path(f"{_ROOT}comments/<int:comment_id>/decision", DecisionView.as_view(), name="decision"),
    path(f"{_ROOT}comments/<int:comment_id>/undo", UndoView.as_view(), name="undo"),
    path(f"{_ROOT}comments/<int:comment_id>/pin", PinView.as_view(), name="pin"),
    path(f"{_ROOT}comments/<int:comment_id>/log", LogView.as_view(), name="decision_log"),
    path(f"{_ROOT}decisions", BatchView.as_view(), name="decisions"),
]
