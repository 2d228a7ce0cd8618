"""How often one client may do what costs us something: named scopes, counted for all processes together in Valkey.

A window moves with the clock, so no limit can be doubled at its edge, and each hit is one script in Valkey, so
parallel requests cannot pass together. While Valkey is away each process counts for itself: limits never end.
`RATE_LIMITS=off` is for load tests. docs/configuration.md lists the scopes for people.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Final, NamedTuple, TypeVar

import redis
from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse_many
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from project.errors import Problem
from project.tokens import Purpose, keyed_hash
from project.visitors import client_network, client_prefix

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

# Seconds that one request waits for Valkey, and for which it is then left alone.
PATIENCE: Final = 0.25
LEFT_ALONE: Final = 2.0
# Clients that a process without Valkey keeps in mind; the one that was quiet longest is forgotten first.
REMEMBERED: Final = 100_000


@dataclass(frozen=True)
class Scope:
    """What is counted together: `client` for one address (IPv6: one /64), `bearer` for one token, `site` for a site,
    `network` for a /24 (IPv6: /48), `host` for a server that a request names."""

    client: str
    bearer: str = ""
    site: str = ""
    network: str = ""
    host: str = ""


class Turn(NamedTuple):
    """Whose limit keeps something back, in how many seconds one may pass, and how many are between two that do."""

    who: str
    wait: float
    apart: float


SCOPES: Final[dict[str, Scope]] = {
    "articles": Scope("3000/minute", bearer="3000/minute"),
    "channels": Scope("600/minute", bearer="600/minute"),
    "challenges": Scope("60/minute;600/hour"),
    # Many readers may come from one address: an office, a mobile network.
    "comments": Scope("60/minute;600/hour", site="1200/minute"),
    "edits": Scope("30/minute;300/hour"),
    # Neighbours together may cause as many confirmations in an hour as one of them may ask for.
    "follows": Scope("30/minute;300/hour", site="1200/hour", network="300/hour;1000/day"),
    "mail_events": Scope("3000/minute"),
    "moderation": Scope("1200/minute", bearer="1200/minute"),
    "pictures": Scope("120/minute"),
    "previews": Scope("60/minute"),
    # What a network may cause beyond its share of `follows` where each request brings the solution of a challenge.
    "proven_follows": Scope("", network="300/hour;1000/day"),
    "reports": Scope("10/minute;60/hour"),
    "searches": Scope("60/minute"),
    "shares": Scope("60/minute;600/hour"),
    "sign_in_returns": Scope("20/minute;100/hour"),
    "sign_ins": Scope("10/minute;50/hour", site="600/hour"),
    "visits": Scope("60/minute;600/hour"),
    "voter_tokens": Scope("60/hour"),
    "votes": Scope("120/minute"),
    "webmentions": Scope("60/minute;600/hour", site="600/hour", host="60/hour"),
}


def limited(scope: str, *methods: str) -> Callable[[View], View]:
    """Count every request to a view, or those with one of `methods`, in a scope; put it beside the view's route.

    It goes on plain views and on what `as_view()` returns. The view raises `rate_limited` (429, Retry-After).
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, /, *args: Any, **kwargs: Any) -> Any:
            if not methods or request.method in methods:
                spend(request, scope)
            return view(request, *args, **kwargs)

        inner.limits = (scope, methods)  # type: ignore[attr-defined]
        return inner  # type: ignore[return-value]

    assert scope in SCOPES, scope
    return decorate


def spend(request: HttpRequest, scope: str) -> None:
    """Count a request for its client, and for its bearer token where the scope says so. Problem: rate_limited."""
    if not settings.RATE_LIMITS:
        return
    _count(scope, SCOPES[scope].client, "client", client_prefix(request))
    if SCOPES[scope].bearer and (credential := request.headers.get("Authorization")):
        _count(scope, SCOPES[scope].bearer, "bearer", credential)


def spend_for_site(scope: str, site_id: int) -> None:
    """Count what all clients together do to one site, which many addresses may share. Problem: rate_limited."""
    if settings.RATE_LIMITS:
        _count(scope, SCOPES[scope].site, "site", str(site_id))


def spend_for_host(scope: str, host: str) -> None:
    """Count what all clients together make us ask one server for. Problem: rate_limited."""
    if settings.RATE_LIMITS:
        _count(scope, SCOPES[scope].host, "host", host)


def spend_for_network(request: HttpRequest, scope: str) -> bool:
    """Count a request for the network of its client; False where the network has had its share.

    For what goes on in silence then: nothing is refused, and nobody sees a difference.
    """
    network = client_network(request)
    return not settings.RATE_LIMITS or _wait(scope, SCOPES[scope].network, "network", network) is None


def spent_by_network(request: HttpRequest, scope: str) -> float:
    """Return how much of its share the client's network has spent, 0.0 to 1.0; nothing is counted."""
    name = keyed_hash(Purpose.LIMIT, "network", client_network(request))
    items = _items(SCOPES[scope].network)
    return max(1 - _left(item, f"{scope}:network:{name}") / item.amount for item in items)


