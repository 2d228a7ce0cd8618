"""A site is made to bomb: thousands of addresses are typed into its form from fifty networks within a minute."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sharing.models import Delivery, Follow
from sharing.services.confirmations import UNANSWERED_PER_HOUR
from tests.conftest import DRILL_SEED
from tests.factories import make_article
from tests.mailing import words_of
from tests.processes import WebProcess, Worker, wait_until
from tests.smtp_sink import SmtpSink

pytestmark = [pytest.mark.live, pytest.mark.drill, pytest.mark.timeout(600)]

SIGN_UPS, NETWORKS = 5_000, 50
HONEST = "honest@example.org"


def test_a_bomb_reaches_few_and_honest_readers_still_confirm(
    make_web: Callable[..., WebProcess], make_worker: Callable[..., Worker], smtp_sink: SmtpSink, drill_scale: float
) -> None:
    article = make_article()
    web = make_web(TRUSTED_PROXIES="127.0.0.1", RATE_LIMITS="on")
    worker = make_worker(queues=("confirm",))
    # A twentieth of the bomb is still more than a site may send unanswered.
    number = max(int(SIGN_UPS * drill_scale), UNANSWERED_PER_HOUR + 100)

    def ask(address: str, network: int) -> tuple[int, bytes]:
        headers = {"X-Forwarded-For": f"100.{64 + network}.0.9"}
        answer = web.request("POST", "/api/v1/follows", {"article": article.pk, "email": address}, headers)
        return answer.status, answer.body if answer.status == 202 else b""

    honest = ask(HONEST, NETWORKS)
    smtp_sink.wait_for(1, to=HONEST)
    draw = random.Random(DRILL_SEED)
    addresses = [f"{draw.getrandbits(64):x}@victim{one % 300}.example" for one in range(number)]
    with ThreadPoolExecutor(8) as several:
        told = Counter(several.map(ask, addresses, (one % NETWORKS for one in range(number))))
    # Whoever may not ask hears it (429); of those who may nobody learns whether a mail goes out.
    assert honest[0] == 202 and set(told) <= {honest, (429, b"")}, told
    assert told[honest] > UNANSWERED_PER_HOUR

    wait_until(lambda: _settled() and not _hold_pending(), "the confirmations to be sent or held", 120)
    time.sleep(2)
    reached = [received.recipients[0] for received in smtp_sink.messages]
    assert len(reached) == len(set(reached)) <= UNANSWERED_PER_HOUR + 1
    assert Delivery.objects.filter(status="queued", last_error__startswith="the site's confirmations").exists()
    assert Follow.objects.confirmed().count() == 0

    follow = Follow.objects.get(follower__address=HONEST)
    link = re.search(r"/follows/confirm/\S+", words_of(smtp_sink.to(HONEST)[0]))
    assert link is not None
    assert web.request("POST", link[0], b"", {"Content-Type": "application/x-www-form-urlencoded"}).status == 200
    assert list(Follow.objects.confirmed()) == [follow]
    assert "Traceback" not in worker.output() + web.output()
    print(json.dumps({"asked": number, "taken": told[honest], "mailed": len(reached)}))


def _settled() -> bool:
    return not Delivery.objects.filter(status="sending").exists()


def _hold_pending() -> bool:
    """Whether anything waits that nobody holds back."""
    return Delivery.objects.filter(status="queued").exclude(last_error__startswith="the site's").exists()
