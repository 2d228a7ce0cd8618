"""The rules that choose a comment's first status: pure, ordered, the first that speaks decides."""

from __future__ import annotations

import pytest

from articles.models import Site
from comments.models import Comment
from comments.rules import RULES, Submission, judge


def submission(text: str = "A fine piece.", *, links: int = 0, name: str = "Ben", known: bool = False) -> Submission:
    return Submission(text, links, name, known)


def test_nothing_holds_an_ordinary_text_on_an_open_site() -> None:
    assert judge(submission(), Site(slug="s")).status == Comment.Status.APPROVED


@pytest.mark.parametrize(
    ("site", "said", "reason"),
    [
        (Site(held_words=["casino"]), submission("Visit my CASINO"), "held_word"),
        (Site(held_words=["casino"]), submission(name="Casino Royal"), "held_word"),
        (Site(held_words=["STRASSE"]), submission("die Straße"), "held_word"),
        (Site(max_links=3), submission(links=4), "links"),
        (Site(max_links=0), submission(links=1), "links"),
        (Site(moderation="all"), submission(known=True), "moderation"),
        (Site(moderation="newcomers"), submission(), "newcomer"),
        (Site(moderation="all", held_words=["x"]), submission("x"), "held_word"),
    ],
)
def test_held_with_the_name_of_the_rule(site: Site, said: Submission, reason: str) -> None:
    verdict = judge(said, site)
    assert (verdict.status, verdict.reason) == (Comment.Status.PENDING, reason)


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (Site(held_words=[""]), submission()),
        (Site(held_words=["casino"]), submission("a casing")),
        (Site(max_links=3), submission(links=3)),
        (Site(moderation="newcomers"), submission(known=True)),
    ],
)
def test_not_held(site: Site, said: Submission) -> None:
    assert judge(said, site).status == Comment.Status.APPROVED


def test_no_rule_reads_anything_but_the_submission_and_the_site() -> None:
    for rule in RULES:
        rule(submission(), Site())  # without a database: tests/unit has none
