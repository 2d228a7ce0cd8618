"""The page on which a reader manages what she follows, in a language that is written from right to left."""

from __future__ import annotations

import os
import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.browser.press import Press, barriers
from tests.processes import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]


def mail_to(folder: Path, address: str, link: str) -> tuple[Any, str]:
    """Return the first mail to an address with a link to such a page, and that link, once it has been sent."""
    found: list[tuple[Any, str]] = []

    def look() -> bool:
        for path in folder.glob("*.eml"):
            message: Any = message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["To"] == address:
                body = message.get_body(("plain",)).get_content()
                found.extend((message, one) for one in re.findall(rf"http\S+/{link}/\S+", body))
        return bool(found)

    wait_until(look, f"the mail with {link}", 60)
    return found[0]


def test_a_reader_follows_and_manages_in_arabic(press: Press, chromium: Any) -> None:
    context = chromium.new_context(locale="ar-EG", viewport={"width": 360, "height": 700}, bypass_csp=True)
    try:
        page = context.new_page()
        page.goto(press.page)
        page.fill("#follow-email", "noor@example.com")
        page.click(".follow-form button.strong")
        page.locator(".follow-form [role=status]", has_text="Check your mail").wait_for()
        folder = press.service.data_dir / "mail"
        message, link = mail_to(folder, "noor@example.com", "follows/confirm")
        assert message["Content-Language"] == "ar"
        page.goto(link)
        page.click("main button.strong")
        page.locator("h1", has_text="أنت تتابع").wait_for()
        press.say("سلام.", author={"name": "Ben"})
        message, link = mail_to(folder, "noor@example.com", "follows/manage")
        assert message["Content-Language"] == "ar"
        manage(page, link)
        assert context.cookies() == []
    finally:
        context.close()


def manage(page: Any, link: str) -> None:
    page.goto(link)
    assert page.evaluate("[document.documentElement.lang, getComputedStyle(document.body).direction]") == ["ar", "rtl"]
    heading, end = (page.locator(one).first.bounding_box() for one in ("h1", "button[name=end]"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and heading["width"] <= 360
    frequency = page.locator(".follows select").first.bounding_box()
    assert frequency["x"] > end["x"], "the line begins at the right"
    assert barriers(page) == []
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / "page-manage-ar.png", full_page=True)
    assert page.locator("select[name=language] option").all_inner_texts() == [
        "English", "Deutsch", "français", "español", "العربية",
    ]  # fmt: skip
    page.select_option("select[name=language]", "de")
    page.click("button[name=save]")
    page.locator("[role=status]", has_text="Es ist gespeichert.").wait_for()
    assert page.evaluate("getComputedStyle(document.body).direction") == "ltr"
