"""Cutting a document into pieces: exact for any chunks, contained damage, bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.interchange import xml
from comments.interchange.disqus import DisqusReader
from comments.interchange.pieces import MALFORMED
from comments.interchange.records import ArticleRecord, CommentRecord, NotImportable, Record, Warnings
from comments.interchange.window import Window, read_root
from comments.interchange.wordpress import WordPressReader
from tests.comments.exports import disqus, dsq_post, dsq_thread, wp_comment, wp_item, wxr


def records(text: str, size: int = 1 << 16) -> tuple[list[Record], dict[str, int], bool]:
    """Read a document in chunks of a size; return what came, the warnings and whether its end was met."""
    return records_of(text[start : start + size] for start in range(0, len(text), size))


def records_of(chunks: Iterator[str]) -> tuple[list[Record], dict[str, int], bool]:
    warnings = Warnings()
    window = Window(chunks)
    root = read_root(window, warnings)
    reader = (DisqusReader if root.name == "disqus" else WordPressReader)(window, root, warnings)
    found = list(reader)
    return found, {caution.reason: caution.count for caution in warnings}, reader.complete


def ids(found: list[Record]) -> list[str]:
    return [record.external_id for record in found if isinstance(record, CommentRecord)]


ODD = (
    "plain <!-- a comment with <post> in it --> <![CDATA[<item><wp:comment></item> ]] > </post>]]>"
    "<![CDATA[<script>]]><?php echo '</disqus>' ?> &lt;post&gt;"
)
BLOG = wxr(
    wp_item(wp_comment(1, "a"), wp_comment(2, "b", parent=1)),
    wp_item(path="/two/"),
    wp_item(wp_comment(3), path="/three/"),
).replace("Well said.", ODD)
FORUM = disqus(dsq_thread(1), dsq_thread(2, "/two/"), dsq_post(1, 1), dsq_post(2, 2, parent=1)).replace(
    "&lt;p&gt;Well said.&lt;/p&gt;", ODD
)


@pytest.mark.parametrize("text", [BLOG, FORUM], ids=["blog", "forum"])
@given(size=st.integers(min_value=1, max_value=700))
def test_chunks_of_any_size_give_the_same(text: str, size: int) -> None:
    assert records(text, size) == records(text)


@pytest.mark.parametrize("text", [BLOG, FORUM], ids=["blog", "forum"])
@given(data=st.data())
def test_no_damage_makes_an_error(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 60))
    put = data.draw(
        st.sampled_from(["", "<", ">", '"', "]]>", "<![CDATA[", "<!--", "&", "</item>", "<post>", "\udc80"])
    )
    try:
        records(text[:start] + put + text[start + length :], size=997)
    except NotImportable as refusal:
        assert str(refusal).endswith(".")


def test_oddities_stay_what_they_are() -> None:
    found, warnings, complete = records(FORUM)
    assert (ids(found), warnings, complete) == (["1", "2"], {}, True)
    texts = [record.html for record in found if isinstance(record, CommentRecord)]
    assert texts[0] == "plain  <item><wp:comment></item> ]] > </post><script> <post>"


def test_any_prefix_and_both_schemes_are_read() -> None:
    text = BLOG.replace("wp:", "export:").replace("xmlns:wp=", "xmlns:export=")
    text = text.replace("http://wordpress.org/export/1.2/", "https://wordpress.org/export/1.0/")
    assert ids(records(text)[0]) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "damage",
    [
        '<post dsq:id="9"><message>a & b</message><thread dsq:id="1"/></post>',
        '<post dsq:id="9"><message>a < b</message><thread dsq:id="1"/></post>',
        '<post dsq:id="9"><message>x</post></message>',
        '<post dsq:id="9"><thread dsq:id=1/></post>',
        '<post dsq:id="9"><message>never closed',
        '<post dsq:id="9><message>x</message></post>',
        '<post dsq:id="9"><message>a&nbsp;b</message></post>',
        '<post dsq:id="9"><message>\udcff</message></post>',
        f'<post dsq:id="9" long="{"x" * 70_000}"><message>x</message></post>',
    ],
)
def test_damage_stays_in_its_element(damage: str) -> None:
    text = disqus(dsq_thread(1), dsq_post(1, 1), damage, dsq_post(2, 1), dsq_post(3, 1))
    found, warnings, complete = records(text)
    assert (ids(found), complete) == (["1", "2", "3"], True)
    assert warnings == {MALFORMED: 1}


def test_an_item_that_is_never_closed_keeps_its_comments() -> None:
    text = wxr(wp_item(wp_comment(1)).replace("</item>", ""), wp_item(wp_comment(2), path="/two/"))
    found, warnings, complete = records(text)
    assert (ids(found), warnings, complete) == (["1", "2"], {}, True)
    assert [record.key for record in found if isinstance(record, ArticleRecord)] == ["1", "2"]


@pytest.mark.parametrize("text", [BLOG, FORUM], ids=["blog", "forum"])
def test_every_beginning_of_a_file_gives_what_is_whole_in_it(text: str) -> None:
    whole = ids(records(text)[0])
    for end in range(400, len(text) - 12, 7):
        found, _, complete = records(text[:end])
        assert not complete
        assert ids(found) == whole[: len(ids(found))]


def test_references_to_forbidden_characters_are_removed_and_counted() -> None:
    text = disqus(dsq_thread(1), dsq_post(1, 1, "HERE")).replace("HERE", "a&#8;b&#xD800;c<![CDATA[&#8;]]>")
    found, warnings, _ = records(text)
    assert [record.html for record in found if isinstance(record, CommentRecord)] == ["abc&#8;"]
    assert warnings == {"references to characters that XML forbids were removed": 2}


@pytest.mark.parametrize("head", ["<!DOCTYPE disqus>", '<!ENTITY x "y">', "<!-- --><!DOCTYPE html>"])
def test_declarations_are_refused(head: str) -> None:
    with pytest.raises(NotImportable):
        records(FORUM.replace("<disqus", head + "<disqus"))


@pytest.mark.parametrize("text", ["", "   ", "{}", "<html></html>x", "<rss", "<!-- never closed", "x" * 2_000_000])
def test_what_is_no_export_is_refused_or_empty(text: str) -> None:
    try:
        assert records(text)[0] == []
    except NotImportable as refusal:
        assert str(refusal).endswith(".")


def peak_of(chunks: Iterator[str]) -> int:
    warnings = Warnings()
    window = Window(chunks)
    root = read_root(window, warnings)
    reader = (DisqusReader if root.name == "disqus" else WordPressReader)(window, root, warnings)
    tracemalloc.start()
    for _ in reader:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file() -> None:
    """Two million characters and twenty million need the same few megabytes, in one item or in many elements."""
    post, item = dsq_post(1, 1, "x" * 2000), wp_comment(1, "x" * 2000)
    forum_head, blog_head = disqus()[: -len("</disqus>")], wxr()[: -len("</channel></rss>")] + "<item>"
    for head, part in ((forum_head, post), (blog_head, item)):
        small = peak_of(chain([head], repeat(part * 20, 50)))
        large = peak_of(chain([head], repeat(part * 20, 500)))
        assert large < small * 1.2 + 100_000
        assert large < 3 << 20


def test_an_element_without_end_is_dropped_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ELEMENT", 1 << 20)
    head = disqus()[: -len("</disqus>")] + '<post dsq:id="1"><message><![CDATA['
    assert peak_of(chain([head], repeat("y" * 65_536, 400))) < 8 << 20


def test_an_element_that_is_too_long_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ELEMENT", 5_000)
    text = disqus(dsq_thread(1), dsq_post(1, 1), dsq_post(2, 1, "x" * 20_000), dsq_post(3, 1))
    found, warnings, complete = records(text, size=1000)
    assert (ids(found), complete) == (["1", "3"], True)
    assert warnings == {xml.OVERLONG: 1}
