"""Messages serialised once: what is joined from pieces reads as what was put in."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sharing.wire import Form, Wire, WireMessage

MARKS = {"leave": "mark-leave-0f", "manage": "mark-manage-0f"}
LEAVE = "https://comments.example.org/follows/leave/" + "aB3-_:" * 40
HEADERS = {"Subject": "Re: Zürich", "From": "Zeitung <news@example.org>", "List-Id": "<a.example.org>"}
# Whatever a template may give; a part of a message ends with a newline, and other controls do not come through texts.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=300)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage) and not message.defects
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None and not part.defects
    return str(part.get_content()).replace("\r\n", "\n").removesuffix("\n")


@given(before=TEXT, between=TEXT, after=TEXT)
@example(before=".\nFrom a\n", between="x = 1 ", after="\n.\n--=_boundary")
@example(before="", between="", after="é" * 200)
def test_pieces_and_links_come_out_as_they_went_in(before: str, between: str, after: str) -> None:
    def with_links(leave: str, manage: str) -> str:
        return f"{before}{leave}{between}{manage}{after}"

    marked = with_links(MARKS["leave"], MARKS["manage"])
    form = Form(HEADERS, marked, f"<p>{marked}</p>", MARKS)
    raw = form.filled({"To": "ben@example.org"}, {"leave": LEAVE, "manage": "https://example.org/?a=b"})
    whole = with_links(LEAVE, "https://example.org/?a=b")
    message = read(raw)
    assert body(message, "plain") == whole.removesuffix("\n")
    assert body(message, "html") == f"<p>{whole}</p>"
    assert raw.isascii()
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 76 and not any(b"\n" in line or b"\r" in line for line in lines)


def test_one_form_makes_many_messages() -> None:
    form = Form(HEADERS, "Leave: mark-leave-0f\n", '<a href="mark-leave-0f">Leave</a>', MARKS)
    for name in ("ada", "ben"):
        message = read(form.filled({"To": f"{name}@example.org"}, {"leave": f"https://example.org/{name}"}))
        assert message["To"] == f"{name}@example.org"
        assert message["Subject"] == "Re: Zürich" and message["List-Id"] == "<a.example.org>"
        assert body(message, "plain") == f"Leave: https://example.org/{name}"
        assert body(message, "html") == f'<a href="https://example.org/{name}">Leave</a>'


@pytest.mark.parametrize("value", ["a\r\nBcc: cy@example.org", "a\nb", "é", "\0", "x" * 901])
def test_a_value_that_is_no_header_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="X-Own"):
        Form(HEADERS, "Hi\n", "<p>Hi", MARKS).filled({"X-Own": value}, {})


@pytest.mark.parametrize("value", ["a\r\nBcc: cy@example.org", "a\nb"])
def test_no_header_of_all_breaks_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="newlines"):
        Form({"Subject": value}, "Hi\n", "<p>Hi", MARKS)


def test_a_backend_may_ask_for_other_ends_of_lines() -> None:
    assert Wire(b"a\r\nb\r\n").as_bytes(linesep="\n") == b"a\nb\n"
    message = WireMessage("bounce@example.org", "ben@example.org", b"raw")
    assert message.message().as_bytes() == b"raw"
    assert (message.from_email, message.recipients()) == ("bounce@example.org", ["ben@example.org"])
