"""Pages elsewhere that say they link here, served by a real server: what becomes of them below our articles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from articles.models import Article
from comments.models import Comment, ExternalRef, Revision, ThreadCount
from comments.services.moderation import Moderator, decide
from sharing.models import Webmention
from sharing.services.webmentions import PAUSES, prune_webmentions, verify_next
from tests.comments.invariants import check_site
from tests.factories import make_article, make_comment, make_reader, make_site
from tests.far_side import HOST, FarSide, far_side

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as found:
        yield found


@pytest.fixture
def article() -> Article:
    return make_article(make_site("gazette"), path="/story")


def send(source: str, target: str | Article, **more: Any) -> Any:
    address = target.url if isinstance(target, Article) else target
    return Client().post("/webmention", urlencode({"source": source, "target": address, **more}), content_type=FORM)


def look() -> Webmention:
    """Look at the one page that is due or put off, now; return its row as it is afterwards."""
    Webmention.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))
    mention = verify_next()
    assert mention is not None
    return Webmention.objects.get(pk=mention.pk)


def mention(source: str, target: str | Article) -> Webmention:
    answer = send(source, target)
    assert answer.status_code == 201, answer.content
    return look()


def links(article: Article, before: str = "Read", **attributes: str) -> str:
    return f'<title>A note</title><p>{before} <a href="{article.url}">this story</a> today.</p>'


def reply(article: Article | str, words: str, name: str = "Cy Writer", property: str = "u-in-reply-to") -> str:
    url = article.url if isinstance(article, Article) else article
    return (
        f'<div class="h-entry"><p class="p-author h-card">{name}</p><a class="{property}" href="{url}">x</a>'
        f'<div class="e-content">{words}</div><time class="dt-published">2026-11-23T09:00:00Z</time></div>'
    )


class TestReceiving:
    def test_a_reply_becomes_a_comment_with_a_tab_of_its_own(self, article: Article, side: FarSide) -> None:
        source = side.has("/note", reply(article, "<p>Quite <b>right</b>.<script>alert(1)</script></p>"))
        answer = send(source, article)
        assert answer.status_code == 201
        assert answer["Location"].startswith("http") and "/webmention/" in answer["Location"]
        assert Comment.objects.count() == 0 and side.requests() == []
        seen = look()
        comment = Comment.objects.get()
        assert (seen.state, seen.kind, seen.published) == ("taken", "reply", "2026-11-23T09:00:00Z")
        assert (comment.provider, comment.author_name, comment.author_url) == ("webmention", "Cy Writer", source)
        assert comment.html == "<p>Quite <b>right</b>.</p>" and comment.status == "approved" and comment.depth == 0
        assert (comment.author_email, comment.author_key, comment.network_key) == ("", "", "")
        count = ThreadCount.objects.get(article=article, provider="webmention")
        assert count.count == 1
        page = Client().get(f"/a/{article.pk}").content.decode()
        assert "provider=webmention" in page and "Cy Writer" in page
        check_site(article.site)

    def test_the_status_page_says_what_became_of_it(self, article: Article, side: FarSide) -> None:
        location = send(side.has("/note", links(article)), article)["Location"]
        path = "/webmention/" + location.rpartition("/")[2]
        page = Client().get(path)
        assert page.status_code == 200 and b"will be looked at" in page.content
        assert page["Cache-Control"] == "no-store" and page["X-Robots-Tag"] == "noindex"
        look()
        comment = Comment.objects.get()
        assert f"comment-{comment.pk}" in Client().get(path).content.decode()
        decide(article.site, comment.pk, "rejected", Moderator())
        shown = Client().get(path).content.decode()
        assert f"comment-{comment.pk}" not in shown and "rejected" not in shown
        Webmention.objects.update(changed_at=Now() - timedelta(days=31))
        prune_webmentions()
        assert Client().get(path).status_code == 404
        assert Client().get("/webmention/00000000-0000-4000-8000-000000000000").status_code == 404

    @pytest.mark.parametrize(
        ("property", "said"), [("u-like-of", "likes this: A note"), ("u-repost-of", "passed this on: A note")]
    )
    def test_likes_and_reposts_are_one_line(self, article: Article, side: FarSide, property: str, said: str) -> None:
        html = f"<title>A note</title>{reply(article, '', property=property)}"
        mention(side.has("/like", html), article)
        assert Comment.objects.get().text == said

    def test_a_page_without_microformats_is_quoted_around_its_link(self, article: Article, side: FarSide) -> None:
        mention(side.has("/plain", links(article, "Do read")), article)
        comment = Comment.objects.get()
        assert comment.author_name == HOST
        assert comment.text == "mentions this: A note\n\nDo read this story today."

    def test_pictures_and_relative_links_stay_where_they_are(self, article: Article, side: FarSide) -> None:
        html = '<p>Look <img src="https://evil.example/p.png"><a href="/me">me</a><a href="javascript:x()">x</a></p>'
        mention(side.has("/note", reply(article, html)), article)
        comment = Comment.objects.get()
        assert "evil.example" not in comment.html and "javascript" not in comment.html

    def test_a_long_reply_is_cut(self, article: Article, side: FarSide) -> None:
        article.site.max_length = 100
        article.site.save()
        mention(side.has("/note", reply(article, "<p>" + "words " * 100)), article)
        assert len(Comment.objects.get().text) <= 100

    @pytest.mark.parametrize("form", ["{url}", "{http}", "{url}/", "{url}?utm_source=x", "{url}#part", "{own}"])
    def test_every_address_of_the_article_is_a_target(self, article: Article, side: FarSide, form: str) -> None:
        names = {"url": article.url, "http": article.url.replace("https", "http"), "own": article.page_url}
        target = form.format(**names)
        assert mention(side.has("/note", f'<a href="{target}">x</a>'), target).state == "taken"
        assert send(side.url + "/note", article).status_code == 201
        look()
        assert Comment.objects.count() == Webmention.objects.count() == 1

    def test_a_link_to_a_comment_answers_it(self, article: Article, side: FarSide) -> None:
        parent = make_comment(article)
        target = f"{article.url}#comment-{parent.pk}"
        mention(side.has("/note", reply(target, "<p>I agree.</p>")), target)
        assert Comment.objects.get(provider="webmention").parent_id == parent.pk
        assert mention(side.has("/other", links(article)), target).state == "refused"
        other = make_comment(make_article(article.site, path="/other"))
        mention(side.has("/third", links(article)), f"{article.url}#comment-{other.pk}")
        assert Comment.objects.get(author_url=f"{side.url}/third").parent_id is None
        check_site(article.site)

    def test_the_comment_that_is_answered_may_be_gone_by_then(self, article: Article, side: FarSide) -> None:
        parent = make_comment(article)
        target = f"{article.url}#comment-{parent.pk}"
        send(side.has("/note", reply(target, "<p>I agree.</p>")), target)
        decide(article.site, parent.pk, "removed", Moderator())
        assert look().state == "taken"
        assert Comment.objects.get(provider="webmention").parent_id is None

    def test_of_two_sites_with_one_origin_the_older_is_meant(self, article: Article, side: FarSide) -> None:
        younger = make_article(make_site("echo"), path="/story")
        only_theirs = make_article(younger.site, path="/theirs")
        mention(side.has("/note", links(article)), article)
        mention(side.has("/theirs", links(only_theirs)), only_theirs)
        assert set(Comment.objects.values_list("article", flat=True)) == {article.pk, only_theirs.pk}
        assert not Comment.objects.of(younger).exists()


REFUSED = [
    ({"source": "", "target": "{url}"}, "source"),
    ({"source": "{far}/x", "target": ""}, "target"),
    ({"source": "ftp://far.example/x", "target": "{url}"}, "source"),
    ({"source": "javascript:alert(1)", "target": "{url}"}, "source"),
    ({"source": "https://user@far.example/x", "target": "{url}"}, "source"),
    ({"source": "{url}", "target": "{url}"}, "target"),
    ({"source": "{http}?utm_source=x#y", "target": "{url}"}, "target"),
    ({"source": "{own}", "target": "{url}"}, "source"),
    ({"source": "{far}/x", "target": "https://elsewhere.example/story"}, "target"),
    ({"source": "{far}/x", "target": "https://news.example.org/unknown"}, "target"),
    ({"source": "{far}/x", "target": "mailto:a@b.example"}, "target"),
    ({"source": "{far}/" + "x" * 3000, "target": "{url}"}, "source"),
]


@pytest.mark.parametrize(("form", "field"), REFUSED)
def test_bad_input_is_told_at_once(article: Article, side: FarSide, form: dict[str, str], field: str) -> None:
    names = {"url": article.url, "http": article.url.replace("https", "http"), "far": side.url}
    names["own"] = make_article(article.site).page_url
    body = urlencode({name: value.format(**names) for name, value in form.items()})
    answer = Client().post("/webmention", body, content_type=FORM)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert problem["code"] == "validation_failed" and problem["errors"][0]["field"] == field
    assert not Webmention.objects.exists()


def test_other_bodies_and_methods_are_refused(article: Article) -> None:
    body = urlencode([("source", "https://a.example/"), ("source", "https://b.example/"), ("target", article.url)])
    assert Client().post("/webmention", body, content_type=FORM).status_code == 400
    assert Client().post("/webmention", "{}", content_type="application/json").status_code == 415
    assert Client().post("/webmention", b"source=%ff%fe&target=x", content_type=FORM).status_code == 400
    assert Client().get("/webmention").status_code == 405


def test_what_is_hidden_or_closed_is_answered_as_what_there_never_was(article: Article, side: FarSide) -> None:
    unknown = send(side.url + "/x", "https://news.example.org/unknown").json()
    hidden = make_article(article.site, path="/hidden", visibility="hidden")
    closed = make_article(article.site, path="/closed", comments_open=False)
    members_only = make_article(make_site("members", origins=("members.example",), guests=False), path="/m")
    members_only = make_article(members_only.site, url="https://members.example/m2")
    for one in (hidden, closed, members_only):
        assert send(side.url + "/x", one).json() == unknown
    assert send(side.url + "/x", hidden.page_url).json() == unknown


def test_an_article_that_is_hidden_before_the_page_was_read_gets_nothing(article: Article, side: FarSide) -> None:
    send(side.has("/note", links(article)), article)
    Article.objects.update(visibility="hidden")
    assert look().state == "refused" and not Comment.objects.exists()


def test_an_article_that_is_forgotten_meanwhile_is_no_fault(
    article: Article, side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sharing.services import webmentions as service

    send(side.has("/note", links(article)), article)
    fetch = service.fetch_page

    def and_forget(*arguments: Any, **options: Any) -> Any:
        Article.objects.all().delete()
        return fetch(*arguments, **options)

    monkeypatch.setattr(service, "fetch_page", and_forget)
    assert verify_next() is not None
    assert not Webmention.objects.exists() and verify_next() is None


class TestVerifying:
    @pytest.mark.parametrize(
        "html",
        [
            "<!-- <a href='{url}'>x</a> -->",
            "&lt;a href='{url}'&gt;x",
            "<p>{url}</p>",
            "<a href='{url}x'>x</a>",
            "<a title='{url}'>x</a>",
            "<script>'<a href=\"{url}\">'</script>",
            "<textarea><a href='{url}'></textarea>",
            "<a href='https://evil.example/?{url}'>x</a>",
            "",
        ],
    )
    def test_a_page_that_does_not_link_here_is_refused(self, article: Article, side: FarSide, html: str) -> None:
        seen = mention(side.has("/note", html.format(url=article.url)), article)
        assert (seen.state, seen.says) == ("refused", "The page does not link to the target.")
        assert not Comment.objects.exists() and verify_next() is None

    @pytest.mark.parametrize("tag", ["<img src='{}'>", "<video poster='{}'>", "<audio src='{}'>", "<link href='{}'>"])
    def test_other_elements_link_as_well(self, article: Article, side: FarSide, tag: str) -> None:
        assert mention(side.has("/note", tag.format(article.url)), article).state == "taken"

    def test_json_and_plain_text_count_where_they_name_the_address(self, article: Article, side: FarSide) -> None:
        json, plain = ("Content-Type", "application/json"), ("Content-Type", "text/plain; charset=utf-8")
        assert mention(side.has("/1", f'[{{"a": ["{article.url}"]}}]', 200, json), article).state == "taken"
        assert mention(side.has("/2", f'["see {article.url}"]', 200, json), article).state == "refused"
        assert mention(side.has("/3", f"See {article.url} there", 200, plain), article).state == "taken"
        assert mention(side.has("/4", f"See {article.url}x", 200, plain), article).state == "refused"
        assert mention(side.has("/5", "[" * 100_000, 200, json), article).state == "refused"
        assert mention(side.has("/6", article.url, 200, ("Content-Type", "image/png")), article).state == "refused"

    def test_redirects_are_followed_so_far(self, article: Article, side: FarSide) -> None:
        side.has("/5", links(article))
        for number in range(5):
            side.has(f"/{number}", "", 302, ("Location", f"{side.other}/{number + 1}"))
        side.has("/round", "", 301, ("Location", "/round"))
        assert mention(side.url + "/0", article).state == "taken"
        assert Comment.objects.get().author_url == side.url + "/0"
        assert mention(side.url + "/round", article).state == "waiting"
        assert len(side.requests()) == 6 + 6

    def test_the_same_page_again_changes_the_text_and_keeps_the_one_before(
        self, article: Article, side: FarSide
    ) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        version = Client().get("/api/v1/thread", {"article": article.pk}).json()["version"]
        side.has("/note", reply(article, "<p>Second.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.text, comment.revision) == ("Second.", 2)
        assert list(Revision.objects.order_by("number").values_list("source", flat=True)) == [
            "<p>First.</p>",
            "<p>Second.</p>",
        ]
        assert Client().get("/api/v1/thread", {"article": article.pk}).json()["version"] == version + 1
        mention(source, article)
        assert Client().get("/api/v1/thread", {"article": article.pk}).json()["version"] == version + 1
        check_site(article.site)

    @pytest.mark.parametrize("gone", [("", 410), ("", 404), ("<p>No link any more.</p>", 200)])
    def test_what_is_gone_there_is_gone_here_and_may_come_back(
        self, article: Article, side: FarSide, gone: tuple[str, int]
    ) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        side.has("/note", *gone)
        mention(source, article)
        assert Comment.objects.get().status == "removed"
        assert ThreadCount.objects.get(article=article, provider="webmention").count == 0
        side.has("/note", reply(article, "<p>Back.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.status, comment.text) == ("approved", "Back.")
        check_site(article.site)

    @pytest.mark.parametrize("status", ["removed", "rejected", "spam"])
    def test_what_a_moderator_decided_stays(self, article: Article, side: FarSide, status: str) -> None:
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        decide(article.site, Comment.objects.get().pk, status, Moderator())
        side.has("/note", reply(article, "<p>Second.</p>"))
        mention(source, article)
        side.has("/note", "", 410)
        mention(source, article)
        comment = Comment.objects.get()
        assert (comment.status, comment.text) == (status, "First.")

    def test_trouble_is_no_deletion_and_ends_after_some_tries(self, article: Article, side: FarSide) -> None:
        source = side.has("/note", links(article))
        mention(source, article)
        side.has("/note", "", 503)
        seen = mention(source, article)
        for _ in PAUSES:
            assert seen.state == "waiting" and seen.due_at is not None
            seen = look()
        assert (seen.state, seen.due_at) == ("failed", None)
        assert Comment.objects.get().is_approved and verify_next() is None

    def test_rules_of_the_site_hold_it_like_a_newcomer(self, article: Article, side: FarSide) -> None:
        article.site.moderation = "newcomers"
        article.site.save()
        source = side.has("/note", reply(article, "<p>First.</p>"))
        mention(source, article)
        comment = Comment.objects.get()
        assert comment.status == "pending"
        decide(article.site, comment.pk, "approved", Moderator())
        side.has("/note", reply(article, "<p>Buy pills.</p>"))
        mention(source, article)
        comment.refresh_from_db()
        assert (comment.status, comment.text) == ("pending", "Buy pills.")

    def test_nobody_signs_with_the_name_of_a_known_reader(self, article: Article, side: FarSide) -> None:
        make_reader(article.site, name="Ada Known")
        mention(side.has("/note", reply(article, "<p>Hello.</p>", name="Ada Known")), article)
        assert Comment.objects.get().author_name == HOST

    def test_the_reference_is_kept_and_tells_nothing_more(self, article: Article, side: FarSide) -> None:
        mention(side.has("/note", links(article)), article)
        reference = ExternalRef.objects.get()
        assert (reference.provider, reference.source) == ("webmention", f"article:{article.pk}")
        assert len(reference.content_hash) == 64 and HOST not in reference.external_id


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_comment(side: FarSide) -> None:
    article = make_article(make_site("gazette"), path="/story")
    source = side.has("/note", reply(article, "<p>First.</p>"), pieces=1, pause=0.3)
    errors: list[BaseException] = []

    def announce_and_look() -> None:
        try:
            send(source, article)
            Webmention.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))
            verify_next()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=announce_and_look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == [] and Webmention.objects.count() == 1
    while verify_next() is not None:
        pass
    if not Comment.objects.exists():
        look()
    assert Comment.objects.count() == ExternalRef.objects.count() == 1
    check_site(article.site)


def test_what_was_found_before_a_newer_announcement_is_not_written(article: Article, side: FarSide) -> None:
    from sharing.services import webmentions as service

    source = side.has("/note", links(article))
    send(source, article)
    claimed = service._claim()
    assert claimed is not None
    side.has("/note", "", 410)
    send(source, article)
    page = service.fetch_page(source, accept="*/*")
    side.has("/note", links(article))
    service._judge(claimed, page)
    row = Webmention.objects.get()
    assert row.state == "waiting" and row.due_at is not None
    assert look().state == "taken"
