"""What a channel says: within each network's limits, and nothing in a title comes to life there."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from sharing.channels.base import Account, Post
from sharing.channels.bluesky import record_key
from sharing.channels.known import ADAPTERS
from sharing.channels.wording import MOST_TEMPLATE, Rule, check_template, clean, compose, hashtags
from sharing.networks.lengths import Counting, measure

URL = "https://news.example.org/stories/1?a=1&b=2"
AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
SETTINGS = {"telegram": {"chat": "@us"}, "mastodon": {"instance": "m.example.org"}, "bluesky": {"handle": "us.example"}}
TEXTS = ("slack", "discord", "telegram", "mastodon", "bluesky")
HOSTILE = [
    "@everyone @here <@123> <@&5> <#7> <!channel> <!here> <!subteam^S1> <https://evil.example|click>",
    "[click](https://evil.example) **bold** __u__ ~~s~~ ||spoiler|| `code` > quote # head",
    "</b><a href='https://evil.example'>x</a> &lt;b&gt; &amp; \"'",
    "@admin@evil.example #hijack https://evil.example www.evil.example evil.example/x t.me/evil tg://resolve",
    "\u202eelpmaxe.live\u2066 line\u2028two\nthree\r\n\n\nfour\x00\x07 \ue000 {url} {secret} {0.__class__}",
]


def post(title: str = "A story", **words: str) -> Post:
    data: dict[str, Any] = {"token": UUID(int=7), "number": 1029, "event": "article.published", "data": {}}
    told = {"title": title, "site": "Gazette", **words}
    return Post(happened_at=AT, planned_at=AT, url=URL, words=told, **data)


def account(kind: str, template: str = "") -> Account:
    return Account(SETTINGS.get(kind, {}), template, "secret")


def text(kind: str, title: str, template: str = "", **words: str) -> str:
    return ADAPTERS[kind].draft(account(kind, template), post(title, **words)).text


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("kind", TEXTS)
def test_a_hostile_title_stays_one_dead_line(kind: str, hostile: str) -> None:
    said = text(kind, hostile, "{title}\n{url}", author=hostile)
    title, _, address = said.rpartition("\n")
    assert "\n" not in title
    assert not re.search("[\x00-\x1f\x7f\u2028\u202a-\u202e\u2066-\u2069\ue000]", title)
    shown = "news.example.org/stories/1" if kind == "bluesky" else html.escape(URL) if kind in HTML else URL
    assert address == shown
    if kind != "bluesky":  # there only a facet makes a link or a mention
        plain = html.unescape(title)
        assert not re.search(r"[@#](?![\s\u2060])\S|://|\w\.[a-z]{2}", plain.replace("\\", "")), plain
    if kind in HTML:
        assert not set("<>") & set(title)
        assert html.unescape(title).replace("\u2060", "") == clean(hostile)
    if kind == "discord":
        assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`|<>\[\]()#]", title)


HTML = {"slack", "telegram"}


def test_a_url_of_ours_is_the_only_link_of_a_record() -> None:
    draft = ADAPTERS["bluesky"].draft(account("bluesky", "é {title} 👩‍👩‍👧 {url}!"), post(HOSTILE[3]))
    (facet,) = draft.body["facets"]
    raw = draft.body["text"].encode()
    place = facet["index"]
    assert raw[place["byteStart"] : place["byteEnd"]].decode() == "news.example.org/stories/1"
    assert facet["features"] == [{"$type": "app.bsky.richtext.facet#link", "uri": URL}]
    assert draft.body["createdAt"] == "2026-11-23T12:00:00.123Z"
    assert draft.body["embed"]["external"]["uri"] == URL


def test_nobody_is_mentioned_by_discord_and_slack_reads_no_marks() -> None:
    assert ADAPTERS["discord"].draft(account("discord"), post()).body["allowed_mentions"] == {"parse": []}
    body = ADAPTERS["slack"].draft(account("slack"), post()).body
    assert (body["mrkdwn"], body["parse"], body["link_names"]) == (False, "none", False)


LIMITS = {
    "mastodon": lambda said: len(said.replace(URL, "x" * 23)) <= 500,
    "bluesky": lambda said: measure(said, Counting.GRAPHEMES) <= 300 and len(said.encode()) <= 3_000,
    "telegram": lambda said: len(said) <= 4_096,
    "discord": lambda said: len(said) <= 2_000,
    "slack": lambda said: len(said) <= 4_000,
}


@pytest.mark.parametrize("piece", ["word ", "漢字", "👩‍👩‍👧‍👦", "*_[", "&<>", "e\u0301", "a.bc @x "])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_post_is_as_long_as_it_may_be_and_its_address_is_whole(kind: str, piece: str) -> None:
    template = "{title}\n\n{summary}\n\n{url}"
    said = text(kind, "A title", template, summary=piece * 3_000)
    assert LIMITS[kind](said)
    assert said.startswith("A title\n\n") and said.endswith(("stories/1", "b=2"))
    assert "…" in said
    titled = text(kind, piece * 3_000, template, summary="left out first")
    assert LIMITS[kind](titled)
    assert "left out first" not in titled and titled.endswith(("stories/1", "b=2"))


def test_what_is_empty_leaves_no_gap() -> None:
    assert compose("{title}\n\n{summary}\n\n{url}", {"title": "T"}, URL, Rule(500)).text == f"T\n\n{URL}"


@pytest.mark.parametrize(
    "template",
    ["{body}", "{title", "title}", "{title!r}", "{title:>9}", "{title.x}", "{0}", "{}", "x" * (MOST_TEMPLATE + 1)],
)
def test_a_template_that_says_something_unknown_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        check_template(template, Rule(5_000))


def test_a_template_of_more_words_than_a_post_leaves_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        check_template("x" * 300 + "{title}", Rule(500))


def test_braces_and_tags() -> None:
    assert compose("{{{title}}} {hashtags}", {"title": "T", "hashtags": "#A"}, "", Rule(99)).text == "{T} #A"
    assert hashtags(["New York", "c#", "2026", "@x", "  ", "日本", "a-b"]) == "#NewYork #C #X #日本 #AB"


def test_record_keys_are_tids_and_the_same_for_the_same_post() -> None:
    key = record_key(post())
    assert re.fullmatch(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", key)
    assert key == record_key(post("Another title"))
    assert key != record_key(replace(post(), number=2))
