"""Reports: one of each reader, always the same answer, a queue for moderators, and a hold that a site may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from comments.models import Comment, Decision, Report, Thread
from project.tokens import new_voter_token
from tests.factories import make_api_key, make_article, make_comment, make_site

pytestmark = pytest.mark.django_db


def report(comment: Comment, *, network: str = "192.0.2.1", voter: str = "", **data: Any) -> Any:
    headers = {"X-Afterword-Voter": voter} if voter else {}
    path = f"/api/v1/comments/{comment.pk}/reports"
    body = {"reason": "abuse"} | data
    return Client(REMOTE_ADDR=network).post(path, body, content_type="application/json", headers=headers)


def moderate(comment: Comment, rest: str, **data: Any) -> Any:
    headers = {"Authorization": f"Bearer {make_api_key(comment.site, 'moderate')}"}
    path = f"/api/v1/moderation/{rest}"
    if data:
        return Client().post(path, data, content_type="application/json", headers=headers).json()
    return Client().get(path, headers=headers).json()


def test_answer_is_the_same_for_everybody_every_time() -> None:
    comment = make_comment(make_article())
    answers = [report(comment), report(comment), report(comment, reason="spam", network="192.0.2.9")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b'{"status":"received"}')}
    assert Report.objects.count() == 2


def test_report_is_one_of_each_voter_and_else_of_each_network() -> None:
    comment, voter = make_comment(make_article()), new_voter_token()
    for network in ("192.0.2.1", "192.0.2.2"):
        report(comment, voter=voter, network=network)
    report(comment, network="2001:db8::1")
    report(comment, network="2001:db8::2")
    assert Report.objects.count() == 2
    rows = str(list(Report.objects.values_list()))
    assert "192.0.2" not in rows
    assert "2001" not in rows
    assert voter not in rows


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "removed"])
def test_what_the_public_does_not_see_cannot_be_reported(status: str) -> None:
    article = make_article()
    hidden = make_comment(article, status=status)
    make_comment(article, hidden)
    assert report(hidden).status_code == 404
    assert report(make_comment(make_article(visibility="hidden"))).status_code == 404


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"reason": "because"}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": ["spam"]}, "reason"),
        ({"reason": {}}, "reason"),
        ({"detail": "x" * 1_001}, "detail"),
        ({"detail": 7}, "detail"),
        ({"detail": "\x07"}, "detail"),
    ],
)
def test_refused_report_names_the_field_and_keeps_nothing(data: dict[str, Any], field: str) -> None:
    answer = report(make_comment(make_article()), **data)
    assert answer.status_code == 400
    if "\x07" not in str(data.get("detail")):
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Report.objects.exists()


def test_retry_with_the_same_key_gets_the_same_answer() -> None:
    comment = make_comment(make_article())
    headers = {"Idempotency-Key": "0123456789abcdef"}
    for _ in range(2):
        path = f"/api/v1/comments/{comment.pk}/reports"
        answer = Client().post(path, {"reason": "spam"}, content_type="application/json", headers=headers)
        assert answer.status_code == 202
    assert Report.objects.count() == 1


def test_moderators_see_what_is_open_and_why_but_not_who(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    article = make_article()
    quiet, loud = make_comment(article), make_comment(article)
    make_comment(article)
    report(quiet, detail=" She names <b>me</b>. ", reason="privacy")
    for number in range(25):
        report(loud, voter=new_voter_token(), detail=f"{number}")
    found = moderate(quiet, "reports")
    assert [(row["comment"]["id"], row["total"]) for row in found["reported"]] == [(quiet.pk, 1), (loud.pk, 25)]
    only = found["reported"][0]["reports"][0]
    assert (only["reason"], only["detail"]) == ("privacy", "She names <b>me</b>.")
    assert set(only) == {"id", "reason", "detail", "created_at"}
    assert [row["detail"] for row in found["reported"][1]["reports"]] == [str(n) for n in range(24, 4, -1)]
    headers = {"Authorization": f"Bearer {make_api_key(article.site, 'moderate')}"}
    with django_assert_num_queries(3):  # the key, the comments, the reports
        Client().get("/api/v1/moderation/reports", headers=headers)


def test_pages_of_reports_lead_through_all_of_them() -> None:
    article = make_article()
    comments = [make_comment(article) for _ in range(51)]
    for comment in comments:
        report(comment)
    first = moderate(comments[0], "reports")
    second = moderate(comments[0], f"reports?cursor={first['next']}")
    ids = [row["comment"]["id"] for row in first["reported"] + second["reported"]]
    assert ids == [comment.pk for comment in comments]
    assert second["next"] is None


@pytest.mark.parametrize("status", ["approved", "removed"])
def test_decision_settles_reports_and_says_that_somebody_has_looked(status: str) -> None:
    comment = make_comment(make_article())
    report(comment)
    decided = moderate(comment, f"comments/{comment.pk}/decision", status=status)
    assert decided["comment"]["status"] == status
    assert moderate(comment, "reports")["reported"] == []
    assert [(row.old_status, row.status) for row in Decision.objects.all()] == [("approved", status)]
    assert Thread.objects.get().version == (1 if status == "approved" else 2)


def test_reports_hold_nothing_unless_the_site_asks_for_it() -> None:
    comment = make_comment(make_article())
    for number in range(20):
        report(comment, network=f"192.0.2.{number}")
    comment.refresh_from_db()
    assert comment.status == "approved"


def test_reports_of_different_networks_hold_a_comment_where_the_site_asks_for_it() -> None:
    article = make_article(make_site(hold_after_reports=3))
    comment = make_comment(article)
    make_comment(article, comment)
    for _ in range(5):  # many tokens, one network
        report(comment, voter=new_voter_token())
    report(comment, network="192.0.2.2")
    comment.refresh_from_db()
    assert comment.status == "approved"
    report(comment, network="192.0.2.3")
    comment.refresh_from_db()
    assert (comment.status, comment.reason) == ("pending", "reports")
    changed = Client().get("/api/v1/thread/changes", {"article": article.pk, "since": 2}).json()
    assert [(each["id"], each["html"]) for each in changed["changed"]] == [(comment.pk, None)]
    # A moderator finds nothing wrong: the same reports do not hold it again, nor does one more.
    moderate(comment, f"comments/{comment.pk}/decision", status="approved")
    report(comment, network="192.0.2.4")
    comment.refresh_from_db()
    assert comment.status == "approved"


def test_page_reports_without_a_script(client: Client, settings: Any) -> None:
    comment = make_comment(make_article(), body="<script>alert(1)</script> *so*")
    path = f"/a/{comment.article_id}/comments/{comment.pk}/report"
    page = client.get(path)
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    assert not page.cookies
    form = "application/x-www-form-urlencoded"
    own = {"Origin": settings.PUBLIC_URL}
    refused = client.post(path, "reason=&detail=%22%3E%3Cb%3E", content_type=form, headers=own)
    assert refused.status_code == 400
    assert b"&quot;&gt;&lt;b&gt;</textarea>" in refused.content
    assert client.post(path, "reason=spam", content_type=form).status_code == 403
    assert client.post(path, "reason=spam", content_type=form, headers=own).status_code == 200
    assert Report.objects.get().reason == "spam"
    assert client.get(f"/a/{make_article().pk}/comments/{comment.pk}/report").status_code == 404
