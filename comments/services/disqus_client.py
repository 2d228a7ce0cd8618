"""Asking Disqus' API 3.0: within its limits, within a time, and without a word about the keys.

Errors are an object with a `code` that is not 0 and a sentence as `response`; 13 and 14 are its limits. What is left of
them it says in the headers `X-Ratelimit-Remaining`, `-Limit` and `-Reset` (seconds since 1970).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

from comments.interchange.disqus_api import (
    NotUnderstood,
    Page,
    envelope,
    message_of,
    read_posts,
    read_threads,
)
from comments.interchange.records import ArticleRecord, Warnings
from comments.services.disqus_forums import Keys
from project.http import FetchError, exchange

T = TypeVar("T")

API: Final = "https://disqus.com/api/3.0"
# Seconds for one answer, and bytes: a hundred posts of ten thousand letters, with their threads and authors.
SECONDS: Final = 15.0
LIMIT: Final = 8_000_000
POSTS_A_PAGE: Final = 100
THREADS_A_CALL: Final = 50
MOST_DETAILS: Final = 20
ALL_STATES: Final = ("approved", "unapproved", "spam", "deleted")

UNKNOWN_OBJECT: Final = 2
LIMITS: Final = frozenset({13, 14})
BUSY: Final = 429
FORBIDDEN: Final = 403
OK: Final = 200
# How long we are left to ourselves when Disqus does not say.
UNSAID: Final = timedelta(minutes=15)
AT_MOST: Final = timedelta(days=1)


class AskError(Exception):
    """Nothing came of it; the text says why, without any key. `code` is Disqus' own, 0 for none."""

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(why)
        self.code = code


class Limited(AskError):  # noqa: N818  (no fault of ours)
    """We have asked enough for now; `wait` is how long we are to wait."""

    def __init__(self, why: str, wait: timedelta) -> None:
        super().__init__(why)
        self.wait = wait


class Client:
    """Asks about one forum until `seconds` are over; `warnings` collects what could not be read."""

    def __init__(self, forum: str, keys: Keys, seconds: float) -> None:
        self.forum, self.warnings = forum, Warnings()
        self._keys, self._end = keys, time.monotonic() + seconds
        self._left: float = 1.0
        self._wait = UNSAID

    def may_ask(self, reserve: float = 0.0) -> bool:
        """Say whether there is time for one more, and more of the limit left than this share of it."""
        return self._end - time.monotonic() > SECONDS / 3 and self._left > reserve

    def wait_if_spent(self) -> timedelta:
        """Return how long to wait where nothing is left of the limit, else zero."""
        return timedelta(0) if self._left > 0 else self._wait

    def posts(self, cursor: str, since: datetime | None) -> Page:
        """Return the posts after a place, in all states, the oldest first, with their threads. AskError."""
        asked = [("forum", self.forum), ("order", "asc"), ("limit", str(POSTS_A_PAGE)), ("related[]", "thread")]
        asked += [("include[]", state) for state in ALL_STATES]
        asked += [("since", str(int(since.timestamp())))] if since else []
        asked += [("cursor", cursor)] if cursor else []
        page = self._read(lambda answer: read_posts(answer, self.forum, self.warnings), "posts/list", asked)
        if page.has_next and page.cursor in {"", cursor}:
            raise AskError("It says that there is more, but not where.")
        return page

    def threads(self, ids: Sequence[str]) -> dict[str, ArticleRecord]:
        """Return threads by id, without those that Disqus does not know. AskError."""
        found: dict[str, ArticleRecord] = {}
        for begin in range(0, len(ids), THREADS_A_CALL):
            some = ids[begin : begin + THREADS_A_CALL]
            found |= self._threads("threads/set", [("forum", self.forum), *(("thread[]", one) for one in some)])
        # Those that are closed to the public are not in the set.
        for one in [one for one in ids if one not in found][:MOST_DETAILS]:
            found |= self._threads("threads/details", [("thread", one)])
        return found

    def _threads(self, method: str, asked: list[tuple[str, str]]) -> dict[str, ArticleRecord]:
        try:
            return self._read(lambda answer: read_threads(answer, self.forum, self.warnings), method, asked)
        except AskError as error:
            if error.code != UNKNOWN_OBJECT:
                raise
            return {}

    def _read(self, read: Callable[[dict[str, Any]], T], method: str, asked: list[tuple[str, str]]) -> T:
        try:
            return read(self._ask(method, asked))
        except NotUnderstood as error:
            raise AskError(str(error)) from None

    def _ask(self, method: str, asked: list[tuple[str, str]]) -> dict[str, Any]:
        """Return the answer of a method that has succeeded. AskError, NotUnderstood."""
        secret = [("api_secret", self._keys.secret_key), ("access_token", self._keys.access_token)]
        url = f"{API}/{method}.json?{urlencode([*asked, *secret])}"
        seconds = max(0.1, min(SECONDS, self._end - time.monotonic()))
        try:
            answer = exchange("GET", url, {"Accept": "application/json"}, seconds=seconds, limit=LIMIT)
        except FetchError as error:
            # The chain of causes may quote the address, and with it the keys.
            raise AskError(self._without_keys(f"It could not be asked: {error}.")) from None
        self._learn_limits({name.lower(): value for name, value in answer.headers.items()})
        return self._judged(answer.status, answer.body)

    def _judged(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            found = envelope(body)
        except NotUnderstood:
            if status in {BUSY, FORBIDDEN}:
                raise Limited(f"It answers with the status {status}.", self._wait) from None
            if status != OK:
                raise AskError(f"It answers with the status {status}.") from None
            raise
        code = found["code"]
        if code == 0 and status == OK:
            return found
        said = self._without_keys(message_of(found))
        why = f"It answers with the status {status} and the code {code}: {said}"
        if status == BUSY or code in LIMITS or (status == FORBIDDEN and self._left <= 0):
            raise Limited(why, self._wait)
        raise AskError(why, code)

    def _learn_limits(self, said: Mapping[str, str]) -> None:
        total, left, reset = (_number(said.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
        if left is not None:
            self._left = left / total if total else float(left > 0)
        retry = _number(said.get("retry-after"))
        wait = UNSAID if retry is None else timedelta(seconds=min(retry, AT_MOST.total_seconds()))
        if reset is not None:
            wait = timedelta(seconds=min(reset - datetime.now(UTC).timestamp(), AT_MOST.total_seconds()))
        self._wait = max(wait, timedelta(seconds=30))

    def _without_keys(self, text: str) -> str:
        for key in self._keys:
            text = text.replace(key, "…").replace(quote_plus(key), "…")
        return text


def _number(value: str | None) -> int | None:
    """Return the whole number of a header; None for anything else."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
