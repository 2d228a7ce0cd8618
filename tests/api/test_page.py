"""The article page without any script: what it shows, its two forms, and what its answers carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from articles.models import Article
from comments.models import Comment, Provider
from sharing.models import Delivery, Follow
from tests.factories import BEN, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db

OWN = {"Origin": settings.PUBLIC_URL}
FORM = "application/x-www-form-urlencoded"


def show(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    assert not answer.cookies
    return answer.content.decode()


def send(client: Client, path: str, headers: dict[str, str] | None = None, **fields: str) -> Any:
    answer = client.post(path, urlencode(fields), content_type=FORM, headers=OWN if headers is None else headers)
    assert not answer.cookies
    return answer


def test_page_shows_the_article_and_what_comes_after(client: Client) -> None:
    site = make_site(name="The Daily Sketch")
    make_article(site, title="Another story")
    article = make_article(
        site,
        title="Bees & wasps",
        html="<p>The body.</p>",
        summary="A summary.",
        source_name="The Ledger",
        source_author="Ines",
        source_title="Reporter",
        source_url="https://ledger.example/bees",
    )
    make_comment(article, provider=Provider.WORDPRESS)
    text = show(client, f"/a/{article.pk}")
    assert "<title>Bees &amp; wasps · The Daily Sketch</title>" in text
    assert '<a href="https://ledger.example/bees" rel="noopener">The Ledger – by Ines (Reporter)</a>' in text
    assert '<link rel="canonical" href="https://ledger.example/bees">' in text
    assert f'<meta property="og:url" content="{article.url}">' in text
    assert "<p>The body.</p>" in text
    assert ">Another story</a>" in text
    assert 'WordPress: <span class="count" data-count="wordpress">1</span>' in text
    assert 'Disqus: <span class="count" data-count="disqus">0</span>' in text
    for network in ("facebook", "pinterest", "linkedin", "email"):
        assert f'href="/s/{network}/{article.pk}"' in text


def test_canonical_is_the_publishers_page_or_this_one(client: Client) -> None:
    with_url, without = make_article(), make_article(url="")
    assert f'rel="canonical" href="{with_url.url}"' in show(client, f"/a/{with_url.pk}")
    assert f'rel="canonical" href="{settings.PUBLIC_URL}/a/{without.pk}"' in show(client, f"/a/{without.pk}")


@pytest.mark.parametrize("fields", [{"visibility": "hidden"}, {"deleted_at": "2026-01-01T00:00:00Z"}])
def test_page_of_a_hidden_article_is_not_there(client: Client, fields: dict[str, str]) -> None:
    article = make_article(title="A secret", **({"visibility": "hidden"} | fields))
    answer = client.get(f"/a/{article.pk}")
    assert answer.status_code == 404
    assert "A secret" not in answer.content.decode()


@pytest.mark.parametrize("query", ["provider=nonsense", "sort=nonsense", "cursor=forged", "branch=999999999"])
def test_nonsense_in_the_query_is_a_clear_refusal(client: Client, query: str) -> None:
    assert client.get(f"/a/{make_article().pk}?{query}").status_code in (400, 404)


def test_a_tab_shows_the_branches_that_came_from_there(client: Client) -> None:
    article = make_article()
    make_comment(article, body="from here")
    root = make_comment(article, body="from WordPress", provider=Provider.WORDPRESS)
    make_comment(article, root, body="a native answer")
    text = show(client, f"/a/{article.pk}?provider=wordpress")
    assert "from WordPress" in text
    assert "a native answer" in text
    assert "from here" not in text


def test_tombstone_shows_no_name_and_no_text(client: Client) -> None:
    article = make_article()
    root = make_comment(article, body="regretted words", author_name="Zenobia", status="removed")
    make_comment(article, root, body="an answer")
    text = show(client, f"/a/{article.pk}")
    assert "This comment was removed." in text
    assert "regretted" not in text
    assert "Zenobia" not in text


def test_branches_deeper_than_one_answer_lead_on(client: Client) -> None:
    article = make_article()
    node = make_comment(article, body="level 0")
    for depth in range(1, 14):
        node = make_comment(article, node, body=f"level {depth}.")
    text = show(client, f"/a/{article.pk}")
    assert "level 10." in text
    assert "level 11." not in text
    assert "More replies" in text
    assert "level 13." in show(client, f"/a/{article.pk}?comment={node.pk}")


def test_posting_leads_to_the_comment_on_the_page(client: Client) -> None:
    article = make_article()
    answer = send(client, f"/a/{article.pk}/comments", name="Ben", email=BEN, url="", body="Line\r\nline", parent="")
    comment = Comment.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == f"/a/{article.pk}?at_least=1&comment={comment.pk}#comment-{comment.pk}"
    assert comment.source == "Line\nline"
    assert f'id="comment-{comment.pk}"' in show(client, answer["Location"])


def test_replying_shows_the_form_below_its_comment(client: Client) -> None:
    article = make_article()
    root = make_comment(article)
    text = show(client, f"/a/{article.pk}?reply={root.pk}")
    assert f'name="parent" value="{root.pk}"' in text
    assert "Reply to Ben" in text
    send(client, f"/a/{article.pk}/comments", name="Cy", body="An answer.", parent=str(root.pk))
    assert Comment.objects.get(parent=root).depth == 1


def test_box_of_replies_asks_the_address_to_confirm(client: Client) -> None:
    article = make_article()
    send(client, f"/a/{article.pk}/comments", name="Ben", email=BEN, body="Tell me.", follow="replies")
    follow = Follow.objects.get()
    assert (follow.target_kind, follow.comment, follow.status) == ("comment", Comment.objects.get(), "unconfirmed")
    assert Delivery.objects.get(kind="confirmation").address == BEN


def test_held_comment_is_shown_to_who_has_the_token_for_a_day(client: Client, time_machine: Any) -> None:
    article = make_article(make_site(moderation="all"))
    answer = send(client, f"/a/{article.pk}/comments", name="Ben", body="Is this seen?")
    assert answer.status_code == 303
    assert "Is this seen?" in show(client, answer["Location"])
    assert "Is this seen?" not in show(client, f"/a/{article.pk}")
    other = make_article(article.site)
    assert "Is this seen?" not in show(client, answer["Location"].replace(f"/a/{article.pk}", f"/a/{other.pk}"))
    time_machine.move_to(datetime.now(UTC) + timedelta(hours=25))
    assert "Is this seen?" not in show(client, answer["Location"])


def test_refused_comment_comes_back_with_all_that_was_typed(client: Client) -> None:
    article = make_article()
    answer = send(
        client, f"/a/{article.pk}/comments", name="", email="no address", body='Keep <this> & "that"', follow="replies"
    )
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Keep &lt;this&gt; &amp; &quot;that&quot;" in text
    assert 'value="no address"' in text
    assert text.count('aria-invalid="true"') == 2
    assert not Comment.objects.exists()


def test_closed_article_has_no_form_and_takes_nothing(client: Client) -> None:
    article = make_article(comments_open=False)
    text = show(client, f"/a/{article.pk}")
    assert "Comments are closed." in text
    assert 'id="reply"' not in text
    answer = send(client, f"/a/{article.pk}/comments", name="Ben", body="Too late?")
    assert (answer.status_code, Comment.objects.count()) == (403, 0)


@pytest.mark.parametrize("path", ["comments", "follow"])
@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Origin": settings.PUBLIC_URL}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://news.example.org"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({}, False),
    ],
)
def test_forms_are_taken_from_our_own_pages_only(
    client: Client, path: str, headers: dict[str, str], taken: bool
) -> None:
    article = make_article()
    answer = send(client, f"/a/{article.pk}/{path}", headers, name="Ben", email=BEN, body="Well said.")
    assert answer.status_code == (303 if taken else 403)
    assert (Comment.objects.exists() or Follow.objects.exists()) is taken


@pytest.mark.parametrize("target", ["article", "site"])
def test_following_answers_alike_for_every_address(client: Client, target: str) -> None:
    article = make_article()
    answers = [send(client, f"/a/{article.pk}/follow", email=BEN, target=target) for _ in range(2)]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (303, f"/a/{article.pk}?followed=1#follow")
    }
    assert Follow.objects.get().target_kind == target
    assert "Check your mail" in show(client, answers[0]["Location"])
    refused = send(client, f"/a/{article.pk}/follow", email="nowhere", target=target)
    assert (refused.status_code, 'value="nowhere"' in refused.content.decode()) == (400, True)


def test_policy_and_cache_of_the_page(client: Client) -> None:
    article = make_article()
    answer = client.get(f"/a/{article.pk}")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert answer["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    assert answer["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert client.get(f"/a/{article.pk}", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert client.get(f"/a/{article.pk}?at_least=0")["Cache-Control"] == "private, no-store"


def test_page_costs_the_same_queries_whatever_stands_below(client: Client, django_assert_num_queries: Any) -> None:
    article = make_article()
    Article.objects.update(tags=["bees"])
    make_comment(article)
    # The article; related ones by tag, then the newest; share counts; version with counters, and the comments.
    with django_assert_num_queries(6):
        show(client, f"/a/{article.pk}")
    root = make_comment(article)
    for _ in range(12):
        make_comment(article, make_comment(article, root))
        make_article(article.site, tags=["bees"])
    # Enough articles share the tag, so the newest are not asked for.
    with django_assert_num_queries(5):
        show(client, f"/a/{article.pk}")
