"""What a channel says: a template of the site's, filled with words of others that can do nothing but be read.

A title may hold anything. It is made one plain line, its mentions, links and tags are broken by a joiner that nobody
sees, and each network's own marks are escaped; then as much of it is left out as the network's limit asks for. The
page's address is put in last and is never cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Final, NamedTuple

from project.text import BIDI, FORBIDDEN
from sharing.networks.lengths import Counting, fit, measure

PLACEHOLDERS: Final = ("title", "url", "summary", "author", "tags", "hashtags", "site", "count")
DEFAULT_TEMPLATE: Final = "{title}\n\n{url}"
MOST_TEMPLATE: Final = 2_000  # characters
MOST_WORD: Final = 5_000
# What is shortened first, and last.
SHORTENED: Final = ("summary", "hashtags", "tags", "author", "site", "title")
# Stands where the address comes to be; no word holds it.
LINK: Final = "\ue000"
JOINER: Final = "\u2060"
# What networks make a mention, an address or a tag of: `@name`, `#tag`, `scheme://`, `host.name`.
LIVE: Final = re.compile(r"[@#](?=\S)|:(?=/)|(?<=\w)\.(?=[^\W\d_]{2})")


class TooLongError(ValueError):
    """What cannot be left out is longer than a post may be."""


def as_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Rule:
    """What a network takes: `maximum` as it counts, an address counted as `link` (None: as it is), and no more bytes.

    `makes_links` says that it makes links and mentions of plain words; `escape` is for its own marks; `show` is how
    an address is shown where what is shown is not where it leads.
    """

    maximum: int
    counting: Counting = Counting.CHARACTERS
    link: int | None = None
    makes_links: bool = True
    most_bytes: int = 100_000
    escape: Callable[[str], str] = field(default=as_is)
    show: Callable[[str], str] = field(default=as_is)


class Composed(NamedTuple):
    """`links` are the places of the address in the text, in characters: from, to."""

    text: str
    links: list[tuple[int, int]]


def check_template(template: str, rule: Rule) -> str:
    """Return a template as it is kept. ValueError, a sentence: unknown placeholder, stray brace, too long."""
    text = template.replace("\r\n", "\n").strip()
    if len(text) > MOST_TEMPLATE or FORBIDDEN.search(text):
        raise ValueError(f"A template has at most {MOST_TEMPLATE:,} characters, and no control characters.")
    _pieces(text)
    if measure(_assembled(text, {}, rule).replace(LINK, ""), rule.counting) + (rule.link or 0) > rule.maximum // 2:
        raise ValueError("The template's own words leave no room for the title.")
    return text


def compose(template: str, words: Mapping[str, str], url: str, rule: Rule) -> Composed:
    """Return the text of a post, within the rule. TooLongError: not even without the words of others."""
    plain = {name: clean(words.get(name, "")) for name in PLACEHOLDERS}
    shown = rule.escape(rule.show(url))
    for name in SHORTENED:
        if _fits(_assembled(template, plain, rule), shown, rule):
            break
        plain[name] = _longest(template, plain, name, shown, rule)
    text = _assembled(template, plain, rule)
    if not _fits(text, shown, rule):
        raise TooLongError("the address and the template's own words are longer than a post may be")
    return _with_links(text, shown)


def _longest(template: str, plain: Mapping[str, str], name: str, shown: str, rule: Rule) -> str:
    """Return as much of one word as fits; what is escaped may be longer than it was, so it is tried out."""
    word = plain[name]
    fitting, low, high = "", 1, min(measure(word, rule.counting), rule.maximum)
    while low <= high:
        middle = (low + high) // 2
        shorter = fit(word, middle, rule.counting)
        if _fits(_assembled(template, {**plain, name: shorter}, rule), shown, rule):
            fitting, low = shorter, middle + 1
        else:
            high = middle - 1
    return fitting


def clean(word: str) -> str:
    """Return a value on one line, without controls and marks that turn its direction."""
    line = BIDI.sub("", FORBIDDEN.sub(" ", word[: 2 * MOST_WORD])).replace(LINK, "")
    return fit(" ".join(line.split()), MOST_WORD, Counting.CHARACTERS)


def defuse(text: str) -> str:
    """Return the text with nothing in it that a network would make a mention, a link or a tag of."""
    return LIVE.sub(lambda found: found[0] + JOINER, text)


def hashtags(tags: list[str]) -> str:
    """Return tags as networks write them, `#NewYork #art`: letters and digits only."""
    joined = ("".join(part[:1].upper() + part[1:] for part in re.findall(r"[^\W_]+", tag)) for tag in tags)
    return " ".join(f"#{tag}" for tag in joined if tag and not tag.isdigit())


def _pieces(template: str) -> list[tuple[str, str]]:
    """Return each run of words and the placeholder behind it, "" at the end. ValueError: a sentence."""
    try:
        found = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError("The template has a brace without its partner; write {{ and }} for braces.") from error
    for _, name, form, conversion in found:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            raise ValueError(f"The template has the unknown placeholder {{{name}}}; there are {known}.")
    return [(words, name or "") for words, name, _, _ in found]


def _assembled(template: str, plain: Mapping[str, str], rule: Rule) -> str:
    """Return the template with words in it, escaped, and LINK for each address; no more than one blank line."""
    parts = []
    for words, name in _pieces(template):
        parts.append(rule.escape(words.replace(LINK, "")))
        if name == "url":
            parts.append(LINK)
        elif name == "hashtags":  # made by us of letters and digits
            parts.append(plain.get(name, ""))
        elif name:
            value = plain.get(name, "")
            parts.append(rule.escape(defuse(value) if rule.makes_links else value))
    lines = "\n".join(line.strip() for line in "".join(parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _fits(text: str, shown: str, rule: Rule) -> bool:
    whole = text.replace(LINK, shown)
    if len(whole.encode()) > rule.most_bytes:
        return False
    if rule.link is None:
        return measure(whole, rule.counting) <= rule.maximum
    return measure(text.replace(LINK, ""), rule.counting) + text.count(LINK) * rule.link <= rule.maximum


def _with_links(text: str, shown: str) -> Composed:
    first, *rest = text.split(LINK)
    whole, links = first, []
    for part in rest:
        links.append((len(whole), len(whole) + len(shown)))
        whole += shown + part
    return Composed(whole, links)
