"""Signing in at a provider in a window of its own: from our article page, and from a page of another origin."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.press import Press, Visit, barriers, make_press
from tests.openid_provider import CLIENT, SECRET, Provider, provider_on_loopback
from tests.processes import LiveService

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

# What docs/embedding.md tells publishers to write; `heard` is for the test.
BLOG = """<!doctype html><title>Blog</title><button id="go">Sign in</button><p id="said"></p><script type="module">
const service = "SERVICE", site = "SITE", heard = (window.heard = []);
const base64 = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const verifier = base64(crypto.getRandomValues(new Uint8Array(32)));
const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
const query = new URLSearchParams({ origin: "ORIGIN", challenge: base64(new Uint8Array(digest)) });
document.querySelector("#go").addEventListener("click", () => {
  window.open(`${service}/sign-in/with/${site}/club?${query}`, "", "popup,width=480,height=640");
});
window.addEventListener("message", async ({ origin, data }) => {
  heard.push([origin, data]);
  if (origin !== service || data.source !== "afterword" || !data.code) return;
  const { session, reader } = await (await fetch(`${service}/api/v1/sign-in/code`, {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ site, code: data.code, verifier }),
  })).json();
  document.querySelector("#said").textContent = `${reader.name} ${session.slice(0, 4)}`;
});
document.documentElement.dataset.ready = "";
</script>"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with provider_on_loopback() as provider:
        yield provider


class Blog:
    """Somebody's page at an origin of its own."""

    html = ""

    def __init__(self) -> None:
        blog = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(blog.html.encode())

            def log_message(self, *_: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def write(self, press: Press, origin: str) -> None:
        html = BLOG.replace("SERVICE", press.service.base).replace("SITE", press.slug)
        self.html = html.replace("ORIGIN", origin)


@contextmanager
def blogs(number: int) -> Iterator[list[Blog]]:
    made = [Blog() for _ in range(number)]
    for blog in made:
        threading.Thread(target=blog.server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    for blog in made:
        blog.server.shutdown()
        blog.server.server_close()


def enrol(press: Press, provider: Provider, folder: Path) -> None:
    secret = folder / "secret"
    secret.write_text(SECRET)
    given = ["--client-id", CLIENT, "--secret-file", str(secret), "--server-url", provider.url, "--inside"]
    press.service.manage("create_social_login", press.slug, "club", "--label", "The Club", *given)


def opened(page: Any, selector: str) -> Any:
    with page.expect_popup() as popup:
        page.click(selector)
    return popup.value


def test_reader_of_our_page_signs_in_and_writes(
    press: Press, provider: Provider, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    enrol(press, provider, tmp_path)
    page = visit().page
    window = opened(page, "text=Sign in with The Club")
    with window.expect_event("close"):
        window.click("#yes")
    page.locator("#identity .reader:visible bdi", has_text="Ben").wait_for()
    page.fill("#comment-body", "Proven words")
    page.click("#reply button.strong")
    item = page.locator("#thread li.comment").first
    item.locator(".badge", has_text="verified").wait_for()
    assert press.call("GET", f"/api/v1/thread?article={press.article}")["comments"][0]["author"]["name"] == "Ben"


def test_reader_who_changes_her_mind_is_told_so(
    press: Press, provider: Provider, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    enrol(press, provider, tmp_path)
    page = visit().page
    window = opened(page, "text=Sign in with The Club")
    window.click("#no")
    window.locator("[role=alert]", has_text="You did not sign in there").wait_for()
    assert page.locator("#identity .reader:visible").count() == 0


def test_window_has_no_barriers(press: Press, provider: Provider, visit: Callable[..., Visit], tmp_path: Path) -> None:
    enrol(press, provider, tmp_path)
    page = visit(bypass_csp=True).page
    assert barriers(page) == []
    window = opened(page, "text=Sign in with The Club")
    window.click("#no")
    window.locator("[role=alert]").wait_for()
    assert barriers(window) == []


def test_page_of_another_origin_gets_the_code_and_no_other_does(
    live_service: LiveService, provider: Provider, chromium: Any, tmp_path: Path
) -> None:
    with blogs(2) as (blog, thief):
        press = make_press(live_service, "--origin", blog.origin)
        enrol(press, provider, tmp_path)
        context = chromium.new_context()
        page = context.new_page()
        blog.write(press, blog.origin)
        page.goto(blog.origin)
        page.locator("[data-ready]").wait_for()
        window = opened(page, "#go")
        with window.expect_event("close"):
            window.click("#yes")
        page.locator("#said", has_text="Ben aws_").wait_for()
        assert [origin for origin, _ in page.evaluate("heard")] == [live_service.base]

        # A window that does not end well says so to its opener, and stays.
        window = opened(page, "#go")
        window.click("#no")
        window.locator("[role=alert]").wait_for()
        page.wait_for_function("heard.length === 2")
        assert page.evaluate("heard")[1][1] == {"source": "afterword", "site": press.slug, "error": "cancelled"}

        # Who opens the window in the name of another origin hears nothing, and in its own name gets no further.
        thief.write(press, blog.origin)
        page.goto(thief.origin)
        page.locator("[data-ready]").wait_for()
        window = opened(page, "#go")
        with window.expect_event("close"):
            window.click("#yes")
        assert page.evaluate("heard") == []
        thief.write(press, thief.origin)
        page.reload()
        page.locator("[data-ready]").wait_for()
        window = opened(page, "#go")
        window.locator("h1", has_text="The site does not have that origin").wait_for()
        assert page.evaluate("heard") == []
        context.close()
