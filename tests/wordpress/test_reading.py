"""Lists and items of WordPress' REST API: every argument, header and refusal of research/formats.md 4.1 to 4.5."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from articles.models import Article
from comments.models import Comment
from tests.api.test_reading_badinput import shared_values
from tests.factories import make_api_key, make_article, make_comment, make_reader, make_site
from tests.wordpress.api import Api, refused

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
LIST = "/wp/v2/comments"


@pytest.fixture
def thread(article: Article) -> list[Comment]:
    """A root, Ada's reply, another root, a day apart each; then one held, one spam, one removed, a mention."""
    root = make_comment(article, body="Well *said*.", created_at=DAY)
    reply = make_comment(
        article,
        root,
        body="No.",
        author_name="Ada",
        author_email="ada@example.org",
        author_url="https://ada.example/",
        created_at=DAY + timedelta(days=1),
    )
    other = make_comment(article, body="Third.", author_name="Cy", created_at=DAY + timedelta(days=2))
    held = make_comment(article, body="Held.", status="pending", created_at=DAY + timedelta(days=3))
    spam = make_comment(article, body="Buy.", status="spam", created_at=DAY + timedelta(days=4))
    gone = make_comment(article, body="Gone.", status="removed", created_at=DAY + timedelta(days=5))
    mention = make_comment(article, body="Seen.", provider="webmention", created_at=DAY + timedelta(days=6))
    return [root, reply, other, held, spam, gone, mention]


def test_a_comment_has_the_fields_of_each_context(api: Api, article: Article, thread: list[Comment]) -> None:
    root, reply = thread[0].pk, thread[1].pk
    seen = api.get(f"{LIST}/{reply}").json()
    links = seen.pop("_links")
    assert seen == {
        "id": reply,
        "post": article.pk,
        "parent": root,
        "author": 0,
        "author_name": "Ada",
        "author_url": "https://ada.example/",
        "date": "2026-06-02T08:00:00",
        "date_gmt": "2026-06-02T08:00:00",
        "content": {"rendered": "<p>No.</p>\n"},
        "link": f"https://news.example.org/2026/bees/#comment-{reply}",
        "status": "approved",
        "type": "comment",
        "meta": [],
    }
    base = "http://testserver/wp/blog/wp-json/wp/v2"
    assert links == {
        "self": [{"href": f"{base}/comments/{reply}"}],
        "collection": [{"href": f"{base}/comments"}],
        "up": [{"embeddable": True, "post_type": "post", "href": f"{base}/posts/{article.pk}"}],
        "in-reply-to": [{"embeddable": True, "href": f"{base}/comments/{root}"}],
    }
    children = {"embeddable": True, "href": f"{base}/comments?parent={root}"}
    assert api.get(f"{LIST}/{root}").json()["_links"]["children"] == [children]
    embed = api.get(f"{LIST}/{reply}?context=embed").json()
    assert set(embed) == {
        "id",
        "parent",
        "author",
        "author_name",
        "author_url",
        "date",
        "content",
        "link",
        "type",
        "_links",
    }
    edit = api.get(f"{LIST}/{root}?context=edit", keyed=True).json()
    assert edit["content"] == {"raw": "Well *said*.", "rendered": "<p>Well <em>said</em>.</p>\n"}
    assert (edit["author_email"], edit["author_ip"], edit["author_user_agent"]) == ("ben@example.org", "", "")


