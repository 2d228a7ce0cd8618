"""Which reader speaks: a session in `Authorization: Bearer aws_…`.

A session belongs to one site and opens nothing in another. Sharing asks here too.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS

from articles.authentication import BEARER, bearer_token
from articles.models import Site
from articles.origins import check_write_origin
from comments.models import Reader, ReaderSession
from comments.selectors.sessions import session_of
from comments.services.sessions import note_use
from project.errors import Problem
from project.tokens import SESSION_PREFIX

OVER: Final = "This session is not valid here, has ended or has expired; sign in again."


def reader_of(request: HttpRequest, site: Site) -> Reader | None:
    """Return the reader of this site whose session the request carries, None where it carries none.

    One query with a session, none without. Problem unauthorized: a session of another site, or one that is over, so
    that nobody speaks as a guest who believes that she has signed in.
    """
    return of_site(session_in(request), site)


def session_in(request: HttpRequest) -> ReaderSession | None:
    """Return the session that a request carries, of whatever site, None where it carries none; may write that it is
    in use. Problem: unauthorized."""
    token = bearer_token(request)
    return _session(token) if token.startswith(SESSION_PREFIX) else None


def of_site(session: ReaderSession | None, site: Site) -> Reader | None:
    """Return the reader of a session if it is one of this site. Problem unauthorized: it is another's."""
    if session is None:
        return None
    if session.site_id != site.pk:
        raise _unauthorized()
    return session.reader


def signed_in(request: HttpRequest) -> ReaderSession:
    """Return the session of a request that needs one; what it sees and changes starts at its reader.

    The Origin rule is applied to writes here, where no view can forget it.
    Problem: unauthorized, origin_not_allowed.
    """
    session = session_in(request)
    if session is None:
        raise _unauthorized("Sign in first: this needs a reader's session.")
    if request.method not in SAFE_METHODS:
        check_write_origin(request, session.site)
    return session


def _session(token: str) -> ReaderSession:
    session = session_of(token)
    if session is None:
        raise _unauthorized()
    if session.is_due:  # type: ignore[attr-defined]  # annotated by session_of
        note_use(session)
    return session


def _unauthorized(detail: str = OVER) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": BEARER})
