"""Votes on the article page: pressed, counted, remembered, withdrawn, refused; by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.press import Press, Visit, barriers, fill
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

UP, DOWN = "#thread .vote[value='1']", "#thread .vote[value='-1']"
SMALLEST_TARGET = 24


def wait_for_votes(press: Press, up_and_down: tuple[int, int]) -> None:
    """Votes of others are told within a second."""

    def told() -> bool:
        [comment] = press.call("GET", f"/api/v1/thread?article={press.article}")["comments"]
        return (comment["up"], comment["down"]) == up_and_down

    wait_until(told, f"the votes {up_and_down}", 5)


def state_of(page: Any) -> list[tuple[str | None, str]]:
    """Return whether each button is pressed, and its number."""
    buttons = page.locator("#thread .vote").all()
    return [(button.get_attribute("aria-pressed"), button.inner_text().strip()) for button in buttons]


def press_and_wait(page: Any, button: str) -> Any:
    with page.expect_response(lambda answer: answer.url.endswith("/vote") and answer.request.method == "PUT") as voted:
        page.click(button)
    return voted.value


def test_vote_is_counted_remembered_changed_and_withdrawn(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    page = visit().page
    assert state_of(page) == [("false", "0"), ("false", "0")]
    assert press_and_wait(page, UP).status == 200
    assert state_of(page) == [("true", "1"), ("false", "0")]
    page.locator("#comments-said", has_text="1 for, 0 against").wait_for(state="attached")
    wait_for_votes(press, (1, 0))
    with page.expect_response("**/thread/mine*"):
        page.reload()
    page.locator(f"{UP}[aria-pressed=true]").wait_for()
    press_and_wait(page, DOWN)
    assert state_of(page) == [("false", "0"), ("true", "1")]
    wait_for_votes(press, (0, 1))
    press_and_wait(page, DOWN)
    assert state_of(page) == [("false", "0"), ("false", "0")]
    wait_for_votes(press, (0, 0))


def test_nothing_of_hers_is_asked_before_there_is_any(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    page = visit().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.locator(UP).wait_for()
    press_and_wait(page, UP)
    assert [url for url in asked if "/mine" in url] == []
    with page.expect_response("**/thread/mine*"):
        page.reload()
    page.locator(f"{UP}[aria-pressed=true]").wait_for()
    assert len([url for url in asked if "/mine" in url]) == 1


def test_buttons_have_names_room_and_keys(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.", author={"name": "Åsa $& Co"})
    page = visit().page
    names = [button.get_attribute("aria-label") for button in page.locator("#thread .vote").all()]
    assert names == ["For the comment by Åsa $& Co: 0", "Against the comment by Åsa $& Co: 0"]
    for button in page.locator("#thread .vote").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= SMALLEST_TARGET
    page.focus("#thread .when")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(f"{UP}[aria-pressed=true]").wait_for()
    page.keyboard.press("Tab")
    with page.expect_response(lambda answer: answer.url.endswith("/vote")):
        page.keyboard.press("Space")
    page.locator(f"{DOWN}[aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.value") == "-1"


def test_own_comment_has_no_buttons_but_its_score(press: Press, visit: Callable[..., Visit]) -> None:
    page, other = visit().page, visit().page
    fill(page, "Mine.")
    page.click("text=Post comment")
    page.locator("#thread .comment").wait_for()
    other.reload()
    press_and_wait(other, UP)
    for _ in range(2):
        assert page.locator("#thread .vote").count() == 0
        page.reload()
        page.locator("#thread .score", has_text="Score: 1").wait_for()


def test_score_is_text_without_script(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    press_and_wait(visit().page, DOWN)
    page = visit(java_script_enabled=False).page
    assert page.locator("#thread .score").inner_text() == "Score: -1"
    assert page.locator("#thread button").count() == 0


def test_site_without_votes_shows_scores_only(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    press_and_wait(visit().page, UP)
    switch = f"from articles.models import Site; Site.objects.filter(slug='{press.slug}').update(anonymous_votes=False)"
    press.service.manage("shell", "-c", switch)
    page = visit().page
    page.locator("#thread .score", has_text="Score: 1").wait_for()
    assert page.locator("#thread .vote").count() == 0


def test_refused_vote_is_taken_back_and_said(press: Press, visit: Callable[..., Visit]) -> None:
    """Three votes on a comment may come from one network; the fourth reader is told so."""
    press.say("Judge this.")
    for _ in range(3):
        assert press_and_wait(visit().page, UP).status == 200
    seen = visit()
    refused = press_and_wait(seen.page, DOWN)
    assert refused.status in (403, 429)
    message = seen.page.locator("#thread .comment-foot [role=alert]")
    message.wait_for()
    assert message.inner_text() == refused.json()["detail"]
    assert state_of(seen.page) == [("false", "3"), ("false", "0")]
    wait_for_votes(press, (3, 0))
    seen.forgive(f"status of {refused.status}")


def test_vote_that_does_not_get_through_is_taken_back(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    seen = visit()
    seen.page.route("**/vote", lambda route: route.abort())
    seen.page.click(UP)
    seen.page.locator("#thread [role=alert]", has_text="did not get through").wait_for()
    assert state_of(seen.page) == [("false", "0"), ("false", "0")]
    seen.page.unroute("**/vote")
    press_and_wait(seen.page, UP)
    assert seen.page.locator("#thread [role=alert]").inner_text() == ""
    wait_for_votes(press, (1, 0))
    seen.forgive("net::ERR_FAILED")


def test_token_of_another_key_is_exchanged(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    seen = visit()
    seen.page.evaluate("localStorage.setItem('afterword.voter', JSON.stringify('awv_forged'))")
    seen.page.click(UP)
    seen.page.locator("#comments-said", has_text="1 for").wait_for(state="attached")
    wait_for_votes(press, (1, 0))
    seen.forgive("status of 401")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_in_what_script_adds(press: Press, chromium: Any, scheme: str) -> None:
    press.say("Read before.")
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(press.page)
    page.locator("#comments").scroll_into_view_if_needed()
    page.locator(UP).wait_for()
    press.say("Said meanwhile.")
    page.locator("#news button").wait_for()
    page.click(UP)
    waiting = barriers(page)
    page.click("#news button")
    page.locator(".badge.new").wait_for()
    shown = barriers(page)
    context.close()
    assert waiting == shown == []
