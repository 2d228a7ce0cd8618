"""Addresses of pages and of people, in the one spelling under which they are compared.

A page's address (contract, section 2): host in lower case and as IDNA, default port, fragment and tracking parameters
dropped, `http` and `https` equal (the canonical form says `https`), one trailing slash ignored, percent-escapes in
upper case with unreserved ones decoded, dot segments resolved as a browser resolves them; other parameters keep
order and spelling, the path keeps its case. Ports 80 and 443 both count as default, because the scheme is no part
of the comparison. Nothing is looked up in the network.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from project.errors import refused_field
from project.tokens import Purpose, keyed_hash

# Names for private or special use are taken, because imports and intranets have them; nothing is looked up here.
SPECIAL_USE_DOMAIN_NAMES.clear()

MAX_URL: Final = 2_000
MAX_TYPED_URL: Final = 8_000
MAX_EMAIL: Final = 254
MAX_LOCAL_PART: Final = 64

SHAPE: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.IGNORECASE | re.DOTALL)
# Blanks, control characters, backslashes and halves of surrogate pairs: the parsers of browsers, proxies and
# libraries disagree on each of them.
UNSAFE: Final = re.compile("[\x00-\x20\x7f-\x9f\\\\\ud800-\udfff]|\\s")
LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/?-]")


class Email(NamedTuple):
    """`address` is written to; `canonical` (lower case) is compared, so that one mailbox is one person."""

    address: str
    canonical: str


class _Parts(NamedTuple):
    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    fragment: str


def canonical_url(url: str, field: str = "url") -> str:
    """Return the form of a page's address under which it is stored and compared; at most 2,000 ASCII characters.

    `canonical_url(canonical_url(x)) == canonical_url(x)`. Problem `validation_failed`, code `url_invalid`, on
    `field`: no http or https, user information, an impossible host or port, blanks, control characters, too long.
    """
    parts = _split(url, field)
    path = _resolve_dots(_escape(parts.path))
    if path.endswith("/") and not path.endswith("//"):
        path = path[:-1]
    query = "&".join(part for part in _escape(parts.query).split("&") if not _is_tracking(part.partition("=")[0]))
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    canonical = f"https://{parts.host}{port}{path or '/'}" + (f"?{query}" if query else "")
    if len(canonical) > MAX_URL:
        _refuse(field, f"The address is longer than {MAX_URL} characters.")
    return canonical


def web_address(url: str, field: str = "url") -> str:
    """Return an address to link to: checked as by `canonical_url`, but scheme, query and fragment are kept."""
    parts = _split(url, field)
    port = (
        "" if (parts.scheme, parts.port) in {("http", 80), ("https", 443)} or parts.port is None else f":{parts.port}"
    )
    address = f"{parts.scheme}://{parts.host}{port}{_escape(parts.path) or '/'}"
    address += f"?{_escape(parts.query)}" if parts.query else ""
    address += f"#{_escape(parts.fragment)}" if parts.fragment else ""
    if len(address) > MAX_URL:
        _refuse(field, f"The address is longer than {MAX_URL} characters.")
    return address


def canonical_origin(url: str, field: str = "origin") -> str:
    """Return `host` or `host:port` of an address or an `Origin` header, ports 80 and 443 left out for either scheme.

    Problem as in `canonical_url`; `null` is no origin.
    """
    parts = _split(url, field)
    return parts.host if parts.port in {None, 80, 443} else f"{parts.host}:{parts.port}"


@lru_cache(maxsize=8)
def bare_address(mailbox: str) -> str:
    """Return `local@host` of one of our own mailboxes as the settings have it: bare or as `Name <local@host>`."""
    return parseaddr(mailbox)[1]


def normalise_email(address: str, field: str = "email") -> Email:
    """Return one mailbox address, trimmed, its domain as lower-case A-labels; the local part is as it was typed.

    No name is looked up, and names for private or special use (`.test`, `.local`) are taken, because imports and
    intranets have them. Refused on `field`: `email_not_ascii` for a local part that only SMTPUTF8 could carry,
    `email_invalid` for everything else that is not exactly one plain `local@domain`.
    """
    trimmed = address.strip(" ")
    if len(trimmed) > MAX_EMAIL or UNSAFE.search(trimmed):
        raise refused_field(field, "email_invalid", "That is not an e-mail address.")
    local = trimmed.rpartition("@")[0]
    if not local.isascii():
        raise refused_field(field, "email_not_ascii", "The part before the @ may only have ASCII characters.")
    try:
        found = validate_email(trimmed, allow_smtputf8=False, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise refused_field(field, "email_invalid", "That is not an e-mail address.") from error
    domain = found.ascii_domain.lower()
    name, dot, last = domain.rpartition(".")
    if not dot or not name or NUMBER.fullmatch(last) or not all(map(LABEL.fullmatch, domain.split("."))):
        raise refused_field(field, "email_invalid", "That is not an e-mail address.")
    written = f"{found.local_part}@{domain}"
    if len(written) > MAX_EMAIL or len(found.local_part) > MAX_LOCAL_PART:
        raise refused_field(field, "email_invalid", "That is not an e-mail address.")
    return Email(written, unicodedata.normalize("NFC", written).lower())


def email_key(address: str) -> str:
    """Return the keyed hash (32 hex digits) of an address's canonical form; Problem as in `normalise_email`."""
    return key_of(normalise_email(address))


