"""The sessions in which readers speak: opened when she has proven who she is, ended by her or by time.

A session lives as long as it is used, each use lets it live three days more, and never longer than thirty days. Of its
token only the SHA-256 is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Least, Now

from comments.models import Reader, ReaderSession
from project.errors import Problem
from project.tokens import challenge_of, code_hash, new_code, new_session_token, session_digest

IDLE: Final = timedelta(days=3)
LONGEST: Final = timedelta(days=30)
CODE_LIVES: Final = timedelta(minutes=10)
MAX_LABEL: Final = 200
KEPT: Final = timedelta(days=30)

_OPEN: Final = """
    INSERT INTO comments_readersession (site_id, reader_id, digest, method, label, created_at, used_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, now(), now(), now() + %s) RETURNING id, expires_at"""

# One statement, so that of two who bring the same code one finds nothing.
_EXCHANGE: Final = """
    UPDATE comments_readersession SET digest = %s, method = label, label = %s, created_at = now(), used_at = now(),
        expires_at = now() + %s
    WHERE site_id = %s AND digest = %s AND method = %s AND expires_at > now() AND ended_at IS NULL
    RETURNING id, expires_at, reader_id"""


@dataclass(frozen=True)
class Opened:
    """A session just opened; `token` is shown once and kept nowhere."""

    id: int
    token: str
    expires_at: datetime
    reader: Reader


def open_session(reader: Reader, method: str, *, label: str = "") -> Opened:
    """Let a reader who has proven who she is speak for herself; `label` is her browser, as she may recognise it."""
    token = new_session_token()
    values: list[Any] = [reader.site_id, reader.pk, session_digest(token), method, label[:MAX_LABEL], IDLE]
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
        number, expires_at = cursor.fetchone()
    return Opened(number, token, expires_at, reader)


def offer_code(reader: Reader, method: str, *, challenge: str = "") -> str:
    """Return a code that opens one session of the reader within ten minutes, for her to carry to another page.

    With `challenge` only a page that knows its verifier can use it.
    """
    code = new_code()
    values: list[Any] = [
        reader.site_id,
        reader.pk,
        code_hash(reader.site_id, code, challenge),
        ReaderSession.CODE,
        method,
        CODE_LIVES,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
    return code


def take_code(site_id: int, code: str, *, verifier: str = "", label: str = "") -> Opened:
    """Open the session that a code stands for, with the verifier that it was asked for with, if it was.

    Problem sign_in_invalid: unknown, of another site or verifier, used or too old.
    """
    token = new_session_token()
    values: list[Any] = [
        session_digest(token),
        label[:MAX_LABEL],
        IDLE,
        site_id,
        code_hash(site_id, code, challenge_of(verifier) if verifier else ""),
        ReaderSession.CODE,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_EXCHANGE, values)
        row = cursor.fetchone()
    if row is None:
        detail = "This code is not valid, was used already, or is older than ten minutes."
        raise Problem("sign_in_invalid", detail, headers={"WWW-Authenticate": "Bearer"})
    number, expires_at, reader_id = row
    return Opened(number, token, expires_at, Reader.objects.select_related("site").get(pk=reader_id))


def note_use(session: ReaderSession) -> None:
    """Note that a session is in use, which lets it live on."""
    living = ReaderSession.objects.filter(pk=session.pk, ended_at=None)
    living.update(used_at=Now(), expires_at=Least(Now() + IDLE, F("created_at") + LONGEST))


def end_sessions(reader: Reader, session_id: int | None = None) -> int:
    """End one session of a reader, or all of them, codes not yet used too; return how many ended."""
    hers = ReaderSession.objects.filter(reader=reader, ended_at=None)
    if session_id is not None:
        hers = hers.filter(pk=session_id).exclude(method=ReaderSession.CODE)
    return hers.update(ended_at=Now())


def prune_sessions(limit: int) -> int:
    """Forget at most `limit` sessions that ended a month ago, and codes that expired; return how many went."""
    values: list[Any] = [ReaderSession.CODE, KEPT, limit]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM comments_readersession WHERE id IN ("
            " SELECT id FROM comments_readersession"
            " WHERE expires_at < now() - CASE WHEN method = %s THEN interval '1 day' ELSE %s END"
            " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)",
            values,
        )
        return int(cursor.rowcount)
