"""What DRF's own exceptions mean in the catalogue of `project.errors`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rest_framework import exceptions

from project.errors import FieldError, Problem, problem_of_status


def problem_of_drf(error: Exception) -> Problem | None:
    """Return the problem for an exception of DRF, None for any other."""
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        errors = list(flatten(error.get_full_details()))
        detail = errors[0]["message"] if len(errors) == 1 else ""
        return Problem("validation_failed", detail, errors=errors)
    if isinstance(error, exceptions.ParseError):
        return Problem("malformed_json", str(error.detail))
    detail = str(error.detail) if isinstance(error.detail, str) else ""
    return problem_of_status(error.status_code, _headers(error), detail)


def flatten(details: Any, path: str = "") -> Iterator[FieldError]:
    """Yield one entry per refused field from DRF's nested details; list positions and members join with dots.

    An error that belongs to no single field keeps the path of what holds it, `""` for the whole body.
    """
    if isinstance(details, Mapping):
        if set(details) == {"message", "code"} and isinstance(details["message"], str):
            yield {"field": path, "code": str(details["code"]), "message": str(details["message"])}
            return
        for key, value in details.items():
            inner = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
            yield from flatten(value, inner)
    elif isinstance(details, Sequence):
        for position, value in enumerate(details):
            # A list of messages belongs to the field itself; a list of objects is one entry per element of the input.
            is_message = isinstance(value, Mapping) and set(value) == {"message", "code"}
            yield from flatten(value, path if is_message else f"{path}.{position}".lstrip("."))


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    wait = getattr(error, "wait", None)  # seconds, of Throttled alone
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        headers["WWW-Authenticate"] = "Bearer"
    # The Allow header of a 405 is on the view's own answer; the middleware's OPTIONS list is the same.
    return headers
