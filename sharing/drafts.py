"""How our messages are made: what all recipients read is rendered once, and what belongs to one of them put in.

What is the same for all recipients of a notification is rendered, and its styles inlined, once per `Drafts` and
language; the links that belong to one recipient are then put in the place of marks that nobody can guess. `mail` and
`overviews` have the messages themselves.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formataddr
from typing import Any, Final

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language

from articles.models import Article, Site
from comments.models import Comment
from project.addresses import bare_address
from project.text import excerpt
from sharing import tokens
from sharing.models import Delivery
from sharing.verp import envelope_sender, message_id
from sharing.wire import Form, WireMessage, date_header

SUBJECT_LENGTH: Final = 150
NAME_LENGTH: Final = 60
BRIEF: Final = 300  # characters of a comment among others
POSTMARK: Final = ".postmarkapp.com"  # gives every message an id of its own
# Rules for dark screens stay as they are: no attribute can hold them.
_INLINER: Final = css_inline.CSSInliner(keep_at_rules=True)
# What tells of many things at once.
GATHERED: Final = frozenset({Delivery.Kind.DIGEST, Delivery.Kind.NOTICES, Delivery.Kind.SUMMARY})
NO_HEADERS: Final[Mapping[str, str]] = {}


class NothingToTell(Exception):  # noqa: N818 — a fact, and no error
    """A window in which nothing happened that may be told now."""


class TooEarly(Exception):  # noqa: N818 — a fact, and no error
    """A digest of a window that is not complete yet."""


@dataclass(frozen=True)
class Letter:
    """A message ready to go; `wording` is the SHA-256 of its words, in `language`, without the links of its
    recipient."""

    message: WireMessage
    wording: str
    language: str


@dataclass(frozen=True)
class Draft:
    """What all recipients of one message read, with marks where the links of each will stand."""

    form: Form
    wording: str
    language: str


class Drafts:
    """Drafts made so far, for one batch of deliveries; the same words are rendered once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Draft] = {}
        secret = secrets.token_hex(12)
        self.marks: Final = {
            name: f"mark-{name}-{secret}" for name in ("confirm", "not_me", "leave", "manage", "choose")
        }

    def draft(
        self,
        name: str,
        site: Site,
        key: tuple[object, ...],
        context: Callable[[], dict[str, Any]],
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Draft:
        """Return the draft of message `name` from `site`, in the language that is spoken, for `key`, which names
        everything else that its words and headers depend on."""
        whole_key = (name, get_language(), site.pk, *key)
        if whole_key not in self._made:
            self._made[whole_key] = self._render(name, {**context(), "site": site_name(site)}, headers)
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
        language = get_language() or settings.LANGUAGE_CODE
        shared = {
            "Subject": line,
            "From": formataddr((context["site"], bare_address(settings.MAIL_FROM))),
            "Content-Language": language,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "OOF, AutoReply",
            **headers,
        }
        return Draft(Form(shared, text.strip() + "\n", _INLINER.inline(html), self.marks), wording, language)


def notice(
    delivery: Delivery,
    drafts: Drafts,
    name: str,
    key: tuple[object, ...],
    context: Callable[[], dict[str, Any]],
    headers: dict[str, str],
    own_headers: Mapping[str, str] = NO_HEADERS,
) -> Letter:
    """A notification: what can be left with one click, here, at once and for ever; `own_headers` are its recipient's
    alone."""
    managed = delivery.follower is not None
    without = {"choose" if managed else "manage": ""}
    draft = drafts.draft(name, delivery.site, (*key, managed), lambda: {**context(), **without}, headers)
    links = {"leave": tokens.leave_url(delivery)}
    if delivery.follower is not None:
        links["manage"] = tokens.manage_url(delivery.follower)
    else:
        links["choose"] = tokens.notices_url(delivery)
    listed = {
        "List-Unsubscribe": f"<{links['leave']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": f"<{links.get('manage') or links['choose']}>",
        "List-Owner": f"<mailto:{bare_address(settings.MAIL_FROM)}>",
        "List-Post": "NO",
    }
    if delivery.kind in GATHERED:
        listed["Precedence"] = "bulk"
    return letter(delivery, draft, links, {**listed, **own_headers})


def letter(delivery: Delivery, draft: Draft, links: dict[str, str], headers: dict[str, str]) -> Letter:
    own = {
        "To": delivery.address,
        "Message-ID": f"<{message_id(delivery.token, _host())}>",
        "Date": date_header(),
        **_for_provider(delivery),
        **headers,
    }
    sender = envelope_sender(delivery.token) or bare_address(settings.MAIL_FROM)
    return Letter(WireMessage(sender, delivery.address, draft.form.filled(own, links)), draft.wording, draft.language)


def list_id(site: Site, what: str) -> str:
    return f"<{what}.{site.slug}.{_host()}>"


def root_id(article: Article) -> str:
    return f"<article-{article.pk}@{_host()}>"


def site_name(site: Site) -> str:
    """The site's name on one line: it stands in headers."""
    return excerpt(site.name, NAME_LENGTH) or site.slug


def title_of(article: Article) -> str:
    return excerpt(article.title, SUBJECT_LENGTH - 10) or article.public_url


def brief(text: str) -> str:
    """Return the beginning of a text for a mail of many: less of a script whose letters take more of the wire."""
    line = excerpt(text, BRIEF)
    wide = sum(len(letter.encode()) - 1 for letter in line)
    # Quoted-printable writes three characters for each octet of such a letter, and each text stands there twice.
    return line if wide <= BRIEF // 3 else excerpt(text, max(BRIEF * BRIEF // (BRIEF + 4 * wide), BRIEF // 5))


def threads_of(said: Iterable[tuple[Comment, Article]]) -> list[dict[str, Any]]:
    """Comments in brief, by their articles, in the order in which they come; `id` and `reason` are a comment's own."""
    threads: dict[int, dict[str, Any]] = {}
    for comment, article in said:
        thread = threads.setdefault(article.pk, {"title": title_of(article), "url": article.public_url, "comments": []})
        thread["comments"].append(
            {
                "id": comment.pk,
                "author": excerpt(comment.author_name, NAME_LENGTH),
                "said": brief(comment.text),
                "url": article.public_url.partition("#")[0] + comment.fragment,
                "reason": comment.reason,
            }
        )
    return list(threads.values())


def _for_provider(delivery: Delivery) -> dict[str, str]:
    """What a provider needs to name our delivery in its events; the others name our Message-ID."""
    if settings.EMAIL_HOST.endswith(POSTMARK):
        return {"X-PM-Metadata-delivery": message_id(delivery.token, _host())}
    return {}


def _host() -> str:
    host: str = settings.PUBLIC_HOST
    return f"[{host}]" if ":" in host else host
