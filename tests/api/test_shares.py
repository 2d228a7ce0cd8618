"""Share links, the counting redirect and `POST shares`, as the contract's section 6 has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.db import connection
from django.test import Client

from articles.models import Article, ArticleKey
from sharing import networks
from sharing.models import Notification, Share
from sharing.references import reference
from sharing.selectors.shares import share_counts
from tests.factories import ADA, make_article, make_comment, make_site
from tests.reading_cards import open_graph

REDIRECTS = Path(__file__).parents[3] / "shared" / "badinput" / "urls_redirect.jsonl"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PUBLIC_URL = "http://testserver"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_address(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC_URL


@pytest.fixture
def article(db: None) -> Article:
    return make_article(title="Fish & Chips", author_email=ADA)


@pytest.fixture
def reader() -> Client:
    return Client(headers={"User-Agent": FIREFOX})


def share(reader: Client, network: str, article: Article, query: str = "", **headers: str) -> Any:
    return reader.get(f"/s/{network}/{article.pk}{query}", headers=headers)


def post_share(reader: Client, body: Any, **headers: str) -> Any:
    return reader.post("/api/v1/shares", json.dumps(body), content_type="application/json", headers=headers)


def over(key: str, article: Article) -> str:
    """The article's address as a network is given it."""
    network = networks.find(key)
    assert network is not None
    return f"{article.url}?aw_ref={reference(article.pk, network)}"


def test_networks_are_listed_without_retired_ones(reader: Client) -> None:
    answer = reader.get("/api/v1/networks").json()["networks"]
    assert [network["key"] for network in answer] == [network.key for network in networks.listed()]
    assert answer[0] == {"key": "facebook", "label": "Facebook", "kind": "web", "status": "convention"}
    assert {network["key"] for network in answer if network["kind"] == "device"} == {"copy", "print", "native"}


