"""What a shared address carries: short, ours alone, and the same for everybody who shares."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from project.addresses import canonical_url
from project.arrivals import PARAMETER, with_ref, without_ref
from project.tokens import MAX_ID
from sharing import networks, references
from sharing.references import MAX_LENGTH, Referral, carrying, is_reference, read_reference, reference

FACEBOOK, X, PRINT = networks.NETWORKS[0], networks.NETWORKS[3], next(n for n in networks.NETWORKS if n.key == "print")


@pytest.mark.parametrize("article_id", [1, 35, 36, 10**6, 2**40, MAX_ID])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.key)
def test_a_reference_names_its_article_and_network_and_is_short(article_id: int, network: networks.Network) -> None:
    ref = reference(article_id, network)
    assert read_reference(ref) == Referral(article_id, network.key)
    assert len(ref) <= (24 if article_id < 2**56 else MAX_LENGTH)
    assert network.key not in ref


def test_every_share_of_an_article_over_a_network_carries_the_same() -> None:
    assert reference(12, FACEBOOK) == reference(12, FACEBOOK)
    assert len({reference(12, network) for network in networks.NETWORKS}) == len(networks.NETWORKS)


def test_one_of_another_installation_is_not_ours(settings: object) -> None:
    theirs = reference(12, FACEBOOK)
    settings.SECRET_KEY = "another" * 8  # type: ignore[attr-defined]
    assert is_reference(theirs) and read_reference(theirs) is None


def test_no_part_of_it_can_be_changed() -> None:
    ref = reference(12, FACEBOOK)
    for place in range(len(ref)):
        for character in "0a.":
            changed = ref[:place] + character + ref[place + 1 :]
            assert changed == ref or read_reference(changed) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "c.", "c.0123456789a", "0c.0123456789ab", "C.0123456789ab", "c.0123456789AB", "c.0123456789ab\n"),
        *("zzzzzzzzzzzzz.0123456789ab", "c.0123456789ab" * 9, "c\0.0123456789ab", "\ud800.0123456789ab", "ç.é"),
    ],
    ids=lambda text: f"{len(text)}-{text[:6]!a}",
)
def test_another_shape_is_no_reference(text: str) -> None:
    assert not is_reference(text)
    assert read_reference(text) is None


@pytest.mark.parametrize(
    "url",
    ["https://e.org/a", "https://e.org/a?b=c&d", "https://e.org/?", "https://e.org/a?b=c&", "http://e.org/a#x?y=1&z"],
)
def test_an_address_with_it_is_the_same_page(url: str) -> None:
    shared = carrying(url, 12, FACEBOOK)
    assert dict(parse_qsl(urlsplit(shared).query))[PARAMETER] == reference(12, FACEBOOK)
    assert urlsplit(shared).fragment == urlsplit(url).fragment
    assert canonical_url(shared) == canonical_url(url)


def test_a_sheet_of_paper_and_what_is_no_web_address_carry_none() -> None:
    assert carrying("https://e.org/a", 12, PRINT) == "https://e.org/a"
    assert carrying("javascript:alert(1)", 12, X) == "javascript:alert(1)"


def test_the_longest_allowed_form_is_what_the_longest_id_has() -> None:
    assert max(len(reference(MAX_ID, network)) for network in networks.NETWORKS) == references.MAX_LENGTH


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://e.org/a?aw_ref=x", "https://e.org/a"),
        ("https://e.org/a?b=c&aw_ref=x&d#y", "https://e.org/a?b=c&d#y"),
        ("https://e.org/a?AW_REF=x&aw_ref", "https://e.org/a"),
        ("https://e.org/a?not_aw_ref=x#?aw_ref=1", "https://e.org/a?not_aw_ref=x#?aw_ref=1"),
        ("https://e.org/?", "https://e.org/?"),
    ],
)
def test_it_is_taken_off_whole_and_stands_there_once(url: str, without: str) -> None:
    assert without_ref(url) == without
    assert with_ref(with_ref(url, "one"), "two").count(f"{PARAMETER}=two") == 1
    assert "one" not in with_ref(with_ref(without, "one"), "two")
