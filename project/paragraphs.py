"""Imported comments: their line breaks and layout become the paragraphs that a reader of the old page saw.

WordPress shows a newline as a line break and an empty line as a paragraph; Disqus writes paragraphs as HTML. One pass
over sanitised HTML serves both. Its own output is sanitised again by the caller, as everything is.
"""

from __future__ import annotations

import re
from typing import Final

from project.markup import INLINE, LAYOUT_TAGS, TAG

BREAK: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
HEADINGS: Final = frozenset(f"h{level}" for level in range(1, 7))
CONTAINERS: Final = frozenset({"blockquote", "ul", "ol", "li"})


def with_paragraphs(html: str) -> str:
    """Return nh3's output with newlines made visible, headings as strong paragraphs and other layout taken out."""
    builder = _Builder()
    parts = TAG.split(html)
    builder.text(parts[0])
    for position in range(1, len(parts), 4):
        closing, tag, attributes, text = parts[position : position + 4]
        if closing:
            builder.end(tag)
        else:
            builder.start(tag, attributes)
        builder.text(text)
    return builder.finish()


class _Builder:
    """Writes blocks; a paragraph opens with its first content, so that none is empty."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.containers: list[str] = []
        self.inline: list[tuple[str, str]] = []
        self.is_open = False
        self.pre_depth = 0
        self.wants_break = False
        self.after_break = False

    def text(self, raw: str) -> None:
        if self.pre_depth:
            self.out.append(raw)
            return
        if "\n" not in raw:
            self._content(raw)
            return
        for number, block in enumerate(BREAK.split(raw)):
            if number:
                self._paragraph_ends()
            for line_number, line in enumerate(block.split("\n")):
                self.wants_break = self.wants_break or bool(line_number)
                self._content(line)

    def start(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self.wants_break = False
            if self.pre_depth:
                self.out.append("\n")
            elif self.is_open:
                self.out.append("<br>")
                self.after_break = True
        elif tag in INLINE:
            opening = f"<{tag}{attributes}>"
            if self.is_open and not self.pre_depth:
                self._break_line()
            if self.is_open:
                self.out.append(opening)
            self.inline.append((tag, opening))
        elif not self.pre_depth:
            self._block(tag, attributes)
        elif tag == "pre":
            self.pre_depth += 1

    def end(self, tag: str) -> None:
        if tag in INLINE:
            if self.inline and self.inline[-1][0] == tag:
                self.inline.pop()
                if self.is_open:
                    self.out.append(f"</{tag}>")
        elif tag == "pre" and self.pre_depth:
            self.pre_depth -= 1
            if not self.pre_depth:
                self._close_inline()
                self.out.append("</pre>")
                self.is_open = False
        elif not self.pre_depth:
            self._close()
            if tag in HEADINGS:
                self.inline.pop()
            elif self.containers and tag in CONTAINERS:
                self.containers.pop()
                self.out.append(f"</{tag}>")

    def finish(self) -> str:
        self._close()
        return "".join(self.out)

    def _block(self, tag: str, attributes: str) -> None:
        self._close()
        if tag in HEADINGS:
            self.inline.append(("strong", "<strong>"))
        elif tag in CONTAINERS or tag == "hr":
            self.out.append(f"<{tag}{attributes}>")
            if tag != "hr":
                self.containers.append(tag)
        elif tag == "pre":
            self.out.append("<pre>" + "".join(opening for _, opening in self.inline))
            self.pre_depth, self.is_open = 1, True
        elif tag != "p" and tag not in LAYOUT_TAGS:
            self.out.append(f"<{tag}{attributes}>")

    def _content(self, text: str) -> None:
        if not text or (not self.is_open and text.isspace()):
            return
        if self.is_open:
            if self.wants_break and text.isspace():
                return
            self._break_line()
        else:
            self.wants_break = False
            self.out.append(self._wrapper("<p>") + "".join(opening for _, opening in self.inline))
            self.is_open = True
        self.after_break = False
        self.out.append(text)

    def _break_line(self) -> None:
        if self.wants_break and not self.after_break:
            self.out.append("<br>")
        self.wants_break = False

    def _paragraph_ends(self) -> None:
        # Within an item of a list a paragraph of its own would look like two items.
        if self.containers and self.containers[-1] == "li":
            self.wants_break = True
        else:
            self._close()

    def _close(self) -> None:
        if self.is_open and not self.pre_depth:
            self._close_inline()
            self.out.append(self._wrapper("</p>"))
            self.is_open = False
        self.wants_break = self.after_break = False

    def _close_inline(self) -> None:
        self.out.extend(f"</{tag}>" for tag, _ in reversed(self.inline))

    def _wrapper(self, tag: str) -> str:
        return "" if self.containers and self.containers[-1] != "blockquote" else tag
