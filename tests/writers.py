"""Clients that write as clients should: each request has a key of its own and is sent again until it is settled.

What they were told is their journal; whatever happens to the service meanwhile, the tables have to say the same.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from tests.processes import Answer, Client

AT_ONCE = 8
# Seconds between two attempts, and after which a request that nobody settles fails the test.
PAUSE = 0.05
PATIENCE = 120.0
# What a client may be told while parts of the service are away; all else is an answer.
AGAIN = {(409, "idempotency_in_progress"), (503, "unavailable")}


class Writers:
    """Eight clients post comments and replies below some articles, and vote on what they know, until told to stop."""

    def __init__(self, service: Client, articles: list[int], seed: int) -> None:
        self.service = service
        self.articles = articles
        self.comments: dict[int, str] = {}
        self.votes: dict[tuple[int, str], int] = {}
        self.attempts = 0
        self._seed = seed
        self._known: list[tuple[int, int]] = []
        self._stopped = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let them work beside the body of the `with`; what one of them met with that is no answer is raised."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            work = [pool.submit(self._work, random.Random(self._seed + number), number) for number in range(AT_ONCE)]
            try:
                yield
                self._raise_first(work, wait=False)
            finally:
                self._stopped.set()
            self._raise_first(work, wait=True)

    def wait_for(self, comments: int, seconds: float) -> None:
        """Wait until they have so many comments."""
        deadline = time.monotonic() + seconds
        while len(self.comments) < comments and not self._stopped.is_set():
            assert time.monotonic() < deadline, f"{len(self.comments)} of {comments} comments after {seconds} s"
            time.sleep(PAUSE)

    def _raise_first(self, work: list[Future[None]], *, wait: bool) -> None:
        for future in work:
            if wait or future.done():
                future.result()

    def _work(self, draw: random.Random, number: int) -> None:
        step = 0
        try:
            voter = self._settle("POST", "/api/v1/voter", {}, {}).json()["voter"]
            while not self._stopped.is_set():
                step += 1
                if step % 4 == 0 and self._known:
                    self._vote(draw, voter)
                else:
                    self._post(draw, f"Said by {number}, {step}.", number)
        except BaseException:
            self._stopped.set()
            raise

    def _post(self, draw: random.Random, body: str, number: int) -> None:
        data: dict[str, Any] = {"article": draw.choice(self.articles), "body": body, "author": {"name": f"W{number}"}}
        if self._known and draw.random() < 0.6:
            data["article"], data["parent"] = draw.choice(self._known)
        answer = self._settle("POST", "/api/v1/comments", data, {"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status == 201, answer.text
        comment = answer.json()["id"]
        assert comment not in self.comments, "two requests were told of one comment"
        self.comments[comment] = body
        self._known.append((data["article"], comment))

    def _vote(self, draw: random.Random, voter: str) -> None:
        _, comment = draw.choice(self._known)
        value = draw.choice([1, -1])
        answer = self._settle("PUT", f"/api/v1/comments/{comment}/vote", {"value": value}, {"X-Afterword-Voter": voter})
        assert answer.status == 200, answer.text
        self.votes[comment, voter] = value

    def _settle(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Answer:
        """Send a request until it is answered; a connection that breaks tells nothing, so it is sent again too."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.attempts += 1
            try:
                answer = self.service.request(method, path, data, headers)
            except (OSError, HTTPException):
                time.sleep(PAUSE)
                continue
            if answer.status < 500 and answer.status != 409:
                return answer
            said = answer.status, answer.json()["code"]
            if said not in AGAIN:
                return answer
            time.sleep(PAUSE)
        raise AssertionError(f"{method} {path} was not settled within {PATIENCE} s")
