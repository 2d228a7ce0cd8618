"""From a network and a page to the address that a browser follows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import quote

from wcwidth import iter_graphemes

from project import addresses
from project.errors import Problem
from sharing.networks.lengths import ELLIPSIS, Counting, fit, measure
from sharing.networks.model import Field, Kind, Network, Parameter, Shareable

LONGEST = 2000  # bytes: what shells and old mail programs take (mailto), and every network accepts
LONGEST_TEXT = 1000  # graphemes of a title or summary that are looked at
BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
NOT_BARE = re.compile(r"[/?#:@\[\]]")
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
    """`url` as it is linked to (`project.addresses.web_address`); None where it is no http(s) address."""
    try:
        return addresses.web_address(url)
    except Problem:
        return None


def instance_host(text: str) -> str:
    """The host that a reader named, in lower-case ASCII: a bare public DNS name, without scheme, port or path.

    :raises InstanceError: anything else, addresses and names of private networks too.
    """
    typed = text.strip(" ")
    try:
        host = "" if NOT_BARE.search(typed) else addresses.canonical_origin(f"https://{typed}")
    except Problem:
        host = ""
    last = host.rpartition(".")[2]
    if "." not in host or "_" in host or last.isdigit() or last in PRIVATE_NAMES:
        raise InstanceError("Give the name of your server alone, such as mastodon.social.")
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
