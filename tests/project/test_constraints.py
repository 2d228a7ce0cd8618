"""What the database itself refuses: rows that would join two sites, or two articles."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import NOT_PROVIDED

from articles.models import Article, ArticleKey
from comments.models import Comment, Thread, ThreadCount, ThreadOrder, Vote
from sharing.models import Follow, Notification, Share, ShareCount
from tests.factories import make_article, make_comment, make_follow, make_follower, make_site

pytestmark = pytest.mark.django_db

ARTICLE_OF_SITE = ("site_id", "article_id", "articles_article")
COMMENT_OF_ARTICLE = ("article_id", "comment_id", "comments_comment")
READER_OF_SITE = ("site_id", "reader_id", "comments_reader")
EXPECTED = {
    ("articles_articlekey", *ARTICLE_OF_SITE),
    ("comments_thread", *ARTICLE_OF_SITE),
    ("comments_threadcount", *ARTICLE_OF_SITE),
    ("comments_comment", *ARTICLE_OF_SITE),
    ("comments_comment", "article_id", "parent_id", "comments_comment"),
    ("comments_comment", "article_id", "root_id", "comments_comment"),
    ("comments_comment", *READER_OF_SITE),
    ("comments_identity", *READER_OF_SITE),
    ("comments_readersession", *READER_OF_SITE),
    ("comments_mute", *READER_OF_SITE),
    ("comments_report", *READER_OF_SITE),
    ("comments_threadorder", *ARTICLE_OF_SITE),
    ("comments_searchentry", *ARTICLE_OF_SITE),
    ("comments_searchentry", *COMMENT_OF_ARTICLE),
    ("comments_vote", *ARTICLE_OF_SITE),
    ("comments_vote", *COMMENT_OF_ARTICLE),
    ("sharing_share", *ARTICLE_OF_SITE),
    ("sharing_share", *COMMENT_OF_ARTICLE),
    ("sharing_sharecount", *ARTICLE_OF_SITE),
    ("sharing_sharecount", *COMMENT_OF_ARTICLE),
    ("sharing_visit", *ARTICLE_OF_SITE),
    ("sharing_reachday", *ARTICLE_OF_SITE),
    ("sharing_creditedcomment", *ARTICLE_OF_SITE),
    ("sharing_creditedcomment", *COMMENT_OF_ARTICLE),
    ("sharing_shareday", *ARTICLE_OF_SITE),
    ("sharing_shareday", *COMMENT_OF_ARTICLE),
    ("sharing_sharemilestone", *ARTICLE_OF_SITE),
    ("sharing_follow", *ARTICLE_OF_SITE),
    ("sharing_follow", *COMMENT_OF_ARTICLE),
    ("sharing_follow", "site_id", "follower_id", "sharing_follower"),
    ("sharing_notification", *ARTICLE_OF_SITE),
    ("sharing_delivery", "site_id", "follower_id", "sharing_follower"),
    ("sharing_delivery", "site_id", "site_channel_id", "sharing_channel"),
    ("sharing_digest", "site_id", "follower_id", "sharing_follower"),
    ("sharing_linkingtext", *ARTICLE_OF_SITE),
    ("sharing_sentmention", *ARTICLE_OF_SITE),
    ("sharing_webmention", *ARTICLE_OF_SITE),
    ("sharing_digestclock", "site_id", "follower_id", "sharing_follower"),
}
COMPOSITE = """
    SELECT conrelid::regclass::text,
        (SELECT array_agg(attname::text ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = k.number),
        confrelid::regclass::text, condeferrable, condeferred
    FROM pg_constraint WHERE contype = 'f' AND array_length(conkey, 1) = 2"""


def test_every_composite_key_is_there_and_checked_at_once() -> None:
    with connection.cursor() as cursor:
        cursor.execute(COMPOSITE)
        rows = cursor.fetchall()
    assert {(table, *columns, target) for table, columns, target, _, _ in rows} == EXPECTED
    assert {(deferrable, deferred) for *_, deferrable, deferred in rows} == {(True, False)}


def test_every_column_of_a_comment_has_a_value_before_the_database_gives_one() -> None:
    # A new comment is written by one INSERT of our own, which names every column.
    without = {
        column.name
        for column in Comment._meta.concrete_fields
        if not column.has_default() and not column.null and hasattr(column, "db_default")
        if column.db_default is not NOT_PROVIDED
    }
    assert without <= {"created_at"}


def test_every_table_of_ours_names_its_site() -> None:
    # Sites themselves, salts of a day (which belong to no reader's site), and what hangs on a named row alone.
    without = {"articles_site", "sharing_sharesalt"}
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(articles|comments|sharing)_'
            AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'site_id')""")
        assert {name for (name,) in cursor.fetchall()} == without


