"""Who a reader is: made when an address or a subject is proven, known by a name, shown in all that she said.

What comments show of her (name, address, role) is kept in each of them, so that no page costs a look at readers. A
change of hers is therefore carried into her comments, thread by thread, each with its next version: the first threads
at once, the rest by a task. `Reader.spread_from` says that some are left, for the sweep to find.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from articles.models import Article, Member, Site
from comments.models import Comment, Reader
from comments.services.versions import Change, commit_change
from project import addresses
from project.errors import Problem, refused_field
from project.names import name_key
from project.transactions import in_transaction

THREADS_AT_ONCE: Final = 20
UNDER_WAY: Final = timedelta(seconds=90)

# The one reader of an address: made, or found and proven once more.
_FIND: Final = """
    INSERT INTO comments_reader (site_id, name, address, address_key, url, name_key, role, created_at, verified_at)
    VALUES (%(site)s, '', %(address)s, %(key)s, '', '', %(role)s, now(), now())
    ON CONFLICT (site_id, address_key) WHERE address_key <> '' DO UPDATE
    SET verified_at = now(), address = excluded.address, role = excluded.role,
        spread_from = CASE WHEN comments_reader.role <> excluded.role THEN now() ELSE comments_reader.spread_from END
    RETURNING id"""

# What a comment of hers should show; a reader who has not said her name leaves what was written.
_ROLE: Final = """CASE WHEN a.author_email <> '' AND lower(a.author_email) = lower(r.address) THEN 'author'
    WHEN r.role <> '' THEN r.role ELSE 'verified' END"""
_OLD: Final = f"""
    (c.author_role <> {_ROLE} OR (r.name <> '' AND (c.author_name, c.author_url) <> (r.name, r.url)))"""
_HERS: Final = """
    comments_comment AS c JOIN comments_reader AS r ON r.id = c.reader_id AND r.site_id = c.site_id
    JOIN articles_article AS a ON a.id = c.article_id WHERE r.id = %s"""
_THREADS: Final = f"SELECT DISTINCT c.article_id FROM {_HERS} AND {_OLD} LIMIT %s"  # noqa: S608  (constants)
_LOCK: Final = f"""
    SELECT c.id FROM {_HERS} AND c.article_id = %s AND {_OLD}
    ORDER BY c.depth DESC, c.id FOR NO KEY UPDATE OF c"""  # noqa: S608  (constants)
_SHOW: Final = f"""
    UPDATE comments_comment AS c
    SET author_role = {_ROLE}, author_name = coalesce(nullif(r.name, ''), c.author_name),
        author_url = CASE WHEN r.name <> '' THEN r.url ELSE c.author_url END
    FROM comments_reader AS r, articles_article AS a
    WHERE c.id = ANY(%s) AND r.id = c.reader_id AND a.id = c.article_id
    RETURNING c.id, c.status"""  # noqa: S608  (constants)
_CLAIM: Final = """
    UPDATE comments_comment SET reader_id = %(reader)s
    WHERE id IN (
        SELECT id FROM comments_comment
        WHERE site_id = %(site)s AND author_key = %(key)s AND author_key <> '' AND reader_id IS NULL
        ORDER BY depth DESC, id FOR NO KEY UPDATE)"""


def reader_of_address(site: Site, address: str) -> Reader:
    """Return the reader who has just proven that an address is hers, made if she is new. Problem as `email_key`."""
    written = addresses.normalise_email(address).address
    key = addresses.email_key(written)
    values: dict[str, Any] = {"site": site.pk, "address": written, "key": key, "role": role_of(site, key)}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, values)
        (number,) = cursor.fetchone()
    return Reader.objects.select_related("site").get(pk=number)


def role_of(site: Site, address_key: str) -> str:
    """Return what the owner of an address is to the site, "" for an ordinary reader."""
    for member in Member.objects.filter(site=site, user__is_active=True).select_related("user").order_by("role"):
        if _key(member.user.email) == address_key:
            return Reader.Role.STAFF if member.role == Member.Role.OWNER else Reader.Role.MODERATOR
    return ""


def change_profile(reader: Reader, *, name: str, url: str) -> None:
    """Give a reader another name and web address; `spread` has to follow. Problem: validation_failed for a name that
    is taken by somebody who works for the site."""
    check_name(reader, name)

    def work() -> None:
        Reader.objects.filter(pk=reader.pk).update(name=name, url=url, name_key=name_key(name), spread_from=Now())

    in_transaction(work)
    reader.name, reader.url = name, url


def check_name(reader: Reader, name: str) -> None:
    """Refuse a name that passes for that of somebody else who works for the site. Problem: validation_failed."""
    key = name_key(name)
    members = Member.objects.filter(site_id=reader.site_id, user__is_active=True).select_related("user")
    others = [member.user for member in members if _key(member.user.email) != reader.address_key]
    is_members = any(key and key == name_key(user.get_full_name()) for user in others)
    staff = Reader.objects.filter(site_id=reader.site_id, name_key=key).exclude(Q(role="") | Q(pk=reader.pk))
    if key and (is_members or staff.exists()):
        raise refused_field("name", "taken", "Somebody who works for this site has that name.")


def claim_comments(reader: Reader) -> int:
    """Take over what was said under the reader's proven address on her site, imported comments too; return how many.

    One transaction, nothing visible: `spread` shows her as their author. Twice finds nothing the second time.
    Problem: address_not_proven, for a reader whom the site's sign-on knows without an address.
    """
    if not reader.address_key:
        raise Problem("address_not_proven", "No e-mail address of yours is proven; sign in by e-mail first.")

    def work() -> int:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"reader": reader.pk, "site": reader.site_id, "key": reader.address_key})
            found = int(cursor.rowcount)
        if found:
            Reader.objects.filter(pk=reader.pk).update(spread_from=Now())
        return found

    return in_transaction(work)


def spread(reader_id: int, threads: int = THREADS_AT_ONCE) -> bool:
    """Carry what a reader is called now into her comments of so many threads; True where nothing is left.

    Twice at once is harmless: what shows her as she is now is not found again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT spread_from FROM comments_reader WHERE id = %s", [reader_id])
        (begun,) = cursor.fetchone() or (None,)
        cursor.execute(_THREADS, [reader_id, threads + 1])
        articles = [row[0] for row in cursor.fetchall()]
    for article_id in articles[:threads]:
        in_transaction(lambda chosen=article_id: _show_in(reader_id, chosen))  # type: ignore[misc]
    if len(articles) > threads:
        return False
    # A change that came meanwhile has another time, and stays to be found. So does one that is younger than the longest
    # transaction: a comment that was being posted may still come with what she was called before.
    spent = Reader.objects.filter(pk=reader_id, spread_from=begun, spread_from__lt=Now() - UNDER_WAY)
    spent.update(spread_from=None)
    return True


