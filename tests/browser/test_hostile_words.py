"""Hostile words in every place of the article page, in a browser that reports whatever tries to run.

A part of the shared corpus in an ordinary run; whole with `-m drill`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.press import Press, Visit, fill
from tests.conftest import DRILL_SEED

# Whole it takes long.
pytestmark = [
    pytest.mark.live,
    pytest.mark.browser,
    pytest.mark.drill,
    pytest.mark.timeout(1_800),
    pytest.mark.xdist_group("browser"),
]

# A page shows 25 roots and 10 replies of each.
BRANCH, PAGE = 11, 220
BATCH = 20

# Set up in every document before anything else of it: what the policy stops is told here.
LISTEN = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) =>
  stopped.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# Names what reader's words have brought to the page that may not be there, after doing to it whatever a reader may do.
PROBE = """
(places) => {
  const found = [];
  const allowed = new Set("A B STRONG I EM U S DEL CODE P BR PRE BLOCKQUOTE UL OL LI HR MARK SPAN TIME".split(" "));
  const attributes = new Set(["href", "rel", "start", "dir", "class", "datetime"]);
  const hold = (event) => event.preventDefault();
  addEventListener("click", hold);
  addEventListener("auxclick", hold);
  for (const link of document.querySelectorAll("[href], [src], [action], [formaction], [data], [poster], [srcset]")) {
    for (const name of ["href", "src", "action", "formaction", "data", "poster", "srcset"]) {
      const value = link.getAttribute(name);
      if (value === null) continue;
      const url = new URL(value, document.baseURI);
      if (!["http:", "https:", "mailto:"].includes(url.protocol)) found.push(`${name} ${value}`);
    }
  }
  for (const place of document.querySelectorAll(places)) {
    for (const element of place.querySelectorAll("*")) {
      if (!allowed.has(element.tagName)) found.push(element.outerHTML);
      for (const { name } of element.attributes) if (!attributes.has(name)) found.push(element.outerHTML);
    }
    for (const element of [place, ...place.querySelectorAll("*")]) {
      for (const kind of ["mouseover", "mouseenter", "pointerdown", "auxclick", "error", "load", "toggle", "focus"]) {
        element.dispatchEvent(new Event(kind, { bubbles: true, cancelable: true }));
      }
      if (element !== place || element.tagName === "A") element.click();
    }
  }
  removeEventListener("click", hold);
  removeEventListener("auxclick", hold);
  if (document.querySelectorAll("h1").length !== 1) found.push("more than one h1");
  if (window.name || document.domain !== location.hostname) found.push("window");
  return [...found.map((each) => each.slice(0, 300)), ...stopped];
}
"""
OF_COMMENTS = ".comment-text, .author"
OF_STORY = "#headline, .standfirst, .byline, .kicker, .source, .related li, .original"


def rows(shared_data: Path) -> list[str]:
    lines = (shared_data / "badinput" / "xss.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line)["input"] for line in lines]
    random.Random(DRILL_SEED).shuffle(found)
    return found


@pytest.fixture
def payloads(shared_data: Path, drill_scale: float) -> list[str]:
    """Every hostile text, or a twentieth and some more of them, in an order that is always the same."""
    found = rows(shared_data)
    assert len(found) > 500
    return found if drill_scale == 1 else found[: int(len(found) * drill_scale) + 10]


@pytest.fixture
def open_page(press: Press, visit: Callable[..., Visit]) -> Callable[..., Visit]:
    """Return a function that opens the article, so that what is stopped on it is told."""

    def open_one(**options: Any) -> Visit:
        seen = visit(**options)
        seen.page.context.add_init_script(LISTEN)
        seen.page.reload()
        return seen

    return open_one


def inert(page: Any, places: str = OF_COMMENTS) -> None:
    """Fail where something of the page is what no reader's words may make, or has tried to run."""
    assert page.evaluate(PROBE, places) == []


