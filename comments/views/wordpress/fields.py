"""The choice of fields: `_fields=id,content.rendered`."""

from __future__ import annotations

from typing import Any, Final

from comments.views.wordpress.arguments import Arguments

DEEPEST: Final = 8


def wanted(data: Any, arguments: Arguments) -> Any:
    """Return of each object only the fields that `_fields` names, everything without it."""
    names = [name.strip() for name in arguments.words("_fields") if name.strip()]
    arguments.check()
    if not names:
        return data
    paths = [name.split(".", DEEPEST)[:DEEPEST] for name in names]
    return [_picked(each, paths) for each in data] if isinstance(data, list) else _picked(data, paths)


def is_wanted(name: str, arguments: Arguments) -> bool:
    """Say whether an answer is to have a top-level field, so that nothing is read for one that is not."""
    names = arguments.words("_fields")
    return not names or name in {each.strip().partition(".")[0] for each in names}


def _picked(data: Any, paths: list[list[str]]) -> Any:
    if not isinstance(data, dict):
        return data
    found: dict[str, Any] = {}
    for name in data.keys() & {path[0] for path in paths}:
        below = [path[1:] for path in paths if path[0] == name]
        found[name] = data[name] if [] in below else _picked(data[name], below)
    return {name: found[name] for name in data if name in found}
