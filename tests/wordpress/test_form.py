"""`wp-comments-post.php` as the form of an old theme uses it: research/formats.md 4.6."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from articles.models import Article, Site
from comments.models import Comment
from tests.api.test_reading_badinput import shared_values
from tests.calls import FORM
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

ADDRESS = "/wp/blog/wp-comments-post.php"
PAGE = "https://news.example.org/2026/bees/"


def send(client: Client, article: Article, **fields: Any) -> Any:
    """Send what a theme's form sends."""
    typed = {"author": "Dora", "email": "dora@example.org", "url": "dora.example", "comment": "One\r\n\r\ntwo"}
    hidden = {"submit": "Post Comment", "comment_post_ID": article.pk, "comment_parent": 0}
    headers = {"Origin": "https://news.example.org"}
    return client.post(ADDRESS, urlencode(typed | hidden | fields), content_type=FORM, headers=headers)


def test_a_comment_is_posted_and_led_to(client: Client, article: Article) -> None:
    answer = send(client, article)
    comment = Comment.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}#comment-{comment.pk}")
    assert answer.cookies == {}
    assert (comment.author_name, comment.author_email) == ("Dora", "dora@example.org")
    assert (comment.author_url, comment.source, comment.provider) == ("http://dora.example/", "One\n\ntwo", "native")
    answer = send(client, article, comment="A reply.", comment_parent=comment.pk)
    reply = Comment.objects.get(parent=comment)
    assert answer["Location"] == f"{PAGE}#comment-{reply.pk}"


def test_a_held_comment_is_shown_to_its_author_alone(client: Client, site: Site) -> None:
    Site.objects.update(moderation="all")
    article = make_article(site, url="", identifier="own-page")
    answer = send(client, article, comment="Wait for it.")
    comment = Comment.objects.get()
    parts = urlsplit(answer["Location"])
    query = parse_qs(parts.query)
    assert (parts.path, parts.fragment) == (f"/a/{article.pk}", f"comment-{comment.pk}")
    assert query["unapproved"] == [str(comment.pk)] and query["moderation-hash"]
    assert b"Wait for it." in client.get(f"{parts.path}?{parts.query}").content
    assert b"Wait for it." not in client.get(parts.path).content
    forged = urlencode({"unapproved": comment.pk, "moderation-hash": query["moderation-hash"][0][:-3]})
    assert b"Wait for it." not in client.get(f"{parts.path}?{forged}").content


@pytest.mark.parametrize(
    ("wish", "page"),
    [
        ("https://news.example.org/thanks?x=1#top", "https://news.example.org/thanks?x=1"),
        ("http://testserver/a/7", "http://testserver/a/7"),
        ("https://evil.example/", PAGE),
        ("//evil.example/", PAGE),
        ("https://news.example.org@evil.example/", PAGE),
        ("https://news.example.org\r\nX: y", PAGE),
        ("javascript:alert(1)", PAGE),
        ("/relative", PAGE),
    ],
)
def test_it_leads_to_pages_of_the_site_alone(client: Client, article: Article, wish: str, page: str) -> None:
    answer = send(client, article, redirect_to=wish)
    assert answer["Location"] == f"{page}#comment-{Comment.objects.get().pk}"
    Site.objects.update(moderation="all")
    held = send(client, article, redirect_to=wish, comment="Held.")
    mark = "&" if "?" in page else "?"
    assert held["Location"].startswith(f"{page}{mark}unapproved={Comment.objects.latest('pk').pk}&moderation-hash=")


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"author": ""}, 200, "Please fill the required fields."),
        ({"email": "nobody"}, 200, "Please enter a valid email address."),
        ({"comment": " \r\n"}, 200, "Please type your comment text."),
        ({"comment": "x" * 10_001}, 200, "longer than"),
        ({"author": "x" * 101}, 200, "longer than"),
        ({"url": "javascript:alert(1)"}, 200, "address"),
        ({"comment_parent": 987654}, 403, "no comment 987654"),
    ],
)
def test_mistakes_are_told_with_the_way_back(
    client: Client, article: Article, fields: dict[str, Any], status: int, sentence: str
) -> None:
    answer = send(client, article, **fields)
    page = answer.content.decode()
    assert answer.status_code == status
    assert "<title>Comment Submission Failure</title>" in page and sentence in page
    assert f'href="{PAGE}#respond"' in page
    assert not Comment.objects.exists()


def test_other_refusals_have_wordpress_statuses(client: Client, article: Article) -> None:
    assert send(client, article).status_code == 302
    assert send(client, article).status_code == 409
    assert send(client, article, comment_parent=make_comment(article, status="pending").pk).status_code == 403
    Site.objects.update(guests=False)
    assert send(client, article, comment="Another.").status_code == 403
    Site.objects.update(guests=True)
    Article.objects.update(comments_open=False)
    closed = send(client, article, comment="Another.")
    assert (closed.status_code, b"comments are closed" in closed.content) == (403, True)


@pytest.mark.usefixtures("limits_on")
def test_a_flood_is_429(client: Client, article: Article) -> None:
    answers = [send(client, article, comment=f"Text {number}.") for number in range(61)]
    assert [answer.status_code for answer in answers] == [302] * 60 + [429]
    assert b"Slow down." in answers[60].content and 1 <= int(answers[60]["Retry-After"]) <= 60


def test_what_is_no_article_here_is_an_empty_page(client: Client, article: Article) -> None:
    elsewhere = make_article(make_site())
    for number in (987654, elsewhere.pk, "", "x", "-1", "9" * 40):
        answer = send(client, article, comment_post_ID=number)
        assert (answer.status_code, answer.content) == (200, b"")
    Article.objects.update(visibility="hidden")
    assert send(client, article).content == b""
    assert not Comment.objects.exists()


def test_only_forms_of_the_sites_pages_are_taken(client: Client, article: Article) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer["Allow"], answer["Content-Type"]) == (405, "POST", "text/plain; charset=utf-8")
    body = urlencode({"author": "Dora", "comment": "Hello.", "comment_post_ID": article.pk})
    for origin, status in (("https://evil.example", 403), ("null", 403), ("http://testserver", 302)):
        answer = client.post(ADDRESS, body, content_type=FORM, headers={"Origin": origin})
        assert answer.status_code == status
    assert client.post(ADDRESS, body, content_type="text/plain").status_code == 415
    assert client.post("/wp/nowhere/wp-comments-post.php", body, content_type=FORM).status_code == 404


def test_hostile_fields_are_never_a_fault(client: Client, article: Article, shared_data: Any) -> None:
    names = ("author", "email", "url", "comment", "comment_parent", "comment_post_ID", "redirect_to")
    for number, word in enumerate(shared_values(shared_data)[:420]):
        clean = word.encode("utf-8", "replace").decode()
        assert send(client, article, **{names[number % len(names)]: clean}).status_code < 500, word
