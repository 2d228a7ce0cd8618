"""What a mention looks like as a comment: a reply in its own words, everything else in a line with a link."""

from __future__ import annotations

from html import escape
from typing import Final

from project.errors import Problem
from project.text import clean_imported, clean_line, excerpt, is_blank
from sharing.webmentions.sources import Kind, Said

NAME: Final = 60
TITLE: Final = 120
EXCERPT: Final = 280
DID: Final = {Kind.LIKE: "likes this", Kind.REPOST: "passed this on"}


def html_of(said: Said, source: str, limit: int) -> str:
    """Return the comment's HTML, not sanitised yet; its text has at most some `limit` letters, and is never blank."""
    if said.kind == Kind.REPLY:
        reply = _whole(said, limit)
        if reply:
            return reply
    link = f'<a href="{escape(source)}">{escape(excerpt(said.title, TITLE) or source)}</a>'
    if said.kind in DID:
        return f"<p>{DID[said.kind]}: {link}</p>"
    words = _plain(said)
    quoted = f"<blockquote><p>{escape(excerpt(words, min(EXCERPT, limit)))}</p></blockquote>" if words else ""
    return f"<p>mentions this: {link}</p>{quoted}"


def name_of(said: Said, host: str) -> str:
    """Return who signs: the author whom the page names, else its server."""
    try:
        return clean_line(excerpt(said.author, NAME), limit=NAME, field="name")
    except Problem:
        return host[:NAME]


def _whole(said: Said, limit: int) -> str:
    shown = clean_imported(said.html) if said.html else None
    if shown is not None and not is_blank(shown.text) and len(shown.text) <= limit:
        return shown.html
    words = _plain(said)
    return f"<p>{escape(excerpt(words, limit))}</p>" if words else ""


def _plain(said: Said) -> str:
    words = clean_imported(said.html).text if said.html else said.excerpt
    return "" if is_blank(words) else words
