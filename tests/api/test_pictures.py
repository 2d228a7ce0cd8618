"""Pictures of articles and comments: that they are drawn, kept, and gone with what they show."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from articles.models import Article
from comments.models import Comment
from project import throttling
from project.throttling import InProcess, InValkey, Scope
from sharing.cards.card import drawn_of
from sharing.pictures import shelf
from sharing.pictures.words import WIDTHS
from sharing.tasks import prune
from tests.factories import make_article, make_comment, make_site
from tests.reading_cards import linked_data, open_graph

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_shelf(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def article() -> Article:
    return make_article(make_site(name="The Daily Sketch"), title="Bees & wasps")


def get(url: str, **headers: str) -> Any:
    return Client().get(urlsplit(url).path, headers=headers)


def picture_of(article: Article, comment: Comment | None = None, width: int = 300) -> str:
    return drawn_of(article, comment).address(width)


def test_page_names_a_picture_that_is_there_in_the_size_that_it_says(article: Article) -> None:
    comment = make_comment(article, body="They *sting*.")
    for query, alt in (("", "Bees & wasps"), (f"?comment={comment.pk}", "They sting.")):
        page = Client().get(f"/a/{article.pk}{query}").content.decode()
        graph = open_graph(page)
        answer = get(graph["og:image"][0])
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
        size = Image.open(io.BytesIO(answer.content)).size
        assert [str(each) for each in size] == [*graph["og:image:width"], *graph["og:image:height"]] == ["1200", "630"]
        assert (graph["og:image:type"], graph["og:image:alt"]) == (["image/png"], [alt])
    (data,) = linked_data(Client().get(f"/a/{article.pk}").content.decode())
    assert data["image"] == [f"{settings.PUBLIC_URL}{picture_of(article, width=1200)}"]


def test_publishers_picture_comes_first_and_comments_have_ours(article: Article) -> None:
    Article.objects.filter(pk=article.pk).update(image="https://img.example/bees.jpg")
    comment = make_comment(article)
    page = Client().get(f"/a/{article.pk}").content.decode()
    assert open_graph(page)["og:image"] == ["https://img.example/bees.jpg"]
    said = Client().get(f"/a/{article.pk}?comment={comment.pk}").content.decode()
    assert open_graph(said)["og:image"] == [f"{settings.PUBLIC_URL}{picture_of(article, comment, 1200)}"]


def test_oembed_has_the_largest_picture_that_fits(article: Article) -> None:
    for most, width in ((5000, 1200), (1199, 600), (300, 300)):
        found = Client().get("/oembed", {"url": article.page_url, "maxwidth": most}).json()
        assert found["thumbnail_width"] == width
        answer = get(found["thumbnail_url"])
        assert Image.open(io.BytesIO(answer.content)).size == (width, found["thumbnail_height"])


def test_picture_is_kept_and_asked_for_again_costs_nothing(
    article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    comment = make_comment(article)
    with django_assert_num_queries(2):  # the article with its site, the counters
        first = get(picture_of(article))
    with django_assert_num_queries(2):  # the article with its site, the comment
        get(picture_of(article, comment))
    assert first["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    again = get(picture_of(article), **{"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = sorted(shelf.folder().iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(b"from the shelf")
    assert get(picture_of(article)).content == b"from the shelf"


def test_other_words_have_another_address_and_the_old_one_leads_there(article: Article) -> None:
    comment = make_comment(article, body="Old words.")
    old = picture_of(article), picture_of(article, comment)
    before = [get(url).content for url in old]
    Article.objects.filter(pk=article.pk).update(title="Wasps alone")
    Comment.objects.filter(pk=comment.pk).update(text="New words.")
    for url, seen in zip(old, before, strict=True):
        answer = get(url)
        assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
        assert answer["Location"] != url
        assert get(answer["Location"]).content != seen
    assert get(old[0].rpartition("/")[0] + "/guessed.png")["Location"] == get(old[0])["Location"]


def test_number_of_comments_is_drawn_under_the_same_address(article: Article) -> None:
    before = get(picture_of(article))
    make_comment(article)
    after = get(picture_of(article))
    assert (before.status_code, after.status_code) == (200, 200)
    assert before["ETag"] != after["ETag"]


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "removed"])
def test_picture_goes_with_its_comment(article: Article, status: str) -> None:
    comment = make_comment(article)
    make_comment(article, comment)  # so that a tombstone stays
    url = picture_of(article, comment)
    assert get(url).status_code == 200
    Comment.objects.filter(pk=comment.pk).update(status=status)
    assert get(url).status_code == 404


@pytest.mark.parametrize("visibility", ["hidden", "scheduled"])
def test_pictures_go_with_their_article(article: Article, visibility: str) -> None:
    comment = make_comment(article)
    urls = picture_of(article), picture_of(article, comment)
    assert [get(url).status_code for url in urls] == [200, 200]
    Article.objects.filter(pk=article.pk).update(visibility=visibility)
    assert [get(url).status_code for url in urls] == [404, 404]


def test_what_there_is_no_picture_of(article: Article) -> None:
    other = make_comment(make_article(article.site))
    digest = drawn_of(article).words.digest
    for path in (
        f"/cards/{article.pk}/1201/{digest}.png",
        f"/cards/{article.pk}/0/{digest}.png",
        f"/cards/{'9' * 40}/1200/{digest}.png",
        f"/cards/{article.pk}/{'9' * 40}/1200/{digest}.png",
        f"/cards/{article.pk}/{other.pk}/1200/{digest}.png",
        f"/cards/{article.pk}/1200/{digest}.jpg",
    ):
        assert get(path).status_code == 404, path


@pytest.mark.parametrize("width", WIDTHS)
def test_every_size_has_the_same_shape(article: Article, width: int) -> None:
    size = Image.open(io.BytesIO(get(picture_of(article, width=width)).content)).size
    assert size == (width, round(width * 630 / 1200))


def test_who_has_too_many_drawn_waits_and_kept_ones_stay_free(
    article: Article, settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS, settings.REDIS_URL = True, broker_url
    monkeypatch.setattr(throttling, "valkey", InValkey())
    monkeypatch.setattr(throttling, "here", InProcess())
    monkeypatch.setitem(throttling.SCOPES, "pictures", Scope("1/hour"))
    other = make_article(article.site)
    client = Client(REMOTE_ADDR="203.0.113.77")
    assert client.get(picture_of(article)).status_code == 200
    refused = client.get(picture_of(other))
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert client.get(picture_of(article)).status_code == 200


def test_many_at_once_never_read_half_a_picture() -> None:
    bodies = [bytes([number]) * 200_000 for number in range(8)]
    seen: list[bytes | None] = []

    def work(body: bytes) -> None:
        for _ in range(20):
            shelf.put("same.png", body)
            seen.append(shelf.take("same.png"))

    threads = [threading.Thread(target=work, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 160
    assert set(seen) <= set(bodies)
    assert [path.name for path in shelf.folder().iterdir()] == ["same.png"]


def test_shelf_keeps_the_newest_and_nothing_of_yesterday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST", 3)
    shelf.put("first.png", b"x")
    now = (shelf.folder() / "first.png").stat().st_mtime
    for age in range(5):
        name = f"{age}.png"
        (shelf.folder() / name).write_bytes(b"x")
        os.utime(shelf.folder() / name, (now - 100 * age - 100,) * 2)
    shelf.put("last.png", b"x")
    assert {path.name for path in shelf.folder().iterdir()} == {"first.png", "last.png", "0.png"}
    for path in shelf.folder().iterdir():
        os.utime(path, (now - shelf.SECONDS - 10,) * 2)
    prune()
    assert list(shelf.folder().iterdir()) == []


def test_where_nothing_can_be_kept_pictures_are_drawn_all_the_same(
    article: Article, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path / "a-file"
    settings.DATA_DIR.write_bytes(b"")
    assert get(picture_of(article)).status_code == 200
