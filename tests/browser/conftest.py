"""A press of its own for each test, and windows on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.press import Press, Visit, make_press
from tests.processes import LiveService


@pytest.fixture
def press(live_service: LiveService) -> Press:
    return make_press(live_service)


@pytest.fixture
def visit(chromium: Any, press: Press) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens the press's article in a fresh browser context; checks it when the test ends."""
    contexts: list[tuple[Any, Visit]] = []

    def open_page(path: str = "", **options: Any) -> Visit:
        context = chromium.new_context(**options)
        seen = Visit(context.new_page(), press.service.base)
        seen.watch()
        contexts.append((context, seen))
        seen.page.goto(press.page + path)
        return seen

    yield open_page
    for context, seen in contexts:
        cookies = context.cookies()
        context.close()
        assert seen.faults == []
        assert cookies == []
