"""Pictures by two real web processes that share a folder: all who ask at once get the same, and it is kept once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sharing.cards.card import drawn_of
from tests.factories import make_article, make_comment
from tests.processes import WebProcess
from tests.webs import ask

pytestmark = pytest.mark.live


def test_two_processes_draw_the_same_picture_and_keep_it_once(
    make_web: Callable[..., WebProcess], tmp_path: Path
) -> None:
    webs = [make_web(RATE_LIMITS="off", DATA_DIR=str(tmp_path)) for _ in range(2)]
    article = make_article(title="蜜蜂 and النحل 🐝")
    comment = make_comment(article, body="Well said.")
    for drawn in (drawn_of(article), drawn_of(article, comment)):
        path = urlsplit(drawn.picture(600).url).path
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda web, path=path: ask(web, path), webs * 4))
        assert {answer.status for answer in answers} == {200}
        assert {answer.header("content-type") for answer in answers} == {"image/png"}
        assert len({answer.body for answer in answers}) == 1
    assert len(list((tmp_path / "cards").iterdir())) == 2
