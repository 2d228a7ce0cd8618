"""Signing in by mail: one answer for everybody, a link and a code that each work once, a session of one site."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from comments.models import Reader, ReaderSession, SpentToken
from comments.services.sessions import offer_code, open_session
from comments.services.sign_in import Link, sign_in_by_link, sign_in_token
from project.errors import Problem
from project.tokens import Purpose, session_digest, sign
from sharing.models import Delivery
from tests.factories import BEN, CY, make_article, make_member, make_reader, make_site

pytestmark = pytest.mark.django_db


def ask(client: Client, site: Any, email: str = BEN, **fields: Any) -> Any:
    body = {"site": site.slug, "email": email, **fields}
    return client.post("/api/v1/sign-in", body, content_type="application/json")


def exchange(client: Client, site: Any, code: Any) -> Any:
    return client.post("/api/v1/sign-in/code", {"site": site.slug, "code": code}, content_type="application/json")


def me(client: Client, session: str) -> Any:
    return client.get("/api/v1/readers/me", headers={"Authorization": f"Bearer {session}"})


def token(site: Any, email: str = BEN, nonce: str = "nonce", **fields: Any) -> str:
    return sign_in_token(Link(site.pk, email, nonce, **fields))


def code_of(page: Any) -> str:
    return page.content.decode().partition('data-code="')[2].partition('"')[0]


def test_every_address_gets_the_same_answer_for_the_same_work(client: Client) -> None:
    site = make_site()
    make_reader(site, BEN)
    found = []
    for email in (BEN, CY):
        with connection.execute_wrapper(counter := Counter()):
            answer = ask(client, site, email)
        headers = {name: value for name, value in answer.items() if name != "Date"}
        found.append((answer.status_code, answer.content, headers, counter.statements))
    assert found[0] == found[1]
    assert found[0][0] == 202


class Counter:
    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        self.statements += 1
        return execute(*arguments)


def test_mails_are_bounded_by_minute_and_hour_and_nobody_is_told(client: Client) -> None:
    site = make_site()
    answers = {ask(client, site).content for _ in range(3)}
    assert len(answers) == 1
    assert Delivery.objects.filter(kind="sign_in").count() == 1
    for _ in range(9):
        Delivery.objects.update(created_at=F("created_at") - timedelta(minutes=2))
        ask(client, site)
    assert Delivery.objects.filter(kind="sign_in").count() == 5
    ask(client, make_site())
    assert Delivery.objects.filter(kind="sign_in").count() == 6


@pytest.mark.parametrize("email", ["", "ben", None, 5, "ben@example.org\nBcc: cy@example.org", "x" * 400 + "@a.org"])
def test_what_is_no_address_is_refused(client: Client, email: Any) -> None:
    assert ask(client, make_site(), email).status_code == 400
    assert Delivery.objects.count() == 0


def test_article_of_another_site_is_refused(client: Client) -> None:
    answer = ask(client, make_site(), article=make_article().pk)
    assert answer.json()["errors"][0]["field"] == "article"


def test_looking_at_the_link_changes_nothing_and_pressing_signs_in(client: Client) -> None:
    article = make_article()
    path = f"/sign-in/{token(article.site, article_id=article.pk)}"
    for _ in range(3):
        page = client.get(path)
        assert page.status_code == 200 and BEN in page.content.decode()
    assert Reader.objects.count() == SpentToken.objects.count() == 0
    page = client.post(path)
    assert page["Referrer-Policy"] == "no-referrer" and page["Cache-Control"] == "no-store"
    assert f'href="/a/{article.pk}#comments"' in page.content.decode()
    opened = exchange(client, article.site, code_of(page).lower().replace("-", " "))
    assert opened.status_code == 201
    assert me(client, opened.json()["session"]).json()["email"] == BEN
    assert not client.cookies


def test_link_and_code_work_once(client: Client) -> None:
    site = make_site()
    path = f"/sign-in/{token(site)}"
    code = code_of(client.post(path))
    assert client.post(path).status_code == 404
    assert exchange(client, site, code).status_code == 201
    assert exchange(client, site, code).json()["code"] == "sign_in_invalid"
    assert ReaderSession.objects.count() == 1


def test_code_opens_nothing_on_another_site_nor_after_ten_minutes(client: Client) -> None:
    site = make_site()
    code = offer_code(make_reader(site), "email")
    assert exchange(client, make_site(), code).status_code == 401
    ReaderSession.objects.update(expires_at=F("created_at") - timedelta(seconds=1))
    assert exchange(client, site, code).status_code == 401


@pytest.mark.parametrize("code", ["", None, 5, "x", "\u0660" * 12, "x" * 1_000_00, "\ud800", ["a"]])
def test_no_code_is_a_fault(client: Client, code: Any) -> None:
    assert exchange(client, make_site(), code).status_code in {400, 401}


def test_forged_links_are_plain_404(client: Client) -> None:
    site = make_site()
    good = token(site)
    other_purpose = sign(Purpose.CONFIRM_FOLLOW, [site.pk, BEN, "nonce", 0, False])
    wrong_shapes = [sign(Purpose.SIGN_IN, payload) for payload in ([], {}, "x", [site.pk, BEN], [str(site.pk)] * 5)]
    for forged in (good[:-1], good[1:], good + "x", "x" * 3_000, "é", other_purpose, *wrong_shapes):
        assert client.get(f"/sign-in/{forged}").status_code == 404, forged
        assert client.post(f"/sign-in/{forged}").status_code == 404, forged
    assert client.post(f"/sign-in/{token(make_site(), 'no address')}").status_code == 400
    assert Reader.objects.count() == 0


def test_link_is_too_old_after_fifteen_minutes(client: Client, time_machine: Any) -> None:
    path = f"/sign-in/{token(make_site())}"
    time_machine.move_to(timezone.now() + timedelta(minutes=15, seconds=2))
    assert "too old" in client.get(path).content.decode()
    assert client.post(path).status_code == 404


def test_way_back_leads_to_registered_origins_only(client: Client) -> None:
    article = make_article()
    stray = make_article(article.site, url="https://elsewhere.example.net/story")
    for number, (one, expected) in enumerate(((article, True), (stray, False))):
        path = f"/sign-in/{token(article.site, nonce=str(number), article_id=one.pk, embedded=True)}"
        page = client.post(path).content.decode()
        assert (f'href="{one.url}"' in page) is expected
        assert "sign-in.js" not in page


def test_member_signs_in_as_what_she_is_to_the_site(client: Client) -> None:
    site = make_site()
    make_member(site, "Ben@Example.org", role="owner")
    opened = exchange(client, site, code_of(client.post(f"/sign-in/{token(site)}")))
    assert opened.json()["reader"]["role"] == "staff"


def test_session_is_kept_as_a_hash_and_opens_its_own_site_alone(client: Client) -> None:
    here, elsewhere = make_article(), make_article(make_site())
    opened = open_session(make_reader(here.site), "email")
    assert ReaderSession.objects.get().digest == session_digest(opened.token)
    headers = {"Authorization": f"Bearer {opened.token}"}
    body = {"body": "Hello", "author": {"name": "Ben"}}
    for article, status in ((here, 201), (elsewhere, 401)):
        answer = client.post(
            "/api/v1/comments", {**body, "article": article.pk}, content_type="application/json", headers=headers
        )
        assert answer.status_code == status
        assert client.get(f"/api/v1/thread/mine?article={article.pk}", headers=headers).status_code in {200, status}


@pytest.mark.parametrize("bad", ["aws_", "aws_x", "aws_" + "x" * 8_000, "aws_é", "aws_\u00ff"])
def test_false_session_is_401_and_never_a_guest(client: Client, bad: str) -> None:
    article = make_article()
    headers = {"Authorization": f"Bearer {bad}"}
    body = {"article": article.pk, "body": "Hello", "author": {"name": "Ben"}}
    answer = client.post("/api/v1/comments", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert me(client, bad).status_code == 401


def test_session_lives_on_with_use_and_ends_after_thirty_days(client: Client) -> None:
    opened = open_session(make_reader(make_site()), "email")
    session = ReaderSession.objects.filter(pk=opened.id)

    def age(days: float) -> None:
        moved = timedelta(days=days)
        session.update(**{n: F(n) - moved for n in ("created_at", "used_at", "expires_at")})

    for _ in range(14):
        age(2)
        assert me(client, opened.token).status_code == 200
    age(1.9)
    assert me(client, opened.token).status_code == 200
    age(0.2)
    assert me(client, opened.token).status_code == 401


def test_use_is_noted_once_a_minute(client: Client, django_assert_num_queries: Any) -> None:
    opened = open_session(make_reader(make_site()), "email")
    with django_assert_num_queries(1):
        me(client, opened.token)
    ReaderSession.objects.update(used_at=F("used_at") - timedelta(minutes=2))
    with django_assert_num_queries(2):
        me(client, opened.token)
    with django_assert_num_queries(1):
        me(client, opened.token)


@pytest.mark.django_db(transaction=True)
def test_link_spent_by_many_at_once_signs_in_once() -> None:
    link = Link(make_site().pk, BEN, "nonce")
    codes: list[str] = []
    barrier = threading.Barrier(6)

    def spend() -> None:
        barrier.wait()
        try:
            codes.append(sign_in_by_link(link).code)
        except Problem as problem:
            assert problem.code == "sign_in_invalid"
        finally:
            connection.close()

    threads = [threading.Thread(target=spend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == Reader.objects.count() == ReaderSession.objects.count() == 1


def test_mail_goes_to_nobody_from_a_foreign_page(client: Client) -> None:
    answer = client.post(
        "/api/v1/sign-in",
        {"site": make_site().slug, "email": BEN},
        content_type="application/json",
        headers={"Origin": "https://evil.example.net"},
    )
    assert answer.status_code == 403
    assert settings.PUBLIC_URL and Delivery.objects.count() == 0
