"""Comments in the admin: a moderator sees her own sites' and decides through the same service as the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from articles.models import Member
from comments.models import Comment, Decision
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
