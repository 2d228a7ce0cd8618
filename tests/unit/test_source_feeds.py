"""Feeds and sitemaps as they come: what is read of them, and that nothing else than a sentence comes of the rest."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles import source_feeds
from articles.source_feeds import Child, Document, Entry, read_source
from articles.source_xml import SourceError

BASE = "https://news.example.org/feeds/all.xml"
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)

RSS = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>The Gazette</title><link>https://news.example.org</link>
<item><title>Ham &amp; eggs &#8211; &lt;b&gt;now&lt;/b&gt;</title><link>/ham?a=1&amp;b=2</link>
  <guid isPermaLink="false">story-17</guid><pubDate>Mon, 23 Nov 2026 11:00:00 +0200</pubDate>
  <dc:creator><![CDATA[Ada Lovelace]]></dc:creator><category>Food</category><category>FOOD</category><category>Town
  hall</category><source url="https://other.example/feed">The Other &amp; Co</source>
  <content:encoded><![CDATA[<p>Long &eacute;</p>]]></content:encoded></item>
<item><guid>https://news.example.org/eggs</guid><title>Eggs</title><author>ben@example.org (Ben)</author></item>
<item><title>No address</title><guid isPermaLink="false">x</guid></item>
<item><title>The same page</title><link>http://news.example.org/eggs/?utm_source=rss</link></item>
</channel></rss>"""

ATOM = b"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://news.example.org/blog/"><title>t</title>
<author><name>Ada</name></author>
<entry><id>tag:news.example.org,2026:1</id><title type="html">A &lt;i&gt;fine&lt;/i&gt; day</title>
  <link rel="self" href="x.xml"/><link href="fine"/><updated>2026-11-23T09:00:00Z</updated>
  <published>2026-11-22T10:00:00+01:00</published><category term="Weather"/>
  <source><title>Agency</title><author><name>Cy</name><email>cy@example.org</email></author></source>
  <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x</div></content></entry>
<entry><id>https://news.example.org/blog/two</id><link href="two"/><title type="xhtml">
  <div xmlns="http://www.w3.org/1999/xhtml">Two <b>words</b></div></title>
  <author><name>ben@example.org</name></author><updated>soon</updated></entry>
</feed>"""

RDF = b"""<?xml version="1.0" encoding="iso-8859-1"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://news.example.org/"><title>t</title><items/></channel>
<item rdf:about="https://news.example.org/r"><title>Caf\xe9</title><link>https://news.example.org/r</link>
<dc:date>2026-11-23T09:00:00Z</dc:date><dc:subject>Drinks</dc:subject><dc:creator>Ada</dc:creator></item></rdf:RDF>"""

SITEMAP = b"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
<url><loc>https://news.example.org/undated</loc></url>
<url><loc>https://news.example.org/old</loc><lastmod>2020-01-01</lastmod></url>
<url><loc>https://news.example.org/odd</loc><lastmod>yesterday</lastmod></url>
<url><loc> https://news.example.org/new </loc><lastmod>2026-11-23T10:00:00+01:00</lastmod><news:news>
<news:publication><news:name>Gazette</news:name></news:publication><news:title>New &amp; fine</news:title>
<news:publication_date>2026-11-23T09:00Z</news:publication_date></news:news></url>
</urlset>"""

INDEX = b"""<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://news.example.org/a.xml</loc><lastmod>2026-01-01</lastmod></sitemap>
<sitemap><loc>/b.xml.gz</loc><lastmod>2026-11-23T09:00:00Z</lastmod></sitemap>
<sitemap><loc>https://news.example.org/c.xml</loc></sitemap></sitemapindex>"""


def refused(body: bytes) -> str:
    with pytest.raises(SourceError) as error:
        read_source(body, BASE)
    assert 0 < len(str(error.value)) < 300 and str(error.value).isprintable()
    return str(error.value)


def test_rss() -> None:
    ham, eggs = read_source(RSS, BASE).entries
    assert ham == Entry(
        "https://news.example.org/ham?a=1&b=2",
        identifier="story-17",
        title="Ham & eggs – now",
        published_at=NINE,
        author_name="Ada Lovelace",
        tags=("Food", "Town hall"),
        source_name="The Other & Co",
    )
    assert eggs == Entry("https://news.example.org/eggs", title="Eggs", author_name="Ben")


def test_atom() -> None:
    fine, two = read_source(ATOM, BASE).entries
    assert fine == Entry(
        "https://news.example.org/blog/fine",
        identifier="tag:news.example.org,2026:1",
        title="A fine day",
        published_at=NINE.replace(day=22),
        changed_at=NINE,
        author_name="Ada",
        tags=("Weather",),
        source_name="Agency",
        source_author="Cy",
    )
    assert two == Entry("https://news.example.org/blog/two", title="Two words", author_name="Ada")


