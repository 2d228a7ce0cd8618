"""Pages elsewhere that say they link here: noted at once, looked at by a worker, and made comments by the one door.

Whoever announces a page proves nothing: only what the page itself says counts, each time anew. So a page that changes
changes its comment, and one that is gone, or links here no more, loses it. A row is put off before its page is
fetched: a process that dies of one does not meet it again at once, and two never look at the same one.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models.functions import Now

from articles.models import Article, ArticleKey, Site
from articles.origins import own_origin
from articles.selectors import article_at
from comments.models import Comment, Provider
from comments.services.elsewhere import put_from_elsewhere, take_back_from_elsewhere
from comments.services.erasure import erase_comment
from comments.services.posting import Author, Draft, Elsewhere
from project.addresses import canonical_origin, canonical_url, web_address
from project.errors import Problem, refused_field
from project.http import FetchError
from project.pages import Page, fetch_page
from project.throttling import spend_for_host, spend_for_site
from project.transactions import in_transaction
from sharing.models import Webmention
from sharing.webmentions.sources import ACCEPT, Matches, Said, UnreadableSource, read_source
from sharing.webmentions.wording import html_of, name_of

log = logging.getLogger(__name__)

# When a page that could not be read is asked again; after the last of these it is given up.
PAUSES: Final = (timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=3))
# A page is looked at again after this at the earliest, however often it is announced.
APART: Final = timedelta(minutes=1)
MOST_WAITING: Final = 1_000  # of one site
KEPT: Final = timedelta(days=30)
COMMENT: Final = re.compile("comment-([1-9][0-9]{0,17})")
NOT_OURS: Final = "This is the address of no article that takes mentions here."


@dataclass(frozen=True)
class Target:
    """What a page is said to link to: an article and, where its permalink is named, one comment of it."""

    article: Article
    about_comment: int = 0


def receive(source: str, target: str, protocol: Webmention.Protocol) -> Webmention:
    """Note that a page says it links to one of ours; announced again it is looked at again.

    Problem: validation_failed on `source` or `target`, rate_limited.
    """
    source, found = _checked(source, target)
    spend_for_host("webmentions", urlsplit(source).hostname or "")
    spend_for_site("webmentions", found.article.site_id)
    waiting = Webmention.objects.filter(site=found.article.site_id, due_at__isnull=False)
    if waiting[:MOST_WAITING].count() >= MOST_WAITING:
        raise Problem("rate_limited", "Too many mentions wait to be looked at.", headers={"Retry-After": "3600"})
    return in_transaction(lambda: _note(source, target, found, protocol))


def is_known(source: str, target: str) -> bool:
    """Say whether a page waits to be looked at or has become a comment. Problem: as `receive`."""
    source, found = _checked(source, target)
    rows = Webmention.objects.filter(article=found.article, about_comment=found.about_comment, source_key=_key(source))
    return rows.filter(state__in=[Webmention.State.WAITING, Webmention.State.TAKEN]).exists()


def verify_next() -> Webmention | None:
    """Look at the page that has been due longest; return its row as it was claimed, None if none is due.

    What is wrong with the page is noted in the row, nothing is raised but the database's own errors.
    """
    mention = _claim()
    if mention is None:
        return None
    try:
        page = fetch_page(mention.source, accept=ACCEPT)
    except FetchError as error:
        log.info("webmention %s: %s", mention.pk, error)
        _fail(mention, "The page could not be fetched.")
        return mention
    try:
        mention.article.refresh_from_db()
        _judge(mention, page)
    except Article.DoesNotExist:
        log.info("webmention %s: its article is gone, and so is its row", mention.pk)
    except Problem as problem:
        _settle(mention, Webmention.State.REFUSED, problem.detail)
    return mention


def prune_webmentions() -> None:
    """Forget pages at which nothing is left to be done; their comments stay."""
    Webmention.objects.filter(due_at=None, changed_at__lt=Now() - KEPT).delete()


def erase_mentions(site: Site, source: str) -> int:
    """Empty every comment that a page became here, and all pages whose address begins so; return how many.

    They stay removed, whatever is announced later. Problem: validation_failed.
    """
    begin = web_address(source, "source").partition("#")[0]
    Webmention.objects.filter(site=site, source__startswith=begin).delete()
    comments = Comment.objects.filter(site=site, provider=Provider.WEBMENTION, author_url__startswith=begin)
    ids = list(comments.order_by("pk").values_list("pk", flat=True))
    for comment_id in ids:
        in_transaction(partial(erase_comment, comment_id, texts=True))
    return len(ids)


def _checked(source: str, target: str) -> tuple[str, Target]:
    """Return a source in the spelling in which it is kept, and what the target means. Problem: validation_failed."""
    kept, page = web_address(source, "source").partition("#")[0], canonical_url(source, "source")
    if canonical_url(target, "target") == page:
        raise refused_field("target", "same_as_source", "Source and target are the same page.")
    if canonical_origin(source, "source") == own_origin():
        raise refused_field("source", "own_page", "Pages of this service are no sources.")
    return kept, _target(target)


def _key(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _target(target: str) -> Target:
    """Return what an address of ours means. Problem: the same for what is hidden and for what there never was."""
    article = article_at(target)
    if article is None or not article.takes_mentions:
        raise refused_field("target", "not_accepted", NOT_OURS)
    named = COMMENT.fullmatch(urlsplit(target).fragment)
    approved = Comment.objects.of(article).approved().filter(pk=int(named[1])) if named else None
    return Target(article, int(named[1]) if named and approved is not None and approved.exists() else 0)


def _note(source: str, target: str, found: Target, protocol: Webmention.Protocol) -> Webmention:
    mention, is_new = Webmention.objects.get_or_create(
        article=found.article,
        about_comment=found.about_comment,
        source_key=_key(source),
        defaults={"site_id": found.article.site_id, "source": source, "target": target, "protocol": protocol},
    )
    if not is_new:
        _look_again(mention, target)
    return mention


def _look_again(mention: Webmention, target: str) -> None:
    """Let the page be looked at once more; what another process is finding out just now is found out anew."""
    row = Webmention.objects.select_for_update(no_key=True).annotate(earliest=Now() - APART).get(pk=mention.pk)
    if row.state == Webmention.State.WAITING and not row.attempts:
        return
    earliest: Any = row.earliest
    row.due_at = max(earliest, row.changed_at) + APART
    row.state, row.says, row.target, row.attempts = Webmention.State.WAITING, "", target, 0
    row.save(update_fields=["due_at", "state", "says", "target", "attempts"])


def _claim() -> Webmention | None:
    with transaction.atomic():
        due = Webmention.objects.filter(due_at__lte=Now()).select_related("article__site").order_by("due_at")
        mention = due.select_for_update(of=("self",), skip_locked=True).annotate(now=Now()).first()
        if mention is not None:
            now: Any = mention.now
            mention.due_at = now + PAUSES[min(mention.attempts, len(PAUSES) - 1)]
            mention.attempts += 1
            mention.changed_at = now
            mention.save(update_fields=["due_at", "attempts", "changed_at"])
    return mention


def _judge(mention: Webmention, page: Page) -> None:
    """Do what the answer asks for. Problem: what it says is not wanted here."""
    if page.status in {404, 410}:
        _withdraw(mention, Webmention.State.GONE, "The page is gone.")
    elif page.status != 200:
        _fail(mention, f"The page answers with the status {page.status}.")
    else:
        try:
            said = read_source(page, links_to(mention))
        except UnreadableSource as error:
            _withdraw(mention, Webmention.State.REFUSED, f"It does not link here: {error}.")
            return
        if said is None:
            _withdraw(mention, Webmention.State.REFUSED, "The page does not link to the target.")
        else:
            _take(mention, said)


def links_to(mention: Webmention) -> Matches:
    """Return whether an address is one of the target: any of the article, or the very comment on any of them.

    Addresses are compared as everywhere here: what `canonical_url` leaves out makes no difference.
    """
    keys = ArticleKey.objects.filter(article=mention.article_id, kind=ArticleKey.Kind.URL)
    known = {*keys.values_list("key", flat=True), canonical_url(mention.article.page_url)}
    hosts = {urlsplit(address).hostname for address in known}
    about = f"comment-{mention.about_comment}" if mention.about_comment else ""

    def matches(address: str) -> bool:
        try:
            parts = urlsplit(address)
            if parts.hostname not in hosts or (about and parts.fragment != about):
                return False
            return canonical_url(address) in known
        except (Problem, ValueError):
            return False

    return matches


def elsewhere_of(mention: Webmention) -> Elsewhere:
    """Return under which name the comment of a mention is known."""
    return Elsewhere(Provider.WEBMENTION, *mention.outside_name)


def _take(mention: Webmention, said: Said) -> None:
    host = urlsplit(mention.source).hostname or "?"
    draft = Draft(
        html_of(said, mention.source, mention.article.site.max_length),
        Author(name_of(said, host), url=mention.source),
        mention.about_comment or None,
        elsewhere=elsewhere_of(mention),
    )

    def work() -> None:
        if _is_still_ours(mention, Webmention.State.TAKEN, kind=said.kind, published=said.published):
            put_from_elsewhere(mention.article, draft, plain_name=host)

    in_transaction(work)


def _withdraw(mention: Webmention, state: Webmention.State, says: str) -> None:
    def work() -> None:
        if _is_still_ours(mention, state, says=says):
            take_back_from_elsewhere(mention.article, elsewhere_of(mention))

    in_transaction(work)


def _fail(mention: Webmention, says: str) -> None:
    """Leave it to be tried again, or give it up; what it said before stays as it is."""
    if mention.attempts > len(PAUSES):
        _settle(mention, Webmention.State.FAILED, says)
    else:
        Webmention.objects.filter(pk=mention.pk, due_at=mention.due_at).update(says=says)


def _settle(mention: Webmention, state: Webmention.State, says: str) -> None:
    in_transaction(lambda: _is_still_ours(mention, state, says=says))


def _is_still_ours(mention: Webmention, state: Webmention.State, **fields: Any) -> bool:
    """Write what was found, unless the page was announced again meanwhile, or another process has taken over."""
    written = {"says": "", **fields, "state": state, "due_at": None, "attempts": 0, "changed_at": Now()}
    written["says"] = str(written["says"])[:300]
    return bool(Webmention.objects.filter(pk=mention.pk, due_at=mention.due_at).update(**written))
