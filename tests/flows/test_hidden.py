"""Hidden means hidden within a second, in every output of every process: each way to hide, times each output.

A new GET route has to join `OUTPUTS`, or `WORDLESS` with a reason.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote, urlsplit

import pytest

from articles.models import Article, Site
from articles.tasks import publish_due
from comments.models import Comment
from comments.services.sessions import open_session
from project.tokens import edit_token
from tests.calls import WP_JSON, all_names
from tests.factories import make_api_key, make_article, make_comment, make_reader, make_site
from tests.processes import WebProcess
from tests.webs import Pair, ask, write

pytestmark = pytest.mark.live

SECOND = 1.0
HELD = "fishmonger"
SORTS = tuple(Site.Sort.values)
_numbers = count(1)


@dataclass
class Page:
    """A public article with a plain root, a secret root and a secret reply to the plain one.

    `said` stands in both secrets and their authors' names, `told` in the article's title.
    """

    key: str
    article: Article
    other: Article
    plain: Comment
    secrets: tuple[Comment, Comment]
    said: str
    told: str


def make_page(site: Site, key: str, other: Article, status: str = "approved") -> Page:
    number = next(_numbers)
    said, told = f"sesame{number}x", f"quokka{number}x"
    article = make_article(site, title=f"On the {told}", identifier=f"page-{number}", tags=["one"])
    plain = make_comment(article, body="A plain word.")
    secret = {"body": f"Open {said} now.", "author_name": f"Teller of {said}", "status": status}
    secrets = make_comment(article, **secret), make_comment(article, plain, **secret)
    return Page(key, article, other, plain, secrets, said, told)


# An output: its name as tests/calls.py has it, its address for a page, and whose words it shows of a public page.
Output = tuple[str, Callable[[Page], str], str]


def _of_article(page: Page) -> str:
    return f"article={page.article.pk}"


def _of_url(page: Page) -> str:
    return f"site={page.article.site.slug}&url={quote(page.article.url, safe='')}"


def _of_site(page: Page) -> str:
    return f"site={page.article.site.slug}"


def _own_page(page: Page) -> str:
    return quote(page.article.page_url, safe="")


def _api(page: Page) -> str:
    return f"/wp/{page.article.site.slug}/wp-json/wp/v2"


def _slug(page: Page) -> str:
    return page.article.url.rpartition("/")[2]


THREAD, COMMENT = "GET /api/v1/thread", "GET /api/v1/comments/{comment_id}"
ARTICLE_FEED, SITE_FEED = "GET /feeds/articles/{article_id}/comments.{form}", "GET /feeds/{site_slug}/comments.{form}"
OEMBED = "GET /oembed"
WP_COMMENT = f"GET {WP_JSON}/wp/v2/comments/{{comment_id}}"
WP_HOME, WP_FEED = "GET /wp/{site_slug}", "GET /wp/{site_slug}/{address}"
FORMS = ("atom", "rss", "json")
REPLIES = "GET /api/v1/comments/{comment_id}/replies"

OUTPUTS: list[Output] = [
    *(
        (THREAD, lambda p, sort=sort: f"/api/v1/thread?{_of_article(p)}&sort={sort}", "said told")  # type: ignore[misc]
        for sort in SORTS
    ),
    (THREAD, lambda p: f"/api/v1/thread?{_of_article(p)}&limit=1", "told"),
    (THREAD, lambda p: f"/api/v1/thread?{_of_url(p)}", "said told"),
    (THREAD, lambda p: f"/api/v1/thread?{_of_site(p)}&identifier={p.article.identifier}", "said told"),
    (THREAD, lambda p: f"/api/v1/thread?{_of_article(p)}&at_least=1", "said told"),
    (THREAD, lambda p: f"/api/v1/thread?{_of_article(p)}&at_least=999999", "said told"),
    ("GET /api/v1/thread/changes", lambda p: f"/api/v1/thread/changes?{_of_article(p)}&since=0", "said"),
    ("GET /api/v1/thread/changes", lambda p: f"/api/v1/thread/changes?{_of_url(p)}&since=1", "said"),
    ("GET /api/v1/thread/mine", lambda p: f"/api/v1/thread/mine?{_of_article(p)}", ""),
    (COMMENT, lambda p: f"/api/v1/comments/{p.secrets[0].pk}", "said"),
    (COMMENT, lambda p: f"/api/v1/comments/{p.secrets[1].pk}", "said"),
    (COMMENT, lambda p: f"/api/v1/comments/{p.plain.pk}", "said"),
    (REPLIES, lambda p: f"/api/v1/comments/{p.plain.pk}/replies", "said"),
    (REPLIES, lambda p: f"/api/v1/comments/{p.secrets[0].pk}/replies", ""),
    ("GET /api/v1/comments/{comment_id}/source", lambda p: f"/api/v1/comments/{p.secrets[0].pk}/source", ""),
    ("GET /api/v1/counts", lambda p: f"/api/v1/counts?{_of_url(p)}", ""),
    ("GET /api/v1/recent", lambda p: f"/api/v1/recent?{_of_site(p)}&limit=100", "said told"),
    ("GET /api/v1/most-discussed", lambda p: f"/api/v1/most-discussed?{_of_site(p)}&limit=100", "told"),
    ("GET /api/v1/most-shared", lambda p: f"/api/v1/most-shared?{_of_site(p)}&limit=100", ""),
    ("GET /api/v1/search", lambda p: f"/api/v1/search?{_of_site(p)}&q={p.said}", "said"),
    ("GET /api/v1/articles/{article_id}/stream", lambda p: f"/api/v1/articles/{p.article.pk}/stream", "said"),
    ("GET /api/v1/articles", lambda p: f"/api/v1/articles?{_of_site(p)}", "told"),
    ("GET /api/v1/articles/{article_id}", lambda p: f"/api/v1/articles/{p.article.pk}", "told"),
    ("GET /api/v1/articles/{article_id}/related", lambda p: f"/api/v1/articles/{p.other.pk}/related", ""),
    (
        "GET /api/v1/articles/{article_id}/share-links",
        lambda p: f"/api/v1/articles/{p.article.pk}/share-links?comment={p.secrets[0].pk}",
        "told",
    ),
    ("GET /api/v1/share-links", lambda p: f"/api/v1/share-links?{_of_article(p)}", "told"),
    ("GET /a/{article_id}", lambda p: f"/a/{p.article.pk}", "said told"),
    *(
        (ARTICLE_FEED, lambda p, form=form: f"/feeds/articles/{p.article.pk}/comments.{form}", "said told")  # type: ignore[misc]
        for form in FORMS
    ),
    *(
        (SITE_FEED, lambda p, form=form: f"/feeds/{p.article.site.slug}/comments.{form}", "said told")  # type: ignore[misc]
        for form in FORMS
    ),
    ("GET /a/{article_id}", lambda p: f"/a/{p.article.pk}?sort=oldest", "said told"),
    (f"GET {WP_JSON}/wp/v2/comments", lambda p: f"{_api(p)}/comments?_embed&per_page=100", "said told"),
    (f"GET {WP_JSON}/wp/v2/comments", lambda p: f"{_api(p)}/comments?search={p.said}&_fields=content", "said"),
    (f"GET {WP_JSON}/wp/v2/comments", lambda p: f"{_api(p)}/comments?include={p.secrets[0].pk}", "said"),
    (WP_COMMENT, lambda p: f"{_api(p)}/comments/{p.secrets[1].pk}", "said"),
    (WP_COMMENT, lambda p: f"{_api(p)}/comments/{p.plain.pk}?_embed", "said told"),
    (f"GET {WP_JSON}/wp/v2/posts", lambda p: f"{_api(p)}/posts?_embed&per_page=100", "said told"),
    (f"GET {WP_JSON}/wp/v2/posts/{{post_id}}", lambda p: f"{_api(p)}/posts/{p.article.pk}?_embed", "said told"),
    (f"GET {WP_JSON}/{{route}}", lambda p: f"{_api(p)}/posts/?slug={_slug(p)}", "told"),
    (WP_HOME, lambda p: f"/wp/{p.article.site.slug}/?rest_route=/wp/v2/comments&post={p.article.pk}", "said"),
    (WP_HOME, lambda p: f"/wp/{p.article.site.slug}/?feed=rss2&p={p.article.pk}", "said told"),
    (WP_FEED, lambda p: f"/wp/{p.article.site.slug}/comments/feed/atom/", "said told"),
    (WP_FEED, lambda p: f"/wp/{p.article.site.slug}/feed/", "told"),
    (WP_FEED, lambda p: f"/wp/{p.article.site.slug}{urlsplit(p.article.url).path}/feed/", "said told"),
    ("GET /a/{article_id}", lambda p: f"/a/{p.article.pk}?comment={p.secrets[0].pk}", "said told"),
    (OEMBED, lambda p: f"/oembed?url={_own_page(p)}", "told"),
    (OEMBED, lambda p: f"/oembed?format=xml&url={_own_page(p)}", "told"),
    (OEMBED, lambda p: f"/oembed?url={_own_page(p)}%23comment-{p.secrets[0].pk}", "said told"),
    (OEMBED, lambda p: f"/oembed?format=xml&url={_own_page(p)}%3Fcomment={p.secrets[1].pk}", "said told"),
    ("GET /a/{article_id}", lambda p: f"/a/{p.other.pk}", ""),
    (
        "GET /a/{article_id}/comments/{comment_id}/report",
        lambda p: f"/a/{p.article.pk}/comments/{p.secrets[0].pk}/report",
        "said",
    ),
    ("GET /s/{network_key}/{article_id}", lambda p: f"/s/x/{p.article.pk}", "told"),
    (
        "GET /s/{network_key}/{article_id}/{comment_id}",
        lambda p: f"/s/x/{p.article.pk}/{p.secrets[0].pk}",
        "told",
    ),
]

# Why a route shows nobody's words to the public.
WORDLESS = {
    "for publishers: their own titles, and numbers": ["GET /api/v1/sharing-report", "GET /api/v1/sharing-report.csv"],
    "for publishers: their channels": [
        f"GET /api/v1/channels{what}" for what in ("", *(f"/{{channel_id}}{end}" for end in ("", "/preview", "/posts")))
    ],
    "for moderators": [
        "GET /api/v1/moderation/comments",
        "GET /api/v1/moderation/comments/{comment_id}/log",
        "GET /api/v1/moderation/comments/{comment_id}/revisions",
        "GET /api/v1/moderation/reports",
    ],
    # Her own comments, whatever became of them.
    "for one reader, about herself": [
        "GET /readers/me",
        "GET /sign-in/{token}",
        *(f"GET /api/v1/readers/me{what}" for what in ("", "/sessions", "/comments", "/mutes", "/follows", "/export")),
    ],
    "numbers of shares": ["GET /shariff", "GET /shariff/{site_slug}"],
    "for one follower, by her link": [
        f"GET /follows/{what}/{{token}}" for what in ("confirm", "not-me", "leave", "manage")
    ],
    "for one author or member, by her link": ["GET /notices/{token}"],
    "for whoever announced a page, by its link": ["GET /webmention/{token}"],
    "for one reader, who comes from a provider": [
        f"GET /sign-in/with/{{site_slug}}/{{name}}{end}" for end in ("", "/back")
    ],
    "for staff": ["GET /sent-mail/", "GET /sent-mail/{name}"],
    "about the service": [f"GET /{what}" for what in ("livez", "readyz", "metrics", "api/v1/schema", "api/v1/docs")],
    # tests/api/test_pictures.py holds that it goes with what it shows.
    "a picture": [
        "GET /cards/{article_id}/{width}/{digest}.png",
        "GET /cards/{article_id}/{comment_id}/{width}/{digest}.png",
    ],
    "the same for all": ["GET /api/v1/networks"],
    "random numbers": ["GET /api/v1/challenge"],
    "names of routes": [f"GET {WP_JSON}", f"GET {WP_JSON}/", f"GET {WP_JSON}/wp/v2"],
}


def test_every_route_is_looked_at() -> None:
    gets = {name for name in all_names() if name.startswith("GET ")}
    known = {name for name, _, _ in OUTPUTS} | {name for names in WORDLESS.values() for name in names}
    assert gets - known == set(), "add these to OUTPUTS, or to WORDLESS with a reason"


def outputs() -> list[Output]:
    """Return the outputs that there are: some belong to routes that one version of the service may lack."""
    here = all_names()
    return [output for output in OUTPUTS if output[0] in here]


def look(web: WebProcess, name: str, target: str) -> str:
    """Return all that an output says: status, headers and body, of a stream what comes at once."""
    if name.endswith("/stream"):
        return _overhear(web, target)
    answer = ask(web, target)
    assert answer.status < 500, target
    return f"{answer.status} {answer.headers} {answer.text}"


def _overhear(web: WebProcess, target: str) -> str:
    heard = b""
    with socket.create_connection(("127.0.0.1", web.port), timeout=0.3) as line, contextlib.suppress(TimeoutError):
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 0\r\n\r\n".encode())
        while chunk := line.recv(65_536):
            heard += chunk
    return heard.decode(errors="replace")


# A way to hide: which words go, and how, the first argument being the process that is told.
Way = tuple[str, Callable[[WebProcess, Page], None]]


def _decide(status: str) -> Callable[[WebProcess, Page], None]:
    def hide(web: WebProcess, page: Page) -> None:
        body = {"ids": [comment.pk for comment in page.secrets], "status": status}
        write(web, "POST", "/api/v1/moderation/decisions", body, page.key)

    return hide


def _take_back(web: WebProcess, page: Page) -> None:
    for comment in page.secrets:
        write(web, "DELETE", f"/api/v1/comments/{comment.pk}", {}, edit_token(comment.pk, comment.nonce.hex))


def _edit_into_waiting(web: WebProcess, page: Page) -> None:
    for comment in page.secrets:
        body = {"body": f"{page.said} and {HELD}"}
        write(web, "PATCH", f"/api/v1/comments/{comment.pk}", body, edit_token(comment.pk, comment.nonce.hex))


def _leave_tombstones(web: WebProcess, page: Page) -> None:
    for comment in page.secrets:
        body = {"article": page.article.pk, "parent": comment.pk, "body": "I reply.", "author": {"name": "Dora"}}
        write(web, "POST", "/api/v1/comments", body)
    _decide("removed")(web, page)


def _undo_approval(web: WebProcess, page: Page) -> None:
    """Approved by a decision, and then held again."""
    for comment in page.secrets:
        path = f"/api/v1/moderation/comments/{comment.pk}"
        for status in ("rejected", "approved"):
            write(web, "POST", f"{path}/decision", {"status": status}, page.key)
        write(web, "POST", f"{path}/undo", {}, page.key)


def _erase_author(web: WebProcess, page: Page) -> None:
    """She goes with what she wrote, by her own request."""
    author = make_reader(page.article.site, f"{page.said}@example.org", name=f"Teller of {page.said}")
    for comment in page.secrets:
        Comment.objects.filter(pk=comment.pk).update(reader=author, author_email=author.address)
    write(web, "POST", "/api/v1/readers/me/erasure", {"texts": "erase"}, open_session(author, "email").token)


def _put(date: str | None) -> Callable[[WebProcess, Page], None]:
    def hide(web: WebProcess, page: Page) -> None:
        body = {"site": page.article.site.slug, "identifier": page.article.identifier, "published_at": date}
        write(web, "PUT", "/api/v1/articles", body, page.key)

    return hide


def _delete(web: WebProcess, page: Page) -> None:
    write(web, "DELETE", f"/api/v1/articles/{page.article.pk}", None, page.key)


WAYS: dict[str, Way] = {
    "rejected": ("said", _decide("rejected")),
    "spam": ("said", _decide("spam")),
    "removed": ("said", _decide("removed")),
    "taken back": ("said", _take_back),
    "edited into waiting": ("said", _edit_into_waiting),
    "tombstone": ("said", _leave_tombstones),
    "approval taken back": ("said", _undo_approval),
    "author erased": ("said", _erase_author),
    "article hidden": ("said told", _put(None)),
    "article put off": ("said told", _put("2099-01-01T00:00:00Z")),
    "article deleted": ("said told", _delete),
}


def found_in(web: WebProcess, page: Page, words: str) -> list[str]:
    """Return the outputs of a process in which one of the words stands."""
    found = []
    for name, address, _ in outputs():
        target = address(page)
        said = look(web, name, target).replace(quote(target, safe=""), "")
        # What was searched for may be repeated: it is the reader's own word.
        said = said.replace(f'"q":"{page.said}"', "")
        found += [target for word in words.split() if getattr(page, word) in said]
    return found


def check_shown(pair: Pair, page: Page) -> None:
    """The words stand where they should, or it would prove nothing that they are gone later."""
    for web in pair:
        for name, address, shown in outputs():
            said = look(web, name, address(page))
            if not all(getattr(page, word) in said for word in shown.split()):
                # A list of the site may be a second old, and the test before may have asked for it.
                time.sleep(SECOND)
                said = look(web, name, address(page))
            for word in shown.split():
                assert getattr(page, word) in said, (name, address(page), said[:500])


def test_what_is_hidden_is_gone_from_every_output_within_a_second(pair: Pair) -> None:
    site = make_site(held_words=[HELD])
    key, other = make_api_key(site), make_article(site, title="Another story", tags=["one"])
    wrong = []
    for number, (way, (words, hide)) in enumerate(WAYS.items()):
        page = make_page(site, key, other)
        check_shown(pair, page)
        hide(pair[number % 2], page)
        time.sleep(SECOND)
        wrong += [(way, process, target) for process in (0, 1) for target in found_in(pair[process], page, words)]
    assert wrong == []


def test_what_was_never_public_is_in_no_output(pair: Pair) -> None:
    site = make_site()
    key, other = make_api_key(site), make_article(site, title="Another story", tags=["one"])
    for status in ("pending", "rejected", "spam", "removed"):
        page = make_page(site, key, other, status)
        assert found_in(pair[0], page, "said") == [], status
        assert found_in(pair[1], page, "said") == [], status


def test_what_is_shown_again_comes_back_within_a_second(pair: Pair) -> None:
    site = make_site()
    key, other = make_api_key(site), make_article(site, title="Another story", tags=["one"])
    page = make_page(site, key, other)
    _put(None)(pair[0], page)
    for web in pair:
        assert found_in(web, page, "said told") == []
    _put("2026-01-01T00:00:00Z")(pair[1], page)
    time.sleep(SECOND)
    check_shown(pair, page)


def test_an_article_whose_hour_has_come_is_shown_within_a_second(pair: Pair) -> None:
    site = make_site()
    key, other = make_api_key(site), make_article(site, title="Another story", tags=["one"])
    page = make_page(site, key, other)
    _put("2099-01-01T00:00:00Z")(pair[0], page)
    for web in pair:
        assert found_in(web, page, "said told") == []
    Article.objects.filter(pk=page.article.pk).update(published_at="2026-01-01T00:00:00Z")
    publish_due()
    time.sleep(SECOND)
    check_shown(pair, page)
