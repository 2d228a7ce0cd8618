"""Changing, taking back and reporting on the article page: by its author, by somebody else, and without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.press import Press, Visit, barriers, fill
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

NASTY = "<img src=x onerror=alert(1)></textarea><script>alert(2)</script> \"'> *so*"


def post(page: Any, body: str) -> Any:
    fill(page, body)
    with page.expect_response("**/api/v1/comments"):
        page.click("#reply button.strong")
    item = page.locator("#thread li.comment").first
    item.locator("button.edit").wait_for()
    return item


def public(press: Press) -> list[str]:
    comments = press.call("GET", f"/api/v1/thread?article={press.article}")["comments"]
    return [comment["html"] for comment in comments]


def test_author_edits_what_she_typed_and_sees_what_is_published(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit().page
    item = post(page, NASTY)
    item.locator("button.edit").click()
    field = item.locator("form.of-comment textarea")
    field.wait_for()
    assert field.input_value() == NASTY
    field.fill("Now *better*")
    item.locator("form.of-comment button.strong").click()
    item.locator(".comment-text em", has_text="better").wait_for()
    assert item.locator(".comment-head", has_text="edited").count() == 1
    assert item.locator("form").count() == 0
    wait_until(lambda: public(press) == ["<p>Now <em>better</em></p>\n"], "the edit", 5)
    with page.expect_response("**/thread/mine*"):
        page.reload()
    page.locator("#thread button.edit").wait_for()


def test_refused_edit_keeps_the_text_and_cancel_brings_the_comment_back(
    press: Press, visit: Callable[..., Visit]
) -> None:
    seen = visit()
    item = post(seen.page, "First words")
    item.locator("button.edit").click()
    field = item.locator("form.of-comment textarea")
    field.fill("[](https://example.org/)")
    item.locator("form.of-comment button.strong").click()
    item.locator("form.of-comment [role=alert]:visible").wait_for()
    assert field.input_value() == "[](https://example.org/)"
    item.locator("form.of-comment .cancel").click()
    assert item.locator(".comment-text").inner_text() == "First words"
    assert seen.page.evaluate("document.activeElement.className") == "plain edit"
    seen.forgive("400")


def test_edit_that_is_held_stays_visible_to_its_author_alone(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit().page
    item = post(page, "Harmless")
    item.locator("button.edit").click()
    item.locator("form.of-comment textarea").fill(" ".join(f"https://example.org/{n}" for n in range(5)))
    item.locator("form.of-comment button.strong").click()
    item.locator(".badge.waiting").wait_for()
    wait_until(lambda: public(press) == [], "the comment to be held", 5)
    # What all others are told by the stream does not take it from her page.
    page.locator('[data-count="all"]', has_text="0").wait_for()
    assert item.locator(".badge.waiting").count() == 1
    assert item.locator("button.edit").count() == 1
    with page.expect_response("**/thread/mine*"):
        page.reload()
    page.locator("#thread .badge.waiting").wait_for()


def test_author_takes_her_comment_back_at_the_second_press(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit().page
    item = post(page, "Too hasty")
    button = item.locator("button.delete")
    button.click()
    assert button.inner_text() == "Really delete?"
    page.locator("#comments-title").focus()
    assert button.inner_text() == "Delete"
    button.click()
    button.click()
    page.locator("#empty:visible").wait_for()
    assert public(press) == []


def test_others_report_and_have_no_other_buttons(press: Press, visit: Callable[..., Visit]) -> None:
    said = press.say("Buy this.")
    page = visit().page
    item = page.locator("#thread li.comment").first
    assert item.locator("button.edit, button.delete").count() == 0
    item.locator("a.report").click()
    form = item.locator("form.of-comment")
    form.locator("input[value=spam]").check()
    form.locator("textarea").fill("An advertisement")
    form.locator("button.strong").click()
    item.locator(".comment-foot", has_text="Reported").wait_for()
    [row] = press.call("GET", "/api/v1/moderation/reports")["reported"]
    assert (row["comment"]["id"], row["reports"][0]["detail"]) == (said["id"], "An advertisement")


def test_forms_have_no_barriers(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Buy this.")
    page = visit(bypass_csp=True).page
    page.locator("#thread a.report").click()
    page.locator("form.of-comment input").first.wait_for()
    own = post(page, "Mine")
    own.locator("button.edit").click()
    own.locator("form.of-comment textarea").wait_for()
    assert barriers(page) == []
    page.goto(page.locator("#thread a.report").first.evaluate("link => link.href"))
    assert barriers(page) == []


def test_report_page_works_without_a_script(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Buy this.")
    seen = visit(java_script_enabled=False)
    seen.page.click("#thread a.report")
    seen.page.check("input[value=abuse]")
    seen.page.click("main button.strong")
    seen.page.locator("text=A moderator will look").wait_for()
    seen.page.click("text=Back to the comment")
    assert "#comment-" in seen.page.url
