"""A tree of comments as the flat list of rows from which a template can write nested lists without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from comments.selectors import CommentRow
from comments.threads import Branch

Href = Callable[[int, str], str]
ITEM_ENDS: Final = SafeString("</li>")
LIST_ENDS: Final = SafeString("</ol></li>")


@dataclass(slots=True)
class OutlineRow:
    """One comment in reading order.

    `opens` says that a list of replies begins below it; `closing` is the markup that ends its own item and those
    lists that end with it, a link to further replies included.
    """

    comment: CommentRow
    opens: bool
    closing: SafeString


def outline(branches: Iterable[Branch[CommentRow]], more: Href) -> list[OutlineRow]:
    """Return every comment of the branches; `more(comment id, cursor)` is the address of its further replies."""
    rows: list[OutlineRow] = []
    for branch in branches:
        _append(branch, rows, more)
    return rows


def _append(branch: Branch[CommentRow], rows: list[OutlineRow], more: Href) -> None:
    """Add a branch; its depth is bounded by what one answer shows (`comments.selectors.branches.LEVELS`)."""
    opens = bool(branch.replies or branch.next_replies)
    rows.append(OutlineRow(branch.comment, opens, SafeString()))
    for reply in branch.replies:
        _append(reply, rows, more)
    if branch.next_replies:
        rows[-1].closing += _more_item(more(branch.comment.id, branch.next_replies), branch)
    rows[-1].closing += LIST_ENDS if opens else ITEM_ENDS


def _more_item(href: str, branch: Branch[CommentRow]) -> SafeString:
    return format_html(
        '<li class="more" data-parent="{}" data-cursor="{}"><a href="{}">{}</a></li>',
        branch.comment.id,
        branch.next_replies,
        href,
        _("More replies"),
    )
