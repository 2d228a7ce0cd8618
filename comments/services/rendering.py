"""From a body as it came to what is stored and shown, for new comments and for changed ones."""

from __future__ import annotations

from articles.models import Site
from project import text


def render_body(body: str, site: Site, *, is_html: bool = False) -> text.Rendered:
    """Return a body within the limits of its site; `is_html` for comments that were not written here.

    BadText as `text.render`.
    """
    if not is_html:
        return text.render(body, limit=site.max_length)
    rendered = text.clean_imported(text.clean_body(body))
    if text.is_blank(rendered.text):
        raise text.BadText("body", "blank", "There is nothing to read in this text.")
    return rendered
