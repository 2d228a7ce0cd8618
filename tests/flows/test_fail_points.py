"""A process that dies at a named point of a write, and the client that sends the request again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http.client import HTTPException

import pytest

from articles.models import IdempotencyRecord
from comments.models import Comment
from project import failpoints
from tests.comments.invariants import check_site
from tests.factories import make_article
from tests.flows.test_retries import comment_on, send, settled
from tests.processes import WebProcess

pytestmark = pytest.mark.live


@pytest.mark.parametrize("is_split", [True, False], ids=["application", "web"])
@pytest.mark.parametrize(
    ("point", "stored"),
    [(failpoints.AFTER_INSERT, 0), (failpoints.BEFORE_COMMIT, 0), (failpoints.AFTER_COMMIT, 1)],
)
def test_a_process_that_dies_there_loses_and_doubles_nothing(
    make_web: Callable[..., WebProcess], point: str, stored: int, is_split: bool
) -> None:
    doomed = make_web(is_split=is_split, FAIL_POINT=point)
    article, key = make_article(), str(uuid.uuid4())
    data = comment_on(article, "Well said.")
    if is_split:  # the front lives on, and says that nobody knows
        assert send(doomed, data, key).status == 503
    else:
        with pytest.raises((OSError, HTTPException)):
            send(doomed, data, key)
    assert Comment.objects.count() == IdempotencyRecord.objects.count() == stored
    check_site(article.site)
    doomed.kill()
    again = make_web(is_split=is_split)
    answer = settled(again, data, key)
    assert answer.status == 201, answer.text
    assert send(again, data, key).json() == answer.json()
    assert Comment.objects.get().pk == answer.json()["id"]
    assert IdempotencyRecord.objects.count() == 1
    check_site(article.site)