@pytest.fixture
def here() -> Article:
    return make_article(make_site())


@pytest.fixture
def elsewhere() -> Comment:
    """A comment on an article of another site."""
    return make_comment(make_article(make_site()))


def refused(write: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        write()


def test_an_address_leads_to_an_article_of_its_own_site(here: Article, elsewhere: Comment) -> None:
    refused(lambda: ArticleKey.objects.create(site=here.site, article=elsewhere.article, kind="url", key="x"))


def test_a_comment_stands_below_an_article_of_its_site_and_a_parent_of_its_article(
    here: Article, elsewhere: Comment
) -> None:
    mine = make_comment(here)
    beside = make_comment(make_article(here.site))
    rows = Comment.objects.filter(pk=mine.pk)
    refused(lambda: rows.update(site=elsewhere.site_id))
    refused(lambda: rows.update(article=elsewhere.article_id))
    refused(lambda: rows.update(parent=elsewhere.pk))
    refused(lambda: rows.update(parent=beside.pk))
    refused(lambda: rows.update(root=beside.pk))


def test_threads_and_counts_belong_to_the_site_of_their_article(here: Article, elsewhere: Comment) -> None:
    refused(lambda: Thread.objects.filter(article=elsewhere.article).update(site=here.site))
    refused(lambda: ThreadCount.objects.filter(article=elsewhere.article).update(site=here.site))
    refused(
        lambda: ThreadOrder.objects.create(site=here.site, article=elsewhere.article, sort="best", version=1, ids=[])
    )


def test_a_vote_is_for_a_comment_of_its_article_and_site(here: Article, elsewhere: Comment) -> None:
    mine = make_comment(here)
    refused(lambda: Vote.objects.create(site=here.site, article=here, comment=elsewhere, voter_key="v", value=1))
    refused(lambda: Vote.objects.create(site=elsewhere.site, article=here, comment=mine, voter_key="v", value=1))
    refused(lambda: Vote.objects.create(site=here.site, article=here, comment=mine, voter_key="v", value=2))


def test_what_goes_out_belongs_to_one_site(here: Article, elsewhere: Comment) -> None:
    make_follow(here.site, article=here)
    follows = Follow.objects.filter(article=here)
    refused(lambda: follows.update(article=elsewhere.article))
    refused(lambda: follows.update(comment=elsewhere))
    refused(lambda: follows.update(follower=make_follower(elsewhere.article.site)))
    refused(
        lambda: Notification.objects.create(site=here.site, article=elsewhere.article, kind="article", cause_key="x")
    )
    event = {"network": "mastodon", "article": here, "comment": elsewhere}
    refused(lambda: ShareCount.objects.create(site=here.site, count=1, **event))
    refused(lambda: Share.objects.create(site=here.site, day="2026-01-01", visitor_hash="x", **event))


@pytest.mark.parametrize(
    "table", ["articles_articlekey", "comments_externalref", "sharing_follower", "sharing_suppression"]
)
def test_rows_that_imports_look_up_have_no_index_on_their_site_alone(table: str) -> None:
    """While a site is new to the planner, it takes one for as good as the unique one that begins with the site."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid"
            " AND a.attnum = i.indkey[0] WHERE i.indrelid = %s::regclass AND a.attname = 'site_id' AND i.indnatts = 1",
            [table],
        )
        assert cursor.fetchone() == (0,)
