"""A comment as a client sends it, checked field by field; only the fields named here are ever read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from comments.models import Reader, Report
from comments.services.posting import Author, Draft
from project import addresses, text
from project.arrivals import read_ref
from project.errors import FieldError, Problem, refused_field

MAX_NAME = 100
MAX_TITLE = 500
MAX_DETAIL = 1_000
MAX_CODE = 40
MAX_VERIFIER = 128
MAX_ID = 2**63 - 1
MAX_REVISION = 2**31 - 1
FOLLOW_WISHES = ("", "replies", "article")


class Refusals:
    """What is wrong with the fields of one request, gathered to be told all at once."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def add(self, field: str, code: str, message: str) -> None:
        self.errors.append({"field": field, "code": code, "message": message})

    def text(self, data: Mapping[str, Any], name: str, check: Callable[[str], Any], *, field: str) -> str:
        """Return the text under `name` as it came, "" where it is missing or `check` refuses it with a Problem."""
        value = data.get(name)
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.add(field, "not_text", "This must be a text.")
            return ""
        try:
            check(value)
        except Problem as problem:
            self.errors.extend(problem.errors)
            return ""
        return value

    def raise_any(self) -> None:
        """Problem: validation_failed, if anything was refused."""
        if self.errors:
            raise Problem("validation_failed", "Some fields are not acceptable.", errors=self.errors)


def read_author(data: Mapping[str, Any], refusals: Refusals, prefix: str = "") -> Author:
    """Return the guest's own account of herself: a name (required), an address and a web site."""

    def name_check(value: str) -> None:
        text.clean_line(value, limit=MAX_NAME, field=f"{prefix}name")

    def email_check(value: str) -> None:
        if value.strip():
            addresses.normalise_email(value, f"{prefix}email")

    def url_check(value: str) -> None:
        if value.strip():
            addresses.web_address(value, f"{prefix}url")

    name = refusals.text(data, "name", name_check, field=f"{prefix}name")
    email = refusals.text(data, "email", email_check, field=f"{prefix}email").strip()
    url = refusals.text(data, "url", url_check, field=f"{prefix}url").strip()
    if refusals.errors:
        return Author("")
    return Author(
        text.clean_line(name, limit=MAX_NAME, field=f"{prefix}name"),
        addresses.normalise_email(email).address if email else "",
        addresses.web_address(url) if url else "",
    )


def read_body(data: Mapping[str, Any], refusals: Refusals) -> str:
    """Return the text of a comment, new or edited; the site's own limit is applied where it is rendered."""
    return refusals.text(data, "body", text.clean_body, field="body")


def read_profile(data: Mapping[str, Any], reader: Reader) -> tuple[str, str]:
    """Return the name and web address that a reader wants; what she does not send stays. Problem: validation_failed."""
    refusals = Refusals()
    wish = read_author(
        {"name": reader.name, "url": reader.url} | {k: data[k] for k in ("name", "url") if k in data}, refusals
    )
    refusals.raise_any()
    return wish.name, wish.url


def read_code(data: Mapping[str, Any]) -> str:
    """Return the code of a sign-in as it was typed. Problem: validation_failed."""
    code = data.get("code")
    if not isinstance(code, str) or not code or len(code) > MAX_CODE:
        raise refused_field("code", "required", "Send the code that the page behind the link shows.")
    return code


def read_verifier(data: Mapping[str, Any]) -> str:
    """Return what a page kept to itself when it asked for a code, "" for none. Problem: validation_failed."""
    verifier = data.get("verifier", "")
    if not isinstance(verifier, str) or len(verifier) > MAX_VERIFIER:
        raise refused_field("verifier", "unacceptable", f"A verifier has at most {MAX_VERIFIER} characters.")
    return verifier


def read_token(data: Mapping[str, Any]) -> str:
    """Return a publisher's token, whose own reader bounds its length. Problem: validation_failed."""
    token = data.get("token")
    if not isinstance(token, str) or not token:
        raise refused_field("token", "required", "Send the publisher's token.")
    return token


def read_draft(
    data: Mapping[str, Any],
    *,
    edit_tokens: Sequence[str] = (),
    voter: str = "",
    network: str = "",
    reader: Reader | None = None,
    language: str = "",
) -> Draft:
    """Return the comment in a request of `POST comments`; a reader with a session need not say who she is again.

    Problem: validation_failed, naming every refused field. The site's own limit on the text is applied where
    it is rendered.
    """
    refusals = Refusals()
    body = read_body(data, refusals)
    author = data.get("author")
    if reader is not None:
        author = _signed(reader, author)
    elif not isinstance(author, Mapping):
        refusals.add("author", "required", "Say who you are: an object with a name.")
        author = {"name": "-"}
    guest = read_author(author, refusals, prefix="author.")
    parent = data.get("parent")
    if parent is not None and (not isinstance(parent, int) or isinstance(parent, bool) or not 0 < parent <= MAX_ID):
        refusals.add("parent", "not_an_id", "This must be the id of a comment.")
    follow = data.get("follow") or ""
    if follow not in FOLLOW_WISHES:
        refusals.add("follow", "unknown_choice", 'This must be "replies" or "article".')
    elif follow and not (reader.address if reader else guest.email):
        refusals.add("author.email", "required", "An address is needed to be told of replies.")
    refusals.raise_any()
    return Draft(
        *(body, guest, parent, follow, tuple(edit_tokens), voter, network, reader),
        language=language,
        ref=read_ref(data),
    )


def _signed(reader: Reader, author: object) -> Mapping[str, Any]:
    """Return what a reader is called; the first time she says it with her comment."""
    said = author if isinstance(author, Mapping) else {}
    if reader.name:
        return {"name": reader.name, "url": reader.url}
    return {"name": said.get("name"), "url": said.get("url")}


def read_report(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the reason of a report and what its author adds, "" for nothing. Problem: validation_failed."""
    refusals = Refusals()
    reason = data.get("reason")
    if reason not in Report.Reason.values:
        refusals.add("reason", "unknown_choice", f"One of {', '.join(Report.Reason.values)}.")

    def detail_check(value: str) -> None:
        if value.strip():
            text.clean_body(value, limit=MAX_DETAIL, field="detail")

    detail = refusals.text(data, "detail", detail_check, field="detail")
    refusals.raise_any()
    return str(reason), text.clean_body(detail, limit=MAX_DETAIL, field="detail").strip() if detail.strip() else ""


def read_title(data: Mapping[str, Any]) -> str:
    """Return the page's title as a reader's first write gives it; "" where it is missing or of no use."""
    title = data.get("title")
    try:
        return text.clean_line(title, limit=MAX_TITLE, field="title") if isinstance(title, str) else ""
    except Problem:
        return ""
