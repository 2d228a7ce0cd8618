"""Confirmed lists of other systems: who comes in, who stays out, and what is kept as evidence."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q
from django.utils import timezone

from articles.models import Site
from project.addresses import email_key
from sharing.models import Consent, Delivery, DigestClock, Follow, Follower, Suppression
from sharing.services import follows, lists
from tests.factories import BEN, CY, make_article, make_comment, make_follow, make_site

pytestmark = pytest.mark.django_db

FEEDBURNER = """Email Address,Subscribed,Status
ben@example.org,"Mon, 12 Apr 2010 10:22:18 -0500",Active
cy@example.org,"Tue, 13 Apr 2010 08:00:00 -0500",Unverified
"""
JETPACK = """Email,Subscription Type,Email Subscription,Since
ben@example.org,Free,Subscribed,2021-03-05 10:00:00
cy@example.org,Free,Not confirmed,2021-03-05
dora@example.org,Free,Not subscribed,2021-03-05
eve@example.org,Free,Not sending,2021-03-05
"""
LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
u1,ben@example.org,Ben,"{""a"": ""b,c""}",enabled,2023-01-02 15:04:05.999999999 +0000 UTC,x
u2,cy@example.org,Cy,{},blocklisted,2023-01-02 15:04:05 +0000 UTC,x
u3,dora@example.org,Dora,{},disabled,2023-01-02 15:04:05 +0000 UTC,x
"""

CELLS = [
    *(b"ben@example.org", b"'=x@example.org", b"confirmed", b"active", b"pending", b"", b'"', b'""', b"'", b"-"),
    *(b"2020-01-01", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"Mon, 99 Foo 2020", b"2020-W01-1"),
    *(b"Mon 12 Apr 2010 10:22:18 -9999", b"2020-01-01 00:00:00.123456789 +0000 UTC", b"1e309", b"0000-00-00"),
    *(b"site", b"tag", b"author", b"article", b"comment", b"https://news.example.org/x", b"http://[::1", b"daily"),
    *(
        b"Europe/../UTC",
        b"../../etc",
        b"en-US",
        b"complaint manual",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
    ),
]


