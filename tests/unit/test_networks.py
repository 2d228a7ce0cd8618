"""The registry of networks, and that no title or address of a page can bend the target built from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing import networks
from sharing.networks import Counting, Network, Shareable, Status

REDIRECTS = Path(__file__).parents[3] / "shared" / "badinput" / "urls_redirect.jsonl"
INSTANCE = "mastodon.example"
PAGE = Shareable(
    url="https://blog.example/2026/über?a=1&b=2#part",
    title='Fish & Chips #1 = 50% + "salt"; <b>?',
    summary="Two lines\nof text",
    image="https://blog.example/i.png?w=1&h=2",
    site_name="Blog",
)
PAGE_ADDRESS = "https://blog.example/2026/%C3%BCber?a=1&b=2#part"
WEB = [network for network in networks.NETWORKS if network.kind == "web"]
# Of this form alone: browsers (WHATWG) and urllib read such an address alike.
TARGET = re.compile(
    r"(https://[a-z0-9.-]+/[\w/.-]*|mailto:|sms:|threema://compose)\?\w+=[\w.~%-]*(&\w+=[\w.~%-]*)*", re.A
)


def build(network: Network, page: Shareable = PAGE) -> str:
    return networks.target(network, page, instance=INSTANCE if network.asks_instance else "")


def parameters(address: str) -> dict[str, str]:
    """The query, read with %20 and literal plus; fails where a parameter stands twice."""
    pairs = parse_qsl(address.partition("?")[2].replace("+", "%2B"), keep_blank_values=True, strict_parsing=True)
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def assert_sound(network: Network, address: str) -> None:
    expected = urlsplit(network.address.replace("{instance}", INSTANCE))
    found = urlsplit(address)
    assert TARGET.fullmatch(address)
    assert (found.scheme, found.netloc, found.path, found.fragment) == (
        expected.scheme,
        expected.netloc,
        expected.path,
        "",
    )
    declared = [parameter.name for parameter in network.parameters]
    assert [name for name in declared if name in parameters(address)] == list(parameters(address))


@pytest.mark.parametrize("network", WEB, ids=lambda network: network.key)
def test_target_holds_the_page_and_nothing_more(network: Network) -> None:
    address = build(network)
    assert_sound(network, address)
    carrier = next(parameter for parameter in network.parameters if "url" in parameter.fields)
    assert parameters(address)[carrier.name].endswith(PAGE_ADDRESS)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("facebook", "https://www.facebook.com/sharer/sharer.php?u={u}"),
        ("linkedin", "https://www.linkedin.com/sharing/share-offsite/?url={u}"),
        ("pinterest", "https://www.pinterest.com/pin/create/button/?url={u}&media={i}&description=A%20b"),
        ("x", "https://x.com/intent/tweet?text=A%20b&url={u}"),
        ("whatsapp", "https://api.whatsapp.com/send?text=A%20b%20{u}"),
        ("telegram", "https://t.me/share/url?url={u}&text=A%20b"),
        ("reddit", "https://www.reddit.com/submit?url={u}&title=A%20b"),
        ("bluesky", "https://bsky.app/intent/compose?text=A%20b%20{u}"),
        ("threads", "https://www.threads.net/intent/post?text=A%20b&url={u}"),
        ("mastodon", "https://mastodon.example/share?text=A%20b&url={u}"),
        ("email", "mailto:?subject=A%20b&body=A%20b%0D%0A%0D%0AC%0D%0A%0D%0A{u}"),
        ("sms", "sms:?body=A%20b%20{u}"),
        ("hackernews", "https://news.ycombinator.com/submitlink?u={u}&t=A%20b"),
        ("tumblr", "https://www.tumblr.com/widgets/share/tool?posttype=link&canonicalUrl={u}&title=A%20b&caption=C"),
        ("line", "https://social-plugins.line.me/lineit/share?url={u}&text=A%20b"),
        ("vk", "https://vk.com/share.php?url={u}&title=A%20b&image={i}"),
    ],
)
def test_target_of_each_main_network(key: str, expected: str) -> None:
    network = networks.find(key)
    assert network is not None
    page = Shareable(url="https://a.example/p?x=1", title="A b", summary="C", image="https://a.example/i.png")
    encoded = {"u": "https%3A%2F%2Fa.example%2Fp%3Fx%3D1", "i": "https%3A%2F%2Fa.example%2Fi.png"}
    assert build(network, page) == expected.format(**encoded)


def test_mail_has_percent_spaces_and_network_line_breaks() -> None:
    email = networks.find("email")
    assert email is not None
    address = build(email)
    assert "+" not in address.replace("%2B", "")
    assert parameters(address)["body"].split("\r\n\r\n") == [PAGE.title, "Two lines of text", PAGE_ADDRESS]


@pytest.mark.parametrize("key", ["copy", "print", "native"])
def test_device_hands_over_the_page_itself(key: str) -> None:
    network = networks.find(key)
    assert network is not None
    assert network.kind == "device"
    assert networks.target(network, PAGE) == PAGE_ADDRESS


def test_retired_networks_resolve_but_are_not_listed() -> None:
    pocket = networks.find("pocket")
    assert pocket is not None
    assert pocket.status is Status.RETIRED
    assert build(pocket).startswith("https://getpocket.com/save?url=https%3A%2F%2Fblog.example")
    assert pocket not in networks.listed()
    assert {network.status for network in networks.listed()} == {Status.DOCUMENTED, Status.CONVENTION}


def test_names_of_other_front_ends_lead_to_the_same_networks() -> None:
    for alias, key in {"mail": "email", "twitter": "x", "clipboard": "copy", "fediverse": "mastodon"}.items():
        assert networks.find(alias) is networks.find(key)
    assert networks.find("nowhere") is None
    names = [name for network in networks.NETWORKS for name in (network.key, *network.aliases)]
    assert len(names) == len(set(names))
    assert set(networks.share_bar()) <= set(networks.listed())


def test_links_to_web_sites_open_a_page_that_knows_nothing_of_ours() -> None:
    facebook, email = networks.find("facebook"), networks.find("email")
    assert facebook is not None and email is not None
    assert facebook.link_attributes == {"target": "_blank", "rel": "nofollow noopener noreferrer"}
    assert "target" not in email.link_attributes


@given(title=st.text(), summary=st.text(), rest=st.text(), image=st.text())
def test_no_text_of_a_page_changes_host_or_parameters(title: str, summary: str, rest: str, image: str) -> None:
    page = Shareable(url=PAGE.url, title=title, summary=summary, image=image, site_name=rest)
    for network in WEB:
        assert_sound(network, build(network, page))
    if networks.web_address(f"https://blog.example/{rest}"):
        for network in WEB:
            assert_sound(network, build(network, Shareable(url=f"https://blog.example/{rest}", title=title)))


@pytest.mark.skipif(not REDIRECTS.exists(), reason="the shared corpus of hostile addresses is not beside the project")
def test_hostile_addresses_stay_inside_their_parameter() -> None:
    for line in REDIRECTS.read_text("utf-8").splitlines():
        hostile = json.loads(line)["input"]
        for network in WEB:
            assert_sound(network, build(network, Shareable(url=PAGE.url, title=hostile, image=hostile)))
            try:
                address = build(network, Shareable(url=hostile))
            except ValueError:
                continue
            assert_sound(network, address)
            carrier = next(parameter for parameter in network.parameters if "url" in parameter.fields)
            assert re.fullmatch(r"https?://[a-z0-9._:\[\]-]+([/?#][!-~]*)?", parameters(address)[carrier.name])


@pytest.mark.parametrize(
    "url",
    [
        *("", "null", "//evil.example", "javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "https:a"),
        *(
            "https://",
            "https://a.example\\b",
            "https://a b.example/",
            "https://a.example:evil/",
            "https://[a.example]/",
        ),
        *("https://a.example/\r\nX: y", " https://a.example/", "https://a.example/\ud800", "http:///a.example"),
        "https://user:secret@a.example/",
        "http://0x7f.1/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    facebook = networks.find("facebook")
    assert facebook is not None
    assert networks.web_address(url) is None
    with pytest.raises(ValueError, match="absolute"):
        networks.target(facebook, Shareable(url=url))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("HTTPS://Blog.Example:443/A", "https://blog.example/A"),
        ("http://blog.example:8080", "http://blog.example:8080/"),
        ("https://bücher.example/straße?q=ä", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4"),
        ("https://blog.example/~a%20b?x=%26&y=1+2", "https://blog.example/~a%20b?x=%26&y=1+2"),
        ("http://127.0.0.1:8000/a/1", "http://127.0.0.1:8000/a/1"),
        ("http://[::1]/a", "http://[::1]/a"),
        ("https://my_blog.example/", "https://my_blog.example/"),
    ],
)
def test_address_is_shown_as_browsers_send_it(url: str, shown: str) -> None:
    assert networks.web_address(url) == shown


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("mastodon.social", "mastodon.social"),
        (" Social.Example. ", "social.example"),
        ("tröt.example", "xn--trt-tna.example"),
    ],
)
def test_instance_is_a_public_name(typed: str, host: str) -> None:
    assert networks.instance_host(typed) == host


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            " ",
            "localhost",
            "mastodon",
            "a.local",
            "a.internal",
            "127.0.0.1",
            "0x7f.0x1",
            "[::1]",
            "1.2.3",
            "a.test",
        ),
        *("https://a.example", "a.example/", "a.example:443", "u@a.example", "a.example?x", "a.example#", "a..example"),
        *("a.example\\.b.example", "a.example\r\n", "a.example%2f", "-a.example", "a_b.example", "a．"),
        *("a.example\x00", "a\t.example", "trusted.example／.evil.example", "\ud800.example", "a." * 130 + "example"),
    ],
)
def test_instance_that_is_no_bare_public_name_is_refused(typed: str) -> None:
    mastodon = networks.find("mastodon")
    assert mastodon is not None
    with pytest.raises(networks.InstanceError):
        networks.target(mastodon, PAGE, instance=typed)


@pytest.mark.parametrize(
    ("text", "counting", "length"),
    [
        ("añ", Counting.CHARACTERS, 2),
        ("añ", Counting.BYTES, 3),
        ("👨‍👩‍👧‍👦🇩🇪e\u0301", Counting.GRAPHEMES, 3),
        ("abc", Counting.WEIGHTED, 3),
        ("日本", Counting.WEIGHTED, 4),
        ("👨‍👩‍👧‍👦", Counting.WEIGHTED, 2),
        ("👍🏽", Counting.WEIGHTED, 2),
        ("1️⃣", Counting.WEIGHTED, 2),
        ("🇩🇪", Counting.WEIGHTED, 2),
        ("e\u0301", Counting.WEIGHTED, 1),
        ("क्‍ष", Counting.WEIGHTED, 4),
    ],
)
def test_length_is_counted_by_the_rule_of_the_network(text: str, counting: Counting, length: int) -> None:
    assert networks.measure(text, counting) == length


@given(text=st.text(max_size=60), maximum=st.integers(0, 40), counting=st.sampled_from(Counting))
def test_shortened_text_fits_and_is_a_beginning(text: str, maximum: int, counting: Counting) -> None:
    short = networks.fit(text, maximum, counting)
    assert networks.measure(short, counting) <= maximum
    assert short == text or short == "" or short.endswith("…")


def test_limits_shorten_the_title_and_never_the_address() -> None:
    page = Shareable(url="https://a.example/p", title="日" * 400)
    x, bluesky, hackernews = (networks.find(key) for key in ("x", "bluesky", "hackernews"))
    assert x is not None and bluesky is not None and hackernews is not None
    assert networks.measure(parameters(build(x, page))["text"], Counting.WEIGHTED) in (255, 256)  # 280 - 23 - a space
    text = parameters(build(bluesky, page))["text"]
    assert text.endswith("… https://a.example/p")
    assert networks.measure(text, Counting.GRAPHEMES) <= 300
    assert len(parameters(build(hackernews, page))["t"]) == 80


@pytest.mark.parametrize("network", WEB, ids=lambda network: network.key)
def test_whole_address_stays_short_enough_for_mail_programs(network: Network) -> None:
    page = Shareable(url=PAGE.url, title="日" * 900, summary="本" * 9000, image="https://a.example/" + "i" * 1900)
    address = build(network, page)
    assert len(address) <= 2000
    assert unquote(address).count(PAGE_ADDRESS) == 1
    endless = Shareable(url="https://a.example/" + "p" * 1980, title="Title")
    assert unquote(build(network, endless)).endswith("p" * 1980)


def test_controls_and_text_direction_brackets_do_not_travel() -> None:
    sms = networks.find("sms")
    assert sms is not None
    page = Shareable(url="https://a.example/p", title=" a\x00b\r\nBcc: x\u202ec\u2066d\ud800 ")
    assert parameters(build(sms, page))["body"] == "a b Bcc: xcd\ufffd https://a.example/p"
