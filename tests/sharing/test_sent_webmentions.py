"""Texts of ours that link to others: whom we tell of it, when, and how often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.db.models.functions import Now

from articles.models import Article, Site
from articles.services.pages import delete_article, put_article
from comments.services.editing import Editor, edit_comment
from comments.services.moderation import Moderator, decide
from comments.services.posting import Author, Draft, post_comment
from sharing.models import LinkingText, SentMention
from sharing.services import sent_webmentions
from sharing.services.sent_webmentions import PAUSES, plan_next, tell_next
from tests.factories import make_article, make_site
from tests.far_side import HTML, FarSide, far_side
from tests.world import OWN

pytestmark = pytest.mark.django_db

PAGE = "https://news.example.org/story"


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        found.has("/endpoint", "", 202)
        found.has("/page", '<link rel="webmention" href="/endpoint">')
        yield found


@pytest.fixture
def site() -> Site:
    return make_site("gazette", send_webmentions=True)


def work() -> None:
    """Do all that is due, and what was put off as if its time had come."""
    while plan_next() is not None:
        pass
    SentMention.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))
    for _ in range(SentMention.objects.filter(due_at__isnull=False).count()):
        tell_next()


def told(side: FarSide, path: str = "/endpoint") -> list[dict[str, str]]:
    """Return what the endpoint was sent since the last call."""
    found = [
        dict(parse_qsl(body.decode())) for method, asked, _, body in side.asked if (method, asked) == ("POST", path)
    ]
    side.asked.clear()
    return found


def publish(site: Site, *targets: str, words: str = "See", **fields: Any) -> Article:
    html = f"<p>{words} " + " ".join(f'<a href="{target}">there</a>' for target in targets)
    return put_article(site, {"html": html, **fields}, url=PAGE).article


# What webmention.rocks asks of a sender, rebuilt: a page's headers and body, and the endpoint that must be found.
DISCOVERY: dict[str, tuple[list[tuple[str, str]], str, str]] = {
    "1 header, unquoted, relative": ([("Link", "</e?h=1>; rel=webmention")], "", "/e?h=1"),
    "2 header, absolute": ([("Link", "<{url}/e>; rel=webmention")], "", "/e"),
    "3 link, relative": ([], '<link rel="webmention" href="/e">', "/e"),
    "4 link, absolute": ([], '<link rel="webmention" href="{url}/e">', "/e"),
    "5 a, relative": ([], '<p><a rel="webmention" href="e">x</a>', "/deep/e"),
    "6 a, absolute": ([], '<a rel="webmention" href="{url}/e">x</a>', "/e"),
    "7 header of strange case": ([("LinK", '</e>; rel="webmention"')], "", "/e"),
    "8 header, quoted": ([("Link", '</e>; rel="webmention"')], "", "/e"),
    "9 several rels of a link": ([], '<link rel="me  WebMention somethingelse" href="/e">', "/e"),
    "10 several rels of a header": ([("Link", '</e>; rel="somethingelse webmention"')], "", "/e"),
    "11 the header is first": (
        [("Link", "</e>; rel=webmention")],
        '<link rel="webmention" href="/false"><a rel="webmention" href="/false">x</a>',
        "/e",
    ),
    "12 the rel is exact": ([], '<link rel="not-webmention" href="/false"><a rel=webmention href=/e>x</a>', "/e"),
    "13 not in a comment": ([], '<!-- <a rel="webmention" href="/false"> --><a rel="webmention" href="/e">', "/e"),
    "14 not escaped": ([], '&lt;a rel="webmention" href="/false"&gt; <a rel="webmention" href="/e">x</a>', "/e"),
    "15 empty is the page": ([], '<link rel="webmention" href="">', "/deep/page"),
    "16 a before link": ([], '<a rel="webmention" href="/e">x</a><link rel="webmention" href="/false">', "/e"),
    "17 link before a": ([], '<link rel="webmention" href="/e"><a rel="webmention" href="/false">x</a>', "/e"),
    "18 several headers": ([("Link", "</x>; rel=other"), ("link", "</e>; rel=webmention")], "", "/e"),
    "19 one header of several": ([("Link", '</x>; rel="other", </e>; rel="webmention"')], "", "/e"),
    "20 a link without href": ([], '<link rel="webmention"><a rel="webmention" href="/e">x</a>', "/e"),
    "21 a query is kept": ([], '<link rel="webmention" href="/e?query=yes&amp;b=1">', "/e?query=yes&b=1"),
    "22 relative to the path": ([], '<link rel="webmention" href="e/x">', "/deep/e/x"),
    "a base": ([], '<base href="/else/"><a rel="webmention" href="e">x</a>', "/else/e"),
    "none": ([], "<p>nothing", ""),
    "a script": ([], "<a rel='webmention' href='javascript:alert(1)'>", ""),
    "this machine": ([("Link", "<http://127.0.0.1:9/e>; rel=webmention")], "", ""),
    "nonsense in the header": ([("Link", ';;,"<>')], '<link rel="webmention" href="/e">', "/e"),
}


@pytest.mark.parametrize("name", DISCOVERY)
def test_endpoints_are_found_as_the_specification_says(site: Site, side: FarSide, name: str) -> None:
    headers, html, endpoint = DISCOVERY[name]
    side.has("/deep/page", html.replace("{url}", side.url), 200, HTML, *headers_of(headers, side))
    target = side.url + "/deep/page"
    article = publish(site, target)
    work()
    posts = [(path, dict(parse_qsl(body.decode()))) for method, path, _, body in side.asked if method == "POST"]
    assert posts == ([(endpoint, {"source": article.url, "target": target})] if endpoint else [])


def headers_of(headers: list[tuple[str, str]], side: FarSide) -> list[tuple[str, str]]:
    return [(name, value.replace("{url}", side.url)) for name, value in headers]


def test_23_an_endpoint_is_relative_to_where_redirects_end(site: Site, side: FarSide) -> None:
    side.has("/old", "", 302, ("Location", f"{side.other}/far/page"))
    side.has("/far/page", '<link rel="webmention" href="e">')
    side.has("/far/e", "", 200)
    publish(site, side.url + "/old")
    work()
    assert told(side, "/far/e")[0]["target"] == side.url + "/old"


class TestTelling:
    def test_each_version_is_told_once_and_a_link_that_went_too(self, site: Site, side: FarSide) -> None:
        target = side.url + "/page"
        publish(site, target)
        work()
        assert told(side) == [{"source": PAGE, "target": target}]
        publish(site, target)
        work()
        assert told(side) == []
        publish(site, target, words="Do see")
        work()
        assert told(side) == [{"source": PAGE, "target": target}]
        publish(site)
        work()
        assert told(side) == [{"source": PAGE, "target": target}]
        publish(site, words="Nothing")
        work()
        assert told(side) == []
        publish(site, target)
        work()
        assert len(told(side)) == 1 and SentMention.objects.get().state == "told"

    def test_nothing_is_told_unless_the_site_wants_it(self, side: FarSide) -> None:
        article = publish(make_site("quiet"), side.url + "/page")
        post_comment(article, Draft(f"See {side.url}/page", Author("Ben")))
        work()
        assert side.asked == [] and not LinkingText.objects.exists() and not SentMention.objects.exists()

    def test_it_ends_at_once_when_the_site_wants_it_no_more(self, site: Site, side: FarSide) -> None:
        publish(site, side.url + "/page")
        assert plan_next() is not None
        Site.objects.update(send_webmentions=False)
        work()
        assert side.asked == []

    def test_nobody_is_told_by_what_is_not_public(self, site: Site, side: FarSide) -> None:
        target = side.url + "/page"
        article = publish(site, target, published_at=None)
        work()
        assert side.asked == []
        Article.objects.update(visibility="public")
        publish(site, target)
        work()
        assert len(told(side)) == 1
        delete_article(site, article.pk)
        work()
        assert len(told(side)) == 1
        work()
        assert told(side) == []

    def test_we_tell_nothing_to_ourselves(self, site: Site, side: FarSide) -> None:
        other = make_article(site, path="/other")
        publish(site, other.url, other.page_url, f"{OWN}/a/1", "mailto:a@b.example", "javascript:x", "/relative")
        work()
        assert not SentMention.objects.exists()
        side.has("/page", f'<link rel="webmention" href="{OWN}/webmention">')
        publish(site, side.url + "/page")
        work()
        assert SentMention.objects.get().state == "silent"

    def test_comments_are_told_of_with_the_page_that_shows_them(self, site: Site, side: FarSide) -> None:
        article = make_article(site, path="/story")
        posted = post_comment(article, Draft(f"See {side.url}/page for more.", Author("Ben"))).comment
        work()
        expected = {"source": f"{article.page_url}?comment={posted.pk}", "target": f"{side.url}/page"}
        assert told(side) == [expected]
        edit_comment(posted, Editor(Moderator()), f"Do see {side.url}/page for more.")
        work()
        assert told(side) == [expected]
        decide(site, posted.pk, "spam", Moderator())
        work()
        assert told(side) == [expected]

    def test_held_comments_tell_nobody_until_they_are_approved(self, site: Site, side: FarSide) -> None:
        site.moderation = "all"
        site.save()
        article = make_article(site, path="/story")
        posted = post_comment(article, Draft(f"See {side.url}/page", Author("Ben"))).comment
        work()
        assert side.asked == []
        decide(site, posted.pk, "approved", Moderator())
        work()
        assert len(told(side)) == 1

    def test_a_hundred_links_are_enough(self, site: Site, side: FarSide) -> None:
        publish(site, *(f"{side.url}/page?{number}" for number in range(150)))
        assert plan_next() is not None
        assert SentMention.objects.count() == 100


class TestTrouble:
    def test_what_is_busy_is_asked_again_and_given_up_in_the_end(self, site: Site, side: FarSide) -> None:
        side.has("/endpoint", "", 503)
        publish(site, side.url + "/page")
        for _ in range(len(PAUSES) + 3):
            work()
        assert len(told(side)) == len(PAUSES) + 1
        sent = SentMention.objects.get()
        assert (sent.state, sent.due_at) == ("failed", None) and "503" in sent.says

    def test_a_refusal_is_final_for_this_version(self, site: Site, side: FarSide) -> None:
        side.has("/endpoint", "", 400)
        publish(site, side.url + "/page")
        work()
        work()
        assert len(told(side)) == 1 and SentMention.objects.get().state == "failed"
        publish(site)
        work()
        assert told(side) == [] and SentMention.objects.get().state == "silent"

    def test_one_that_dies_while_it_tells_is_not_told_again(
        self, site: Site, side: FarSide, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        publish(site, side.url + "/page")
        exchange = sent_webmentions.exchange

        def and_die(*arguments: Any, **options: Any) -> None:
            exchange(*arguments, **options)
            raise Killed

        monkeypatch.setattr(sent_webmentions, "exchange", and_die)
        with pytest.raises(Killed):
            work()
        monkeypatch.undo()
        work()
        assert len(told(side)) == 1 and SentMention.objects.get().state == "sending"
        publish(site)
        work()
        assert len(told(side)) == 1

    def test_what_comes_of_an_old_version_does_not_count_for_the_new_one(
        self, site: Site, side: FarSide, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(site, side.url + "/page")
        exchange = sent_webmentions.exchange

        def meanwhile(*arguments: Any, **options: Any) -> Any:
            answer = exchange(*arguments, **options)
            publish(site, side.url + "/page", words="Newer")
            plan_next()
            return answer

        monkeypatch.setattr(sent_webmentions, "exchange", meanwhile)
        work()
        monkeypatch.undo()
        assert SentMention.objects.get().state == "waiting"
        work()
        assert len(told(side)) == 2 and SentMention.objects.get().state == "told"


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_each_page_once(side: FarSide) -> None:
    site = make_site("gazette", send_webmentions=True)
    side.has("/endpoint", "", 202, pause=0.2)
    publish(site, *(f"{side.url}/page?{number}" for number in range(6)))
    for number in range(6):
        side.has(f"/page?{number}", '<link rel="webmention" href="/endpoint">')

    def drain() -> None:
        try:
            while plan_next() is not None or tell_next() is not None:
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    drain()
    assert sorted(one["target"] for one in told(side)) == [f"{side.url}/page?{number}" for number in range(6)]
