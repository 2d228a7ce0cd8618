"""Answers that shared caches may keep for a second, and that a client may ask for only if they have changed."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from project.snapshots.depends import Depends, hand_back

CACHE_CONTROL: Final = "public, max-age=0, s-maxage=1, must-revalidate"
JSON: Final = "application/json"


def cacheable_json(request: HttpRequest, data: Any, depends: Depends) -> HttpResponse:
    """Return `data` with a strong ETag, the hash of its bytes, or 304 to a client that has just these bytes.

    `depends` says for how long a web process may keep the answer.
    """
    hand_back(request, depends)
    return cacheable(request, orjson.dumps(data), JSON)


def cacheable(request: HttpRequest, body: bytes, content_type: str) -> HttpResponse:
    """Return an answer that shared caches may keep for a second, or 304 to a client that has just these bytes."""
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    if _is_known(request.headers.get("If-None-Match", ""), etag):
        unchanged = HttpResponse(status=304, headers=headers)
        del unchanged["Content-Type"]
        return unchanged
    return HttpResponse(body, content_type=content_type, headers=headers)


def _is_known(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 asks here: a proxy that compresses may have weakened the tag that it passed on."""
    return any(tag == "*" or tag.removeprefix("W/") == etag for tag in parse_etags(if_none_match))