def test_addresses_are_shown_in_the_context_edit_alone(api: Api, thread: list[Comment]) -> None:
    for query in ("", "?context=embed", "?_embed=1", f"/{thread[1].pk}?_embed=up,in-reply-to"):
        for keyed in (False, True):
            assert b"@example" not in api.get(LIST + query, keyed=keyed).content, query
    assert refused(api.get(f"{LIST}?context=edit")) == (401, "rest_forbidden_context")
    assert refused(api.get(f"{LIST}/{thread[0].pk}?context=edit")) == (401, "rest_forbidden_context")


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("", [2, 1, 0]),
        ("order=asc", [0, 1, 2]),
        ("orderby=date&order=asc", [0, 1, 2]),
        ("orderby=id", [2, 1, 0]),
        ("orderby=post", [2, 1, 0]),
        ("orderby=parent&order=asc", [0, 2, 1]),
        ("orderby=parent", [1, 2, 0]),
        ("orderby=type&order=asc", [0, 1, 2]),
        ("orderby=include&include={2},{0}", [2, 0]),
        ("orderby=include&order=asc&include[]={0}&include[]={2}", [0, 2]),
        ("include={0},{3}", [0]),
        ("include[0]={1}&include[1]={2}", [2, 1]),
        ("exclude={0}", [2, 1]),
        ("exclude={0}, {2}", [1]),
        ("after=2026-06-01T08:00:00", [2, 1]),
        ("after=2026-06-01T09:00:00%2B02:00", [2, 1, 0]),
        ("before=2026-06-02T08:00:00Z", [0]),
        ("after=2026-06-01T08:00:00&before=2026-06-03T08:00:00", [1]),
        ("per_page=2", [2, 1]),
        ("per_page=2&page=2", [0]),
        ("per_page=2&page=3", []),
        ("per_page=2&offset=1", [1, 0]),
        ("per_page=2&offset=1&page=7", [1, 0]),
        ("offset=999999999999", []),
        ("page=999999999999&per_page=100", []),
        ("parent=0", [2, 0]),
        ("parent={0}", [1]),
        ("parent[]=0&parent[]={0}", [2, 1, 0]),
        ("parent_exclude={0}", [2, 0]),
        ("parent_exclude=0", [1]),
        ("post={post}", [2, 1, 0]),
        ("post=987654", []),
        ("search=third", [2]),
        ("search=ada", [1]),
        ("search=ada.example", [1]),
        ("search=ben@example", []),
        ("search=%25", []),
        ("status=approve&type=comment", [2, 1, 0]),
        ("password=secret", [2, 1, 0]),
    ],
)
def test_everybody_may_narrow_and_order(api: Api, thread: list[Comment], query: str, places: list[int]) -> None:
    ids = [comment.pk for comment in thread]
    asked = query.replace("{post}", str(thread[0].article_id))
    asked = re.sub(r"{(\d)}", lambda found: str(ids[int(found[1])]), asked)
    assert api.ids(asked) == [ids[place] for place in places]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("status=hold", [3]),
        ("status=spam", [4]),
        ("status=trash", [5]),
        ("status=all", [3, 2, 1, 0]),
        ("status=any", [5, 4, 3, 2, 1, 0]),
        ("type=pingback", [6]),
        ("type=pings", [6]),
        ("type=trackback", []),
        ("type=all", [6, 2, 1, 0]),
        ("author_email=ADA@example.org", [1]),
        ("search=ben@example", [2, 0]),
        ("author={reader}", [0]),
        ("author=0", [2, 1]),
        ("author_exclude={reader}", [2, 1]),
        ("author_exclude=0", [0]),
    ],
)
def test_a_key_may_ask_for_more(api: Api, thread: list[Comment], query: str, places: list[int]) -> None:
    reader = make_reader(api.site)
    Comment.objects.filter(pk=thread[0].pk).update(reader=reader)
    ids = [comment.pk for comment in thread]
    asked = query.replace("{reader}", str(reader.pk))
    assert api.ids(asked, keyed=True) == [ids[place] for place in places]
    if "ben@" not in query:
        assert refused(api.get(f"{LIST}?{asked}")) == (401, "rest_forbidden_param")


def test_refused_arguments_are_named_together(api: Api) -> None:
    answer = api.get(f"{LIST}?per_page=101&after=yesterday&orderby=colour&include=x")
    assert refused(answer) == (400, "rest_invalid_param")
    data = answer.json()
    assert data["message"] == "Invalid parameter(s): per_page, orderby, after, include"
    assert set(data["data"]["params"]) == set(data["data"]["details"]) == {"per_page", "after", "orderby", "include"}
    assert data["data"]["details"]["per_page"]["code"] == "rest_invalid_param"


