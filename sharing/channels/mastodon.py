"""Mastodon. The same `Idempotency-Key` within an hour gives the status that is there already, so a repetition asks.

(Mastodon documentation: "statuses", "Rate limits".)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Final

from project.http import Answer
from sharing.channels.asking import (
    OK,
    TOO_MANY,
    failure_of,
    fields_of,
    header,
    host,
    line,
    post_json,
    seconds_in,
    text_in,
)
from sharing.channels.base import Account, Check, Draft, Post, Receipt, Uncertain
from sharing.channels.chats import TOLD, words_of
from sharing.channels.wording import Rule

LINK_COUNTS: Final = 23  # characters, whatever the length of an address
USUAL_LIMIT: Final = "500"


class Mastodon:
    """The secret is an access token with the scope `write:statuses`, `instance` the name of the server."""

    label: ClassVar = "Mastodon"
    asks_for: ClassVar = "access token"
    required: ClassVar[Mapping[str, Check]] = {"instance": host}
    optional: ClassVar[Mapping[str, Check]] = {
        "visibility": line("public|unlisted|private", "Visibility is public, unlisted or private."),
        "language": line("[a-z]{2,3}", "Give the code of a language, such as en."),
        "limit": line("[5-9][0-9]{2}|[1-9][0-9]{3,4}", "A server takes 500 to 99999 characters."),
    }
    events: ClassVar[frozenset[str]] = TOLD
    # Ten minutes less than the server remembers, so that no slow attempt comes too late.
    doubt: ClassVar[timedelta | None] = timedelta(minutes=50)
    token: ClassVar = line(r"[A-Za-z0-9_.~+/=-]{10,500}", "Give an access token of the account.")
    ended: ClassVar = frozenset({401, 403, 410})

    def check_secret(self, secret: str) -> str:
        return Mastodon.token(secret)

    def rule(self, settings: Mapping[str, str]) -> Rule:
        return Rule(int(settings.get("limit", USUAL_LIMIT)), link=LINK_COUNTS)

    def draft(self, account: Account, post: Post) -> Draft:
        text = words_of(account, post, self.rule(account.settings))
        chosen = {name: account.settings[name] for name in ("visibility", "language") if name in account.settings}
        return Draft(text, {"status": text, "visibility": "public", **chosen})

    def send(self, account: Account, post: Post) -> Receipt:
        headers = {"Authorization": f"Bearer {account.secret}", "Idempotency-Key": str(post.token)}
        url = f"https://{account.settings['instance']}/api/v1/statuses"
        answer = post_json(url, headers, self.draft(account, post).body)
        found = fields_of(answer)
        if answer.status in OK:
            if not text_in(found, "id"):
                raise Uncertain("the answer names no status")
            return Receipt(remote=text_in(found, "url", "id"), wait=_rest(answer) or 0.0)
        wait = _rest(answer) if answer.status == TOO_MANY else None
        raise failure_of(answer, text_in(found, "error"), ended=self.ended, wait=wait)


def _rest(answer: Answer) -> float | None:
    """Return the seconds until more is allowed, None if more is allowed now."""
    if answer.status != TOO_MANY and header(answer, "X-RateLimit-Remaining") != "0":
        return None
    return seconds_in(header(answer, "X-RateLimit-Reset"))
