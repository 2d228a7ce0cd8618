"""What mail servers send back, read: each style of report, and anything that is none."""

from __future__ import annotations

import time
from email.mime.multipart import MIMEMultipart
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies
from pytest_django import Settings

from project.tokens import BadToken
from sharing.reports import MAX_BYTES, NotAReport, Report, read_report
from sharing.statuses import blames_mailbox, is_hard, status_in
from sharing.verp import envelope_sender, read_envelope
from tests.returned import SAMPLES, TOKEN, sample

BOUNCE, MESSAGE_ID = "bounce+token@bounces.example.org", f"delivery-{TOKEN}@news.example.org"


def read(name: str) -> Report:
    return read_report(sample(name, BOUNCE, MESSAGE_ID))


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("postfix", "hard", "5.1.1"),
        ("postfix_delayed", "delayed", "4.4.1"),
        ("exim", "soft", "5.2.2"),
        ("exchange", "hard", "5.1.10"),
        ("gmail", "hard", "5.1.1"),
        ("utf8", "hard", "5.1.1"),
        ("expanded", "delivered", "2.0.0"),
        ("yahoo_complaint", "complaint", ""),
        ("outlook_complaint", "complaint", ""),
    ],
)
def test_reports_of_every_style_are_read(name: str, kind: str, status: str) -> None:
    report = read(name)
    assert (report.kind, report.status) == (kind, status)
    assert report.message_ids == (MESSAGE_ID,)
    is_named = name != "outlook_complaint"  # Outlook shows neither sender nor recipient
    assert (BOUNCE in report.addresses) == is_named


def test_what_the_server_said_is_one_line() -> None:
    says = read("gmail").says
    assert says.startswith("550-5.1.1 The email account")
    assert "\n" not in says


def test_an_old_report_without_a_form_is_a_soft_bounce_of_whoever_it_was_addressed_to() -> None:
    report = read("exim_old")
    assert (report.kind, report.status, report.message_ids) == ("soft", "", ())
    assert BOUNCE in report.addresses


@pytest.mark.parametrize("name", ["auto_reply", "not_spam", "broken"])
def test_other_mail_is_no_report(name: str) -> None:
    with pytest.raises(NotAReport):
        read(name)


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"\0" * 100, b"From: \xff\xfe\r\n\r\n", b"Content-Type: multipart/report"]
)
def test_nothing_is_no_report(raw: bytes) -> None:
    with pytest.raises(NotAReport):
        read_report(raw)


def test_what_is_too_large_is_not_looked_at() -> None:
    whole = sample("postfix", BOUNCE, MESSAGE_ID)
    assert read_report(whole + b" " * (MAX_BYTES - len(whole))).kind == "hard"
    with pytest.raises(NotAReport, match="more than"):
        read_report(whole + b" " * (MAX_BYTES - len(whole) + 1))