@pytest.mark.parametrize(
    "query",
    [
        "per_page=0",
        "per_page=1e3",
        "per_page=-1",
        "page=0",
        "page=x",
        "page=99999999999999999999",
        "offset=-1",
        "order=up",
        "orderby=",
        "orderby=include",
        "context=all",
        "after=2026-13-01T00:00:00",
        "after=0001-01-01T00:00:00Z",
        "before=9999-12-31T23:59:59-12:00",
        "include=1,,x",
        "include[a]=1",
        "post=99999999999999999999",
        "search[]=1",
        "page[]=1",
        "search=" + "x" * 201,
    ],
)
def test_bad_arguments_are_400(api: Api, query: str) -> None:
    assert refused(api.get(f"{LIST}?{query}"))[0] == 400


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("/wp/v2/comments/987654", "rest_comment_invalid_id"),
        ("/wp/v2/comments/99999999999999999999999", "rest_comment_invalid_id"),
        ("/wp/v2/posts/987654", "rest_post_invalid_id"),
        ("/wp/v2/users", "rest_no_route"),
        ("/wp/v2/comments/x", "rest_no_route"),
        ("/nothing/", "rest_no_route"),
        ("//////", None),
    ],
)
def test_what_is_not_there_is_404(api: Api, route: str, code: str | None) -> None:
    answer = api.get(route)
    assert refused(answer) == (404, code) if code else answer.status_code == 200


def test_what_no_view_saw_is_refused_in_the_same_words(client: Client, api: Api) -> None:
    root = "/wp/blog/wp-json/wp/v2/comments"
    assert refused(client.get("/wp/nowhere/wp-json/")) == (404, "rest_no_route")
    assert refused(client.get(f"{root}?search=%00"))[0] == 400
    assert refused(client.get(f"{root}?search=%ff"))[0] == 400
    assert refused(client.get(root, headers={"Host": "elsewhere.example"}))[0] == 400
    assert refused(client.post(root, b"x" * 2_000_000, content_type="application/json"))[0] == 413
    assert refused(client.put(root, {}, content_type="application/json")) == (404, "rest_no_route")


def test_hidden_comments_and_articles_are_for_keys(api: Api, thread: list[Comment], article: Article) -> None:
    held = thread[3]
    assert refused(api.get(f"{LIST}/{held.pk}")) == (401, "rest_cannot_read")
    assert api.get(f"{LIST}/{held.pk}", keyed=True).json()["status"] == "hold"
    Article.objects.update(visibility="hidden")
    assert api.ids() == api.ids(f"post={article.pk}") == []
    assert refused(api.get(f"{LIST}/{thread[0].pk}")) == (401, "rest_cannot_read")
    assert refused(api.get(f"/wp/v2/posts/{article.pk}")) == (404, "rest_post_invalid_id")
    assert api.get(f"/wp/v2/posts/{article.pk}", keyed=True).json()["status"] == "private"
    assert len(api.ids(keyed=True)) == 3


def test_another_sites_key_is_a_strangers(api: Api, client: Client, thread: list[Comment]) -> None:
    foreign = Api(client, api.site, make_api_key(make_site()))
    weak = Api(client, api.site, make_api_key(api.site, "follows"))
    for other in (foreign, weak):
        assert refused(other.get(f"{LIST}?context=edit", keyed=True)) == (403, "rest_forbidden_context")
        assert refused(other.get(f"{LIST}?status=hold", keyed=True)) == (403, "rest_forbidden_param")
        assert refused(other.get(f"{LIST}/{thread[3].pk}", keyed=True)) == (403, "rest_cannot_read")
        assert len(other.ids(keyed=True)) == 3
    make_comment(make_article(make_site()), body="Of another site.")
    assert len(api.ids("status=any&type=all", keyed=True)) == len(thread)


@pytest.mark.parametrize(
    "value", ["Basic !!!", "Basic ZWRpdG9y", "Basic ZWRpdG9yOmF3a194", "Bearer awk_x", "Basic /w=="]
)
def test_a_wrong_password_is_told(api: Api, value: str) -> None:
    assert refused(api.get(LIST, Authorization=value)) == (401, "incorrect_password")


def test_a_bearers_key_is_taken_too(api: Api) -> None:
    assert api.get(f"{LIST}?context=edit", Authorization=f"Bearer {api.key}").status_code == 200


