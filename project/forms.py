"""Forms of our own pages, as browsers send them."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict

from project.errors import Problem

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


def read_form(request: HttpRequest) -> QueryDict:
    """Return the fields of a form. Problem: unsupported_media_type, bad_request for what is not UTF-8."""
    if request.content_type != MEDIA_TYPE:
        raise Problem("unsupported_media_type", f"Send {MEDIA_TYPE}.")
    try:
        return request.POST
    except BadRequest as error:
        raise Problem("bad_request", "A form is sent in UTF-8.") from error
