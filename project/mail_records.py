"""What mail servers see of us: the records of our domains, and the signature of a message that came through.

`manage.py doctor mail` shows it. Rules: SPF RFC 7208 (by pyspf), DKIM RFC 6376 (by dkimpy), DMARC RFC 9989, and of
RFC 8058 section 4, that a signature covers both headers of one-click unsubscribing. One resolver is asked for all.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Final

import dkim
import dns.resolver
import dns.reversename
import spf
from django.conf import settings
from dns.exception import DNSException

from project.addresses import bare_address
from project.health import Part, check_mail
from project.http import is_global

SECONDS: Final = 5.0
MAX_MESSAGE: Final = 5 * 1024 * 1024
UNSUBSCRIBE: Final = ("list-unsubscribe", "list-unsubscribe-post")
SAVE_ONE: Final = (
    "not looked at: follow an article, save a mail about it as your mailbox got it, and add --message FILE"
)
NAME_SENDER: Final = "not looked at: name the address from which your mail leaves with --sent-from"
SPF_SAYS: Final = {
    "none": "has no SPF record",
    "neutral": "says neither yes nor no to it",
    "softfail": "says that it is probably not ours (~all)",
    "fail": "says that it is not ours",
}
DNS_AWAY: Final = (DNSException, OSError)


def use_nameserver(written: str) -> None:
    """Ask only this server, `ADDRESS` or `ADDRESS:PORT`, from now on. ValueError: it is none."""
    host, colon, port = written.rpartition(":")
    if not colon or (host.count(":") > 0 and not host.startswith("[")):
        host, port = written, "53"
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(ipaddress.ip_address(host.strip("[]")))]
    resolver.port = int(port)
    # Also what the libraries of SPF and DKIM ask.
    dns.resolver.default_resolver = resolver


def examine_mail(sent_from: list[str], message: bytes | None) -> Iterator[tuple[str, Part]]:
    """Name and result of each check. `sent_from` are the addresses from which mail leaves (none: those of EMAIL_HOST
    that are the internet's), `message` one of our notifications as a mailbox got it."""
    yield "mail", check_mail()
    sender = bare_address(settings.MAIL_FROM)
    envelope = settings.BOUNCE_ADDRESS or sender
    own = domain_of(sender)
    outgoing = sent_from or _addresses_of(settings.EMAIL_HOST)
    if not outgoing:
        yield "spf", Part("degraded", NAME_SENDER)
    for address in outgoing:
        yield "spf", check_spf(address, envelope)
        yield "ptr", check_ptr(address)
    yield "dmarc", check_dmarc(own)
    yield "dkim", check_signature(message, own) if message is not None else Part("degraded", SAVE_ONE)
    yield "way back", check_way_back()
    if settings.REPLY_ADDRESS:
        yield "answers", check_taken(settings.REPLY_ADDRESS, "answers")


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def check_spf(address: str, sender: str) -> Part:
    """Whether the domain of the envelope sender lets this address send for it."""
    try:
        result, says = spf.check2(i=address, s=sender, h=domain_of(sender), timeout=SECONDS, querytime=2 * SECONDS)
    except DNS_AWAY as error:
        return _unknown(error)
    where = f"{domain_of(sender)}, {address}"
    if result == "pass":
        return Part("ok", f"{where}: may send")
    if result == "temperror":
        return Part("degraded", f"{where}: the record could not be read now: {says}")
    return Part("failed", f"{where}: {SPF_SAYS.get(result, f'the record is broken: {says}')}")


def check_ptr(address: str) -> Part:
    """Whether the address has a name that leads back to it (RFC 1912, section 2.1)."""
    try:
        names = _ask(dns.reversename.from_address(address).to_text(), "PTR")
        kind = "AAAA" if ":" in address else "A"
        meant = ipaddress.ip_address(address)
        for name in names:
            if any(ipaddress.ip_address(found) == meant for found in _ask(name, kind)):
                return Part("ok", f"{address} is {name.rstrip('.')}")
    except DNS_AWAY as error:
        return _unknown(error)
    if not names:
        return Part("failed", f"{address} has no name")
    return Part("failed", f"{address} is called {names[0].rstrip('.')}, which has another address")


def check_dmarc(domain: str) -> Part:
    """Whether the domain of our From, or the nearest above it that has one, has a DMARC policy."""
    labels = domain.split(".")
    try:
        for start in range(len(labels) - 1):
            above = ".".join(labels[start:])
            found = [text for text in _ask(f"_dmarc.{above}", "TXT") if text.replace(" ", "").startswith("v=DMARC1")]
            if found:
                return _judge_dmarc(above, found)
    except DNS_AWAY as error:
        return _unknown(error)
    return Part("failed", f"_dmarc.{domain} has no record; large mailbox providers refuse bulk mail without one")


def _judge_dmarc(domain: str, records: list[str]) -> Part:
    if len(records) > 1:
        return Part("failed", f"_dmarc.{domain} has {len(records)} records, and so counts as none")
    tags = dict(tag.strip().partition("=")[::2] for tag in records[0].split(";"))
    policy = {name.strip().lower(): value.strip().lower() for name, value in tags.items()}.get("p", "")
    if policy not in ("none", "quarantine", "reject"):
        return Part("failed", f"_dmarc.{domain} has no policy (p=)")
    if policy == "none":
        return Part("degraded", f"_dmarc.{domain}: p=none, so others may write in your name")
    return Part("ok", f"_dmarc.{domain}: p={policy}")


def check_signature(message: bytes, own: str) -> Part:
    """Whether one of the message's signatures is whole, of our domain, and covers what it must."""
    headers = message_from_bytes(message, policy=default)
    absent = [name for name in UNSUBSCRIBE if name not in headers]
    if absent:
        return Part("failed", f"the message has no {absent[0]}; take one about an article, no confirmation")
    written = headers.get_all("DKIM-Signature", [])
    if not written:
        return Part("failed", "the message has no signature")
    return min((_judge_signature(message, index, own) for index in range(len(written))), key=_how_bad)


def _how_bad(part: Part) -> int:
    return ("ok", "degraded", "failed").index(part.state)


def _judge_signature(message: bytes, index: int, own: str) -> Part:
    reader = dkim.DKIM(message, timeout=int(SECONDS))
    try:
        whole = reader.verify(idx=index)
    except dkim.DnsTimeoutError as error:
        return Part("degraded", f"the key could not be read now: {error}")
    except dkim.ValidationError as error:
        return Part("failed", f"a signature does not fit the message: {error}")
    except dkim.DKIMException as error:
        return Part("failed", f"the signature cannot be read: {error}")
    except DNS_AWAY as error:
        return _unknown(error)
    domain = (reader.domain or b"").decode("ascii", "replace").lower()
    if not whole:
        return Part("failed", f"the signature of {domain} does not fit the message")
    if not _aligned(domain, own):
        return Part("failed", f"the signature is {domain}'s, the sender's domain is {own}")
    covered = {name.decode("ascii", "replace").lower() for name, _ in reader.signed_headers}
    bare = [name for name in ("from", *UNSUBSCRIBE) if name not in covered]
    if bare:
        return Part("failed", f"the signature of {domain} does not cover {', '.join(bare)}")
    return Part("ok", f"signed by {domain}, with both headers of one-click unsubscribing")


def _aligned(signer: str, own: str) -> bool:
    """Relaxed alignment, told without a list of public suffixes: one is the other, or lies below it."""
    return signer == own or own.endswith(f".{signer}") or signer.endswith(f".{own}")


def check_way_back() -> Part:
    """Whether we would hear of addresses that do not exist."""
    if settings.BOUNCE_ADDRESS:
        return check_taken(settings.BOUNCE_ADDRESS, "bounces")
    if settings.MAIL_EVENTS_SECRET:
        return Part("ok", f"events come to {settings.PUBLIC_URL}/hooks/email/PROVIDER")
    return Part("degraded", "neither BOUNCE_ADDRESS nor MAIL_EVENTS_SECRET is set: dead addresses are not noticed")


def check_taken(address: str, what: str) -> Part:
    """Whether a mail server takes what is sent to an address of ours; `what` names it in the plural."""
    domain = domain_of(address)
    try:
        servers = _ask(domain, "MX")
    except DNS_AWAY as error:
        return _unknown(error)
    if not servers:
        return Part("failed", f"{domain} has no mail server (MX) that could take {what}")
    return Part("ok", f"{what} come to {servers[0].split()[-1].rstrip('.')}")


def _addresses_of(host: str) -> list[str]:
    """The internet's addresses of the mail server; one inside passes mail on from another that we cannot know."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)} if host else set()
    except OSError:
        return []
    return sorted(address for address in found if is_global(address))


def _ask(name: str, kind: str) -> list[str]:
    """Return the records of a name as text, none where there are none."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    if kind == "TXT":
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return sorted(record.to_text() for record in answer)


def _unknown(error: Exception) -> Part:
    return Part("degraded", f"the name server gave no answer: {str(error) or type(error).__name__}"[:300])
