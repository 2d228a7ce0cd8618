"""The card of an article, or of one comment of it: what a network shows of an address that was shared there.

One card feeds the tags of the page's head (Open Graph 1.0, https://ogp.me; X cards; Pinterest's article pins read the
same tags) and oEmbed, so that all of them say the same.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from articles.models import Article
from comments.models import Comment
from project.addresses import web_address
from project.errors import Problem
from project.markup import plain_text
from project.text import excerpt
from sharing.pictures.words import WIDTH, Words, height_of

# Characters of a description: what the networks show before they cut it themselves.
DESCRIPTION: Final = 300
MAX_TITLE: Final = 300
# Characters of a comment that its picture may show.
QUOTE: Final = 400


@dataclass(frozen=True)
class Picture:
    """A picture of a card; size in pixels and type are 0 and "" where they are not known."""

    url: str
    alt: str
    width: int = 0
    height: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Drawn:
    """Our own picture of an article or a comment: made when it is asked for, in any of `pictures.words.WIDTHS`."""

    words: Words
    path: str

    def picture(self, width: int = WIDTH) -> Picture:
        """Return the picture in one of the sizes."""
        alt = self.words.quote or self.words.headline
        return Picture(f"{settings.PUBLIC_URL}{self.address(width)}", alt, width, height_of(width), "image/png")

    def address(self, width: int) -> str:
        """Return the path of the picture: another for other words, so that nobody goes on showing old ones."""
        return f"{self.path}/{width}/{self.words.digest}.png"


@dataclass(frozen=True)
class Card:
    """All that is told of an article, or of a comment; texts are plain, "" for what is not known.

    `url` is the address that the card belongs to, `canonical` the one that search engines are to keep. `embed` is our
    own address of the same thing, which oEmbed always knows. `home` is where the article's site begins.
    """

    title: str
    description: str
    url: str
    canonical: str
    embed: str
    site_name: str
    home: str
    author: str
    author_url: str
    published_at: datetime | None
    modified_at: datetime | None
    tags: tuple[str, ...]
    picture: Picture
    drawn: Drawn
    comment_id: int | None = None


class Meta(NamedTuple):
    """One `<meta>` element: `attribute` is `name` or `property`."""

    attribute: str
    name: str
    content: str


def article_card(article: Article) -> Card:
    """Return the card of an article with its site, with the publisher's picture where there is one, else with ours."""
    own, url = article.page_url, http_address(article.url)
    drawn = drawn_of(article)
    return Card(
        title=title_of(article),
        description=excerpt(article.summary or plain_text(article.html), DESCRIPTION),
        url=url or own,
        canonical=http_address(article.source_url) or url or own,
        embed=own,
        site_name=article.site.name,
        home=_home(article),
        author=article.author_name,
        author_url="",
        published_at=article.published_at,
        modified_at=article.updated_at,
        tags=tuple(article.tags),
        picture=_own_picture(article) or drawn.picture(),
        drawn=drawn,
    )


def comment_card(article: Article, comment: Comment) -> Card:
    """Return the card of a public comment: its author, its words and an address of its own.

    Networks drop fragments, so the address is our page's with a query; canonical too, or they would take it for the
    article and show that instead.
    """
    address = comment_address(article, comment.pk)
    drawn = drawn_of(article, comment)
    return Card(
        title=f"{comment.author_name}: {title_of(article)}",
        description=excerpt(comment.text, DESCRIPTION),
        url=address,
        canonical=address,
        embed=address,
        site_name=article.site.name,
        home=_home(article),
        author=comment.author_name,
        author_url=http_address(comment.author_url),
        published_at=comment.published_at,
        modified_at=comment.edited_at,
        tags=(),
        picture=drawn.picture(),
        drawn=drawn,
        comment_id=comment.pk,
    )


def drawn_of(article: Article, comment: Comment | None = None) -> Drawn:
    """Return our picture of an article (with its site), or of a comment of it."""
    path, site, headline = f"/cards/{article.pk}", article.site.name, title_of(article)
    if comment is None:
        return Drawn(Words(site, headline, article.author_name), path)
    quote = excerpt(comment.text, QUOTE)
    return Drawn(Words(site, headline, comment.author_name, quote), f"{path}/{comment.pk}")


def comment_address(article: Article, comment_id: int) -> str:
    """Return the address at which our page shows the card of one comment."""
    return f"{article.page_url}?comment={comment_id}"


def title_of(article: Article) -> str:
    """Return the headline, or the address of a page that has none."""
    return excerpt(article.title, MAX_TITLE) or article.public_url


def metas(card: Card) -> list[Meta]:
    """Return the tags of a page's head; what is not known is left out."""
    facts = [
        Meta("name", "description", card.description),
        Meta("name", "author", card.author),
        Meta("property", "og:type", "article"),
        Meta("property", "og:site_name", card.site_name),
        Meta("property", "og:title", card.title),
        Meta("property", "og:description", card.description),
        Meta("property", "og:url", card.url),
        *_picture_metas(card.picture),
        Meta("property", "article:published_time", _time(card.published_at)),
        Meta("property", "article:modified_time", _time(card.modified_at)),
        Meta("property", "article:author", card.author),
        *(Meta("property", "article:tag", tag) for tag in card.tags),
        Meta("name", "twitter:card", "summary_large_image"),
        Meta("name", "twitter:title", card.title),
        Meta("name", "twitter:description", card.description),
    ]
    return [meta for meta in facts if meta.content]


def http_address(address: str) -> str:
    """Return an http(s) address as it may stand in a page, "" for anything else: imported data may hold anything."""
    try:
        return web_address(address) if address else ""
    except Problem:
        return ""


def _home(article: Article) -> str:
    parts = urlsplit(http_address(article.url) or article.page_url)
    return f"{parts.scheme}://{parts.netloc}/"


def _picture_metas(picture: Picture) -> list[Meta]:
    return [
        Meta("property", "og:image", picture.url),
        Meta("property", "og:image:type", picture.kind),
        Meta("property", "og:image:width", str(picture.width or "")),
        Meta("property", "og:image:height", str(picture.height or "")),
        Meta("property", "og:image:alt", picture.alt),
        Meta("name", "twitter:image", picture.url),
        Meta("name", "twitter:image:alt", picture.alt),
    ]


def _own_picture(article: Article) -> Picture | None:
    url = http_address(article.image)
    if not url:
        return None
    kind = mimetypes.guess_type(urlsplit(url).path)[0] or ""
    return Picture(url, title_of(article), kind=kind if kind.startswith("image/") else "")


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""