@pytest.fixture
def site() -> Site:
    return make_site("demo")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def run(path: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("import_followers", str(path), "--site", "demo", *arguments, stdout=out)
    return out.getvalue()


def report(path: Path, text: str | bytes, *arguments: str) -> dict[str, Any]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return dict(json.loads(run(path, "--json", *arguments)))


def followed() -> list[str]:
    return sorted(Follow.objects.confirmed().values_list("follower__address", flat=True))


@pytest.mark.parametrize(
    ("kind", "text", "left_out", "year"),
    [
        ("feedburner", FEEDBURNER, {"unconfirmed": 1}, 2010),
        ("jetpack", JETPACK, {"unconfirmed": 1, "unsubscribed": 1, "bounced": 1}, 2021),
        ("listmonk", LISTMONK, {"blocklisted": 1, "unsubscribed": 1}, 2023),
    ],
)
def test_only_those_who_agreed_come_in_with_their_evidence(
    site: Site, file: Path, kind: str, text: str, left_out: dict[str, int], year: int
) -> None:
    done = report(file, text)
    assert (done["format"], done["imported"], done["left_out"], done["bad"]) == (kind, 1, left_out, {})
    assert followed() == [BEN]
    step = Consent.objects.get()
    assert (step.event, step.door, step.address_key, step.happened_at.year) == (
        *("confirmed", "import"),
        email_key(BEN),
        year,
    )
    assert len(step.wording) == 64
    assert not Delivery.objects.exists() and not Suppression.objects.exists()
    assert Follower.objects.count() == 1


def test_the_same_file_twice_adds_nothing(site: Site, file: Path) -> None:
    report(file, FEEDBURNER)
    again = report(file, FEEDBURNER)
    assert (again["imported"], again["known"]) == (0, 1)
    assert Follow.objects.count() == Consent.objects.count() == 1


def test_a_dry_run_says_the_same_and_writes_nothing(site: Site, file: Path) -> None:
    dry = report(file, FEEDBURNER, "--dry-run")
    assert not Follower.objects.exists() and not Consent.objects.exists()
    assert dry == report(file, FEEDBURNER)


def test_the_follow_begins_now_so_that_nothing_of_the_past_is_told(site: Site, file: Path) -> None:
    report(file, FEEDBURNER)
    confirmed_at = Follow.objects.get().confirmed_at
    assert confirmed_at is not None and timezone.now() - confirmed_at < timedelta(minutes=10)


@pytest.mark.parametrize("target", ["site", "tag:Open  Source", "author:Ada"])
def test_what_they_follow_is_said_by_an_option(site: Site, file: Path, target: str) -> None:
    report(file, "email\nben@example.org\n", "--target", target)
    follow = Follow.objects.get()
    kind, _, name = target.partition(":")
    assert (follow.target_kind, follow.target_key) == (kind, " ".join(name.casefold().split()))


@pytest.mark.parametrize("target", ["", "tag:", "tag: ", "article:1", "nothing"])
def test_an_impossible_target_is_refused(site: Site, file: Path, target: str) -> None:
    file.write_text(FEEDBURNER)
    with pytest.raises(CommandError):
        run(file, "--target", target)


class TestWhoStaysOut:
    def test_one_who_ended_it_here(self, site: Site, file: Path) -> None:
        report(file, FEEDBURNER)
        follows.end_follows(Q(), door="page")
        assert report(file, FEEDBURNER)["ended"] == 1
        assert followed() == []

    def test_one_who_ended_it_and_was_asked_again_by_a_stranger(self, site: Site, file: Path) -> None:
        report(file, FEEDBURNER)
        follows.end_follows(Q(), door="page")
        follows.request_follow(site.pk, BEN, follows.targets.of_site(), door="api")
        assert report(file, FEEDBURNER)["ended"] == 1
        month = timezone.now() - timedelta(days=31)
        Follow.objects.update(created_at=month, confirmation_asked_at=month)
        Follower.objects.update(created_at=month)
        follows.prune_unconfirmed()
        assert not Follower.objects.exists()
        assert report(file, FEEDBURNER)["ended"] == 1
        assert not Follower.objects.exists()

    @pytest.mark.parametrize("kind", sorted(Suppression.NO_CONFIRMATION))
    def test_a_suppressed_address(self, site: Site, file: Path, kind: str) -> None:
        Suppression.objects.create(site=site, address_key=email_key(BEN), kind=kind)
        assert report(file, FEEDBURNER)["suppressed"] == 1
        assert not Follower.objects.exists()

    def test_what_happened_at_another_site_does_not_count(self, site: Site, file: Path) -> None:
        other = make_site()
        Suppression.objects.create(site=other, address_key=email_key(BEN), kind="manual")
        make_follow(other, BEN, status="unsubscribed")
        assert report(file, FEEDBURNER)["imported"] == 1

    def test_one_who_was_asked_and_has_not_answered_comes_in(self, site: Site, file: Path) -> None:
        follows.request_follow(site.pk, BEN, follows.targets.of_site(), door="api", frequency="weekly")
        assert report(file, FEEDBURNER)["imported"] == 1
        follow = Follow.objects.get()
        assert (follow.status, follow.frequency) == ("confirmed", "weekly")
        assert DigestClock.objects.filter(frequency="weekly").count() == 1


class TestBadRows:
    def test_each_is_named_by_line_and_reason_and_harms_no_other(self, site: Site, file: Path) -> None:
        text = (
            "email,status,confirmed_at,ip\n"
            ",confirmed,2020-01-01,\n"
            "no address,confirmed,2020-01-01,\n"
            "b\x07n@example.org,confirmed,2020-01-01,\n"
            f"{'x' * 3000}@example.org,confirmed,2020-01-01,\n"
            "cy@example.org,confirmed,31/12/20,\n"
            "cy@example.org,confirmed,1066-10-14,\n"
            "\n"
            '"two\nlines@example.org",confirmed,,\n'
            f'"{"y" * 200_000}",confirmed,,\n'
            "ben@example.org,confirmed,2020-01-01T00:00:00Z,192.0.2.1\n"
        )
        done = report(file, text)
        assert (done["rows"], done["imported"], followed()) == (9, 1, [BEN])
        assert [(bad["line"], bad["reason"]) for bad in done["bad_lines"]] == [
            (2, "no address"),
            (3, "not an address that mail can be sent to"),
            (4, "characters that no text has"),
            (5, "too long"),
            (6, "no date that can be read"),
            (7, "no date that can be read"),
            (9, "characters that no text has"),
            (11, "the line is no CSV, or longer than any address needs"),
        ]

    def test_at_most_twenty_are_named_and_all_are_counted(self, site: Site, file: Path) -> None:
        done = report(file, "email\n" + "x\n" * 50)
        assert len(done["bad_lines"]) == 20
        assert done["bad"] == {"not an address that mail can be sent to": 50}
        assert "line 21:" in run(file) and "line 22:" not in run(file)

    def test_a_line_without_end_is_one_bad_row(self, site: Site, file: Path) -> None:
        done = report(file, "email\n" + "x" * 3_000_000 + "\nben@example.org\n")
        assert (sum(done["bad"].values()), followed()) == (1, [BEN])

    def test_a_date_to_come_is_no_date(self, site: Site, file: Path) -> None:
        done = report(file, "email,confirmed_at\nben@example.org,2999-01-01\ncy@example.org,\n")
        assert (done["imported"], done["undated"]) == (2, 2)
        assert all(abs(step.happened_at - timezone.now()) < timedelta(minutes=10) for step in Consent.objects.all())

    def test_addresses_are_not_in_the_report(self, site: Site, file: Path) -> None:
        file.write_text("email,status\nben@example.org,active\nsecret@@example.org,active\n")
        assert "example.org" not in run(file) and "example.org" not in run(file, "--json")


class TestHostileFiles:
    def test_every_row_of_bad_addresses_is_accounted_for(self, site: Site, tmp_path: Path, shared_data: Path) -> None:
        lines = (shared_data / "badinput" / "emails_bad.jsonl").read_text(encoding="utf-8").splitlines()
        typed = [str(json.loads(line)["input"]) for line in lines]
        path = tmp_path / "list.csv"
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as out:
            csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["email", "status"], *([one, "active"] for one in typed)])
        done = dict(json.loads(run(path, "--json")))
        assert done["rows"] == len(typed) == done["imported"] + done["known"] + sum(done["bad"].values())
        assert not any(set(address) & set("\r\n\0 ,<>") for address in followed())

    @pytest.mark.parametrize("seed", range(20))
    def test_whatever_stands_in_the_cells_each_row_is_counted_once(self, site: Site, file: Path, seed: int) -> None:
        dice = random.Random(seed)
        rows = [dice.choices(CELLS, k=dice.randrange(1, 11)) for _ in range(60)]
        names = b"email,status,confirmed_at,language,timezone,target_kind,target_key,url,frequency,suppression\n"
        done = report(file, names + b"\n".join(b",".join(row) for row in rows))
        counted = [done[name] for name in ("imported", "known", "ended", "suppressed")]
        assert done["rows"] == sum(counted) + sum(done["left_out"].values()) + sum(done["bad"].values())