def take_turn(scope: str, limits: Sequence[tuple[str, str]]) -> Turn | None:
    """Count one for each (who, limits) if it may pass them all, and for none of them otherwise.

    None if it may pass; else what it has to wait for. RATE_LIMITS does not matter: these are limits of our own doing.
    """
    named = [
        (who, item, f"{scope}:{keyed_hash(Purpose.LIMIT, scope, who)}") for who, each in limits for item in _items(each)
    ]
    for ask in (_wait_of, _hit):
        for who, item, name in named:
            wait = ask(item, name)
            if wait is not None:
                return Turn(who, max(wait, 0.0), item.get_expiry() / item.amount)
    return None


def _count(scope: str, limits: str, kind: str, who: str) -> None:
    wait = _wait(scope, limits, kind, who)
    if wait is not None:
        seconds = max(1, math.ceil(wait))
        detail = f"There were too many requests of this kind; try again in {seconds} s."
        raise Problem("rate_limited", detail, headers={"Retry-After": str(seconds)})


def _wait(scope: str, limits: str, kind: str, who: str) -> float | None:
    """Count one; None if it may pass, else the seconds until one may."""
    # Valkey keeps no address and no token, and forgets the hash with the window.
    name = keyed_hash(Purpose.LIMIT, kind, who)
    for item in _items(limits):
        wait = _hit(item, f"{scope}:{kind}:{name}")
        if wait is not None:
            return wait
    return None


@cache
def _items(limits: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(limits))


def _hit(item: RateLimitItem, name: str) -> float | None:
    """Count one request; None if it may pass, else the seconds until one may."""
    if valkey.may_be_asked():
        try:
            return valkey.hit(item, name)
        except (redis.RedisError, OSError) as error:
            valkey.failed(error)
    return here.hit(item, name)


def _wait_of(item: RateLimitItem, name: str) -> float | None:
    """As `_hit`, and nothing is counted."""
    if valkey.may_be_asked():
        try:
            return valkey.wait_of(item, name)
        except (redis.RedisError, OSError) as error:
            valkey.failed(error)
    return here.hit(item, name, count=False)


def _left(item: RateLimitItem, name: str) -> int:
    """Return how many more may pass within the window as it is now."""
    if valkey.may_be_asked():
        try:
            return valkey.left(item, name)
        except (redis.RedisError, OSError) as error:
            valkey.failed(error)
    return here.left(item, name)


class InValkey:
    """Counts that all processes share; after a failure nobody waits for Valkey until it is tried again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_away = False
        self._asked_again_at = 0.0
        self._limiter: MovingWindowRateLimiter | None = None

    def may_be_asked(self) -> bool:
        """Say whether this request asks Valkey; while it is away, one request every few seconds tries."""
        with self._lock:
            now = time.monotonic()
            if self._is_away and now < self._asked_again_at:
                return False
            self._asked_again_at = now + LEFT_ALONE
            return True

    def hit(self, item: RateLimitItem, name: str) -> float | None:
        """As `_hit`. redis.RedisError, OSError: Valkey does not answer."""
        limiter = self._connected()
        passes = limiter.hit(item, name)
        wait = None if passes else limiter.get_window_stats(item, name).reset_time - time.time()
        self._is_away = False
        return wait

    def wait_of(self, item: RateLimitItem, name: str) -> float | None:
        """As `_wait_of`. redis.RedisError, OSError: Valkey does not answer."""
        limiter = self._connected()
        passes = limiter.test(item, name)
        wait = None if passes else limiter.get_window_stats(item, name).reset_time - time.time()
        self._is_away = False
        return wait

    def left(self, item: RateLimitItem, name: str) -> int:
        """As `_left`. redis.RedisError, OSError: Valkey does not answer."""
        left = self._connected().get_window_stats(item, name).remaining
        self._is_away = False
        return left

    def failed(self, error: Exception) -> None:
        """Leave Valkey alone for a while."""
        log.warning("the broker is away (%s); limits are counted by each process for itself", error)
        with self._lock:
            self._is_away, self._asked_again_at = True, time.monotonic() + LEFT_ALONE

    def _connected(self) -> MovingWindowRateLimiter:
        with self._lock:
            if self._limiter is None:
                pool = redis.ConnectionPool.from_url(
                    settings.REDIS_URL,
                    socket_connect_timeout=PATIENCE,
                    socket_timeout=PATIENCE,
                    retry=Retry(NoBackoff(), 0),
                )
                storage = RedisStorage(settings.REDIS_URL, connection_pool=pool, key_prefix="afterword:limit")
                self._limiter = MovingWindowRateLimiter(storage)
            return self._limiter


class InProcess:
    """The same counts in memory, bounded."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._remembered = remembered
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def hit(self, item: RateLimitItem, name: str, *, count: bool = True) -> float | None:
        """As `_hit`; without `count` as `_wait_of`."""
        key, now = item.key_for(name), time.monotonic()
        with self._lock:
            hits = self._hits.setdefault(key, deque(maxlen=item.amount))
            self._hits.move_to_end(key)
            if len(hits) == item.amount and hits[0] > now - item.get_expiry():
                return hits[0] + item.get_expiry() - now
            if count:
                hits.append(now)
            while len(self._hits) > self._remembered:
                self._hits.popitem(last=False)
        return None

    def left(self, item: RateLimitItem, name: str) -> int:
        """As `_left`."""
        since = time.monotonic() - item.get_expiry()
        with self._lock:
            return item.amount - sum(hit > since for hit in self._hits.get(item.key_for(name), ()))


valkey: Final = InValkey()
here: Final = InProcess()
