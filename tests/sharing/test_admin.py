"""What goes out, in the admin: owners look, moderators do not see followers' addresses, failed notices go again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from articles.models import Article, Member
from sharing.models import Delivery, ReachDay
from tests.factories import ADA, BEN, CY, make_article, make_follow, make_member, make_site

LISTS = ["delivery", "notification", "follow", "consent", "suppression", "webmention", "sentmention"]


@pytest.fixture
def article(db: None) -> Article:
    return make_article()


def failed(article: Article, kind: str = "comment") -> Delivery:
    values = {"kind": kind, "cause_key": f"{kind}:{article.pk}", "target_key": "k", "address": BEN, "attempts": 12}
    return Delivery.objects.create(site=article.site, status="failed", **values)


def login(client: Client, member: Member) -> User:
    client.force_login(member.user)
    return member.user


@pytest.mark.parametrize("name", LISTS)
def test_owners_look_and_moderators_do_not(client: Client, article: Article, name: str) -> None:
    address = f"/admin/sharing/{name}/"
    login(client, make_member(article.site, ADA, role=Member.Role.OWNER))
    assert client.get(address).status_code == 200
    assert client.get(f"{address}add/").status_code == 403
    login(client, make_member(article.site, CY, role=Member.Role.MODERATOR))
    assert client.get(address).status_code == 403


def test_an_owner_sees_her_own_site_only(client: Client, article: Article) -> None:
    failed(article)
    make_follow(article.site, BEN)
    login(client, make_member(make_site(), ADA, role=Member.Role.OWNER))
    for name in ("delivery", "follow"):
        assert BEN not in client.get(f"/admin/sharing/{name}/").content.decode()


def test_failed_notices_go_again_and_confirmations_do_not(
    client: Client, article: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    from project.doorbell import Doorbell

    monkeypatch.setattr(Doorbell, "wake", lambda self, *args: None)
    login(client, make_member(article.site, ADA, role=Member.Role.OWNER))
    chosen = [failed(article).pk, failed(article, "confirmation").pk]
    client.post("/admin/sharing/delivery/", {"action": "try_again", "_selected_action": chosen})
    found = Delivery.objects.order_by("pk").values_list("status", "attempts")
    assert list(found) == [("queued", 0), ("failed", 12)]


class TestWhatCameOfShares:
    PAGE = "/admin/sharing/reachday/"

    @pytest.fixture
    def reach(self, article: Article) -> ReachDay:
        with connection.cursor() as cursor:
            cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
            (today,) = cursor.fetchone()
        Article.objects.filter(pk=article.pk).update(title="<b>Bees</b>")
        return ReachDay.objects.create(site=article.site, article=article, network="x", day=today, visits=37, follows=3)

    @pytest.mark.parametrize("role", list(Member.Role))
    def test_every_member_sees_numbers_and_bars_of_her_site(
        self, client: Client, article: Article, reach: ReachDay, role: str
    ) -> None:
        login(client, make_member(article.site, ADA, role=role))
        answer = client.get(self.PAGE)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "<td>37<br><svg" in page and '<rect width="120"' in page and '<rect width="10"' in page
        assert "&lt;b&gt;Bees&lt;/b&gt;" in page and "<b>Bees" not in page
        assert "<script" not in page.partition('id="content-main"')[2].partition("</main>")[0]

    def test_sites_are_apart(self, client: Client, article: Article, reach: ReachDay) -> None:
        elsewhere = make_site()
        login(client, make_member(elsewhere, ADA, role=Member.Role.OWNER))
        page = client.get(self.PAGE).content.decode()
        assert "37" not in page.partition('id="content-main"')[2].partition("</main>")[0]
        assert client.get(f"{self.PAGE}?site={article.site.slug}").status_code == 404
        assert client.get(f"{self.PAGE}?site={article.site.slug}&csv=1").status_code == 404

    def test_it_can_be_downloaded(self, client: Client, article: Article, reach: ReachDay) -> None:
        login(client, make_member(article.site, ADA))
        answer = client.get(f"{self.PAGE}?csv=1&days=30")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert f"{article.pk},{article.url},<b>Bees</b>,x,0,37,0,3" in answer.content.decode()

    @pytest.mark.parametrize("query", ["days=x", "days=-1", "days=99999999999999", "site=%00", "days=30&x=1"])
    def test_any_query_is_answered(self, client: Client, article: Article, query: str) -> None:
        login(client, make_member(article.site, ADA))
        assert client.get(f"{self.PAGE}?{query}").status_code in {200, 400, 404}

    def test_nobody_adds_changes_or_deletes(self, client: Client, article: Article, reach: ReachDay) -> None:
        login(client, make_member(article.site, ADA, role=Member.Role.OWNER))
        for path in ("add/", f"{reach.pk}/delete/"):
            assert client.post(f"{self.PAGE}{path}", {"post": "yes"}).status_code == 403
        client.post(f"{self.PAGE}{reach.pk}/change/", {"visits": "1"})
        assert ReachDay.objects.get().visits == 37

    def test_strangers_are_asked_who_they_are(self, client: Client) -> None:
        assert client.get(self.PAGE).status_code == 302
