"""Bodies: what Markdown becomes, what is refused, and what holds for every text whatsoever."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import markup, text
from project.errors import Problem
from tests.unit import corpus, html_trees

ATTRIBUTES = frozenset({"href", "rel", "start"})


def html_of(source: str) -> str:
    return text.render(source).html.strip()


def code_of(problem: Problem) -> str:
    return problem.errors[0]["code"]


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("Hello *you* and **you**", "<p>Hello <em>you</em> and <strong>you</strong></p>"),
        ("gone ~~this~~", "<p>gone <s>this</s></p>"),
        ("one\ntwo", "<p>one\ntwo</p>"),
        ("one  \ntwo", "<p>one<br>\ntwo</p>"),
        ("# A *head*", "<p><strong>A <em>head</em></strong></p>"),
        ("```python\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"),
        ("    indented", "<pre><code>indented\n</code></pre>"),
        ("<b>raw</b> &copy;", "<p>&lt;b&gt;raw&lt;/b&gt; ©</p>"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("foo.py and example.org", "<p>foo.py and example.org</p>"),
        ("[here](/relative)", "<p>[here](/relative)</p>"),
        ("[here](javascript:alert(1))", "<p>[here](javascript:alert(1))</p>"),
        ("[x](ftp://a.example)", "<p>[x](ftp://a.example)</p>"),
    ],
)
def test_markdown_becomes_html(source: str, html: str) -> None:
    assert html_of(source) == html


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("see https://a.example/x_y_z.", "https://a.example/x_y_z"),
        ("<https://a.example>", "https://a.example"),
        ("[a](https://a.example)", "https://a.example"),
        ("![a](https://a.example/i.png)", "https://a.example/i.png"),
        ("<mailto:ada@a.example>", "mailto:ada@a.example"),
        ("[a]\n\n[a]: http://a.example", "http://a.example"),
    ],
)
def test_every_link_says_that_we_do_not_vouch_for_it(source: str, address: str) -> None:
    assert f'<a href="{address}" rel="nofollow ugc noopener">' in html_of(source)


def test_link_text_cannot_be_turned_round() -> None:
    html = html_of("[https://a.example\u202emoc.live](https://evil.example) \u202ekept outside\u202c")
    assert "https://a.examplemoc.live</a>" in html
    assert "\u202ekept" in html


def test_plain_text_follows_the_blocks() -> None:
    source = "# Title\n\nFirst &amp; *second*\nline\n\n> quote\n\n- a\n- b\n\n```\n  code\n\n  more\n```"
    assert text.render(source).text == "Title\n\nFirst & second line\n\nquote\n\na\nb\n\n  code\n\n  more"


def test_line_ends_are_made_one_kind_and_blank_lines_around_are_dropped() -> None:
    assert text.render("\r\n\n  a\r\nb\rc \n\n").source == "  a\nb\nc"


@pytest.mark.parametrize(
    "source", ["", " \n\t ", "\u200b\u200d", "\u3164", "\u2800", "\U000e0041", "---", "[a]: http://b"]
)
def test_what_nobody_can_see_is_refused(source: str) -> None:
    with pytest.raises(text.BadText) as caught:
        text.render(source)
    assert code_of(caught.value) == "blank"
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\x07", "\x7f", "\x85", "\ud800", "\udfff", "\ufffe", "\uffff", "\x0b"]
)
def test_characters_that_cannot_be_kept_are_refused(character: str) -> None:
    with pytest.raises(text.BadText) as caught:
        text.render(f"a{character}b")
    assert code_of(caught.value) == "characters_not_allowed"


def test_length_is_counted_in_code_points_without_the_blanks_around() -> None:
    assert text.render("  " + "😀" * 10_000 + "\n\n").text == "😀" * 10_000
    with pytest.raises(text.BadText) as caught:
        text.render("a" * 10_001)
    assert code_of(caught.value) == "too_long"
    with pytest.raises(text.BadText):
        text.render("abcd", limit=3)


def test_an_overlong_text_is_refused_before_any_work() -> None:
    begin = time.perf_counter()
    with pytest.raises(text.BadText):
        text.render("[" * 1_000_000)
    assert time.perf_counter() - begin < 1


def test_reference_links_cannot_blow_up_the_page() -> None:
    source = f"[a]: http://{'x' * 5_000}\n\n" + "[a]" * 1_600
    assert html_of(source).startswith("<p>[a]: http://xxx")
    assert len(html_of(source)) < 11 * len(source)


@pytest.mark.parametrize("source", ["> " * 30 + "deep", "*a **b " * 300 + "** *" * 300, "- " * 40 + "x"])
def test_deep_nesting_is_shown_as_it_was_typed(source: str) -> None:
    html = html_of(source)
    assert html.startswith("<p>")
    assert "<blockquote>" not in html


MARKS = "*_`~[]()<>!#-+.\\|&;:/@\"'=\n\t {}^0123456789abhtps😀\u202e\u200d"


def written() -> st.SearchStrategy[str]:
    pieces = st.sampled_from(
        [
            "http://a.example/",
            "[a](http://b)",
            "[a]: c\n",
            "```\n",
            "> ",
            "- ",
            "1. ",
            "    ",
            "<script>",
            "&lt;",
            "**",
            "~~",
        ]
    )
    return st.lists(pieces | st.text(MARKS, max_size=6) | st.text(max_size=4), max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(written())
def test_every_text_is_refused_or_becomes_a_harmless_fixed_point(source: str) -> None:
    try:
        rendered = text.render(source)
    except text.BadText as problem:
        assert code_of(problem) in {"blank", "characters_not_allowed"}
        return
    assert markup.COMMENT.clean(rendered.html) == rendered.html
    assert html_trees.forbidden_things(rendered.html, markup.COMMENT_TAGS, ATTRIBUTES) == []
    tree = html_trees.parse(rendered.html)
    assert html_trees.outline(html_trees.parse(html_trees.serialise(tree))) == html_trees.outline(tree)
    assert len(rendered.html) <= 12 * len(source) + 3_000


def test_the_corpus_of_scripts_comes_out_inert() -> None:
    for row in corpus.rows("xss.jsonl"):
        try:
            html = text.render(row["input"]).html
        except text.BadText:
            continue
        assert html_trees.forbidden_things(html, markup.COMMENT_TAGS, ATTRIBUTES) == [], row["id"]
        assert markup.COMMENT.clean(html) == html, row["id"]


def test_the_corpus_of_scripts_comes_out_of_mail_without_any_link() -> None:
    for row in corpus.rows("xss.jsonl"):
        html = text.mail_html(text.clean_imported(row["input"]).html)
        assert html_trees.forbidden_things(html, markup.MAIL_TAGS, frozenset({"start"})) == [], row["id"]


def test_the_corpus_of_unicode_is_kept_or_refused() -> None:
    for row in corpus.rows("unicode.jsonl"):
        try:
            rendered = text.render(row["input"])
        except text.BadText as problem:
            assert not row["id"].startswith(("homo", "bidi")), (row["id"], problem)
            continue
        assert rendered.source.strip() == row["input"].replace("\r\n", "\n").strip(), row["id"]
        rendered.html.encode()


def test_fields_of_one_line_lose_what_turns_direction() -> None:
    assert text.clean_line("  Bob\u202e \t(admin)\u200f ", limit=50, field="name") == "Bob (admin)"
    assert text.clean_line("👩🏽\u200d🚀", limit=50, field="name") == "👩🏽\u200d🚀"
    assert text.clean_line(" \u200b", limit=50, field="name", required=False) == ""


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\nb", "characters_not_allowed"),
        ("a\0", "characters_not_allowed"),
        ("\u3164", "blank"),
        ("x" * 51, "too_long"),
    ],
)
def test_fields_of_one_line_are_refused(value: str, code: str) -> None:
    with pytest.raises(text.BadText) as caught:
        text.clean_line(value, limit=50, field="author.name")
    assert code_of(caught.value) == code
    assert caught.value.errors[0]["field"] == "author.name"


@pytest.mark.parametrize(
    ("source", "length", "cut"),
    [
        ("short", 10, "short"),
        ("one two three", 9, "one two…"),
        ("one\n\ntwo", 20, "one two"),
        ("日本語のコメントです", 5, "日本語の…"),
    ],
)
def test_excerpts_end_between_words(source: str, length: int, cut: str) -> None:
    assert text.excerpt(source, length) == cut
    assert len(cut) <= length