def test_rdf() -> None:
    entry = Entry("https://news.example.org/r", title="Café", changed_at=NINE, author_name="Ada", tags=("Drinks",))
    assert read_source(RDF, BASE).entries == [entry]


def test_sitemap_newest_first() -> None:
    entries = read_source(SITEMAP, BASE).entries
    new = Entry("https://news.example.org/new", title="New & fine", published_at=NINE, changed_at=NINE)
    assert entries[0] == new
    assert [entry.url.rpartition("/")[2] for entry in entries] == ["new", "old", "undated", "odd"]
    assert entries[1].changed_at == datetime(2020, 1, 1, tzinfo=UTC) and entries[3].changed_at is None


def test_index_names_its_sitemaps_newest_first() -> None:
    children = read_source(INDEX, BASE).children
    assert children[0] == Child("https://news.example.org/b.xml.gz", NINE)
    assert [child.url.rpartition("/")[2] for child in children] == ["b.xml.gz", "a.xml", "c.xml"]


def test_what_a_document_may_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def item(number: int) -> bytes:
        return b"<item><link>/%d</link><title>%s</title><category>%s</category></item>" % (
            number,
            b"word " * 200,
            b"</category><category>".join(b"t%d" % tag for tag in range(60)),
        )

    entries = read_source(b"<rss><channel>" + b"".join(map(item, range(600))) + b"</channel></rss>", BASE).entries
    assert len(entries) == source_feeds.MAX_ENTRIES
    assert len(entries[0].title) <= 500 and len(entries[0].tags) == source_feeds.MAX_TAGS
    monkeypatch.setattr(source_feeds, "MAX_ADDRESSES", 2)
    monkeypatch.setattr(source_feeds, "MAX_CHILDREN", 1)
    assert len(read_source(SITEMAP, BASE).entries) == 2
    assert [child.url for child in read_source(INDEX, BASE).children] == ["https://news.example.org/b.xml.gz"]


def test_an_id_of_several_pages_names_none() -> None:
    items = b"".join(b'<item><link>/%d</link><guid isPermaLink="false">same</guid></item>' % n for n in range(2))
    assert [entry.identifier for entry in read_source(b"<rss><channel>%s</channel></rss>" % items, BASE).entries] == [
        "",
        "",
    ]


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "ftp://news.example.org/x", "mailto:a@b.c", "//[", "http://", "https://a b/", "/" * 3_000],
)
def test_addresses_that_are_no_pages_are_left_out(address: str) -> None:
    assert read_source(f"<rss><channel><item><link>{address}</link></item></channel></rss>".encode(), BASE) == Document(
        [], []
    )


@pytest.mark.parametrize("date", ["0000-00-00", "Thu, 99 Foo 2026", "-1", "99999-01-01T00:00:00Z", "1970-01-01", ""])
def test_dates_that_are_nonsense_are_none(date: str) -> None:
    rss = f"<rss><channel><item><link>/a</link><pubDate>{date}</pubDate></item></channel></rss>"
    sitemap = f"<urlset><url><loc>/a</loc><lastmod>{date}</lastmod></url></urlset>"
    for text in (rss, sitemap):
        assert read_source(text.encode(), BASE).entries == [Entry("https://news.example.org/a")]


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n  " + RSS,
        b"\xef\xbb\xbf" + RSS,
        gzip.compress(RSS),
        RSS.decode().replace("utf-8", "utf-16").encode("utf-16"),
        RSS.replace(b"ham?a=1&amp;b=2", b"ham?a=1&b=2"),
        RSS.replace(b"&#8211;", b"&ndash;"),
        RSS.replace(b"&#8211;", b"\x0b&ndash;\x00"),
        RSS.replace(b"&#8211;", "–".encode("windows-1252")),
        RSS.replace(b"utf-8", b"klingon"),
        RSS.replace(b"<rss", b'<!DOCTYPE rss PUBLIC "-//x//DTD" "http://127.0.0.1:9/rss-0.91.dtd"><rss').replace(
            b"&#8211;", b"&ndash;"
        ),
    ],
    ids="blanks mark gzip utf16 ampersand name control latin unknown-encoding doctype".split(),
)
def test_what_is_often_wrong_is_put_right(body: bytes) -> None:
    assert read_source(body, BASE) == read_source(RSS, BASE)


