"""The source as `ast` trees, for the tests that hold the house in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("articles", "comments", "sharing")
PACKAGES = ("project", *APPS)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module of ours; `name` is dotted."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def app(self) -> str:
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """The part of the app that it belongs to: `services`, `views`, or the name of a module alone."""
        return self.name.split(".")[1] if "." in self.name else ""

    def at(self, node: ast.AST) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Yield (node, dotted name) of everything imported from our packages, inside functions too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            yield from ((node, name) for name in names if name.partition(".")[0] in PACKAGES)

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield (node, dotted name of what is called), as in `Comment.objects.create`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, dotted(node.func)

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a chain of names, with `…` for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "…"


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """Return every module of the four packages, migrations aside."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                found.append(Source(path, ".".join(part for part in parts if part != "__init__")))
    return tuple(found)


def sources_of_tests() -> Iterator[Source]:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        yield Source(path, ".".join(path.relative_to(ROOT).with_suffix("").parts))
