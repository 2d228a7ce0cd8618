"""How each route is called in the ordinary way: the one list that a new route has to join.

A test takes the list to try every actor, another to look for another site's data in every answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from comments.services.sessions import offer_code
from project.tokens import new_voter_token
from sharing.cards.card import drawn_of
from sharing.networks import NETWORKS
from sharing.references import reference
from tests.factories import make_sso_token
from tests.routes import Route, routes
from tests.world import OWN, Side

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """Arguments of the path, the query or the body, and headers.

    The body is JSON under `/api/` and for WordPress' REST API, else a form of our own pages.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def page(side: Side) -> dict[str, Any]:
    return {"site": side.site.slug, "url": side.article.url}


def of_site(side: Side) -> dict[str, Any]:
    return {"site": side.site.slug}


def article_path(side: Side) -> dict[str, Any]:
    return {"article_id": side.article.pk}


def comment_path(side: Side) -> dict[str, Any]:
    return {"comment_id": side.comment.pk}


def channel_path(side: Side) -> dict[str, Any]:
    return {"channel_id": side.channel.pk}


def blog(side: Side) -> dict[str, Any]:
    return {"site_slug": side.site.slug}


def link(name: str) -> Callable[[Side], Call]:
    return lambda side: Call({"token": side.links[name]})


def as_reader(body: dict[str, Any] | None = None, **arguments: Any) -> Callable[[Side], Call]:
    """A call by the side's own reader, in her session."""
    return lambda side: Call(arguments, body=body, headers={"Authorization": f"Bearer {side.session}"})


AUTHOR = {"name": "Dora", "email": "dora@example.com"}
HOOK = {"kind": "webhook", "name": "more", "settings": {"url": "https://hooks.example.org/in"}}
WP_JSON = "/wp/{site_slug}/wp-json"
SHARE_COMMENT = {"network_key": "linkedin"}

