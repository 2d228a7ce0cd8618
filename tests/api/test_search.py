"""Search as a client sees it: what is found, how it is shown, how pages follow one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from articles.models import Article
from comments.models import Comment
from comments.searching import MAX_QUERY, MAX_TERMS
from comments.selectors import search
from project.errors import Problem
from project.statements import fetch
from tests.factories import make_article, make_comment, make_site
from tests.reading import COMMENT, code, get

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def article() -> Article:
    return make_article(make_site("here"))


def ask(client: Client, q: str, **query: Any) -> Any:
    return get(client, "search", site="here", q=q, **query)


def found(client: Client, q: str, **query: Any) -> list[int]:
    answer = ask(client, q, **query)
    assert answer.status_code == 200, answer.content
    return [each["comment"]["id"] for each in answer.json()["results"]]


def finds(client: Client, article: Article, body: str, q: str) -> bool:
    comment = make_comment(article, body=body)
    return comment.pk in found(client, q)


def test_an_answer_has_the_comment_its_article_and_an_excerpt(client: Client, article: Article) -> None:
    comment = make_comment(article, body="A *lovely* morning.\n\nQuite.", author_email="ben@example.org")
    answer = ask(client, "LOVELY").json()
    [each] = answer["results"]
    assert answer["next"] is None
    assert set(each["comment"]) == COMMENT
    assert (each["comment"]["id"], each["comment"]["replies"]) == (comment.pk, [])
    assert each["article"] == {"id": article.pk, "url": article.url, "title": article.title}
    assert each["excerpt"] == "A <mark>lovely</mark> morning. Quite."
    assert "ben@example.org" not in str(answer)


# What is alike, and where words begin


@pytest.mark.parametrize(
    ("body", "q"),
    [
        ("We met in the Café Müller.", "cafe muller"),
        ("We met in the cafe.", "CAFÉ"),
        ("Große Straße", "GROSSE strasse"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("full width", "Ｆｕｌｌ"),
        ("İstanbul", "istanbul"),
        ("Ο ΣΊΣΥΦΟΣ", "σισυφος"),
        ("Ёлка", "елка"),
        ("Смешанный text", "смешанный TEXT"),
        ("Tiếng Việt", "tieng viet"),
        ("السَّلامُ عليكم", "السلام"),
        ("שָׁלוֹם", "שלום"),
        ("नमस्ते दुनिया", "दुनिया"),
        ("see https://example.org/path/to?x=1", "example.org"),
        ("see https://example.org/path/to?x=1", "path"),
        ("write to ada@example.org or me", "ada"),
        ("a well-known and/or state_of_the_art thing", "known"),
        ("a well-known and/or state_of_the_art thing", "and/or"),
        ("a well-known and/or state_of_the_art thing", "art"),
        ("don't", "don’t"),
        ("version 1.2.3", "1.2.3"),
        ("C++ and C#", "c++"),
        ("我爱北京天安门", "北京"),
        ("我爱北京天安门", "爱"),
        ("我爱北京天安门", "北京天安门"),
        ("東京都に行った", "京都"),
        ("東京都に行った", "に"),
        ("ｶﾀｶﾅ", "カタ"),
        ("プログラミング", "ﾌﾟﾛｸﾞ"),
        ("ภาษาไทยไม่มีช่องว่าง", "ไทย"),
        ("ภาษาไทยไม่มีช่องว่าง", "ท"),
        ("학교에 갔다", "학교"),
        ("iPhone15を買った", "iphone15 買"),
    ],
)
def test_what_is_found(client: Client, article: Article, body: str, q: str) -> None:
    make_comment(article, body="Something else.")
    assert finds(client, article, body, q)


@pytest.mark.parametrize(
    ("body", "q"),
    [
        ("comments", "comment"),
        ("我爱北京", "京北"),
        ("北风吹京", "北京"),
        ("one two", "one three"),
        ("one two", '"two one"'),
        ("one and two", '"one two"'),
        ("one two", "one -two"),
        ("one two three", 'three -"one two"'),
        ("known very well", "well-known"),
    ],
)
def test_what_is_not_found(client: Client, article: Article, body: str, q: str) -> None:
    assert not finds(client, article, body, q)


@pytest.mark.parametrize("q", ['"one two"', "“one two”", '"one two', "one -four", '-"two one" two', "one-two", "ONE"])
def test_the_question_has_phrases_and_exclusions(client: Client, article: Article, q: str) -> None:
    assert finds(client, article, "One two three.", q)


def test_words_are_no_operators(client: Client, article: Article) -> None:
    """What means something to PostgreSQL is a blank or a word here."""
    comment = make_comment(article, body="cats or dogs")
    for q in ("cats or", "cats & dogs", "(cats | dogs", "!cats dogs", "cats:* dogs", "cats <-> dogs", "'cats' dogs\\"):
        assert found(client, q) == [comment.pk], q
    assert found(client, "birds or cats") == []


# Who is found


def test_only_public_comments_of_public_articles_of_the_site(client: Client, article: Article) -> None:
    public = make_comment(article, body="needle")
    for status in ("pending", "rejected", "spam", "removed"):
        make_comment(article, body="needle", status=status)
    make_comment(make_article(article.site, visibility="hidden"), body="needle")
    make_comment(make_article(article.site, visibility="scheduled"), body="needle")
    make_comment(make_article(make_site()), body="needle")
    assert found(client, "needle") == [public.pk]


def test_a_comment_is_found_exactly_while_it_is_public_and_by_its_present_words(
    client: Client, article: Article
) -> None:
    comment = make_comment(article, body="needle")
    rows = Comment.objects.filter(pk=comment.pk)
    rows.update(status="removed")
    assert found(client, "needle") == []
    rows.update(status="approved")
    assert found(client, "needle") == [comment.pk]
    rows.update(text="thread")
    assert (found(client, "needle"), found(client, "thread")) == ([], [comment.pk])
    rows.update(text="")
    assert found(client, "thread") == []
    Article.objects.filter(pk=article.pk).update(visibility="hidden")
    rows.update(text="needle")
    assert found(client, "needle") == []
    rows.delete()
    Article.objects.filter(pk=article.pk).update(visibility="public")
    assert found(client, "needle") == []


def test_a_held_comment_is_found_once_it_is_approved(client: Client, article: Article) -> None:
    comment = make_comment(article, body="needle", status="pending")
    Comment.objects.filter(pk=comment.pk).update(status="approved", published_at=NOON)
    assert found(client, "needle") == [comment.pk]


# Excerpts


@pytest.mark.parametrize(
    "body",
    [
        "needle `<script>alert(1)</script>`",
        "`<mark onclick=x>needle</mark>`",
        'needle "quotes" & `&lt;b&gt;` \\<img src=x onerror=alert(1)>',
        "`<nee`needle`dle>`",
    ],
)
def test_an_excerpt_is_escaped_text_with_marks_and_nothing_else(client: Client, article: Article, body: str) -> None:
    make_comment(article, body=body)
    for q in ("needle", "script needle", "b needle"):
        for each in ask(client, q).json()["results"]:
            bare = each["excerpt"].replace("<mark>", "").replace("</mark>", "")
            assert not set('<>"') & set(bare)
            assert "<mark>needle</mark>" in each["excerpt"]


def test_an_excerpt_is_short_and_shows_the_words(client: Client, article: Article) -> None:
    make_comment(article, body="hay " * 1000 + "Needle " + "hay " * 1000)
    make_comment(article, body="干草" * 1000 + "针" + "干草" * 1000)
    [each] = ask(client, "needle").json()["results"]
    assert "<mark>Needle</mark>" in each["excerpt"]
    assert each["excerpt"].startswith("… hay") and each["excerpt"].endswith("hay …")
    assert len(each["excerpt"]) < 280
    [each] = ask(client, "针").json()["results"]
    assert "<mark>针</mark>" in each["excerpt"]
    assert len(each["excerpt"]) < 280


def test_marks_follow_phrases_and_the_spelling_of_the_text(client: Client, article: Article) -> None:
    make_comment(article, body="Cafe here, the Café Müller there. 東京と東京都")
    assert ask(client, '"cafe muller"').json()["results"][0]["excerpt"].count("<mark>") == 1
    assert "<mark>Café Müller</mark>" in ask(client, '"cafe muller"').json()["results"][0]["excerpt"]
    assert "<mark>東京</mark>と<mark>東京</mark>都" in ask(client, "東京").json()["results"][0]["excerpt"]


# Pages


def plant(article: Article, bodies: list[str]) -> list[int]:
    """Write comments a second apart; return their ids, newest first."""
    made = [
        make_comment(article, body=body, created_at=NOON + timedelta(seconds=number // 2))
        for number, body in enumerate(bodies)
    ]
    return [comment.pk for comment in reversed(made)]


def walk(client: Client, q: str, **query: Any) -> list[int]:
    ids: list[int] = []
    answer = ask(client, q, **query).json()
    while True:
        ids += [each["comment"]["id"] for each in answer["results"]]
        if answer["next"] is None:
            return ids
        answer = ask(client, q, cursor=answer["next"], **query).json()


@pytest.mark.parametrize(
    ("near", "few", "far"), [(1000, 5000, 20000), (3, 5000, 20000), (3, 2, 20000), (3, 2, 4), (1, 0, 1)]
)
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_show_every_comment_once_whichever_way_they_are_found(
    client: Client, article: Article, monkeypatch: pytest.MonkeyPatch, near: int, few: int, far: int, limit: int
) -> None:
    page = search._page_sql(near, few, far)
    monkeypatch.setattr(search, "_PAGE", page)
    ids = plant(article, ["hay needle" if number % 3 == 0 else "hay" for number in range(20)])
    needles = [pk for number, pk in enumerate(reversed(ids)) if number % 3 == 0][::-1]
    assert walk(client, "needle", limit=limit) == needles
    assert walk(client, "hay", limit=limit) == ids
    assert walk(client, "hay -needle", limit=limit) == [pk for pk in ids if pk not in needles]
    assert walk(client, '"hay needle"', limit=limit) == needles
    assert walk(client, "nothing", limit=limit) == []


def test_new_and_hidden_comments_move_no_page(client: Client, article: Article) -> None:
    ids = plant(article, ["needle"] * 6)
    first = ask(client, "needle", limit=2).json()
    make_comment(article, body="needle")
    Comment.objects.filter(pk=ids[1]).update(status="removed")
    Comment.objects.filter(pk=ids[3]).update(status="removed")
    assert found(client, "needle", cursor=first["next"]) == [ids[2], *ids[4:]]


def test_a_cursor_leads_on_only_for_its_own_question(client: Client, article: Article) -> None:
    plant(article, ["needle hay"] * 3)
    cursor = ask(client, "needle", limit=1).json()["next"]
    assert code(ask(client, "hay", cursor=cursor)) == (400, "cursor_invalid")
    assert code(get(client, "search", site=make_site().slug, q="needle", cursor=cursor)) == (400, "cursor_invalid")
    for forged in ("", "x", cursor[:-1], cursor + "A", "é", "9" * 5000):
        assert code(ask(client, "needle", cursor=forged)) == (400, "cursor_invalid")


# Refusals and cost


@pytest.mark.parametrize(
    "q", ["", " ", "...", "!?", '"', '""', "-", "-needle", '-"a b"', "\u200b", "😀", "\u3000", "&|!()"]
)
def test_a_question_without_a_word_is_refused(client: Client, article: Article, q: str) -> None:
    answer = ask(client, q)
    assert code(answer) == (400, "validation_failed")
    assert [error["field"] for error in answer.json()["errors"]] == ["q"]


def test_questions_are_bounded(client: Client, article: Article) -> None:
    assert code(ask(client, "x" * (MAX_QUERY + 1))) == (400, "validation_failed")
    assert code(ask(client, "x " * (MAX_TERMS + 1))) == (400, "validation_failed")
    assert found(client, "x " * MAX_TERMS) == []
    assert code(ask(client, "ﷺ" * MAX_QUERY)) == (400, "validation_failed")  # one sign of four words each


def test_a_site_is_needed_and_known(client: Client, article: Article) -> None:
    assert code(get(client, "search", q="x")) == (400, "validation_failed")
    assert code(get(client, "search", site="nowhere", q="x")) == (404, "unknown_site")


def test_three_statements_and_shared_caches(client: Client, article: Article, django_assert_num_queries: Any) -> None:
    plant(article, ["needle"] * 30)
    with django_assert_num_queries(3):
        answer = ask(client, "needle")
    assert answer["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    assert get(client, "search", headers={"If-None-Match": answer["ETag"]}, site="here", q="needle").status_code == 304


def test_a_search_that_takes_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TIMEOUT", 10)
    with pytest.raises(Problem) as caught, transaction.atomic(), search._bounded():
        fetch("SELECT pg_sleep(20)", {})
    assert (caught.value.code, caught.value.status) == ("search_too_broad", 422)