def nested(depth: int) -> bytes:
    opened = [f'Content-Type: multipart/report; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth)]
    return "".join(opened).encode()


HOSTILE = {
    "parts in parts": nested(15_000),
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
    "many parts": b'Content-Type: multipart/report; boundary="b"\r\n\r\n' + b"--b\r\n\r\n" * 120_000,
    "many headers": b"X-Failed-Recipients: ben@example.org\r\n" * 25_000,
    "one long header": b"X-Failed-Recipients: ben@example.org\r\nTo: " + b"a@" * 500_000,
    "one long word": b"X-Failed-Recipients: ben@example.org\r\nTo: " + b"a" * 1_000_000,
    "many blocks": MIMEMultipart("report", boundary="b").as_bytes()
    + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"Action: failed\r\nStatus: 5.1.1\r\n\r\n" * 30_000,
    "a long status": MIMEMultipart("report", boundary="b").as_bytes()
    + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: "
    + b"5." * 400_000,
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_ends(name: str) -> None:
    raw = HOSTILE[name][:MAX_BYTES]
    began = time.process_time()
    try:
        report = read_report(raw)
    except NotAReport:
        report = None
    print(f"{name}: {time.process_time() - began:.2f} s of the processor, {report and report.kind}")
    assert report is None or len(report.addresses) <= 20


@strategies.composite
def mutated(draw: strategies.DrawFn) -> bytes:
    """A sample with pieces cut out, doubled, exchanged or overwritten."""
    raw = bytearray(sample(draw(strategies.sampled_from(SAMPLES)), BOUNCE, MESSAGE_ID))
    for _ in range(draw(strategies.integers(1, 6))):
        start = draw(strategies.integers(0, len(raw)))
        end = draw(strategies.integers(start, min(len(raw), start + 200)))
        piece = bytes(raw[start:end])
        raw[start:end] = draw(
            strategies.one_of(
                strategies.binary(max_size=20),
                strategies.just(piece * 2),
                strategies.just(piece[::-1]),
                strategies.sampled_from(
                    [b"\r\n\r\n", b"--", b"=?utf-8?b?/////w==?=", b"\xff", b'charset="\0"', b";", b""]
                ),
            )
        )
    return bytes(raw)


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_whatever_comes_is_a_report_or_one_error(raw: bytes) -> None:
    try:
        report = read_report(raw)
    except NotAReport as error:
        assert "\n" not in str(error)
    else:
        assert len(report.says) <= 300
        assert "\n" not in report.says


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("550 5.1.1 unknown", "5.1.1"),
        ("550-5.1.1 The account", "5.1.1"),
        ("550 5.0.0 (5.2.2 full)", "5.2.2"),
        ("5.0.0", "5.0.0"),
        ("05.1.1 5.01.01", "5.1.1"),
        ("from 192.0.2.1 and 4.5.1.1", ""),
        ("", ""),
    ],
)
def test_the_status_is_found_in_what_a_server_says(text: str, status: str) -> None:
    assert status_in(text) == status


def test_only_what_is_said_of_the_mailbox_counts_against_it() -> None:
    assert [is_hard(one) for one in ("5.1.1", "5.1.10", "5.2.1", "5.2.2", "5.7.1", "4.1.1", "")] == [True] * 3 + [
        False
    ] * 4
    assert [blames_mailbox(one) for one in ("", "5.2.2", "4.4.1", "5.7.1", "5.3.4", "5.6.0")] == [True] * 3 + [
        False
    ] * 3


@pytest.fixture
def bounce_address(settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = "bounce@bounces.example.org"


@pytest.mark.usefixtures("bounce_address")
def test_a_bounce_address_names_its_delivery_in_any_case_and_fits_into_an_address() -> None:
    address = envelope_sender(TOKEN)
    local, _, host = address.partition("@")
    assert (host, len(local) <= 64) == ("bounces.example.org", True)
    assert read_envelope(address) == read_envelope(f"<{address.upper()}>") == TOKEN
    assert read_envelope("ben@example.org") is read_envelope("bounce@bounces.example.org") is None


@pytest.mark.usefixtures("bounce_address")
@pytest.mark.parametrize("at", range(7, 49))
def test_a_changed_bounce_address_is_forged(at: int) -> None:
    address = envelope_sender(TOKEN)
    other = "b" if address[at] != "b" else "c"
    with pytest.raises(BadToken):
        read_envelope(address[:at] + other + address[at + 1 :])


def test_without_an_address_for_bounces_there_is_none(settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = ""
    assert envelope_sender(TOKEN) == ""
    assert read_envelope("bounce+x@bounces.example.org") is None


def test_every_sample_is_used() -> None:
    assert {path.stem for path in (Path(__file__).parent.parent / "sharing/returned").iterdir()} == set(SAMPLES)


def test_headers_that_would_cost_seconds_are_not_parsed() -> None:
    inner = b"--a\nContent-Type: multipart/report; " + b'";' * 300_000 + b"\n\nx\n--a--\n"
    with pytest.raises(NotAReport, match="headers are too long"):
        read_report(b"Content-Type: multipart/mixed; boundary=a\n\n" + inner)