def test_share_links_show_redirect_target_and_counts(
    reader: Client, article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    share(reader, "facebook", article)
    with django_assert_num_queries(2):  # the article with its site, the counters
        answer = reader.get(f"/api/v1/articles/{article.pk}/share-links").json()
    assert answer["counts"] == {"facebook": 1}
    assert answer["total"] == 1
    assert answer["links"][0] == {
        "network": "facebook",
        "label": "Facebook",
        "url": f"{PUBLIC_URL}/s/facebook/{article.pk}",
        "target": f"https://www.facebook.com/sharer/sharer.php?u={quote(over('facebook', article), safe='')}",
    }


def test_share_links_by_address_are_the_same(reader: Client, article: Article) -> None:
    by_id = reader.get(f"/api/v1/articles/{article.pk}/share-links").json()
    page = {"site": article.site.slug, "url": f"{article.url}?utm_source=x#top"}
    assert reader.get("/api/v1/share-links", page).json() == by_id


def test_share_links_of_a_comment_point_to_the_page_that_has_its_card(reader: Client, article: Article) -> None:
    comment = make_comment(article)
    reader.get(f"/s/x/{article.pk}/{comment.pk}")
    answer = reader.get(f"/api/v1/articles/{article.pk}/share-links?comment={comment.pk}").json()
    assert answer["counts"] == {"x": 1}
    assert answer["links"][0]["url"] == f"{PUBLIC_URL}/s/facebook/{article.pk}/{comment.pk}"
    (shared,) = parse_qs(urlsplit(answer["links"][0]["target"]).query)["u"]
    ref = reference(article.pk, networks.find("facebook"))
    assert shared == f"{PUBLIC_URL}/a/{article.pk}?comment={comment.pk}&aw_ref={ref}#comment-{comment.pk}"
    # What a network fetches is the address without its fragment.
    page = reader.get(shared.partition("#")[0]).content.decode()
    assert open_graph(page)["og:title"] == [f"{comment.author_name}: {article.title}"]
    assert reader.get(f"/api/v1/articles/{article.pk}/share-links").json()["counts"] == {}


def test_page_that_nobody_wrote_to_has_targets_and_no_counts(reader: Client) -> None:
    site = make_site()
    url = "https://news.example.org/new"
    answer = reader.get("/api/v1/share-links", {"site": site.slug, "url": url}).json()
    assert (answer["counts"], answer["total"]) == ({}, 0)
    assert all(link["url"] is None for link in answer["links"])
    assert answer["links"][0]["target"].endswith(quote(url, safe=""))
    assert not Article.objects.exists()


def test_redirect_counts_and_leads_to_the_network(
    reader: Client, article: Article, django_assert_num_queries: Callable[[int], Any]
) -> None:
    make_comment(article)
    with django_assert_num_queries(8):  # article; BEGIN, salt twice and made, share, notice; COMMIT
        answer = share(reader, "facebook", article)
    assert answer.status_code == 303
    assert (
        answer["Location"]
        == f"https://www.facebook.com/sharer/sharer.php?u={quote(over('facebook', article), safe='')}"
    )
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex"
    assert not answer.cookies
    assert share_counts(article) == {"facebook": 1}
    assert Notification.objects.get().kind == "shares"


def test_second_press_on_the_same_day_leads_there_and_counts_no_more(reader: Client, article: Article) -> None:
    assert [share(reader, "reddit", article).status_code for _ in range(3)] == [303] * 3
    assert share_counts(article) == {"reddit": 1}


def test_other_programs_get_their_own_schemes(reader: Client, article: Article) -> None:
    location = share(reader, "email", article)["Location"]
    assert location.startswith("mailto:?subject=Fish%20%26%20Chips&body=")
    assert share(reader, "sms", article)["Location"].startswith("sms:?body=")


def test_old_names_still_lead_somewhere(reader: Client, article: Article) -> None:
    assert share(reader, "twitter", article)["Location"].startswith("https://x.com/intent/tweet?")
    assert share(reader, "pocket", article)["Location"].startswith("https://getpocket.com/save?")
    assert share_counts(article) == {"x": 1, "pocket": 1}


@pytest.mark.parametrize("key", ["copy", "print", "native", "nowhere", "Facebook", "facebook%00", "%2F%2Fevil.example"])
def test_device_or_unknown_network_is_404(reader: Client, article: Article, key: str) -> None:
    assert share(reader, key, article).status_code in ((400, 404) if "%00" in key else (404,))
    assert not Share.objects.exists()


def test_page_of_a_hidden_article_looks_like_one_that_nobody_wrote_to(reader: Client) -> None:
    article = make_article(visibility="hidden", title="Secret")
    page = {"site": article.site.slug, "url": article.url}
    answer = reader.get("/api/v1/share-links", page)
    assert answer.status_code == 200
    assert all(link["url"] is None for link in answer.json()["links"])
    assert "Secret" not in answer.content.decode()
    assert post_share(reader, {**page, "network": "copy"}).status_code == 404
    assert not Share.objects.exists()


@pytest.mark.parametrize("hidden", [{"visibility": "hidden"}, {"visibility": "scheduled"}])
def test_article_that_is_not_public_is_404_everywhere(reader: Client, hidden: dict[str, str]) -> None:
    article = make_article(**hidden)
    assert share(reader, "facebook", article).status_code == 404
    assert reader.get(f"/api/v1/articles/{article.pk}/share-links").status_code == 404
    assert post_share(reader, {"article": article.pk, "network": "copy"}).status_code == 404
    assert share(reader, "mastodon", article).status_code == 404
    assert not Share.objects.exists()


@pytest.mark.parametrize(
    "path", ["/s/facebook/999999", "/s/facebook/99999999999999999999", "/s/facebook/x", "/s/facebook/0"]
)
def test_unknown_article_is_404(reader: Client, path: str) -> None:
    assert reader.get(path).status_code == 404


def test_comment_must_be_public_and_of_this_article(reader: Client, article: Article) -> None:
    elsewhere = make_comment(make_article(article.site))
    held = make_comment(article, status="pending")
    for comment in (elsewhere.pk, held.pk, 999999):
        assert reader.get(f"/s/facebook/{article.pk}/{comment}").status_code == 404
        assert reader.get(f"/api/v1/articles/{article.pk}/share-links?comment={comment}").status_code == 404
        body = {"article": article.pk, "comment": comment, "network": "copy"}
        assert post_share(reader, body).status_code == 404
    assert reader.get(f"/api/v1/articles/{article.pk}/share-links?comment=x").status_code == 400
    assert not Share.objects.exists()


def test_head_leads_there_and_does_not_count(reader: Client, article: Article) -> None:
    answer = reader.head(f"/s/facebook/{article.pk}")
    assert answer.status_code == 303
    assert not Share.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Dest": "image"},
    ],
)
def test_bots_and_prefetches_are_led_there_and_not_counted(
    reader: Client, article: Article, headers: dict[str, str]
) -> None:
    assert share(reader, "facebook", article, **headers).status_code == 303
    assert not Share.objects.exists()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_refused(reader: Client, article: Article, method: str) -> None:
    assert getattr(reader, method)(f"/s/facebook/{article.pk}").status_code == 405


