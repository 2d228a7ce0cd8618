"""A comment as a client sends it, checked field by field; only the fields named here are ever read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comments.services.posting import Author, Draft
from project import addresses
from project.errors import FieldError, Problem

MAX_NAME = 100
MAX_ID = 2**63 - 1
FOLLOW_WISHES = ("", "replies", "article")


class Fields:
    """Read fields from a mapping and gather what is wrong with them, to be told all at once."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.errors: list[FieldError] = []

    def refuse(self, field: str, code: str, message: str) -> None:
        self.errors.append({"field": field, "code": code, "message": message})

    def text(self, name: str, *, field: str = "", longest: int, required: bool = False) -> str:
        """Return a trimmed line of text; "" where it is missing or refused."""
        field = field or name
        value = self.data.get(name)
        if value is None or value == "":
            if required:
                self.refuse(field, "required", "This field is required.")
            return ""
        if not isinstance(value, str):
            self.refuse(field, "not_text", "This must be a text.")
            return ""
        value = " ".join(value.split())
        if not value and required:
            self.refuse(field, "required", "This field is required.")
        if len(value) > longest:
            self.refuse(field, "too_long", f"This has {len(value)} characters; {longest} are allowed.")
            return ""
        if not value.isprintable():
            self.refuse(field, "characters_not_allowed", "Control characters are not allowed here.")
            return ""
        return value

    def checked(self, field: str, value: str, check: Any) -> str:
        """Return `value` if `check(value, field)` does not refuse it with a Problem of its own."""
        try:
            check(value, field)
        except Problem as problem:
            self.errors.extend(problem.errors)
            return ""
        return value

    def done(self) -> None:
        """Problem: validation_failed, if anything was refused."""
        if self.errors:
            raise Problem("validation_failed", "Some fields are not acceptable.", errors=self.errors)


def read_author(data: Mapping[str, Any], fields: Fields, prefix: str = "") -> Author:
    """Return the guest's own account of herself: a name (required), an address and a web site."""
    own = Fields(data)
    name = own.text("name", field=f"{prefix}name", longest=MAX_NAME, required=True)
    email = own.text("email", field=f"{prefix}email", longest=254)
    if email:
        email = own.checked(f"{prefix}email", email, addresses.normalise_email)
    url = own.text("url", field=f"{prefix}url", longest=2000)
    if url:
        url = own.checked(f"{prefix}url", url, addresses.web_address)
    fields.errors.extend(own.errors)
    return Author(name, email, url)


def read_draft(data: Mapping[str, Any], *, edit_tokens: Sequence[str] = ()) -> Draft:
    """Return the comment in a request of `POST comments`.

    Problem: validation_failed, naming every refused field. The body itself is checked where it is rendered.
    """
    fields = Fields(data)
    body = data.get("body")
    if not isinstance(body, str):
        fields.refuse("body", "required" if body is None else "not_text", "A comment needs a text.")
        body = ""
    author = data.get("author")
    if not isinstance(author, Mapping):
        fields.refuse("author", "required", "Say who you are: an object with a name.")
        author = {"name": "-"}
    guest = read_author(author, fields, prefix="author.")
    parent = data.get("parent")
    if parent is not None and (not isinstance(parent, int) or isinstance(parent, bool) or not 0 < parent <= MAX_ID):
        fields.refuse("parent", "not_an_id", "This must be the id of a comment.")
    follow = data.get("follow") or ""
    if follow not in FOLLOW_WISHES:
        fields.refuse("follow", "unknown_choice", 'This must be "replies" or "article".')
    elif follow and not guest.email:
        fields.refuse("author.email", "required", "An address is needed to be told of replies.")
    fields.done()
    return Draft(body, guest, parent, follow, tuple(edit_tokens))