class TestSpellings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_encodings_and_delimiters(self, site: Site, file: Path, encoding: str, delimiter: str, end: str) -> None:
        rows = [["Name", "E-Mail", "Status"], ["Zoë", "zoe@example.org", "Confirmed"], ["Ünal", BEN, "active"]]
        done = report(file, "".join(delimiter.join(row) + end for row in rows).encode(encoding))
        assert (done["imported"], followed()) == (2, [BEN, "zoe@example.org"])
        assert any("Latin-1" in note for note in done["notes"]) == (encoding == "latin-1")

    def test_the_same_address_twice_is_one_follower(self, site: Site, file: Path) -> None:
        done = report(file, "email\nBen@example.org\nben@EXAMPLE.org\n")
        assert (done["imported"], done["known"], Follower.objects.get().address) == (1, 1, "Ben@example.org")

    @pytest.mark.parametrize(
        ("text", "arguments"),
        [
            ("", ()),
            ("\n\n", ()),
            ("name,age\nx,1\n", ()),
            ("ben@example.org\ncy@example.org\n", ()),
            ("email\nben@example.org\n", ("--format", "listmonk")),
            (LISTMONK, ("--format", "feedburner")),
            ("\x00\x00\x00\x00", ()),
            ('"' + "x" * 500_000, ()),
        ],
    )
    def test_what_is_no_list_is_refused_in_one_sentence(
        self, site: Site, file: Path, text: str, arguments: tuple[str, ...]
    ) -> None:
        file.write_text(text)
        with pytest.raises(CommandError) as refused:
            run(file, *arguments)
        assert refused.value.returncode == 2
        assert str(refused.value).endswith(".") and "\n" not in str(refused.value)

    @pytest.mark.parametrize("path", ["missing.csv", "."])
    def test_no_file(self, site: Site, tmp_path: Path, path: str) -> None:
        with pytest.raises(CommandError) as refused:
            run(tmp_path / path)
        assert refused.value.returncode == 2

    def test_a_format_can_be_insisted_on_and_any_list_is_csv(self, site: Site, file: Path) -> None:
        assert report(file, LISTMONK, "--format", "csv")["imported"] == 1


