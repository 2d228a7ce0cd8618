"""The conversation below an article as its page shows it: which part the query asks for, and every link in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext

from articles.models import Article, Site
from comments.models import Comment, Provider
from comments.selectors import (
    CommentRow,
    Permalink,
    ThreadPage,
    held_comments,
    read_comment,
    read_replies,
    read_thread,
)
from comments.services.orders import keep_order
from comments.threads import Branch, walk
from comments.views.comment_form import CommentForm
from comments.views.outline import OutlineRow, outline
from project import tokens
from project.errors import Problem

SORTS: Final = {
    Site.Sort.BEST: "Best first",
    Site.Sort.NEWEST: "Newest first",
    Site.Sort.OLDEST: "Oldest first",
    Site.Sort.HOT: "Hot",
    Site.Sort.CONTROVERSIAL: "Controversial",
}
# Their tabs stand even at zero; the others appear with their first comment.
ALWAYS: Final = (Provider.NATIVE, Provider.WORDPRESS, Provider.DISQUS)
VIEW_DAYS: Final = timedelta(hours=24)
MAX_DIGITS: Final = 18


@dataclass(frozen=True)
class Link:
    """A tab or an order: `current` marks the one that is shown."""

    key: str
    label: str
    href: str
    current: bool
    count: int = 0


@dataclass(frozen=True)
class Query:
    """What the page's address asks of the conversation; unknown ids and cursors are refused further down."""

    article: Article
    provider: str | None
    sort: str
    cursor: str | None
    branch: int | None
    comment: int | None
    reply: int | None
    mine: str

    @classmethod
    def of(cls, article: Article, data: Mapping[str, str]) -> Query:
        """Read the query; Problem `not_found` for a provider that does not exist."""
        provider = data.get("provider") or None
        if provider not in (None, *Provider.values):
            raise Problem("not_found", "There is no such kind of comment.")
        return cls(
            article=article,
            provider=provider,
            sort=data.get("sort") or article.site.default_sort,
            cursor=data.get("cursor") or None,
            branch=_id(data.get("branch", "")),
            comment=_id(data.get("comment", "")),
            reply=_id(data.get("reply", "")),
            # By the second name an author comes who wrote in the form of a WordPress theme.
            mine=data.get("mine") or data.get("moderation-hash", ""),
        )

    def href(self, anchor: str = "comments", **changes: str | int | None) -> str:
        """Return the address of the same page with tab and order kept and `changes` made."""
        sort = None if self.sort == self.article.site.default_sort else self.sort
        values = {"provider": self.provider, "sort": sort} | changes
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return f"{self.article.get_absolute_url()}{'?' if query else ''}{query}#{anchor}"


@dataclass
class ThreadView:
    """Everything that the template of the conversation needs.

    `whole` is the address of the whole conversation where only one branch is shown, `above` that of the comment
    which this branch answers. `begins_anew` says that a later page was asked for whose order is forgotten.
    """

    article: Article
    form: CommentForm
    version: int = 0
    total: int = 0
    tabs: list[Link] = field(default_factory=list)
    sorts: list[Link] = field(default_factory=list)
    rows: list[OutlineRow] = field(default_factory=list)
    next: str = ""
    whole: str = ""
    above: str = ""
    held: Comment | None = None
    begins_anew: bool = False

    @property
    def comments_open(self) -> bool:
        return self.article.comments_open


def thread_view(article: Article, data: Mapping[str, str], form: CommentForm | None = None) -> ThreadView:
    """Build the conversation of `article` for the query `data`, with a refused `form` in its place.

    Three SELECTs, some more where the query asks for one branch or for a held comment.
    Problem: not_found, sort_unknown, cursor_invalid.
    """
    query = Query.of(article, data)
    page, begins_anew = _page(query)
    form = form or CommentForm(parent=query.reply)
    view = ThreadView(article, form, page.version, page.total, begins_anew=begins_anew)
    view.tabs, view.sorts = _tabs(query, page.counts), _sorts(query)
    branches = page.branches
    wanted = query.branch or view.form.parent or query.comment
    if query.branch or (wanted and not any(branch.comment.id == wanted for branch in walk(branches))):
        alone = _alone(query, wanted or 0)
        if alone is not None:
            branches, view.whole = [alone.branch], query.href()
            if alone.ancestors:
                parent = alone.ancestors[-1].id
                view.above = query.href(f"comment-{parent}", branch=parent)
    view.rows = outline(branches, lambda comment, cursor: query.href(branch=comment, cursor=cursor))
    if page.next and not view.whole:
        view.next = query.href(cursor=page.next)
    view.held = _held(query)
    _place_form(view, query)
    return view


def view_token(comment: Comment) -> str:
    """Return the token that shows a held comment to its author, and to nobody for longer than a day."""
    return tokens.sign(tokens.Purpose.VIEW_COMMENT, comment.pk)


def _page(query: Query) -> tuple[ThreadPage, bool]:
    """Return the page of roots that is asked for; the first one, and True, where the order it goes on in is gone."""
    cursor, begins_anew = None if query.branch else query.cursor, False
    try:
        page = _read(query, cursor)
    except Problem as problem:
        if problem.code != "cursor_expired":
            raise
        page, begins_anew = _read(query, None), True
    keep_order(page)
    return page, begins_anew


def _read(query: Query, cursor: str | None) -> ThreadPage:
    return read_thread(query.article, sort=query.sort, cursor=cursor, provider=query.provider)


def _alone(query: Query, comment_id: int) -> Permalink | None:
    """Return one comment with its branch, or with its further replies; None for a comment that is not to be seen.

    Problem not_found: the address asks for this branch and nothing else.
    """
    try:
        found = read_comment(comment_id)
        if found.article != query.article:
            raise Problem("not_found", "There is no such comment here.")
    except Problem:
        if query.branch:
            raise
        return None
    if query.branch and query.cursor:
        more = read_replies(comment_id, cursor=query.cursor)
        branch: Branch[CommentRow] = Branch(found.branch.comment, more.branches, more.next)
        return Permalink(found.article, branch, found.ancestors)
    return found


def _held(query: Query) -> Comment | None:
    if not query.mine:
        return None
    try:
        comment_id = tokens.read(tokens.Purpose.VIEW_COMMENT, query.mine, VIEW_DAYS)
    except tokens.BadToken:
        return None
    return next(iter(held_comments(query.article, [comment_id])), None)


def _place_form(view: ThreadView, query: Query) -> None:
    """Let the form stand below the comment that it answers, if that one is on the page; else above them all."""
    named = next((row.comment for row in view.rows if row.comment.id == view.form.parent), None)
    if named is None:
        view.form.parent = None
        return
    view.form.parent_name = named.author_name or ""
    view.form.cancel = query.href(f"comment-{named.id}")


def _tabs(query: Query, counts: Mapping[str, int]) -> list[Link]:
    shown = [provider for provider in Provider if counts[provider] or provider in ALWAYS]
    tabs = [Link("all", gettext("All"), query.href(provider=None), not query.provider, sum(counts.values()))]
    return tabs + [
        Link(provider, str(provider.label), query.href(provider=provider), query.provider == provider, counts[provider])
        for provider in shown
    ]


def _sorts(query: Query) -> list[Link]:
    default = query.article.site.default_sort
    return [
        Link(sort, gettext(label), query.href(sort=None if sort == default else sort), query.sort == sort)
        for sort, label in SORTS.items()
    ]


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None
