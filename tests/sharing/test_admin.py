"""What goes out, in the admin: owners look, moderators do not see followers' addresses, failed notices go again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from articles.models import Article, Member
from sharing.models import Delivery
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
