"""A site leaves as WXR: well formed whatever it holds, and read again as the same threads."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from lxml import etree

from articles.models import Site
from comments.interchange.detect import open_export
from comments.interchange.wxr import to_wxr
from comments.models import Comment
from comments.services.intake import take_in
from tests.comments.invariants import check_site
from tests.factories import make_article, make_comment, make_site

WP = "{http://wordpress.org/export/1.0/}"
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AS_READ = {"rejected": "removed"}

pytestmark = pytest.mark.django_db


def threads(site: Site) -> list[tuple[Any, ...]]:
    found = Comment.objects.filter(site=site).select_related("article", "parent").order_by("text")
    return [
        (
            c.article.url,
            c.text,
            c.parent and c.parent.text,
            c.author_email,
            c.created_at,
            AS_READ.get(c.status, c.status),
        )
        for c in found
    ]


@pytest.mark.parametrize(("kind", "provider"), [("wordpress", "wordpress"), ("disqus-custom", "disqus")])
def test_the_file_read_again_gives_the_same_threads(tmp_path: Path, kind: str, provider: str) -> None:
    old, new = make_site("old"), make_site("new")
    article = make_article(old, title="One & <two>")
    root = make_comment(article, body="First ]]> **bold**", created_at=WHEN)
    for status in ("approved", "pending", "spam", "rejected", "removed"):
        make_comment(article, root, body=f"It is {status}", status=status, created_at=WHEN)
    make_comment(make_article(make_site("other")), body="Not yours")
    path = tmp_path / "site.wxr"
    call_command("export_comments", "--site", "old", "--format", "wxr", "--output", str(path))
    summary = take_in(open_export(path, kind), new)
    assert (summary.complete, summary.created, summary.skipped, list(summary.warnings)) == (True, 6, 0, [])
    assert threads(new) == threads(old)
    assert set(Comment.objects.filter(site=new).values_list("provider", flat=True)) == {provider}
    check_site(new)


def test_parents_stand_first_and_ids_stay() -> None:
    site = make_site("old")
    root = make_comment(make_article(site))
    reply = make_comment(root.article, root)
    later = make_comment(root.article)
    out = StringIO()
    call_command("export_comments", "--site", "old", "--format", "wxr", stdout=out)
    tree = etree.fromstring(out.getvalue().encode())
    found = [(c.findtext(f"{WP}comment_id"), c.findtext(f"{WP}comment_parent")) for c in tree.iter(f"{WP}comment")]
    assert found == [(str(root.pk), "0"), (str(later.pk), "0"), (str(reply.pk), str(root.pk))]


def test_no_text_breaks_the_file() -> None:
    hostile = "]]></wp:comment>\x00\x08<!DOCTYPE x>&amp;\U0001f600"
    article = dict.fromkeys(["title", "url", "identifier", "html", "summary", "author_name", "state"], hostile)
    article |= {"id": 1, "tags": [hostile], "visibility": "public", "comments_open": True}
    comment = dict.fromkeys(["author_name", "author_email", "author_url", "html"], hostile)
    comment |= {"id": 2, "parent_id": None, "provider": "native", "created_at": WHEN, "status": "spam"}
    text = "".join(to_wxr(hostile, hostile, [(article | {"created_at": WHEN, "published_at": None}, [comment])]))
    tree = etree.fromstring(text.encode())
    (content,) = tree.iter(f"{WP}comment_content")
    assert content.text == hostile.replace("\x00\x08", "")


def test_a_real_blog_leaves_as_it_came(tmp_path: Path, shared_data: Path) -> None:
    old, new = make_site("old"), make_site("new")
    take_in(open_export(shared_data / "data" / "wordpress" / "theme-unit-test.xml"), old)
    path = tmp_path / "site.wxr"
    call_command("export_comments", "--site", "old", "--format", "wxr", "--output", str(path))
    summary = take_in(open_export(path, "wordpress"), new)
    assert (summary.complete, summary.created, summary.skipped) == (True, 32, 0)
    assert sorted(map(repr, threads(new))) == sorted(map(repr, threads(old)))
    check_site(new)
