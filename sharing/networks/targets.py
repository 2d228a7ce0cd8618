"""From a network and a page to the address that a browser follows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import quote, urlsplit

import idna
from wcwidth import iter_graphemes

from sharing.networks.lengths import ELLIPSIS, Counting, fit, measure
from sharing.networks.model import Field, Kind, Network, Parameter, Shareable

LONGEST = 2000  # bytes: what shells and old mail programs take (mailto), and every network accepts
LONGEST_TEXT = 1000  # graphemes of a title or summary that are looked at
DEFAULT_PORTS = {"http": 80, "https": 443}
# Left alone in an address: RFC 3986's reserved and unreserved characters, and escapes that are there already.
PATH_SAFE = "/:@!$&'()*+,;=-._~%"
QUERY_SAFE = PATH_SAFE + "?[]"
BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
FORBIDDEN_IN_ADDRESS = re.compile(r"^ |[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]| $")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# Names that never lead to the public internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and what private networks use).
PRIVATE_NAMES = (
    *("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private"),
    *("arpa", "onion", "alt", "invalid", "test"),
)


class InstanceError(ValueError):
    """What the reader typed is no public host name."""


def target(network: Network, shared: Shareable, instance: str = "") -> str:
    """The network's address for sharing `shared`, ASCII only, every parameter once; for a device the page's address.

    `instance` is the host of a network that asks for one, as `instance_host` returns it.

    :raises ValueError: the page's address is no absolute http(s) address, or the instance is missing or bad.
    """
    url = web_address(shared.url)
    if url is None:
        raise ValueError("A shared page needs an absolute http or https address.")
    if network.kind is Kind.DEVICE:
        return url
    base = network.address
    if network.asks_instance:
        base = base.replace("{instance}", instance_host(instance))
    address = base
    for slimmer in _ever_slimmer(_cleaned(shared, url)):
        address = f"{base}?{_query(network.parameters, slimmer)}"
        if len(address) <= LONGEST:
            break
    return address


def web_address(url: str) -> str | None:
    """`url` as ASCII: A-labels, UTF-8 escapes, no credentials, no default port; None if it is no http(s) address.

    Spelling, order and fragment stay: this is the address that is shown, not the one that is compared.
    """
    if FORBIDDEN_IN_ADDRESS.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = _ascii_host(parts.hostname or "")
    if parts.scheme not in DEFAULT_PORTS or not host:
        return None
    shown_port = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    path = quote(parts.path, safe=PATH_SAFE)
    query = "?" + quote(parts.query, safe=QUERY_SAFE) if parts.query else ""
    fragment = "#" + quote(parts.fragment, safe=QUERY_SAFE) if parts.fragment else ""
    return f"{parts.scheme}://{host}{shown_port}{path}{query}{fragment}"


def instance_host(text: str) -> str:
    """The host that a reader named, in lower-case ASCII: a bare public DNS name, without scheme, port or path.

    :raises InstanceError: anything else, addresses and names of private networks too.
    """
    host = _domain_name(text.strip(" "))
    if host is None or "_" in host or "." not in host or host.rpartition(".")[2] in PRIVATE_NAMES:
        raise InstanceError("Give the name of your server alone, such as mastodon.social.")
    return host


def _ascii_host(host: str) -> str | None:
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", host):
        return host
    if ":" in host:
        return f"[{host}]" if re.fullmatch(r"[0-9a-f:.]+", host) else None
    return _domain_name(host)


def _domain_name(text: str) -> str | None:
    try:
        host = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    labels = host.split(".")
    # A browser reads a name whose last label is a number as an IPv4 address (WHATWG URL 3.5).
    numeric = re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])
    if len(host) > 253 or numeric or not all(LABEL.fullmatch(label) for label in labels):
        return None
    return host


def _cleaned(shared: Shareable, url: str) -> Shareable:
    site_name = _plain(shared.site_name)
    return Shareable(
        url=url,
        title=_plain(shared.title) or site_name,
        summary=_plain(shared.summary),
        image=web_address(shared.image) or "",
        site_name=site_name,
    )


def _plain(text: str) -> str:
    """One line that cannot disturb the text around it: no controls, no text-direction brackets, no half characters."""
    text = BIDI_CONTROLS.sub("", text[: LONGEST_TEXT * 16])
    text = "".join(_replacement(character) for character in text)
    return "".join(islice(iter_graphemes(" ".join(text.split())), LONGEST_TEXT))


def _replacement(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    return " " if category in ("Cc", "Zl", "Zp") else character


def _ever_slimmer(shared: Shareable) -> Iterator[Shareable]:
    """The page with less and less beside its address, for as long as the whole is too long."""
    yield shared
    shared = replace(shared, summary="")
    yield shared
    while shared.title:
        keep = measure(shared.title, Counting.GRAPHEMES) * 3 // 4
        shared = replace(shared, title=fit(shared.title.removesuffix(ELLIPSIS), keep, Counting.GRAPHEMES))
        yield shared
    yield replace(shared, image="")


def _query(parameters: tuple[Parameter, ...], shared: Shareable) -> str:
    values = ((parameter.name, parameter.constant or _value(parameter, shared)) for parameter in parameters)
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values if value)


def _value(parameter: Parameter, shared: Shareable) -> str:
    texts: dict[Field, str] = {field: getattr(shared, field) for field in parameter.fields}
    limit = parameter.limit
    if limit is not None:
        room = limit.maximum - _cost_of_link(limit.link, shared.url, limit.counting)
        for field in texts:
            if field not in ("url", "image"):
                texts[field] = fit(texts[field], max(room, 0), limit.counting)
                room -= measure(texts[field], limit.counting)
    return parameter.joiner.join(text for text in texts.values() if text)


def _cost_of_link(link: int | None, url: str, counting: Counting) -> int:
    """What the page's address and the space before it take from the text's limit."""
    cost = measure(url, counting) if link is None else link
    return cost + 1 if cost else 0
