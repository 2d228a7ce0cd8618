"""Comments of other systems, articles and mails: what their HTML becomes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import markup, text
from tests.unit import corpus, html_trees

ATTRIBUTES = frozenset({"href", "rel", "start"})
ARTICLE_ATTRIBUTES = ATTRIBUTES | {
    *{"title", "hreflang", "src", "alt", "width", "height", "loading", "colspan", "rowspan", "scope", "datetime"},
    *{"lang", "dir"},
}
REL = 'rel="nofollow ugc noopener"'


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("a <em>b\n\nc</em> d", "<p>a <em>b</em></p><p><em>c</em> d</p>"),
        ("a<br />\nb<br>c", "<p>a<br>b<br>c</p>"),
        ("<p>one<br>two</p>\n\n<p>three</p>", "<p>one<br>two</p><p>three</p>"),
        ("<blockquote>one\ntwo</blockquote>\nafter", "<blockquote><p>one<br>two</p></blockquote><p>after</p>"),
        ("<ul>\n<li>a</li>\n<li>b\nc</li>\n</ul>", "<ul><li>a</li><li>b<br>c</li></ul>"),
        ("<pre>\n\n x\n\n  y</pre>", "<pre> x\n\n  y</pre>"),
        ("<h2>Head</h2>\nx", "<p><strong>Head</strong></p><p>x</p>"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "<p>1</p><p>2</p>"),
        ("<div>a</div><div>b</div>", "<p>a</p><p>b</p>"),
        ("&lt;script&gt; 5 < 6 &amp;lt;", "<p>&lt;script&gt; 5 &lt; 6 &amp;lt;</p>"),
        ('<a href="http://a.example" onclick="x" class="y">a</a>', f'<p><a href="http://a.example" {REL}>a</a></p>'),
        ('<a href="/relative">a</a>', '<p><a rel="nofollow ugc noopener">a</a></p>'),
        ("a<script>alert(1)</script><img src=x onerror=alert(1)>b", "<p>ab</p>"),
        ("<em><blockquote>x</blockquote>y</em>", "<blockquote><p><em>x</em></p></blockquote><p><em>y</em></p>"),
        ("bell\x07 and nul\x00", "<p>bell and nul</p>"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_an_imported_comment_looks_as_it_did(html: str, shown: str) -> None:
    assert text.clean_imported(html).html == shown


def test_a_cite_with_a_line_break_becomes_nothing_but_its_text() -> None:
    html = '<blockquote cite="x\ny onfocus=alert(1) autofocus tabindex=0 z"><p>q</p></blockquote>'
    assert text.clean_imported(html) == (html, "<blockquote><p>q</p></blockquote>", "q")


def test_the_corpus_of_scripts_is_inert_as_html() -> None:
    for row in corpus.rows("xss.jsonl"):
        html = text.clean_imported(row["input"]).html
        assert html_trees.forbidden_things(html, markup.COMMENT_TAGS, ATTRIBUTES) == [], row["id"]
        assert markup.COMMENT.clean(html) == html, row["id"]


def test_the_corpus_of_scripts_is_inert_as_an_article() -> None:
    for row in corpus.rows("xss.jsonl"):
        html = text.clean_article(row["input"])
        assert html_trees.forbidden_things(html, markup.ARTICLE_TAGS, ARTICLE_ATTRIBUTES) == [], row["id"]
        assert markup.ARTICLE.clean(html) == html, row["id"]


def test_no_list_meets_what_changes_how_its_content_is_read() -> None:
    dangerous = {
        *{"svg", "math", "script", "style", "template", "noscript", "iframe", "textarea", "title", "xmp", "plaintext"},
        *{"form", "input", "button", "select", "object", "embed", "base", "meta", "link", "noembed", "noframes"},
    }
    for tags in (markup.COMMENT_TAGS, markup.LAYOUT_TAGS, markup.ARTICLE_TAGS, markup.MAIL_TAGS):
        assert not tags & dangerous


TAGS = sorted(markup.COMMENT_TAGS | markup.LAYOUT_TAGS | {"svg", "math", "style", "table", "form", "noscript", "img"})


def soup() -> st.SearchStrategy[str]:
    tag = st.sampled_from(TAGS)
    attribute = st.sampled_from(['href="http://a/?>"', "href='javascript:x'", "start=3", "onclick=x", 'title="<b>"'])
    opening = st.builds(lambda name, what: f"<{name} {what}>", tag, attribute)
    piece = st.one_of(
        tag.map("<{}>".format),
        tag.map("</{}>".format),
        opening,
        st.sampled_from(["\n", "\n\n", " ", "<!--", "]]>", "&lt;"]),
    )
    return st.lists(piece | st.text(max_size=3), max_size=30).map("".join)


@settings(max_examples=400, deadline=None)
@given(soup())
def test_any_soup_becomes_a_harmless_fixed_point(html: str) -> None:
    shown = text.clean_imported(html)
    assert markup.COMMENT.clean(shown.html) == shown.html
    assert html_trees.forbidden_things(shown.html, markup.COMMENT_TAGS, ATTRIBUTES) == []
    article = text.clean_article(html)
    assert markup.ARTICLE.clean(article) == article
    assert html_trees.forbidden_things(article, markup.ARTICLE_TAGS, ARTICLE_ATTRIBUTES) == []


@settings(max_examples=200, deadline=None)
@given(soup())
def test_an_import_keeps_every_word(html: str) -> None:
    cleaned = markup.IMPORT.clean(html.replace("\r", "\n"))
    words = markup.plain_text(cleaned).split()
    assert "".join(text.clean_imported(html).text.split()) == "".join("".join(words).translate(UNKEPT).split())


UNKEPT = dict.fromkeys([*range(9), 11, *range(14, 32), *range(127, 160), 65534, 65535])


@pytest.mark.parametrize("depth", [300, 20_000])
@pytest.mark.parametrize("tag", ["blockquote", "b", "div", "ul", "a href=http://a"])
def test_deep_nesting_is_survived(tag: str, depth: int) -> None:
    begin = time.perf_counter()
    shown = text.clean_imported(f"<{tag}>" * depth + "x")
    assert "x" in shown.text
    text.clean_article(f"<{tag}>" * depth + "x")
    assert time.perf_counter() - begin < 10


def test_articles_keep_figures_headings_and_tables() -> None:
    html = (
        '<h2 id="x">Head</h2>\n<figure class="y"><img src="https://a.example/i.png" alt="A" width="640" loading="lazy">'
        '<figcaption>Caption</figcaption></figure><p><a href="https://a.example">a</a></p>'
        '<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    )
    expected = html.replace(' id="x"', "").replace(' class="y"', "")
    assert text.clean_article(html) == expected.replace('e">a', 'e" rel="noopener">a')


def test_mails_have_no_links_and_no_images() -> None:
    html = text.clean_article(
        '<p>See <a href="https://evil.example">bank</a> <img src="https://a.example/i"><b>now</b></p>'
    )
    assert text.mail_html(html) == "<p>See bank <b>now</b></p>"


def test_work_does_not_grow_with_the_square_of_unclosed_elements() -> None:
    unclosed = "".join(f"<b x={number}>" for number in range(500))
    begin = time.perf_counter()
    for html in (f"<p>{unclosed}</p>" + "<p>x</p>" * 100_000, "<b>" * 300_000, "<a<" * 300_000, "<" * 1_000_000):
        text.clean_article(html)
        text.clean_imported(html)
    assert time.perf_counter() - begin < 30


def test_a_long_ordinary_article_is_taken_as_it_is() -> None:
    html = "<h2>H</h2><p>one <b>two</b><br>three</p><ul><li>a</li><li>b</li></ul>" * 10_000
    assert text.clean_article(html) == html
