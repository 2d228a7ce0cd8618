"""The messages we send: one named function and three templates each (subject, plain text, HTML).

What is the same for all recipients of a notification is rendered, and its styles inlined, once per `Drafts`; the links
that belong to one recipient are then put in the place of marks that nobody can guess. What readers wrote is quoted in
the plain part and passes `project.text.mail_html` in the other; a confirmation holds nothing that a reader chose.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formataddr, parseaddr
from typing import Any, Final

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from articles.models import Article, Site
from comments.models import Comment
from comments.services.sign_in import LINK_LIVES
from project.text import excerpt, mail_html
from sharing import tokens
from sharing.models import Delivery, Follow, Notification
from sharing.selectors.digests import FLOOD, Contents, contents_of
from sharing.selectors.outbox import shares_of_notice
from sharing.verp import envelope_sender, message_id
from sharing.wire import Form, WireMessage, date_header

SUBJECT_LENGTH: Final = 150
NAME_LENGTH: Final = 60
QUOTED: Final = 2_000  # characters of a comment; the rest is read on the page
BRIEF: Final = 300  # of each in a digest
POSTMARK: Final = ".postmarkapp.com"  # gives every message an id of its own
# Rules for dark screens stay as they are: no attribute can hold them.
_INLINER: Final = css_inline.CSSInliner(keep_at_rules=True)
NO_HEADERS: Final[Mapping[str, str]] = {}


class NothingToTell(Exception):  # noqa: N818 — a fact, and no error
    """A digest of a window in which nothing happened that may be seen now."""


class TooEarly(Exception):  # noqa: N818 — as above
    """A digest of a window that is not complete yet."""


@dataclass(frozen=True)
class Letter:
    """A message ready to go; `wording` is the SHA-256 of its words without the links of its recipient."""

    message: WireMessage
    wording: str


@dataclass(frozen=True)
class Draft:
    """What all recipients of one message read, with marks where the links of each will stand."""

    form: Form
    wording: str


class Drafts:
    """Drafts made so far, for one batch of deliveries; the same words are rendered once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Draft] = {}
        secret = secrets.token_hex(12)
        self.marks: Final = {name: f"mark-{name}-{secret}" for name in ("confirm", "not_me", "leave", "manage")}

    def draft(
        self,
        name: str,
        site: Site,
        key: tuple[object, ...],
        context: Callable[[], dict[str, Any]],
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Draft:
        """Return the draft of message `name` from `site` for `key`, which names everything that its words and headers
        depend on."""
        whole_key = (name, site.pk, *key)
        if whole_key not in self._made:
            self._made[whole_key] = self._render(name, {**context(), "site": _name(site)}, headers)
        return self._made[whole_key]

    def _render(self, name: str, context: dict[str, Any], headers: Mapping[str, str]) -> Draft:
        subject, text, html = (
            render_to_string(f"sharing/mail/{name}.{kind}", {**self.marks, **context})
            for kind in ("subject.txt", "txt", "html")
        )
        line = excerpt(subject, SUBJECT_LENGTH)
        words = f"{line}\n{text}"
        for mark in self.marks.values():
            words = words.replace(mark, "")
        wording = hashlib.sha256(words.encode()).hexdigest()
        shared = {
            "Subject": line,
            "From": formataddr((context["site"], parseaddr(settings.MAIL_FROM)[1])),
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "OOF, AutoReply",
            **headers,
        }
        return Draft(Form(shared, text.strip() + "\n", _INLINER.inline(html), self.marks), wording)


def letter_of(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Return the message of a delivery; `follow` is the one that names the reason, None for authors and members.

    The delivery's site, follower, digest, notification, and the notification's article and comment should be loaded.
    A digest raises NothingToTell or TooEarly.
    """
    return MESSAGES[Delivery.Kind(delivery.kind)](delivery, follow, drafts)


def confirm_follow(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Ask whether the address wants what was asked in its name; the site's name is the only word not ours."""
    assert follow is not None, "a confirmation without its follow is never sent"
    article = follow.article

    def context() -> dict[str, Any]:
        return {
            "kind": follow.target_kind,
            "page": article.page_url if article else "",
            "days": tokens.CONFIRM_WITHIN.days,
        }

    draft = drafts.draft("confirm_follow", delivery.site, (follow.target_kind, follow.article_id), context)
    links = {"confirm": tokens.confirm_url(follow), "not_me": tokens.not_me_url(follow)}
    return _letter(delivery, draft, links, {})


def new_comment(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell of a comment, or of a reply to somebody who asked for replies; of an article's comments its author too."""
    notification, comment, article = _subject_matter(delivery)
    reply = follow is not None and follow.target_kind == Follow.Target.COMMENT
    reason = _reason(delivery, follow)

    def context() -> dict[str, Any]:
        return {**_of_comment(comment, article), "reply": reply, "reason": reason}

    key = (notification.pk, comment.revision, comment.nonce, reason, delivery.follower_id is None)
    return _notice(delivery, drafts, "new_comment", key, context, _threaded(article))


def new_article(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell of a new article."""
    notification, article = _notification(delivery), _article(delivery)
    reason = _reason(delivery, follow)

    def context() -> dict[str, Any]:
        return {
            "article": article,
            "title": _title(article),
            "url": article.public_url,
            "summary": excerpt(article.summary, QUOTED),
            "reason": reason,
        }

    headers = {"List-Id": _list_id(delivery.site, "articles"), "References": _root(article)}
    return _notice(delivery, drafts, "new_article", (notification.pk, article.updated_at, reason), context, headers)


def held_comment(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell a member of the site that a comment waits for a decision."""
    notification, comment, article = _subject_matter(delivery)

    def context() -> dict[str, Any]:
        path = reverse("admin:comments_comment_change", args=[comment.pk])
        return {
            **_of_comment(comment, article),
            "decide": f"{settings.PUBLIC_URL}{path}",
            "why_held": comment.reason,
            "reason": _reason(delivery, follow),
        }

    headers = {"List-Id": _list_id(delivery.site, "held")}
    return _notice(
        delivery, drafts, "held_comment", (notification.pk, comment.revision, comment.nonce), context, headers
    )


def shares_notice(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell an author how often her article was shared within the hour."""
    notification, article = _notification(delivery), _article(delivery)

    def context() -> dict[str, Any]:
        shares = shares_of_notice(notification)
        return {
            "article": article,
            "title": _title(article),
            "url": article.public_url,
            "shares": shares,
            "total": sum(count for _, count in shares),
            "reason": _reason(delivery, follow),
        }

    headers = {"List-Id": _list_id(delivery.site, "shares"), "References": _root(article)}
    return _notice(delivery, drafts, "shares_notice", (notification.pk,), context, headers)


def digest(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell of everything that happened in a window, thread by thread."""
    contents, window = contents_of(delivery), delivery.digest
    if window is None or (not contents.told and contents.is_complete):
        raise NothingToTell
    if not contents.is_complete:
        raise TooEarly
    one_thread = window.scope.startswith(FLOOD)

    def context() -> dict[str, Any]:
        scope = "one thread" if one_thread else window.scope
        return {
            **_of_window(contents),
            "scope": scope,
            "reason": _of_digest(delivery, scope),
        }

    article = contents.told[0].article
    headers = {"List-Id": _list_id(delivery.site, "digests")}
    return _notice(
        delivery, drafts, "digest", (window.pk,), context, _threaded(article) if one_thread and article else headers
    )


def sign_in(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Send the link by which somebody proves that the address is hers; the site's name is the only word not ours."""

    def context() -> dict[str, Any]:
        return {"minutes": LINK_LIVES // timedelta(minutes=1)}

    draft = drafts.draft("sign_in", delivery.site, (), context)
    return _letter(delivery, draft, {"confirm": tokens.sign_in_url(delivery)}, {})


MESSAGES: Final[dict[Delivery.Kind, Callable[[Delivery, Follow | None, Drafts], Letter]]] = {
    Delivery.Kind.CONFIRMATION: confirm_follow,
    Delivery.Kind.COMMENT: new_comment,
    Delivery.Kind.ARTICLE: new_article,
    Delivery.Kind.HELD: held_comment,
    Delivery.Kind.SHARES: shares_notice,
    Delivery.Kind.SIGN_IN: sign_in,
    Delivery.Kind.DIGEST: digest,
}


def _notice(
    delivery: Delivery,
    drafts: Drafts,
    name: str,
    key: tuple[object, ...],
    context: Callable[[], dict[str, Any]],
    headers: dict[str, str],
) -> Letter:
    """A notification: what can be left with one click, here, at once and for ever."""
    managed = delivery.follower is not None
    without = {} if managed else {"manage": ""}
    draft = drafts.draft(name, delivery.site, (*key, managed), lambda: {**context(), **without}, headers)
    links = {"leave": tokens.leave_url(delivery)}
    if delivery.follower is not None:
        links["manage"] = tokens.manage_url(delivery.follower)
    unsubscribe = {
        "List-Unsubscribe": f"<{links['leave']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return _letter(delivery, draft, links, unsubscribe)


def _letter(delivery: Delivery, draft: Draft, links: dict[str, str], headers: dict[str, str]) -> Letter:
    own = {
        "To": delivery.address,
        "Message-ID": f"<{message_id(delivery.token, _host())}>",
        "Date": date_header(),
        **_for_provider(delivery),
        **headers,
    }
    sender = envelope_sender(delivery.token) or parseaddr(settings.MAIL_FROM)[1]
    return Letter(WireMessage(sender, delivery.address, draft.form.filled(own, links)), draft.wording)


def _of_comment(comment: Comment, article: Article) -> dict[str, Any]:
    text = comment.text.strip()
    short = len(text) <= QUOTED
    shown = text if short else f"{text[:QUOTED].rstrip()}…"
    return {
        "author": excerpt(comment.author_name, NAME_LENGTH),
        "title": _title(article),
        "url": article.public_url.partition("#")[0] + comment.fragment,
        # Each line is marked as somebody else's words, so that none can pass for ours.
        "quoted": "\n".join(f"> {line}".rstrip() for line in shown.splitlines()),
        "html": mail_html(comment.html) if short else "",
        "shown": shown,
    }


def _of_window(contents: Contents) -> dict[str, Any]:
    """The notifications of a digest: new articles, and comments by their thread, each in the order of time."""
    threads: dict[int, dict[str, Any]] = {}
    articles = []
    for one in contents.told:
        article, comment = one.article, one.comment
        assert article is not None, "a digest tells of what may be seen"
        if comment is None:
            articles.append(
                {"title": _title(article), "url": article.public_url, "summary": excerpt(article.summary, BRIEF)}
            )
            continue
        thread = threads.setdefault(article.pk, {"title": _title(article), "url": article.public_url, "comments": []})
        thread["comments"].append(
            {
                "author": excerpt(comment.author_name, NAME_LENGTH),
                "said": excerpt(comment.text, BRIEF),
                "url": article.public_url.partition("#")[0] + comment.fragment,
            }
        )
    comments = sum(len(thread["comments"]) for thread in threads.values())
    return {"articles": articles, "threads": list(threads.values()), "comments": comments, "more": contents.more}


def _of_digest(delivery: Delivery, scope: str) -> str:
    if scope == "one thread":
        return "you follow this discussion, which became lively"
    return f"you asked for a {scope} mail of what you follow at {_name(delivery.site)}"


def _reason(delivery: Delivery, follow: Follow | None) -> str:
    if delivery.why == Delivery.Why.AUTHOR:
        return "you wrote the article"
    if delivery.why == Delivery.Why.MEMBER or follow is None:
        return f"you look after {_name(delivery.site)}"
    match follow.target_kind:
        case Follow.Target.COMMENT:
            return "you asked for replies to a comment"
        case Follow.Target.ARTICLE:
            return "you follow the comments on this article"
        case Follow.Target.TAG:
            return f"you follow the tag “{follow.target_key}”"
        case Follow.Target.AUTHOR:
            return f"you follow the author “{follow.target_key}”"
    return f"you follow {_name(delivery.site)}"


def _threaded(article: Article) -> dict[str, str]:
    """A root that was never sent holds the mails of an article together, whichever of them somebody gets."""
    list_id = _list_id(article.site, f"article-{article.pk}")
    return {"List-Id": list_id, "In-Reply-To": _root(article), "References": _root(article)}


def _for_provider(delivery: Delivery) -> dict[str, str]:
    """What a provider needs to name our delivery in its events; the others name our Message-ID."""
    if settings.EMAIL_HOST.endswith(POSTMARK):
        return {"X-PM-Metadata-delivery": message_id(delivery.token, _host())}
    return {}


def _root(article: Article) -> str:
    return f"<article-{article.pk}@{_host()}>"


def _list_id(site: Site, what: str) -> str:
    return f"<{what}.{site.slug}.{_host()}>"


def _host() -> str:
    host: str = settings.PUBLIC_HOST
    return f"[{host}]" if ":" in host else host


def _name(site: Site) -> str:
    """The site's name on one line: it stands in headers."""
    return excerpt(site.name, NAME_LENGTH) or site.slug


def _title(article: Article) -> str:
    return excerpt(article.title, SUBJECT_LENGTH - 10) or article.public_url


def _notification(delivery: Delivery) -> Notification:
    assert delivery.notification is not None, "only a confirmation has no notification"
    return delivery.notification


def _article(delivery: Delivery) -> Article:
    article = _notification(delivery).article
    assert article is not None, "every notification of ours is about an article"
    return article


def _subject_matter(delivery: Delivery) -> tuple[Notification, Comment, Article]:
    notification = _notification(delivery)
    assert notification.comment is not None, "a notice about a comment has one: both go together"
    return notification, notification.comment, _article(delivery)
