"""Which status a new text gets: ordered, pure rules; the first that speaks decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from articles.models import Site
from comments.models import Comment
from project.text import Rendered


@dataclass(frozen=True)
class Submission:
    """What the rules may know of a text: its plain form, its links, and whether its author has proved
    (by the edit token of an approved comment of this site) that she is no newcomer."""

    text: str
    links: int
    author_name: str
    author_is_known: bool


def submission_of(rendered: Rendered, author_name: str, *, author_is_known: bool) -> Submission:
    """Return what the rules look at of a text, new or edited."""
    return Submission(rendered.text, rendered.html.count("<a "), author_name, author_is_known)


@dataclass(frozen=True)
class Verdict:
    """The first status and the name of the rule that gave it ("" where none spoke)."""

    status: Comment.Status
    reason: str = ""


Rule = Callable[[Submission, Site], Verdict | None]


def _hold(reason: str) -> Verdict:
    return Verdict(Comment.Status.PENDING, reason)


def held_word(submission: Submission, site: Site) -> Verdict | None:
    """Hold a text or name with one of the site's words in it, whatever its letter case."""
    said = f"{submission.author_name}\n{submission.text}".casefold()
    return _hold("held_word") if any(word.casefold() in said for word in site.held_words if word) else None


def too_many_links(submission: Submission, site: Site) -> Verdict | None:
    return _hold("links") if submission.links > site.max_links else None


def everybody_waits(submission: Submission, site: Site) -> Verdict | None:
    return _hold("moderation") if site.moderation == Site.Moderation.ALL else None


def newcomers_wait(submission: Submission, site: Site) -> Verdict | None:
    waits = site.moderation == Site.Moderation.NEWCOMERS and not submission.author_is_known
    return _hold("newcomer") if waits else None


RULES: tuple[Rule, ...] = (held_word, too_many_links, everybody_waits, newcomers_wait)


def judge(submission: Submission, site: Site) -> Verdict:
    """Return the verdict of the first rule that speaks; a text that no rule holds is approved."""
    verdicts = (rule(submission, site) for rule in RULES)
    return next((verdict for verdict in verdicts if verdict), Verdict(Comment.Status.APPROVED))
