"""Every real export reproduces its FACTS.json under the contract's mapping, and a second time adds nothing.

The facts count the file as it is; where the mapping makes our number another one, the rule is named beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count, Max, Min
from lxml import etree

from articles.models import Article, ArticleKey, Site
from comments.interchange.detect import open_export
from comments.models import Comment, ExternalRef, Thread, Vote
from comments.services.intake import Summary, take_in
from project.addresses import canonical_url
from sharing.models import Delivery, Notification
from tests.comments.invariants import check_site
from tests.factories import make_site

SHARED = Path(__file__).resolve().parents[3] / "shared"
FACTS_FILE = SHARED / "data" / "FACTS.json"
FACTS: dict[str, dict[str, Any]] = (
    {fact["file"]: fact for fact in json.loads(FACTS_FILE.read_text(encoding="utf-8"))} if FACTS_FILE.exists() else {}
)
BLOGS = sorted(name for name, fact in FACTS.items() if fact["format"].startswith("wxr"))
FORUMS = sorted(name for name, fact in FACTS.items() if fact["format"] == "disqus-xml")
OTHERS = sorted(name for name, fact in FACTS.items() if fact["format"] in {"commento", "duoshuo"})

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FACTS, reason="the real exports are not beside the repository"),
]


def path_of(name: str) -> Path:
    return SHARED / "data" / str(FACTS[name]["dir"]) / name


def import_file(name: str, site: Site) -> Summary:
    return take_in(open_export(path_of(name)), site)


def everything(site: Site) -> list[Any]:
    """All that an import may write, so that "nothing changed" can be seen."""
    return [
        list(model.objects.filter(site=site).order_by("pk").values())
        for model in (Article, ArticleKey, Comment, ExternalRef, Thread, Vote)
    ]


def import_twice(name: str) -> tuple[Site, Summary]:
    """Import into a fresh site, check the tree, then import again and check that nothing has changed."""
    site = make_site()
    first = import_file(name, site)
    check_site(site)
    before = everything(site)
    second = import_file(name, site)
    assert everything(site) == before
    assert (second.created, second.articles_created) == (0, 0)
    assert second.duplicate == first.created + first.duplicate
    assert second.articles_matched == first.articles_created + first.articles_matched
    assert second.skipped == first.skipped
    assert not Notification.objects.exists()
    assert not Delivery.objects.exists()
    return site, first


@pytest.mark.parametrize("name", BLOGS)
def test_a_blog_reproduces_its_facts(name: str) -> None:
    site, summary = import_twice(name)
    fact, comments = FACTS[name], FACTS[name]["comments"]
    assert summary.complete
    custom = fact["format"] != "wxr"
    kinds = Counter(comments["by_type"])
    own = kinds[""] + kinds["comment"]
    mentions = kinds["pingback"] + kinds["trackback"]
    # Mapping: comments of other types are no comments of ours.
    assert summary.skipped == comments["total"] - own - mentions
    assert summary.created == own + mentions
    # `duplicate_ids` counts ids that stand in two items: these are two comments, whose source names the item.
    assert summary.duplicate == 0
    assert summary.by_provider == +Counter({"disqus" if custom else "wordpress": own, "webmention": mentions})
    assert summary.by_status == expected_statuses(comments["by_approved"])
    check_wordpress_articles(name, site, summary)
    check_tree(site, summary.created, comments)
    check_people(name, site, comments)
    check_dates(site, comments["earliest_gmt"], comments["latest_gmt"])
    check_texts(site, fact["text"]["sha256_of_texts_in_order"], fact["approved_text_sha256"])
    for url, number in fact["items"]["top_items_by_comments"]:
        key = ArticleKey.objects.get(site=site, kind="url", key=canonical_url(url))
        assert Comment.objects.filter(article=key.article_id).count() == number


def expected_statuses(by_approved: dict[str, int]) -> Counter[str]:
    names = {"1": "approved", "0": "pending", "spam": "spam", "trash": "removed", "post-trashed": "removed"}
    found: Counter[str] = Counter()
    for value, number in by_approved.items():
        found[names[value]] += number
    return found


def check_wordpress_articles(name: str, site: Site, summary: Summary) -> None:
    """Posts, pages and items without a type become articles, others if they have a comment."""
    items = FACTS[name]["items"]
    pages = {"post", "page", ""}
    wanted = sum(number for kind, number in items["by_post_type"].items() if kind in pages)
    wanted += sum(number for kind, number in items["with_comments_by_post_type"].items() if kind not in pages)
    assert summary.articles_created + summary.articles_matched == wanted
    # Two items of one address are one article, which is made by the first of them (drafts of a hand-edited file).
    first: dict[str, str] = {}
    for item in etree.parse(path_of(name)).iter("item"):
        kind = item.findtext("{*}post_type") or ""
        if kind in pages or item.find("{*}comment") is not None:
            status = item.findtext("{*}status") or ""
            locked = bool(item.findtext("{*}post_password")) and status == "publish"
            first.setdefault(canonical_url(item.findtext("link") or ""), "password" if locked else status)
    assert summary.articles_created == len(first)
    if not items["duplicate_links"]:
        assert summary.articles_created == wanted
    states = Counter(Article.objects.filter(site=site).values_list("state", flat=True))
    assert states == Counter(first.values())
    assert states["password"] == items["password_protected"]
    public = Article.objects.filter(site=site, visibility="public")
    assert public.count() == states["publish"] + states[""]
    assert Article.objects.filter(site=site, visibility="scheduled").count() == states["future"]
    assert not Article.objects.filter(site=site, announced_at=None).exists()


@pytest.mark.parametrize("name", FORUMS)
def test_a_forum_reproduces_its_facts(name: str) -> None:
    site, summary = import_twice(name)
    fact, threads, posts = FACTS[name], FACTS[name]["threads"], FACTS[name]["posts"]
    assert summary.complete
    # Mapping: a post of a thread that is not in the file is skipped. The facts count all of these, and the damaged
    # sixth post of remark42's file, whose thread their recovering parser lost, as posts of one thread without a name.
    strays = posts["thread_missing"]
    assert summary.skipped == strays
    assert summary.created == posts["total"] - strays
    merged = threads["normalised_links_shared_by_several_threads"]
    assert summary.articles_created == threads["with_posts"] - (1 if strays else 0) - merged
    assert summary.by_provider == Counter({"disqus": summary.created})
    removed, spam = posts["deleted"], posts["spam"] - posts["deleted_and_spam"]
    assert summary.by_status == +Counter({"approved": posts["live"] - strays, "removed": removed, "spam": spam})
    hidden = Article.objects.filter(site=site, visibility="hidden").count()
    assert hidden <= threads["deleted"]
    check_tree(site, summary.created, posts)
    strict = fact["parse"]["result"] == "strict"
    # The damaged post's date is what the facts give as the latest.
    check_dates(site, posts["earliest"], posts["latest"] if strict else None)
    if not strays:
        check_texts(site, fact["text"]["sha256_of_texts_in_order"], None)
    live = Comment.objects.filter(site=site, status="approved")
    for address, number in posts["top_urls_by_live_posts_merged"]:
        if address:
            key = ArticleKey.objects.get(site=site, kind="url", key=canonical_url(f"https://{address}"))
            assert live.filter(article=key.article_id).count() == number


@pytest.mark.parametrize("name", OTHERS)
def test_another_system_reproduces_its_facts(name: str) -> None:
    site, summary = import_twice(name)
    fact, comments = FACTS[name], FACTS[name]["comments"]
    assert summary.complete
    assert (summary.created, summary.duplicate, summary.skipped) == (comments["rows"], 0, 0)
    assert comments["rows"] == comments["distinct_ids"]
    assert summary.by_provider == {"native": comments["rows"]}
    # Duoshuo's file says nothing of states.
    assert summary.by_status == fact.get("by_state", {"approved": comments["rows"]})
    check_tree(site, summary.created, comments)
    earliest, latest = (datetime.fromisoformat(written).astimezone(UTC) for written in fact["dates"])
    check_dates(site, earliest.replace(tzinfo=None).isoformat(), latest.replace(tzinfo=None).isoformat())
    sources = set(ExternalRef.objects.filter(site=site).values_list("source", flat=True))
    assert all(source.startswith(f"{fact['format']}:") for source in sources)
    document = json.loads(path_of(name).read_text(encoding="utf-8"))
    if fact["format"] == "commento":
        assert summary.articles_created == fact["pages"]
        named = Comment.objects.filter(site=site).exclude(author_name="").values_list("author_name", flat=True)
        assert set(named) <= {person["name"] for person in document["commenters"]}
    else:
        # Mapping: a thread without a post is no article.
        talked = {post["thread_id"] for post in document["posts"]}
        assert summary.articles_created == len(talked) <= fact["threads"]
        names = Comment.objects.filter(site=site).aggregate(number=Count("author_name", distinct=True))
        assert names["number"] == fact["names"]
        comments_of = Comment.objects.filter(site=site).order_by("id")
        given = [post["message"].replace("\r\n", "\n") for post in document["posts"]]
        assert list(comments_of.values_list("source", flat=True)) == given


def check_tree(site: Site, created: int, facts: dict[str, Any]) -> None:
    """The facts begin to count depth at 1, and count an id that occurs twice once; both of such are roots here."""
    depths = Counter(depth + 1 for depth in Comment.objects.filter(site=site).values_list("depth", flat=True))
    expected = {int(depth): number for depth, number in facts["depth_histogram"].items() if depth != "1"}
    assert {depth: number for depth, number in depths.items() if depth > 1} == expected
    assert depths[1] == created - sum(expected.values())
    assert max(depths, default=0) == facts["max_depth"]
    answers = Comment.objects.filter(site=site, parent__isnull=False).count()
    assert answers == facts["with_parent"] - facts["orphan_parents"]


def check_people(name: str, site: Site, facts: dict[str, Any]) -> None:
    comments = Comment.objects.filter(site=site)
    assert comments.filter(author_name="").count() == facts["empty_author"]
    assert comments.filter(author_email="").count() == facts["empty_email"]
    names = comments.exclude(author_name="").aggregate(number=Count("author_name", distinct=True))
    assert names["number"] == facts["distinct_names"]
    addresses = {address.lower() for address in comments.values_list("author_email", flat=True) if address}
    assert len(addresses) == facts["distinct_emails_lowercased"]
    # The facts count as an address what forms put there themselves: a bare scheme, or "address (optional)" in Chinese.
    given = [found.text for found in etree.parse(path_of(name)).iter("{*}comment_author_url")]
    untouched = [url for url in given if url in {"http://", "http://网址（选填）"}]
    assert comments.exclude(author_url="").count() == facts["with_url"] - facts["non_http_url"] - len(untouched)


def check_dates(site: Site, earliest: str | None, latest: str | None) -> None:
    found = Comment.objects.filter(site=site).aggregate(first=Min("created_at"), last=Max("created_at"))
    for key, expected in (("first", earliest), ("last", latest)):
        if expected:
            assert found[key] == datetime.fromisoformat(expected.removesuffix("Z")).replace(tzinfo=UTC)


def check_texts(site: Site, every: str, approved: str | None) -> None:
    """The stored sources, in the order of the file, are the file's texts to the last character."""
    comments = Comment.objects.filter(site=site).order_by("id")
    assert digest(comments.values_list("source", flat=True)) == every
    if approved:
        assert digest(comments.filter(status="approved").values_list("source", flat=True)) == approved


