"""From what people type to what is shown: checked, rendered once, sanitised last.

A body is CommonMark with autolinks and strikethrough, no raw HTML, no images; headings become strong paragraphs,
because a comment is no place for the headings of a page. The same text always gives the same HTML for one RENDERER.
"""

from __future__ import annotations

import html as entities
import re
from typing import Final, NamedTuple

from linkify_it import LinkifyIt  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.linkify import linkify as link_rule
from markdown_it.token import Token

from project import markup
from project.errors import Problem
from project.paragraphs import with_paragraphs

# Raised with every change of what the same source becomes, so that stored HTML can be found and rendered again.
RENDERER: Final = 1
BODY_LIMIT: Final = 10_000
# A longer text of another system is shown as it was typed.
FOREIGN_LIMIT: Final = 30_000
MAX_NESTING: Final = 16
# The parser drops what lies deeper than its own limit, so that one must lie beyond ours. Each level more
# makes a run of brackets dearer.
PARSER_NESTING: Final = 20
MAX_GROWTH: Final = 10
SMALL: Final = 2_000
# How much of the text before a colon is looked through for a scheme, which has some letters.
BEFORE_COLON: Final = 100
MOST_PENDING: Final = 1_000

# Everything that XML or PostgreSQL cannot hold, and the control characters that move cursors or end lines unseen.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Marks that turn the direction of what follows them; in a name or a link they make it read as another.
BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What leaves no mark on the page: blanks, fillers, joiners, selectors, tags.
INVISIBLE: Final = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]*"
)
LINK: Final = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f-\x9f]+", re.IGNORECASE)


class Rendered(NamedTuple):
    """`source` as it is stored, `html` to be shown, `text` for search, excerpts and mail."""

    source: str
    html: str
    text: str


class BadText(Problem):
    """A text that cannot be taken: `validation_failed` with one field and one reason."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__("validation_failed", message, errors=[{"field": field, "code": code, "message": message}])


def render(source: str, *, limit: int = BODY_LIMIT, field: str = "body") -> Rendered:
    """Return a body as HTML and plain text; the HTML is at most some ten times as long as the source.

    BadText on `field`: `characters_not_allowed`, `too_long` (more than `limit` characters, counted without the
    blanks around the text), `blank` (nothing that a reader would see).
    """
    text = clean_body(source, limit=limit, field=field)
    html = markup.sanitise(markup.COMMENT, _to_html(text, MARKDOWN))
    plain = markup.plain_text(html)
    if is_blank(plain):
        raise BadText(field, "blank", "There is nothing to read in this text.")
    return Rendered(text, html, plain)


def clean_body(source: str, *, limit: int = BODY_LIMIT, field: str = "body") -> str:
    """Return a text of many lines with LF line ends, without blank lines around it; BadText as in `render`."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if FORBIDDEN.search(text):
        raise BadText(field, "characters_not_allowed", "The text has control characters.")
    if len(text.strip()) > limit:
        raise BadText(field, "too_long", f"The text is longer than {limit:,} characters.")
    if is_blank(text):
        raise BadText(field, "blank", "There is nothing to read in this text.")
    # Blanks before the first line may be the indentation of a code block.
    return text.rstrip().lstrip("\n")


def clean_line(value: str, *, limit: int, field: str, required: bool = True) -> str:
    """Return a name or title on one line: runs of blanks made one, marks that turn direction taken out.

    BadText on `field`: `characters_not_allowed` (control characters, line ends), `too_long`, `blank` if required.
    """
    if FORBIDDEN.search(value) or "\n" in value or "\r" in value:
        raise BadText(field, "characters_not_allowed", "The text has control characters or line ends.")
    line = " ".join(BIDI.sub("", value).split())
    if len(line) > limit:
        raise BadText(field, "too_long", f"The text is longer than {limit:,} characters.")
    if is_blank(line):
        if required:
            raise BadText(field, "blank", "This field may not be blank.")
        return ""
    return line


def is_blank(text: str) -> bool:
    """Say whether a reader would see nothing of the text."""
    return INVISIBLE.fullmatch(text) is not None


def clean_imported(html: str) -> Rendered:
    """Return another system's comment through the same allow-list; nothing is refused, it may come out empty.

    A newline is a visible line break and an empty line a paragraph, as WordPress shows them; entities are decoded
    once. Characters that could not be stored are taken out.
    """
    source = FORBIDDEN.sub("", html.replace("\r\n", "\n").replace("\r", "\n"))
    cleaned = markup.IMPORT.clean(markup.bounded(source))
    shown = markup.sanitise(markup.COMMENT, with_paragraphs(cleaned))
    return Rendered(source, shown, markup.plain_text(shown))


