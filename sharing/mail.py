"""The messages we send: one named function and three templates each (subject, plain text, HTML).

What readers wrote is quoted in the plain part and passes `project.text.mail_html` in the other; a confirmation holds
nothing that a reader chose. `overviews` has those that tell of a day or a week to whoever looks after a site.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext

from articles.models import Article
from comments.models import Comment
from comments.services.sign_in import LINK_LIVES
from project.languages import isolated, speaking
from project.text import excerpt, mail_html
from sharing import overviews, tokens
from sharing.drafts import (
    NAME_LENGTH,
    Drafts,
    Letter,
    NothingToTell,
    TooEarly,
    brief,
    letter,
    list_id,
    notice,
    root_id,
    site_name,
    threads_of,
    title_of,
)
from sharing.models import Delivery, Follow, Notification
from sharing.quoting import marker
from sharing.selectors.digests import FLOOD, Contents, contents_of
from sharing.selectors.follows import language_of
from sharing.selectors.outbox import milestone_of, shares_of_notice
from sharing.verp import reply_headers

QUOTED: Final = 2_000  # characters of a comment; the rest is read on the page


def letter_of(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Return the message of a delivery, in its reader's language; `follow` is the one that names the reason, None for
    authors and members.

    The delivery's site, follower, digest, notification, and the notification's article and comment should be loaded.
    What tells of a time raises NothingToTell, a digest also TooEarly.
    """
    with speaking(language_of(delivery)):
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
    return letter(delivery, draft, links, {})


