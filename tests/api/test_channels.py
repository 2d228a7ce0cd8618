"""`/api/v1/channels`: what an owner's program makes, changes, tries out and looks at, and what it is never told."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from standardwebhooks import Webhook

from articles.models import Article
from sharing.models import Channel, Delivery
from tests.channel_server import HOOK, MASTODON, ChannelServer, Say
from tests.dump import dump_of_database
from tests.factories import make_api_key, make_article, make_site
from tests.mailing import article
from tests.posting import KINDS, SECRETS, SETTINGS, make_channel, make_posts_due, networks, publish, say

__all__ = ["article", "networks"]

CHANNELS = "/api/v1/channels"


class Owner:
    """A program with a key of a site."""

    def __init__(self, site: Any, *scopes: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {make_api_key(site, *scopes)}"}

    def ask(self, method: str, path: str = "", data: Any = None, **headers: str) -> Any:
        body = b"" if data is None else json.dumps(data).encode()
        return self.client.generic(
            method, CHANNELS + path, body, "application/json", headers={**self.headers, **headers}
        )

    def make(self, kind: str = "webhook", **fields: Any) -> Any:
        given = {"kind": kind, "name": f"our {kind}", "settings": SETTINGS[kind], **fields}
        return self.ask("POST", "", given)


@pytest.fixture
def owner(article: Article) -> Owner:
    return Owner(article.site)


class TestSecrets:
    def test_the_one_that_we_made_is_in_one_answer(self, owner: Owner, networks: ChannelServer) -> None:
        made = owner.make()
        assert made.status_code == 201 and made["Cache-Control"] == "no-store"
        secret, path = made.json()["secret"], f"/{made.json()['id']}"
        assert owner.ask("POST", f"{path}/test").status_code == 202
        say()
        (asked,) = networks.of(HOOK)
        assert Webhook(secret).verify(asked.body, asked.headers)["type"] == "channel.test"
        for where in ("", path, f"{path}/posts", f"{path}/preview"):
            answer = owner.ask("GET", where)
            assert answer.status_code == 200 and "whsec_" not in answer.content.decode()

    def test_a_repeated_request_has_it_too_and_no_database(self, owner: Owner) -> None:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        given = {"kind": "webhook", "name": "hook", "settings": SETTINGS["webhook"]}
        first, again = (owner.ask("POST", "", given, **key) for _ in range(2))
        assert first.json() == again.json() and first.json()["secret"].startswith("whsec_")
        other = owner.ask("POST", "", {**given, "name": "another"}, **key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert Channel.objects.count() == 1
        assert first.json()["secret"].removeprefix("whsec_") not in dump_of_database()

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_that_was_given_is_never_given_back(self, owner: Owner, networks: ChannelServer, kind: str) -> None:
        made = owner.make(kind, secret=SECRETS[kind])
        path = f"/{made.json()['id']}"
        assert made.json()["secret"] is None
        networks.always[HOOK] = Say(401, {"error": SECRETS[kind]})
        owner.ask("POST", f"{path}/test")
        say()
        seen = [made, owner.ask("PATCH", path, {"is_active": True}), owner.ask("POST", f"{path}/replay")]
        seen += [owner.ask("GET", where) for where in ("", path, f"{path}/posts", f"{path}/preview")]
        seen.append(owner.make(kind, secret=SECRETS[kind]))
        for answer in seen:
            assert SECRETS[kind] not in answer.content.decode(), answer.request["PATH_INFO"]

    def test_another_one_is_made_or_taken(self, owner: Owner, networks: ChannelServer) -> None:
        made = owner.make()
        path = f"/{made.json()['id']}"
        other = owner.ask("POST", f"{path}/secret").json()["secret"]
        assert other != made.json()["secret"]
        owner.ask("POST", f"{path}/test")
        say()
        (asked,) = networks.of(HOOK)
        for secret in (other, made.json()["secret"]):
            Webhook(secret).verify(asked.body, asked.headers)
        assert owner.ask("GET", path).json()["old_secret_until"]
        assert owner.ask("POST", f"{path}/secret", {"secret": SECRETS["webhook"]}).json() == {"secret": None}
        slack = owner.make("slack", secret=SECRETS["slack"]).json()["id"]
        assert owner.ask("POST", f"/{slack}/secret").json()["errors"][0]["field"] == "secret"


class TestChanges:
    def test_what_is_not_named_stays(self, owner: Owner) -> None:
        made = owner.make("mastodon", secret=SECRETS["mastodon"], template="New: {title} {url}").json()
        sealed = Channel.objects.get().secret
        changed = owner.ask("PATCH", f"/{made['id']}", {"events": ["comment.published"]}).json()
        assert changed == {**changed, "template": "New: {title} {url}", "settings": SETTINGS["mastodon"]}
        assert changed["events"] == ["comment.published"] and Channel.objects.get().secret == sealed
        assert owner.ask("PATCH", f"/{made['id']}", {"secret": "x" * 40}).status_code == 200
        assert Channel.objects.get().secret == sealed, "that has a door of its own"

    def test_off_and_on_again(self, owner: Owner) -> None:
        path = f"/{owner.make().json()['id']}"
        Channel.objects.update(is_active=False, failures=9, last_error="410 Gone")
        assert owner.ask("GET", path).json()["last_error"] == "410 Gone"
        switched = owner.ask("PATCH", path, {"is_active": True}).json()
        assert (switched["is_active"], switched["failures"], switched["last_error"]) == (True, 0, "")

    @pytest.mark.parametrize(
        "change",
        [
            {"events": []},
            {"events": ["article.deleted"]},
            {"events": "article.published"},
            {"settings": {"url": "http://hooks.example.org/"}},
            {"settings": {"url": "https://hooks.example.org/", "more": "x"}},
            {"settings": {"url": {"deep": 1}}},
            {"settings": []},
            {"template": "{title}"},
            {"is_active": "perhaps"},
        ],
    )
    def test_what_cannot_work_is_refused_and_nothing_changes(self, owner: Owner, change: dict[str, Any]) -> None:
        path = f"/{owner.make().json()['id']}"
        before = owner.ask("GET", path).json()
        answer = owner.ask("PATCH", path, change)
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
        assert owner.ask("GET", path).json() == before

    def test_a_removed_one_is_gone_with_its_posts(self, owner: Owner) -> None:
        path = f"/{owner.make().json()['id']}"
        owner.ask("POST", f"{path}/test")
        assert owner.ask("DELETE", path).status_code == 204
        assert owner.ask("GET", path).status_code == 404 and not Delivery.objects.exists()


def test_hostile_texts_are_refused_or_kept_as_they_are(owner: Owner) -> None:
    for text in ("\x00", "\ud800", "x" * 3_000, "", "\u202e" * 10, "<script>", "'; DROP TABLE x; --"):
        for fields in ({"name": text}, {"template": text}, {"secret": text}, {"settings": {"url": text}}):
            assert owner.make(**fields).status_code in {201, 400}, fields
            Channel.objects.all().delete()


def test_a_preview_sends_nothing(owner: Owner, article: Article, networks: ChannelServer) -> None:
    path = f"/{owner.make('mastodon', secret=SECRETS['mastodon']).json()['id']}/preview"
    shown = owner.ask("GET", path).json()
    assert shown["article"] == article.pk and article.title in shown["text"]
    assert shown["body"]["status"] == shown["text"]
    assert owner.ask("GET", f"{path}?article={make_article(make_site()).pk}").status_code == 404
    assert owner.ask("GET", f"{path}?article=x").status_code == 400
    article.delete()
    assert owner.ask("GET", path).json()["article"] is None
    assert networks.asked == [] and not Delivery.objects.exists()


class TestPosts:
    def test_what_became_of_each(self, owner: Owner, article: Article, networks: ChannelServer) -> None:
        path = f"/{owner.make('mastodon', secret=SECRETS['mastodon']).json()['id']}"
        networks.next_from[MASTODON] = [Say(422, {"error": "never"})]
        publish(article)
        say()
        (post,) = owner.ask("GET", f"{path}/posts").json()["posts"]
        assert (post["event"], post["article"], post["comment"]) == ("article.published", article.pk, None)
        assert post["status"] == "failed" and "422" in post["last_error"] and post["next_attempt_at"] is None
        assert owner.ask("POST", f"{path}/replay").json() == {"replayed": 1}
        make_posts_due()
        say()
        (post,) = owner.ask("GET", f"{path}/posts?status=sent").json()["posts"]
        assert post["settled_at"] and post["remote"] and len(networks.statuses) == 1

    def test_a_webhook_gets_again_what_it_got_where_that_is_named(self, owner: Owner, networks: ChannelServer) -> None:
        path = f"/{owner.make().json()['id']}"
        post = owner.ask("POST", f"{path}/test").json()
        say()
        assert owner.ask("POST", f"{path}/replay").json() == {"replayed": 0}
        assert owner.ask("POST", f"{path}/replay", {"posts": [post["id"]]}).json() == {"replayed": 1}
        make_posts_due()
        say()
        first, again = networks.of(HOOK)
        assert first.headers["webhook-id"] == again.headers["webhook-id"]

    def test_they_come_in_pages(self, owner: Owner) -> None:
        path = f"/{owner.make().json()['id']}"
        for _ in range(52):
            owner.ask("POST", f"{path}/test")
        first = owner.ask("GET", f"{path}/posts").json()
        second = owner.ask("GET", f"{path}/posts?cursor={first['next']}").json()
        assert (len(first["posts"]), len(second["posts"]), second["next"]) == (50, 2, None)
        assert len({post["id"] for post in first["posts"] + second["posts"]}) == 52
        for query in ("status=lost", "cursor=x", f"status=sent&cursor={first['next']}"):
            assert owner.ask("GET", f"{path}/posts?{query}").status_code == 400

    def test_only_those_of_this_channel_are_sent_again(self, owner: Owner, article: Article) -> None:
        path = f"/{owner.make().json()['id']}"
        beside = make_channel(article.site, "webhook", name="beside")
        publish(article)
        Delivery.objects.update(status="failed")
        named = list(Delivery.objects.filter(site_channel=beside).values_list("pk", flat=True))
        assert owner.ask("POST", f"{path}/replay", {"posts": named}).json() == {"replayed": 0}
        assert owner.ask("POST", f"{path}/replay", {"posts": [2**70]}).status_code == 400


def test_sites_are_apart(owner: Owner) -> None:
    path, stranger = f"/{owner.make().json()['id']}", Owner(make_site("elsewhere"))
    assert stranger.ask("GET", "").json() == {"channels": []}
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/test")):
        assert stranger.ask(method, path + end, {}).status_code == 404
    assert Channel.objects.get().old_secret == ""


@pytest.mark.parametrize("scope", ["articles", "moderate", "follows", "export"])
def test_only_keys_for_administration_may(article: Article, scope: str) -> None:
    assert Owner(article.site, scope).make().status_code == 403
