"""Hostile texts in every place of every writing request of the running service, read back through every output.

A part in an ordinary run; whole with `-m drill`. The page that a browser would build of hostile words has no
script, frame, form, picture, handler or link that the page of ordinary words lacks.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from itertools import cycle, islice

import html5lib
import pytest
from django.test import Client

from articles.models import Article
from comments.models import Comment
from project import markup
from sharing.models import Delivery, Notification
from tests.conftest import DRILL_SEED, SHARED
from tests.factories import CY, make_article, make_follow, make_member, make_site
from tests.hostile import BYTES, TEXTS, Line, Places, Sent, check, corpus_bytes, corpus_texts
from tests.mailing import words_of
from tests.processes import WebProcess, Worker, wait_until
from tests.smtp_sink import SmtpSink
from tests.unit import html_trees

# Whole it takes long.
pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3_600)]

LINKS = frozenset({"href", "src", "action", "formaction", "poster", "data", "srcset"})
COMMENT_ATTRIBUTES = frozenset({"href", "rel", "start"})
# What Markdown may add to a page, as `facts` names it.
OF_MARKDOWN = {f"<{tag}>" for tag in markup.COMMENT_TAGS} | {"a href", "a rel", "ol start"}
MAIL_HEADERS = frozenset(
    "subject from to date message-id mime-version content-type content-language auto-submitted precedence reply-to"
    " content-transfer-encoding list-id list-unsubscribe list-unsubscribe-post list-help list-owner list-post"
    " list-archive x-auto-response-suppress references in-reply-to feedback-id".split()
)
EVERY = 100


def facts(html: str) -> set[str]:
    """Name each kind of element, attribute, id, class and link of a page; digits are left out."""
    found = set()
    for node in html5lib.parse(html, treebuilder="etree").iter():
        tag = str(node.tag).removeprefix(html_trees.PREFIX) if isinstance(node.tag, str) else ""
        found.add(f"<{tag}>")
        for name, value in node.attrib.items():
            found.add(f"{tag} {name}")
            if name in ("id", "name", "class"):
                found |= {f"{name}={re.sub('[0-9]+', '', word)}" for word in value.split()}
            if name in LINKS and not re.match(r"https?://|mailto:|data:image/|/(?!/)|[#?]|$", value):
                found.add(f"link {value}")
    return found


def good(line: Line, places: Places) -> int:
    """Post as anybody does, and return the comment's id."""
    status, _, body = line.send(places.say())
    assert status == 201, (status, body[:300])
    return int(re.findall(rb'"id":\s*(\d+)', body)[0])


def approve_all(line: Line, places: Places) -> None:
    """Let moderators publish whatever was held, so that every output shows it."""
    held = list(
        Comment.objects.filter(site=places.article.site).exclude(status="approved").values_list("pk", flat=True)
    )
    for start in range(0, len(held), 50):
        data = {"ids": held[start : start + 50], "status": "approved"}
        status, _, body = line.send(Sent("POST", "/api/v1/moderation/decisions", data, places.key))
        assert status == 200, body[:300]


def still_well(web: WebProcess, *workers: Worker) -> None:
    processes: list[WebProcess | Worker] = [web, *workers]
    for process in processes:
        assert process.process is not None and process.process.poll() is None, process.output()[-3_000:]
        assert "Traceback" not in process.output(), process.output().partition("Traceback")[2][:3_000]


def read_pages(line: Line, path: str, key: dict[str, str] | None = None) -> Iterable[dict[str, object]]:
    """Yield every JSON page from `path` on, cursor by cursor."""
    cursor = ""
    while True:
        status, _, body = line.send(Sent("GET", f"{path}{cursor}", b"", key or {}))
        assert status == 200, (path, body[:300])
        answer = json.loads(body)
        yield answer
        if not answer.get("next"):
            return
        cursor = f"&cursor={answer['next']}"


def fragments(answer: object) -> Iterable[str]:
    """Yield every piece of HTML in an answer."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in ("html", "excerpt") and isinstance(value, str):
                yield value
            yield from fragments(value)
    if isinstance(answer, list):
        for value in answer:
            yield from fragments(value)


@pytest.fixture
def article() -> Article:
    # Every word in a mail of its own, however many come within the hour.
    return make_article(make_site(mails_per_thread=0), identifier="here", title="Bees")


@pytest.fixture
def texts(request: pytest.FixtureRequest) -> list[str]:
    """The repository's own texts, and the shared corpus where it is there, in an order that is always the same."""
    found = corpus_texts(SHARED) if SHARED.is_dir() else []
    random.Random(DRILL_SEED).shuffle(found)
    return TEXTS + found


def send_all(line: Line, places: Places, texts: list[str], share: float) -> None:
    """Send each text to some places, all where `share` is 1, with an ordinary comment now and then."""
    names, sent = cycle(places.all), 0
    for value in texts:
        for name in islice(names, len(places.all) if share == 1 else 2):
            request = places.all[name](value)
            check(name, request, *line.send(request))
            sent += 1
            if sent % EVERY == 0:
                good(line, places)


