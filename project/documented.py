"""A place in the OpenAPI document for plain Django views, which drf-spectacular alone would pass over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.views import APIView

View = TypeVar("View", bound=Callable[..., Any])
Describe = Callable[[Any], Any]

RETRY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A random UUID of this request's own: sent again with it within 24 hours, the request is done once and "
    "answered as before.",
)

SESSION: Final = OpenApiParameter(
    "Authorization", str, OpenApiParameter.HEADER, description="`Bearer` and a session, `aws_…`."
)


def documented(**operations: Describe) -> Callable[[View], View]:
    """Describe a plain view: `@documented(get=extend_schema(...))`, one `extend_schema` for each method that it takes.

    The view answers as before; the generator of the schema looks at a class that only carries the descriptions, with
    the view's docstring as their text. Put it above the decorators that wrap the view.
    """

    def decorate(view: View) -> View:
        methods = {name: describe(_described(view)) for name, describe in operations.items()}
        open_to_all = {"authentication_classes": (), "permission_classes": ()}
        view.cls = type(view.__name__, (APIView,), methods | open_to_all)  # type: ignore[attr-defined]
        view.initkwargs = {}  # type: ignore[attr-defined]
        return view

    return decorate


def _described(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a fresh function for one method: `extend_schema` writes on what it decorates."""

    def method(self: APIView, request: Any, *args: Any, **kwargs: Any) -> Any:
        return view(request, *args, **kwargs)

    method.__doc__ = view.__doc__
    method.__name__ = view.__name__
    return method
