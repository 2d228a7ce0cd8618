"""Every message that we send, as a mail program with a browser inside shows it, on bright and on dark screens.

With PICTURES=docs/images each is also kept as a picture for docs/mails.md.
"""

from __future__ import annotations

import os
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from articles.models import Article
from project.addresses import email_key
from sharing import mail
from sharing.drafts import Drafts
from sharing.models import Delivery, Digest, Follow, Follower, Notification, Share
from tests.browser.press import barriers
from tests.factories import ADA, make_article, make_comment, make_follow, make_site

pytestmark = pytest.mark.live

SAYS = (
    "The drones leave in August, that much is **known**; what nobody counted so far is *how many* come back.\n\nI did."
)
SIZE = {"width": 640, "height": 400}
MOST = 60_000
# Of those in other languages.
PICTURED = {"confirmation-de", "digest-ar"}


@pytest.fixture
def article(db: None) -> Article:
    site = make_site("sketch", name="The Daily Sketch")
    summary = "For the tenth year the beekeepers of the north have counted, and for the first time they agree."
    return make_article(site, title="Bees of the north", summary=summary, author_email=ADA)


def delivery(
    article: Article, kind: str, follow: Follow | None = None, **fields: Any
) -> tuple[Delivery, Follow | None]:
    notification = None
    if kind not in {"confirmation", "sign_in", "digest", "notices", "summary"}:
        comment = fields.pop("comment", None)
        cause = fields.pop("cause", f"{kind}:{article.pk}")
        notification = Notification.objects.create(
            site=article.site, kind=kind, cause_key=cause, article=article, comment=comment
        )
    whole = {"follower": follow.follower if follow else None, "follow_ids": [follow.pk] if follow else [], **fields}
    made = Delivery(
        pk=1, site=article.site, kind=kind, notification=notification, target_key="key", address=ADA, **whole
    )
    return made, follow


def confirmation(article: Article) -> tuple[Delivery, Follow | None]:
    return delivery(article, "confirmation", make_follow(article.site, ADA, status="unconfirmed", article=article))


def sign_in(article: Article) -> tuple[Delivery, Follow | None]:
    return delivery(article, "sign_in", cause_key=f"sign-in:own:{article.pk}:n")


def new_comment(article: Article) -> tuple[Delivery, Follow | None]:
    comment = make_comment(article, body=SAYS, author_name="Ben")
    return delivery(article, "comment", make_follow(article.site, ADA, article=article), comment=comment)


def new_article(article: Article) -> tuple[Delivery, Follow | None]:
    return delivery(article, "article", make_follow(article.site, ADA))


def held_comment(article: Article) -> tuple[Delivery, Follow | None]:
    comment = make_comment(article, body=SAYS, author_name="Ben", status="pending", reason="first comment")
    return delivery(article, "held", comment=comment, why="member")


def shares(article: Article) -> tuple[Delivery, Follow | None]:
    made, _ = delivery(article, "shares", why="author")
    for number, network in enumerate(["facebook", "facebook", "linkedin"]):
        visitor = f"visitor-{number}"
        day = made.notification.due_at.date()  # type: ignore[union-attr]
        Share.objects.create(site=article.site, article=article, network=network, day=day, visitor_hash=visitor)
    Share.objects.update(created_at=made.notification.due_at - timedelta(minutes=5))  # type: ignore[union-attr]
    return made, None


def milestone(article: Article) -> tuple[Delivery, Follow | None]:
    return delivery(article, "milestone", cause=f"milestone:{article.pk}:1000", why="author")


def digest(article: Article, comments: int = 3, words: str = SAYS) -> tuple[Delivery, Follow | None]:
    follow = make_follow(article.site, ADA, article=article)
    Follow.objects.filter(pk=follow.pk).update(frequency="daily")
    now = timezone.now()
    for number in range(comments):
        comment = make_comment(article, body=words, author_name=f"Ben {number}")
        Notification.objects.create(
            site=article.site,
            kind="comment",
            cause_key=f"comment:{comment.pk}",
            article=article,
            comment=comment,
            fanned_out_at=now,
        )
    window = Digest.objects.create(
        site=article.site,
        follower=follow.follower,
        scope="daily",
        window_start=now - timedelta(days=1),
        window_end=now + timedelta(hours=1),
        since=[now - timedelta(days=1)],
    )
    return delivery(article, "digest", follow, digest=window)


