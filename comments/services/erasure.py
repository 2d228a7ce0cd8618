"""Taking a person out of what she wrote; whatever is left says nothing about who she was.

Every step may be done again: a run that was cut off is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now

from comments.models import Comment, ExternalRef, Identity, Mute, Reader, ReaderSession, Revision
from comments.selectors.person import Person
from comments.services.visibility import carry, give_status, locked
from project.transactions import in_transaction

NOBODY: Final = "Former reader"
ERASED: Final = "erased"

_UNSIGN: Final = """
    UPDATE comments_comment
    SET author_name = %s, author_email = '', author_url = '', author_role = '', author_key = '', voter_key = '',
        network_key = '', reader_id = NULL, nonce = gen_random_uuid()
    WHERE id = %s"""
_EMPTY: Final = "UPDATE comments_comment SET source = '', html = '', text = '' WHERE id = %s"

_UNSIGN_VOTES: Final = """
    UPDATE comments_vote SET voter_key = replace(gen_random_uuid()::text, '-', ''), network_key = ''
    WHERE id = ANY(%s)"""
_UNSIGN_REPORTS: Final = """
    UPDATE comments_report
    SET reporter_key = replace(gen_random_uuid()::text, '-', ''), network_key = '', reader_id = NULL, detail = ''
    WHERE id = ANY(%s)"""

# An answer to the post of a comment stays, without author and text, so that sending the post again adds no second one.
_EMPTY_ANSWERS: Final = """
    UPDATE articles_idempotencyrecord
    SET answer = jsonb_set(jsonb_set(answer, '{data,author}', 'null'), '{data,html}', 'null')
    WHERE site_id = %(site)s AND route = 'create_comment' AND (answer #>> '{data,id}')::bigint = ANY(%(ids)s)"""
# All others change nothing when they are done again.
_FORGET_ANSWERS: Final = """
    DELETE FROM articles_idempotencyrecord
    WHERE site_id = %(site)s AND route <> 'create_comment'
      AND EXISTS (SELECT FROM jsonb_path_query(answer, 'strict $.**.id') AS found(id)
                  WHERE jsonb_typeof(found.id) = 'number' AND (found.id #>> '{}')::numeric = ANY(%(ids)s))"""


def erase_from_comments(person: Person, *, texts: bool) -> tuple[dict[str, int], list[int]]:
    """Take the person out of comments, votes, reports and accounts; return rows by kind, and her comments' ids.

    With `texts` what she wrote goes as well: her comments are removed, and stand as tombstones above replies. Each
    comment is a transaction of its own, and moves its thread's version.
    """
    # Her sessions end first, so that she says nothing more in them; the second look finds what was under way. Her row
    # is emptied last: it leads to what she wrote, for a run that comes after one which was cut off.
    ended = in_transaction(lambda: _end_account(person))
    first, second = _take_out(person, texts), _take_out(person, texts)
    counts = {kind: rows + second[0][kind] for kind, rows in first[0].items()}
    counts["readers"] = in_transaction(lambda: _empty_reader(person))
    return counts | ended, [*first[1], *second[1]]


def _take_out(person: Person, texts: bool) -> tuple[dict[str, int], list[int]]:
    """Take her out of what there is now; return rows by kind, and her comments' ids."""
    ids = list(person.comments().order_by("pk").values_list("pk", flat=True))
    counts = {
        "votes": _write(_UNSIGN_VOTES, person.votes().values_list("pk", flat=True)),
        "reports": _write(_UNSIGN_REPORTS, person.reports().values_list("pk", flat=True)),
        "comments": len(ids),
        "revisions": sum(in_transaction(partial(erase_comment, comment_id, texts=texts)) for comment_id in ids),
        "answers": _forget_answers(person, ids),
    }
    _rename_in_log(Comment, ids)
    return counts, ids


def erase_comment(comment_id: int, *, texts: bool) -> int:
    """Take its author out of one comment, with `texts` its words too; return how many revisions were emptied.

    The last statement of its transaction.
    """
    comment = locked(Comment.objects.all(), comment_id)
    old, emptied = comment.status, 0
    with connection.cursor() as cursor:
        cursor.execute(_UNSIGN, [NOBODY, comment_id])
        if texts:
            cursor.execute(_EMPTY, [comment_id])
    if texts:
        emptied = Revision.objects.filter(comment=comment).update(source="", text_hash="")
        ExternalRef.objects.filter(comment=comment).update(content_hash="")
        if old in {Comment.Status.PENDING, Comment.Status.APPROVED}:
            give_status(comment, Comment.Status.REMOVED, ERASED)
    carry(comment, old, looks_different=True)
    return emptied


def _end_account(person: Person) -> dict[str, int]:
    """End everything by which she could come back to her account, and what others know of it."""
    muted = [f"guest:{person.key}", f"reader:{person.reader_id}"]
    counts = {"muted_by_others": Mute.objects.filter(site=person.site, muted_key__in=muted).delete()[0]}
    if person.reader_id is not None:
        # A comment that is being posted holds its reader's row until COMMIT, so that the second look finds it.
        Reader.objects.select_for_update().get(pk=person.reader_id)
        for name, table in (("sessions", ReaderSession), ("identities", Identity), ("mutes", Mute)):
            counts[name] = table._default_manager.filter(reader=person.reader_id).delete()[0]
    return counts


def _empty_reader(person: Person) -> int:
    """Leave of the reader a row without a name; return 1 if there was one."""
    if person.reader_id is None:
        return 0
    _rename_in_log(Reader, [person.reader_id])
    return Reader.objects.filter(pk=person.reader_id, erased_at=None).update(
        name="",
        name_key="",
        address="",
        address_key="",
        url="",
        role="",
        spread_from=None,
        verified_at=None,
        erased_at=Now(),
    )


def _forget_answers(person: Person, ids: list[int]) -> int:
    parameters: dict[str, Any] = {"site": person.site.pk, "ids": ids}
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY_ANSWERS, parameters)
        count = cursor.rowcount
        cursor.execute(_FORGET_ANSWERS, parameters)
        return int(count + cursor.rowcount)


def _rename_in_log(model: type[Model], ids: Iterable[int]) -> None:
    """The admin's log of changes keeps each row's words: for a comment its author's name and how it begins."""
    kind = ContentType.objects.get_for_model(model)
    entries = LogEntry.objects.filter(content_type=kind, object_id__in=[str(number) for number in ids])
    entries.update(object_repr=ERASED)


def _write(statement: str, ids: Iterable[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return int(cursor.rowcount)
