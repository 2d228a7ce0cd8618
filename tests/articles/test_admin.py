"""Django's admin: each person sees and changes what belongs to her own sites."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from articles.authentication import find_api_key
from articles.models import ApiKey, Member, Site, SourceFeed
from articles.services.source_feeds import add_source_feed
from tests.factories import CY, make_api_key, make_article, make_comment, make_member, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site("gazette")


@pytest.fixture
def other() -> Site:
    """A site with one of everything, which the people of the first must not see."""
    site = make_site("secret-site", origins=("secret.example.org",))
    make_comment(make_article(site, title="A secret story"), body="A secret remark.")
    make_api_key(site)
    return site


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def moderator(site: Site) -> Client:
    return client_of(make_member(site).user)


@pytest.fixture
def owner(site: Site) -> Client:
    return client_of(make_member(site, role=Member.Role.OWNER).user)


LISTS = ("articles/site", "articles/article", "comments/comment")


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_the_rows_of_ones_own_sites(moderator: Client, site: Site, other: Site, path: str) -> None:
    make_comment(make_article(site, title="An open story"), body="An open remark.")
    page = moderator.get(f"/admin/{path}/")
    assert page.status_code == 200
    assert b"open" in page.content or b"gazette" in page.content
    assert b"secret" not in page.content
    assert moderator.get(f"/admin/{path}/?q=secret").content.count(b"A secret") == 0


@pytest.mark.parametrize("model", [Site, ApiKey])
def test_rows_of_other_sites_cannot_be_opened(owner: Client, other: Site, model: Any) -> None:
    for row in model.objects.filter(**({"pk": other.pk} if model is Site else {"site": other})):
        answer = owner.get(f"/admin/articles/{model._meta.model_name}/{row.pk}/change/")
        assert answer.status_code == 302 and answer["Location"] == "/admin/"


def test_staff_without_a_site_sees_nothing(site: Site) -> None:
    make_article(site)
    nobody = client_of(User.objects.create(username=CY, is_staff=True))
    for path in (*LISTS, "articles/apikey"):
        assert nobody.get(f"/admin/{path}/").status_code == 403


def test_a_member_without_staff_rights_is_sent_to_the_login(site: Site) -> None:
    person = make_member(site).user
    User.objects.filter(pk=person.pk).update(is_staff=False)
    assert client_of(person).get("/admin/articles/site/").status_code == 302


def test_a_superuser_sees_every_site(site: Site, other: Site) -> None:
    root = client_of(User.objects.create(username="root", is_staff=True, is_superuser=True))
    page = root.get("/admin/articles/site/").content
    assert b"gazette" in page and b"secret-site" in page


def test_settings_are_the_owners_to_change(site: Site, owner: Client, moderator: Client) -> None:
    path = f"/admin/articles/site/{site.pk}/change/"
    page = owner.get(path)
    form = page.context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    data |= {"name": "The New Gazette", "held_words": "", "default_sort": "hot", "votes_per_network": "0"}
    del data["anonymous_votes"]  # a box without its tick
    for formset in page.context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    data |= {"origins-TOTAL_FORMS": "1", "origins-0-origin": "https://New.example.org/x", "origins-0-site": site.pk}
    assert moderator.post(path, data).status_code == 403
    assert owner.post(path, data).status_code == 302
    site.refresh_from_db()
    assert (site.name, site.version) == ("The New Gazette", 1)
    assert (site.default_sort, site.anonymous_votes, site.votes_per_network) == ("hot", False, 0)
    assert site.origins.filter(origin="new.example.org").exists()


def test_an_owner_makes_a_key_that_is_shown_once_and_revokes_it(site: Site, other: Site, owner: Client) -> None:
    assert b"secret" not in owner.get("/admin/articles/apikey/add/").content
    refused = owner.post("/admin/articles/apikey/add/", {"site": other.pk, "name": "x", "scopes": ["admin"]})
    assert refused.status_code == 200 and not ApiKey.objects.filter(site=other, name="x").exists()
    data = {"site": site.pk, "name": "CMS", "scopes": ["articles"]}
    page = owner.post("/admin/articles/apikey/add/", data, follow=True).content.decode()
    plain = re.findall(r"awk_[A-Za-z0-9_-]{20,}", page)
    assert len(plain) == 1
    key = ApiKey.objects.get(name="CMS")
    assert find_api_key(plain[0]) == key and key.scopes == ["articles"]
    assert plain[0] not in owner.get("/admin/articles/apikey/").content.decode()
    owner.post("/admin/articles/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert find_api_key(plain[0]) is None


def test_keys_are_none_of_a_moderators_business(moderator: Client) -> None:
    assert moderator.get("/admin/articles/apikey/").status_code == 403
    assert moderator.get("/admin/articles/apikey/add/").status_code == 403


def test_hiding_an_article_goes_through_the_service(site: Site, moderator: Client) -> None:
    article = make_article(site)
    moderator.post("/admin/articles/article/", {"action": "hide", "_selected_action": [article.pk]})
    article.refresh_from_db()
    assert article.visibility == "hidden" and article.deleted_at is not None


def test_addresses_are_shown_as_text(site: Site, moderator: Client) -> None:
    article = make_article(site, image="javascript:alert(1)", html="<b onclick=x()>bold</b>")
    page = moderator.get(f"/admin/articles/article/{article.pk}/change/").content
    assert b'href="javascript:' not in page and b"<b onclick" not in page


def test_an_owner_adds_a_feed_reads_it_now_stops_it_and_deletes_it(site: Site, other: Site, owner: Client) -> None:
    path = "/admin/articles/sourcefeed/"
    assert b"secret" not in owner.get(f"{path}add/").content
    for data in ({"site": other.pk, "url": "https://x.example/rss"}, {"site": site.pk, "url": "javascript:alert(1)"}):
        assert owner.post(f"{path}add/", data).status_code == 200
    assert not SourceFeed.objects.exists()
    for _ in range(2):  # the second is refused: it is there
        owner.post(f"{path}add/", {"site": site.pk, "url": "https://x.example/rss#top"})
    feed = SourceFeed.objects.get()
    assert (feed.site, feed.url, feed.is_active) == (site, "https://x.example/rss", True)
    owner.post(path, {"action": "stop", "_selected_action": [feed.pk]})
    SourceFeed.objects.update(failures=7, etag="x", last_error="It answers <b>404</b>.")
    assert b"<b>404" not in owner.get(path).content
    owner.post(f"{path}{feed.pk}/change/", {"url": "https://y.example/", "site": other.pk})
    feed.refresh_from_db()
    assert not feed.is_active and feed.url == "https://x.example/rss"
    owner.post(path, {"action": "read", "_selected_action": [feed.pk]})
    feed.refresh_from_db()
    assert (feed.is_active, feed.failures, feed.etag, feed.last_error) == (True, 0, "", "")
    owner.post(f"{path}{feed.pk}/delete/", {"post": "yes"})
    assert not SourceFeed.objects.exists()


def test_a_moderator_sees_the_feeds_of_her_sites(site: Site, other: Site, moderator: Client) -> None:
    mine = add_source_feed(site, "https://open.example/rss")
    theirs = add_source_feed(other, "https://secret.example/rss")
    page = moderator.get("/admin/articles/sourcefeed/").content
    assert b"open.example" in page and b"secret" not in page
    assert moderator.get("/admin/articles/sourcefeed/add/").status_code == 403
    for action in ("read", "stop"):
        moderator.post("/admin/articles/sourcefeed/", {"action": action, "_selected_action": [mine.pk, theirs.pk]})
    moderator.post(f"/admin/articles/sourcefeed/{mine.pk}/delete/", {"post": "yes"})
    assert SourceFeed.objects.filter(is_active=True).count() == 2


def test_an_owner_leaves_alone_the_feeds_of_a_site_that_she_only_moderates(site: Site, other: Site) -> None:
    person = make_member(site, role=Member.Role.OWNER).user
    Member.objects.create(site=other, user=person)
    theirs, client = add_source_feed(other, "https://secret.example/rss"), client_of(person)
    path = "/admin/articles/sourcefeed/"
    assert b"secret.example" in client.get(path).content
    client.post(f"{path}add/", {"site": other.pk, "url": "https://x.example/rss"})
    client.post(f"{path}{theirs.pk}/delete/", {"post": "yes"})
    for action in ("stop", "delete_selected"):
        client.post(path, {"action": action, "_selected_action": [theirs.pk], "post": "yes"})
    assert list(SourceFeed.objects.filter(is_active=True)) == [theirs]