def daily_held(article: Article, comments: int = 3, words: str = SAYS) -> tuple[Delivery, Follow | None]:
    return day(article, "member", "held", comments, words, status="pending", reason="first comment")


def daily_author(article: Article, comments: int = 2, words: str = SAYS) -> tuple[Delivery, Follow | None]:
    share_all(article)
    return day(article, "author", "comment", comments, words)


def summary(article: Article) -> tuple[Delivery, Follow | None]:
    share_all(article)
    made, _ = day(article, "member", "comment", 4, SAYS)
    assert made.digest is not None
    made.digest.window_start = made.digest.window_end - timedelta(days=7)
    return delivery(article, "summary", digest=made.digest, why="member")


def share_all(article: Article) -> None:
    """The article is shared, and so are many others of its author."""
    for number in range(40):
        one = article if number == 0 else make_article(article.site, title=f"Bees, part {number}", author_email=ADA)
        due = timezone.now()
        Notification.objects.create(
            site=article.site, kind="shares", cause_key=f"s:{one.pk}", article=one, due_at=due, fanned_out_at=due
        )
        for visitor, network in enumerate(["mastodon", "linkedin", "mastodon"]):
            Share.objects.create(
                site=article.site, article=one, network=network, day=due.date(), visitor_hash=f"{visitor}"
            )
    Share.objects.update(created_at=timezone.now() - timedelta(minutes=5))


def day(
    article: Article, why: str, kind: str, comments: int, words: str, **fields: Any
) -> tuple[Delivery, Follow | None]:
    """A day of an author or a member with so many comments in it."""
    now = timezone.now()
    for number in range(comments):
        comment = make_comment(article, body=words, author_name=f"Ben {number}", **fields)
        Notification.objects.create(
            site=article.site, kind=kind, cause_key=f"{kind}:{comment.pk}", article=article, comment=comment,
            fanned_out_at=now,
        )  # fmt: skip
    window = Digest.objects.create(
        site=article.site,
        address_key=email_key(ADA),
        scope=why,
        window_start=now - timedelta(days=1),
        window_end=now + timedelta(hours=1),
        since=[now - timedelta(hours=1)],
    )
    made, _ = delivery(article, "notices", digest=window, why=why)
    made.target_key = email_key(ADA)
    return made, None


MAILS = (
    confirmation,
    sign_in,
    new_comment,
    new_article,
    held_comment,
    shares,
    milestone,
    digest,
    daily_held,
    daily_author,
    summary,
)


def html_of(made: Delivery, follow: Follow | None) -> str:
    raw = mail.letter_of(made, follow, Drafts()).message.raw
    assert len(raw) < MOST
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", MAILS, ids=lambda make: make.__name__)
def test_it_can_be_read_on_any_screen(article: Article, chromium: Any, make: Any, scheme: str) -> None:
    look_at(chromium, html_of(*make(article)), scheme, make.__name__)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ar", "de"])
@pytest.mark.parametrize("make", [confirmation, new_comment, digest], ids=lambda make: make.__name__)
def test_it_can_be_read_in_other_languages(
    article: Article, chromium: Any, make: Any, language: str, scheme: str
) -> None:
    made, follow = make(article)
    made.follower.language = language
    name = f"{make.__name__}-{language}"
    look_at(chromium, html_of(made, follow), scheme, name if name in PICTURED else "")


def look_at(chromium: Any, html: str, scheme: str, name: str) -> None:
    """Show a mail narrow and wide; `name` is that of its picture, "" for none."""
    context = chromium.new_context(viewport=SIZE, color_scheme=scheme, bypass_csp=True)
    try:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(html)
        assert asked == [], "a mail loads nothing"
        for width in (320, 640):
            page.set_viewport_size({"width": width, "height": 400})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        if name and (folder := os.environ.get("PICTURES")):
            page.screenshot(path=Path(folder) / f"mail-{name.replace('_', '-')}-{scheme}.png", full_page=True)
        assert barriers(page) == []
    finally:
        context.close()


@pytest.mark.parametrize("language", ["", "ar"])
@pytest.mark.parametrize("make", [digest, daily_held, daily_author], ids=lambda make: make.__name__)
def test_the_longest_mail_of_many_is_not_too_large_for_mail_programs(
    article: Article, make: Any, language: str
) -> None:
    made, follow = make(article, comments=60, words="蜜蜂" * 500)
    if made.follower is None:
        make_follow(article.site, ADA)
        Follower.objects.update(language=language)
    else:
        made.follower.language = language
    html_of(made, follow)
