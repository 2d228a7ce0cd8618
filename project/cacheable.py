"""Answers that shared caches may keep for a second, and that a client may ask for only if they have changed."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import http_date, parse_etags, parse_http_date_safe

from project.snapshots.depends import Depends, hand_back

CACHE_CONTROL: Final = "public, max-age=0, s-maxage=1, must-revalidate"
JSON: Final = "application/json"
# A date counts seconds, and is that of when a change began: until no change can still come to bear an older date than
# one that was told already, there is none.
SETTLED: Final = timedelta(seconds=10)


def cacheable_json(request: HttpRequest, data: Any, depends: Depends) -> HttpResponse:
    """Return `data` with a strong ETag, the hash of its bytes, or 304 to a client that has just these bytes.

    `depends` says for how long a web process may keep the answer.
    """
    hand_back(request, depends)
    return cacheable(request, orjson.dumps(data), JSON)


def cacheable(request: HttpRequest, body: bytes, content_type: str, changed_at: datetime | None = None) -> HttpResponse:
    """Return an answer that shared caches may keep for a second, or 304 to a client that has just these bytes.

    `changed_at` is when anything that it shows was last changed, for clients that ask by date.
    """
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    date = changed_at if changed_at is not None and changed_at < timezone.now() - SETTLED else None
    if date is not None:
        headers["Last-Modified"] = http_date(date.timestamp())
    if _is_known(request.headers.get("If-None-Match", ""), etag) or _is_unchanged(request, date):
        unchanged = HttpResponse(status=304, headers=headers)
        del unchanged["Content-Type"]
        return unchanged
    return HttpResponse(body, content_type=content_type, headers=headers)


def _is_unchanged(request: HttpRequest, date: datetime | None) -> bool:
    """Compare by date, which counts only where the client knows no tag (RFC 9110, 13.1.3)."""
    asked = request.headers.get("If-Modified-Since")
    if date is None or asked is None or "If-None-Match" in request.headers:
        return False
    since = parse_http_date_safe(asked)
    return since is not None and int(date.timestamp()) <= since


def _is_known(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 asks here: a proxy that compresses may have weakened the tag that it passed on."""
    return any(tag == "*" or tag.removeprefix("W/") == etag for tag in parse_etags(if_none_match))
