"""The rules of the three forms of feeds as schemas: RFC 4287 with RFC 4685, RSS 2.0, JSON Feed 1.1."""

from __future__ import annotations

import json
from typing import Any, Final

import jsonschema
from lxml import etree

_HEAD: Final = """<grammar xmlns="http://relaxng.org/ns/structure/1.0"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"
    xmlns:thr="http://purl.org/syndication/thread/1.0" ns="{ns}">"""
_DATE: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+\-]\d\d:\d\d)"
_MAIL_DATE: Final = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+\-]\d{4}"

ATOM: Final = f"""{_HEAD.format(ns="http://www.w3.org/2005/Atom")}
<start><element name="feed"><optional><attribute name="xml:lang"/></optional><interleave>
  <ref name="id"/><ref name="title"/><ref name="updated"/><zeroOrMore><ref name="link"/></zeroOrMore>
  <optional><element name="subtitle"><text/></element></optional>
  <zeroOrMore><ref name="entry"/></zeroOrMore></interleave></element></start>
<define name="id"><element name="id"><data type="anyURI"><param name="minLength">1</param></data></element></define>
<define name="title"><element name="title"><text/></element></define>
<define name="date"><data type="string"><param name="pattern">{_DATE}</param></data></define>
<define name="updated"><element name="updated"><ref name="date"/></element></define>
<define name="link"><element name="link"><attribute name="href"><data type="anyURI"/></attribute>
  <optional><attribute name="rel"/></optional><optional><attribute name="type"/></optional>
  <optional><attribute name="thr:count"><data type="nonNegativeInteger"/></attribute></optional>
  <optional><attribute name="thr:updated"><ref name="date"/></attribute></optional></element></define>
<define name="author"><element name="author"><interleave><element name="name"><text/></element>
  <optional><element name="uri"><data type="anyURI"/></element></optional></interleave></element></define>
<define name="entry"><element name="entry"><interleave><ref name="id"/><ref name="title"/><ref name="updated"/>
  <optional><element name="published"><ref name="date"/></element></optional>
  <oneOrMore><ref name="link"/></oneOrMore><optional><ref name="author"/></optional>
  <optional><element name="summary"><attribute name="type"/><text/></element></optional>
  <optional><element name="content"><attribute name="type"/><text/></element></optional>
  <optional><element name="thr:in-reply-to"><attribute name="ref"><data type="anyURI"/></attribute>
    <attribute name="href"><data type="anyURI"/></attribute><optional><attribute name="type"/></optional>
  </element></optional>
  <optional><element name="thr:total"><data type="nonNegativeInteger"/></element></optional>
</interleave></element></define></grammar>"""

RSS: Final = f"""{_HEAD.format(ns="")}
<start><element name="rss"><attribute name="version"><value>2.0</value></attribute><element name="channel"><interleave>
  <element name="title"><text/></element><element name="link"><data type="anyURI"/></element>
  <element name="description"><text/></element><optional><element name="language"><text/></element></optional>
  <optional><element name="lastBuildDate"><ref name="date"/></element></optional>
  <zeroOrMore><element name="link" ns="http://www.w3.org/2005/Atom"><attribute name="rel"/>
    <attribute name="href"><data type="anyURI"/></attribute></element></zeroOrMore>
  <zeroOrMore><ref name="item"/></zeroOrMore></interleave></element></element></start>
<define name="date"><data type="string"><param name="pattern">{_MAIL_DATE}</param></data></define>
<define name="count"><data type="nonNegativeInteger"/></define>
<define name="item"><element name="item"><interleave><element name="title"><text/></element>
  <element name="link"><data type="anyURI"/></element><element name="description"><text/></element>
  <element name="pubDate"><ref name="date"/></element>
  <element name="guid"><attribute name="isPermaLink"><value>false</value></attribute><text/></element>
  <optional><element name="comments"><data type="anyURI"/></element></optional>
  <optional><element name="creator" ns="http://purl.org/dc/elements/1.1/"><text/></element></optional>
  <optional><element name="encoded" ns="http://purl.org/rss/1.0/modules/content/"><text/></element></optional>
  <optional><element name="comments" ns="http://purl.org/rss/1.0/modules/slash/"><ref name="count"/></element>
  </optional><optional><element name="commentRss" ns="http://wellformedweb.org/CommentAPI/"><data type="anyURI"/>
  </element></optional>
  <optional><element name="thr:in-reply-to"><attribute name="ref"/><attribute name="href"/>
    <optional><attribute name="type"/></optional></element></optional>
</interleave></element></define></grammar>"""

_URL: Final = {"type": "string", "pattern": "^https?://"}
_WHEN: Final = {"type": "string", "pattern": f"^{_DATE}$"}
_AUTHOR: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "url": _URL},
    "additionalProperties": False,
    "minProperties": 1,
}
_ITEM: Final = {
    "type": "object",
    "required": ["id", "content_html"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "url": _URL,
        "title": {"type": "string"},
        "content_html": {"type": "string"},
        "date_published": _WHEN,
        "date_modified": _WHEN,
        "authors": {"type": "array", "items": _AUTHOR},
    },
    # Extensions begin with an underscore and are objects.
    "patternProperties": {"^_[A-Za-z]": {"type": "object"}},
    "additionalProperties": False,
}
JSON_FEED: Final = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string"},
        "home_page_url": _URL,
        "feed_url": _URL,
        "next_url": _URL,
        "items": {"type": "array", "items": _ITEM},
    },
    "additionalProperties": False,
}


def check_feed(form: str, feed: bytes) -> None:
    """Fail where a feed breaks a rule of its form."""
    if form == "json":
        jsonschema.validate(json.loads(feed), JSON_FEED)
        return
    schema: Any = etree.RelaxNG(etree.fromstring(ATOM if form == "atom" else RSS))
    schema.assertValid(etree.fromstring(feed))
