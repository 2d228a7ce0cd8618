"""Signing in on the article page by the link in a real mail, and the page of what is a reader's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.browser.press import Press, Visit, barriers
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]


def link_to(folder: Path, address: str) -> str:
    """Return the address in the mail that signs `address` in, once it has been sent."""
    found: list[str] = []

    def look() -> bool:
        for path in folder.glob("*.eml"):
            message: Any = message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["To"] == address:
                found.extend(re.findall(r"http\S+/sign-in/\S+", message.get_body(("plain",)).get_content()))
        return bool(found)

    wait_until(look, "the mail", 30)
    return found[0]


def sign_in(press: Press, seen: Visit, address: str) -> Any:
    page = seen.page
    page.fill("#comment-email", address)
    page.click("#identity .ask")
    page.locator("#identity [role=status]", has_text="Check your mail").wait_for()
    page.goto(link_to(press.service.data_dir / "mail", address))
    page.click("main button.strong")
    page.locator("[role=status]", has_text="You are signed in").wait_for()
    page.click("text=Back to the conversation")
    page.locator("#identity .reader:visible").wait_for()
    return page


def test_reader_signs_in_writes_and_finds_what_is_hers(press: Press, visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = sign_in(press, seen, "dora@example.com")
    page.fill("#comment-name", "Dora")
    page.fill("#comment-body", "Proven words")
    page.click("#reply button.strong")
    item = page.locator("#thread li.comment").first
    item.locator(".badge", has_text="verified").wait_for()
    page.locator("#identity bdi", has_text="Dora").wait_for()
    assert page.locator("#comment-name:visible").count() == 0
    page.reload()
    item.locator("button.edit").wait_for()
    assert item.locator(".badge").inner_text() == "verified"
    session = page.evaluate("Object.values(JSON.parse(localStorage['afterword.sessions']))[0].token")
    wish = {"email": "dora@example.com", "article": press.article}
    press.service.request("POST", "/api/v1/follows", wish, {"Authorization": f"Bearer {session}"})
    page.goto(f"{press.service.base}/readers/me")
    page.locator(".comments-of-hers", has_text="Proven words").wait_for()
    followed = page.locator(".follows li", has_text="new comments on What the bees learned")
    followed.locator("text=End").click()
    followed.wait_for(state="detached")
    page.fill("input[name=name]", "Theodora")
    page.click("text=Save")
    page.locator("[role=status]", has_text="Saved").wait_for()
    thread = press.call("GET", f"/api/v1/thread?article={press.article}")
    assert thread["comments"][0]["author"] == {"name": "Theodora", "url": None, "avatar": None, "role": "verified"}
    page.click("text=Sign out everywhere")
    page.locator("#nobody:visible").wait_for()
    page.goto(press.page)
    page.locator("#identity .ask:visible").wait_for()


def test_reader_mutes_an_author_and_reads_her_again(press: Press, visit: Callable[..., Visit]) -> None:
    loud, also = (press.say(body, author={"name": "Loud"}) for body in ("Noise.", "More noise."))
    press.say("Sense.", author={"name": "Calm"})
    seen = visit()
    page = sign_in(press, seen, "fay@example.com")
    page.click(f"#comment-{loud['id']} a.report")
    page.click("text=Show me no more by this author")
    for comment in (loud, also):
        page.locator(f"#comment-{comment['id']} > article > .comment-text").wait_for(state="hidden")
    assert page.locator("text=Sense.").is_visible()
    page.reload()
    page.locator("text=More noise.").wait_for(state="hidden")
    page.goto(f"{press.service.base}/readers/me")
    page.locator(".mutes li", has_text="Loud").locator("text=Show again").click()
    page.locator(".mutes li").wait_for(state="detached")
    page.goto(press.page)
    page.locator("#identity .reader:visible").wait_for()
    assert page.locator("text=More noise.").is_visible()


def test_pages_of_signing_in_have_no_barriers(press: Press, visit: Callable[..., Visit]) -> None:
    seen = visit(bypass_csp=True)
    page = sign_in(press, seen, "eve@example.com")
    assert barriers(page) == []
    page.goto(f"{press.service.base}/readers/me")
    page.locator(".sessions li").first.wait_for()
    assert barriers(page) == []


def test_where_guests_have_no_vote_readers_have_one(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Judge this.")
    switch = f"from articles.models import Site; Site.objects.filter(slug='{press.slug}').update(anonymous_votes=False)"
    press.service.manage("shell", "-c", switch)
    seen = visit()
    assert seen.page.locator("#thread .vote").count() == 0
    page = sign_in(press, seen, "vera@example.com")
    up = page.locator("#thread .vote[value='1']").first
    with page.expect_response(lambda answer: answer.url.endswith("/vote")) as answered:
        up.click()
    assert answered.value.status == 200
    assert "x-afterword-voter" not in answered.value.request.headers
    page.locator("#thread .vote[value='1'][aria-pressed=true]").wait_for()
    page.reload()
    page.locator("#thread .vote[value='1'][aria-pressed=true]").wait_for()
    page.click("#identity .leave")
    page.locator("#thread .score", has_text="Score: 1").wait_for()
    assert page.locator("#thread .vote").count() == 0