def new_comment(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell of a comment, or of a reply to somebody who asked for replies; of an article's comments its author too."""
    notification, comment, article = _subject_matter(delivery)
    reply = follow is not None and follow.target_kind == Follow.Target.COMMENT
    reason, answers = _reason(delivery, follow), reply_headers(delivery.token)

    def context() -> dict[str, Any]:
        return {
            **_of_comment(comment, article),
            "reply": reply,
            "reason": reason,
            "marker": marker() if answers else "",
        }

    key = (notification.pk, comment.revision, comment.nonce, reason, delivery.follower_id is None)
    return notice(delivery, drafts, "new_comment", key, context, _threaded(article), answers)


def new_article(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell of a new article."""
    notification, article = _notification(delivery), _article(delivery)
    reason = _reason(delivery, follow)

    def context() -> dict[str, Any]:
        return {
            "article": article,
            "title": title_of(article),
            "url": article.public_url,
            "summary": excerpt(article.summary, QUOTED),
            "reason": reason,
        }

    headers = {"List-Id": list_id(delivery.site, "articles"), "References": root_id(article)}
    return notice(delivery, drafts, "new_article", (notification.pk, article.updated_at, reason), context, headers)


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

    headers = {"List-Id": list_id(delivery.site, "held")}
    return notice(
        delivery, drafts, "held_comment", (notification.pk, comment.revision, comment.nonce), context, headers
    )


def shares_notice(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell an author how often her article was shared within the hour."""
    notification, article = _notification(delivery), _article(delivery)

    def context() -> dict[str, Any]:
        shares = shares_of_notice(notification)
        return {
            "article": article,
            "title": title_of(article),
            "url": article.public_url,
            "shares": shares,
            "total": sum(count for _, count in shares),
            "reason": _reason(delivery, follow),
        }

    headers = {"List-Id": list_id(delivery.site, "shares"), "References": root_id(article)}
    return notice(delivery, drafts, "shares_notice", (notification.pk,), context, headers)


def milestone(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell an author that her article was shared ten times, a hundred times, a thousand times."""
    notification, article = _notification(delivery), _article(delivery)

    def context() -> dict[str, Any]:
        return {
            "title": title_of(article),
            "url": article.public_url,
            "number": milestone_of(notification),
            "reached": number_format(milestone_of(notification), force_grouping=True),
            "reason": _reason(delivery, follow),
        }

    headers = {"List-Id": list_id(delivery.site, "shares"), "References": root_id(article)}
    return notice(delivery, drafts, "milestone", (notification.pk,), context, headers)


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
    headers = {"List-Id": list_id(delivery.site, "digests")}
    return notice(
        delivery, drafts, "digest", (window.pk,), context, _threaded(article) if one_thread and article else headers
    )


def sign_in(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Send the link by which somebody proves that the address is hers; the site's name is the only word not ours."""

    def context() -> dict[str, Any]:
        return {"minutes": LINK_LIVES // timedelta(minutes=1)}

    draft = drafts.draft("sign_in", delivery.site, (), context)
    return letter(delivery, draft, {"confirm": tokens.sign_in_url(delivery)}, {})


MESSAGES: Final[dict[Delivery.Kind, Callable[[Delivery, Follow | None, Drafts], Letter]]] = {
    Delivery.Kind.CONFIRMATION: confirm_follow,
    Delivery.Kind.COMMENT: new_comment,
    Delivery.Kind.ARTICLE: new_article,
    Delivery.Kind.HELD: held_comment,
    Delivery.Kind.SHARES: shares_notice,
    Delivery.Kind.MILESTONE: milestone,
    Delivery.Kind.SIGN_IN: sign_in,
    Delivery.Kind.DIGEST: digest,
    Delivery.Kind.NOTICES: overviews.notices_of_a_day,
    Delivery.Kind.SUMMARY: overviews.summary_of_a_week,
}


def _of_comment(comment: Comment, article: Article) -> dict[str, Any]:
    text = comment.text.strip()
    short = len(text) <= QUOTED
    shown = text if short else f"{text[:QUOTED].rstrip()}…"
    return {
        "author": excerpt(comment.author_name, NAME_LENGTH),
        "title": title_of(article),
        "url": article.public_url.partition("#")[0] + comment.fragment,
        # Each line is marked as somebody else's words, so that none can pass for ours.
        "quoted": "\n".join(f"> {line}".rstrip() for line in shown.splitlines()),
        "html": mail_html(comment.html) if short else "",
        "shown": shown,
    }


def _of_window(contents: Contents) -> dict[str, Any]:
    """The notifications of a digest: new articles, and comments by their thread, each in the order of time."""
    articles, said = [], []
    for one in contents.told:
        article, comment = one.article, one.comment
        assert article is not None, "a digest tells of what may be seen"
        if comment is not None:
            said.append((comment, article))
            continue
        articles.append({"title": title_of(article), "url": article.public_url, "summary": brief(article.summary)})
    return {"articles": articles, "threads": threads_of(said), "comments": len(said), "more": contents.more}


def _of_digest(delivery: Delivery, scope: str) -> str:
    site = {"site": isolated(site_name(delivery.site))}
    if scope == Follow.Frequency.DAILY:
        return gettext("You get this mail because you asked for a daily mail of what you follow at %(site)s.") % site
    if scope == Follow.Frequency.WEEKLY:
        return gettext("You get this mail because you asked for a weekly mail of what you follow at %(site)s.") % site
    return gettext("You get this mail because you follow this discussion, which became lively.")


def _reason(delivery: Delivery, follow: Follow | None) -> str:
    site = {"site": isolated(site_name(delivery.site))}
    if delivery.why == Delivery.Why.AUTHOR:
        return gettext("You get this mail because you wrote the article.")
    if delivery.why == Delivery.Why.MEMBER or follow is None:
        return gettext("You get this mail because you look after %(site)s.") % site
    name = {"name": isolated(follow.target_key)}
    match follow.target_kind:
        case Follow.Target.COMMENT:
            return gettext("You get this mail because you asked for replies to a comment.")
        case Follow.Target.ARTICLE:
            return gettext("You get this mail because you follow the comments on this article.")
        case Follow.Target.TAG:
            return gettext("You get this mail because you follow the tag “%(name)s”.") % name
        case Follow.Target.AUTHOR:
            return gettext("You get this mail because you follow the author “%(name)s”.") % name
    return gettext("You get this mail because you follow %(site)s.") % site


def _threaded(article: Article) -> dict[str, str]:
    """A root that was never sent holds the mails of an article together, whichever of them somebody gets."""
    return {
        "List-Id": list_id(article.site, f"article-{article.pk}"),
        "In-Reply-To": root_id(article),
        "References": root_id(article),
        "List-Archive": f"<{article.page_url}>",
    }


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
