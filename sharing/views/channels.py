"""The door to a site's channels for programs of its owner: keys with the scope `admin`, each for its own site."""

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
from articles.models import ApiKey
from articles.services.idempotency import Answer, Restore, answer_once
from project import cursors
from project.documented import RETRY_KEY
from project.errors import refused_field
from project.queries import whole_number
from project.sealed import Broken, seal, unseal
from project.throttling import limited
from project.tokens import MAX_ID
from sharing.models import Channel, Delivery
from sharing.selectors.channels import article_to_show, channel_of, channels_of, posts_of
from sharing.serializers.channels import (
    ChannelChangeSerializer,
    ChannelInputSerializer,
    ChannelSerializer,
    ChannelsSerializer,
    NewChannelSerializer,
    PostSerializer,
    PostsSerializer,
    PreviewOfPostSerializer,
    ReplayedSerializer,
    ReplayInputSerializer,
    SecretInputSerializer,
    SecretSerializer,
    post_data,
)
from sharing.services.channels import Wish, add_channel, change_channel, plan_test, preview, rotate_secret
from sharing.services.posting import replay, replay_ended
from sharing.tasks import deliver_posts

PAGE: Final = 50
ONCE: Final[dict[str, Any]] = {"parameters": [RETRY_KEY]}
ARTICLE: Final = OpenApiParameter("article", int, description="A public article; the newest unless it is named.")
STATUS: Final = OpenApiParameter("status", enum=Delivery.Status.values, description="Only posts of this status.")


