"""Retries against real web processes: twins, processes that die, and connections that break at any point."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from articles.models import Article, IdempotencyRecord
from comments.models import Comment, Thread, ThreadCount
from project import tokens
from tests.conftest import DRILL_SEED
from tests.factories import make_article
from tests.processes import Answer, WebProcess, wait_until

PATH = "/api/v1/comments"
# A client that was told so sends the same request again.
AGAIN = {(409, "idempotency_in_progress"), (503, "unavailable")}


def comment_on(article: Article, body: str) -> dict[str, Any]:
    return {"site": article.site.slug, "url": article.url, "body": body, "author": {"name": "Ben"}}


def send(web: WebProcess, data: dict[str, Any], key: str) -> Answer:
    return web.request("POST", PATH, data, {"Idempotency-Key": key})


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json().get("code", "")


def settled(web: WebProcess, data: dict[str, Any], key: str) -> Answer:
    """Send the request until it is neither carried out at this moment nor turned away at the door."""
    answers: list[Answer] = []

    def done() -> bool:
        answers.append(send(web, data, key))
        return outcome(answers[-1]) not in AGAIN

    wait_until(done, "an answer")
    return answers[-1]


def raw_request(data: dict[str, Any], key: str) -> bytes:
    body = json.dumps(data).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nIdempotency-Key: {key}\r\n\r\n"
    )
    return head.encode() + body


def cut(web: WebProcess, request: bytes, length: int, *, resets: bool, listens: int) -> None:
    """Send so many bytes, read at most `listens` bytes of the answer, and break the connection: FIN, or RST."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as line:
        line.sendall(request[:length])
        if listens:
            line.recv(listens)
        if resets:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_parallel_twins_write_one_row(make_web: Callable[..., WebProcess]) -> None:
    webs = [make_web(), make_web()]
    article, key = make_article(), str(uuid.uuid4())
    data = comment_on(article, "Well said.")
    gate = threading.Barrier(50)

    def twin(number: int) -> Answer:
        gate.wait()
        return send(webs[number % 2], data, key)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(twin, range(50)))
    outcomes = Counter(outcome(answer) for answer in answers)
    assert set(outcomes) <= {(201, ""), (409, "idempotency_in_progress")}
    assert outcomes[201, ""] >= 1
    bodies = {answer.text for answer in answers if answer.status == 201}
    first = json.loads(bodies.pop())
    assert all(json.loads(body) == first for body in bodies)
    assert Comment.objects.get().pk == first["id"]
    assert ThreadCount.objects.get().count == Thread.objects.get().version == 1
    assert settled(webs[1], data, key).json() == first


def test_killed_process_leaves_nothing_behind(make_web: Callable[..., WebProcess]) -> None:
    doomed, other = make_web(), make_web()
    article, key = make_article(), str(uuid.uuid4())
    settled(other, comment_on(article, "The first."), str(uuid.uuid4()))
    data = comment_on(article, "Well said.")
    with transaction.atomic(), connection.cursor() as cursor:
        # All that the request does before its last statement is done, and waits.
        cursor.execute("SELECT FROM comments_thread WHERE article_id = %s FOR UPDATE", [article.pk])
        with socket.create_connection(("127.0.0.1", doomed.port), timeout=30) as line:
            line.sendall(raw_request(data, key))
            wait_for_a_waiting_row()
            assert outcome(send(other, data, key)) == (409, "idempotency_in_progress")
            doomed.kill()
    answer = settled(other, data, key)
    assert answer.status == 201
    assert sorted(Comment.objects.values_list("source", flat=True)) == ["The first.", "Well said."]
    assert IdempotencyRecord.objects.filter(key=key).count() == 1
    assert answer.json()["version"] == Thread.objects.get().version == 2


def wait_for_a_waiting_row() -> None:
    """Wait until some connection to this database waits for a row."""

    def waits() -> bool:
        with connection.cursor() as cursor:
            # A transaction sees who was active when it first asked, unless it is told to look again.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
                " WHERE NOT l.granted AND a.datname = current_database() AND l.locktype IN ('transactionid', 'tuple')"
            )
            return bool(cursor.fetchone()[0])

    wait_until(waits, "the request to wait for the thread")


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_connection_cut_anywhere_writes_one_row(make_web: Callable[..., WebProcess], drill_scale: float) -> None:
    """1,000 requests whose connection breaks at some byte of the request or of the answer, each then sent again."""
    web = make_web()
    articles = [make_article() for _ in range(5)]
    draw, cases = random.Random(DRILL_SEED), max(int(1_000 * drill_scale), 1)
    whole = 0
    for number in range(cases):
        article, key = draw.choice(articles), str(uuid.UUID(int=draw.getrandbits(128), version=4))
        data = comment_on(article, f"Case {number}: {'x' * draw.randrange(1, 200)}")
        request = raw_request(data, key)
        length = draw.choice([len(request), draw.randrange(len(request))])
        is_whole = length == len(request)
        whole += is_whole
        cut(web, request, length, resets=draw.random() < 0.5, listens=draw.choice([0, 0, 1, 100]) if is_whole else 0)
        answer = settled(web, data, key)
        assert answer.status == 201, (number, length, answer.text)
        comment = Comment.objects.get(source=data["body"])
        expect_answer_of(comment, answer)
        assert send(web, data, key).json() == answer.json()
    assert cases // 4 < whole < cases or cases == 1
    assert Comment.objects.count() == IdempotencyRecord.objects.count() == cases
    assert sum(ThreadCount.objects.values_list("count", flat=True)) == cases
    assert sum(Thread.objects.values_list("version", flat=True)) == cases
    assert web.get("/livez").status == 200


def expect_answer_of(comment: Comment, answer: Answer) -> None:
    """The answer is what the first request would have been told: this comment, the version it made, its token."""
    told = answer.json()
    assert (told["id"], told["status"], told["version"]) == (comment.pk, "approved", comment.changed_version)
    assert told["html"] == comment.html
    assert told["edit_token"] == tokens.edit_token(comment.pk, comment.nonce.hex)
    kept = IdempotencyRecord.objects.get(answer__data__id=comment.pk)
    assert kept.answer["data"] == {name: value for name, value in told.items() if name != "edit_token"}