def digest(texts: Any) -> str:
    return hashlib.sha256("\x1e".join(texts).encode()).hexdigest()


@pytest.mark.parametrize("blog_first", [True, False])
def test_a_blog_and_the_forum_it_moved_to_give_each_comment_once(*, blog_first: bool) -> None:
    """The blog's posts moved to addresses that end in `.html`, which its publisher has registered for them."""
    blog, forum = "sympyblog-2013-07.xml", "asmeurer-2021.xml"
    ids = {
        (comment.findtext("{*}comment_id"), (item.findtext("link") or "").rstrip("/"))
        for item in etree.parse(path_of(blog)).iter("item")
        for comment in item.iterfind("{*}comment")
    }
    tree = etree.parse(path_of(forum)).getroot()
    number = "{http://disqus.com/disqus-internals}id"
    links = {thread.get(number): thread.findtext("{*}link") or "" for thread in tree.iterfind("{*}thread")}
    both = sum(
        (
            (post.findtext("{*}id") or "").removeprefix("wp_id="),
            links[post.find("{*}thread").get(number)].removesuffix(".html"),
        )
        in ids
        for post in tree.iterfind("{*}post")
    )
    assert both > 150
    site = make_site()
    first, second = (blog, forum) if blog_first else (forum, blog)
    import_file(first, site)
    for article in Article.objects.filter(site=site):
        moved = article.url.removesuffix(".html") if not blog_first else article.url.rstrip("/") + ".html"
        ArticleKey.objects.get_or_create(
            site=site, kind="url", key=canonical_url(moved), defaults={"article": article, "given_by": "publisher"}
        )
    summary = import_file(second, site)
    check_site(site)
    assert summary.duplicate == both
    total = FACTS[blog]["comments"]["total"] + FACTS[forum]["posts"]["total"]
    assert Comment.objects.filter(site=site).count() == total - both
    kept = "wordpress" if blog_first else "disqus"
    own = ExternalRef.objects.filter(site=site).exclude(source__startswith="article:")
    twice = own.values("comment").annotate(names=Count("id")).filter(names=2)
    assert set(twice.values_list("comment__provider", flat=True)) == {kept}
    assert twice.count() == both
    before = everything(site)
    import_file(blog, site)
    import_file(forum, site)
    assert everything(site) == before
