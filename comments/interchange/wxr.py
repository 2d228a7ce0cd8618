"""Writing WXR 1.0 with the elements of Disqus' custom XML import; `wordpress` and `disqus_custom` read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from io import StringIO
from typing import Any, Final
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from comments.interchange.decoding import FORBIDDEN

Row = dict[str, Any]

NAMESPACES: Final = {
    "xmlns:excerpt": "http://wordpress.org/export/1.0/excerpt/",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dsq": "http://www.disqus.com/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:wp": "http://wordpress.org/export/1.0/",
}
APPROVED: Final = {"approved": "1", "pending": "0", "spam": "spam", "rejected": "trash", "removed": "trash"}
STATUSES: Final = {"public": "publish", "scheduled": "future"}
HIDDEN: Final = frozenset({"draft", "pending", "trash"})


def to_wxr(title: str, link: str, items: Iterable[tuple[Row, Iterable[Row]]]) -> Iterator[str]:
    """Yield a file in pieces: an item for each article, whose comments stand parents first under their own ids.

    `items` are rows of `selectors.wxr_rows`. Characters that XML forbids are left out. The library escapes all texts,
    so no CDATA section can be broken: there is none.
    """
    document = _Document()
    document.begin(title, link)
    for article, comments in items:
        document.open("item")
        document.article(article)
        yield document.drain()
        for comment in comments:
            document.comment(comment)
            yield document.drain()
        document.close("item")
    document.close("channel")
    document.close("rss")
    yield document.drain()


class _Document:
    def __init__(self) -> None:
        self._out = StringIO()
        self._xml = XMLGenerator(self._out, "utf-8", short_empty_elements=False)

    def drain(self) -> str:
        """Return what was written since the last time."""
        text = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return text

    def open(self, name: str, attributes: dict[str, str] | None = None) -> None:
        self._xml.startElement(name, AttributesImpl(attributes or {}))
        self._xml.ignorableWhitespace("\n")

    def close(self, name: str) -> None:
        self._xml.endElement(name)
        self._xml.ignorableWhitespace("\n")

    def begin(self, title: str, link: str) -> None:
        self._xml.startDocument()
        self.open("rss", {"version": "2.0", **NAMESPACES})
        self.open("channel")
        self._texts({"title": title, "link": link, "description": "", "wp:wxr_version": "1.0"})
        self._texts({"wp:base_site_url": link, "wp:base_blog_url": link})

    def article(self, row: Row) -> None:
        published = row["published_at"] or row["created_at"]
        self._texts(
            {
                "title": row["title"],
                "link": row["url"],
                "pubDate": format_datetime(published.astimezone(UTC)),
                "dc:creator": row["author_name"],
                "content:encoded": row["html"],
                "excerpt:encoded": row["summary"],
                "dsq:thread_identifier": row["identifier"] or row["url"] or f"afterword:{row['id']}",
                "wp:post_id": str(row["id"]),
                "wp:post_date": _time(published),
                "wp:post_date_gmt": _time(published),
                "wp:comment_status": "open" if row["comments_open"] else "closed",
                "wp:status": _status(row),
                "wp:post_parent": "0",
                "wp:post_type": "post",
            }
        )
        for tag in row["tags"]:
            self._text("category", tag, {"domain": "post_tag"})

    def comment(self, row: Row) -> None:
        self.open("wp:comment")
        self._texts(
            {
                "wp:comment_id": str(row["id"]),
                "wp:comment_author": row["author_name"],
                "wp:comment_author_email": row["author_email"],
                "wp:comment_author_url": row["author_url"],
                "wp:comment_author_IP": "",
                "wp:comment_date": _time(row["created_at"]),
                "wp:comment_date_gmt": _time(row["created_at"]),
                "wp:comment_content": row["html"],
                "wp:comment_approved": APPROVED[row["status"]],
                "wp:comment_type": "pingback" if row["provider"] == "webmention" else "",
                "wp:comment_parent": str(row["parent_id"] or 0),
            }
        )
        self.close("wp:comment")

    def _texts(self, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            self._text(name, text)

    def _text(self, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
        self._xml.startElement(name, AttributesImpl(attributes or {}))
        self._xml.characters(FORBIDDEN.sub("", text))
        self.close(name)


def _status(row: Row) -> str:
    hidden = row["state"] if row["state"] in HIDDEN else "private"
    return STATUSES.get(row["visibility"], hidden)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