def key_of(email: Email) -> str:
    """Return the keyed hash of an address that has been normalised."""
    return keyed_hash(Purpose.ADDRESS, email.canonical)


def _split(url: str, field: str) -> _Parts:
    if len(url) > MAX_TYPED_URL:
        _refuse(field, f"The address is longer than {MAX_URL} characters.")
    if UNSAFE.search(url):
        _refuse(field, "The address has blanks, control characters or backslashes.")
    found = SHAPE.fullmatch(url)
    if found is None:
        _refuse(field, "The address must begin with http:// or https://.")
    scheme, authority, path, query, fragment = found.groups(default="")
    if "@" in authority:
        _refuse(field, "The address must not hold a user name.")
    host, port = _host_and_port(authority, field)
    return _Parts(scheme.lower(), host, port, path, query, fragment)


def _host_and_port(authority: str, field: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]*))?", authority)
    plain = re.fullmatch(r"([^:\[\]]+)(?::([0-9]*))?", authority)
    if bracketed:
        host, digits = _ipv6(bracketed[1], field), bracketed[2]
    elif plain:
        host, digits = _name(plain[1], field), plain[2]
    else:
        _refuse(field, "The address has no acceptable host.")
    if not digits:
        return host, None
    if len(digits) > 5 or not 0 < int(digits) < 65_536:
        _refuse(field, "The address has an impossible port.")
    return host, int(digits)


def _ipv6(text: str, field: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(text).compressed}]"
    except ValueError:
        _refuse(field, "The address has no acceptable host.")


def _name(host: str, field: str) -> str:
    name = host.lower()
    # A-labels go through idna too: an impossible one would be understood differently elsewhere.
    if not name.isascii() or "xn--" in name:
        name = _to_ascii(name, field)
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(LABEL.fullmatch, labels)):
        _refuse(field, "The address has no acceptable host.")
    if NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            _refuse(field, "The address has an IP number in a spelling that is not taken.")
    return name


def _to_ascii(name: str, field: str) -> str:
    # idna's cost grows faster than its input, so the length is bounded before it is asked.
    if len(name) > 253:
        _refuse(field, "The address has no acceptable host.")
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except UnicodeError:
        _refuse(field, "The address has no acceptable host.")


def _escape(text: str) -> str:
    """Write every escape in upper case, decode those of unreserved characters, escape whatever may not stand raw."""
    if text.isascii() and "%" not in text and not ESCAPE.search(text.encode()):
        return text
    return ESCAPE.sub(_escaped, text.encode()).decode("ascii")


def _escaped(found: re.Match[bytes]) -> bytes:
    raw = found[0]
    # A percent sign that begins no escape is escaped itself; otherwise decoding its neighbours could make it one.
    if len(raw) == 1:
        return b"%%%02X" % raw[0]
    value = int(raw[1:], 16)
    return bytes([value]) if value in UNRESERVED else raw.upper()


def _resolve_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments[1:], start=1):
        is_last = position == len(segments) - 1
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
        if segment in {".", ".."} and is_last:
            kept.append("")
    return "/" + "/".join(kept)


def _read_tracking_parameters() -> tuple[frozenset[str], tuple[str, ...]]:
    text = (Path(__file__).parent / "data" / "tracking_parameters.txt").read_text(encoding="utf-8")
    names = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return (
        frozenset(name for name in names if not name.endswith("*")),
        tuple(name.removesuffix("*") for name in names if name.endswith("*")),
    )


TRACKING_NAMES, TRACKING_PREFIXES = _read_tracking_parameters()


def _is_tracking(name: str) -> bool:
    folded = name.lower()
    return folded in TRACKING_NAMES or folded.startswith(TRACKING_PREFIXES)


def _refuse(field: str, message: str) -> NoReturn:
    raise refused_field(field, "url_invalid", message)