def batches(texts: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def send(press: Press, method: str, path: str, body: Any) -> Any:
    """Send what may be refused, and return the answer."""
    answer = press.service.request(method, path, body, {"Authorization": f"Bearer {press.key}"})
    assert answer.status < 500, (ascii(body), answer.body)
    return answer


def accepted(press: Press, method: str, path: str, body: dict[str, Any], usual: dict[str, str]) -> Any:
    """Send `body`, the usual word instead of each that is refused, until it is taken."""
    for _ in range(len(usual) + 1):
        answer = send(press, method, path, body)
        if answer.status < 300:
            return answer.json()
        for name in {error["field"] for error in answer.json()["errors"]}:
            head, _, last = name.partition(".")
            body = {**body, head: {**body[head], last: usual[name]} if last else usual[name]}
    raise AssertionError((ascii(body), answer.body))


def say(press: Press, number: int, text: str, **fields: Any) -> Any:
    """Post a text as body, name and address of an author at once, whichever of them takes it; held or not."""
    data = {"article": press.article, "body": text, "author": {"name": text, "url": text}, **fields}
    usual = {"body": f"Well said {number}.", "author.name": f"Ben {number}", "author.url": "https://a.example/"}
    return accepted(press, "POST", "/api/v1/comments", data, usual)


def say_all(press: Press, texts: list[str]) -> list[int]:
    """Post all texts, in branches of one root and its replies, let moderators publish them, and return their ids."""
    ids: list[int] = []
    for number, text in enumerate(texts):
        parent = ids[number - number % BRANCH] if number % BRANCH else None
        comment = say(press, number, text, **({"parent": parent} if parent else {}))
        ids.append(comment["id"])
        if comment["status"] != "approved":
            press.call("POST", f"/api/v1/moderation/comments/{comment['id']}/decision", {"status": "approved"})
    return ids


def test_words_of_readers_do_nothing_on_the_page(
    press: Press, open_page: Callable[..., Visit], payloads: list[str]
) -> None:
    """As body, name and address of comments; and their names again where one is about to answer them."""
    page = open_page().page
    for number, texts in enumerate(batches(payloads, PAGE)):
        press.article = press.put(f"page-{number}", title="Bees")
        say_all(press, texts)
        page.goto(press.page)
        page.locator("#thread .comment").nth(len(texts) - 1).wait_for()
        inert(page)
        said = page.locator("#thread .author").all_inner_texts()
        assert len(said) == len(texts)
        answered = page.evaluate(
            "() => [...document.querySelectorAll('a.reply')].map((link) => { link.click();"
            " return [document.querySelector('#form-title').childElementCount, link.ariaLabel]; })"
        )
        assert len(answered) == len(texts)
        assert {elements for elements, _ in answered} == {0}
        inert(page, f"{OF_COMMENTS}, #form-title")
        last = page.locator("a.reply").last.get_attribute("data-reply")
        page.goto(f"{press.page}?reply={last}")
        inert(page, f"{OF_COMMENTS}, #form-title")


def test_words_that_come_while_the_page_is_open_do_nothing(
    press: Press, open_page: Callable[..., Visit], payloads: list[str]
) -> None:
    """As news of the stream, and as edits of what is on the page."""
    seen = open_page()
    page = seen.page
    for number, texts in enumerate(batches(payloads, PAGE)):
        press.article = press.put(f"live-{number}", title="Bees")
        first = press.say("Here before.")
        page.goto(press.page)
        with page.expect_response(lambda answer: "/stream" in answer.url):
            page.locator("#comments").scroll_into_view_if_needed()
        say_all(press, texts)
        last = press.say("The last of all.")
        page.locator("#news button", has_text=f"{len(texts) + 1} new").wait_for(timeout=60_000)
        page.locator("#news button").click()
        page.locator(f"#comment-{last['id']}").wait_for()
        inert(page)
        for text in texts[: BATCH * 3]:
            send(press, "PATCH", f"/api/v1/comments/{first['id']}", {"body": text})
        press.call("PATCH", f"/api/v1/comments/{first['id']}", {"body": "Edited *last*."})
        page.locator(f"#comment-{first['id']} .comment-text em", has_text="last").wait_for(timeout=60_000)
        inert(page)


def put_words(press: Press, identifier: str, text: str) -> int:
    """Put an article with the text in as many fields as take it, and return its id."""
    names = ("title", "summary", "author_name", "image", "url")
    source = dict.fromkeys(("name", "author", "title", "url"), text)
    everywhere = {**dict.fromkeys(names, text), "tags": ["bees", text], "source": source}
    # Where it is no address, and where it is too long for some name.
    in_texts = {**everywhere, "image": "", "url": "", "source": {**source, "url": "https://a.example/"}}
    in_title = {"title": text, "summary": text, "tags": ["bees"]}
    for fields in (everywhere, in_texts, in_title, {"title": "Bees"}):
        answer = send(press, "PUT", "/api/v1/articles", {"site": press.slug, "identifier": identifier, **fields})
        if answer.status < 300:
            return int(answer.json()["id"])
    raise AssertionError((ascii(text), answer.body))


def test_words_in_the_fields_of_an_article_do_nothing(
    press: Press, open_page: Callable[..., Visit], payloads: list[str]
) -> None:
    """As title, summary, author, tag, source and address, on its own page and in the list of related ones."""
    page = open_page().page
    for number, text in enumerate(payloads if len(payloads) > PAGE else payloads[:BATCH]):
        page.goto(f"{press.service.base}/a/{put_words(press, f'story-{number}', text)}")
        inert(page, OF_STORY)
    assert page.locator(".related li").count() > 1
    assert page.locator(".source a").count() + page.locator(".standfirst").count() > 0


def test_refused_words_come_back_into_the_form_and_do_nothing(
    press: Press, open_page: Callable[..., Visit], payloads: list[str]
) -> None:
    """The form without its script: a refusal is a page that repeats what was typed."""
    seen = open_page()
    page = seen.page
    for text in payloads[: max(8, len(payloads) // 5)]:
        page.goto(press.page)
        fill(page, text, name=text, email="nobody@nowhere")
        with page.expect_navigation():
            page.evaluate("HTMLFormElement.prototype.submit.call(document.querySelector('#reply'))")
        shown = page.input_value("#comment-body")
        assert shown == text.replace("\r\n", "\n") or "\r" in text or "\0" in text
        inert(page, f"{OF_COMMENTS}, #form-error")
        assert page.locator("#reply").count() == 1
    seen.forgive("status of 400")


def test_previews_and_search_results_do_nothing_as_markup(
    press: Press, open_page: Callable[..., Visit], payloads: list[str]
) -> None:
    """Put into the page as our modules put it: previews, found comments and what was looked for in them."""
    page = open_page().page
    say_all(press, [f"quagga {text}" for text in payloads[:PAGE]])
    markup: list[str] = []
    for text in payloads:
        answer = send(press, "POST", "/api/v1/preview", {"body": text})
        if answer.status == 200:
            markup.append(answer.json()["html"])
    for query in ["quagga", *payloads[:BATCH]]:
        words = "".join(character for character in query if character >= " ")[:100]
        found = page.request.get(
            f"{press.service.base}/api/v1/search", params={"site": press.slug, "q": f"quagga {words}", "limit": "100"}
        )
        assert found.status < 500
        for hit in found.json().get("results", []):
            markup += [hit["excerpt"], hit["comment"]["html"]]
    assert len(markup) > len(payloads)
    src = page.locator("script[type=module]").get_attribute("src").replace("page", "markup")
    page.evaluate(
        """async ([src, pieces]) => {
          const { fill } = await import(src);
          for (const piece of pieces) {
            const place = document.createElement("div");
            place.className = "comment-text";
            document.querySelector("#comments").append(place);
            fill(place, piece);
          }
        }""",
        [src, markup],
    )
    assert page.locator(".comment-text").count() >= len(markup)
    inert(page)
