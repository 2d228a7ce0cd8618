"""JSON answers of plain views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.http import HttpResponse

# What one reader is shown of herself.
PRIVATE: Final = {"Cache-Control": "private, no-store"}


def json_response(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return `data` as JSON that no cache may keep; times come out as RFC 3339 in UTC with `Z`."""
    body = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    own = {"Cache-Control": "no-store"} | dict(headers or {})
    return HttpResponse(body, status=status, content_type="application/json", headers=own)
