"""The registry of networks before judges that are not ours: the URL parser, segmenter and counter of others.

Node's `URL` is the WHATWG's, `Intl.Segmenter` Unicode's (UAX 29), and `twitter-text` X's own rules.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from sharing import networks
from sharing.networks import Counting, Network, Shareable
from tests.conftest import unavailable
from tests.source import ROOT
from tests.unit import corpus
from tests.unit.test_networks import INSTANCE, PAGE, WEB, build

pytestmark = pytest.mark.live

PACKAGES = ROOT / "tests/npm/node_modules"
JUDGE = """
import { createRequire } from "node:module";
const twitter = createRequire(process.cwd() + "/")("twitter-text");
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
let said = "";
for await (const part of process.stdin) said += part;
const { addresses, texts } = JSON.parse(said);
process.stdout.write(JSON.stringify({
  addresses: addresses.map((address) => {
    const { protocol, host, pathname, hash, username, password, searchParams } = new URL(address);
    return { protocol, host, pathname, rest: hash + username + password, pairs: [...searchParams] };
  }),
  texts: texts.map((text) => ({
    graphemes: [...segmenter.segment(text)].length,
    weighted: twitter.parseTweet(text).weightedLength,
  })),
}));
"""
PAGE_URL = "https://a.example/p"
TITLES = (
    "A plain title",
    "日本語の見出し" * 60,
    "👨‍👩‍👧‍👦🇩🇪👍🏽1️⃣" * 60,
    "e\u0301a\u0308" * 200,
    "नमस्ते क्षत्रिय " * 40,
    "ชื่อเรื่อง " * 60,
    "مرحبا بالعالم " * 40,
    "한국어 제목 " * 60,
    "a" * 1_000,
    "— “quoted” … ‘x’ " * 40,
)


@dataclass(frozen=True)
class Target:
    network: Network
    page: Shareable
    address: str


def judged(addresses: list[str], texts: list[str]) -> dict[str, Any]:
    if not shutil.which("node") or not (PACKAGES / "twitter-text").exists():
        unavailable("there is no node, or no twitter-text: run `npm install --prefix tests/npm`")
    command = ["node", "--input-type=module", "-e", JUDGE]
    given = json.dumps({"addresses": addresses, "texts": texts})
    done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=120, cwd=PACKAGES, text=True)
    return dict(json.loads(done.stdout))


def targets() -> list[Target]:
    """Every network with every hostile address as its page's address, title, summary and picture."""
    found = []
    for row in corpus.rows("urls_redirect.jsonl"):
        hostile = row["input"]
        pages = [Shareable(url=PAGE.url, title=hostile, summary=hostile, image=hostile, site_name=hostile)]
        pages += [Shareable(url=hostile, title=PAGE.title)] if networks.web_address(hostile) else []
        found += [Target(network, page, build(network, page)) for page in pages for network in WEB]
    return found


def test_a_browser_goes_where_the_registry_says_with_each_parameter_once() -> None:
    made = targets()
    assert len(made) > 30 * len(WEB)
    for target, seen in zip(made, judged([one.address for one in made], [])["addresses"], strict=True):
        network = target.network
        where = network.address.replace("{instance}", INSTANCE)
        scheme, _, rest = where.partition(":")
        host, slash, path = rest.removeprefix("//").partition("/") if rest.startswith("//") else ("", "", "")
        assert (seen["protocol"], seen["rest"]) == (f"{scheme}:", ""), target
        # A scheme of an app has what it calls a host or none; those of the web have the network's.
        assert seen["host"] == host, target
        assert not slash or seen["pathname"] == f"/{path}", target
        names = [name for name, _ in seen["pairs"]]
        declared = [parameter.name for parameter in network.parameters]
        assert len(names) == len(set(names)) and set(names) <= set(declared), target
        carrier = next(parameter.name for parameter in network.parameters if "url" in parameter.fields)
        assert dict(seen["pairs"])[carrier].endswith(str(networks.web_address(target.page.url))), target


@pytest.mark.parametrize(
    ("key", "counted", "most", "least"), [("x", "weighted", 280, 274), ("bluesky", "graphemes", 300, 298)]
)
def test_what_is_cut_fits_and_is_not_cut_too_short(key: str, counted: str, most: int, least: int) -> None:
    network = networks.find(key)
    assert network is not None
    addresses = [build(network, Shareable(url=PAGE_URL, title=title)) for title in TITLES]
    posts = [" ".join(dict(one["pairs"]).values()) for one in judged(addresses, [])["addresses"]]
    for title, address, seen in zip(TITLES, addresses, judged([], posts)["texts"], strict=True):
        assert seen[counted] <= most, title[:20]
        # Long emoji meet another limit first: mail programs want addresses below 2,000 characters.
        if len(title) > 600 and len(address) < 1_400:
            assert seen[counted] >= least, title[:20]


def test_texts_are_as_long_as_others_say() -> None:
    texts = [*TITLES, *(row["input"] for row in corpus.rows("unicode.jsonl") if _can_travel(row["input"]))]
    for text, seen in zip(texts, judged([], texts)["texts"], strict=True):
        assert networks.measure(text, Counting.GRAPHEMES) == seen["graphemes"], ascii(text[:40])
        assert networks.measure(text, Counting.WEIGHTED) == seen["weighted"], ascii(text[:40])


def _can_travel(text: str) -> bool:
    """Whether it is text at all: JSON of another language would not carry half a character."""
    return isinstance(text, str) and text.isprintable() and len(text) < 5_000
