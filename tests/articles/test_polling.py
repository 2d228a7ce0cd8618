"""Feeds and sitemaps, read from a real server: what becomes of their entries, and of what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.db import connection
from django.utils import timezone

from articles.models import Article, ArticleKey, Site, SourceFeed
from articles.selectors import PageRef
from articles.services import entries as taking
from articles.services import polling
from articles.services.pages import delete_article, put_article, register_page
from articles.services.polling import poll_next_feed
from articles.services.publishing import publish_next_due
from articles.services.source_feeds import add_source_feed, read_now
from articles.tasks import poll_feeds
from project import http
from sharing.models import Notification
from tests.factories import make_site
from tests.feed_server import FeedServer, feeds_on_loopback, item, rss, sitemap

pytestmark = pytest.mark.django_db

PAGE = "https://news.example.org"
MONDAY = "Mon, 23 Nov 2026 09:00:00 GMT"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feeds_on_loopback() as found:
        yield found


@pytest.fixture
def site() -> Site:
    return make_site("gazette")


def poll(feed: SourceFeed) -> SourceFeed:
    """Read a feed as if it were due."""
    SourceFeed.objects.filter(pk=feed.pk).update(next_poll_at=timezone.now() - timedelta(seconds=1))
    read = poll_next_feed()
    assert read is not None and read.pk == feed.pk
    feed.refresh_from_db()
    return feed


def told() -> list[str]:
    """Return the paths of the articles that followers hear of."""
    rows = Notification.objects.filter(kind="article").order_by("id").select_related("article")
    return [(note.article.url if note.article else "").removeprefix(PAGE) for note in rows]


def paths() -> set[str]:
    return {article.url.removeprefix(PAGE) for article in Article.objects.all()}


def wait_of(feed: SourceFeed) -> timedelta:
    return feed.next_poll_at - timezone.now()


def about(wait: timedelta) -> tuple[timedelta, timedelta]:
    return wait - timedelta(minutes=5), wait + timedelta(minutes=5)


class TestEntries:
    def test_the_first_reading_is_silent_and_what_comes_later_is_announced_once(
        self, site: Site, server: FeedServer
    ) -> None:
        now = timezone.now()
        feed = add_source_feed(site, server.has("/rss", rss(item("/a", now))))
        assert poll(feed).first_polled_at is not None
        assert (paths(), told(), feed.last_error, feed.failures) == ({"/a"}, [], "", 0)
        server.has("/rss", rss(item("/b", now), item("/a", now)))
        for _ in range(3):
            poll(feed)
        assert (paths(), told()) == ({"/a", "/b"}, ["/b"])
        article = Article.objects.get(url=f"{PAGE}/b")
        assert article.is_public and article.title == "About /b" and article.announced_at is not None
        assert Notification.objects.get().cause_key == f"article:{article.pk}:published"

    def test_what_another_reading_found_at_its_first_time_is_no_news_to_it(
        self, site: Site, server: FeedServer
    ) -> None:
        now = timezone.now()
        first = add_source_feed(site, server.has("/rss", rss(item("/a", now))))
        poll(first)
        second = add_source_feed(site, server.has("/map", sitemap("/a", "/c", date=now.isoformat())))
        poll(second)
        poll(first)
        poll(second)
        assert (paths(), told()) == ({"/a", "/c"}, [])

    def test_old_entries_are_taken_without_a_word(self, site: Site, server: FeedServer) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", rss())))
        old = timezone.now() - timedelta(days=3)
        server.has("/rss", rss(item("/old", old)))
        server.has("/map", sitemap("/older", date="2020-01-01"))
        poll(feed)
        assert (paths(), told()) == ({"/old"}, [])
        assert Article.objects.get().published_at == old.replace(microsecond=0)

    def test_a_page_of_a_sitemap_without_a_date_is_published_when_it_is_found(
        self, site: Site, server: FeedServer
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/map", sitemap("/a"))))
        server.has("/map", sitemap("/a", "/b"))
        poll(feed)
        assert told() == ["/b"]

    def test_a_date_in_the_future_waits_for_its_hour(self, site: Site, server: FeedServer) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", rss())))
        server.has("/rss", rss(item("/soon", timezone.now() + timedelta(hours=2)), item("/slip", None)))
        poll(feed)
        article = Article.objects.get(url=f"{PAGE}/soon")
        assert article.visibility == "scheduled" and told() == ["/slip"]
        Article.objects.filter(pk=article.pk).update(published_at=timezone.now())
        assert publish_next_due() is not None
        poll(feed)
        assert told() == ["/slip", "/soon"]
        server.has("/rss", rss(item("/never", datetime(2999, 1, 1, tzinfo=UTC))))
        poll(feed)
        assert Article.objects.get(url=f"{PAGE}/never").is_public

    def test_what_put_articles_gave_stays_and_what_it_left_out_is_filled(self, site: Site, server: FeedServer) -> None:
        date = timezone.now() - timedelta(days=9)
        put_article(site, {"title": "Ours", "published_at": date, "tags": ["own"]}, url=f"{PAGE}/a")
        entry = (
            f"<item><title>Theirs</title><link>{PAGE}/a?utm_source=rss</link><guid isPermaLink='false'>a-1</guid>"
            f"<category>x</category><author>Ada</author><pubDate>{format_datetime(timezone.now())}</pubDate></item>"
        )
        feed = add_source_feed(site, server.has("/rss", rss(entry)))
        poll(feed)
        article = Article.objects.get()
        assert (article.title, article.tags, article.published_at) == ("Ours", ["own"], date)
        assert (article.author_name, article.identifier, article.url) == ("Ada", "a-1", f"{PAGE}/a")
        put_article(site, {"title": "Again", "author_name": "Ben"}, identifier="a-1")
        poll(feed)
        article.refresh_from_db()
        assert (article.title, article.author_name) == ("Again", "Ben")
        assert told() == []

    def test_hidden_and_deleted_articles_stay_so(self, site: Site, server: FeedServer) -> None:
        put_article(site, {"published_at": None}, url=f"{PAGE}/hidden")
        deleted = put_article(site, {}, url=f"{PAGE}/deleted").article
        delete_article(site, deleted.pk)
        Notification.objects.all().delete()
        feed = poll(add_source_feed(site, server.has("/rss", rss())))
        now = timezone.now()
        server.has("/rss", rss(item("/hidden", now), item("/deleted", now)))
        poll(feed)
        assert not Article.objects.public().exists() and told() == []
        deleted.refresh_from_db()
        assert deleted.title == "" and deleted.deleted_at is not None

    def test_a_page_that_a_reader_was_first_on_gets_its_date_and_is_announced_if_it_is_news(
        self, site: Site, server: FeedServer
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", rss())))
        for path in ("/new", "/old"):
            register_page(PageRef(site, None, url=f"{PAGE}{path}"))
        old = timezone.now() - timedelta(days=30)
        server.has("/rss", rss(item("/new", timezone.now()), item("/old", old)))
        poll(feed)
        assert told() == ["/new"]
        article = Article.objects.get(url=f"{PAGE}/old")
        assert (article.published_at, article.title) == (old.replace(microsecond=0), "About /old")
        assert set(ArticleKey.objects.values_list("given_by", flat=True)) == {"publisher"}

    @pytest.mark.django_db(transaction=True)
    def test_an_entry_that_comes_up_late_is_news_although_it_is_older_than_the_first_reading(
        self, server: FeedServer
    ) -> None:
        site = make_site("gazette")
        register_page(PageRef(site, None, url=f"{PAGE}/before"))
        hour_ago = timezone.now() - timedelta(hours=1)
        feed = poll(add_source_feed(site, server.has("/rss", rss(item("/before", hour_ago)))))
        register_page(PageRef(site, None, url=f"{PAGE}/after"))
        server.has("/rss", rss(item("/after", hour_ago), item("/before", hour_ago), item("/new", hour_ago)))
        poll(feed)
        assert told() == ["/after", "/new"]

    def test_put_articles_announces_what_a_first_reading_only_listed(self, site: Site, server: FeedServer) -> None:
        poll(add_source_feed(site, server.has("/rss", rss(item("/a", timezone.now())))))
        put_article(site, {"title": "Now"}, url=f"{PAGE}/a")
        assert told() == ["/a"]

    def test_of_two_articles_the_identifier_decides(self, site: Site, server: FeedServer) -> None:
        by_id = put_article(site, {}, identifier="17").article
        by_url = put_article(site, {}, url=f"{PAGE}/a").article
        text = f"<item><title>T</title><link>{PAGE}/a</link><guid isPermaLink='false'>17</guid></item>"
        feed = poll(add_source_feed(site, server.has("/rss", rss(text))))
        by_id.refresh_from_db()
        by_url.refresh_from_db()
        assert (by_id.title, by_id.url, by_url.title, by_url.identifier) == ("T", "", "", "")
        assert ArticleKey.objects.get(kind="url").article == by_url and feed.last_error == ""

    def test_foreign_origins_are_counted_and_nothing_else(self, site: Site, server: FeedServer) -> None:
        now = timezone.now()
        foreign = item("/x", now, base="https://evil.example")
        feed = poll(add_source_feed(site, server.has("/rss", rss(foreign), ETag='"1"')))
        assert (paths(), feed.skipped, feed.first_polled_at, feed.etag) == (set(), 1, None, "")
        assert feed.last_error == "1 of 1 entries are of none of the site's origins."
        site.origins.create(origin="evil.example")
        poll(feed)
        assert (feed.skipped, feed.last_error, told()) == (0, "", [])
        assert Article.objects.get().url == "https://evil.example/x"

    def test_sites_stay_apart(self, site: Site, server: FeedServer) -> None:
        other = make_site("other")
        elsewhere = put_article(other, {"title": "Elsewhere"}, url=f"{PAGE}/a").article
        poll(add_source_feed(site, server.has("/rss", rss(item("/a")))))
        assert Article.objects.get(site=site).title == "About /a"
        elsewhere.refresh_from_db()
        assert elsewhere.title == "Elsewhere"

    def test_one_bad_entry_does_not_stop_the_others(
        self, site: Site, server: FeedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(taking, "FILLED", ("title",))
        feed = add_source_feed(site, server.has("/rss", rss(item("/a"), item("/b"), item("/c"))))
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE articles_article ADD CONSTRAINT no_b CHECK (title <> 'About /b')")
        poll(feed)
        assert (paths(), feed.last_error) == ({"/a", "/c"}, "1 entries could not be stored.")

    def test_a_site_that_has_moved_fills_nobodys_mailbox(
        self, site: Site, server: FeedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(taking, "MOST_NEWS", 2)
        feed = poll(add_source_feed(site, server.has("/rss", rss(), ETag='"1"')))
        now = timezone.now()
        old = item("/old", now - timedelta(days=9))
        server.has("/rss", rss(old, *(item(f"/{number}", now) for number in range(5))), ETag='"2"')
        poll(feed)
        assert feed.last_error.startswith("3 new entries were not announced")
        server.has("/rss", rss(*(item(f"/{number}", now) for number in range(6))), ETag='"3"')
        poll(feed)
        assert (told(), feed.last_error, len(paths())) == (["/0", "/1", "/5"], "", 7)

    def test_more_pages_than_one_reading_takes_are_read_silently_before_anything_is_news(
        self, site: Site, server: FeedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(taking, "AT_ONCE", 2)
        pages = [f"/{number}" for number in range(5)]
        feed = add_source_feed(site, server.has("/map", sitemap(*pages), ETag='"1"'))
        for count in (2, 4):
            assert (poll(feed).first_polled_at, feed.etag, len(paths())) == (None, "", count)
        assert poll(feed).first_polled_at is not None and feed.etag == '"1"'
        server.has("/map", sitemap(*pages, "/new"), ETag='"2"')
        poll(feed)
        assert told() == ["/new"]


class TestSitemapIndexes:
    def test_its_sitemaps_are_read_newest_first_and_only_those_that_changed(
        self, site: Site, server: FeedServer
    ) -> None:
        now = timezone.now()

        def index(**dates: datetime) -> None:
            rows = "".join(
                f"<sitemap><loc>{server.url}/{name}</loc><lastmod>{date.isoformat()}</lastmod></sitemap>"
                for name, date in dates.items()
            )
            server.has("/index", f"<sitemapindex>{rows}</sitemapindex>")

        server.has("/old", sitemap("/a"))
        server.has("/new", sitemap("/b"))
        index(old=now - timedelta(days=9), new=now)
        feed = poll(add_source_feed(site, f"{server.url}/index"))
        assert (server.paths(), paths(), feed.last_error) == (["/index", "/new", "/old"], {"/a", "/b"}, "")
        server.has("/new", sitemap("/b", "/c"))
        poll(feed)
        assert (server.paths(), told()) == (["/index", "/new"], ["/c"])
        index(old=now - timedelta(days=9), new=now, lost=now)
        poll(feed)
        assert feed.last_error.startswith(f"1 of 2 sitemaps could not be read; {server.url}/lost: It answers")
        assert feed.failures == 0

    def test_what_a_first_reading_could_not_reach_is_no_news_for_a_day(self, site: Site, server: FeedServer) -> None:
        names = [server.has("/a", sitemap("/a")), server.has("/b", "", 500)]
        rows = "".join(f"<sitemap><loc>{name}</loc></sitemap>" for name in names)
        feed = poll(add_source_feed(site, server.has("/index", f"<sitemapindex>{rows}</sitemapindex>", ETag='"1"')))
        assert (feed.first_polled_at, feed.etag, feed.failures, paths()) == (None, "", 0, {"/a"})
        server.has("/b", sitemap("/b"))
        assert poll(feed).first_polled_at is not None and feed.etag == '"1"'
        assert (paths(), told()) == ({"/a", "/b"}, [])
        server.has("/b", "", 500)
        read_now(feed)
        SourceFeed.objects.update(first_polled_at=None, created_at=timezone.now() - timedelta(days=2))
        assert poll(feed).first_polled_at is not None

    def test_of_which_none_can_be_read_has_failed(self, site: Site, server: FeedServer) -> None:
        text = f"<sitemapindex><sitemap><loc>{server.url}/lost</loc></sitemap></sitemapindex>"
        feed = poll(add_source_feed(site, server.has("/index", text)))
        assert (feed.failures, feed.first_polled_at) == (1, None)


class TestAsking:
    @pytest.mark.parametrize(
        ("headers", "condition"),
        [
            ({"ETag": '"v1"'}, ("if-none-match", '"v1"')),
            (
                {"Last_Modified": "Mon, 23 Nov 2026 09:00:00 GMT"},
                ("if-modified-since", "Mon, 23 Nov 2026 09:00:00 GMT"),
            ),
        ],
    )
    def test_what_has_not_changed_is_not_sent_again(
        self, site: Site, server: FeedServer, headers: dict[str, str], condition: tuple[str, str]
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", rss(item("/a")), **headers)))
        kept = (feed.etag, feed.last_modified)
        assert "".join(kept) == condition[1]
        for _ in range(2):
            poll(feed)
            asked = server.asked[-1][1]
            assert asked[condition[0]] == condition[1] and asked["accept-encoding"] == "identity"
            assert ((feed.etag, feed.last_modified), feed.failures, feed.last_error) == (kept, 0, "")
            assert about(polling.EVERY)[0] < wait_of(feed) <= polling.EVERY

    def test_each_failure_doubles_the_wait_up_to_a_day(self, site: Site, server: FeedServer) -> None:
        feed = add_source_feed(site, f"{server.url}/lost")
        waits = []
        for failures in range(1, 10):
            poll(feed)
            waits.append(round(wait_of(feed) / timedelta(minutes=15)))
            assert (feed.failures, feed.last_error) == (failures, "It answers with the status 404.")
        assert waits == [2, 4, 8, 16, 32, 64, 96, 96, 96]
        server.has("/lost", rss())
        poll(feed)
        assert (feed.failures, feed.last_error) == (0, "") and wait_of(feed) <= polling.EVERY

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("asked", "wait"),
        [
            ("7200", timedelta(hours=2)),
            ("5", timedelta(minutes=30)),
            ("99999999999999999999", timedelta(days=1)),
            ("soon", timedelta(minutes=30)),
            ("²", timedelta(minutes=30)),
            ("Mon, 01 Jan 2001 00:00:00 GMT", timedelta(minutes=30)),
            ("in three hours", timedelta(hours=3)),
        ],
    )
    def test_retry_after_is_heeded(
        self, site: Site, server: FeedServer, status: int, asked: str, wait: timedelta
    ) -> None:
        if asked == "in three hours":
            asked = format_datetime(timezone.now().replace(microsecond=0) + timedelta(hours=3), usegmt=True)
        feed = poll(add_source_feed(site, server.has("/rss", "busy", status, Retry_After=asked)))
        low, high = about(wait)
        assert low < wait_of(feed) < high

    def test_a_feed_that_is_gone_is_read_no_more(self, site: Site, server: FeedServer) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", "", 410)))
        assert not feed.is_active and feed.last_error.startswith("It answers 410")
        SourceFeed.objects.update(next_poll_at=timezone.now())
        assert poll_next_feed() is None
        server.has("/rss", rss(item("/a")))
        assert add_source_feed(site, feed.url) == feed
        poll(feed)
        assert feed.is_active and paths() == {"/a"}

    def test_a_feed_that_has_moved_for_good_is_asked_for_there(self, site: Site, server: FeedServer) -> None:
        for number, status in enumerate((301, 308, 301)):
            server.has(f"/{number}", "", status, Location=f"/{number + 1}#top")
        end = server.has("/3", rss(item("/a")))
        feed = poll(add_source_feed(site, f"{server.url}/0"))
        assert (feed.url, paths()) == (end, {"/a"})
        server.paths()
        poll(feed)
        assert server.paths() == ["/3"]

    @pytest.mark.parametrize("location", ["http://127.0.0.1/", "http://[::1]:1/", "ftp://x/", "//[", "", "/0"])
    def test_a_redirect_that_cannot_be_followed_is_a_failure(
        self, site: Site, server: FeedServer, location: str
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/0", "", 301, Location=location)))
        assert feed.url == f"{server.url}/0" and feed.failures == 1 and feed.last_error

    def test_a_redirect_for_now_and_a_target_without_an_answer_change_nothing(
        self, site: Site, server: FeedServer
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/a", "", 302, Location="/b")))
        assert feed.last_error == "It answers with the status 302."
        server.has("/a", "", 301, Location="/b")
        poll(feed)
        assert (feed.url, feed.last_error) == (f"{server.url}/a", "It answers with the status 404.")

    def test_two_feeds_that_become_one_are_read_once(self, site: Site, server: FeedServer) -> None:
        end = add_source_feed(site, server.has("/b", rss()))
        feed = poll(add_source_feed(site, server.has("/a", "", 301, Location="/b")))
        assert not feed.is_active and feed.last_error == "It has moved to a feed that this site has."
        end.refresh_from_db()
        assert end.is_active

    @pytest.mark.parametrize(
        ("body", "headers", "sentence"),
        [
            ("<!doctype html><p>Hello<br>", {}, "It is not well-formed XML"),
            ("<html/>", {}, "This is neither a feed nor a sitemap"),
            ("<!DOCTYPE a [<!ENTITY a 'x'>]><rss>&a;</rss>", {}, "It declares entities"),
            ("<rss><channel><item>", {}, "It is not well-formed XML"),
            (b" " * 5_000_001, {}, "It could not be fetched: the answer is longer than 5,000,000 bytes."),
            ("x", {"Content_Type": "text/xml; charset*=x'y'%00\t", "ETag": "\x01"}, "It is not well-formed XML"),
            ("x", {"Content_Length": "50"}, "It could not be fetched: the answer was cut off."),
            (b"\xff\xfe\x00", {"Content_Type": 'text/xml; charset="klingon'}, "It is not well-formed XML"),
        ],
    )
    def test_what_cannot_be_read_is_told_in_a_sentence(
        self, site: Site, server: FeedServer, body: str | bytes, headers: dict[str, str], sentence: str
    ) -> None:
        feed = poll(add_source_feed(site, server.has("/rss", body, **headers)))
        assert feed.last_error.startswith(sentence), feed.last_error
        assert (feed.failures, feed.is_active, paths()) == (1, True, set())

    def test_what_only_we_can_reach_is_not_asked(self, site: Site, server: FeedServer) -> None:
        feed = poll(add_source_feed(site, server.url.replace("news.example.org", "127.0.0.1")))
        assert "not the internet's" in feed.last_error and server.asked == []

    def test_a_server_that_cannot_be_reached_is_a_failure(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(http.stands_for, "gone.example.org", "127.0.0.1")
        feed = poll(add_source_feed(site, "http://gone.example.org:9/rss"))
        assert feed.last_error.startswith("It could not be fetched")


class TestSideBySide:
    @pytest.mark.django_db(transaction=True)
    def test_two_pollers_read_each_feed_once(self, server: FeedServer) -> None:
        site = make_site("gazette")
        names = [f"/rss{number}" for number in range(6)]
        for name in names:
            add_source_feed(site, server.has(name, rss(item("/same"), item(f"{name}/own"))))
        start = threading.Barrier(3)

        def work() -> None:
            try:
                start.wait(30)
                poll_feeds()
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        while poll_next_feed() is not None:
            pass
        assert sorted(server.paths()) == names
        assert paths() == {"/same", *(f"{name}/own" for name in names)}
        assert Article.objects.count() == 7 and not SourceFeed.objects.exclude(last_error="").exists()

    def test_a_reading_that_ends_its_process_has_failed(
        self, site: Site, server: FeedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def killed(*_: object, **__: object) -> None:
            raise Killed

        feed = add_source_feed(site, server.has("/rss", rss()))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(polling, "exchange", killed)
            poll_next_feed()
        feed.refresh_from_db()
        assert feed.failures == 1 and wait_of(feed) > polling.EVERY
        assert poll_next_feed() is None
        assert poll(feed).failures == 0
