"""Whose request it is: addresses behind proxies, and clients that nobody sits in front of."""

from __future__ import annotations

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from project.visitors import client_prefix, is_prefetch, names_a_bot, visitor_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def request_from(address: str, **headers: str) -> HttpRequest:
    return RequestFactory().get("/", REMOTE_ADDR=address, headers=headers)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
@override_settings(TRUSTED_PROXIES=[])
def test_address_is_taken_from_the_connection(address: str, prefix: str) -> None:
    assert client_prefix(request_from(address, **{"X-Forwarded-For": "198.51.100.1"})) == prefix


@pytest.mark.parametrize(
    ("forwarded", "prefix"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("192.0.2.1, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("198.51.100.1, nonsense", "10.0.0.2"),
        ("nonsense, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("", "10.0.0.2"),
        ("," * 5000, "10.0.0.2"),
    ],
)
@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_forwarded_address_counts_as_far_as_proxies_are_trusted(forwarded: str, prefix: str) -> None:
    assert client_prefix(request_from("10.0.0.2", **{"X-Forwarded-For": forwarded})) == prefix


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_stranger_cannot_forward_an_address() -> None:
    assert client_prefix(request_from("203.0.113.7", **{"X-Forwarded-For": "198.51.100.1"})) == "203.0.113.7"


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Twitterbot/1.0",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "http.rb/5.1.1 (Mastodon/4.3.0; +https://mastodon.example/)",
        "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Pinterestbot/1.0; +http://www.pinterest.com/bot.html",
        "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    ],
)
def test_crawlers_and_previewers_are_known(user_agent: str) -> None:
    assert names_a_bot(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        "",
        FIREFOX,
        "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) [Pinterest/iOS]",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 [FBAN/FBIOS;FBAV/440.0]",
        "curl/8.5.0",
        "python-httpx/0.28.1",
    ],
)
def test_readers_and_their_own_programs_are_not_taken_for_bots(user_agent: str) -> None:
    assert not names_a_bot(user_agent)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Purpose", "prefetch"),
        ("X-Purpose", "preview"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("X-Moz", "prefetch"),
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Fetch-Dest", "iframe"),
    ],
)
def test_what_a_browser_fetches_of_its_own_is_no_visit(header: str, value: str) -> None:
    assert is_prefetch(request_from("203.0.113.7", **{header: value}))


@override_settings(TRUSTED_PROXIES=[])
def test_visitor_is_address_and_browser() -> None:
    headers = {"User-Agent": FIREFOX + "x" * 5000, "Sec-Fetch-Dest": "document"}
    visitor = visitor_of(request_from("203.0.113.7", **headers))
    assert visitor.prefix == "203.0.113.7"
    assert visitor.user_agent.startswith(FIREFOX) and len(visitor.user_agent) == 1000
    assert not visitor.is_automatic
    assert visitor_of(request_from("203.0.113.7", **{"User-Agent": "Twitterbot/1.0"})).is_automatic
