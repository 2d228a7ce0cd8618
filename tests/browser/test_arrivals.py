"""Somebody comes through a shared address, reads, writes and follows, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.press import Press, Visit, comments_on, fill
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def shared_address(press: Press) -> str:
    links = press.call("GET", f"/api/v1/articles/{press.article}/share-links")["links"]
    target = next(link["target"] for link in links if link["network"] == "facebook")
    (shared,) = parse_qs(urlsplit(target).query)["u"]
    return shared


def came(press: Press) -> dict[str, Any]:
    found: dict[str, Any] = press.call("GET", "/api/v1/sharing-report")["total"]
    return found


def test_an_arrival_is_told_once_and_leaves_no_trace_but_in_its_tab(press: Press, visit: Callable[..., Visit]) -> None:
    shared = shared_address(press)
    assert "aw_ref=" in shared
    seen = visit(user_agent=FIREFOX)
    page = seen.page
    page.goto(f"{shared}&sort=oldest#comments")
    wait_until(lambda: came(press)["visits"] == 1, "the visit to be counted", 30)
    assert page.url == f"{press.page}?sort=oldest#comments"
    page.reload()
    fill(page, "I came by a link.")
    page.click("text=Post comment")
    page.locator("#thread .comment-text").wait_for()
    assert comments_on(page) == ["I came by a link."]
    assert came(press) == {"shares": 0, "visits": 1, "comments": 1, "follows": 0}
    assert page.context.cookies() == []
    assert "aw_ref" not in page.evaluate("JSON.stringify({...localStorage})")
    assert page.evaluate("Object.keys(sessionStorage)") == ["afterword.ref"]
    assert seen.faults == []


def test_another_tab_knows_nothing_of_it(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit(user_agent=FIREFOX).page
    page.goto(shared_address(press))
    wait_until(lambda: came(press)["visits"] == 1, "the visit to be counted", 30)
    other = page.context.new_page()
    other.goto(press.page)
    fill(other, "I came by myself.")
    other.click("text=Post comment")
    other.locator("#thread .comment-text").wait_for()
    assert came(press)["comments"] == 0


def test_without_a_script_the_page_is_the_same_and_nothing_is_counted(
    press: Press, visit: Callable[..., Visit]
) -> None:
    page = visit(user_agent=FIREFOX, java_script_enabled=False).page
    page.goto(shared_address(press))
    assert page.locator("h1").inner_text() == "What the bees learned"
    fill(page, "Without a script.")
    page.click("text=Post comment")
    page.locator("#thread .comment-text").wait_for()
    assert came(press) == {"shares": 0, "visits": 0, "comments": 0, "follows": 0}
