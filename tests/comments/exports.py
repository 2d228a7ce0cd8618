"""Small exports written for tests, as text; each oddity is one keyword."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from articles.models import Site
from comments.interchange.detect import open_export
from comments.services.intake import Summary, take_in

BLOG = "https://blog.example.org"


def wp_comment(number: int | str, text: str = "Well said.", **fields: Any) -> str:
    """A WordPress comment; `meta` is a dict of commentmeta, the rest are its elements without `comment_`."""
    meta = fields.pop("meta", {})
    elements = {
        "id": number,
        "author": "Ben",
        "author_email": "ben@example.org",
        "author_url": "",
        "date_gmt": "2020-01-02 03:04:05",
        "content": text,
        "approved": 1,
        "type": "",
        "parent": 0,
    } | fields
    body = "".join(f"<wp:comment_{name}>{escape(str(value))}</wp:comment_{name}>" for name, value in elements.items())
    for key, value in meta.items():
        body += (
            f"<wp:commentmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value>{value}</wp:meta_value></wp:commentmeta>"
        )
    return f"<wp:comment>{body}</wp:comment>\n"


def wp_item(*comments: str, path: str = "/one/", **fields: Any) -> str:
    """A WordPress post; the fields are its `wp:` elements."""
    elements = {"post_id": 1, "post_type": "post", "status": "publish", "post_date_gmt": "2020-01-01 00:00:00"} | fields
    body = "".join(f"<wp:{name}>{escape(str(value))}</wp:{name}>" for name, value in elements.items())
    return f"<item><title>Story {path}</title><link>{BLOG}{path}</link>{body}{''.join(comments)}</item>\n"


def wxr(*items: str, base: str = f"<wp:base_blog_url>{BLOG}</wp:base_blog_url>") -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/">'
    return f"{head}<channel><title>Blog</title>{base}\n{''.join(items)}</channel></rss>"


def dsq_thread(number: int | str, path: str = "/one/", **fields: Any) -> str:
    elements = {
        "id": "",
        "forum": "forum",
        "link": f"{BLOG}{path}",
        "title": "Story",
        "createdAt": "2020-01-01T00:00:00Z",
        "isClosed": "false",
        "isDeleted": "false",
    } | fields
    body = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in elements.items())
    return f'<thread dsq:id="{number}">{body}</thread>\n'


def dsq_post(number: int | str, thread: int | str, text: str = "<p>Well said.</p>", **fields: Any) -> str:
    """A Disqus post; `parent` is the dsq:id of what it answers."""
    parent = fields.pop("parent", "")
    name = fields.pop("name", "Ben")
    elements = {
        "id": "",
        "message": text,
        "createdAt": "2020-01-02T03:04:05Z",
        "isDeleted": "false",
        "isSpam": "false",
    } | fields
    body = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in elements.items())
    body += f"<author><name>{escape(name)}</name><isAnonymous>true</isAnonymous></author>"
    body += f'<thread dsq:id="{thread}"/>' + (f'<parent dsq:id="{parent}"/>' if parent else "")
    return f'<post dsq:id="{number}">{body}</post>\n'


def disqus(*parts: str) -> str:
    head = '<?xml version="1.0" encoding="utf-8"?>\n<disqus xmlns="http://disqus.com"'
    return f'{head} xmlns:dsq="http://disqus.com/disqus-internals">\n{"".join(parts)}</disqus>'


def import_text(folder: Path, text: str, site: Site, **options: Any) -> Summary:
    """Write an export into a file and import it."""
    path = folder / "export.xml"
    path.write_text(text, encoding="utf-8")
    return take_in(open_export(path, options.pop("kind", "auto")), site, **options)


def reasons(summary: Summary) -> dict[str, int]:
    """How often each kind of warning was met."""
    return {caution.reason: caution.count for caution in summary.warnings}
