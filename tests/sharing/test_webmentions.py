"""Pages elsewhere that say they link here, served by a real server: what becomes of them below our articles."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models.functions import Now
from django.test import Client

from articles.models import Article
from comments.models import Comment, ThreadCount
from comments.services.moderation import Moderator, decide
from sharing.models import Webmention
from sharing.services.webmentions import prune_webmentions, verify_next
from tests.comments.invariants import check_site
from tests.factories import make_article, make_comment, make_site
from tests.far_side import HOST, FarSide
from tests.mentions import FORM, article, links, look, mention, reply, send, side

__all__ = ["article", "side"]

pytestmark = pytest.mark.django_db


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