@pytest.mark.skipif(not REDIRECTS.exists(), reason="the shared corpus of hostile addresses is not beside the project")
def test_nothing_in_the_query_changes_where_a_share_leads(reader: Client, article: Article) -> None:
    expected = share(reader, "facebook", article)["Location"]
    names = ("url", "u", "to", "next", "redirect", "instance", "host", "network", "target")
    for line in REDIRECTS.read_text("utf-8").splitlines():
        hostile = quote(json.loads(line)["input"], errors="surrogatepass", safe="")[:4000]
        answer = share(reader, "facebook", article, "?" + "&".join(f"{name}={hostile}" for name in names))
        assert answer.status_code in (303, 400)
        assert answer.get("Location", expected) == expected


@pytest.mark.skipif(not REDIRECTS.exists(), reason="the shared corpus of hostile addresses is not beside the project")
def test_instance_leads_to_public_https_names_alone(reader: Client, article: Article) -> None:
    for line in REDIRECTS.read_text("utf-8").splitlines():
        hostile = json.loads(line)["input"]
        answer = reader.post(f"/s/mastodon/{article.pk}", {"instance": hostile}, headers={"Origin": PUBLIC_URL})
        assert answer.status_code in (303, 400)
        if answer.status_code == 303:
            assert hostile.strip(" ").lower().rstrip(".") == urlsplit(answer["Location"]).netloc
            assert urlsplit(answer["Location"]).scheme == "https"
        else:
            assert f'value="{hostile}"' not in answer.content.decode() or not set(hostile) & set("<>&\"'")


def test_mastodon_asks_for_a_server_and_leads_there(reader: Client, article: Article) -> None:
    page = share(reader, "mastodon", article)
    assert page.status_code == 200
    assert b'name="instance"' in page.content
    assert b"Fish &amp; Chips" in page.content
    assert "form-action 'self' https:" in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert not Share.objects.exists()
    answer = reader.post(f"/s/mastodon/{article.pk}", {"instance": "mastodon.social"}, headers={"Origin": PUBLIC_URL})
    assert answer.status_code == 303
    assert answer["Location"].startswith("https://mastodon.social/share?text=Fish%20%26%20Chips&url=")
    assert answer["Cache-Control"] == "no-store"
    assert share_counts(article) == {"mastodon": 1}


@pytest.mark.parametrize(
    "instance", ["", "localhost", "127.0.0.1", "a.example:444", "https://a.example", "u@a.example", "<b>"]
)
def test_server_that_is_no_public_name_is_asked_for_again(reader: Client, article: Article, instance: str) -> None:
    answer = reader.post(f"/s/mastodon/{article.pk}", {"instance": instance}, headers={"Origin": PUBLIC_URL})
    assert answer.status_code == 400
    assert b'role="alert"' in answer.content
    assert b"<b>" not in answer.content
    assert not Share.objects.exists()


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_form_of_another_page_cannot_choose_the_server(
    reader: Client, article: Article, headers: dict[str, str]
) -> None:
    answer = reader.post(f"/s/mastodon/{article.pk}", {"instance": "evil.example"}, headers=headers)
    assert answer.status_code == 403
    assert "Location" not in answer


