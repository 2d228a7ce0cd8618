"""Two sites with one of everything, told apart by a word and by their ids: `here`, and what it must never show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from articles.models import Article, Member, Site
from articles.services.sign_ons import add_sign_on
from comments.models import Comment, Mute, Reader
from comments.services.sessions import open_session
from comments.services.sign_in import Link, sign_in_token
from sharing.models import Channel, Delivery, Follow, Notification, ReachDay
from sharing.services.channels import add_channel, plan_test
from sharing.tokens import confirm_url, leave_url, manage_url, not_me_url, notices_url
from tests.factories import (
    SSO_SECRET,
    make_api_key,
    make_article,
    make_comment,
    make_follow,
    make_follower,
    make_member,
    make_reader,
    make_site,
)

MARK = "zanzibar"
OWN = settings.PUBLIC_URL
TABLES = (
    "articles_site",
    "articles_article",
    "comments_comment",
    "sharing_follow",
    "sharing_follower",
    "comments_reader",
    "sharing_channel",
)


@dataclass(frozen=True)
class Side:
    """One site: its rows, its credentials, and the tokens of the links that it mailed."""

    site: Site
    article: Article
    hidden: Article
    comment: Comment
    held: Comment
    decided: Comment
    follow: Follow
    member: Member
    owner_key: str
    weak_key: str
    reader: Reader
    session: str
    links: dict[str, str]
    channel: Channel

    def ids(self) -> set[int]:
        rows: tuple[Any, ...] = (self.site, self.article, self.hidden, self.comment, self.held, self.decided)
        return {row.pk for row in (*rows, self.follow, self.follow.follower, self.channel)}


def make_world() -> tuple[Side, Side]:
    """Return `here` and `elsewhere`: whatever belongs to the latter has seven-digit ids and MARK in its texts."""
    here = make_side("here")
    _leap()
    return here, make_side(MARK)


def make_side(word: str) -> Side:
    site = make_site(word, name=f"The {word} gazette", origins=(f"{word}.example.org",))
    email = f"ben@{word}.example.org"
    article = make_article(
        site,
        url=f"https://{word}.example.org/story",
        identifier=f"{word}-1",
        title=f"A {word} story",
        summary=f"All about {word}",
        author_name=f"Ada of {word}",
        author_email=f"ada@{word}.example.org",
        tags=["news", word],
        html=f"<p>News of {word}.</p>",
    )
    hidden = make_article(site, url=f"https://{word}.example.org/hidden", title=f"{word} hidden", visibility="hidden")
    who = {"author_name": f"Ben of {word}", "author_email": email}
    comment = make_comment(article, body=f"First {word}.", **who)
    make_comment(article, comment, body=f"Reply {word}.", **who)
    decided = make_comment(article, body=f"Decided {word}.", status="rejected", **who)
    decided.decisions.create(site=site, old_status="pending", status="rejected", revision=1)
    add_sign_on(site, "hmac", secret=SSO_SECRET)
    reader = make_reader(site, f"dora@{word}.example.org", name=f"Dora of {word}")
    make_comment(article, body=f"Proven {word}.", reader=reader, author_name=reader.name, author_email=reader.address)
    Mute.objects.create(site=site, reader=reader, muted_key=f"name:{word}", label=f"Muted {word}")
    day = timezone.now().astimezone(UTC).date()
    ReachDay.objects.create(site=site, article=article, network="x", day=day, visits=7)
    hook = {"url": f"https://{word}.example.org/hook"}
    channel = add_channel(site, "webhook", f"{word} hook", settings=hook, events=["shares.milestone"]).channel
    plan_test(channel)
    return Side(
        site=site,
        article=article,
        hidden=hidden,
        comment=comment,
        held=make_comment(article, body=f"Held {word}.", status="pending", **who),
        decided=decided,
        follow=make_follow(site, email, article=article),
        member=make_member(site, f"cy@{word}.example.org"),
        owner_key=make_api_key(site),
        weak_key=make_api_key(site, "follows"),
        reader=reader,
        session=open_session(reader, "email").token,
        links=make_links(site, article, email)
        | {"sign-in": sign_in_token(Link(site.pk, f"eve@{word}.example.org", "nonce", article.pk))},
        channel=channel,
    )


def make_links(site: Site, article: Article, email: str) -> dict[str, str]:
    """Return the last part of the addresses in mails: confirm, not-me, leave, manage, notices."""
    asked = make_follow(site, f"new-{email}", status="unconfirmed", article=article)
    unasked = make_follow(site, f"unasked-{email}", status="unconfirmed", article=article)
    kind = Notification.Kind.ARTICLE
    cause = Notification.objects.create(site=site, article=article, kind=kind, cause_key=f"article:{article.pk}")
    follower = make_follower(site, email)
    mail = Delivery(site=site, notification=cause, follower=follower, why=Delivery.Why.FOLLOW, pk=1, follow_ids=[])
    as_author = Delivery(site=site, why=Delivery.Why.AUTHOR, target_key=follower.address_key)
    addresses = {"leave": leave_url(mail), "manage": manage_url(follower), "notices": notices_url(as_author)}
    addresses |= {"confirm": confirm_url(asked), "not-me": not_me_url(unasked)}
    return {name: address.rpartition("/")[2] for name, address in addresses.items()}


def _leap() -> None:
    """Let ids go on beyond seven million, where no other number of an answer is, each table's in a range of its own.

    Otherwise a row that a call makes could have the number of some other row of the other site.
    """
    with connection.cursor() as cursor:
        for number, table in enumerate(TABLES):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            start = 7_000_000 + number * 100_000
            cursor.execute(f"SELECT setval({sequence}, greatest(nextval({sequence}), {start}) + 1000)")
