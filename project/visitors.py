"""Who stands at the door: a client's address as far as we look at it, and whether a person sits in front.

Nothing here is stored. The address is used for limits and, keyed with a salt that is soon forgotten, to count a
visitor once.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import HttpRequest

AUTOMATIC_CLIENTS: Final = Path(__file__).parent / "data" / "automatic_clients.txt"
PREFETCH_HEADERS: Final = ("Purpose", "X-Purpose", "Sec-Purpose", "X-Moz")
MAX_USER_AGENT: Final = 1_000  # characters; the rest says nothing more
MAX_HOPS: Final = 32
IPV6_PREFIX: Final = 64  # what one household is given: every address in it is one visitor

# What one hoster or office is given: whoever has many addresses has them here.
IPV4_NEIGHBOURS: Final = 24
IPV6_NEIGHBOURS: Final = 48

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """What tells two visitors apart within a day; `is_automatic` where nobody pressed anything."""

    prefix: str
    user_agent: str
    is_automatic: bool = False


def visitor_of(request: HttpRequest) -> Visitor:
    """The visitor who sent this request."""
    user_agent = request.headers.get("User-Agent", "")[:MAX_USER_AGENT]
    return Visitor(client_prefix(request), user_agent, is_automatic=names_a_bot(user_agent) or is_prefetch(request))


def client_prefix(request: HttpRequest) -> str:
    """The client's IPv4 address, or the /64 of its IPv6 address; empty where the server names none.

    Forwarding headers count only as far as they were written by TRUSTED_PROXIES.
    """
    address = _client_address(request)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address or "")


def client_network(request: HttpRequest) -> str:
    """The network that the client shares with its neighbours: the /24 of an IPv4 address, the /48 of an IPv6 one."""
    address = _client_address(request)
    if address is None:
        return ""
    prefix = IPV6_NEIGHBOURS if isinstance(address, ipaddress.IPv6Address) else IPV4_NEIGHBOURS
    return str(ipaddress.ip_network((address, prefix), strict=False))


def names_a_bot(user_agent: str) -> bool:
    """Whether the client says of itself that it is a crawler, a previewer, a scanner or a monitor."""
    user_agent = user_agent.lower().replace("cubot", "")  # a maker of telephones
    return any(word in user_agent for word in _automatic_clients())


def is_prefetch(request: HttpRequest) -> bool:
    """Whether the browser fetches this ahead, or as a part of another page, without anybody having asked for it."""
    hints = " ".join(request.headers.get(name, "") for name in PREFETCH_HEADERS).lower()
    if any(word in hints for word in ("prefetch", "prerender", "preview")):
        return True
    # Absent in old browsers; `empty` is fetch() and what a page's own script sends.
    return request.headers.get("Sec-Fetch-Dest", "document") not in ("document", "empty")


def _client_address(request: HttpRequest) -> Address | None:
    address = _parsed(request.META.get("REMOTE_ADDR", ""))
    proxies = _networks(tuple(str(proxy) for proxy in settings.TRUSTED_PROXIES))
    hops = request.headers.get("X-Forwarded-For", "").split(",")[-MAX_HOPS:]
    while address is not None and hops and any(address in network for network in proxies):
        hop = _parsed(hops.pop())
        if hop is None:
            break
        address = hop
    return address


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


@cache
def _automatic_clients() -> tuple[str, ...]:
    lines = (line.strip() for line in AUTOMATIC_CLIENTS.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
