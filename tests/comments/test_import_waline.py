"""Waline's export, and the rows that Valine and Twikoo have."""

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

BLOG = "https://blog.example"


@pytest.fixture
def site() -> Site:
    return make_site()


def waline(*comments: Any, users: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    tables = {"Comment": list(comments), "Counter": [{"url": "/one/", "time": 3}], "Users": users or []}
    return {"type": "waline", "version": 1, "time": 1640995200000, "tables": list(tables), "data": tables}


def row(number: Any, text: Any = "Well said.", *, pid: Any = None, **fields: Any) -> dict[str, Any]:
    found = {
        "objectId": number,
        "user_id": None,
        "comment": text,
        "insertedAt": "2022-04-29T14:44:04.000Z",
        "ip": "198.51.100.7",
        "link": "https://ben.example",
        "mail": "ben@example.org",
        "nick": "Ben",
        "pid": pid,
        "rid": pid,
        "sticky": None,
        "status": "approved",
        "like": None,
        "ua": "Mozilla/5.0",
        "url": "/one/",
        "createdAt": "2022-04-29T14:44:04.000Z",
        "updatedAt": "2022-05-01T00:00:00.000Z",
    }
    return found | fields


def test_a_comment_comes_with_all_that_is_known_of_it(site: Site, tmp_path: Path) -> None:
    summary = import_json(tmp_path, waline(row(7, "So **it** is.", sticky=1, like=3)), site, base=BLOG)
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 1}, {"approved": 1})
    comment = Comment.objects.get()
    assert comment.html == "<p>So <strong>it</strong> is.</p>\n"
    assert (comment.author_name, comment.author_email) == ("Ben", "ben@example.org")
    assert comment.author_url == "https://ben.example/"
    assert comment.created_at == comment.pinned_at == datetime(2022, 4, 29, 14, 44, 4, tzinfo=UTC)
    assert (comment.up, comment.down, comment.edited_at) == (3, 0, None)
    assert Article.objects.get().url == f"{BLOG}/one/"
    reference = ExternalRef.objects.get()
    assert (reference.source, reference.external_id) == ("waline:blog.example", "7")
    assert "198.51.100.7" not in repr(list(Comment.objects.values()))


def test_states(site: Site, tmp_path: Path) -> None:
    states = ["approved", "waiting", "spam", "", "odd"]
    rows = [row(number, state or "none", status=state) for number, state in enumerate(states, start=1)]
    summary = import_json(tmp_path, waline(*rows), site, base=BLOG)
    assert summary.by_status == {"approved": 2, "pending": 2, "spam": 1}
    assert reasons(summary) == {"comments in an unknown state were held for a moderator": 1}


def test_the_direct_parent_counts(site: Site, tmp_path: Path) -> None:
    rows = [row(1, "a"), row(2, "b", pid=1), row(3, "c", pid=2, rid=1), row(4, "d", rid=1)]
    import_json(tmp_path, waline(*rows), site, base=BLOG)
    assert sketch(site) == ["a", "  b", "    c", "  d"]


def test_a_text_may_be_html(site: Site, tmp_path: Path) -> None:
    import_json(tmp_path, waline(row(1, "<p>So <b>it</b> is.<script>x</script></p>")), site, base=BLOG)
    assert Comment.objects.get().html == "<p>So <b>it</b> is.</p>"


def test_of_accounts_only_name_address_and_site_are_read(site: Site, tmp_path: Path) -> None:
    user = {"objectId": 5, "display_name": "Ada", "email": "ada@example.org", "password": "$2a$secret", "2fa": "token"}
    rows = [row(1, nick="", mail="", link="", user_id=5), row(2, nick="", user_id=6), row(3, user_id=5)]
    import_json(tmp_path, waline(*rows, users=[user | {"url": "https://ada.example/"}]), site, base=BLOG)
    people = list(Comment.objects.order_by("id").values_list("author_name", "author_email", "author_url"))
    assert people[0] == ("Ada", "ada@example.org", "https://ada.example/")
    assert [name for name, _, _ in people] == ["Ada", "", "Ben"]
    assert "secret" not in repr(list(Comment.objects.values()))


