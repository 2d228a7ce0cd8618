"""One request of a channel, and what its answer means where networks agree. Only through the guarded client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from project.http import Answer, FetchError, NeverSent, exchange
from sharing.channels.base import Ended, Refused, SendError, TryLater, Uncertain
from sharing.networks.targets import InstanceError, instance_host, web_address

SECONDS: Final = 12.0
LIMIT: Final = 200_000  # bytes of an answer
LONGEST_WAIT: Final = 86_400.0
USUAL_WAIT: Final = 60.0  # where an answer asks for patience and not for how much
LONGEST_URL: Final = 1_000
HTTPS_PORT: Final = 443
FREE_PORTS: Final = 1_024
UNAUTHORIZED, TIMED_OUT, TOO_MANY, SERVER_ERRORS, UNAVAILABLE = 401, 408, 429, 500, 503
OK: Final = range(200, 300)


def post_json(url: str, headers: Mapping[str, str], value: Any, *, only_head: bool = False) -> Answer:
    """Send a value as JSON and return the answer, whatever its status. SendError: there is none."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return ask("POST", url, {"Content-Type": "application/json", **headers}, body, only_head=only_head)


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, only_head: bool = False) -> Answer:
    """Send one request. TryLater: nobody was reached; Uncertain: nobody knows what became of it."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    try:
        return exchange(method, url, headers, body, seconds=SECONDS, limit=LIMIT, only_head=only_head)
    except NeverSent as error:
        raise TryLater(f"not reached: {error}") from error
    except FetchError as error:
        raise Uncertain(f"no answer: {error}") from error


def fields_of(answer: Answer) -> dict[str, Any]:
    """Return the object that an answer holds, an empty one if it holds none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_in(found: Mapping[str, Any], *names: str) -> str:
    """Return the first of some fields that is a text, on one line, cut; "" where none is."""
    for name in names:
        if isinstance(found.get(name), str):
            return " ".join(found[name][:200].split())
    return ""


def header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), "").strip()


def wait_of(answer: Answer) -> float | None:
    """Return for how many seconds `Retry-After` asks (a number or a date), None without it."""
    return seconds_in(header(answer, "Retry-After"))


def seconds_in(text: str) -> float | None:
    """Return the seconds that a number means, or that are left until a date (HTTP's or RFC 3339's)."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return min(float(text), LONGEST_WAIT)
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)
    return None


def until(text: str) -> float | None:
    """Return the seconds until a Unix time written as text."""
    if not re.fullmatch(r"\d{1,11}", text, re.ASCII):
        return None
    return min(max(float(text) - datetime.now(UTC).timestamp(), 0.0), LONGEST_WAIT)


def failure_of(answer: Answer, said: str = "", *, ended: frozenset[int], wait: float | None = None) -> SendError:
    """Return what an answer that is no success means for a post that must not be there twice.

    `ended` are the statuses by which a network says that this channel is at its end.
    """
    sentence = f"the answer has the status {answer.status}{': ' if said else ''}{said}"
    if answer.status == TOO_MANY:
        asked = wait if wait is not None else wait_of(answer)
        return TryLater(sentence, wait=USUAL_WAIT if asked is None else asked)
    if answer.status in ended:
        return Ended(sentence)
    if answer.status == UNAVAILABLE:
        return TryLater(sentence, wait=wait_of(answer))
    # A server in the middle may have lost the answer of the one behind it.
    return Uncertain(sentence) if answer.status >= 500 else Refused(sentence)


def line(pattern: str, sentence: str) -> Callable[[str], str]:
    """Return a check: the whole value is of this form."""

    def check(value: str) -> str:
        found = value.strip()
        if not re.fullmatch(pattern, found, re.ASCII):
            raise ValueError(sentence)
        return found

    return check


def host(value: str) -> str:
    """Check the bare name of a public server."""
    try:
        return instance_host(value.strip())
    except InstanceError as error:
        raise ValueError(str(error)) from error


def https_address(value: str) -> str:
    """Check an address that we may post to. What it leads to is looked at again with each request."""
    sentence = "Give an https address without a name and password in it, on port 443 or above 1023."
    url = web_address(value.strip())
    if url is None or len(url) > LONGEST_URL:
        raise ValueError(sentence)
    parts = urlsplit(url)
    port = parts.port or HTTPS_PORT
    if parts.scheme != "https" or parts.username or parts.password or (port != HTTPS_PORT and port < FREE_PORTS):
        raise ValueError(sentence)
    return url.partition("#")[0]
