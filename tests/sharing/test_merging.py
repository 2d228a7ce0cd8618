"""Articles that move and articles that become one: nothing is lost, nothing is left behind, both addresses work."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from articles.models import Article, ArticleKey, Site
from articles.selectors import find_page
from articles.services.pages import delete_article
from articles.services.publishing import purge_next_deleted
from comments.models import Comment, ExternalRef, SearchEntry, Thread, ThreadCount, Vote
from comments.selectors.changes import thread_changes
from comments.services.posting import Author, Draft, post_comment
from comments.services.voting import vote
from comments.voters import Voter
from project.errors import Problem
from project.visitors import Visitor
from sharing import networks
from sharing.models import (
    Delivery,
    Follow,
    LinkingText,
    Notification,
    ReachDay,
    SentMention,
    ShareCount,
    ShareDay,
    ShareMilestone,
    Visit,
    Webmention,
)
from sharing.selectors.shares import share_counts
from sharing.services.merging import merge_articles
from sharing.services.shares import rebuild_counts, record_share
from tests.comments.invariants import check_site
from tests.comments.test_editing import wait_for_waiting
from tests.comments.test_posting import refused
from tests.factories import BEN, CY, make_article, make_comment, make_follow, make_reader, make_site
from tests.processes import wait_until

pytestmark = pytest.mark.django_db

NEW = "https://new.example"
DAY = date(2026, 1, 1)
READER = Visitor("203.0.113.7", "Mozilla/5.0 Firefox/140.0")


@pytest.fixture
def site() -> Site:
    return make_site("demo")


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("move_articles", "--site", "demo", *arguments, stdout=out)
    return out.getvalue()


def report(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*arguments, "--json"))
    return found


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused_:
        command(*arguments)
    assert refused_.value.returncode == 2
    assert "\n" not in str(refused_.value)
    return str(refused_.value)


def fill(article: Article, email: str) -> Comment:
    """Give an article a row of everything that may hang on one; return a tombstone that stands above a reply."""
    site, network = article.site, networks.find("facebook")
    assert network is not None
    root = make_comment(article, status="removed")
    reply = make_comment(article, root, reader=make_reader(site, email))
    Comment.objects.filter(pk=root.pk).update(shown_version=reply.shown_version, changed_version=reply.shown_version)
    make_comment(article, status="pending")
    make_comment(article, provider="webmention")
    vote(reply, Voter("somebody", ""), 1)
    ExternalRef.objects.create(
        site=site, comment=reply, provider="disqus", source=f"article:{article.pk}", external_id="7"
    )
    record_share(article, network, READER)
    record_share(article, network, READER, reply)
    ShareDay.objects.create(site=site, article=article, network="facebook", day=DAY, count=5)
    rebuild_counts()
    ShareMilestone.objects.create(site=site, article=article, reached=10 if email == BEN else 100)
    ReachDay.objects.create(site=site, article=article, network="facebook", day=DAY, visits=3, follows=1)
    Visit.objects.create(site=site, article=article, network="x", day=DAY, visitor_hash=str(article.pk))
    make_follow(site, email, article=article)
    make_follow(site, email, comment=reply)
    Webmention.objects.create(site=site, article=article, source="https://a.example", source_key="k", target="t")
    LinkingText.objects.create(site=site, article=article)
    SentMention.objects.create(site=site, article=article, target="https://b.example", target_key="b")
    return root


def rows_of(article: Article) -> dict[str, int]:
    """How many rows of each table name an article."""
    tables = [
        model for model in apps.get_models() if any(f.attname == "article_id" for f in model._meta.concrete_fields)
    ]
    assert len(tables) > 15
    counts = {table._meta.label: table._default_manager.filter(article_id=article.pk).count() for table in tables}
    return {label: count for label, count in counts.items() if count}


class TestMerging:
    def test_everything_goes_over_and_nothing_is_left(self, site: Site) -> None:
        gone, into = make_article(site, path="/old"), make_article(site, path="/new")
        fill(gone, BEN)
        fill(into, CY)
        before = {label: rows_of(gone)[label] + count for label, count in rows_of(into).items()}
        assert merge_articles(site, gone.pk, into.pk) == 4
        assert rows_of(gone) == {"comments.Thread": 1}
        # Of these there is one for an article, whatever it is made of.
        ones = dict.fromkeys(("comments.Thread", "sharing.ShareMilestone", "sharing.LinkingText"), 1)
        ones |= {"sharing.Webmention": 1, "sharing.SentMention": 1, "sharing.ReachDay": 1, "sharing.ShareDay": 1}
        ones |= {"comments.ThreadCount": 2, "articles.ArticleKey": 3, "sharing.ShareCount": 3}
        assert rows_of(into) == before | ones
        check_site(site)

    def test_numbers_are_added(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        fill(gone, BEN)
        fill(into, CY)
        merge_articles(site, gone.pk, into.pk)
        assert share_counts(into) == {"facebook": 12}
        assert rebuild_counts() == 0
        assert set(ShareDay.objects.values_list("count")) == {(10,)}
        assert set(ReachDay.objects.values_list("visits", "follows")) == {(6, 2)}
        assert ShareMilestone.objects.get().reached == 100
        assert dict(ThreadCount.objects.values_list("provider", "count")) == {"native": 2, "webmention": 2}
        assert set(ShareCount.objects.filter(comment=None).values_list("article_id")) == {(into.pk,)}

    def test_who_reads_the_thread_sees_what_came(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        root = fill(gone, BEN)
        make_comment(into)
        since = Thread.objects.get(article=into).version
        merge_articles(site, gone.pk, into.pk)
        changes = thread_changes(into, since=since)
        assert root.pk in {row.id for row in changes.added}
        assert (len(changes.added), changes.changed, changes.removed) == (3, [], [])
        assert changes.version == since + 1
        assert SearchEntry.objects.filter(article=into).count() == 3
        assert set(Vote.objects.values_list("article_id")) == {(into.pk,)}

    def test_a_newer_export_finds_the_comments_below_the_article_that_stayed(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        fill(gone, BEN)
        merge_articles(site, gone.pk, into.pk)
        assert set(ExternalRef.objects.values_list("source", "external_id")) == {(f"article:{into.pk}", "7")}

    @pytest.mark.parametrize(
        ("of_gone", "of_into", "left"),
        [
            ("confirmed", "confirmed", "confirmed"),
            ("confirmed", "unconfirmed", "confirmed"),
            ("unconfirmed", "confirmed", "confirmed"),
            ("unsubscribed", "confirmed", "unsubscribed"),
            ("confirmed", "unsubscribed", "unsubscribed"),
        ],
    )
    def test_who_follows_both_follows_one_and_an_end_is_an_end(
        self, site: Site, of_gone: str, of_into: str, left: str
    ) -> None:
        gone, into = make_article(site), make_article(site)
        make_follow(site, article=gone, status=of_gone)
        make_follow(site, article=into, status=of_into)
        other = make_follow(site, CY, article=gone)
        merge_articles(site, gone.pk, into.pk)
        found = Follow.objects.exclude(pk=other.pk).get()
        assert (found.article, found.target_key, found.status) == (into, str(into.pk), left)
        other.refresh_from_db()
        assert (other.article, other.target_key, other.status) == (into, str(into.pk), "confirmed")

    def test_all_addresses_lead_to_the_one_that_stays_and_so_does_the_page(self, site: Site, client: Client) -> None:
        gone, into = make_article(site, path="/old", identifier="7"), make_article(site, path="/new")
        comment = make_comment(gone)
        merge_articles(site, gone.pk, into.pk)
        for names in ({"url": gone.url}, {"url": into.url}, {"identifier": "7"}, {"url": gone.page_url}):
            assert find_page(site, **names).article == into
        answer = client.get(f"/a/{gone.pk}?comment={comment.pk}")
        assert (answer.status_code, answer["Location"]) == (301, f"/a/{into.pk}?comment={comment.pk}")
        assert client.get(answer["Location"]).status_code == 200
        assert client.get(f"/api/v1/thread?article={gone.pk}").status_code == 404

    def test_what_is_not_said_is_taken_over_and_the_earlier_date(self, site: Site) -> None:
        first, second = datetime(2013, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
        gone = make_article(site, title="A story", identifier="7", published_at=first, tags=["a"])
        into = make_article(site, title="", published_at=second, summary="Ours.")
        merge_articles(site, gone.pk, into.pk)
        into.refresh_from_db()
        assert (into.title, into.identifier, into.tags, into.summary) == ("A story", "7", ["a"], "Ours.")
        assert into.published_at == first
        assert into.url.startswith("https://news.example.org/")

    def test_nobody_is_notified_and_twice_does_no_more(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        make_follow(site, article=into)
        make_comment(gone)
        merge_articles(site, gone.pk, into.pk)
        assert merge_articles(site, gone.pk, into.pk) == 0
        assert not Notification.objects.exists()
        assert not Delivery.objects.exists()
        check_site(site)

    def test_the_one_that_went_is_forgotten_and_its_comments_stay(self, site: Site, client: Client) -> None:
        gone, into = make_article(site), make_article(site)
        make_comment(gone)
        merge_articles(site, gone.pk, into.pk)
        Article.objects.filter(pk=gone.pk).update(deleted_at=datetime(2020, 1, 1, tzinfo=UTC))
        assert purge_next_deleted() == gone.pk
        assert Comment.objects.get().article == into
        assert client.get(f"/a/{gone.pk}")["Location"] == f"/a/{into.pk}"

    def test_three_become_one(self, site: Site, client: Client) -> None:
        one, two, three = (make_article(site) for _ in range(3))
        for article in (one, two, three):
            make_comment(article)
        merge_articles(site, one.pk, two.pk)
        merge_articles(site, two.pk, three.pk)
        assert Comment.objects.filter(article=three).count() == 3
        assert client.get(f"/a/{one.pk}")["Location"] == client.get(f"/a/{two.pk}")["Location"] == f"/a/{three.pk}"

    def test_what_cannot_be_merged(self, site: Site) -> None:
        one, deleted, foreign = make_article(site), make_article(site), make_article()
        delete_article(site, deleted.pk)
        for gone, into in ((one.pk, foreign.pk), (foreign.pk, one.pk), (one.pk, deleted.pk), (deleted.pk, one.pk)):
            assert refused(lambda gone=gone, into=into: merge_articles(site, gone, into)).code == "not_found"  # type: ignore[misc]
        assert refused(lambda: merge_articles(site, one.pk, one.pk)).code == "validation_failed"

    @pytest.mark.django_db(transaction=True)
    def test_nothing_that_is_posted_meanwhile_is_lost(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        root = make_comment(gone)

        def post(number: int) -> list[int]:
            posted = []
            try:
                for turn in range(15):
                    parent = root if turn % 3 == 0 else None
                    said = Draft(f"{number} {turn}", Author(f"Ben {number}"), parent.pk if parent else None)
                    article = Article.objects.select_related("site").get(pk=gone.pk)
                    try:
                        posted.append(post_comment(article, said).comment.pk)
                    except Problem as problem:
                        assert problem.code in {"comments_closed", "parent_elsewhere"}
            finally:
                connection.close()
            return posted

        with ThreadPoolExecutor(4) as people:
            work = [people.submit(post, number) for number in range(4)]
            wait_until(lambda: Comment.objects.count() >= 10, "ten comments")
            merge_articles(site, gone.pk, into.pk)
            posted = [pk for done in work for pk in done.result()]
        assert not Comment.objects.filter(article=gone).exists()
        assert Comment.objects.filter(article=into).count() == len(posted) + 1
        check_site(site)

    @pytest.mark.django_db(transaction=True)
    def test_a_reply_whose_parent_moves_after_it_was_looked_at_is_told_so(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        root = make_comment(gone)

        def reply() -> Problem:
            try:
                return refused(lambda: post_comment(gone, Draft("Me too.", Author("Cy"), root.pk)))
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as people:
            with transaction.atomic():
                merge_articles(site, gone.pk, into.pk)
                answer = people.submit(reply)
                wait_for_waiting(1)
            assert answer.result().code == "parent_elsewhere"
        check_site(site)


class TestMoving:
    def test_a_domain_moves_and_old_addresses_go_on_working(self, site: Site) -> None:
        one, two = make_article(site, path="/2013/one"), make_article(site, path="/two?page=2")
        other = make_article(site, url="https://else.example/one")
        found = report("--from", "https://news.example.org", "--to", f"{NEW}/archive")
        assert found == {"moved": 2, "merged": [], "in_the_way": [], "unused": 0, "missing_origins": ["new.example"]}
        for article, url in ((one, f"{NEW}/archive/2013/one"), (two, f"{NEW}/archive/two?page=2")):
            old = article.url
            article.refresh_from_db()
            assert article.url == url
            assert find_page(site, url=url).article == find_page(site, url=old).article == article
        other.refresh_from_db()
        assert other.url == "https://else.example/one"

    def test_again_it_finds_nothing_to_do(self, site: Site) -> None:
        make_article(site)
        report("--from", "https://news.example.org", "--to", NEW)
        version = Thread.objects.get().version
        assert report("--from", "https://news.example.org", "--to", NEW)["moved"] == 0
        assert Thread.objects.get().version == version

    def test_an_article_that_has_the_new_address_is_named_and_merged_if_asked(self, site: Site) -> None:
        old = make_article(site, path="/one")
        make_comment(old)
        new = make_article(site, url=f"{NEW}/one", title="")
        make_comment(new)
        arguments = ("--from", "https://news.example.org", "--to", NEW)
        told = {"article": old.pk, "old": old.url, "new": f"{NEW}/one", "other": new.pk}
        assert report(*arguments)["in_the_way"] == [told]
        assert report(*arguments, "--merge", "--dry-run")["merged"] == [told]
        assert Comment.objects.filter(article=new).count() == 1
        assert report(*arguments, "--merge")["merged"] == [told]
        assert Comment.objects.filter(article=new).count() == 2
        assert find_page(site, url=old.url).article == new
        check_site(site)

    def test_a_mapping_moves_single_pages(self, site: Site, tmp_path: Path) -> None:
        one = make_article(site, path="/one")
        path = tmp_path / "moves.csv"
        path.write_text(f"https://news.example.org/one,{NEW}/1\nhttps://news.example.org/none,{NEW}/2\n")
        assert command("--map", str(path)).splitlines() == [
            "Articles: 1 moved, 0 merged.",
            "  lines of the mapping that moved nothing: 1",
            "  new.example is no origin of demo yet: readers cannot write on its pages.",
        ]
        one.refresh_from_db()
        assert one.url == f"{NEW}/1"

    def test_a_dry_run_writes_nothing(self, site: Site) -> None:
        article = make_article(site)
        out = command("--from", "https://news.example.org", "--to", NEW, "--dry-run")
        assert out.splitlines()[0] == "Articles: 1 moved, 0 merged."
        assert out.splitlines()[-1] == "Nothing was written: this was a dry run."
        url = article.url
        article.refresh_from_db()
        assert article.url == url
        assert ArticleKey.objects.count() == 1

    def test_other_sites_are_not_concerned(self, site: Site) -> None:
        foreign = make_article(make_site())
        assert report("--from", "https://news.example.org", "--to", NEW)["moved"] == 0
        assert "no article" in refusal("--article", str(foreign.pk), "--into", str(make_article(site).pk))

    def test_two_articles_are_merged_by_their_ids(self, site: Site) -> None:
        gone, into = make_article(site), make_article(site)
        make_comment(gone)
        assert command("--article", str(gone.pk), "--into", str(into.pk)) == "Merged: 1 comments moved.\n"

    def test_options_that_do_not_fit_together_are_refused(self, site: Site, tmp_path: Path) -> None:
        assert "Say --from and --to" in refusal()
        assert "Say --from and --to" in refusal("--from", NEW)
        assert "Say --from and --to" in refusal("--from", NEW, "--to", NEW, "--map", "x")
        assert "by --article and --into alone" in refusal("--article", "1", "--into", "2", "--dry-run")
        assert "cannot be read" in refusal("--map", str(tmp_path / "none.csv"))
        assert refusal("--from", "here", "--to", NEW).startswith("here* to https://new.example*: ")
        assert "no such site" in refusal("--article", "1", "--into", "2", "--site", "nowhere")
        assert "into itself" in refusal("--article", "1", "--into", "1")
