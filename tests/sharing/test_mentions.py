"""@mentions: who asked to be told of replies hears of her name anywhere in the thread, once."""

from __future__ import annotations

import pytest

from comments.models import Comment
from project.addresses import email_key
from sharing.models import Delivery, Notification, Suppression
from sharing.services import outbox
from sharing.services.fan_out import plan_next_page
from sharing.services.mentions import names
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow

pytestmark = pytest.mark.django_db


def told(comment: Comment) -> list[str]:
    """Return who gets a mail about a new comment."""
    kind, key = Notification.Kind.COMMENT, f"comment:{comment.pk}:published"
    note = outbox.note(
        kind=kind, cause_key=key, site_id=comment.site_id, article_id=comment.article_id, comment_id=comment.pk
    )
    assert note is not None
    while plan_next_page(note.pk):
        pass
    return sorted(Delivery.objects.filter(notification=note.pk).values_list("address", flat=True))


def test_named_author_hears_of_it_beyond_her_own_branch() -> None:
    article = make_article()
    bens = make_comment(article, author_name="Ben Ö.")
    make_follow(article.site, BEN, comment=bens)
    assert told(make_comment(article, body="No name", author_email=ADA)) == []
    assert told(make_comment(article, body="I agree with @ben ö. there", author_email=ADA)) == [BEN]


def test_named_author_of_an_ancestor_hears_once() -> None:
    article = make_article()
    bens = make_comment(article)
    make_follow(article.site, BEN, comment=bens)
    make_follow(article.site, BEN, article=article)
    make_follow(article.site, BEN, comment=make_comment(article))
    assert told(make_comment(article, bens, body="@Ben yes", author_email=ADA)) == [BEN]


def test_name_calls_nobody_who_has_not_asked_or_is_not_meant() -> None:
    article = make_article()
    bens = make_comment(article)
    make_follow(article.site, CY, comment=bens)  # a reader of Ben's replies is not Ben
    make_follow(article.site, BEN, comment=bens, status="unconfirmed")
    assert told(make_comment(article, body="@Ben", author_email=ADA)) == []
    elsewhere = make_comment(make_article(article.site))
    make_follow(article.site, BEN, comment=elsewhere)
    assert told(make_comment(article, body="@Ben again", author_email=ADA)) == []


def test_nobody_calls_herself_nor_a_suppressed_address() -> None:
    article = make_article()
    bens = make_comment(article)
    make_follow(article.site, BEN, comment=bens)
    assert told(make_comment(article, body="@Ben is me")) == []
    Suppression.objects.create(site=article.site, address_key=email_key(BEN), kind=Suppression.Kind.COMPLAINT)
    assert told(make_comment(article, body="@Ben", author_email=ADA)) == []


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("@ben", True),
        ("(@ben)", True),
        ("see @ben, please", True),
        ("@benjamin", False),
        ("mail@ben", False),
        ("ben", False),
        ("@ ben", False),
    ],
)
def test_whole_names_behind_the_sign_are_meant(text: str, is_named: bool) -> None:
    assert names(text, "Ben") is is_named
    assert not names(text, " ")
