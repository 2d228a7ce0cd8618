"""The form below an article, as plain data: what was typed, what was wrong with it, and how each field is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.http import QueryDict
from django.utils.translation import gettext as _

from comments.inputs import MAX_NAME
from project.errors import Problem

BODY: Final = "body"
PREFIX: Final = "author."


class Field(NamedTuple):
    """One line of the form beside the text."""

    name: str
    type: str
    label: str
    hint: str
    autocomplete: str
    maxlength: int
    required: bool = False
    value: str = ""
    error: str = ""


NAMES: Final = ("name", "email", "url")


@dataclass
class CommentForm:
    """What one reader typed; `errors` has a sentence for each refused field, `problem` one about the whole."""

    body: str = ""
    author: Mapping[str, str] = field(default_factory=dict)
    follow: bool = False
    parent: int | None = None
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    parent_name: str = ""
    cancel: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> CommentForm:
        """Read the fields that the form has; whatever else was sent is ignored."""
        parent = data.get("parent", "")
        return cls(
            # Browsers send line ends as CR LF (HTML, "form-data set"), the API's clients as LF.
            body=data.get(BODY, "").replace("\r\n", "\n"),
            author={name: data.get(name, "") for name in NAMES},
            follow=bool(data.get("follow")),
            # 0 is no comment's id: what is no number is refused like an unknown one, never taken for a new root.
            parent=(int(parent) if parent.isascii() and parent.isdigit() and len(parent) < 19 else 0)
            if parent
            else None,
        )

    def draft(self) -> dict[str, Any]:
        """Return the fields as `POST /api/v1/comments` takes them."""
        parent = {} if self.parent is None else {"parent": self.parent}
        return {"body": self.body, "author": self.author, "follow": "replies" if self.follow else "", **parent}

    def refuse(self, problem: Problem) -> None:
        """Put each refusal beside its field, and what concerns no field of the form above them all."""
        for error in problem.errors:
            name = error["field"].removeprefix(PREFIX)
            if name in (BODY, *NAMES):
                self.errors.setdefault(name, error["message"])
        self.problem = _("Please look at the marked fields.") if self.errors else problem.detail

    @property
    def fields(self) -> list[Field]:
        lines = (
            Field("name", "text", _("Name"), "", "name", MAX_NAME, required=True),
            Field("email", "email", _("E-mail"), _("optional, never shown"), "email", 254),
            Field("url", "url", _("Website"), _("optional"), "url", 2000),
        )
        return [
            line._replace(value=self.author.get(line.name, ""), error=self.errors.get(line.name, "")) for line in lines
        ]

    @property
    def focus(self) -> str:
        """The first refused field, "" where there is none."""
        return next((name for name in (BODY, *NAMES) if name in self.errors), "")
