"""No mail, and no page that a mail leads to, shows a word that did not pass through a catalogue."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from articles.models import Article
from comments.models import Comment
from sharing import tokens
from sharing.models import Delivery, Follow
from tests.browser.test_mail_looks import MAILS, delivery, digest
from tests.factories import ADA, BEN, make_article, make_comment, make_follow, make_member, make_site
from tests.sharing.test_mail import html_of, letter, text_of
from tests.words import KEPT, PSEUDO, pseudo_language, strange

READ_ALOUD = {"alt", "aria-label", "data-done", "placeholder", "title"}
# What others call themselves, in any language, and addresses.
OTHERS = re.compile(r"https?://\S+|\S+@\S+|English|Deutsch|français|español|Mastodon|LinkedIn|Facebook")
WORD = re.compile(r"[A-Za-z]+")


class Reader(HTMLParser):
    """What a page shows or has read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in {"style", "script"}
        self.words += [value or "" for name, value in attrs if name in READ_ALOUD]

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.words.append(data)


def forgotten(text: str) -> list[str]:
    """Return the words in a text that are in letters of ours."""
    return WORD.findall(KEPT.sub("", OTHERS.sub("", text)))


def forgotten_in(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    return [word for words in reader.words for word in forgotten(words)]


@pytest.fixture(autouse=True)
def spoken(tmp_path: Path) -> Iterator[None]:
    with pseudo_language(tmp_path):
        yield


@pytest.fixture
def article(db: None) -> Article:
    words = {"title": "蜜蜂", "summary": "蜜蜂", "author_name": "蜂", "author_email": ADA}
    return make_article(make_site("sketch", name="蜜蜂"), **words)


def test_a_word_outside_of_the_catalogues_is_seen() -> None:
    assert strange("Read <b>it</b> at %(site)s, UTC") == "Ｒｅａｄ <b>ｉｔ</b> ａｔ %(site)s, UTC"
    assert forgotten_in(f"<p>{strange('Read it')}: <a href='https://x.example/y' title='now'>here</a></p>") == [
        "now",
        "here",
    ]


@pytest.mark.parametrize("make", MAILS, ids=lambda make: make.__name__)
def test_a_mail(article: Article, make: Any) -> None:
    make_member(article.site, ADA)
    made, follow = make(article)
    in_strange_letters(made, follow)
    message = letter(made, follow)
    assert message["Content-Language"] == PSEUDO
    for part in (str(message["Subject"]), text_of(message)):
        assert forgotten(part) == []
    assert forgotten_in(html_of(message)) == []


@pytest.mark.parametrize("target", [{"tag": "蜂"}, {"author": "蜂"}, {}, {"article": True}, {"comment": True}])
@pytest.mark.parametrize("status", ["unconfirmed", "confirmed"])
def test_what_is_asked_and_why_a_mail_comes(article: Article, target: dict[str, Any], status: str) -> None:
    comment = make_comment(article)
    named = {name: {"article": article, "comment": comment}.get(name, value) for name, value in target.items()}
    follow = make_follow(article.site, ADA, status=status, **named)
    kind = "confirmation" if status == "unconfirmed" else "article"
    made, _ = delivery(article, kind, follow)
    in_strange_letters(made, follow)
    message = letter(made, follow)
    assert forgotten(f"{message['Subject']} {text_of(message)}") == forgotten_in(html_of(message)) == []


@pytest.mark.parametrize("scope", ["weekly", "flood"])
def test_a_digest_of_another_kind(article: Article, scope: str) -> None:
    made, follow = digest(article)
    Follow.objects.update(frequency="weekly" if scope == "weekly" else "immediate")
    assert made.digest is not None
    made.digest.scope = f"flood:{article.pk}" if scope == "flood" else scope
    in_strange_letters(made, follow)
    message = letter(made, follow)
    assert forgotten(f"{message['Subject']} {text_of(message)}") == forgotten_in(html_of(message)) == []


def in_strange_letters(made: Delivery, follow: Follow | None) -> None:
    """Whoever reads the mail reads the pseudo language, and nobody has written a word in letters of ours."""
    Comment.objects.update(author_name="蜂", text="蜜蜂", html="<p>蜜蜂</p>", reason="")
    Article.objects.update(title="蜜蜂", summary="蜜蜂")
    if made.notification is not None:
        made.notification.refresh_from_db()
    if follow is not None:
        follow.follower.language = PSEUDO
        follow.follower.save()
        made.follower = follow.follower
    else:
        made.language = PSEUDO
        reader = make_follow(made.site, ADA).follower
        made.target_key = reader.address_key
        reader.language = PSEUDO
        reader.save()


def pages_of(client: Client, article: Article) -> Iterator[tuple[str, Any]]:
    """Every page behind a link of our mails, in each of its states, with its status."""
    asked = make_follow(article.site, BEN, status="unconfirmed", article=article)
    hers = [
        make_follow(article.site, ADA, **one) for one in ({"article": article}, {"tag": "蜂"}, {"author": "蜂"}, {})
    ]
    confirm, not_me = tokens.confirm_url(asked), tokens.not_me_url(asked)
    yield "confirm", client.get(confirm)
    yield "not-me", client.get(not_me)
    yield "confirmed", client.post(confirm)
    yield "confirmed already", client.post(not_me)
    another = make_follow(article.site, BEN, status="unconfirmed", tag="蜂")
    with time_machine.travel(time.time() + 8 * 86_400, tick=False):
        yield "too old", client.get(tokens_of_old(another))
    yield "refused", client.post(tokens.not_me_url(another))
    yield "no longer open", client.get(tokens.confirm_url(another))
    manage = tokens.manage_url(hers[0].follower)
    yield "manage", client.get(manage)
    form = {"save": "1", "timezone": "Europe/Berlin", "hour": "8", "weekday": "1"}
    yield "saved", client.post(manage, form)
    yield "no such zone", client.post(manage, {**form, "timezone": "!"})
    yield "no such hour", client.post(manage, {**form, "hour": "77"})
    yield "one ended", client.post(manage, {"end": str(hers[0].pk)})
    yield "all ended", client.post(manage, {"end": "all"})
    for path in ("follows/confirm", "follows/not-me", "follows/leave", "follows/manage", "notices", "sign-in"):
        yield f"no link: {path}", client.get(f"/{path}/x")
    yield from pages_of_staff(client, article)
    yield from pages_of_sign_in(client, article)


def tokens_of_old(follow: Follow) -> str:
    with time_machine.travel(time.time() - 9 * 86_400, tick=False):
        return tokens.confirm_url(follow)


def pages_of_staff(client: Client, article: Article) -> Iterator[tuple[str, Any]]:
    made = Delivery(pk=1, site=article.site, kind="comment", target_key="key", address=ADA)
    reader = make_follow(article.site, ADA, tag="x").follower
    make_member(article.site, ADA, role="owner")
    for kind, why in (("comment", "author"), ("held", "member"), ("summary", "member"), ("comment", "follow")):
        made.kind, made.why, made.target_key = kind, why, reader.address_key
        yield f"leave {kind} {why}", client.get(tokens.leave_url(made))
        yield f"left {kind} {why}", client.post(tokens.leave_url(made))
        if why != "follow":
            yield f"notices {why}", client.get(tokens.notices_url(made))
            yield f"chosen {why}", client.post(tokens.notices_url(made), {"choice": "daily"})
            yield f"no choice {why}", client.post(tokens.notices_url(made), {"choice": "x"})


def pages_of_sign_in(client: Client, article: Article) -> Iterator[tuple[str, Any]]:
    made = Delivery(site=article.site, kind="sign_in", cause_key=f"sign-in:own:{article.pk}:n", address=ADA)
    link = tokens.sign_in_url(made)
    yield "sign in", client.get(link)
    yield "signed in", client.post(link)
    yield "used already", client.post(link)
    made.cause_key = f"sign-in:embedded:{article.pk}:m"
    yield "signed in elsewhere", client.post(tokens.sign_in_url(made))


def test_the_pages_that_mails_lead_to(client: Client, article: Article) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = PSEUDO
    seen, wrong = 0, {}
    for name, page in pages_of(client, article):
        seen += 1
        assert page["Content-Language"] == PSEUDO and page.status_code < 500, name
        html = re.sub(r"<code>.*?</code>", "", page.content.decode())
        if found := forgotten_in(html):
            wrong[name] = found
    assert wrong == {} and seen > 30
