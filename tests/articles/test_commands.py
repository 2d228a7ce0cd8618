"""create_site, create_api_key and seed_demo, as an operator meets them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from articles.models import ApiKey, Article, Member, Site, SourceFeed
from articles.services import source_feeds
from comments.models import Comment, ThreadCount
from sharing.models import Delivery
from tests.factories import make_site

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2
    return str(error.value)


MAKE = ("create_site", "The Gazette", "--slug", "gazette", "--origin", "https://News.example.org/start")


def test_create_site_prints_one_json_object_whose_key_works(client: Client) -> None:
    out = run(*MAKE, "--origin", "http://localhost:8080", "--owner", "Ada@Example.org", "--moderation", "all", "--json")
    made = json.loads(out)
    assert set(made) == {"site", "api_key"} and made["site"] == "gazette"
    site = Site.objects.get(slug="gazette")
    assert (site.name, site.moderation) == ("The Gazette", "all")
    assert set(site.origins.values_list("origin", flat=True)) == {"news.example.org", "localhost:8080"}
    member = Member.objects.get(site=site)
    assert (member.user.email, member.role) == ("Ada@example.org", "owner")
    assert not member.user.has_usable_password() and not member.user.is_staff
    key = ApiKey.objects.get(site=site)
    assert set(key.scopes) == set(ApiKey.Scope.values)
    assert made["api_key"] not in (key.digest, key.prefix)
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    put = client.put("/api/v1/articles", {"identifier": "1"}, content_type="application/json", headers=headers)
    assert put.status_code == 201


def test_an_owner_of_two_sites_is_one_person() -> None:
    run(*MAKE, "--owner", "ada@example.org")
    run("create_site", "Two", "--slug", "two", "--origin", "https://two.example", "--owner", "ADA@example.org")
    assert Member.objects.values("user").distinct().count() == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--slug": "no good"}, "A slug has 1 to 64 lower-case letters"),
        ({"--slug": "Gazette"}, "A slug has"),
        ({"--slug": "taken"}, "There is a site taken already."),
        ({"--origin": "news.example.org"}, "The address must begin with http:// or https://."),
        ({"--owner": "ada"}, "That is not an e-mail address."),
        ({"--moderation": "strict"}, "invalid choice"),
    ],
)
def test_create_site_refuses_in_one_sentence_and_makes_nothing(changed: dict[str, str], sentence: str) -> None:
    make_site("taken")
    options = {"--slug": "gazette", "--origin": "https://news.example.org"} | changed
    words = [word for pair in options.items() for word in pair]
    if "--moderation" in changed:
        with pytest.raises(CommandError, match=sentence):
            run("create_site", "Name", *words)
    else:
        assert sentence in refused("create_site", "Name", *words)
    assert Site.objects.count() == 1
    assert not ApiKey.objects.exists()


def test_create_api_key_makes_a_key_of_some_scopes() -> None:
    site = make_site("gazette")
    plain = run("create_api_key", "gazette", "--scope", "articles", "--scope", "moderate", "--name", "CMS").strip()
    key = ApiKey.objects.get(site=site)
    assert (key.scopes, key.name) == (["articles", "moderate"], "CMS")
    assert plain.startswith(key.prefix)
    assert refused("create_api_key", "nowhere", "--scope", "articles") == "There is no such site."


def test_seed_demo_twice_is_the_same_as_once(client: Client) -> None:
    def everything() -> list[Any]:
        rows = (Article.objects.values(), Comment.objects.values(), ThreadCount.objects.values(), Site.objects.values())
        return [list(values.order_by("pk")) for values in rows]

    call_command("seed_demo", verbosity=0)
    first = everything()
    call_command("seed_demo", verbosity=0)
    assert everything() == first
    assert Article.objects.count() == 6
    counts = dict(
        ThreadCount.objects.filter(article__identifier="gazette-ferry-clock").values_list("provider", "count")
    )
    assert counts == {"native": 8, "wordpress": 2, "disqus": 2}
    assert not Comment.objects.exclude(status="approved").exists()
    assert not Delivery.objects.exists()
    for article in Article.objects.all():
        assert article.is_public and article.announced_at is None and "<p>" in article.html


def test_our_own_page_of_an_article_is_an_address_of_it(client: Client) -> None:
    call_command("seed_demo", verbosity=0)
    article = Article.objects.get(identifier="gazette-night-bus")
    counts = client.get("/api/v1/thread", {"site": "demo", "url": article.page_url + "#comments"})
    assert counts.json()["article"]["id"] == article.pk


def test_add_feed_names_a_feed_once() -> None:
    site = make_site("gazette")
    words = ("add_feed", "gazette", "https://News.example.org/feed/#x")
    made = json.loads(run(*words, "--json"))
    feed = SourceFeed.objects.get(site=site)
    assert made == {"site": "gazette", "feed": feed.pk, "url": "https://news.example.org/feed/"}
    SourceFeed.objects.update(is_active=False, failures=9)
    assert run(*words) == "https://news.example.org/feed/ is read within a minute.\n"
    feed.refresh_from_db()
    assert feed.is_active and feed.failures == 0


@pytest.mark.parametrize("url", ["news.example.org/feed", "ftp://news.example.org/", "https://a b/", ""])
def test_add_feed_refuses_what_is_no_address(url: str) -> None:
    make_site("gazette")
    assert refused("add_feed", "gazette", url)
    assert refused("add_feed", "nowhere", "https://news.example.org/feed") == "There is no such site."
    assert not SourceFeed.objects.exists()


def test_a_site_has_so_many_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_feeds, "MAX_FEEDS", 1)
    make_site("gazette")
    for _ in range(2):
        run("add_feed", "gazette", "https://news.example.org/feed")
    assert refused("add_feed", "gazette", "https://news.example.org/map") == "A site has at most 1 feeds and sitemaps."
