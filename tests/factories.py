"""Rows for tests: plain functions with honest defaults, each oddity one keyword.

The default object is the ordinary one: a public article, an approved comment, a confirmed immediate follow. Rows are
written directly and wake nobody; a test about how a row comes to be calls the service. Ada writes articles, Ben
comments and follows, Cy is a stranger who must never see or receive anything.
"""

from __future__ import annotations

import itertools
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
from django.contrib.auth.models import User
from django.utils import timezone

from articles.models import ApiKey, Article, ArticleKey, Member, Site, SiteOrigin
from comments import ranking
from comments.models import Comment, Provider, Reader, Thread, ThreadCount
from project import addresses, text, tokens
from project.names import name_key
from sharing.models import Follow, Follower

ADA = "ada@example.org"
BEN = "ben@example.org"
CY = "cy@example.org"
SSO_SECRET = "a secret of thirty-two characters"

_number = itertools.count(1)


def make_site(slug: str | None = None, *, origins: tuple[str, ...] = ("news.example.org",), **fields: Any) -> Site:
    slug = slug or f"site-{next(_number)}"
    site = Site.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)
    SiteOrigin.objects.bulk_create(SiteOrigin(site=site, origin=origin) for origin in origins)
    return site


def make_api_key(site: Site, *scopes: str) -> str:
    """Return the plain key; without scopes it carries every one."""
    key = tokens.new_api_key()
    ApiKey.objects.create(site=site, prefix=key.prefix, digest=key.digest, scopes=list(scopes) or list(ApiKey.Scope))
    return key.plain


def make_member(site: Site, email: str = ADA, role: str = Member.Role.MODERATOR, **user: Any) -> Member:
    person = User.objects.create(username=f"{email}-{next(_number)}", email=email, is_staff=True, **user)
    return Member.objects.create(site=site, user=person, role=role)


def make_article(site: Site | None = None, *, path: str | None = None, **fields: Any) -> Article:
    """A public article at `https://news.example.org` and the path, with its address registered."""
    site = site or make_site()
    path = path or f"/stories/{next(_number)}"
    url = fields.pop("url", f"https://news.example.org{path}")
    defaults = {"title": f"A story of {path}", "author_name": "Ada", "published_at": timezone.now()}
    article = Article.objects.create(site=site, url=url, **(defaults | fields))
    if url:
        key = addresses.canonical_url(url)
        ArticleKey.objects.create(site=site, article=article, kind=ArticleKey.Kind.URL, key=key)
    if article.identifier:
        ArticleKey.objects.create(site=site, article=article, kind=ArticleKey.Kind.IDENTIFIER, key=article.identifier)
    return article


def make_comment(
    article: Article,
    parent: Comment | None = None,
    *,
    body: str = "Well said.",
    status: str = "approved",
    **fields: Any,
) -> Comment:
    """A comment of Ben's, with every counter on its path as the services would leave it."""
    rendered = text.render(body)
    email = fields.pop("author_email", BEN)
    now = fields.pop("created_at", None) or timezone.now()
    public = status == Comment.Status.APPROVED
    comment = Comment(
        site_id=article.site_id,
        article=article,
        parent=parent,
        depth=parent.depth + 1 if parent else 0,
        author_name=fields.pop("author_name", "Ben"),
        author_email=email,
        author_key=addresses.email_key(email) if email else "",
        source=body,
        html=rendered.html,
        text=rendered.text,
        renderer=text.RENDERER,
        status=status,
        created_at=now,
        published_at=fields.pop("published_at", now if public else None),
        nonce=uuid.uuid4(),
        **fields,
    )
    comment.pk = _next_comment_id()
    comment.root_id = parent.root_id if parent else comment.pk
    _rank(comment, set(fields))
    thread, _ = Thread.objects.get_or_create(site_id=article.site_id, article=article)
    if public:
        thread.version += 1
        thread.save()
        comment.changed_version = comment.shown_version = thread.version
    comment.save(force_insert=True)
    if public:
        _count(comment)
    return comment


def _rank(comment: Comment, given: set[str]) -> None:
    """Give the comment the scores of its votes, save those that the test has `given`."""
    scores = {
        "best": ranking.best(comment.up, comment.down),
        "hot": ranking.hot(comment.up, comment.down, comment.created_at),
        "controversial": ranking.controversial(comment.up, comment.down),
    }
    for name in scores.keys() - given:
        setattr(comment, name, scores[name])


def _next_comment_id() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('comments_comment', 'id'))")
        return int(cursor.fetchone()[0])


def _count(comment: Comment) -> None:
    """Write the counters of a published comment the slow way: row by row, up the path."""
    count, _ = ThreadCount.objects.get_or_create(
        site_id=comment.site_id, article_id=comment.article_id, provider=comment.provider
    )
    count.count += 1
    count.save()
    child_appeared, node = True, comment.parent
    while node is not None:
        node.refresh_from_db()
        was_shown = node.is_approved or node.shown_replies > 0
        node.shown_replies += child_appeared
        node.reply_count += node.pk in (comment.parent_id, comment.root_id)
        node.save()
        child_appeared, node = not was_shown, node.parent


def make_reader(site: Site, email: str = BEN, *, name: str = "Ben", **fields: Any) -> Reader:
    """A reader who has proven an address, or none where `email` is empty."""
    key = addresses.email_key(email) if email else ""
    defaults = {"name_key": name_key(name), "verified_at": timezone.now()}
    return Reader.objects.create(site=site, name=name, address=email, address_key=key, **(defaults | fields))


def make_follower(site: Site, email: str = BEN) -> Follower:
    follower, _ = Follower.objects.get_or_create(
        site=site, address_key=addresses.email_key(email), defaults={"address": email}
    )
    return follower


def make_follow(site: Site, email: str = BEN, *, status: str = "confirmed", **target: Any) -> Follow:
    """A follow of `article=`, `comment=`, `tag=`, `author=`, or, with none of them, of the whole site."""
    kind, value = next(iter(target.items()), ("site", None))
    fields: dict[str, Any] = {"target_kind": kind, "target_key": "" if value is None else str(value)}
    if kind in ("article", "comment"):
        fields["target_key"] = str(value.pk)
        fields["article"] = value if kind == "article" else value.article
        fields["comment"] = value if kind == "comment" else None
    confirmed_at = datetime(2026, 1, 1, tzinfo=UTC) if status == "confirmed" else None
    return Follow.objects.create(
        site=site, follower=make_follower(site, email), status=status, confirmed_at=confirmed_at, **fields
    )


def make_sso_token(site: Site, secret: str = SSO_SECRET, **changes: Any) -> str:
    """Return what a publisher's server hands to a reader whom it vouches for; None takes a claim away."""
    now = int(time.time())
    said = {"sub": "7", "aud": site.slug, "iat": now, "exp": now + 300, "name": "Ben", "jti": str(time.monotonic_ns())}
    return jwt.encode({name: value for name, value in (said | changes).items() if value is not None}, secret, "HS256")


__all__ = [
    "ADA",
    "BEN",
    "CY",
    "Provider",
    "make_api_key",
    "make_article",
    "make_comment",
    "make_follow",
    "make_follower",
    "make_member",
    "make_reader",
    "make_site",
    "make_sso_token",
]
