"""Telling pages that texts of ours link to them: what is to be told, to whom, and what came of it.

A change of a text marks it, in its own transaction; a worker compares its links with what was told before. A link that
went is told as well, so that its page can forget us. Nobody is told anything by sites that have not asked for it.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from articles.models import Article, SiteOrigin
from articles.origins import own_origin
from comments.models import Comment
from project.addresses import canonical_origin
from project.http import FetchError, exchange
from project.pages import fetch_page
from sharing.models import LinkingText, SentMention
from sharing.webmentions.discovery import endpoint_of, targets_of

log = logging.getLogger(__name__)

PAUSES: Final = (timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=3), timedelta(hours=24))
SECONDS: Final = 15.0
BYTES: Final = 100_000
FORM: Final = "application/x-www-form-urlencoded"
BUSY: Final = frozenset({408, 425, 429})
ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"

_MARK: Final = """
    INSERT INTO sharing_linkingtext (site_id, article_id, comment, due_at) VALUES (%s, %s, %s, now())
    ON CONFLICT (article_id, comment) DO UPDATE SET due_at = now()"""


def mark_article(article: Article) -> bool:
    """Note that an article's text, or who sees it, may have changed; say whether its links will be looked at."""
    if not article.site.send_webmentions:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [article.site_id, article.pk, 0])
    # Its comments are seen by whoever sees the article.
    LinkingText.objects.filter(article=article).update(due_at=Now())
    return True


def mark_comment(comment: Comment) -> bool:
    """The same for a comment, which may not be in its table yet."""
    if not comment.article.site.send_webmentions:
        return False
    if "<a " in comment.html:
        with connection.cursor() as cursor:
            cursor.execute(_MARK, [comment.site_id, comment.article_id, comment.pk])
        return True
    rows = LinkingText.objects.filter(article=comment.article_id, comment=comment.pk)
    return rows.update(due_at=Now()) > 0


def plan_next() -> LinkingText | None:
    """Compare the links of one marked text with what was told before; return it, None if none is marked."""
    with transaction.atomic():
        due = LinkingText.objects.filter(due_at__lte=Now()).order_by("due_at").select_related("article__site")
        linking = due.select_for_update(of=("self",), skip_locked=True).first()
        if linking is None:
            return None
        html = _public_html(linking)
        own = SiteOrigin.objects.filter(site=linking.site_id).values_list("origin", flat=True)
        _plan(linking, html, targets_of(html, {*own, own_origin()}))
        LinkingText.objects.filter(pk=linking.pk).update(due_at=None)
    return linking


def tell_next() -> SentMention | None:
    """Tell the page that has waited longest; return its row as it was claimed, None if nothing is due.

    What its server does wrong is noted in the row, nothing is raised but the database's own errors.
    """
    sent = _claim()
    if sent is None:
        return None
    try:
        page = fetch_page(sent.target.partition("#")[0], accept=ACCEPT)
        endpoint = endpoint_of(page)
    except FetchError as error:
        log.info("the target of mention %s: %s", sent.pk, error)
        _try_later(sent, "The page could not be fetched.")
        return sent
    if page.status >= 500 or page.status in BUSY:
        _try_later(sent, f"The page answers with the status {page.status}.")
    elif not endpoint or canonical_origin(endpoint) == own_origin():
        _write(sent, state=SentMention.State.SILENT, says="It takes no webmentions.", due_at=None)
    elif _write(sent, state=SentMention.State.SENDING, endpoint=endpoint, due_at=None):
        sent.due_at = None
        _post(sent, endpoint)
    return sent


def source_of(sent: SentMention) -> str:
    """Return the page of ours on which the link stands: of a comment our own, which shows it without any script."""
    article = sent.article
    return f"{article.page_url}?comment={sent.comment}" if sent.comment else article.public_url


def _public_html(linking: LinkingText) -> str:
    """Return what the public reads of a text today, "" for nothing."""
    article = linking.article
    if not (article.is_public and article.site.send_webmentions):
        return ""
    if not linking.comment:
        return article.html
    comment = Comment.objects.of(article).approved().filter(pk=linking.comment)
    return comment.values_list("html", flat=True).first() or ""


def _plan(linking: LinkingText, html: str, targets: list[str]) -> None:
    version = hashlib.sha256(html.encode()).hexdigest()
    told = SentMention.objects.filter(article=linking.article_id, comment=linking.comment)
    wanted = {hashlib.sha256(target.encode()).hexdigest(): target for target in targets}
    anew = {"state": SentMention.State.WAITING, "due_at": Now(), "attempts": 0, "changed_at": Now()}
    told.filter(target_key__in=wanted).exclude(version=version).update(version=version, **anew)
    gone = told.exclude(target_key__in=wanted).exclude(version="")
    # One whose answer never came may know of it.
    knows = Q(was_told=True) | Q(state=SentMention.State.SENDING)
    silent = {"state": SentMention.State.SILENT, "due_at": None}
    gone.exclude(knows).update(version="", **silent)
    gone.filter(knows).update(version="", **anew)
    SentMention.objects.bulk_create(
        (
            SentMention(
                site_id=linking.site_id,
                article_id=linking.article_id,
                comment=linking.comment,
                target=target,
                target_key=key,
                version=version,
            )
            for key, target in wanted.items()
        ),
        ignore_conflicts=True,
    )


def _claim() -> SentMention | None:
    with transaction.atomic():
        due = SentMention.objects.filter(due_at__lte=Now(), site__send_webmentions=True).order_by("due_at")
        locked = due.select_for_update(of=("self",), skip_locked=True).select_related("article__site")
        sent = locked.annotate(now=Now()).first()
        if sent is not None:
            now: Any = sent.now
            sent.due_at = now + PAUSES[min(sent.attempts, len(PAUSES) - 1)]
            sent.attempts += 1
            sent.save(update_fields=["due_at", "attempts"])
    return sent


def _post(sent: SentMention, endpoint: str) -> None:
    body = urlencode({"source": source_of(sent), "target": sent.target}).encode()
    headers = {"Content-Type": FORM, "Accept": "*/*", "Accept-Encoding": "identity"}
    address = endpoint.partition("#")[0]
    try:
        status = exchange("POST", address, headers, body, seconds=SECONDS, limit=BYTES).status
    except FetchError as error:
        log.info("the endpoint of mention %s: %s", sent.pk, error)
        _try_later(sent, "The endpoint did not answer.")
        return
    if 200 <= status < 300:
        _write(sent, state=SentMention.State.TOLD, says="", was_told=bool(sent.version), due_at=None)
    elif status >= 500 or status in BUSY:
        _try_later(sent, f"The endpoint answers with the status {status}.")
    else:
        says = f"The endpoint answers with the status {status}."
        _write(sent, state=SentMention.State.FAILED, says=says, due_at=None)


def _try_later(sent: SentMention, says: str) -> None:
    if sent.attempts > len(PAUSES):
        _write(sent, state=SentMention.State.FAILED, says=says, due_at=None)
    else:
        later = Now() + PAUSES[sent.attempts - 1]
        _write(sent, state=SentMention.State.WAITING, says=says, due_at=later)


def _write(sent: SentMention, **fields: Any) -> bool:
    """Write what came of a claimed row, unless its text has changed meanwhile or another process has taken over."""
    mine = Q(pk=sent.pk, version=sent.version, attempts=sent.attempts)
    mine &= Q(due_at=sent.due_at) if sent.due_at else Q(due_at=None, state=SentMention.State.SENDING)
    return bool(SentMention.objects.filter(mine).update(**fields, changed_at=Now()))