class TestOurOwnExport:
    def test_it_comes_back_as_it_was(self, site: Site, file: Path) -> None:
        old = make_site()
        pages = {where: make_article(where, path="/same") for where in (site, old)}
        make_follow(old, "=ben@example.org", article=pages[old])
        make_follow(old, BEN, tag="=bees")
        make_follow(old, BEN, author="ada")
        make_follow(old, BEN)
        make_follow(old, CY, comment=make_comment(pages[old]))
        make_follow(old, CY, status="unsubscribed")
        make_follow(old, "dora@example.org")
        Suppression.objects.create(site=old, address_key=email_key("dora@example.org"), kind="complaint")
        Follow.objects.filter(target_kind="tag").update(frequency="daily")
        Follower.objects.update(timezone="Europe/Berlin", language="de")
        call_command("export_followers", "--site", old.slug, "--output", str(file))
        done = json.loads(run(file, "--json"))
        assert (done["imported"], done["left_out"]) == (4, {"blocklisted": 1, "unsubscribed": 1})
        assert done["bad"] == {"follows what this site does not have": 1}
        came = Follow.objects.filter(site=site).order_by("target_kind").select_related("follower")
        assert [(follow.follower.address, follow.target_kind, follow.target_key) for follow in came] == [
            ("=ben@example.org", "article", str(pages[site].pk)),
            (BEN, "author", "ada"),
            (BEN, "site", ""),
            (BEN, "tag", "=bees"),
        ]
        assert {(follow.follower.timezone, follow.follower.language) for follow in came} == {("Europe/Berlin", "de")}
        assert [clock.frequency for clock in DigestClock.objects.filter(site=site)] == ["daily"]

    def test_the_date_is_that_of_the_evidence(self, site: Site, file: Path) -> None:
        old = make_site()
        make_follow(old)
        given = datetime(2019, 5, 6, 7, 8, 9, tzinfo=UTC)
        step = {"address_key": email_key(BEN), "target_kind": "site", "event": "confirmed", "door": "page"}
        Consent.objects.create(site=old, happened_at=given, **step)
        call_command("export_followers", "--site", old.slug, "--output", str(file))
        run(file)
        assert Consent.objects.get(site=site).happened_at == given


def test_batches_are_whole_whatever_their_number(site: Site, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "BATCH", 3)
    addresses = [f"n{number}@example.org" for number in range(10)]
    done = report(file, "email\n" + "\n".join([*addresses, *addresses]))
    assert (done["imported"], done["known"], followed()) == (10, 10, addresses)
