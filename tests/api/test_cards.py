"""What networks and search engines read off an article's page, by parsers that are not ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from articles.models import Article
from comments.models import Comment
from sharing.cards.structured import MOST
from sharing.models import ShareCount
from tests.factories import make_article, make_comment, make_site
from tests.reading_cards import linked_data, links, named, open_graph

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script><!-- <script> \u2028\u2029 ' \" &amp; ]]>"


def show(client: Client, article: Article, query: str = "") -> str:
    answer = client.get(f"/a/{article.pk}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def described_article(**fields: Any) -> Article:
    site = make_site(name="The Daily Sketch")
    given = {
        "title": "Bees & wasps",
        "summary": "What they do.",
        "image": "https://img.example/bees.jpg",
        "tags": ["bees", "wasps"],
        "author_name": "Ada",
        "published_at": NOON,
    }
    return make_article(site, **(given | fields))


def test_head_has_every_fact_of_an_article(client: Client) -> None:
    article = described_article()
    page = show(client, article)
    graph = open_graph(page)
    modified = graph.pop("article:modified_time")
    assert datetime.fromisoformat(modified[0]) == article.updated_at.replace(microsecond=0)
    assert graph == {
        "og:type": ["article"],
        "og:site_name": ["The Daily Sketch"],
        "og:title": ["Bees & wasps"],
        "og:description": ["What they do."],
        "og:url": [article.url],
        "og:image": ["https://img.example/bees.jpg"],
        "og:image:type": ["image/jpeg"],
        "og:image:alt": ["Bees & wasps"],
        "article:published_time": ["2026-11-02T12:00:00Z"],
        "article:author": ["Ada"],
        "article:tag": ["bees", "wasps"],
    }
    assert named(page, "twitter:card") == ["summary_large_image"]
    assert named(page, "twitter:image") == ["https://img.example/bees.jpg"]
    assert named(page, "description") == ["What they do."]
    assert [link["href"] for link in links(page, "canonical")] == [article.url]
    assert {link["type"] for link in links(page, "alternate")} == {
        "application/json+oembed",
        "text/xml+oembed",
        "application/atom+xml",
        "application/rss+xml",
        "application/feed+json",
    }


def test_what_is_not_known_is_not_claimed(client: Client) -> None:
    article = make_article(title="", url="", author_name="", published_at=None, image="javascript:alert(1)")
    page = show(client, article)
    own = f"{settings.PUBLIC_URL}/a/{article.pk}"
    graph = open_graph(page)
    assert graph["og:url"] == graph["og:title"] == [own]
    assert not {"article:author", "article:published_time", "article:tag", "og:description"} & set(graph)
    assert "javascript:" not in page
    (data,) = linked_data(page)
    assert not {"author", "datePublished", "isBasedOn", "comment"} & set(data)


def test_structured_data_nests_comments_and_counts(client: Client) -> None:
    article = described_article()
    root = make_comment(article, body="A *plain* word.", author_url="https://ben.example/", up=3)
    reply = make_comment(article, root, body="So it is.", author_name="Dora")
    ShareCount.objects.create(site_id=article.site_id, article=article, network="x", count=2)
    (data,) = linked_data(show(client, article))
    assert data["@type"] == "NewsArticle"
    assert (data["headline"], data["author"]["name"]) == ("Bees & wasps", "Ada")
    assert data["publisher"] == {"@type": "Organization", "name": "The Daily Sketch"}
    assert data["commentCount"] == 2
    assert [each["userInteractionCount"] for each in data["interactionStatistic"]] == [2, 2]
    (top,) = data["comment"]
    assert (top["@type"], top["text"], top["url"]) == (
        "Comment",
        "A plain word.",
        f"{article.url}#comment-{root.pk}",
    )
    assert top["author"] == {"@type": "Person", "name": "Ben", "url": "https://ben.example/"}
    assert top["interactionStatistic"][0]["userInteractionCount"] == 3
    assert datetime.fromisoformat(top["dateCreated"]) == root.created_at.replace(microsecond=0)
    (below,) = top["comment"]
    assert (below["text"], below["author"]["name"]) == ("So it is.", "Dora")
    assert below["url"].endswith(f"#comment-{reply.pk}")
    assert "comment" not in below


def test_replies_of_what_was_removed_move_up_and_its_words_are_gone(client: Client) -> None:
    article = described_article()
    root = make_comment(article, body="A secret.")
    make_comment(article, root, body="An answer.")
    make_comment(article, body="Held.", status="pending")
    Comment.objects.filter(pk=root.pk).update(status="removed")
    (data,) = linked_data(show(client, article))
    assert [node["text"] for node in data["comment"]] == ["An answer."]


def test_comments_are_bounded_and_all_are_counted(client: Client) -> None:
    article = described_article()
    for _ in range(20):
        root = make_comment(article)
        for _ in range(5):
            make_comment(article, root)
    (data,) = linked_data(show(client, article))
    nested = sum(1 + len(node.get("comment", [])) for node in data["comment"])
    assert (nested, data["commentCount"]) == (MOST, 120)


def test_republished_article_names_its_source(client: Client) -> None:
    article = described_article(
        source_name="The Ledger", source_author="Ines", source_title="Reporter", source_url="https://ledger.example/b"
    )
    page = show(client, article)
    assert [link["href"] for link in links(page, "canonical")] == ["https://ledger.example/b"]
    assert open_graph(page)["og:url"] == [article.url]
    (data,) = linked_data(page)
    assert data["isBasedOn"] == {
        "@type": "CreativeWork",
        "url": "https://ledger.example/b",
        "author": {"@type": "Person", "name": "Ines", "jobTitle": "Reporter"},
        "publisher": {"@type": "Organization", "name": "The Ledger"},
    }


class Scripts(HTMLParser):
    """Collects every script element of a page: its type, and what stands in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._kind = dict(attrs).get("type") or ""
            self.found.append((self._kind, ""))

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self.found[-1] = (self._kind, self.found[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._kind = None


def test_nothing_that_is_quoted_ends_the_script(client: Client, shared_data: Any) -> None:
    lines = (shared_data / "badinput/xss.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [HOSTILE, *(json.loads(line)["input"] for line in lines)][:60]
    article = described_article(title=HOSTILE, summary=HOSTILE, author_name=HOSTILE, tags=[HOSTILE])
    for text in texts:
        make_comment(
            article, body=f"`{text[:500].replace(chr(0), '')}` said", author_name=text[:200].replace("\0", "x")
        )
    page = show(client, article)
    scripts = Scripts()
    scripts.feed(page)
    assert [kind for kind, _ in scripts.found] == ["application/ld+json", "module"]
    data = json.loads(scripts.found[0][1])
    assert data["headline"] == " ".join(HOSTILE.split())
    raw = page[page.index('<script type="application/ld+json">') + 35 :]
    raw = raw[: raw.index("</script>")]
    assert not set(raw) & set("<>&\u2028\u2029")
    assert json.loads(raw) == data


def test_comment_has_a_card_of_its_own(client: Client) -> None:
    article = described_article()
    comment = make_comment(article, body="They *sting*.", author_name="Dora")
    page = show(client, article, f"?comment={comment.pk}")
    address = f"{settings.PUBLIC_URL}/a/{article.pk}?comment={comment.pk}"
    graph = open_graph(page)
    assert graph["og:title"] == ["Dora: Bees & wasps"]
    assert graph["og:description"] == ["They sting."]
    assert graph["og:url"] == [address]
    assert [link["href"] for link in links(page, "canonical")] == [address]
    assert named(page, "robots") == ["noindex"]
    assert named(page, "author") == ["Dora"]


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "removed"])
def test_comment_that_is_not_public_shows_the_articles_card(client: Client, status: str) -> None:
    article = described_article()
    comment = make_comment(article, body="Hidden words.", author_name="Dora", status=status)
    graph = open_graph(show(client, article, f"?comment={comment.pk}"))
    assert (graph["og:title"], graph["og:url"]) == (["Bees & wasps"], [article.url])


def test_comment_of_another_article_and_no_number_show_the_articles_card(client: Client) -> None:
    article, comment = described_article(), make_comment(described_article(title="Another"))
    for value in (str(comment.pk), "x", "-1", "9" * 30, "１", ""):
        assert open_graph(show(client, article, f"?comment={value}"))["og:url"] == [article.url]
