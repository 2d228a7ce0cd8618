"""The article page in a real browser, with JavaScript and without: read, post, reply, follow, share."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import altcha
import pytest

from tests.browser.press import Press, Visit, barriers, comments_on, fill, make_press
from tests.processes import LiveService, wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Design 13: everything that a page loads beside its text, compressed.
FRONT_END_LIMIT = 25_000


def is_solved(payload: str) -> bool:
    """Whether the page has found the key that its challenge asks for."""
    told = altcha.Payload.from_base64(payload)
    asked = told.challenge.parameters
    password = bytes.fromhex(asked.nonce) + told.solution.counter.to_bytes(4, "big")
    key = altcha.derive_key_pbkdf2(asked, bytes.fromhex(asked.salt), password).hex()
    return key == told.solution.derived_key and key.startswith(asked.key_prefix)


def mail_to(service: LiveService, address: str) -> str:
    """Return the text of the mail to an address, once it lies in the folder of sent mail."""

    def found() -> list[Any]:
        letters = [message_from_bytes(path.read_bytes(), policy=default) for path in _sent(service)]
        return [letter for letter in letters if letter["To"] == address]

    wait_until(found, f"a mail to {address}", 30)
    body = found()[0].get_body(("plain",))
    return str(body.get_content())


def _sent(service: LiveService) -> list[Path]:
    return sorted((service.data_dir / "mail").glob("*.eml"))


def test_reading(press: Press, visit: Callable[..., Visit]) -> None:
    root = press.say("The **first** word.")
    press.say("An answer.", parent=root["id"])
    page = visit().page
    assert page.locator("h1").inner_text() == "What the bees learned"
    assert page.locator(".source").inner_text() == "Source: The Ledger – by Ines (Reporter)"
    assert page.locator(".related a").all_inner_texts() == ["Another story"]
    assert page.get_attribute("link[rel=canonical]", "href") == "https://ledger.example/bees"
    tabs = page.locator(".tabs li").all_inner_texts()
    assert tabs == ["All: 2", "Comments: 2", "WordPress: 0", "Disqus: 0"]
    assert page.locator(f"#comment-{root['id']} .replies .comment-text").inner_text() == "An answer."
    networks = page.locator(".share a[data-network]").all_inner_texts()
    assert {"Facebook", "Pinterest", "LinkedIn", "E-mail"} <= set(networks)
    assert page.locator("button[data-share=copy]").is_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_posting_and_replying(press: Press, visit: Callable[..., Visit], script: bool) -> None:
    page = visit(java_script_enabled=script).page
    fill(page, "Bees are *patient*.")
    page.click("text=Post comment")
    page.locator("#thread em").wait_for()
    assert comments_on(page) == ["Bees are patient."]
    page.click("a.reply")
    page.locator("li.comment #comment-body").wait_for()
    fill(page, "And generous.", name="Cy")
    page.click("text=Post comment")
    page.locator("#thread .replies .comment-text").wait_for()
    assert page.locator("#thread .replies .comment-text").inner_text() == "And generous."
    assert page.locator('[data-count="all"]').inner_text() == "2"
    kept = press.call("GET", f"/api/v1/thread?article={press.article}")
    assert kept["comments"][0]["replies"][0]["author"]["name"] == "Cy"


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_refused_comment_keeps_its_text_and_names_the_field(
    press: Press, visit: Callable[..., Visit], script: bool
) -> None:
    seen = visit(java_script_enabled=script)
    page = seen.page
    fill(page, "Worth keeping.", email="ben@nowhere")
    page.click("text=Post comment")
    page.locator("#email-error:not(:empty)").wait_for()
    assert page.input_value("#comment-body") == "Worth keeping."
    assert page.get_attribute("#comment-email", "aria-invalid") == "true"
    assert comments_on(page) == []
    seen.forgive("status of 400")


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_following(press: Press, visit: Callable[..., Visit], script: bool) -> None:
    address = f"{press.slug}@example.org"
    page = visit(java_script_enabled=script).page
    posted: list[Any] = []
    page.on("request", lambda asked: posted.append(asked) if asked.method == "POST" else None)
    page.fill("#follow-email", address)
    page.locator(".follow-form button").click()
    page.locator(".follow-form .notice:not(:empty)").wait_for()
    if script:
        assert is_solved(json.loads(posted[0].post_data)["altcha"])
    text = mail_to(press.service, address)
    confirm = re.search(rf"{press.service.base}/follows/confirm/\S+", text)
    assert confirm
    page.goto(confirm[0])
    page.locator("main button").click()
    page.locator("main [role=status]").wait_for()


def test_asking_to_be_told_of_replies(press: Press, visit: Callable[..., Visit]) -> None:
    address = f"replies-{press.slug}@example.org"
    page = visit().page
    posted: list[Any] = []
    page.on("request", lambda asked: posted.append(asked) if asked.method == "POST" else None)
    fill(page, "Who else saw them?", email=address)
    page.check("#reply [name=follow]")
    page.click("text=Post comment")
    page.locator(".comment-text", has_text="Who else saw them?").wait_for()
    draft = json.loads(posted[0].post_data)
    assert draft["follow"] == "replies" and is_solved(draft["altcha"])
    assert "/follows/confirm/" in mail_to(press.service, address)


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_held_comment_is_seen_by_its_author_only(live_service: LiveService, chromium: Any, script: bool) -> None:
    press = make_press(live_service, "--moderation", "all")
    own = chromium.new_context(java_script_enabled=script)
    page = own.new_page()
    page.goto(press.page)
    fill(page, "Is this seen?")
    page.click("text=Post comment")
    page.locator(".badge.waiting").wait_for()
    assert page.locator(".comment-text", has_text="Is this seen?").is_visible()
    if script:
        page.goto(press.page)
        page.locator(".badge.waiting").wait_for()
    stranger = chromium.new_context().new_page()
    stranger.goto(press.page)
    assert "Is this seen?" not in stranger.content()
    own.close()
    stranger.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_times_are_the_readers_own_or_say_that_they_are_utc(
    press: Press, visit: Callable[..., Visit], script: bool
) -> None:
    said = datetime.fromisoformat(press.say("What time is it?")["created_at"])
    page = visit(java_script_enabled=script, timezone_id="Asia/Kolkata", locale="en-GB").page
    shown = page.locator("#thread time").inner_text()
    kolkata = said.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert shown.endswith(f"{kolkata:%H:%M}" if script else f"{said:%H:%M} UTC")


def test_sharing_by_the_device_is_counted(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).page
    with page.expect_response("**/api/v1/shares") as answered:
        page.click("button[data-share=copy]")
    assert answered.value.status == 201
    page.locator(".share .notice:not(:empty)").wait_for()
    copied, _, ref = page.evaluate("navigator.clipboard.readText()").partition("?aw_ref=")
    assert copied == press.page and ref


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_that_axe_knows(press: Press, chromium: Any, scheme: str) -> None:
    root = press.say("A word.")
    press.say("An answer.", parent=root["id"])
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(press.page)
    found = barriers(page)
    context.close()
    assert found == []


def test_everything_that_the_page_loads_is_small(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit().page
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.reload()
    loaded = {answer.url: answer.body() for answer in answers if answer.url.endswith((".css", ".js"))}
    assert len(loaded) > 10
    assert sum(len(gzip.compress(body)) for body in loaded.values()) < FRONT_END_LIMIT
