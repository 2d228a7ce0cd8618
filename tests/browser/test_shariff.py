"""The real npm package `shariff`, both of its builds, with our service as its backend."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.press import Press
from tests.conftest import unavailable
from tests.processes import ROOT, wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

DOCS = ROOT / "docs/embedding.md"
PACKAGES = ROOT / "tests/npm/node_modules"
# The smaller build uses the page's own jQuery, and asks without the header that needs a preflight.
BUILDS = {
    "complete": ["shariff/dist/shariff.complete.js"],
    "min": ["jquery/dist/jquery.min.js", "shariff/dist/shariff.min.js"],
}
SERVICES = ["facebook", "twitter", "linkedin", "mail"]
SET_COUNT = """
from articles.models import Article; from sharing.models import ShareCount
article = Article.objects.get(pk={article})
ShareCount.objects.create(site=article.site, article=article, network="x", count=1500)
"""

Open = Callable[[str, str], "Buttons"]


class Buttons:
    """A page with Shariff's buttons, and what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def counts(self) -> dict[str, str]:
        shown = self.page.locator("li.shariff-button:has(.share_count)")
        return {
            item.get_attribute("class").split()[-1]: item.locator(".share_count").inner_text() for item in shown.all()
        }


@pytest.fixture
def address(press: Press) -> str:
    """A page that was shared once on Facebook and 1,500 times on X."""
    url = f"{press.service.base}/shared-{press.article}"
    article = press.put("shared", url=url, title="Shared")
    press.call("POST", "/api/v1/shares", {"article": article, "network": "facebook"})
    press.service.manage("shell", "-c", SET_COUNT.format(article=article))
    return url


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Serve a page, and the packages, on an origin of their own; the given function returns the page's address."""
    pages: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path) or _script(self.path.lstrip("/"))
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if self.path in pages else "text/javascript")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def serve(html: str) -> str:
            pages["/page"] = html.encode()
            return f"http://localhost:{server.server_port}/page"

        yield serve
        server.shutdown()


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> str:
    if not (PACKAGES / "shariff").exists():
        unavailable("npm's shariff is not installed")
    return str(request.param)


def test_counts_on_a_page_of_the_same_origin(chromium: Any, press: Press, address: str, build: str) -> None:
    page = chromium.new_page()
    page.route("**/its-page", lambda route: route.fulfill(body=_page(build, "/shariff", address)))
    page.route("**/npm/**", lambda route: route.fulfill(body=_script(route.request.url.partition("/npm/")[2])))
    seen = Buttons(page)
    page.goto(f"{press.service.base}/its-page")
    page.wait_for_selector(".facebook .share_count")
    assert seen.counts() == {"facebook": "1", "twitter": "2k"}
    assert seen.errors == []
    page.close()


def test_counts_on_a_page_of_another_origin(
    chromium: Any, press: Press, address: str, build: str, elsewhere: Callable[[str], str]
) -> None:
    page = chromium.new_page()
    seen = Buttons(page)
    page.goto(elsewhere(_page(build, f"{press.service.base}/shariff/{press.slug}", address)))
    page.wait_for_selector(".facebook .share_count")
    assert seen.counts() == {"facebook": "1", "twitter": "2k"}
    assert seen.errors == []
    page.close()


def test_nothing_to_count_is_no_error_of_the_page(
    chromium: Any, press: Press, elsewhere: Callable[[str], str], build: str
) -> None:
    base = press.service.base
    cases = [
        ("/shariff/nowhere", "", 404),
        ("/shariff", "https://foreign.example/", 200),
        ("/shariff", "no address", 200),
        ("/shariff", f"{base}/never-shared", 200),
    ]
    for backend, url, status in cases:
        page = chromium.new_page()
        seen = Buttons(page)
        with page.expect_response(lambda answer: is_count(answer, base)) as asked:
            page.goto(elsewhere(_page(build, base + backend, url)))
        page.wait_for_selector("li.facebook")
        asked.value.finished()
        assert (asked.value.status, seen.counts(), seen.errors) == (status, {}, [])
        page.close()


def test_clicks_are_counted_as_the_documentation_shows(chromium: Any, press: Press, address: str, build: str) -> None:
    code = DOCS.read_text(encoding="utf-8").partition("**Shariff.**")[2].partition("```js\n")[2].partition("```")[0]
    for written, meant in (("https://comments.example.org", press.service.base), ('"press"', f'"{press.slug}"')):
        assert written in code
        code = code.replace(written, meant)
    page = chromium.new_page()
    page.route("**/its-page", lambda route: route.fulfill(body=_page(build, "/shariff", address)))
    page.route("**/npm/**", lambda route: route.fulfill(body=_script(route.request.url.partition("/npm/")[2])))
    page.goto(f"{press.service.base}/its-page")
    page.wait_for_selector(".facebook .share_count")
    page.evaluate(f"() => {{ {code} window.open = () => null; }}")
    page.locator("li.linkedin a").click()
    asked = f"/shariff/{press.slug}?url={address}"
    wanted = {"twitter": 1500, "facebook": 1, "linkedin": 1}
    wait_until(lambda: press.service.request("GET", asked).json() == wanted, "the click to be counted")
    page.close()


def is_count(answer: Any, base: str) -> bool:
    return bool(answer.url.startswith(f"{base}/shariff") and answer.request.method == "GET")


def _page(build: str, backend: str, url: str) -> str:
    root = "" if backend.startswith("http") else "/npm"
    scripts = "".join(f'<script src="{root}/{path}"></script>' for path in BUILDS[build])
    services = json.dumps(SERVICES).replace('"', "&quot;")
    return f"""<!doctype html><html lang="en"><title>Its page</title><div class="shariff" data-backend-url="{backend}"
        data-url="{url}" data-lang="en" data-services="{services}"></div>{scripts}"""


def _script(path: str) -> bytes:
    found = (PACKAGES / path).resolve()
    return found.read_bytes() if found.is_relative_to(PACKAGES.resolve()) and found.is_file() else b""