def test_post_share_answers_target_and_counts(reader: Client, article: Article) -> None:
    answer = post_share(reader, {"article": article.pk, "network": "native"})
    assert answer.status_code == 201
    assert answer.json() == {"target": over("native", article), "counts": {"native": 1}, "total": 1}
    again = post_share(reader, {"article": article.pk, "network": "native"})
    assert (again.status_code, again.json()) == (201, answer.json())


def test_post_share_by_address(reader: Client, article: Article) -> None:
    body = {"site": article.site.slug, "url": article.url, "network": "facebook"}
    answer = post_share(reader, body, Origin="https://news.example.org")
    assert answer.status_code == 201
    assert answer.json()["target"].startswith("https://www.facebook.com/sharer/sharer.php?u=")
    assert answer.json()["counts"] == {"facebook": 1}


def test_first_share_of_a_page_registers_it(reader: Client) -> None:
    site = make_site()
    body = {"site": site.slug, "url": "https://news.example.org/new?utm_source=x", "network": "copy"}
    answer = post_share(reader, body)
    assert answer.status_code == 201
    assert ArticleKey.objects.get(site=site).key == "https://news.example.org/new"
    assert answer.json()["counts"] == {"copy": 1}
    assert post_share(reader, body).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"network": "copy"}, 400, "validation_failed"),
        ({"article": "x", "network": "copy"}, 400, "validation_failed"),
        ({"article": 999999, "network": "copy"}, 404, "unknown_page"),
        ({"article": 10**30, "network": "copy"}, 400, None),
        ({"site": "nowhere", "url": "https://a.example/", "network": "copy"}, 404, "unknown_site"),
        ([], 400, "malformed_json"),
    ],
)
def test_share_that_makes_no_sense_is_refused(reader: Client, body: Any, status: int, code: str | None) -> None:
    answer = post_share(reader, body)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert code in (None, answer.json()["code"])
    assert not Share.objects.exists()


@pytest.mark.parametrize("key", ["nowhere", "", None, 5, [], "x" * 5000])
def test_share_to_an_unknown_network_registers_nothing(reader: Client, key: Any) -> None:
    site = make_site()
    answer = post_share(reader, {"site": site.slug, "url": "https://news.example.org/new", "network": key})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "network"
    assert not Article.objects.exists()


def test_foreign_page_and_foreign_origin_are_refused(reader: Client, article: Article) -> None:
    body = {"site": article.site.slug, "url": "https://evil.example/", "network": "copy"}
    assert post_share(reader, body).json()["code"] == "origin_not_allowed"
    own = {"article": article.pk, "network": "copy"}
    for origin in ("https://evil.example", "null"):
        answer = post_share(reader, own, Origin=origin)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert post_share(reader, own, Origin=PUBLIC_URL).status_code == 201
    form = reader.post("/api/v1/shares", {"article": article.pk, "network": "print"})
    assert form.status_code == 415
    assert share_counts(article) == {"copy": 1}


def test_one_site_never_counts_for_another(reader: Client) -> None:
    one, two = make_site(), make_site()
    url = "https://news.example.org/same"
    mine, theirs = make_article(one, url=url), make_article(two, url=url)
    post_share(reader, {"site": one.slug, "url": url, "network": "facebook"})
    assert share_counts(mine) == {"facebook": 1}
    assert share_counts(theirs) == {}
    answer = reader.get("/api/v1/share-links", {"site": two.slug, "url": url}).json()
    assert answer["total"] == 0
    assert answer["links"][0]["url"] == f"{PUBLIC_URL}/s/facebook/{theirs.pk}"
    assert reader.get(f"/s/x/{mine.pk}/{make_comment(theirs).pk}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_hundred_presses_at_once_count_once() -> None:
    article = make_article()

    def press(_: int) -> int:
        try:
            return int(share(Client(headers={"User-Agent": FIREFOX}), "facebook", article).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=10) as pool:
        assert set(pool.map(press, range(100))) == {303}
    assert share_counts(article) == {"facebook": 1}