def test_the_server_names_the_encoding_of_a_document_that_does_not() -> None:
    body = "<rss><channel><item><link>/a</link><title>Привет</title></item></channel></rss>".encode("koi8-r")
    assert read_source(body, BASE, "koi8-r").entries[0].title == "Привет"
    assert read_source(body, BASE, "klingon").entries[0].url == "https://news.example.org/a"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "It is empty."),
        (b" \n", "It is empty."),
        (b"<!doctype html><html><body><p>Not found<br></body></html>", "It is not well-formed XML"),
        (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "This is neither a feed nor a sitemap"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "It is not well-formed XML"),
        (RSS[:-40], "It is not well-formed XML"),
        (RSS[: RSS.index(b"/ham") + 3], "It is not well-formed XML"),
        (gzip.compress(RSS)[:-20], "It is packed with gzip, and cut off."),
        (b"\x1f\x8bnonsense", "It is packed with gzip, and broken."),
        (gzip.compress(b" " * 20_000_000), "It is longer than 5,000,000 bytes."),
        (b'<!DOCTYPE rss [<!ENTITY a "x">]><rss>&a;</rss>', "It declares entities"),
        (b'<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss/>', "It declares entities"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(body: bytes, sentence: str) -> None:
    assert refused(body).startswith(sentence)


def test_hostile_documents(shared_data: Path) -> None:
    folder = shared_data / "badinput" / "xml_bad"
    paths = sorted(folder.glob("*.xml"))
    assert len(paths) > 50
    for path in paths:
        try:
            read = read_source(path.read_bytes(), BASE)
        except SourceError:
            continue
        assert "root:" not in json.dumps([entry.title for entry in read.entries]), path.name


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE r [<!ENTITY a "%s"><!ENTITY b "%s">]><rss t="&b;">&b;</rss>' % (b"x" * 50_000, b"&a;" * 50_000),
        b"<!DOCTYPE r [<!ENTITY %% a \"<!ENTITY b '%s'>\">%s]><rss/>" % (b"x" * 5_000, b"%a;" * 5_000),
        b"<rss>" * 500_000,
        b"<rss>" + b"<![CDATA[" * 400_000,
        b"<rss>&" + b"&x" * 1_000_000,
        b"<?xml version='1.0' encoding='punycode'?>" + b"-x" * 1_000_000,
        b"<!DOCTYPE " * 300_000,
        b"<rss><channel><item><title>" + b"&lt;" * 600_000 + b"</title></item></channel></rss>",
        b"<rss " + b" ".join(b"a%d=''" % n for n in range(200_000)) + b"><channel/></rss>",
        b"<rss " + b" ".join(b"xmlns:a%d='%d'" % (n, n) for n in range(100_000)) + b">" + b"<item/>" * 600 + b"</rss>",
        b"<rss>" + b"<item/>" * 600_000 + b"</rss>",
        b"<urlset>" + b"<url><loc>/%d</loc></url>" * 180_000 + b"</urlset>",
        b"<feed>"
        + b"<entry>" * 100
        + b"<title>" * 100
        + b"<b/>" * 900_000
        + b"</title>" * 100
        + b"</entry>" * 100
        + b"</feed>",
    ],
    ids=(
        "entities parameters depth cdata ampersands punycode doctypes title attributes prefixes items urls parts"
    ).split(),
)
def test_bombs_end(bomb: bytes) -> None:
    """Each of these takes a fraction of a second, or longer than pytest waits."""
    try:
        assert len(read_source(bomb, BASE).entries) <= source_feeds.MAX_ADDRESSES
    except SourceError as error:
        assert len(str(error)) < 300


fragments = st.sampled_from(
    [
        RSS,
        ATOM,
        RDF,
        SITEMAP,
        INDEX,
        b"<rss>",
        b"<![CDATA[",
        b"]]>",
        b"&",
        b"<!DOCTYPE rss [",
        b"]>",
        b"\xff\xfe",
        b"<?",
    ]
)


@given(st.binary(max_size=400), st.text(max_size=20))
def test_any_bytes_are_entries_or_a_sentence(body: bytes, charset: str) -> None:
    try:
        read_source(body, BASE, charset)
    except SourceError as error:
        assert str(error)


@given(fragments, st.integers(0, 3_000), st.integers(0, 60), st.binary(max_size=30) | fragments, st.booleans())
def test_any_damage_is_entries_or_a_sentence(whole: bytes, at: int, less: int, more: bytes, packed: bool) -> None:
    body = whole[:at] + more + whole[at + less :]
    try:
        read = read_source(gzip.compress(body) if packed else body, BASE)
    except SourceError as error:
        assert str(error)
    else:
        assert all(entry.url.startswith("http") and "\n" not in entry.title for entry in read.entries)
