"""Who follows a site, with the evidence, in a file that a spreadsheet opens safely."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from project.addresses import email_key
from project.spreadsheets import BEGINS_A_FORMULA, guarded, unguarded
from sharing import targets
from sharing.models import Consent, Follow, Suppression
from sharing.selectors import evidence
from sharing.services import follows
from tests.factories import BEN, CY, make_article, make_follow, make_site


def exported(site: str) -> list[dict[str, str]]:
    out = StringIO()
    call_command("export_followers", "--site", site, stdout=out)
    return list(csv.DictReader(StringIO(out.getvalue())))


def test_a_follow_comes_with_every_step_of_its_consent(db: None) -> None:
    article = make_article()
    follows.request_follow(
        article.site_id, "Ben@Example.org", targets.of_article(article.pk), door="api", zone="Europe/Berlin"
    )
    follow = Follow.objects.get()
    sent = {"target_kind": follow.target_kind, "target_key": follow.target_key, "wording": "a" * 64, "door": "mail"}
    Consent.objects.create(site=article.site, address_key=email_key(BEN), event="confirmation_sent", **sent)
    follows.confirm_follow(follow.pk, 1, door="page")
    (row,) = exported(article.site.slug)
    assert list(row) == list(evidence.COLUMNS)
    assert (row["address"], row["timezone"], row["frequency"]) == ("Ben@example.org", "Europe/Berlin", "immediate")
    assert (row["target_kind"], row["target_key"], row["url"]) == ("article", str(article.pk), article.public_url)
    assert (row["status"], row["suppression"], row["unsubscribed_at"]) == ("confirmed", "", "")
    assert [row[f"evidence_{step}_door"] for step in evidence.STEPS] == ["api", "mail", "page"]
    assert row["evidence_confirmation_sent_wording"] == "a" * 64
    assert row["confirmed_at"].endswith("Z")
    assert row["evidence_requested_at"] <= row["evidence_confirmation_sent_at"] <= row["evidence_confirmed_at"]


def test_the_newest_step_counts_and_none_of_another_target_address_or_site(db: None) -> None:
    article = make_article()
    make_follow(article.site, article=article)
    of = {"target_kind": "article", "target_key": str(article.pk), "event": "confirmed"}
    key = email_key(BEN)
    for door in ("old", "new"):
        Consent.objects.create(site=article.site, address_key=key, door=door, **of)
    Consent.objects.create(site=article.site, address_key=email_key(CY), door="cy", **of)
    Consent.objects.create(site=make_site(), address_key=key, door="elsewhere", **of)
    Consent.objects.create(site=article.site, address_key=key, door="site", event="confirmed", target_kind="site")
    (row,) = exported(article.site.slug)
    assert (row["evidence_confirmed_door"], row["evidence_requested_door"]) == ("new", "")


def test_every_status_and_suppression_is_told_and_nothing_of_another_site(db: None) -> None:
    site = make_site()
    make_follow(make_site(), "elsewhere@example.org")
    for status in Follow.Status.values:
        make_follow(site, f"{status}@example.org", status=status)
    for kind in ("manual", "author"):
        Suppression.objects.create(site=site, address_key=email_key("confirmed@example.org"), kind=kind)
    rows = exported(site.slug)
    assert [(row["address"], row["status"], row["suppression"]) for row in rows] == [
        ("unconfirmed@example.org", "unconfirmed", ""),
        ("confirmed@example.org", "confirmed", "author manual"),
        ("unsubscribed@example.org", "unsubscribed", ""),
    ]


@pytest.mark.parametrize("tag", ["=1+1", "+1", "-1", "@sum(a1)", "'=1", "＝1", '=cmd|"/c calc"!a1'])
def test_what_a_stranger_typed_is_no_formula(db: None, tag: str) -> None:
    site = make_site()
    follows.request_follow(site.pk, "=x@example.org", targets.Target("tag", tag), door="api")
    (row,) = exported(site.slug)
    assert (row["address"], row["target_key"]) == ("'=x@example.org", f"'{tag}")
    assert unguarded(row["target_key"]) == tag


@pytest.mark.parametrize(
    "cell", ["", "a=1", "'", "''", "'a", "ben@example.org", *(f"{one}x" for one in BEGINS_A_FORMULA)]
)
def test_guarding_can_be_taken_back(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
    assert not guarded(cell).startswith(BEGINS_A_FORMULA)


def test_what_is_read_in_pieces_is_whole(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "ROWS_AT_ONCE", 2)
    site = make_site()
    for number in range(5):
        make_follow(site, f"n{number}@example.org")
    found = [row[0] for row in evidence.follows_with_evidence(site)]
    assert found == [f"n{number}@example.org" for number in range(5)]


def test_a_file_is_made_for_its_owner_only_and_never_written_over(db: None, tmp_path: Path) -> None:
    site, file = make_site(), tmp_path / "followers.csv"
    make_follow(site)
    call_command("export_followers", "--site", site.slug, "--output", str(file))
    assert BEN in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    for wrong in (("--site", site.slug, "--output", str(file)), ("--site", "nowhere")):
        with pytest.raises(CommandError) as refused:
            call_command("export_followers", *wrong, stdout=StringIO())
        assert refused.value.returncode == 2
