"""Isso's database: what it holds comes over, and whatever else calls itself one is refused or counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from articles.models import Article, Site
from comments.interchange import isso
from comments.interchange.detect import open_export
from comments.interchange.pages import Base
from comments.interchange.records import NotImportable
from comments.models import Comment, ExternalRef, Vote
from comments.services.intake import Summary, take_in
from tests.comments.exports import import_path, reasons, sketch
from tests.factories import make_site

pytestmark = pytest.mark.django_db

# As Isso makes it.
SCHEMA = """
    CREATE TABLE preferences (key VARCHAR PRIMARY KEY, value VARCHAR);
    CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));
    CREATE TABLE comments (tid REFERENCES threads(id), id INTEGER PRIMARY KEY, parent INTEGER, created FLOAT NOT NULL,
        modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR, author VARCHAR, email VARCHAR, website VARCHAR,
        likes INTEGER DEFAULT 0, dislikes INTEGER DEFAULT 0, voters BLOB NOT NULL,
        notification INTEGER NOT NULL DEFAULT 0);
    CREATE TRIGGER remove_stale_threads AFTER DELETE ON comments
        BEGIN DELETE FROM threads WHERE id NOT IN (SELECT tid FROM comments); END;
    PRAGMA user_version = 5;
"""
BLOG = "https://blog.example"
CREATED = 1577934245.5  # 2020-01-02 03:04:05.5 UTC


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "comments.db"
    run(path, SCHEMA)
    run(path, "INSERT INTO threads VALUES (1, '/one/', 'The first story')")
    return path


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def add(path: Path, number: Any, text: Any = "Well said.", **fields: Any) -> None:
    row = {"id": number, "tid": 1, "created": CREATED, "mode": 1, "text": text, "author": "Ben", "voters": b""} | fields
    row = {"remote_addr": "192.0.2.0"} | row
    names = ", ".join(row)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO comments ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def bring(path: Path, site: Site, **options: Any) -> Summary:
    return import_path(path, site, base=options.pop("base", BLOG), **options)


def refusal(path: Path, site: Site, **options: Any) -> str:
    with pytest.raises(NotImportable) as refused:
        bring(path, site, **options)
    assert not Article.objects.exists()
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_a_comment_comes_with_all_that_is_known_of_it(site: Site, database: Path) -> None:
    person = {"email": "Ben@Example.org", "website": "ben.example"}
    add(database, 7, "It is **so**,\nand `this`.", modified=CREATED + 60, likes=3, dislikes=1, **person)
    summary = bring(database, site)
    assert summary.complete
    assert (summary.by_provider, summary.by_status) == ({"native": 1}, {"approved": 1})
    comment = Comment.objects.get()
    assert comment.html == "<p>It is <strong>so</strong>,<br>\nand <code>this</code>.</p>\n"
    assert comment.source == comment.html
    assert (comment.author_name, comment.author_email, comment.author_url) == (
        "Ben",
        "Ben@example.org",
        "http://ben.example/",
    )
    assert comment.created_at == datetime(2020, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)
    assert comment.edited_at == datetime(2020, 1, 2, 3, 5, 5, 500_000, tzinfo=UTC)
    assert (comment.up, comment.down) == (3, 1)
    article = Article.objects.get()
    assert (article.url, article.title, article.visibility) == (f"{BLOG}/one/", "The first story", "public")


def test_its_identity_outside_names_the_system_and_the_host(site: Site, database: Path) -> None:
    add(database, 7)
    bring(database, site)
    reference = ExternalRef.objects.get()
    assert (reference.provider, reference.source, reference.external_id) == ("native", "isso:blog.example", "7")


def test_no_address_of_a_network_is_taken(site: Site, database: Path) -> None:
    add(database, 7, likes=1, remote_addr="198.51.100.7")
    bring(database, site)
    assert "198.51.100.7" not in repr(list(Comment.objects.values()) + list(Vote.objects.values()))
    assert Vote.objects.get().network_key == ""


def test_modes_are_states_and_a_deleted_comment_with_answers_stays_as_a_tombstone(site: Site, database: Path) -> None:
    add(database, 1, "", mode=4, author=None)
    add(database, 2, "b", parent=1)
    add(database, 3, "c", mode=2)
    add(database, 4, "d", mode=8)
    summary = bring(database, site)
    assert summary.by_status == {"approved": 1, "pending": 2, "removed": 1}
    assert sketch(site) == ["!", "  b", "c!", "d!"]
    assert Comment.objects.get(status="removed").shown_replies == 1
    assert reasons(summary) == {"comments in an unknown state were held for a moderator": 1}


def test_votes_have_keys_that_no_voter_can_have_and_come_once(site: Site, database: Path) -> None:
    add(database, 1, likes=2)
    add(database, 2, likes=1, dislikes=4)
    bring(database, site)
    keys = list(Vote.objects.values_list("voter_key", flat=True))
    assert len(set(keys)) == 7
    assert all(key.startswith("import:") for key in keys)
    assert bring(database, site).duplicate == 2
    assert Vote.objects.count() == 7


def test_too_many_votes_are_bounded(site: Site, database: Path) -> None:
    add(database, 1, likes=1 << 40, dislikes=-5)
    summary = bring(database, site)
    assert (Comment.objects.get().up, Comment.objects.get().down) == (10_000, 0)
    assert reasons(summary) == {"of the votes for or against a comment only 10,000 were taken over": 1}


def test_a_second_import_adds_only_what_is_new(site: Site, database: Path) -> None:
    add(database, 1, "a")
    bring(database, site)
    add(database, 2, "b", parent=1)
    summary = bring(database, site)
    assert (summary.created, summary.duplicate, summary.articles_created) == (1, 1, 0)
    assert sketch(site) == ["a", "  b"]


def test_without_a_base_the_sentence_says_what_to_give(database: Path) -> None:
    add(database, 1)
    assert "--base https://blog.example" in refusal(database, make_site(), base="")


def test_the_sites_one_origin_will_do(site: Site, database: Path) -> None:
    add(database, 1)
    bring(database, site, base="", fallback="https://news.example.org")
    assert Article.objects.get().url == "https://news.example.org/one/"


def test_parents_that_are_missing_or_go_round_make_roots(site: Site, database: Path) -> None:
    for number, parent in ((1, 2), (2, 1), (3, 3), (4, 99)):
        add(database, number, str(number), parent=parent)
    summary = bring(database, site)
    assert sketch(site) == ["1", "  2", "3", "4"]
    assert sum(reasons(summary).values()) == 3


def test_odd_values_cost_no_other_comment(site: Site, database: Path) -> None:
    add(database, 1, "no date", created=0)
    add(database, 2, None)
    add(database, 3, b"\xff\xfe")
    add(database, 4, 5, author=6, created="x", modified="y", likes="many", email=b"z", website=7)
    add(database, 5, "of no thread", tid=9)
    add(database, 6, "of no thread", tid=None)
    add(database, 1 << 60, "large id", parent=-1)
    summary = bring(database, site)
    assert sorted(Comment.objects.values_list("text", flat=True)) == ["5", "large id", "no date"]
    assert summary.skipped == 4
    assert ExternalRef.objects.filter(external_id=str(1 << 60)).exists()


def test_a_text_that_is_no_utf8_is_read_as_far_as_it_is(site: Site, database: Path) -> None:
    add(database, 1)
    run(database, "UPDATE comments SET text = CAST(x'61ff62' AS TEXT)")
    bring(database, site)
    assert Comment.objects.get().text == "a\ufffdb"


def test_a_row_that_is_too_large_is_left_out(site: Site, database: Path) -> None:
    add(database, 1, "a")
    add(database, 2, "b" * (9 << 20))
    add(database, 3, "c")
    summary = bring(database, site)
    assert (sketch(site), summary.skipped, summary.complete) == (["a", "c"], 1, True)


def test_markup_in_a_text_is_cleaned_last(site: Site, database: Path) -> None:
    add(database, 1, 'Hi <script>alert(1)</script><b onclick="x()">you</b> [x](javascript:alert(1))')
    bring(database, site)
    html = Comment.objects.get().html
    assert "<b>you</b>" in html
    assert not any(bad in html for bad in ("script>", "onclick", 'href="javascript'))


def test_nothing_is_written_beside_the_database(site: Site, database: Path) -> None:
    add(database, 1)
    before = (database.stat().st_mtime_ns, database.read_bytes())
    database.parent.chmod(0o555)
    try:
        bring(database, site)
    finally:
        database.parent.chmod(0o755)
    assert [path.name for path in database.parent.iterdir()] == ["comments.db"]
    assert (database.stat().st_mtime_ns, database.read_bytes()) == before


def test_a_journal_beside_it_must_be_finished_first(site: Site, database: Path) -> None:
    add(database, 1)
    database.with_name("comments.db-wal").write_bytes(b"x")
    assert "stop it first" in refusal(database, site)


def test_another_database_is_refused(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    run(path, "CREATE TABLE comments (id INTEGER PRIMARY KEY, body TEXT)")
    assert refusal(path, site) == "The file is a SQLite database, but not Isso's."


@pytest.mark.parametrize(
    "comments",
    [
        # A view that never ends.
        "CREATE VIEW comments AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id FROM n)"
        " SELECT id, 1 AS tid, 0 AS parent, 1e9 AS created, 1 AS mode, 'x' AS text FROM n",
        # A generated column in the place of the text.
        "CREATE TABLE comments (id INTEGER PRIMARY KEY, tid, created, mode, text AS (hex(zeroblob(9))))",
        # An id that does not count the rows.
        "CREATE TABLE comments (id TEXT, tid, created, mode, text)",
        "CREATE VIRTUAL TABLE comments USING fts5(id, tid, created, mode, text)",
    ],
)
def test_only_plain_tables_are_read(site: Site, tmp_path: Path, comments: str) -> None:
    path = tmp_path / "cunning.db"
    run(path, f"CREATE TABLE threads (id INTEGER PRIMARY KEY, uri, title); {comments}")
    assert refusal(path, site) == "The file is a SQLite database, but not Isso's."


def test_a_damaged_database_gives_what_can_be_read(site: Site, database: Path) -> None:
    for number in range(1, 400):
        add(database, number, f"{number} " + "x" * 300)
    raw = bytearray(database.read_bytes())
    assert len(raw) > 30 * 4096
    raw[20 * 4096 :] = b"\xff" * (len(raw) - 20 * 4096)
    database.write_bytes(raw)
    summary = bring(database, site)
    assert not summary.complete
    assert 0 < summary.created < 399
    assert "the file is damaged and could be read only to that place" in reasons(summary)


@pytest.mark.parametrize("size", [16, 100, 2000])
def test_a_database_cut_short_at_its_head_is_refused(site: Site, database: Path, size: int) -> None:
    database.write_bytes(database.read_bytes()[:size])
    assert "cannot be read" in refusal(database, site)


def test_no_row_may_take_for_ever(site: Site, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 50):
        add(database, number)
    reader = open_export(database, "isso", Base(BLOG))
    monkeypatch.setattr(isso, "PORTION", 1)
    monkeypatch.setattr(isso, "MOST_PORTIONS", 5)
    summary = take_in(reader, site)
    assert not summary.complete
    assert summary.created == 0
