"""Commento's and Comentario's exports: people and pages stand behind the comments that name them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article, Site
from comments.interchange.records import NotImportable
from comments.models import Comment, ExternalRef
from tests.comments.exports import import_json, reasons, sketch
from tests.factories import make_site

pytestmark = pytest.mark.django_db

ROOT = "root"
BEN, ADA = "b" * 64, "a" * 64


@pytest.fixture
def site() -> Site:
    return make_site()


def first(*comments: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Commento's version 1."""
    person = {
        "commenterHex": BEN,
        "email": "ben@example.org",
        "name": "Ben",
        "link": "https://ben.example",
        "photo": "https://gravatar.example/x",
        "provider": "commento",
        "joinDate": "2021-03-19T19:27:25.954285Z",
        "isModerator": False,
    }
    other = person | {"commenterHex": ADA, "name": "Ada", "email": "undefined", "link": "undefined"}
    return {"version": 1, "comments": list(comments), "commenters": [person, other]} | fields


def said(number: Any, text: str = "Well said.", *, parent: Any = ROOT, **fields: Any) -> dict[str, Any]:
    row = {
        "commentHex": number,
        "domain": "blog.example",
        "url": "/one/",
        "commenterHex": BEN,
        "markdown": text,
        "html": "",
        "parentHex": parent,
        "score": 0,
        "state": "approved",
        "creationDate": "2021-03-12T11:21:56Z",
        "direction": 0,
        "deleted": False,
    }
    return row | fields


def third(*comments: dict[str, Any]) -> dict[str, Any]:
    """Comentario's version 3."""
    return {
        "version": 3,
        "pages": [
            {"id": "p1", "domainId": "d1", "path": "/one/", "title": "The first story", "isReadonly": True},
            {"id": "p2", "domainId": "d1", "path": "/two/", "title": "", "isReadonly": False},
        ],
        "comments": list(comments),
        "commenters": [
            {
                "id": "u1",
                "name": "Ben",
                "email": "ben@example.org",
                "websiteUrl": "https://ben.example/",
                "colourIndex": 3,
            }
        ],
    }


def posted(number: Any, text: str = "Well said.", **fields: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "pageId": "p1",
        "markdown": text,
        "html": f"<p>{text}</p>",
        "score": 0,
        "isSticky": False,
        "isApproved": True,
        "isPending": False,
        "isDeleted": False,
        "createdTime": "2023-01-02T03:04:05.000Z",
        "userCreated": "u1",
        "authorIp": "198.51.100.7",
    }
    return row | fields


def test_a_comment_comes_with_all_that_is_known_of_it(site: Site, tmp_path: Path) -> None:
    summary = import_json(tmp_path, first(said("c1", "So **it** is.", score=2), said("c2", score=-3)), site)
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 2}, {"approved": 2})
    comment = Comment.objects.get(up=2)
    assert comment.html == "<p>So <strong>it</strong> is.</p>\n"
    assert (comment.author_name, comment.author_email) == ("Ben", "ben@example.org")
    assert comment.author_url == "https://ben.example/"
    assert comment.created_at == datetime(2021, 3, 12, 11, 21, 56, tzinfo=UTC)
    assert Comment.objects.filter(down=3, up=0).exists()
    assert Article.objects.get().url == "https://blog.example/one/"
    assert set(ExternalRef.objects.values_list("source", "external_id")) == {
        ("commento:blog.example", "c1"),
        ("commento:blog.example", "c2"),
    }


def test_a_given_base_counts_more_than_the_domain_of_the_file(site: Site, tmp_path: Path) -> None:
    import_json(tmp_path, first(said("c1")), site, base="https://moved.example/blog/", fallback="https://x.example")
    assert Article.objects.get().url == "https://moved.example/blog/one/"


def test_who_is_unknown_or_anonymous_has_no_name(site: Site, tmp_path: Path) -> None:
    import_json(tmp_path, first(said("c1", commenterHex="anonymous"), said("c2", commenterHex=ADA)), site)
    people = dict(Comment.objects.values_list("author_name", "author_url"))
    assert people == {"": "", "Ada": ""}