def from_markdown(source: str) -> Rendered:
    """Return another system's Markdown as HTML, its source too; nothing is refused, it may come out empty.

    Other systems let HTML stand in Markdown and show a newline as one: so it is read here, and sanitised last like
    everything. Characters that could not be stored are taken out.
    """
    text = FORBIDDEN.sub("", source.replace("\r\n", "\n").replace("\r", "\n"))
    html = markup.sanitise(markup.COMMENT, _to_html(text, FOREIGN) if len(text) <= FOREIGN_LIMIT else _as_typed(text))
    return Rendered(html, html, markup.plain_text(html))


def clean_article(html: str) -> str:
    """Return an article's body with what articles need beside comments: headings, figures, images, tables."""
    return markup.sanitise(markup.ARTICLE, FORBIDDEN.sub("", html))


def mail_html(html: str) -> str:
    """Return shown HTML for a mail: no images and no links, so that no mail of ours leads where a reader chose."""
    return markup.sanitise(markup.MAIL, html)


def excerpt(text: str, length: int) -> str:
    """Return plain text on one line, at most `length` characters, cut between words and ended with an ellipsis."""
    line = " ".join(text[: 4 * length + 100].split())
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    words, blank, _ = cut.rpartition(" ")
    # A text without blanks (Chinese, one long address) is cut where it must be.
    return (words if blank and len(words) > length // 2 else cut).rstrip() + "…"


def _to_html(text: str, markdown: MarkdownIt) -> str:
    environment: dict[str, object] = {}
    tokens = markdown.parse(text, environment)
    if max((child.level for token in tokens for child in token.children or [token]), default=0) > MAX_NESTING:
        return _as_typed(text)
    html: str = markdown.renderer.render(tokens, markdown.options, environment)
    # Reference links and nested quotes can grow without bound; a text that does so is shown as it was typed.
    return html if len(html) <= MAX_GROWTH * len(text) + SMALL else _as_typed(text)


def _as_typed(text: str) -> str:
    blocks = re.split(r"\n\s*\n", entities.escape(text, quote=False))
    return "".join(f"<p>{block.replace(chr(10), '<br>')}</p>" for block in blocks)


def _markdown(*, foreign: bool = False) -> MarkdownIt:
    """Return the parser of bodies; `foreign` reads raw HTML and shows newlines, for what was written elsewhere."""
    linkify = LinkifyIt(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    linkify.add("ftp:", None).add("//", None)
    options = {"html": foreign, "breaks": foreign, "linkify": True, "maxNesting": PARSER_NESTING}
    markdown = MarkdownIt("commonmark", options).enable(["linkify", "strikethrough"])
    markdown.disable(["image"] if foreign else ["image", "html_inline", "html_block"])
    markdown.linkify = linkify
    markdown.validateLink = lambda url: LINK.fullmatch(url) is not None  # type: ignore[method-assign]
    markdown.inline.ruler.at("linkify", _link)
    markdown.core.ruler.push("link_text_reads_one_way", _without_bidi_marks)
    markdown.add_render_rule("heading_open", _heading_open)
    markdown.add_render_rule("heading_close", _heading_close)
    return markdown


def _link(state: StateInline, silent: bool) -> bool:
    """Run the parser's rule on the end of a long text only: it searches all of it at each colon."""
    if len(state.pending) > MOST_PENDING:
        end = state.pending[-BEFORE_COLON:]
        state.pending = state.pending[:-BEFORE_COLON]
        state.pushPending()
        state.pending = end
    return link_rule(state, silent)


def _without_bidi_marks(state: StateCore) -> None:
    for block in state.tokens:
        depth = 0
        for token in block.children or []:
            depth += token.nesting if token.type in {"link_open", "link_close"} else 0
            if depth > 0:
                token.content = BIDI.sub("", token.content)


def _heading_open(self: RendererHTML, tokens: list[Token], position: int, options: object, env: object) -> str:
    return "<p><strong>"


def _heading_close(self: RendererHTML, tokens: list[Token], position: int, options: object, env: object) -> str:
    return "</strong></p>\n"


MARKDOWN: Final = _markdown()
FOREIGN: Final = _markdown(foreign=True)
