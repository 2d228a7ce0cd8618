"""The running service beside its own description: requests drawn from the OpenAPI document, answers held to it.

Nothing is fetched: the document is made here, and schemathesis brings what it needs. No answer is a fault of ours;
each has a status, a media type and a body that the document names for its operation.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import SkipTest

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from comments.services.sessions import open_session
from project.schema import document
from project.tokens import new_voter_token
from tests.conftest import DRILL_SEED
from tests.processes import WebProcess
from tests.world import Side, make_world

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# An answer without an end, which tests/flows/test_streams.py reads.
STREAM = "GET /api/v1/articles/{article_id}/stream"
# Requests for each operation in either kind, right and wrong, and seconds for all of them together.
EXAMPLES, LEAST, SECONDS = 40, 6, 60.0
# The first of them ask for what exists and show their key, so that a slow machine hears answers of success too.
PLAIN = 3
# Names of a page, and of what would have to fit it.
PAGE = {"article", "url", "identifier"}
ELSEWHERE = ("comment", "parent", "cursor", "tag")
KINDS = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


class Caller:
    """Sends what is drawn, and keeps what was wrong with the answers."""

    def __init__(self, web: WebProcess, side: Side, seconds: float) -> None:
        self.web, self.side, self.seconds = web, side, seconds
        self.session = requests.Session()
        self.session.trust_env = False
        self.statuses: dict[str, Counter[int]] = {}
        self.faults: list[str] = []

    def probe(self, operation: Any, kind: GenerationMode) -> None:
        """Send requests of one kind to an operation, within its share of the time."""
        statuses = self.statuses.setdefault(operation.label, Counter())
        proof = self.proof_for(operation)
        end, sent = time.monotonic() + self.seconds, 0

        @seed(DRILL_SEED)
        @settings(
            max_examples=EXAMPLES,
            phases=(Phase.generate,),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=kind), is_strange=st.booleans(), has_key=st.booleans())
        def holds(case: Case, is_strange: bool, has_key: bool) -> None:
            nonlocal sent
            if sent >= LEAST and time.monotonic() > end:
                raise SkipTest  # which ends the drawing, too
            is_plain = sent < PLAIN
            if is_plain or not is_strange:
                self.name_what_is_there(case)
            headers = {"Authorization": f"Bearer {proof}"} if is_plain or has_key else {}
            response = case.call(base_url=self.web.base, session=self.session, headers=headers, allow_redirects=False)
            statuses[response.status_code] += 1
            sent += 1
            # oEmbed 1.0 wants 501 for a format that there is not.
            is_told = operation.label == "GET /oembed" and response.status_code == 501
            case.validate_response(response, checks=CHECKS[1:] if is_told else CHECKS)

        try:
            holds()
        except SkipTest:
            return
        except Unsatisfiable:
            assert kind is GenerationMode.NEGATIVE, operation.label
        except (Exception, BaseExceptionGroup) as fault:
            self.faults.append(f"{operation.label} ({kind.value}):\n{_told(fault)}")

    def proof_for(self, operation: Any) -> str:
        """Return the key of the site's owner, or a reader's session where a reader is asked for."""
        is_hers = "/readers/me" in operation.label
        return open_session(self.side.reader, "email").token if is_hers else self.side.owner_key

    def name_what_is_there(self, case: Case) -> None:
        """Put a site, a page and ids that exist in the place of drawn ones, so that answers are not all 404."""
        side = self.side
        there: dict[str, Any] = {
            "article_id": side.article.pk,
            "comment_id": side.comment.pk,
            "channel_id": side.channel.pk,
            "network_key": "linkedin",
            "site": side.site.slug,
            "ids": [side.held.pk],
            "network": "copy",
            "email": "dora@example.org",
            "body": "Well said.",
            "title": "A story",
        }
        if case.headers and "X-Afterword-Voter" in case.headers:
            case.headers["X-Afterword-Voter"] = new_voter_token()
        page = {"site": side.site.slug, "url": side.article.url}
        for place in (case.path_parameters, case.query, case.body):
            if not isinstance(place, dict):
                continue
            place.update({name: there[name] for name in there if name in place})
            if not PAGE.isdisjoint(place):
                for name in PAGE:
                    place.pop(name, None)
                place.update(page)
            for name in ELSEWHERE:
                place.pop(name, None)
            if isinstance(place.get("author"), dict):
                place["author"] = {"name": "Dora", "email": there["email"]}


def _told(fault: BaseException) -> str:
    inner = getattr(fault, "exceptions", None)
    return "\n".join(_told(each) for each in inner) if inner else f"{type(fault).__name__}: {fault}"[:1500]


def operations(web: WebProcess) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(document())
    schema.config.update(base_url=web.base)
    for result in schema.get_all_operations():
        operation: Any = result.ok()
        if operation.label != STREAM:
            yield operation


def harm(operation: Any) -> int:
    """Say how much an operation takes away from those after it."""
    method, path = operation.label.split(" ")
    if path.endswith("/erasure"):
        return 4
    if method == "DELETE":
        return 3
    return 2 if "/moderation/" in path else ("GET", "POST", "PUT", "PATCH").index(method) > 0


@pytest.mark.timeout(240)
def test_every_answer_is_one_that_the_description_names(make_web: Callable[..., WebProcess]) -> None:
    web = make_web(RATE_LIMITS="off")
    side, _ = make_world()
    found = sorted(operations(web), key=harm)
    caller = Caller(web, side, SECONDS / len(found) / len(KINDS))
    for operation in found:
        for kind in KINDS:
            caller.probe(operation, kind)
    assert caller.faults == [], "\n\n".join(caller.faults)
    assert len(found) > 25
    silent = [label for label, statuses in caller.statuses.items() if not statuses]
    assert silent == []
    answered = {label for label, statuses in caller.statuses.items() if any(status < 400 for status in statuses)}
    assert len(answered) >= len(found) * 0.7, sorted(set(caller.statuses) - answered)
    assert "Traceback" not in web.output(), web.output()[-3000:]
