"""The comment form of a classic WordPress theme, plain HTML in a real browser, sent to us from the blog's own page."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.press import Press, make_press
from tests.processes import LiveService

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.xdist_group("browser")]

# What `comment_form()` writes below an article, fields and ids as in WordPress' own themes.
THEME = """<!doctype html><html lang="en"><title>Bees</title><h1>Bees</h1>
<div id="respond" class="comment-respond"><h3 id="reply-title">Leave a Reply</h3>
<form action="{action}" method="post" id="commentform" class="comment-form">
<p><label for="comment">Comment</label><textarea id="comment" name="comment" maxlength="65525" required></textarea></p>
<p><label for="author">Name</label><input id="author" name="author" type="text" maxlength="245" required></p>
<p><label for="email">Email</label><input id="email" name="email" type="text" maxlength="100"></p>
<p><label for="url">Website</label><input id="url" name="url" type="text" maxlength="200"></p>
<p><input name="submit" type="submit" id="submit" value="Post Comment">
<input type="hidden" name="comment_post_ID" value="{post}" id="comment_post_ID">
<input type="hidden" name="comment_parent" id="comment_parent" value="0"></p>
</form></div>"""


class Blog:
    """A blog on an origin of its own that shows one page at every address."""

    def __init__(self, server: http.server.HTTPServer) -> None:
        self.base = f"http://localhost:{server.server_port}"
        self.page = b""

    def show(self, press: Press, article: int) -> None:
        action = f"{press.service.base}/wp/{press.slug}/wp-comments-post.php"
        self.page = THEME.format(action=action, post=article).encode()


@pytest.fixture
def blog() -> Iterator[Blog]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(shown.page)

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shown = Blog(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield shown
        server.shutdown()


def test_a_themes_form_posts_and_leads_back(chromium: Any, live_service: LiveService, blog: Blog) -> None:
    press = make_press(live_service, "--origin", blog.base)
    article = press.put("theme", url=f"{blog.base}/2026/bees/", title="Bees")
    blog.show(press, article)
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{blog.base}/2026/bees/")
    page.fill("#comment", "First line\n\nSecond *line*")
    page.fill("#author", "Dora")
    page.fill("#url", "dora.example")
    page.click("#submit")
    page.wait_for_url(f"{blog.base}/2026/bees/#comment-*")
    number = page.url.rpartition("-")[2]
    said = press.service.get(f"/api/v1/comments/{number}").json()
    assert said["html"] == "<p>First line</p>\n<p>Second <em>line</em></p>\n"
    assert said["author"]["url"] == "http://dora.example/"

    page.fill("#comment", "Another")
    page.fill("#author", "Dora")
    page.fill("#email", "nobody")
    page.click("#submit")
    page.wait_for_selector("text=Please enter a valid email address.")
    assert page.title() == "Comment Submission Failure"
    page.click("text=Back")
    page.wait_for_url(f"{blog.base}/2026/bees/#respond")
    assert context.cookies() == []
    context.close()


def test_a_form_of_another_blog_is_refused(chromium: Any, press: Press, blog: Blog) -> None:
    blog.show(press, press.article)
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{blog.base}/")
    page.fill("#comment", "From elsewhere")
    page.fill("#author", "Eve")
    with page.expect_response(lambda answer: "wp-comments-post" in answer.url) as sent:
        page.click("#submit")
    assert sent.value.status == 403
    assert press.service.get(f"/api/v1/thread?article={press.article}").json()["comments"] == []
    context.close()
