"""Orders and tabs of the conversation: links without script, exchanged in place with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.press import Press, Visit, comments_on

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]


def say_three(press: Press) -> None:
    for body in ("First.", "Second.", "Third."):
        press.say(body)


def order(page: Any, name: str) -> None:
    page.click(f".sorts [data-sort={name}]")
    page.locator(f".sorts [data-sort={name}][aria-current]").wait_for()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_orders_are_links(press: Press, visit: Callable[..., Visit], script: bool) -> None:
    say_three(press)
    page = visit("?sort=newest", java_script_enabled=script).page
    order(page, "oldest")
    assert comments_on(page) == ["First.", "Second.", "Third."]
    assert "sort=oldest" in page.url
    order(page, "newest")
    assert comments_on(page) == ["Third.", "Second.", "First."]


def test_orders_change_in_place(press: Press, visit: Callable[..., Visit]) -> None:
    say_three(press)
    page = visit("?sort=newest").page
    page.evaluate("window.stays = true")
    page.locator("a.reply").first.click()
    page.fill("#comment-body", "Half a thought")
    order(page, "oldest")
    assert page.evaluate("document.activeElement.dataset.sort") == "oldest"
    assert comments_on(page) == ["First.", "Second.", "Third."]
    assert page.input_value("#thread > :nth-child(3) #comment-body") == "Half a thought"
    assert page.locator("#thread .vote").count() == 6
    page.go_back()
    page.locator(".sorts [data-sort=newest][aria-current]").wait_for()
    assert comments_on(page) == ["Third.", "Second.", "First."]
    assert "sort=oldest" not in page.url
    page.go_forward()
    page.locator(".sorts [data-sort=oldest][aria-current]").wait_for()
    page.click(".tabs [data-tab=wordpress]")
    page.locator(".tabs [data-tab=wordpress][aria-current]").wait_for()
    assert comments_on(page) == []
    assert page.locator("#empty").is_visible()
    assert page.evaluate("window.stays")


def test_last_of_two_quick_presses_counts(press: Press, visit: Callable[..., Visit]) -> None:
    say_three(press)
    page = visit("?sort=newest").page
    page.locator("#thread .vote").first.wait_for()
    page.evaluate("for (const sort of ['hot', 'oldest']) document.querySelector(`[data-sort=${sort}]`).click()")
    page.locator(".sorts [data-sort=oldest][aria-current]").wait_for()
    page.wait_for_url("**sort=oldest*")
    assert comments_on(page) == ["First.", "Second.", "Third."]
    assert page.locator("#comments").get_attribute("aria-busy") is None


def test_page_that_does_not_come_is_left_to_the_browser(press: Press, visit: Callable[..., Visit]) -> None:
    say_three(press)
    seen = visit("?sort=newest")
    seen.page.evaluate("window.stays = true")
    seen.page.route("**/a/*sort=oldest*", lambda route: route.abort(), times=1)
    seen.page.click(".sorts [data-sort=oldest]")
    seen.page.wait_for_function("!window.stays")
    seen.page.locator(".sorts [data-sort=oldest][aria-current]").wait_for()
    seen.forgive("net::ERR_FAILED")


def test_what_comes_while_the_oldest_stand_first_is_put_last(press: Press, visit: Callable[..., Visit]) -> None:
    say_three(press)
    page = visit("?sort=newest").page
    page.locator("#comments").scroll_into_view_if_needed()
    order(page, "oldest")
    press.say("Fourth.")
    page.click("#news button")
    assert comments_on(page) == ["First.", "Second.", "Third.", "Fourth."]
    order(page, "newest")
    assert comments_on(page) == ["Fourth.", "Third.", "Second.", "First."]
    assert page.locator(".unread .comment-text").all_inner_texts() == ["Fourth."]
