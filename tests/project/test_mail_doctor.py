"""`manage.py doctor mail`, against a real name server and a message that was really sent and really signed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import dkim
import dns.resolver
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.factories import CY, make_article, make_comment, make_follow, make_site
from tests.mailing import planned, send, sink
from tests.name_server import SILENT, NameServer, name_server
from tests.smtp_sink import SmtpSink

__all__ = ["sink"]

LEAVES = "203.0.113.7"
MUST_COVER = [b"from", b"to", b"subject", b"list-unsubscribe", b"list-unsubscribe-post"]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def names(settings: Settings, key: rsa.RSAPrivateKey, sink: SmtpSink) -> Iterator[NameServer]:
    settings.MAIL_FROM = "News <news@mail.example.org>"
    settings.BOUNCE_ADDRESS = "bounce@bounces.example.org"
    settings.REPLY_ADDRESS = "reply@replies.example.org"
    system = dns.resolver.default_resolver
    public = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    with name_server() as server:
        server.records = {
            ("bounces.example.org.", "TXT"): ['"v=spf1 ip4:203.0.113.0/24 -all"'],
            ("bounces.example.org.", "MX"): ["10 mx.example.org."],
            ("replies.example.org.", "MX"): ["10 in.example.org."],
            ("7.113.0.203.in-addr.arpa.", "PTR"): ["mx.example.org."],
            ("mx.example.org.", "A"): [LEAVES],
            ("_dmarc.example.org.", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:d@example.org"'],
            ("a._domainkey.example.org.", "TXT"): [f'"v=DKIM1; k=rsa; p={public[:200]}" "{public[200:]}"'],
        }
        yield server
    dns.resolver.default_resolver = system


@pytest.fixture
def notice(db: None, sink: SmtpSink) -> bytes:
    """One of our messages as a mail server got it from us, unsigned."""
    article = make_article(make_site())
    make_follow(article.site, CY, article=article)
    planned(article, make_comment(article))
    send()
    return sink.wait_for(1, to=CY)[0].as_bytes()


def signed(
    message: bytes, key: rsa.RSAPrivateKey, *, domain: bytes = b"example.org", cover: list[bytes] = MUST_COVER
) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    written: bytes = dkim.sign(message, b"a", domain, pem, include_headers=cover)
    return written + message


def doctor(
    names: NameServer, *options: Any, message: bytes | None = None, folder: Path | None = None
) -> dict[str, str]:
    """Each check's state and fact; `exit` is "1" where the command ends so."""
    if message is not None and folder is not None:
        (folder / "mail.eml").write_bytes(message)
        options = (*options, "--message", str(folder / "mail.eml"))
    out, ended = StringIO(), "0"
    try:
        call_command("doctor", "mail", "--nameserver", names.address, "--sent-from", LEAVES, *options, stdout=out)
    except SystemExit as end:
        ended = str(end.code)
    lines = [line.partition(" ") for line in out.getvalue().splitlines()]
    return {rest.strip()[:14].strip(): f"{state}: {rest.strip()[14:].strip()}" for state, _, rest in lines} | {
        "exit": ended
    }