def pages(api: Api, query: str) -> tuple[str, str, dict[str, str]]:
    answer = api.get(f"{LIST}?{query}")
    links = dict(re.findall(r'<([^>]*)>; rel="(prev|next)"', answer["Link"]))
    return answer["X-WP-Total"], answer["X-WP-TotalPages"], {rel: url for url, rel in links.items()}


def test_pages_are_counted_and_linked(api: Api, thread: list[Comment]) -> None:
    base = "http://testserver/wp/blog/wp-json/wp/v2/comments"
    assert pages(api, "per_page=1&order=asc") == ("3", "3", {"next": f"{base}?per_page=1&order=asc&page=2"})
    assert pages(api, "page=2&per_page=1")[2] == {
        "prev": f"{base}?per_page=1&page=1",
        "next": f"{base}?per_page=1&page=3",
    }
    assert pages(api, "per_page=1&page=9")[2] == {"prev": f"{base}?per_page=1&page=3"}
    assert pages(api, "search=nothing") == ("0", "0", {})
    exposed = api.get(LIST)["Access-Control-Expose-Headers"]
    assert {"X-WP-Total", "X-WP-TotalPages", "Link"} <= set(exposed.split(", "))


def test_every_answer_may_be_read_from_anywhere_without_cookies(api: Api) -> None:
    for answer in (api.get(LIST), api.get("/"), api.get("/nothing"), api.ask("OPTIONS", LIST)):
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer
        assert answer.cookies == {}
    asked = api.ask("OPTIONS", LIST)
    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Methods"] == "OPTIONS, GET, HEAD, POST"
    assert "Authorization" in asked["Access-Control-Allow-Headers"]
    assert api.get(LIST)["X-Robots-Tag"] == "noindex"
    assert api.get(LIST)["Allow"] == "GET, HEAD, POST"


def test_fields_envelope_and_head(api: Api, thread: list[Comment]) -> None:
    assert api.get(f"{LIST}?_fields=id,content.rendered&per_page=1").json() == [
        {"id": thread[2].pk, "content": {"rendered": "<p>Third.</p>\n"}}
    ]
    some = api.get(f"{LIST}/{thread[0].pk}?_fields[]=status&_fields[]=_links.self&_fields[]=nothing.at.all").json()
    assert set(some) == {"status", "_links"} and set(some["_links"]) == {"self"}
    wrapped = api.get(f"{LIST}/987?_envelope=1")
    assert refused(wrapped) == (404, "rest_comment_invalid_id")
    wrapped = api.get(f"{LIST}?_envelope&per_page=1").json()
    assert (wrapped["status"], wrapped["headers"]["X-WP-Total"], len(wrapped["body"])) == (200, "3", 1)
    head = api.ask("HEAD", LIST)
    assert (head.status_code, head.content, head["X-WP-Total"]) == (200, b"", "3")
    assert refused(api.get(f"{LIST}?_jsonp=steal")) == (400, "rest_callback_disabled")


def test_embedding(api: Api, article: Article, thread: list[Comment]) -> None:
    root, reply, other = api.get(f"{LIST}?_embed&order=asc").json()
    assert root["_embedded"]["up"][0]["title"]["rendered"] == "Bees &amp; &lt;others&gt;"
    assert [each["id"] for each in root["_embedded"]["children"][0]] == [reply["id"]]
    assert reply["_embedded"]["in-reply-to"][0]["id"] == root["id"]
    assert set(other["_embedded"]) == {"up"}
    only = api.get(f"{LIST}/{reply['id']}?_embed=in-reply-to").json()
    assert set(only["_embedded"]) == {"in-reply-to"}
    Comment.objects.filter(pk=root["id"]).update(status="removed")
    gone = api.get(f"{LIST}/{reply['id']}?_embed").json()
    assert gone["_embedded"]["in-reply-to"][0]["code"] == "rest_cannot_read"
    post = api.get(f"/wp/v2/posts/{article.pk}?_embed=replies").json()
    assert [each["id"] for each in post["_embedded"]["replies"][0]][1:] == [other["id"], reply["id"]]


