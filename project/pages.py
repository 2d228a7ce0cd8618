"""A page of somebody else's, fetched by the guarded client and followed to where it is now.

Every hop is looked up and checked as the first one was. Nothing packed is read, so that no small answer becomes a large
one; what the text says in which encoding is decided here as browsers decide it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import urljoin

import webencodings

from project.addresses import web_address
from project.errors import Problem
from project.http import Answer, FetchError, exchange

SECONDS: Final = 15.0
BYTES: Final = 1_000_000
HOPS: Final = 5
MOVED: Final = frozenset({301, 302, 303, 307, 308})
# Where HTML says in which encoding it is written, among its first bytes.
HEAD: Final = 2_048
DECLARED: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
BROWSERS: Final = "windows-1252"


@dataclass(frozen=True)
class Page:
    """What an address answered in the end, whatever the status; `headers` have their names in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """What the server calls it, in lower case; "" where it does not say."""
        return self._content_type.get_content_type() if self.headers.get("content-type") else ""

    @property
    def text(self) -> str:
        """The body decoded: by its mark, by what server or document say, as UTF-8, else as browsers guess."""
        label = self._content_type.get_content_charset("")
        if not label and (declared := DECLARED.search(self.body[:HEAD])):
            label = declared[1].decode("ascii")
        encoding = webencodings.lookup(label) if label else None
        if encoding is None:
            encoding = webencodings.lookup("utf-8" if _is_utf8(self.body) else BROWSERS)
        text, _ = webencodings.decode(self.body, encoding, errors="replace")
        return str(text).replace("\0", "\ufffd")

    @property
    def _content_type(self) -> Message:
        message = Message()
        message["Content-Type"] = " ".join(self.headers.get("content-type", "").split())
        return message


def fetch_page(url: str, *, accept: str, seconds: float = SECONDS, limit: int = BYTES) -> Page:
    """Return what an address answers, through at most five redirects and within so many seconds in all.

    FetchError: as `exchange`, more redirects or one to an address that cannot be asked, a packed body.
    """
    deadline = time.monotonic() + seconds
    for _ in range(HOPS + 1):
        left = deadline - time.monotonic()
        if left < 0.1:
            raise FetchError("it takes too long to answer")
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        page = _page(url, exchange("GET", url, headers, seconds=left, limit=limit))
        location = page.headers.get("location", "")
        if page.status not in MOVED or not location:
            return page
        url = _target(url, location)
    raise FetchError(f"it leads through more than {HOPS} redirects")


def _page(url: str, answer: Answer) -> Page:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise FetchError("the answer is packed, which was not asked for")
    return Page(url, answer.status, headers, answer.body)


def _target(url: str, location: str) -> str:
    try:
        return web_address(urljoin(url, location)).partition("#")[0]
    except (Problem, ValueError) as error:
        raise FetchError("it leads to an address that cannot be asked") from error


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
