"""Small exports written for tests, as text; each oddity is one keyword."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from articles.models import Site
from comments.interchange.detect import open_export
from comments.interchange.pages import Base
from comments.models import Comment
from comments.services.intake import Summary, take_in
from sharing.models import Delivery, Notification
from tests.comments.invariants import check_site

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


def import_json(folder: Path, document: Any, site: Site, **options: Any) -> Summary:
    """Write a document, or (a tuple) one on each line, or a text as it is, into a file and import it."""
    text = document
    if isinstance(document, tuple):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in document) + "\n"
    elif not isinstance(document, str):
        text = json.dumps(document, ensure_ascii=False)
    path = folder / "export.json"
    path.write_text(text, encoding="utf-8")
    return import_path(path, site, **options)


def import_path(path: Path, site: Site, **options: Any) -> Summary:
    """Import a file, with `base` for pages that it names by path, and see that all that is written is sound."""
    base = Base(options.pop("base", ""), options.pop("fallback", ""))
    summary = take_in(open_export(path, options.pop("kind", "auto"), base), site, **options)
    check_site(site)
    assert not Notification.objects.exists()
    assert not Delivery.objects.exists()
    return summary


def sketch(site: Site) -> list[str]:
    """The tree of a site as indented lines, oldest first, `!` behind what is not approved."""
    comments = list(Comment.objects.filter(site=site).order_by("id"))

    def below(parent: int | None) -> list[str]:
        lines = []
        for comment in comments:
            if comment.parent_id == parent:
                lines.append("  " * comment.depth + comment.text + ("" if comment.is_approved else "!"))
                lines += below(comment.pk)
        return lines

    return below(None)
