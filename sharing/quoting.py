"""What somebody wrote in an answer by mail, without the mail that she answered and without her signature.

Mail programs quote in three ways: each line begins with `>`; or the old message follows below a header of its own
(Outlook), which `mail-parser-reply` knows in many languages; or it stands in an element of HTML. The first way tells
by itself what is old, wherever the answer stands; for the others an answer stands above. What no rule knows ends at
the first line of our own mail (`MARKER`). When in doubt words stay: a signature too many harms less than a lost line.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext, gettext_noop
from lxml import html as lxml_html
from lxml.etree import ParserError
from mailparser_reply import EmailMessage
from mailparser_reply.constants import MAIL_LANGUAGES

from project import markup
from project.languages import speaking
from project.text import FORBIDDEN

MARKER: Final = gettext_noop("— Reply above this line —")
MAX_TEXT: Final = 40_000  # characters; a comment has fewer
MAX_HTML: Final = 200_000
# The library's patterns look at few and short lines only, because some of them take the square of a line's length.
MAX_LINES: Final = 400
MAX_LINE: Final = 200
# Polish takes any line that begins with "Do:" or "Data:" for a header; `david` is a program and no language.
LANGUAGES: Final = sorted(set(MAIL_LANGUAGES) - {"pl", "david"})
LONG: Final = "x"
DATE: Final = re.compile(r"\d{4}|\d{1,2}[:.]\d{2}")
FIELD: Final = re.compile(r"[*\s]*[^\W\d_][^:：]{0,30}[:：]")
RULE: Final = re.compile(r"\s*[-_=]{5,}\s*")
BLANKS: Final = re.compile(r"[ \t*]{2,}")
SIGNATURE: Final = re.compile(r"--[ \t]*")
SENT_FROM: Final = re.compile(
    r"\s*(?:{}|Sent from|Von meinem .* gesendet)\b.{{0,80}}".format(
        "|".join(words for one in MAIL_LANGUAGES.values() if (words := one.get("sent_from")))
    ),
    re.IGNORECASE,
)
# Elements with which mail programs mark what is not new, by class or id.
OLD_CLASSES: Final = frozenset(
    {"gmail_attr", "gmail_signature", "moz-cite-prefix", "moz-signature", "yahoo_quoted", "protonmail_quote"}
)
OLD_FROM_HERE: Final = frozenset({"divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container"})


def marker() -> str:
    """Return the line above which an answer is written, in the language that is spoken."""
    return gettext(MARKER)


def new_words(text: str) -> str:
    """Return what is new in the plain text of an answer, "" where there is nothing."""
    lines = [line.rstrip() for line in text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    for step in (_without_quotes, _above_header, _above_marker, _without_signature):
        lines = _trimmed(step(lines))
    return "\n".join(lines)


def words_of_html(html: str) -> str:
    """Return the text of an HTML answer as a mail program would write it, quoted parts behind `>`."""
    try:
        tree = lxml_html.document_fromstring(markup.bounded(FORBIDDEN.sub("", html[:MAX_HTML])))
    except (ParserError, ValueError):
        return ""
    elements: list[Any] = list(tree.iter())
    for element in elements:
        if not isinstance(element.tag, str) or element.getparent() is None:
            continue  # a comment, the root, or gone already
        if element.get("id") in OLD_FROM_HERE:
            for old in (element, *element.itersiblings("*")):
                old.drop_tree()
        elif set((element.get("class") or "").split()) & OLD_CLASSES:
            element.drop_tree()
    for quote in list(tree.iter("blockquote")):
        tail, quote.tail = quote.tail, None
        for child in list(quote):
            quote.remove(child)
        quote.tag, quote.text, quote.tail = "p", "> ", tail
    return markup.plain_text(markup.sanitise(markup.IMPORT, lxml_html.tostring(tree, encoding="unicode")))


def unfolded(text: str, *, without_blank: bool) -> str:
    """Return a text of `format=flowed` (RFC 3676) with its paragraphs on one line each; `without_blank` is DelSp."""
    lines: list[str] = []
    flows = False
    for line in text.replace("\r\n", "\n").split("\n"):
        written = line[1:] if line.startswith(" ") else line
        if flows and not written.startswith(">"):
            lines[-1] += written
        else:
            lines.append(written)
        flows = written.endswith(" ") and written != "-- " and not written.startswith(">")
        if flows and without_blank:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)


def _without_quotes(lines: list[str]) -> list[str]:
    """Leave quoted lines out, and above each block of them the line that says whose words follow."""
    kept: list[str] = []
    is_quoted = False
    for line in lines:
        if line.lstrip().startswith(">"):
            if not is_quoted:
                kept = _without_attribution(kept)
            is_quoted = True
        else:
            kept.append(line)
            is_quoted = is_quoted and not line.strip()
    return kept


def _without_attribution(lines: list[str]) -> list[str]:
    """Leave out the last line if it ends with a colon, and up to two above it if only these have the date."""
    above = _trimmed(lines)
    if not above or not above[-1].endswith((":", "：")):
        return lines
    paragraph = 1
    while paragraph < min(3, len(above)) and above[-paragraph - 1].strip():
        paragraph += 1
    with_date = next((n for n in range(1, paragraph + 1) if DATE.search(above[-n])), 1)
    return above[:-with_date]


def _above_header(lines: list[str]) -> list[str]:
    """Leave out what begins with a header of an older message, as the library knows them."""
    shown = [LONG if len(line) > MAX_LINE or RULE.fullmatch(line) else BLANKS.sub(" ", line) for line in lines]
    first = EmailMessage("\n".join(shown[:MAX_LINES]), list(LANGUAGES)).read().replies[0]
    if first.headers:
        return []
    count = first.content.count("\n") + 1 if first.content else 0
    if count >= len(shown[:MAX_LINES]):
        return lines
    kept = lines[:count]
    while kept and (RULE.fullmatch(kept[-1]) or not kept[-1].strip()):
        kept.pop()
    return kept


def _above_marker(lines: list[str]) -> list[str]:
    """Leave out our own mail, and the header above it in whatever language."""
    at = next((number for number, line in enumerate(lines) if any(mark in line for mark in _marks())), None)
    if at is None:
        return lines
    above = _trimmed(lines[:at])
    start = len(above)
    while start and FIELD.match(above[start - 1]):
        start -= 1
    above = above[:start] if len(above) - start > 1 else _without_attribution(above)
    while above and (RULE.fullmatch(above[-1]) or not above[-1].strip()):
        above.pop()
    return above


@cache
def _marks() -> tuple[str, ...]:
    """The words of the first line of our mails, in each of our languages."""
    marks = []
    for code, _ in settings.LANGUAGES:
        with speaking(code):
            marks.append(marker().strip("— "))
    return tuple(marks)


def _without_signature(lines: list[str]) -> list[str]:
    at = next((number for number, line in enumerate(lines) if number and SIGNATURE.fullmatch(line)), len(lines))
    kept = _trimmed(lines[:at])
    if len(kept) > 1 and not kept[-2].strip() and SENT_FROM.fullmatch(kept[-1]):
        kept.pop()
    return kept


def _trimmed(lines: list[str]) -> list[str]:
    """The lines without blank ones around them."""
    written = [number for number, line in enumerate(lines) if line.strip()]
    return lines[written[0] : written[-1] + 1] if written else []