def test_all_is_well(names: NameServer, notice: bytes, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    found = doctor(names, message=signed(notice, key), folder=tmp_path)
    assert found.pop("exit") == "0"
    assert list(found) == ["mail", "spf", "ptr", "dmarc", "dkim", "way back", "answers"]
    assert all(one.startswith("ok: ") for one in found.values()), found
    assert found["ptr"] == f"ok: {LEAVES} is mx.example.org"
    assert found["dkim"] == "ok: signed by example.org, with both headers of one-click unsubscribing"


FAULTS: list[tuple[str, tuple[str, str], list[str] | None, str]] = [
    ("spf", ("bounces.example.org.", "TXT"), None, "failed: bounces.example.org, 203.0.113.7: has no SPF record"),
    ("spf", ("bounces.example.org.", "TXT"), ['"v=spf1 ip4:192.0.2.1 -all"'], "it is not ours"),
    ("spf", ("bounces.example.org.", "TXT"), ['"v=spf1 ~all"'], "probably not ours"),
    ("spf", ("bounces.example.org.", "TXT"), ['"v=spf1 -all"', '"v=spf1 +all"'], "the record is broken"),
    ("spf", ("bounces.example.org.", "TXT"), ['"v=spf1 nonsense:x"'], "the record is broken"),
    ("ptr", ("7.113.0.203.in-addr.arpa.", "PTR"), None, f"failed: {LEAVES} has no name"),
    ("ptr", ("mx.example.org.", "A"), ["192.0.2.9"], "has another address"),
    ("dmarc", ("_dmarc.example.org.", "TXT"), None, "failed: _dmarc.mail.example.org has no record"),
    ("dmarc", ("_dmarc.example.org.", "TXT"), ['"v=DMARC1; p=none"'], "degraded: _dmarc.example.org: p=none"),
    ("dmarc", ("_dmarc.example.org.", "TXT"), ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"'], "counts as none"),
    ("dmarc", ("_dmarc.example.org.", "TXT"), ['"v=DMARC1; p"'], "has no policy"),
    ("way back", ("bounces.example.org.", "MX"), None, "failed: bounces.example.org has no mail server"),
    ("answers", ("replies.example.org.", "MX"), None, "failed: replies.example.org has no mail server (MX) that"),
    ("dkim", ("a._domainkey.example.org.", "TXT"), None, "failed: "),
    ("dkim", ("a._domainkey.example.org.", "TXT"), ['"v=DKIM1; p="'], "failed: "),
]


@pytest.mark.parametrize(("check", "record", "value", "says"), FAULTS)
def test_each_fault_is_named(
    names: NameServer,
    notice: bytes,
    key: rsa.RSAPrivateKey,
    tmp_path: Path,
    check: str,
    record: tuple[str, str],
    value: list[str] | None,
    says: str,
) -> None:
    del names.records[record]
    if value:
        names.records[record] = value
    found = doctor(names, message=signed(notice, key), folder=tmp_path)
    assert says in found[check], found
    assert found["exit"] == ("0" if "degraded" in found[check] else "1")


def test_a_signature_must_be_whole_ours_and_cover_both_headers(
    names: NameServer, notice: bytes, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    names.records["a._domainkey.other.example.", "TXT"] = names.records["a._domainkey.example.org.", "TXT"]
    whole = signed(notice, key)
    for message, says in (
        (notice, "has no signature"),
        (whole + b"More.\r\n", "does not fit"),
        (signed(notice, key, domain=b"other.example"), "is other.example's, the sender's domain is mail.example.org"),
        (signed(notice, key, cover=[b"from", b"list-unsubscribe"]), "does not cover list-unsubscribe-post"),
        (b"DKIM-Signature: v=1; a=nonsense\r\n" + notice, "does not fit the message: missing"),
        (b"From: a@example.org\r\n\r\nHi", "no list-unsubscribe; take one about an article"),
        (b"\0\xff" * 100, "no list-unsubscribe"),
    ):
        found = doctor(names, message=message, folder=tmp_path)
        assert found["dkim"].startswith("failed: ") and says in found["dkim"], (says, found["dkim"])
    # Another's signature beside ours does no harm.
    assert doctor(names, message=signed(whole, key, domain=b"other.example"), folder=tmp_path)["dkim"][:3] == "ok:"


def test_what_cannot_be_known_is_no_failure(
    names: NameServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project.mail_records.SECONDS", 0.5)
    settings.MAIL_FROM, settings.BOUNCE_ADDRESS = f"news@{SILENT[:-1]}", ""
    settings.REPLY_ADDRESS = f"reply@{SILENT[:-1]}"
    found = doctor(names)
    assert found["spf"].startswith("degraded: ") and found["dmarc"].startswith("degraded: the name server gave no")
    assert found["dkim"].startswith("degraded: not looked at: follow an article")
    assert found["way back"].startswith("degraded: neither BOUNCE_ADDRESS")
    assert found["answers"].startswith("degraded: the name server gave no")
    assert found["exit"] == "0"
    settings.REPLY_ADDRESS = ""
    assert "answers" not in doctor(names)
    settings.MAIL_EVENTS_SECRET = "s" * 20
    assert doctor(names)["way back"].startswith("ok: events come to")


@pytest.mark.parametrize("options", [["--nameserver", "nobody"], ["--nameserver", "127.0.0.1:port"]])
def test_bad_options_are_one_sentence(options: list[str]) -> None:
    with pytest.raises(CommandError, match="--nameserver"):
        call_command("doctor", "mail", *options)


def test_an_absent_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("doctor", "mail", "--message", str(tmp_path / "none.eml"))