def readers_to_spread(limit: int) -> list[int]:
    """Return the ids of readers of whom some comments may show an older name, the longest waiting first."""
    waiting = Reader.objects.filter(spread_from__isnull=False).order_by("spread_from")
    return list(waiting.values_list("pk", flat=True)[:limit])


def refresh_roles(site: Site) -> None:
    """Bring the roles of a site's readers in line with its members, who come and go."""
    roles = {Member.Role.OWNER: Reader.Role.STAFF, Member.Role.MODERATOR: Reader.Role.MODERATOR}
    members = Member.objects.filter(site=site, user__is_active=True).select_related("user")
    wanted = {key: roles[Member.Role(member.role)] for member in members if (key := _key(member.user.email))}
    concerned = Reader.objects.filter(Q(address_key__in=list(wanted)) | ~Q(role=""), site=site)
    for reader in concerned.only("pk", "role", "address_key"):
        role = wanted.get(reader.address_key, "")
        if role != reader.role:
            Reader.objects.filter(pk=reader.pk).update(role=role, spread_from=Now())


def _show_in(reader_id: int, article_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [reader_id, article_id])
        found = [row[0] for row in cursor.fetchall()]
        if not found:
            return
        cursor.execute(_SHOW, [found])
        changed = [number for number, status in cursor.fetchall() if status == Comment.Status.APPROVED]
    if changed:
        commit_change(Change(Article.objects.get(pk=article_id), changed=changed))


def _key(address: str) -> str:
    try:
        return addresses.email_key(address) if address else ""
    except Problem:
        return ""
