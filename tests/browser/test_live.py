"""The conversation moves while the page is open: what others say, change and vote comes without moving the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.press import Press, Visit, comments_on, fill, make_press
from tests.processes import LiveService, wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

NEWS = "#news button"


@pytest.fixture
def reader(press: Press, visit: Callable[..., Visit]) -> Callable[..., Any]:
    """Return a function that opens the article and waits until its stream is open."""
    return lambda **options: streaming(press, visit, **options)


def streaming(press: Press, visit: Callable[..., Visit], **options: Any) -> Any:
    page = visit(**options).page
    listen(page, press.page)
    return page


def listen(page: Any, address: str) -> None:
    """Open the article and wait for its stream, which a short page opens before it has finished loading."""
    with page.expect_response(lambda answer: "/stream" in answer.url) as answered:
        page.goto(address)
        page.locator("#comments").scroll_into_view_if_needed()
    assert answered.value.status == 200


def decide(press: Press, comment: Any, status: str) -> None:
    press.call("POST", f"/api/v1/moderation/comments/{comment['id']}/decision", {"status": status})


def text_of(page: Any, comment: Any) -> Any:
    return page.locator(f"#comment-{comment['id']} > article .comment-text")


def test_what_others_say_waits_for_the_readers_word(press: Press, reader: Callable[..., Any]) -> None:
    root = press.say("Here before.")
    page = reader()
    page.locator(f"#comment-{root['id']}").scroll_into_view_if_needed()
    place = page.locator(f"#comment-{root['id']}").bounding_box()
    press.say("A second root.")
    page.locator(NEWS, has_text="1 new comment").wait_for()
    answer = press.say("An answer.", parent=root["id"])
    press.say("An answer to the answer.", parent=answer["id"])
    page.locator(NEWS, has_text="3 new comments").wait_for()
    assert page.locator("#news").get_attribute("aria-live") == "polite"
    assert comments_on(page) == ["Here before."]
    assert page.locator(f"#comment-{root['id']}").bounding_box() == place
    assert page.locator('[data-count="all"]').inner_text() == "4"
    page.click(NEWS)
    assert comments_on(page) == ["A second root.", "Here before.", "An answer.", "An answer to the answer."]
    assert page.locator(NEWS).count() == 0
    assert page.evaluate("document.activeElement.querySelector('.comment-text').innerText") == "A second root."
    nested = f"#comment-{root['id']} .replies #comment-{answer['id']} .replies .comment-text"
    assert page.locator(nested).inner_text() == "An answer to the answer."
    assert page.locator(".badge.new").all_inner_texts() == ["new"] * 3


def test_removal_restoration_and_tombstones_are_shown_at_once(press: Press, reader: Callable[..., Any]) -> None:
    root, other = press.say("The root."), press.say("Another.")
    answer = press.say("The answer.", parent=root["id"])
    page = reader()
    decide(press, other, "removed")
    page.locator(f"#comment-{other['id']}").wait_for(state="detached")
    page.locator('[data-count="native"]', has_text="2").wait_for()
    decide(press, root, "removed")
    page.locator(f"#comment-{root['id']}.tombstone").wait_for()
    assert comments_on(page) == ["This comment was removed.", "The answer."]
    assert page.locator(f"#comment-{root['id']} > article button").count() == 0
    decide(press, root, "approved")
    page.locator(f"#comment-{root['id']}:not(.tombstone)").wait_for()
    assert text_of(page, root).inner_text() == "The root."
    assert page.locator(f"#comment-{root['id']} > article a.reply").is_visible()
    decide(press, answer, "removed")
    page.locator(f"#comment-{answer['id']}").wait_for(state="detached")
    decide(press, root, "removed")
    page.locator("#empty").wait_for()
    assert page.locator('[data-count="all"]').inner_text() == "0"


def test_two_readers_see_each_others_words_and_votes(press: Press, reader: Callable[..., Any]) -> None:
    said = press.say("Judge this.")
    ada, ben = reader(), reader()
    ada.locator(".vote[value='1']").click()
    ben.locator(".vote[value='1'] .tally", has_text="1").wait_for()
    assert ben.locator(".vote[value='1']").get_attribute("aria-pressed") == "false"
    fill(ben, "From Ben.")
    ben.click("text=Post comment")
    ada.locator(NEWS).click()
    assert comments_on(ada) == ["From Ben.", "Judge this."]
    assert ada.locator(f"#comment-{said['id']} .vote[value='1']").get_attribute("aria-pressed") == "true"


def test_own_comment_is_shown_once(press: Press, reader: Callable[..., Any]) -> None:
    page = reader()
    fill(page, "Mine.")
    page.click("text=Post comment")
    page.locator("#thread .comment").wait_for()
    # What comes after it has surely overtaken the event of her own.
    press.say("Theirs.")
    page.locator(NEWS, has_text="1 new comment").wait_for()
    assert comments_on(page) == ["Mine."]
    assert page.locator('[data-count="all"]').inner_text() == "2"
    page.click(NEWS)
    assert comments_on(page) == ["Theirs.", "Mine."]


def test_held_comment_of_her_own_becomes_public_in_place(live_service: LiveService, chromium: Any) -> None:
    press = make_press(live_service, "--moderation", "all")
    context = chromium.new_context()
    page = context.new_page()
    listen(page, press.page)
    fill(page, "May I?")
    page.click("text=Post comment")
    page.locator(".badge.waiting").wait_for()
    held = press.call("GET", "/api/v1/moderation/comments?status=pending")["comments"][0]
    decide(press, held, "approved")
    page.locator(".badge.waiting").wait_for(state="detached")
    assert comments_on(page) == ["May I?"]
    assert page.locator(NEWS).count() == 0
    context.close()


def test_text_below_a_comment_that_goes_is_kept(press: Press, reader: Callable[..., Any]) -> None:
    said = press.say("Gone soon.")
    page = reader()
    page.click("a.reply")
    page.fill("#comment-body", "Half a thought")
    decide(press, said, "removed")
    page.locator("#comments-notice:not(:empty)").wait_for()
    assert page.input_value("#form-home #comment-body") == "Half a thought"
    assert page.evaluate("document.activeElement.id") == "comment-body"


def test_hostile_bodies_stay_inert(press: Press, reader: Callable[..., Any]) -> None:
    page = reader()
    bodies = (
        "<img src=x onerror=alert(1)> and `<script>alert(2)</script>`",
        "[a](javascript:alert(3)) <svg onload=alert(4)>",
        "</p></div></li></ol></section><h1>Escaped</h1>",
        "{{ 7 * 7 }} ${alert(5)} \u202e\u2066",
    )
    for number, body in enumerate(bodies):
        press.say(body, author={"name": f"<b onclick=alert(6)>$& {number}</b>"})
    page.locator(NEWS, has_text="4 new").click()
    thread = page.locator("#thread")
    assert thread.locator("img, script, [onclick], [onerror], [onload], a[href^=javascript]").count() == 0
    assert page.locator("h1").count() == 1
    assert page.locator(".author").first.inner_text() == "<b onclick=alert(6)>$& 3</b>"
    assert thread.locator(":scope > .comment").count() == 4


def test_stream_that_is_blocked_is_replaced_by_questions(press: Press, visit: Callable[..., Visit]) -> None:
    said = press.say("Before.")
    seen = visit()
    page = seen.page
    page.clock.install()
    page.route("**/stream*", lambda route: route.abort())
    with page.expect_response("**/thread/changes*"):
        page.reload()
        page.locator("#comments").scroll_into_view_if_needed()
    press.say("By question.", parent=said["id"])
    page.clock.fast_forward(30_000)
    page.locator(NEWS).wait_for()
    page.locator('[data-count="all"]', has_text="2").wait_for()
    decide(press, said, "removed")
    page.clock.fast_forward(30_000)
    page.locator(f"#comment-{said['id']}.tombstone").wait_for()
    # A version that nobody can know is answered like one that is too old.
    page.evaluate("document.querySelector('#comments').dataset.version = 999999")
    page.clock.fast_forward(30_000)
    page.locator(NEWS, has_text="anew").click()
    page.locator(NEWS).wait_for(state="detached")
    assert comments_on(page) == ["This comment was removed.", "By question."]
    seen.forgive("net::ERR_FAILED", "status of 410")


def test_nothing_is_asked_while_nobody_looks(press: Press, visit: Callable[..., Visit]) -> None:
    """A page that is opened far above its comments has no stream."""
    press.put("bees", html="<p>Bees.</p>" * 500)
    page = visit().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(press.page)
    page.wait_for_function("document.querySelector('.vote') || document.readyState === 'complete'")
    assert not [url for url in asked if "/stream" in url or "/changes" in url]
    with page.expect_response(lambda answer: "/stream" in answer.url):
        page.locator("#comments").scroll_into_view_if_needed()


def test_stream_ends_when_the_page_has_been_hidden_for_a_while(press: Press, visit: Callable[..., Visit]) -> None:
    page = visit().page
    page.add_init_script(
        "let state = 'visible'; Object.defineProperty(document, 'visibilityState', {get: () => state});"
        "window.turn = (now) => { state = now; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.clock.install()
    listen(page, press.page)
    with page.expect_event("requestfailed", lambda request: "/stream" in request.url):
        page.evaluate("turn('hidden')")
        page.clock.fast_forward(60_000)
    press.say("Said to nobody.")
    page.clock.fast_forward(60_000)
    assert page.locator(NEWS).count() == 0
    with page.expect_response(lambda answer: "/stream?since=0" in answer.url):
        page.evaluate("turn('visible')")
    page.locator(NEWS, has_text="1 new comment").wait_for()


def test_new_since_the_last_visit(press: Press, visit: Callable[..., Visit]) -> None:
    press.say("Read before.")
    seen = visit()
    page = seen.page
    assert page.locator(".badge.new").count() == 0
    page.goto("about:blank")
    fresh = press.say("Said meanwhile.")
    page.goto(press.page)
    page.locator(".badge.new").wait_for()
    assert page.locator(".unread").get_attribute("id") == f"comment-{fresh['id']}"
    page.goto("about:blank")
    page.goto(press.page)
    page.locator(".comment .vote").first.wait_for()
    assert page.locator(".badge.new").count() == 0


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[LiveService]:
    service = LiveService(tmp_path / "data")
    service.start()
    yield service
    service.stop()


def test_reader_misses_nothing_while_the_service_restarts(own_service: LiveService, chromium: Any) -> None:
    press = make_press(own_service)
    press.say("Before.")
    context = chromium.new_context()
    page = context.new_page()
    listen(page, press.page)
    own_service.stop()
    own_service.log.unlink()
    own_service.start()
    press.say("After.")
    wait_until(lambda: page.locator(NEWS).count(), "the comment after the restart", 60)
    page.click(NEWS)
    assert comments_on(page) == ["After.", "Before."]
    context.close()
