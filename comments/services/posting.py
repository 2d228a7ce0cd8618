"""The one door for new comments: API, forms and whatever comes later pass through `post_comment`."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from articles.models import Article
from articles.selectors import PageRef
from articles.services.pages import register_page
from comments.models import Comment, ExternalRef, Provider, Reader
from comments.rules import judge, submission_of
from comments.services.authors import keep_name, role_below
from comments.services.news import tell_changed, tell_published
from comments.services.rendering import render_body
from comments.services.tree import adjust_ancestors
from comments.services.versions import Change, commit_change, insert, thread_version
from comments.voters import voter_key
from project import addresses, failpoints, text, tokens
from project.errors import Problem
from project.names import name_key
from project.statements import fetch_behind
from project.transactions import in_transaction

MAX_DEPTH = 10_000


@dataclass(frozen=True)
class Author:
    """Who a guest says she is; the address is never shown, and proves nothing until it is confirmed."""

    name: str
    email: str = ""
    url: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """Where a comment was made that is not ours, and under which name it is known there (see `ExternalRef`)."""

    provider: str
    source: str
    external_id: str


@dataclass(frozen=True)
class Draft:
    """A comment as it arrives, checked for shape only.

    `edit_tokens` are those that the client holds from earlier comments; one of an approved comment shows
    that the author is no newcomer. `follow` is "", "replies" or "article". `voter` is her voter token: by it she
    is kept from voting on what she wrote; one that is none says nothing. `network` is where she writes from
    (`project.visitors.client_prefix`), "" where nobody knows: only a keyed hash of it is stored. `reader` is whose
    session it came in: under her name and address it is kept. `language` is that of ours which her browser asks for.
    `ref` is what the address carried by which she came; one that is none says nothing. `body` is Markdown, and HTML of
    what was said `elsewhere`.
    """

    body: str
    author: Author
    parent: int | None = None
    follow: str = ""
    edit_tokens: Sequence[str] = ()
    voter: str = ""
    network: str = ""
    reader: Reader | None = None
    language: str = ""
    elsewhere: Elsewhere | None = None
    ref: str = ""

    @property
    def address(self) -> str:
        return self.reader.address if self.reader else self.author.email

    @property
    def author_key(self) -> str:
        if self.reader is not None:
            return self.reader.address_key
        return addresses.email_key(self.author.email) if self.author.email else ""


@dataclass(frozen=True)
class Posted:
    """The stored comment, the version of its thread, and the token that lets its author come back to it."""

    comment: Comment
    version: int
    edit_token: str


@dataclass(frozen=True)
class _Facts:
    """What one statement learns about the place where a comment wants to go."""

    id: int
    duplicate: int | None
    known: bool
    is_anothers: bool
    parent: tuple[int, int, int, str, int] | None


def post_on_page(page: PageRef, draft: Draft, *, title: str = "") -> Posted:
    """Store a new comment below a page; its first write registers the page, both or neither.

    Problem: as `post_comment`.
    """
    if page.article is not None:
        return post_comment(page.article, draft)
    return in_transaction(lambda: post_comment(register_page(page, title=title), draft), joins=True)


def post_comment(article: Article, draft: Draft) -> Posted:
    """Store a new comment below `article`, published or held as the rules say.

    Everything that follows from it (counters, notifications, the thread's version) commits with it or not at all.
    Problem: comments_closed, guests_off, identity_not_proven, parent_unknown, parent_elsewhere,
    duplicate_comment, validation_failed.
    """
    if not (article.is_public and article.comments_open):
        raise Problem("comments_closed", "Comments are closed on this article.")
    if draft.reader is None and not article.site.guests:
        raise Problem("guests_off", "Sign in to comment here.")
    rendered = render_body(draft.body, article.site, is_html=draft.elsewhere is not None)
    return in_transaction(lambda: _store(article, draft, rendered), joins=True)


def _store(article: Article, draft: Draft, rendered: text.Rendered) -> Posted:
    author_key = draft.author_key
    facts = _look_around(article, draft, rendered.source)
    if facts.is_anothers:
        raise Problem("identity_not_proven", "Somebody who has proven who she is has this name or address; sign in.")
    if facts.duplicate is not None and draft.elsewhere is None:
        raise Problem("duplicate_comment", "You said exactly this a moment ago.", extra={"id": facts.duplicate})
    depth, root = _place(article, draft, facts)
    verdict = judge(submission_of(rendered, draft.author.name, author_is_known=facts.known), article.site)
    comment = Comment(
        id=facts.id,
        site_id=article.site_id,
        article=article,
        parent_id=draft.parent,
        root_id=root,
        depth=depth,
        provider=draft.elsewhere.provider if draft.elsewhere else Provider.NATIVE,
        author_name=draft.author.name,
        author_email=draft.address,
        author_url=draft.author.url,
        author_key=author_key,
        reader=draft.reader,
        author_role=role_below(article, draft.reader) if draft.reader else "",
        voter_key=voter_key(article.site_id, draft.voter),
        network_key=_network_key(article.site_id, draft.network),
        source=rendered.source,
        html=rendered.html,
        text=rendered.text,
        renderer=text.RENDERER,
        nonce=uuid.uuid4(),
        status=verdict.status,
        reason=verdict.reason,
    )
    if draft.reader is not None and not draft.reader.name:
        keep_name(draft.reader, draft.author.name, draft.author.url)
    if draft.elsewhere is not None:
        _refer(comment, draft.elsewhere)
    posted = _publish(comment, draft) if comment.is_approved else _hold(comment, draft)
    failpoints.reach(failpoints.AFTER_INSERT)
    return posted


def _refer(comment: Comment, elsewhere: Elsewhere) -> None:
    """Write under which name it is known elsewhere; the comment itself has to be the last that is written."""
    ExternalRef.objects.create(
        site_id=comment.site_id,
        comment_id=comment.pk,
        provider=elsewhere.provider,
        source=elsewhere.source,
        external_id=elsewhere.external_id,
        content_hash=hashlib.sha256(comment.source.encode()).hexdigest(),
    )


def _network_key(site_id: int, network: str) -> str:
    return tokens.keyed_hash(tokens.Purpose.AUTHORS_NETWORK, site_id, network) if network else ""


def _publish(comment: Comment, draft: Draft) -> Posted:
    flips = adjust_ancestors(comment, approved=1, shown=1)
    # Told before the last statement, so that the thread's row is locked for no more than the COMMIT.
    tell_changed(comment, old=None, follow=draft.follow, language=draft.language, ref=draft.ref)
    tell_published(comment)
    flipped = [flip.id for flip in flips]
    change = Change(comment.article, {comment.provider: 1}, changed=flipped, shown=flipped, new=comment)
    return _posted(comment, commit_change(change))


def _hold(comment: Comment, draft: Draft) -> Posted:
    insert(comment)
    tell_changed(comment, old=None, follow=draft.follow, language=draft.language, ref=draft.ref)
    return _posted(comment, thread_version(comment.article))


def _posted(comment: Comment, version: int) -> Posted:
    return Posted(comment, version, tokens.edit_token(comment.pk, comment.nonce.hex))


# Equal texts of one author follow one another, so that the second finds the first. Behind the lock one plan is right
# for all values, which PostgreSQL would not keep by itself.
_ONE_AT_A_TIME = """
    SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)),
        set_config('plan_cache_mode', 'force_generic_plan', true)"""
# A twin within the minute is looked for among the latest comments only, so that a long thread costs no more.
_LOOK_AROUND = """
    SELECT nextval(pg_get_serial_sequence('comments_comment', 'id')),
        (SELECT id
         FROM (SELECT * FROM comments_comment WHERE article_id = %(article)s ORDER BY id DESC LIMIT 200) AS latest
         WHERE parent_id IS NOT DISTINCT FROM %(parent)s AND source = %(source)s AND author_key = %(author_key)s
           AND author_name = %(author_name)s AND provider = 'native' AND status IN ('approved', 'pending')
           AND created_at > now() - interval '1 minute'
         LIMIT 1),
        (SELECT array_agg(id || ' ' || replace(nonce::text, '-', '')) FROM comments_comment
         WHERE id = ANY(%(tokens)s) AND site_id = %(site)s AND status = 'approved'),
        EXISTS (SELECT FROM comments_comment
                WHERE reader_id = %(reader)s::bigint AND site_id = %(site)s AND status = 'approved'),
        %(reader)s::bigint IS NULL AND (
            EXISTS (SELECT FROM comments_reader
                    WHERE site_id = %(site)s AND address_key = %(author_key)s AND address_key <> '')
            OR EXISTS (SELECT FROM comments_reader
                       WHERE site_id = %(site)s AND name_key = %(name_key)s AND name_key <> '')),
        CASE WHEN %(reader)s::bigint IS NULL THEN
            (SELECT array_agg(lower(u.email) || ' ' || u.first_name || ' ' || u.last_name)
             FROM articles_member AS m JOIN auth_user AS u ON u.id = m.user_id
             WHERE m.site_id = %(site)s AND u.is_active AND u.email <> '') END,
        p.article_id, p.root_id, p.depth, p.status, p.shown_replies
    FROM (SELECT 1) AS always LEFT JOIN comments_comment AS p ON p.id = %(parent)s"""


def _look_around(article: Article, draft: Draft, source: str) -> _Facts:
    held = {token.comment_id: token for raw in draft.edit_tokens if (token := tokens.read_edit_token(raw))}
    parameters: dict[str, Any] = {
        "article": article.pk,
        "site": article.site_id,
        "parent": draft.parent,
        "source": source,
        "author_key": draft.author_key,
        "author_name": draft.author.name,
        "name_key": name_key(draft.author.name),
        "reader": draft.reader.pk if draft.reader else None,
        "tokens": list(held),
    }
    text_of_author = f"post:{article.pk}:{draft.parent}:{draft.author_key or draft.author.name}:{draft.body}"
    ((new_id, duplicate, approved, is_known, is_readers, members, *parent),) = fetch_behind(
        _ONE_AT_A_TIME, [text_of_author], _LOOK_AROUND, parameters
    )
    pairs = (pair.split(" ") for pair in approved or ())
    known = any(tokens.proves_edit(held[int(comment_id)], nonce) for comment_id, nonce in pairs)
    is_anothers = is_readers or (draft.reader is None and _is_staffs(article, draft.author, members or ()))
    place = tuple(parent) if parent[0] is not None else None
    return _Facts(new_id, duplicate, is_known or known, is_anothers, place)


def _is_staffs(article: Article, guest: Author, members: Sequence[str]) -> bool:
    """Say whether a guest signs as somebody who works for the site, or as the article's author if she can prove it.

    `members` are their addresses and names, parted by blanks.
    """
    people = [*(member.split(" ", 1) for member in members)]
    if article.author_email:
        people.append([article.author_email.lower(), article.author_name])
    address, name = guest.email.lower(), name_key(guest.name)
    return any((address and address == theirs) or (name and name == name_key(called)) for theirs, called in people)


def _place(article: Article, draft: Draft, facts: _Facts) -> tuple[int, int]:
    """Return depth and root of the new comment."""
    if draft.parent is None:
        return 0, facts.id
    if facts.parent is None:
        raise Problem("parent_unknown", f"There is no comment {draft.parent} to reply to.")
    parent_article, root, depth, status, shown_replies = facts.parent
    if parent_article != article.pk:
        raise Problem("parent_elsewhere", f"Comment {draft.parent} belongs to another article.")
    if status != Comment.Status.APPROVED and not shown_replies:
        raise Problem("parent_unknown", f"There is no comment {draft.parent} to reply to.")
    if depth + 1 > MAX_DEPTH:
        raise Problem("parent_unknown", "This branch has become too deep to reply to.")
    return depth + 1, root