CALLS: dict[str, Callable[[Side], Call]] = {
    "GET /api/v1/articles": lambda s: Call(query=of_site(s)),
    "PUT /api/v1/articles": lambda s: Call(body={**page(s), "title": "Put again"}),
    "GET /api/v1/articles/{article_id}": lambda s: Call(article_path(s)),
    "DELETE /api/v1/articles/{article_id}": lambda s: Call(article_path(s)),
    "GET /api/v1/articles/{article_id}/related": lambda s: Call(article_path(s)),
    "GET /api/v1/articles/{article_id}/share-links": lambda s: Call(article_path(s)),
    "GET /api/v1/articles/{article_id}/stream": lambda s: Call(article_path(s)),
    "GET /api/v1/challenge": lambda s: Call(),
    "GET /api/v1/channels": lambda s: Call(),
    "POST /api/v1/channels": lambda s: Call(body=HOOK),
    "GET /api/v1/channels/{channel_id}": lambda s: Call(channel_path(s)),
    "PATCH /api/v1/channels/{channel_id}": lambda s: Call(channel_path(s), body={"is_active": True}),
    "DELETE /api/v1/channels/{channel_id}": lambda s: Call(channel_path(s)),
    "POST /api/v1/channels/{channel_id}/secret": lambda s: Call(channel_path(s), body={}),
    "POST /api/v1/channels/{channel_id}/test": lambda s: Call(channel_path(s), body={}),
    "GET /api/v1/channels/{channel_id}/preview": lambda s: Call(channel_path(s)),
    "GET /api/v1/channels/{channel_id}/posts": lambda s: Call(channel_path(s)),
    "POST /api/v1/channels/{channel_id}/replay": lambda s: Call(channel_path(s), body={}),
    "POST /api/v1/comments": lambda s: Call(body={**page(s), "body": "Quite so.", "author": AUTHOR}),
    "GET /api/v1/comments/{comment_id}": lambda s: Call(comment_path(s)),
    "PATCH /api/v1/comments/{comment_id}": lambda s: Call(comment_path(s), body={"body": "Quite so."}),
    "DELETE /api/v1/comments/{comment_id}": lambda s: Call(comment_path(s)),
    "GET /api/v1/comments/{comment_id}/source": lambda s: Call(comment_path(s)),
    "GET /api/v1/comments/{comment_id}/replies": lambda s: Call(comment_path(s)),
    "PUT /api/v1/comments/{comment_id}/vote": lambda s: Call(
        comment_path(s), body={"value": 1}, headers={"X-Afterword-Voter": new_voter_token()}
    ),
    "POST /api/v1/comments/{comment_id}/reports": lambda s: Call(comment_path(s), body={"reason": "abuse"}),
    "GET /api/v1/counts": lambda s: Call(query=page(s)),
    "POST /api/v1/counts": lambda s: Call(body={**of_site(s), "urls": [s.article.url]}),
    "POST /api/v1/follows": lambda s: Call(body={**page(s), "email": "dora@example.com"}),
    "GET /api/v1/moderation/comments": lambda s: Call(),
    "POST /api/v1/moderation/comments/{comment_id}/decision": lambda s: Call(
        {"comment_id": s.held.pk}, body={"status": "approved"}
    ),
    "GET /api/v1/moderation/comments/{comment_id}/log": lambda s: Call({"comment_id": s.decided.pk}),
    "POST /api/v1/moderation/comments/{comment_id}/pin": lambda s: Call(comment_path(s), body={"pinned": True}),
    "POST /api/v1/moderation/comments/{comment_id}/undo": lambda s: Call({"comment_id": s.decided.pk}, body={}),
    "GET /api/v1/moderation/comments/{comment_id}/revisions": lambda s: Call(comment_path(s)),
    "GET /api/v1/moderation/reports": lambda s: Call(),
    "POST /api/v1/moderation/decisions": lambda s: Call(body={"ids": [s.held.pk], "status": "spam"}),
    "GET /api/v1/most-discussed": lambda s: Call(query=of_site(s)),
    "GET /api/v1/most-shared": lambda s: Call(query=of_site(s)),
    "GET /api/v1/networks": lambda s: Call(),
    "POST /api/v1/preview": lambda s: Call(body={"body": "*Quite* so."}),
    "GET /api/v1/readers/me": as_reader(),
    "PATCH /api/v1/readers/me": as_reader({"name": "Dora again"}),
    "GET /api/v1/readers/me/sessions": as_reader(),
    "DELETE /api/v1/readers/me/sessions": as_reader(),
    "DELETE /api/v1/readers/me/sessions/{session_id}": as_reader(session_id=1),
    "GET /api/v1/readers/me/comments": as_reader(),
    "POST /api/v1/readers/me/claims": as_reader(),
    "GET /api/v1/readers/me/mutes": as_reader(),
    "PUT /api/v1/readers/me/mutes": lambda s: Call(
        body={"comment": s.comment.pk}, headers={"Authorization": f"Bearer {s.session}"}
    ),
    "DELETE /api/v1/readers/me/mutes/{mute_id}": as_reader(mute_id=1),
    "GET /api/v1/readers/me/export": as_reader(),
    "GET /api/v1/readers/me/follows": as_reader(),
    "DELETE /api/v1/readers/me/follows/{follow_id}": as_reader(follow_id=1),
    "POST /api/v1/readers/me/erasure": as_reader({"texts": "erase"}),
    "POST /api/v1/sign-in": lambda s: Call(body={**of_site(s), "email": "dora@example.com"}),
    "POST /api/v1/sign-in/sso": lambda s: Call(body={**of_site(s), "token": make_sso_token(s.site)}),
    "POST /api/v1/sign-in/code": lambda s: Call(body={**of_site(s), "code": offer_code(s.reader, "email")}),
    "GET /api/v1/recent": lambda s: Call(query=of_site(s)),
    "GET /api/v1/search": lambda s: Call(query={**of_site(s), "q": "first"}),
    "GET /api/v1/share-links": lambda s: Call(query=page(s)),
    "POST /api/v1/shares": lambda s: Call(body={**page(s), "network": "copy"}),
    "GET /api/v1/sharing-report": lambda s: Call(),
    "GET /api/v1/sharing-report.csv": lambda s: Call(),
    "POST /api/v1/visits": lambda s: Call(body={"ref": reference(s.article.pk, NETWORKS[0])}),
    "GET /api/v1/thread": lambda s: Call(query=page(s)),
    "GET /api/v1/thread/changes": lambda s: Call(query={**page(s), "since": 0}),
    "GET /api/v1/thread/mine": lambda s: Call(query=page(s)),
    "POST /api/v1/voter": lambda s: Call(),
    "GET /api/v1/schema": lambda s: Call(),
    "GET /api/v1/docs": lambda s: Call(),
    "GET /a/{article_id}": lambda s: Call(article_path(s)),
    "GET /cards/{article_id}/{width}/{digest}.png": lambda s: Call(
        {**article_path(s), "width": 300, "digest": drawn_of(s.article).words.digest}
    ),
    "GET /cards/{article_id}/{comment_id}/{width}/{digest}.png": lambda s: Call(
        {
            **article_path(s),
            **comment_path(s),
            "width": 300,
            "digest": drawn_of(s.article, s.comment).words.digest,
        }
    ),
    "GET /oembed": lambda s: Call(query={"url": f"{s.article.url}#comment-{s.comment.pk}"}),
    "GET /feeds/articles/{article_id}/comments.{form}": lambda s: Call({**article_path(s), "form": "atom"}),
    "GET /feeds/{site_slug}/comments.{form}": lambda s: Call({"site_slug": s.site.slug, "form": "json"}),
    "POST /a/{article_id}/comments": lambda s: Call(article_path(s), body={"body": "Quite so.", "name": "Dora"}),
    "GET /a/{article_id}/comments/{comment_id}/report": lambda s: Call({**article_path(s), **comment_path(s)}),
    "POST /a/{article_id}/comments/{comment_id}/report": lambda s: Call(
        {**article_path(s), **comment_path(s)}, body={"reason": "abuse"}
    ),
    "POST /a/{article_id}/follow": lambda s: Call(article_path(s), body={"email": "dora@example.com"}),
    "GET /follows/confirm/{token}": link("confirm"),
    "POST /follows/confirm/{token}": link("confirm"),
    "GET /follows/not-me/{token}": link("not-me"),
    "POST /follows/not-me/{token}": link("not-me"),
    "GET /follows/leave/{token}": link("leave"),
    "POST /follows/leave/{token}": link("leave"),
    "GET /follows/manage/{token}": link("manage"),
    "POST /follows/manage/{token}": link("manage"),
    "GET /notices/{token}": link("notices"),
    "POST /notices/{token}": lambda s: Call({"token": s.links["notices"]}, body={"choice": "daily"}),
    "POST /hooks/email/{provider}": lambda s: Call({"provider": "brevo"}),
    "POST /hooks/email/{provider}/inbound": lambda s: Call({"provider": "postmark"}),
    "POST /webmention": lambda s: Call(body={"source": "https://far.example/note", "target": s.article.url}),
    "GET /webmention/{token}": lambda s: Call({"token": "00000000-0000-4000-8000-000000000000"}),
    "POST /pingback": lambda s: Call(),
    "GET /readers/me": lambda s: Call(),
    "GET /sign-in/with/{site_slug}/{name}": lambda s: Call({"site_slug": s.site.slug, "name": "nowhere"}),
    "GET /sign-in/with/{site_slug}/{name}/back": lambda s: Call({"site_slug": s.site.slug, "name": "nowhere"}),
    "GET /sign-in/{token}": link("sign-in"),
    "POST /sign-in/{token}": link("sign-in"),
    "GET /s/{network_key}/{article_id}": lambda s: Call({"network_key": "linkedin", **article_path(s)}),
    "POST /s/{network_key}/{article_id}": lambda s: Call({"network_key": "mastodon", **article_path(s)}),
    "GET /s/{network_key}/{article_id}/{comment_id}": lambda s: Call(
        {**SHARE_COMMENT, **article_path(s), **comment_path(s)}
    ),
    "POST /s/{network_key}/{article_id}/{comment_id}": lambda s: Call(
        {"network_key": "mastodon", **article_path(s), **comment_path(s)}
    ),
    "GET /shariff": lambda s: Call(query={"url": s.article.url}),
    "GET /shariff/{site_slug}": lambda s: Call({"site_slug": s.site.slug}, query={"url": s.article.url}),
    "GET /wp/{site_slug}": lambda s: Call(blog(s)),
    "POST /wp/{site_slug}": lambda s: Call(blog(s)),
    "GET /wp/{site_slug}/{address}": lambda s: Call({**blog(s), "address": "comments/feed/"}),
    "POST /wp/{site_slug}/wp-comments-post.php": lambda s: Call(
        blog(s), body={"author": "Dora", "comment": "Quite so.", "comment_post_ID": s.article.pk}
    ),
    f"GET {WP_JSON}": lambda s: Call(blog(s)),
    f"GET {WP_JSON}/": lambda s: Call(blog(s)),
    f"GET {WP_JSON}/{{route}}": lambda s: Call({**blog(s), "route": "wp/v2/comments/"}),
    f"GET {WP_JSON}/wp/v2": lambda s: Call(blog(s)),
    f"GET {WP_JSON}/wp/v2/posts": lambda s: Call(blog(s)),
    f"GET {WP_JSON}/wp/v2/posts/{{post_id}}": lambda s: Call({**blog(s), "post_id": s.article.pk}),
    f"GET {WP_JSON}/wp/v2/comments": lambda s: Call(blog(s)),
    f"POST {WP_JSON}/wp/v2/comments": lambda s: Call(
        blog(s), body={"post": s.article.pk, "content": "Quite so.", "author_name": "Dora"}
    ),
    f"GET {WP_JSON}/wp/v2/comments/{{comment_id}}": lambda s: Call({**blog(s), **comment_path(s)}),
    **{
        f"{method} {WP_JSON}/wp/v2/comments/{{comment_id}}": lambda s: Call(
            {**blog(s), **comment_path(s)}, body={"status": "approved"}
        )
        for method in ("POST", "PUT", "PATCH", "DELETE")
    },
    "GET /livez": lambda s: Call(),
    "GET /readyz": lambda s: Call(),
    "GET /metrics": lambda s: Call(),
    "GET /sent-mail/": lambda s: Call(),
    "GET /sent-mail/{name}": lambda s: Call({"name": "none.eml"}),
}


def name_of(route: Route, method: str) -> str:
    """Return the name of a route in CALLS; an address with a slash too many is the same route."""
    path = route.path.removesuffix("/") if route.path.endswith("}/") else route.path
    return f"{method} {path}"


def all_names() -> set[str]:
    return {name_of(route, method) for route in routes() for method in route.methods}


def perform(client: Client, name: str, call: Call, headers: dict[str, str] | None = None) -> Any:
    """Send the request and return the answer."""
    method, _, path = name.partition(" ")
    address = path.format(**call.arguments)
    own: dict[str, Any] = {"headers": {**call.headers, **(headers or {})}}
    if method == "GET":
        return client.get(address, call.query, **own)
    if path.startswith(("/api/", WP_JSON)):
        body = call.body if call.body is not None else {}
        return client.generic(method, address, json.dumps(body), content_type="application/json", **own)
    own["headers"]["Origin"] = OWN
    return client.post(address, urlencode(call.body or {}), content_type=FORM, **own)
