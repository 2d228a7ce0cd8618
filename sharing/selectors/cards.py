"""Which card an address has: that of the article, or of the comment that it names."""

from __future__ import annotations

from typing import Final

from articles.models import Article
from comments.models import Comment
from comments.selectors import thread_counts
from sharing.cards.card import Card, article_card, comment_card

MAX_DIGITS: Final = 18


def card_of_page(article: Article, comment: str = "") -> Card:
    """Return the card of a public article (with its site), or of the public comment of it that has this id.

    A comment that is not to be seen, or no id, gives the article's card. One query for a comment, else none.
    """
    return comment_card_of(article, comment) or article_card(article)


def comment_card_of(article: Article, number: str) -> Card | None:
    """Return the card of the comment with this id in decimal digits; None where the article has no such public one."""
    comment = find_comment(article, number)
    return None if comment is None else comment_card(article, comment)


def find_comment(article: Article, number: str) -> Comment | None:
    """Return the public comment of the article with this id in decimal digits; one query."""
    if not (number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS):
        return None
    return Comment.objects.of(article).approved().filter(pk=int(number)).first()


def comments_below(article: Article) -> int:
    """Return how many public comments an article has; one query."""
    return sum(thread_counts(article).values())
