"""Bluesky. We choose the key of the record, from the time of planning, so that the same post is the same record.

After a lost answer the record is looked for first, by its key. Links are facets, by offsets in UTF-8 bytes. (AT
Protocol: com.atproto.server.createSession, com.atproto.repo.putRecord and getRecord, "Record keys"; "Rate Limits".)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit

from project.http import Answer
from sharing.channels.asking import (
    OK,
    TOO_MANY,
    UNAUTHORIZED,
    ask,
    failure_of,
    fields_of,
    header,
    host,
    line,
    post_json,
    text_in,
    until,
)
from sharing.channels.base import Account, Check, Draft, Ended, Post, Receipt, Refused
from sharing.channels.chats import TOLD, composed_of
from sharing.channels.wording import Rule, clean
from sharing.networks.lengths import Counting, fit

COLLECTION: Final = "app.bsky.feed.post"
USUAL_SERVICE: Final = "bsky.social"
LETTERS: Final = "234567abcdefghijklmnopqrstuvwxyz"
MOST_SHOWN: Final = 60
MOST_BYTES: Final = 3_000
CARD_TITLE, CARD_WORDS = 300, 300
BAD_REQUEST: Final = 400
DEAD_TOKENS: Final = frozenset({"ExpiredToken", "InvalidToken"})


class Bluesky:
    """The secret is an app password, `handle` the account's name or DID, `service` its server."""

    label: ClassVar = "Bluesky"
    asks_for: ClassVar = "app password"
    required: ClassVar[Mapping[str, Check]] = {
        "handle": line(r"@?[A-Za-z0-9.-]{3,253}|did:[a-z]+:[A-Za-z0-9._:%-]{1,200}", "Give the account's handle.")
    }
    optional: ClassVar[Mapping[str, Check]] = {
        "service": host,
        "language": line("[a-z]{2,3}", "Give the code of a language, such as en."),
    }
    events: ClassVar[frozenset[str]] = TOLD
    doubt: ClassVar[timedelta | None] = timedelta.max
    password: ClassVar = line(r"[!-~]{8,100}", "Give an app password of the account.")
    ended: ClassVar = frozenset({UNAUTHORIZED, 403})

    def check_secret(self, secret: str) -> str:
        return Bluesky.password(secret)

    def rule(self, settings: Mapping[str, str]) -> Rule:
        # A reader sees links only where a facet makes one.
        return Rule(300, Counting.GRAPHEMES, makes_links=False, most_bytes=MOST_BYTES, show=shown)

    def draft(self, account: Account, post: Post) -> Draft:
        composed = composed_of(account, post, self.rule(account.settings))
        record: dict[str, Any] = {
            "$type": COLLECTION,
            "text": composed.text,
            "createdAt": f"{post.planned_at:%Y-%m-%dT%H:%M:%S}.{post.planned_at.microsecond // 1000:03}Z",
            "facets": [_facet(composed.text, place, post.url) for place in composed.links],
        }
        if "language" in account.settings:
            record["langs"] = [account.settings["language"]]
        if post.url:
            title = fit(clean(post.words.get("title", "")), CARD_TITLE, Counting.GRAPHEMES)
            about = fit(clean(post.words.get("summary", "")), CARD_WORDS, Counting.GRAPHEMES)
            card = {"uri": post.url, "title": title, "description": about}
            record["embed"] = {"$type": "app.bsky.embed.external", "external": card}
        return Draft(composed.text, record)

    def send(self, account: Account, post: Post) -> Receipt:
        record = self.draft(account, post).body
        if not account.session:
            self._sign_in(account)
        answer = self._put(account, post, record)
        if _is_dead(answer):
            self._sign_in(account)
            answer = self._put(account, post, record)
        found = fields_of(answer)
        if answer.status in OK:
            rest = _rest(answer) if header(answer, "ratelimit-remaining") == "0" else None
            return Receipt(remote=text_in(found, "uri"), wait=rest or 0.0)
        raise self._failure(answer, found)

    def _put(self, account: Account, post: Post, record: Mapping[str, Any]) -> Answer:
        """Write the record, or, if it may be there, look for it; return the answer that tells of it."""
        session = json.loads(account.session)
        base, right = _base(account), {"Authorization": f"Bearer {session['token']}"}
        name = {"repo": session["did"], "collection": COLLECTION, "rkey": record_key(post)}
        if post.in_doubt:
            answer = ask("GET", f"{base}com.atproto.repo.getRecord?{urlencode(name)}", right)
            if answer.status in OK or _is_dead(answer):
                return answer
        return post_json(f"{base}com.atproto.repo.putRecord", right, {**name, "record": record})

    def _sign_in(self, account: Account) -> None:
        """Begin a session and keep it: few are allowed in a day."""
        account.session = ""
        given = {"identifier": account.settings["handle"].removeprefix("@"), "password": account.secret}
        answer = post_json(f"{_base(account)}com.atproto.server.createSession", {}, given)
        found = fields_of(answer)
        token, did = found.get("accessJwt"), text_in(found, "did")
        if answer.status not in OK:
            raise self._failure(answer, found)
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not did:
            raise Refused("the answer has no session")
        account.session = json.dumps({"token": token, "did": did})

    def _failure(self, answer: Answer, found: Mapping[str, Any]) -> Exception:
        said = ": ".join(part for part in (text_in(found, "error"), text_in(found, "message")) if part)
        if text_in(found, "error") == "AccountTakedown":
            return Ended(said)
        wait = _rest(answer) if answer.status == TOO_MANY else None
        return failure_of(answer, said, ended=self.ended, wait=wait)


def record_key(post: Post) -> str:
    """Return the TID of a post: 53 bits of microseconds and ten of its number, sortable, 13 letters."""
    microseconds = int(post.planned_at.timestamp() * 1_000_000) & (2**53 - 1)
    value = microseconds << 10 | post.number & 1023
    return "".join(LETTERS[value >> shift & 31] for shift in range(60, -1, -5))


def shown(url: str) -> str:
    """Return an address as readers see it: without its scheme, cut."""
    parts = urlsplit(url)
    return fit(f"{parts.netloc}{parts.path.rstrip('/')}", MOST_SHOWN, Counting.GRAPHEMES)


def _facet(text: str, place: tuple[int, int], url: str) -> dict[str, Any]:
    start, end = (len(text[:at].encode()) for at in place)
    link = {"$type": "app.bsky.richtext.facet#link", "uri": url}
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [link]}


def _base(account: Account) -> str:
    return f"https://{account.settings.get('service', USUAL_SERVICE)}/xrpc/"


def _is_dead(answer: Answer) -> bool:
    """Say whether the session is at its end, so that another has to be begun."""
    if answer.status not in {BAD_REQUEST, UNAUTHORIZED}:
        return False
    return text_in(fields_of(answer), "error") in DEAD_TOKENS


def _rest(answer: Answer) -> float | None:
    return until(header(answer, "ratelimit-reset"))