class ChannelsDoor(APIView):
    """Everything here needs a key with the scope `admin`; the key's site is all that it sees."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope(ApiKey.Scope.ADMIN),)

    @staticmethod
    def channel(request: Request, channel_id: int) -> Channel:
        return channel_of(api_key_of(request).site_id, channel_id)

    @staticmethod
    def once(request: Request, work: Callable[[], Answer], restore: Restore | None = None) -> HttpResponse:
        """Do `work`, or repeat the answer to a request with the same Idempotency-Key."""
        return answer_once(request._request, api_key_of(request).site_id, work, restore=restore)


class ChannelsView(ChannelsDoor):
    """All channels of a site."""

    @extend_schema(operation_id="channels", responses=ChannelsSerializer)
    def get(self, request: Request) -> Response:
        """List the site's channels, at most 50, in the order in which they were made."""
        return Response({"channels": _data(channels_of(api_key_of(request).site_id), many=True)})

    @extend_schema(
        operation_id="create_channel", request=ChannelInputSerializer, responses={201: NewChannelSerializer}, **ONCE
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a channel; the signing secret that we make for a webhook is in this answer alone."""
        given = ChannelInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wish = {"settings": {}, **given.validated_data}

        def work() -> Answer:
            made = add_channel(api_key_of(request).site, **wish)
            # The row as the database made it: its defaults are the database's.
            made.channel.refresh_from_db()
            return _with_secret(_data(made.channel), made.secret, status=201)

        return self.once(request, work, _secret_again)


class ChannelView(ChannelsDoor):
    """One channel."""

    @extend_schema(operation_id="channel", responses=ChannelSerializer)
    def get(self, request: Request, channel_id: int) -> Response:
        """Show a channel and how it goes with it."""
        return Response(_data(self.channel(request, channel_id)))

    @extend_schema(operation_id="change_channel", request=ChannelChangeSerializer, responses=ChannelSerializer)
    def patch(self, request: Request, channel_id: int) -> Response:
        """Change what a channel is told of, where it leads and its words, or switch it on or off."""
        given = ChannelChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        said, channel = given.validated_data, self.channel(request, channel_id)
        kept = {name: said.get(name, getattr(channel, name)) for name in ("settings", "events", "template")}
        change_channel(channel, Wish(**kept), is_active=said.get("is_active", channel.is_active))
        deliver_posts.delay_on_commit()
        return Response(_data(self.channel(request, channel_id)))

    @extend_schema(operation_id="delete_channel", responses={204: None})
    def delete(self, request: Request, channel_id: int) -> Response:
        """Remove a channel, with its posts and its secret."""
        self.channel(request, channel_id).delete()
        return Response(status=204)


class SecretView(ChannelsDoor):
    @extend_schema(
        operation_id="rotate_channel_secret", request=SecretInputSerializer, responses=SecretSerializer, **ONCE
    )
    def post(self, request: Request, channel_id: int) -> HttpResponse:
        """Give a channel another secret; of a webhook the old one signs too for 24 hours."""
        given = SecretInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        secret, channel = given.validated_data["secret"], self.channel(request, channel_id)

        def work() -> Answer:
            kept = rotate_secret(channel, secret)
            return _with_secret({}, "" if secret else kept)

        return self.once(request, work, _secret_again)


class TrialView(ChannelsDoor):
    @extend_schema(operation_id="test_channel", request=None, responses={202: PostSerializer}, **ONCE)
    def post(self, request: Request, channel_id: int) -> HttpResponse:
        """Let a channel say that it is tried out; `posts` tells what became of it."""
        channel = self.channel(request, channel_id)

        def work() -> Answer:
            planned = plan_test(channel)
            planned.refresh_from_db()
            return Answer(post_data(planned), 202)

        answer = self.once(request, work)
        deliver_posts.delay_on_commit()
        return answer


class PreviewView(ChannelsDoor):
    @extend_schema(operation_id="preview_channel", parameters=[ARTICLE], responses=PreviewOfPostSerializer)
    def get(self, request: Request, channel_id: int) -> Response:
        """Show what a channel would post of an article; nothing is sent."""
        channel = self.channel(request, channel_id)
        article = article_to_show(channel.site_id, whole_number(request.query_params, "article", 1, MAX_ID))
        draft = preview(channel, article)
        return Response({"article": article and article.pk, "text": draft.text, "body": draft.body})


class PostsView(ChannelsDoor):
    @extend_schema(
        operation_id="channel_posts", parameters=[STATUS, OpenApiParameter("cursor", str)], responses=PostsSerializer
    )
    def get(self, request: Request, channel_id: int) -> Response:
        """List a channel's posts, the last planned first, 50 at a time."""
        channel, status = self.channel(request, channel_id), request.query_params.get("status", "")
        if status and status not in Delivery.Status.values:
            raise refused_field("status", "unknown_choice", f"One of {', '.join(Delivery.Status.values)}.")
        scope, cursor = f"posts:{channel.pk}:{status}", request.query_params.get("cursor")
        before = int(cursors.decode(scope, cursor)[0]) if cursor else None
        rows = posts_of(channel, status=status, before=before, limit=PAGE + 1)
        following = cursors.encode(scope, rows[PAGE - 1].pk) if len(rows) > PAGE else None
        return Response({"posts": [post_data(post) for post in rows[:PAGE]], "next": following})


class ReplayView(ChannelsDoor):
    @extend_schema(operation_id="replay_posts", request=ReplayInputSerializer, responses=ReplayedSerializer, **ONCE)
    def post(self, request: Request, channel_id: int) -> HttpResponse:
        """Send posts again that failed, or of which nobody knows; a webhook gets also what it got, if it is named."""
        given = ReplayInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        channel, named = self.channel(request, channel_id), given.validated_data.get("posts")

        def work() -> Answer:
            posts = Delivery.objects.filter(site_channel=channel, pk__in=named or ())
            return Answer({"replayed": replay_ended(channel) if named is None else replay(posts)})

        answer = self.once(request, work)
        deliver_posts.delay_on_commit()
        return answer


def _data(shown: Any, *, many: bool = False) -> Any:
    return ChannelSerializer(shown, many=many).data


def _with_secret(data: Any, secret: str, status: int = 200) -> Answer:
    """Return an answer with the secret that we made, null for none. What is kept of it is encrypted."""
    return Answer(dict(data), status, {"secret": secret or None}, seed=seal(secret) if secret else "")


def _secret_again(_: Any, seed: str) -> dict[str, Any]:
    try:
        return {"secret": unseal(seed) if seed else None}
    except Broken:
        return {"secret": None}


def _door(view: type[ChannelsDoor]) -> Any:
    return limited("channels")(view.as_view())


_ROOT: Final = "api/v1/channels"
urlpatterns = [
    path(_ROOT, _door(ChannelsView), name="channels"),
    path(f"{_ROOT}/<int:channel_id>", _door(ChannelView), name="channel"),
    path(f"{_ROOT}/<int:channel_id>/secret", _door(SecretView), name="channel_secret"),
    path(f"{_ROOT}/<int:channel_id>/test", _door(TrialView), name="channel_test"),
    path(f"{_ROOT}/<int:channel_id>/preview", _door(PreviewView), name="channel_preview"),
    path(f"{_ROOT}/<int:channel_id>/posts", _door(PostsView), name="channel_posts"),
    path(f"{_ROOT}/<int:channel_id>/replay", _door(ReplayView), name="channel_replay"),
]
