"""Which methods a view takes: said once at the view, used for 405 and for OPTIONS alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from project.errors import Problem

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

READS: Final = frozenset({"GET", "HEAD"})
ALL_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def allows(*methods: str) -> Callable[[View[Arguments]], View[Arguments]]:
    """Decorate a plain view that takes these methods; others get 405 `method_not_allowed` with `Allow`.

    `GET` brings `HEAD` with it. OPTIONS never reaches an API view: the middleware answers it.
    """
    taken = _with_head(methods)

    def decorate(view: View[Arguments]) -> View[Arguments]:
        @wraps(view)
        def inner(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
            if request.method not in taken:
                raise Problem("method_not_allowed", headers={"Allow": ", ".join(taken)})
            return view(request, *args, **kwargs)

        inner.methods = taken  # type: ignore[attr-defined]
        # Nothing to guard against foreign forms: so a POST is told 405 here, and not 403 by the guard.
        if set(taken) <= READS:
            inner.csrf_exempt = True  # type: ignore[attr-defined]
        return inner

    return decorate


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods of the route that answers `path`; Problem `not_found` where there is none."""
    try:
        return methods_of_view(resolve(path).func)
    except Resolver404 as error:
        raise Problem("not_found") from error


def methods_of_view(view: Any) -> tuple[str, ...]:
    """Return the methods that a view takes, `HEAD` with `GET`; all of them for a view that does not say."""
    if hasattr(view, "methods"):
        return tuple(view.methods)
    if getattr(view, "actions", None):  # a DRF view set, whose methods are named in its route
        return _with_head(tuple(method.upper() for method in view.actions))
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if view_class is None:
        return ALL_METHODS
    names = [name for name in view_class.http_method_names if name != "options" and hasattr(view_class, name)]
    return _with_head(tuple(name.upper() for name in names))


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    taken = {*methods, *(("HEAD",) if "GET" in methods else ())}
    return tuple(method for method in ALL_METHODS if method in taken)