@pytest.mark.drill
def test_every_place_takes_or_refuses_and_nothing_comes_back_alive(
    article: Article, texts: list[str], make_web: Callable[..., WebProcess], client: Client, drill_scale: float
) -> None:
    web, places = make_web(RATE_LIMITS="off"), Places(article)
    line = Line(web)
    good(line, places)
    line.send(places.say(author={"url": "https://a.example"}))
    line.send(places.say(parent=places.said.pk))
    member = make_member(article.site, is_superuser=True)
    client.force_login(member.user)
    admin = "/admin/comments/comment/"
    ordinary = facts(web.get(f"/a/{article.pk}").text) | OF_MARKDOWN
    of_admin = facts(client.get(admin).content.decode())
    send_all(line, places, texts, drill_scale)
    good(line, places)
    approve_all(line, places)

    shown = 0
    reads: dict[str, dict[str, str] | None] = {
        f"/api/v1/thread?article={article.pk}&limit=100": None,
        f"/api/v1/search?site={article.site.slug}&q=a": None,
    }
    reads |= {
        f"/api/v1/recent?site={article.site.slug}&limit=100": None,
        "/api/v1/moderation/comments?limit=100": places.key,
    }
    reads |= {f"/api/v1/comments/{places.said.pk}/replies?limit=100": None}
    for path, key in reads.items():
        for answer in read_pages(line, path, key):
            for html in fragments(answer):
                shown += 1
                allowed = markup.COMMENT_TAGS | {"mark"}
                assert html_trees.forbidden_things(html, allowed, COMMENT_ATTRIBUTES) == [], html
    assert shown > 100
    for sort in ("oldest", "newest", "best"):
        extra = facts(web.get(f"/a/{article.pk}?sort={sort}").text) - ordinary
        assert alarming(extra) == set(), extra
    extra = facts(client.get(admin).content.decode()) - of_admin
    assert alarming(extra) == set(), extra
    still_well(web)


def alarming(extra: set[str]) -> set[str]:
    """What no words of a reader may bring to a page."""
    tags = {"script", "style", "svg", "math", "iframe", "object", "embed", "form", "base", "meta", "link", "img"}
    is_bad = re.compile(r"link |\S+ (on\w+|style|srcdoc)$")
    return {fact for fact in extra if fact.strip("<>") in tags or is_bad.match(fact)}


@pytest.mark.drill
def test_bodies_of_requests_that_are_wrong_as_a_whole(
    article: Article, make_web: Callable[..., WebProcess], drill_scale: float
) -> None:
    web, places = make_web(RATE_LIMITS="off"), Places(article)
    line = Line(web)
    shared = corpus_bytes(SHARED) if SHARED.is_dir() else []
    routes = {
        (sent.method, sent.path): sent for sent in (place("x") for place in places.all.values()) if not sent.is_form
    }
    turns = cycle(routes.values())
    for body in BYTES + shared:
        for route in islice(turns, len(routes) if drill_scale == 1 else 4):
            sent = Sent(route.method, route.path, body, route.headers)
            check("whole body", sent, *line.send(sent))
    good(line, places)
    still_well(web)


def facts_of_mail(message: EmailMessage) -> set[str]:
    part = message.get_body(("html",))
    return alarming(facts(part.get_content())) if part is not None else set()


def hostile_mail(message: EmailMessage, recipients: list[str], ordinary: set[str]) -> list[str]:
    """Name what is wrong with a mail: one recipient, the headers that we write and no others, HTML as `ordinary`."""
    faults = [] if len(recipients) == 1 and str(message["To"]) == recipients[0] else [f"to {recipients}"]
    names = [name.lower() for name in message]
    faults += [f"header {name}" for name in names if name not in MAIL_HEADERS or names.count(name) > 1]
    faults += [f"control in {name}" for name, value in message.items() if re.search("[\x00-\x1f\x7f]", str(value))]
    return faults + sorted(facts_of_mail(message) - ordinary)


@pytest.mark.drill
def test_mails_of_hostile_words_go_to_one_reader_and_are_inert(
    article: Article,
    texts: list[str],
    make_web: Callable[..., WebProcess],
    worker: Worker,
    smtp_sink: SmtpSink,
    drill_scale: float,
) -> None:
    make_follow(article.site, CY, article=article)
    make_follow(article.site, CY)
    web, places = make_web(RATE_LIMITS="off"), Places(article)
    line = Line(web)
    good(line, places)
    for name, value in (("follow email", "dee@a.example"), ("article title", "A new story")):
        assert line.send(places.all[name](value))[0] < 300
    ordinary = set().union(*(facts_of_mail(message) for message in smtp_sink.wait_for(3, seconds=60)))
    names = (
        "comment body",
        "comment name",
        "comment email",
        "comment reply",
        "follow email",
        "article title",
        "form name",
    )
    tries = texts if drill_scale == 1 else texts[: len(TEXTS) + 80]
    for value, name in zip(tries, cycle(names), strict=False):
        request = places.all[name](value)
        check(name, request, *line.send(request))
    last = good(line, places)

    def all_sent() -> bool:
        waiting = Notification.objects.filter(fanned_out_at=None)
        return not waiting.exists() and not Delivery.objects.filter(settled_at=None).exists()

    wait_until(lambda: any(f"#comment-{last}" in words_of(mail) for mail in smtp_sink.to(CY)), "the last mail", 90)
    wait_until(all_sent, "every mail to be settled", 120)
    for mail in smtp_sink.messages:
        assert hostile_mail(mail.message, mail.recipients, ordinary) == [], ascii(mail.message.as_string())[:2_000]
    assert len(smtp_sink.to(CY)) > 20
    still_well(web, worker)
