"""What WordPress' clients write: new comments by all the rules of our own door, changes by a key of the site."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from articles.models import Article, Site
from comments.models import Comment, Decision, Revision, ThreadCount
from comments.services.sessions import open_session
from tests.api.test_reading_badinput import shared_values
from tests.factories import make_api_key, make_article, make_comment, make_member, make_reader, make_site
from tests.wordpress.api import Api, basic, refused

pytestmark = pytest.mark.django_db

LIST = "/wp/v2/comments"


def draft(article: Article, **fields: Any) -> dict[str, Any]:
    said = {"post": article.pk, "author_name": "Dora", "author_email": "dora@example.org", "content": "Quite *so*."}
    return {name: value for name, value in (said | fields).items() if value is not None}


def test_a_comment_is_created_for_everybody(api: Api, article: Article) -> None:
    answer = api.ask("POST", LIST, draft(article, author_url="dora.example"))
    assert answer.status_code == 201
    data = answer.json()
    assert answer["Location"] == f"http://testserver/wp/blog/wp-json/wp/v2/comments/{data['id']}"
    assert (data["status"], data["author_name"], data["post"], data["parent"]) == ("approved", "Dora", article.pk, 0)
    assert data["content"] == {"rendered": "<p>Quite <em>so</em>.</p>\n"}
    assert "author_email" not in data
    comment = Comment.objects.get(pk=data["id"])
    assert (comment.provider, comment.author_email, comment.status) == ("native", "dora@example.org", "approved")
    assert ThreadCount.objects.get(article=article, provider="native").count == 1
    assert comment.network_key
    assert comment.author_url == "http://dora.example/"
    reply = api.ask("POST", LIST, draft(article, content={"raw": "Yes."}, parent=comment.pk)).json()
    assert reply["parent"] == comment.pk
    assert api.ids(f"parent={comment.pk}") == [reply["id"]]


def test_a_form_is_taken_as_well(api: Api, article: Article, client: Client) -> None:
    form = {name: str(value) for name, value in draft(article, content=None).items()} | {"content[raw]": "One\r\ntwo"}
    answer = client.post("/wp/blog/wp-json/wp/v2/comments", form, headers={"Origin": "https://news.example.org"})
    assert answer.status_code == 415
    encoded = "&".join(f"{name}={value}" for name, value in form.items()).replace("\r\n", "%0D%0A")
    kind = "application/x-www-form-urlencoded"
    answer = client.post("/wp/blog/wp-json/wp/v2/comments", encoded, content_type=kind)
    assert answer.status_code == 201
    assert Comment.objects.get().source == "One\ntwo"
    query = f"post={article.pk}&content=Query.&author_name=Dora"
    assert client.post(f"/wp/blog/wp-json/wp/v2/comments?{query}", "", content_type="text/plain").status_code == 201


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://news.example.org", 201),
        ("http://testserver", 201),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
def test_pages_of_other_origins_may_not_write(api: Api, article: Article, origin: str, status: int) -> None:
    answer = api.ask("POST", LIST, draft(article), Origin=origin)
    assert answer.status_code == status
    comment = make_comment(article)
    assert api.ask("DELETE", f"{LIST}/{comment.pk}", keyed=True, Origin=origin).status_code == (
        200 if status == 201 else 403
    )


def test_rules_of_the_site_hold_here_too(api: Api, article: Article) -> None:
    Site.objects.update(moderation="all")
    held = api.ask("POST", LIST, draft(article)).json()
    assert held["status"] == "hold"
    assert api.ids() == []
    approved = api.ask("POST", LIST, draft(article, content="By a key.", status="approved"), keyed=True).json()
    assert (approved["status"], approved["author_email"]) == ("approved", "dora@example.org")
    assert api.ids() == [approved["id"]]
    assert Decision.objects.get().comment_id == approved["id"]


def test_markup_is_sanitised(api: Api, article: Article) -> None:
    text = "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"
    html = api.ask("POST", LIST, draft(article, content=text)).json()["content"]["rendered"]
    assert "<script" not in html and "<img" not in html and 'href="javascript' not in html


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"post": None}, 403, "rest_comment_invalid_post_id"),
        ({"post": 987654}, 403, "rest_comment_invalid_post_id"),
        ({"post": "x"}, 400, "rest_invalid_param"),
        ({"author": 3}, 401, "rest_comment_invalid_author"),
        ({"author_ip": "203.0.113.1"}, 401, "rest_comment_invalid_author_ip"),
        ({"status": "approved"}, 401, "rest_comment_invalid_status"),
        ({"id": 4}, 400, "rest_comment_exists"),
        ({"type": "pingback"}, 400, "rest_invalid_comment_type"),
        ({"content": None}, 400, "rest_comment_content_invalid"),
        ({"content": "  \n "}, 400, "rest_comment_content_invalid"),
        ({"content": {"raw": 5}}, 400, "rest_invalid_param"),
        ({"content": "x" * 10_001}, 400, "comment_content_column_length"),
        ({"author_name": None}, 400, "rest_comment_author_data_required"),
        ({"author_name": "x" * 101}, 400, "comment_author_column_length"),
        ({"author_name": ["x"]}, 400, "rest_invalid_param"),
        ({"author_email": "nobody"}, 400, "rest_invalid_param"),
        ({"author_url": "javascript:alert(1)"}, 400, "rest_invalid_param"),
        ({"parent": 987654}, 400, "rest_invalid_param"),
        ({"parent": -1}, 400, "rest_invalid_param"),
        ({"author_name": "Maren Staff"}, 401, "rest_comment_invalid_author"),
    ],
)
def test_what_is_refused(api: Api, article: Article, fields: dict[str, Any], status: int, code: str) -> None:
    make_member(api.site, "maren@example.org", first_name="Maren", last_name="Staff")
    assert refused(api.ask("POST", LIST, draft(article, **fields))) == (status, code)
    assert not Comment.objects.exists()


def test_closed_hidden_and_members_only(api: Api, article: Article) -> None:
    Article.objects.update(comments_open=False)
    assert refused(api.ask("POST", LIST, draft(article))) == (403, "rest_comment_closed")
    Article.objects.update(comments_open=True, visibility="hidden")
    assert refused(api.ask("POST", LIST, draft(article))) == (403, "rest_comment_invalid_post_id")
    Article.objects.update(visibility="public")
    Site.objects.update(guests=False)
    assert refused(api.ask("POST", LIST, draft(article))) == (401, "rest_comment_login_required")
    session = open_session(make_reader(api.site), "email").token
    answer = api.ask("POST", LIST, draft(article), Authorization=f"Bearer {session}")
    assert (answer.status_code, answer.json()["author_name"]) == (201, "Ben")
    other = make_article(make_site())
    assert refused(api.ask("POST", LIST, draft(other))) == (403, "rest_comment_invalid_post_id")


def test_the_same_again_is_a_duplicate(api: Api, article: Article) -> None:
    assert api.ask("POST", LIST, draft(article)).status_code == 201
    assert refused(api.ask("POST", LIST, draft(article))) == (409, "comment_duplicate")


def test_a_request_sent_again_is_done_once(api: Api, article: Article) -> None:
    key = {"Idempotency-Key": "5f2d8a3e-0000-4000-8000-000000000000"}
    first = api.ask("POST", LIST, draft(article), **key)
    again = api.ask("POST", LIST, draft(article), **key)
    assert (again.status_code, again.json(), again["Location"]) == (201, first.json(), first["Location"])
    assert Comment.objects.count() == 1
    other = api.ask("POST", LIST, draft(article, content="Other."), **key)
    assert refused(other) == (422, "rest_idempotency_key_reused")


def test_a_route_in_the_query_is_the_same(api: Api, article: Article, client: Client) -> None:
    def ask(method: str, route: str, body: Any = None, **headers: str) -> Any:
        address = f"/wp/blog/?rest_route={route}"
        return client.generic(method, address, json.dumps(body), content_type="application/json", headers=headers)

    made = ask("POST", LIST, draft(article))
    assert made.status_code == 201
    one = f"{LIST}/{made.json()['id']}"
    assert refused(ask("PUT", one, {"status": "hold"})) == (401, "rest_cannot_edit")
    assert ask("PUT", one, {"status": "hold"}, **basic(api.key)).json()["status"] == "hold"
    assert ask("DELETE", one, {}, **basic(api.key)).json()["status"] == "trash"
    assert ask("OPTIONS", one).status_code == 204
    assert refused(ask("GET", "/wp/v2/nothing")) == (404, "rest_no_route")
    assert refused(ask("POST", LIST, {"content": "x" * 2_000_000}))[0] == 413
    assert refused(ask("GET", f"{LIST}&search=%00"))[0] == 400


@pytest.mark.usefixtures("limits_on")
def test_a_flood_is_told_as_wordpress_does(api: Api, article: Article) -> None:
    answers = [api.ask("POST", LIST, draft(article, content=f"Text {number}.")) for number in range(61)]
    assert [answer.status_code for answer in answers[:60]] == [201] * 60
    assert refused(answers[60]) == (400, "comment_flood")
    assert 1 <= int(answers[60]["Retry-After"]) <= 60


@pytest.mark.usefixtures("limits_on")
def test_other_limits_are_told_as_such(api: Api, article: Article) -> None:
    for _ in range(60):
        assert api.get(f"{LIST}?search=bees").status_code == 200
    assert refused(api.get(f"{LIST}?search=bees")) == (429, "rest_rate_limited")
    assert api.get(LIST).status_code == 200
    comment = make_comment(article)
    answers = [api.ask("PUT", f"{LIST}/{comment.pk}", {"status": "1"}, keyed=True) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]


def test_bad_bodies(api: Api, client: Client) -> None:
    address = "/wp/blog/wp-json/wp/v2/comments"
    for body in (b"{", b"[1]", b'{"a":1,"a":2}', b"\xff", b'{"content": NaN}'):
        answer = client.post(address, body, content_type="application/json")
        assert refused(answer) == (400, "rest_invalid_json")
    assert client.post(address, b"%ff=%ff", content_type="application/x-www-form-urlencoded").status_code < 500


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_a_key_changes_text_and_status(api: Api, article: Article, method: str) -> None:
    comment = make_comment(article, body="First.", author_name="Ben")
    address = f"{LIST}/{comment.pk}"
    seen = api.ask(method, address, {"content": "Second.", "author_name": "Ben", "parent": 0}, keyed=True)
    assert seen.status_code == 200
    assert seen.json()["content"] == {"raw": "Second.", "rendered": "<p>Second.</p>\n"}
    assert Revision.objects.get(comment=comment, number=2).api_key is not None
    for wish, status, public in [
        ("hold", "hold", False),
        ("approve", "approved", True),
        ("spam", "spam", False),
        ("unspam", "approved", True),
        ("trash", "trash", False),
        ("untrash", "approved", True),
        ("0", "hold", False),
        ("1", "approved", True),
        ("1", "approved", True),
    ]:
        answer = api.ask(method, address, {"status": wish}, keyed=True)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert (api.ids() == [comment.pk]) is public
        assert ThreadCount.objects.get(article=article).count == int(public)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"type": "pingback"}, 404, "rest_comment_invalid_type"),
        ({"post": 987654}, 403, "rest_comment_invalid_post_id"),
        ({"content": ""}, 400, "rest_comment_content_invalid"),
        ({"status": "gone"}, 400, "rest_invalid_param"),
        ({"status": "untrash"}, 400, "rest_invalid_param"),
        ({"author_name": "Another"}, 400, "rest_invalid_param"),
        ({"parent": 7}, 400, "rest_invalid_param"),
        ({"date": "2020-01-01T00:00:00"}, 400, "rest_invalid_param"),
    ],
)
def test_changes_that_are_refused(api: Api, article: Article, fields: dict[str, Any], status: int, code: str) -> None:
    comment = make_comment(article, body="First.")
    assert refused(api.ask("PUT", f"{LIST}/{comment.pk}", fields, keyed=True)) == (status, code)
    comment.refresh_from_db()
    assert (comment.source, comment.status, comment.revision) == ("First.", "approved", 1)


def test_changes_need_a_key_of_the_site(api: Api, article: Article, client: Client) -> None:
    comment = make_comment(article)
    address, changed = f"{LIST}/{comment.pk}", {"content": "Mine now."}
    assert refused(api.ask("PUT", address, changed)) == (401, "rest_cannot_edit")
    assert refused(api.ask("DELETE", address)) == (401, "rest_cannot_delete")
    for key in (make_api_key(make_site()), make_api_key(api.site, "articles")):
        other = Api(client, api.site, key)
        assert refused(other.ask("PUT", address, changed, keyed=True)) == (403, "rest_cannot_edit")
        assert refused(other.ask("DELETE", f"{address}?force=true", keyed=True)) == (403, "rest_cannot_delete")
    elsewhere = make_comment(make_article(make_site()))
    for method in ("PUT", "DELETE"):
        answer = api.ask(method, f"{LIST}/{elsewhere.pk}", changed, keyed=True)
        assert refused(answer) == (404, "rest_comment_invalid_id")
    comment.refresh_from_db()
    assert (comment.source, comment.status) == ("Well said.", "approved")


def test_trash_and_deletion_for_good(api: Api, article: Article) -> None:
    comment = make_comment(article, body="First.")
    reply = make_comment(article, comment, body="A reply.")
    address = f"{LIST}/{comment.pk}"
    trashed = api.ask("DELETE", address, keyed=True)
    assert (trashed.status_code, trashed.json()["status"]) == (200, "trash")
    assert refused(api.ask("DELETE", address, keyed=True)) == (410, "rest_already_trashed")
    assert refused(api.get(address)) == (401, "rest_cannot_read")
    deleted = api.ask("DELETE", address, {"force": True}, keyed=True)
    assert deleted.json()["deleted"] is True
    assert deleted.json()["previous"]["content"]["raw"] == "First."
    for method in ("GET", "PUT", "DELETE"):
        assert refused(api.ask(method, address, keyed=True)) == (404, "rest_comment_invalid_id")
    comment.refresh_from_db()
    assert (comment.source, comment.html, comment.author_email) == ("", "", "")
    assert api.ids("status=any", keyed=True) == [reply.pk]


def test_a_post_may_mean_another_method_and_a_get_never(api: Api, article: Article) -> None:
    comment = make_comment(article)
    address = f"{LIST}/{comment.pk}"
    assert api.get(f"{address}?_method=DELETE", keyed=True).json()["status"] == "approved"
    assert api.get(address, keyed=True, **{"X-HTTP-Method-Override": "DELETE"}).json()["status"] == "approved"
    assert api.ask("POST", address, keyed=True, **{"X-HTTP-Method-Override": "DELETE"}).json()["status"] == "trash"
    assert api.ask("POST", f"{address}?_method=put", {"status": "approved"}, keyed=True).json()["status"] == "approved"
    assert api.ask("POST", f"{address}?_method=GET", keyed=True).status_code == 200
    assert refused(api.ask("POST", f"{address}?_method=TRACE", keyed=True)) == (404, "rest_no_route")


def test_hostile_bodies_are_never_a_fault(api: Api, article: Article, shared_data: Any) -> None:
    names = ("content", "author_name", "author_email", "author_url", "parent", "status", "date", "type", "post")
    comment = make_comment(article)
    for number, word in enumerate(shared_values(shared_data)[:450]):
        name = names[number % len(names)]
        assert api.ask("POST", LIST, draft(article, **{name: word})).status_code < 500, (name, word)
        assert api.ask("PUT", f"{LIST}/{comment.pk}", {name: word}, keyed=True).status_code < 500, (name, word)


def test_basic_takes_any_user(api: Api) -> None:
    assert api.get(f"{LIST}?context=edit", **basic(api.key, "")).status_code == 200