def test_posts(api: Api, article: Article) -> None:
    other = make_article(api.site, path="/?p=12", title="Wasps", published_at=DAY, comments_open=False)
    make_article(api.site, title="Later", visibility="hidden")
    listed = api.get("/wp/v2/posts")
    assert [each["id"] for each in listed.json()] == [article.pk, other.pk]
    assert listed["X-WP-Total"] == "2"
    post = listed.json()[0]
    assert (post["slug"], post["status"], post["type"], post["comment_status"]) == ("bees", "publish", "post", "open")
    assert post["content"] == {"rendered": "<p>Bees.</p>", "protected": False}
    assert post["excerpt"]["rendered"] == "<p>On bees.</p>"
    assert post["_links"]["replies"][0]["href"].endswith(f"/wp/blog/wp-json/wp/v2/comments?post={article.pk}")
    second = listed.json()[1]
    assert (second["slug"], second["date"], second["comment_status"]) == (
        f"article-{other.pk}",
        DAY.isoformat()[:19],
        "closed",
    )
    for query, found in [
        ("slug=bees", [article]),
        (f"slug=article-{other.pk},nothing", [other]),
        ("search=wasps", [other]),
        ("order=asc", [other, article]),
        ("orderby=title", [other, article]),
        (f"exclude={article.pk}", [other]),
        (f"orderby=include&include={other.pk},{article.pk}", [other, article]),
        ("before=2026-06-02T00:00:00", [other]),
        ("modified_before=2000-01-01T00:00:00", []),
    ]:
        answer = api.get(f"/wp/v2/posts?{query}")
        assert [each["id"] for each in answer.json()] == [each.pk for each in found], query
    assert refused(api.get("/wp/v2/posts?page=2")) == (400, "rest_post_invalid_page_number")
    assert refused(api.get("/wp/v2/posts?status=any")) == (400, "rest_invalid_param")
    assert refused(api.get("/wp/v2/posts?slug=.*(")) == (400, "rest_invalid_param")
    assert len(api.get("/wp/v2/posts?status=any", keyed=True).json()) == 3


def test_the_index_names_the_routes(api: Api) -> None:
    index = api.get("/").json()
    assert (index["name"], index["home"], index["namespaces"]) == ("The Blog", "http://testserver/wp/blog", ["wp/v2"])
    assert {"/", "/wp/v2", "/wp/v2/posts", "/wp/v2/comments", "/wp/v2/comments/(?P<id>[\\d]+)"} <= set(index["routes"])
    assert index["routes"]["/wp/v2/comments"]["methods"] == ["GET", "POST"]
    assert api.get("/wp/v2").json()["namespace"] == "wp/v2"
    assert api.get("/wp/v2/").status_code == api.get("/wp/v2/comments/").status_code == 200
    assert api.get("/")["Link"] == '<http://testserver/wp/blog/wp-json/>; rel="https://api.w.org/"'


@pytest.mark.parametrize("query", [LIST, f"{LIST}?_embed&per_page=100", "/wp/v2/posts?_embed&per_page=100"])
def test_a_longer_list_asks_no_more(api: Api, article: Article, query: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(query).status_code == 200
        return len(queries)

    root = make_comment(article)
    make_comment(article, root)
    few = asked()
    for number in range(12):
        another = make_article(api.site)
        make_comment(another, make_comment(another, body=f"Word {number}."))
    assert asked() == few <= 8


def test_hostile_queries_are_never_a_fault(api: Api, thread: list[Comment], shared_data: Any) -> None:
    names = (
        "search",
        "include",
        "after",
        "orderby",
        "_fields",
        "_embed",
        "post",
        "page",
        "slug",
        "context",
        "_envelope",
    )
    for number, word in enumerate(shared_values(shared_data)[:600]):
        name = names[number % len(names)]
        route = ("/wp/v2/comments", "/wp/v2/posts", f"/wp/v2/comments/{thread[0].pk}")[number % 3]
        answer = api.client.get(f"/wp/blog/wp-json{route}", {name: word.encode("utf-8", "replace")})
        assert answer.status_code < 500, (name, word)
