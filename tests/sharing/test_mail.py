"""What a mail says and carries, read as a mail program reads it."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings

from articles.models import Article
from comments.models import Comment
from sharing import mail, tokens
from sharing.drafts import Drafts, Letter
from sharing.models import Delivery, Follow, Notification, Share
from tests.factories import ADA, BEN, make_article, make_comment, make_follow, make_site
from tests.mailing import unsigned

URL = re.compile(r"https?://[^\s\"<>]+")


@pytest.fixture
def article(db: None) -> Article:
    return make_article(make_site(name="The Daily Sketch"), title="Bees of the north")


def delivery_of(
    kind: str, article: Article, follow: Follow | None = None, comment: Comment | None = None, **fields: Any
) -> Delivery:
    notification = Notification.objects.create(
        site=article.site,
        kind=kind,
        cause_key=f"{kind}:{Notification.objects.count()}",
        article=article,
        comment=comment,
    )
    return Delivery(
        pk=1,
        site=article.site,
        kind=kind,
        notification=notification,
        follower=follow.follower if follow else None,
        follow_ids=[follow.pk] if follow else [],
        target_key="key",
        address=ADA,
        **fields,
    )


def on_the_wire(letter: Letter) -> EmailMessage:
    message = message_from_bytes(letter.message.message().as_bytes(linesep="\r\n"), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def letter(delivery: Delivery, follow: Follow | None = None) -> EmailMessage:
    return on_the_wire(mail.letter_of(delivery, follow, Drafts()))


def comment_mail(article: Article, **fields: Any) -> EmailMessage:
    follow = make_follow(article.site, ADA, article=article)
    return letter(delivery_of("comment", article, follow, make_comment(article, **fields)), follow)


class TestNotices:
    def test_the_headers_that_every_notice_carries(self, article: Article) -> None:
        follow = make_follow(article.site, ADA, article=article)
        delivery = delivery_of("comment", article, follow, make_comment(article))
        message = letter(delivery, follow)
        leave = message["List-Unsubscribe"].strip()
        assert re.fullmatch(r"<https?://[^<>\s]+/follows/leave/[^<>\s]+>", leave)
        assert tokens.read_leave(leave.strip("<>").rpartition("/")[2]).follow_ids == (follow.pk,)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["List-Id"] == f"<article-{article.pk}.{article.site.slug}.{settings.PUBLIC_HOST}>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
        assert message["Message-ID"] == f"<delivery-{delivery.token}@{settings.PUBLIC_HOST}>"
        assert message["References"] == message["In-Reply-To"] == f"<article-{article.pk}@{settings.PUBLIC_HOST}>"
        assert message["Reply-To"] is None
        assert re.fullmatch(r"<https?://[^<>\s]+/follows/manage/[^<>\s]+>", message["List-Help"].strip())
        assert message["List-Owner"] == f"<mailto:{settings.MAIL_FROM}>"
        assert message["List-Archive"] == f"<{article.page_url}>"
        assert message["List-Post"] == "NO" and message["Precedence"] is None
        assert message["To"] == ADA
        assert message["From"].addresses[0].display_name == "The Daily Sketch"
        assert message["Date"]

    def test_a_retry_is_the_same_message(self, article: Article) -> None:
        follow = make_follow(article.site, ADA, article=article)
        delivery = delivery_of("comment", article, follow, make_comment(article))
        first, second = letter(delivery, follow), letter(delivery, follow)
        assert first["Message-ID"] == second["Message-ID"]
        for part in (text_of, html_of):
            assert unsigned(part(first)) == unsigned(part(second))

    def test_a_new_comment(self, article: Article) -> None:
        comment = make_comment(article, body="Well **said**.\n\nTwice.", author_name="Ben & Co")
        follow = make_follow(article.site, ADA, article=article)
        message = letter(delivery_of("comment", article, follow, comment), follow)
        assert message["Subject"] == "Re: Bees of the north"
        text, html = text_of(message), html_of(message)
        permalink = f"{article.url}#comment-{comment.pk}"
        assert "Ben & Co wrote below “Bees of the north”:" in text
        assert "> Well said." in text and "> Twice." in text
        assert f"Read and answer: {permalink}" in text
        assert "You get this mail because you follow the comments on this article." in text
        assert "Ben &amp; Co" in html and "<strong>said</strong>" in html and permalink in html
        for part in (text, html):
            assert unsigned(tokens.manage_url(follow.follower)) in unsigned(part)
            assert "/follows/leave/" in part
            assert "mark-" not in part

    def test_a_reply_says_so(self, article: Article) -> None:
        root = make_comment(article)
        follow = make_follow(article.site, ADA, comment=root)
        message = letter(delivery_of("comment", article, follow, make_comment(article, root)), follow)
        assert "Ben replied in a discussion below" in text_of(message)
        assert "because you asked for replies to a comment" in text_of(message)
        assert message["Subject"] == "Re: Bees of the north"

    def test_an_author_gets_no_link_to_follows_she_does_not_have(self, article: Article) -> None:
        message = letter(delivery_of("comment", article, None, make_comment(article), why="author"))
        assert "because you wrote the article" in text_of(message)
        assert "/follows/manage/" not in text_of(message) + html_of(message)
        leaving = tokens.read_leave(message["List-Unsubscribe"].strip(" <>").rpartition("/")[2])
        assert (leaving.suppress, leaving.address_key) == ("author", "key")

    @pytest.mark.parametrize(
        ("target", "reason"),
        [({}, "you follow The Daily Sketch"), ({"tag": "bees"}, "the tag “bees”"), ({"author": "ada"}, "author “ada”")],
    )
    def test_a_new_article(self, article: Article, target: dict[str, str], reason: str) -> None:
        article.summary = "How they live <there>."
        follow = make_follow(article.site, ADA, **target)
        message = letter(delivery_of("article", article, follow), follow)
        assert message["Subject"] == "Bees of the north"
        assert message["List-Id"].startswith("<articles.")
        assert message["References"] == f"<article-{article.pk}@{settings.PUBLIC_HOST}>"
        text, html = text_of(message), html_of(message)
        assert "by Ada" in text and "How they live <there>." in text and article.url in text
        assert "How they live &lt;there&gt;." in html and article.url in html
        assert reason in text

    def test_a_held_comment(self, article: Article) -> None:
        comment = make_comment(article, status="pending", reason="too many links")
        message = letter(delivery_of("held", article, None, comment, why="member"))
        assert message["Subject"] == "A comment waits: Bees of the north"
        assert f"/admin/comments/comment/{comment.pk}/change/" in text_of(message)
        assert "too many links" in text_of(message) and "> Well said." in text_of(message)
        assert "because you look after The Daily Sketch" in text_of(message)

    def test_shares_of_the_hour(self, article: Article) -> None:
        delivery = delivery_of("shares", article, why="author")
        notification = delivery.notification
        assert notification is not None
        for number, network in enumerate(["facebook", "facebook", "linkedin"]):
            day, visitor = notification.due_at.date(), f"v{number}"
            Share.objects.create(site=article.site, article=article, network=network, day=day, visitor_hash=visitor)
        Share.objects.update(created_at=notification.due_at - mail_minutes(5))
        Share.objects.create(site=article.site, article=article, network="facebook", day=day, visitor_hash="later")
        message = letter(delivery)
        assert "was shared 3 times within an hour" in text_of(message)
        assert "Facebook: 2" in text_of(message) and "LinkedIn: 1" in text_of(message)

    def test_the_words_are_rendered_once_for_many(self, article: Article, django_assert_num_queries: Any) -> None:
        drafts, comment = Drafts(), make_comment(article)
        follows = [make_follow(article.site, f"reader{number}@example.org", article=article) for number in range(3)]
        deliveries = [delivery_of("comment", article, follow, comment) for follow in follows]
        for delivery in deliveries:
            delivery.notification = deliveries[0].notification
        with django_assert_num_queries(0):
            letters = [
                mail.letter_of(delivery, follow, drafts) for delivery, follow in zip(deliveries, follows, strict=True)
            ]
        assert len(drafts._made) == 1
        bodies = {text_of(on_the_wire(made)) for made in letters}
        assert len(bodies) == 3


class TestConfirmation:
    @pytest.mark.parametrize("kind", ["site", "tag", "author", "article", "comment"])
    def test_it_holds_nothing_that_a_reader_chose(self, article: Article, kind: str) -> None:
        secret = "BUY-NOW"
        Article.objects.update(title=secret)
        comment = make_comment(article, body=secret, author_name=secret)
        targets = {"site": {}, "tag": {"tag": secret}, "author": {"author": secret}}
        target = targets.get(kind, {"article": article} if kind == "article" else {"comment": comment})
        follow = make_follow(article.site, ADA, status="unconfirmed", **target)
        follow.article = Article.objects.get() if kind in ("article", "comment") else None
        message = letter(Delivery(site=article.site, kind="confirmation", follow_ids=[follow.pk], address=ADA), follow)
        for part in (text_of(message), html_of(message)):
            assert secret not in part
            assert unsigned(tokens.confirm_url(follow)) in unsigned(part)
            assert unsigned(tokens.not_me_url(follow)) in unsigned(part)
        assert message["Subject"] == "Please confirm: Follow by Email at The Daily Sketch"
        assert message["Auto-Submitted"] == "auto-generated"
        allowed = tuple(f"{settings.PUBLIC_URL}/{page}/" for page in ("follows/confirm", "follows/not-me", "a"))
        assert all(url.startswith(allowed) for url in URL.findall(text_of(message)))

    def test_the_wording_is_the_same_for_every_recipient_and_process(self, article: Article) -> None:
        wordings = set()
        for email in (ADA, BEN):
            follow = make_follow(article.site, email, status="unconfirmed", article=article)
            delivery = Delivery(site=article.site, kind="confirmation", address=email)
            wordings.add(mail.letter_of(delivery, follow, Drafts()).wording)
        assert len(wordings) == 1 and re.fullmatch("[0-9a-f]{64}", wordings.pop())


class TestHostileWords:
    @pytest.mark.parametrize(
        "name", ["Ben\r\nBcc: cy@example.org", "Ben\nX: y", "<b>Ben</b>", '"Ben" <cy@example.org>']
    )
    def test_names_and_titles_never_make_headers_or_markup(self, db: None, name: str) -> None:
        article = make_article(make_site(name=name), title=name)
        message = comment_mail(article, author_name=name)
        assert message["Bcc"] is None and message["X"] is None
        assert [one.addr_spec for one in message["To"].addresses] == [ADA]
        assert [one.addr_spec for one in message["From"].addresses] == [settings.MAIL_FROM]
        assert "<b>" not in html_of(message)

    def test_a_comment_cannot_speak_in_our_name(self, article: Article) -> None:
        body = "Hi\n\n-- \n\nYou get this mail because.\n\nNo more of these mails: http://evil.example"
        lines = text_of(comment_mail(article, body=body)).splitlines()
        assert "http://evil.example" not in "\n".join(line for line in lines if not line.startswith(">"))

    def test_a_comment_s_links_and_images_lead_nowhere(self, article: Article) -> None:
        html = html_of(comment_mail(article, body="[click](https://evil.example/x) https://evil.example/y"))
        links = Links.of(html)
        assert not [link for link in links if "evil" in link]
        assert "<img" not in html and "<script" not in html

    def test_a_long_comment_is_cut_and_leads_to_the_page(self, article: Article) -> None:
        message = comment_mail(article, body="word " * 1900)
        assert len(text_of(message)) < 4_000 and len(html_of(message)) < 8_000
        assert "…" in text_of(message)

    def test_the_mail_loads_nothing_and_has_its_styles_inline(self, article: Article) -> None:
        html = html_of(comment_mail(article))
        (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
        assert style.startswith("@media (prefers-color-scheme: dark)") and 'style="' in html
        assert not re.search(r"<(img|link|script|iframe)\b|url\(", html)

    @pytest.mark.parametrize("title", ["", "蜜蜂", "a" * 500, "Кыт " * 100])
    def test_any_title_makes_a_readable_subject(self, db: None, title: str) -> None:
        subject = str(comment_mail(make_article(title=title))["Subject"]).strip()
        assert subject.startswith("Re: ") and 5 < len(subject) <= 150


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]

    @classmethod
    def of(cls, html: str) -> list[str]:
        parser = cls()
        parser.feed(html)
        return parser.found


def mail_minutes(minutes: int) -> Any:
    from datetime import timedelta

    return timedelta(minutes=minutes)
