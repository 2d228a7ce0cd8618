"""Which card an address has: that of the article, or of the comment that its query names."""

from __future__ import annotations

from articles.models import Article
from comments.models import Comment
from sharing.cards.card import Card, article_card, comment_card

MAX_DIGITS = 18


def card_of(article: Article, comment: str = "") -> Card:
    """Return the card of a public article (with its site), or of the public comment of it that has this id.

    A comment that is not to be seen, or no id, gives the article's card. One query for a comment, else none.
    """
    found = public_comment(article, comment)
    return article_card(article) if found is None else comment_card(article, found)


def public_comment(article: Article, number: str) -> Comment | None:
    """Return the public comment of the article that has this id in decimal digits."""
    if not (number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS):
        return None
    return Comment.objects.of(article).approved().filter(pk=int(number)).first()