def test_states_of_version_1(site: Site, tmp_path: Path) -> None:
    states = ["approved", "unapproved", "flagged", "odd"]
    summary = import_json(tmp_path, first(*(said(state, state, state=state) for state in states)), site)
    assert summary.by_status == {"approved": 1, "pending": 3}
    assert reasons(summary) == {"comments in an unknown state were held for a moderator": 1}


def test_a_deleted_comment_with_answers_stays_as_a_tombstone(site: Site, tmp_path: Path) -> None:
    rows = [said("c1", "[deleted]", deleted=True), said("c2", "b", parent="c1"), said("c3", "c", parent="c2")]
    summary = import_json(tmp_path, first(*rows), site)
    assert summary.by_status == {"approved": 2, "removed": 1}
    assert sketch(site) == ["!", "  b", "    c"]


def test_comentarios_version_1_calls_things_otherwise(site: Site, tmp_path: Path) -> None:
    row = said("c1", commenterHex="x")
    row["host"], row["path"] = row.pop("domain"), row.pop("url")
    people = [{"commenterHex": "x", "name": "Cy", "email": "cy@example.org", "websiteUrl": "https://cy.example/"}]
    import_json(tmp_path, first(row, commenters=people), site)
    assert Comment.objects.get().author_url == "https://cy.example/"
    assert Article.objects.get().url == "https://blog.example/one/"


def test_version_3(site: Site, tmp_path: Path) -> None:
    rows = [
        posted("c1", "*a*", isSticky=True, editedTime="2023-01-03T00:00:00.000Z"),
        posted("c2", "b", parentId="c1", pageId="p1"),
        posted("c3", "c", isApproved=False, isPending=True),
        posted("c4", "d", isApproved=False),
        posted("c5", "", isDeleted=True, html=""),
        posted("c6", "f", pageId="p2", userCreated="00000000-0000-0000-0000-000000000000", authorName="Guest"),
        posted("c7", "g", pageId="p9"),
        posted("c8", "", html="<p>from <i>HTML</i></p>"),
    ]
    summary = import_json(tmp_path, third(*rows), site, base="https://blog.example")
    assert summary.by_status == {"approved": 4, "pending": 1, "rejected": 1, "removed": 1}
    assert summary.skipped == 1
    assert sketch(site)[:2] == ["a", "  b"]
    pinned = Comment.objects.exclude(pinned_at=None).get()
    assert pinned.edited_at == datetime(2023, 1, 3, tzinfo=UTC)
    assert dict(Article.objects.values_list("title", "comments_open")) == {"The first story": False, "": True}
    assert Comment.objects.filter(author_name="Guest").exists()
    assert Comment.objects.filter(html="<p>from <i>HTML</i></p>").exists()
    assert "198.51.100.7" not in repr(list(Comment.objects.values()))


def test_version_3_names_pages_by_path(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotImportable, match="--base"):
        import_json(tmp_path, third(posted("c1")), site)
    assert not Article.objects.exists()


def test_the_same_export_twice_adds_nothing(site: Site, tmp_path: Path) -> None:
    document = first(said("c1", score=5), said("c2", parent="c1"))
    import_json(tmp_path, document, site)
    before = list(Comment.objects.values())
    assert import_json(tmp_path, document, site).duplicate == 2
    assert list(Comment.objects.values()) == before


def test_people_may_stand_before_the_comments(site: Site, tmp_path: Path) -> None:
    document = dict(reversed(first(said("c1")).items()))
    import_json(tmp_path, document, site)
    assert Comment.objects.get().author_name == "Ben"


def test_odd_rows_are_counted(site: Site, tmp_path: Path) -> None:
    rows: list[Any] = [
        said("c1", "a"),
        said("c1", "same id"),
        said(2**70, "large id"),
        said(None, "no id", creationDate="0001-01-01T00:00:00Z"),
        said("c4", "circle", parent="c5"),
        said("c5", "round", parent="c4"),
        said("c6", "orphan", parent="c99"),
        said("c7", None),  # type: ignore[arg-type]
        said("c8", "no page", url=None),
        said("c9", "score", score="NaN"),
        [],
        "text",
        None,
    ]
    summary = import_json(tmp_path, first(*rows), site)
    assert (summary.created, summary.duplicate, summary.skipped) == (8, 1, 2)
    assert summary.complete