def test_pages_are_named_by_path(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotImportable, match="--base"):
        import_json(tmp_path, waline(row(1)), site)
    assert not Article.objects.exists()


def test_the_same_export_twice_adds_nothing(site: Site, tmp_path: Path) -> None:
    document = waline(row(1, like=2), row(2, pid=1))
    import_json(tmp_path, document, site, base=BLOG)
    before = list(Comment.objects.values())
    assert import_json(tmp_path, document, site, base=BLOG).duplicate == 2
    assert list(Comment.objects.values()) == before


def test_valine(site: Site, tmp_path: Path) -> None:
    rows = []
    for number, parent in (("5f1", ""), ("5f2", "5f1")):
        found = row(number, "<p>So it is.</p>", pid=parent)
        found["insertedAt"] = {"__type": "Date", "iso": "2022-04-29T14:44:04.000Z"}
        del found["status"]
        rows.append(found)
    summary = import_json(tmp_path, {"results": rows}, site, base=BLOG)
    assert summary.by_status == {"approved": 2}
    assert sketch(site) == ["So it is.", "  So it is."]
    assert Comment.objects.first().created_at == datetime(2022, 4, 29, 14, 44, 4, tzinfo=UTC)  # type: ignore[union-attr]


@pytest.mark.parametrize("as_lines", [False, True])
def test_twikoo(site: Site, tmp_path: Path, *, as_lines: bool) -> None:
    common = {
        "nick": "Ben",
        "mail": "ben@example.org",
        "mailMd5": "x",
        "link": "",
        "ua": "x",
        "ip": "198.51.100.7",
        "url": "/one/",
        "href": f"{BLOG}/one/",
        "comment": "<p>So it is.</p>",
        "isSpam": False,
        "created": 1651243444000,
        "updated": 1651243444000,
    }
    rows = [
        common | {"_id": {"$oid": "5f1"}, "pid": "", "rid": "", "like": ["u1", "u2"], "top": True},
        common | {"_id": "5f2", "pid": "5f1", "rid": "5f1", "created": {"$numberLong": "1651243444000"}},
        common | {"_id": "5f3", "isSpam": True},
    ]
    summary = import_json(tmp_path, tuple(rows) if as_lines else rows, site)
    assert summary.by_status == {"approved": 2, "spam": 1}
    assert sketch(site) == ["So it is.", "  So it is.", "So it is.!"]
    assert set(Comment.objects.values_list("created_at", flat=True)) == {datetime(2022, 4, 29, 14, 44, 4, tzinfo=UTC)}
    assert Comment.objects.get(up=2).pinned_at is not None
    assert Article.objects.get().url == f"{BLOG}/one/"


def test_odd_rows_are_counted(site: Site, tmp_path: Path) -> None:
    rows: list[Any] = [
        row(1, "a"),
        row("1", "same id"),
        row(2**60 + 1, "large id"),
        row("3", "answer", pid=str(2**60 + 1)),
        row(4, "circle", pid=5),
        row(5, "round", pid=4),
        row(6, "missing", pid=99),
        row(7, None),
        row(8, "no name", nick=None, mail=None, link=None),
        row(9, "zero date", insertedAt="0000-00-00 00:00:00", createdAt=0),
        row(10, "likes", like=float(3)),
        row(11, "more likes", like=1e300),
        None,
        7,
    ]
    summary = import_json(tmp_path, waline(*rows), site, base=BLOG)
    assert (summary.created, summary.duplicate, summary.skipped) == (10, 1, 1)
    assert "  answer" in sketch(site)
    assert reasons(summary)["comments without a usable date were given their article's"] == 1
    assert sorted(Comment.objects.exclude(up=0).values_list("up", flat=True)) == [3, 10_000]
