"""A site leaves with its conversations as JSON lines."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from articles.models import Site
from comments.models import Comment, ExternalRef, Identity, Revision, Vote
from tests.factories import make_article, make_comment, make_reader, make_site

pytestmark = pytest.mark.django_db


def export(site: Site) -> str:
    out = StringIO()
    call_command("export_comments", "--site", site.slug, "--format", "json", stdout=out)
    return out.getvalue()


def full_site() -> Site:
    site = make_site("old")
    article = make_article(site, html="<p>Body</p>", tags=["a", "b"], identifier="story-1")
    make_article(site)
    reader = make_reader(site, name="Zoë")
    Identity.objects.create(site=site, reader=reader, provider="sso", subject="42")
    root = make_comment(article, body="A **bold** word\u2028and <tags> & ]]>", reader=reader, up=1)
    reply = make_comment(article, root, body="An answer", author_email="")
    for status in ("pending", "spam", "rejected", "removed"):
        make_comment(article, reply, body=f"It is {status}", status=status)
    make_comment(article, reply, body="Deeper", provider="wordpress")
    Vote.objects.create(site=site, article=article, comment=root, voter_key="a" * 32, network_key="b" * 32, value=1)
    Revision.objects.create(site=site, comment=root, number=1, source="Old", text_hash="c" * 64, editor="author")
    for source in ("https://blog.example.org/", f"article:{article.pk}"):
        ExternalRef.objects.create(site=site, comment=reply, provider="wordpress", source=source, external_id="7")
    return site


def test_every_record_is_a_line_between_head_and_foot() -> None:
    lines = [json.loads(line) for line in export(full_site()).splitlines()]
    assert lines[0] == {"type": "head", "format": "afterword", "version": 1}
    totals = {"article": 2, "reader": 1, "comment": 7, "reference": 2, "revision": 1, "vote": 1}
    assert lines[-1] == {"type": "foot", "totals": totals}
    assert len(lines) == 2 + sum(totals.values())


def test_nothing_of_another_site_and_no_secret_is_in_the_file() -> None:
    site = full_site()
    make_comment(make_article(make_site("other")), body="Not yours")
    text = export(site)
    assert "Not yours" not in text
    nonces = list(Comment.objects.values_list("nonce", flat=True))
    assert nonces
    assert not [nonce for nonce in nonces if str(nonce) in text or nonce.hex in text]


def test_a_file_is_packed_for_its_owner_only_and_the_same_each_time(tmp_path: Path) -> None:
    site = full_site()
    paths = [tmp_path / "one.gz", tmp_path / "two.gz"]
    for path in paths:
        call_command("export_comments", "--site", "old", "--format", "json", "--output", str(path))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert gzip.decompress(paths[0].read_bytes()).decode() == export(site)
    assert paths[0].stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == paths


@pytest.mark.parametrize("arguments", [["--site", "none"], ["--site", "old", "--output", "/nowhere/at/all.json"]])
def test_what_cannot_be_done_is_one_sentence(arguments: list[str]) -> None:
    make_site("old")
    with pytest.raises(CommandError) as refused:
        call_command("export_comments", "--format", "json", *arguments)
    assert refused.value.returncode == 2
