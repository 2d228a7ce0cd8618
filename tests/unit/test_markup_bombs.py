"""What holds for every way from text to HTML: no text breaks it, its result is settled, its work grows with length."""

from __future__ import annotations

import time
from collections.abc import Callable

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import markup, text
from tests.unit import html_trees

WAYS: dict[str, tuple[Callable[[str], str], nh3.Cleaner, frozenset[str], frozenset[str]]] = {
    "import": (
        lambda source: text.clean_imported(source).html,
        markup.COMMENT,
        markup.COMMENT_TAGS,
        frozenset({"href", "rel", "start"}),
    ),
    "article": (
        text.clean_article,
        markup.ARTICLE,
        markup.ARTICLE_TAGS | {"tbody"},
        frozenset("href rel start lang dir title hreflang src alt width height colspan rowspan scope datetime".split()),
    ),
    "mail": (text.mail_html, markup.MAIL, markup.MAIL_TAGS, frozenset({"start"})),
}
NAMES = [
    *sorted(markup.ARTICLE_TAGS | markup.LAYOUT_TAGS | markup.DROPPED_WHOLE),
    *("svg", "math", "mi", "mtext", "foreignObject", "annotation-xml", "form", "button", "input", "plaintext", "xmp"),
    *("frameset", "body", "html", "head", "base", "object", "embed", "video", "source", "nobr", "font", "marquee"),
]
ATTRIBUTES = [
    *("", " href=http://a.example", " href='javascript:x'", ' onclick="x"', " style=x", ' id="a"', " src=//b"),
    *(' title="</p><script>"', ' href="http://a.example/\'"', " start=9", " lang=<", ' href="https://a\x01b"', "/"),
]


def pieces() -> st.SearchStrategy[str]:
    opening = st.builds("<{}{}>".format, st.sampled_from(NAMES), st.sampled_from(ATTRIBUTES))
    closing = st.sampled_from(NAMES).map("</{}>".format)
    odd = st.sampled_from(
        ["<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE x>", "<?x", "&lt;", "&#0;", "&amp", "<", "\n\n"]
    )
    return opening | closing | odd | st.text(max_size=5)


def hostile_html() -> st.SearchStrategy[str]:
    return st.lists(pieces(), max_size=40).map("".join)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=150, deadline=None)
@given(source=hostile_html())
def test_every_html_becomes_a_harmless_fixed_point(way: str, source: str) -> None:
    render, cleaner, tags, attributes = WAYS[way]
    html = render(source)
    assert cleaner.clean(html) == html
    assert html_trees.forbidden_things(html, tags, attributes) == []
    tree = html_trees.parse(html)
    assert html_trees.outline(html_trees.parse(html_trees.serialise(tree))) == html_trees.outline(tree)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_what_works_on_texts(source: str) -> None:
    """Lone surrogates and control characters too; only `render` and `clean_line` may refuse, and say why."""
    for work in (text.clean_imported, text.clean_article, text.mail_html, markup.plain_text):
        work(source)
    assert len(text.excerpt(source, 40)) <= 40
    for refuse in (text.render, lambda value: text.clean_line(value, limit=100, field="name")):
        try:
            refuse(source)
        except text.BadText as problem:
            assert problem.status == 400


MARKDOWN_BOMBS = [
    *("[", "![", "[a](", "[[a]", "](", "[](<", "[a]: b\n", "[a][", "*", "**a *", "*a _b ", "_a*", "~~a", "a**b"),
    *("`", "`a``", "``` `\n", "~~~\n", "> ", ">\n>", "- ", "* a\n ", "1. a\n   ", "- - a\n", "\\", "\\`", "&", "&amp"),
    *("&#x", "&lt;&", "<", "<a ", "<http://", "<a@", "<!--", "<![CDATA[", "<?", "http://", "http://a.b/(", "a@b."),
    *("*a **b ", "_a", "http://a.b ", ">", "a@"),
    *("https://a.example/*_", "mailto:a@", "www.", "# ", "a\n=\n", "| a ", "\t", " \n", "é\u0301", "\u202e[", "()"),
]
HTML_BOMBS = [
    *("<b>", "<b><i>", "</b>", "<p>", "<b x=1>", "<a href=http://a.example>", "<li>", "<ul><li>", "<table><tr><td>"),
    *("<table>a", "<!--", "<![CDATA[", "<", "<a ", "<a b='", "&", "&lt;", "<svg><p>", "<math><mi>", "<script>", "<br>"),
    *(
        "<blockquote>",
        "</p><b>",
        "<nobr>",
        "<form>",
        "<pre>\n",
        "a\n\n",
        "<select>",
        "<title>",
        "<a x=1 ",
        "<i><p></i>",
    ),
]


def seconds(work: Callable[[str], object], source: str) -> float:
    """Return the processor time of the fastest of some tries: what others do meanwhile does not count."""
    best = 60.0
    for _ in range(4):
        begin = time.process_time()
        work(source)
        best = min(best, time.process_time() - begin)
        if best > 1:
            break
    return best


def grows_with_length(work: Callable[[str], object], pattern: str, longest: int) -> None:
    """Fail where work grows much faster than length: a third power of 3.5 for eight times the text; squared is 64."""

    def text_of(length: int) -> str:
        return (pattern * length)[: length - 1] + "x"

    small = seconds(work, text_of(longest // 8))
    # Below a millisecond clocks and caches decide.
    assert seconds(work, text_of(longest)) < 3.5**3 * max(small, 0.001), pattern


@pytest.mark.parametrize("pattern", MARKDOWN_BOMBS, ids=ascii)
def test_rendering_grows_with_the_length_of_a_comment(pattern: str) -> None:
    def render(source: str) -> None:
        # Some of them leave nothing to read.
        try:
            text.render(source)
        except text.BadText as problem:
            assert problem.errors[0]["code"] == "blank"

    grows_with_length(render, pattern, text.BODY_LIMIT)


@pytest.mark.parametrize("pattern", HTML_BOMBS, ids=ascii)
@pytest.mark.parametrize("way", WAYS)
def test_cleaning_grows_with_the_length_of_html(way: str, pattern: str) -> None:
    grows_with_length(WAYS[way][0], pattern, 64_000)
