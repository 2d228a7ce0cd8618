"""Comments in the admin: a moderator sees her own sites' and decides through the same service as the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from articles.models import Member
from comments.models import Comment, Decision
from comments.services.editing import Editor, edit_comment
from comments.services.moderation import Moderator, decide
from comments.services.reporting import report_comment, reporter_of
from tests.factories import make_article, make_comment, make_member, make_site

pytestmark = pytest.mark.django_db

LIST = "/admin/comments/comment/"


@pytest.fixture
def member(client: Client) -> Member:
    member = make_member(make_site())
    client.force_login(member.user)
    return member


def act(client: Client, action: str, *comments: Comment) -> Any:
    chosen = [str(comment.pk) for comment in comments]
    return client.post(LIST, {"action": action, "_selected_action": chosen}, follow=True)


@pytest.mark.parametrize(
    ("action", "status"),
    [("approve", "approved"), ("reject", "rejected"), ("mark_as_spam", "spam"), ("remove", "removed")],
)
def test_actions_decide_and_are_recorded(client: Client, member: Member, action: str, status: str) -> None:
    article = make_article(member.site)
    held = [make_comment(article, status="pending", body=f"{n}") for n in range(2)]
    answer = act(client, action, *held)
    assert f"2 comments: {status}." in answer.content.decode()
    assert set(Comment.objects.values_list("status", flat=True)) == {status}
    assert {decision.user for decision in Decision.objects.all()} == {member.user}


def test_moderator_sees_and_touches_only_her_own_sites(client: Client, member: Member) -> None:
    own = make_comment(make_article(member.site), body="of this site", status="pending")
    foreign = make_comment(make_article(), body="of another site", status="pending")
    page = client.get(LIST).content.decode()
    assert "of this site" in page
    assert "of another site" not in page
    act(client, "approve", own, foreign)
    foreign.refresh_from_db()
    assert foreign.status == "pending"
    assert client.get(f"{LIST}{foreign.pk}/change/").status_code == 302
    assert "of another site" not in client.get(f"{LIST}{foreign.pk}/change/", follow=True).content.decode()


def test_nothing_is_edited_added_or_deleted_here(client: Client, member: Member) -> None:
    comment = make_comment(make_article(member.site))
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{comment.pk}/delete/").status_code == 403
    client.post(f"{LIST}{comment.pk}/change/", {"status": "spam", "source": "swapped", "author_name": "Mallory"})
    comment.refresh_from_db()
    assert (comment.status, comment.source, comment.author_name) == ("approved", "Well said.", "Ben")


def test_hostile_comment_is_text_in_the_admin(client: Client, member: Member) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    comment = make_comment(
        make_article(member.site), body=f"`{hostile}`", author_name=hostile, author_url="javascript:alert(1)"
    )
    for path in (LIST, f"{LIST}{comment.pk}/change/"):
        page = client.get(path).content.decode()
        assert "<img src=x" not in page
        assert 'href="javascript:' not in page


def test_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get(LIST)["Location"].startswith("/admin/login/")


def test_decision_is_one_about_the_text_that_the_list_showed(client: Client, member: Member) -> None:
    comment = make_comment(make_article(member.site), status="pending")
    page = client.get(LIST).content.decode()
    assert f'<input type="hidden" name="revision-{comment.pk}" value="1">' in page
    edit_comment(comment, Editor(Moderator()), "Another text")
    data = {"action": "approve", "_selected_action": [comment.pk], f"revision-{comment.pk}": "1"}
    answer = client.post(LIST, data, follow=True)
    assert "Edited meanwhile" in answer.content.decode()
    comment.refresh_from_db()
    assert comment.status == "pending"
    client.post(LIST, data | {f"revision-{comment.pk}": "2"})
    comment.refresh_from_db()
    assert comment.status == "approved"


def test_member_reads_revisions_and_reports_as_text(client: Client, member: Member) -> None:
    comment = make_comment(make_article(member.site), body="One <script>alert(1)</script>")
    edit_comment(comment, Editor(Moderator()), "Two <script>alert(1)</script>")
    report_comment(comment, reporter_of(member.site_id, prefix="192.0.2.1"), "abuse", "<script>alert(2)</script>")
    page = client.get(f"{LIST}{comment.pk}/change/").content.decode()
    assert "<del>One</del><ins>Two</ins>" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(2)" in page
    assert str(comment.pk) in client.get(LIST, {"reported": "open"}).content.decode()
    decide(member.site, comment.pk, "approved", Moderator())
    assert "0 comments" in client.get(LIST, {"reported": "open"}).content.decode()
