"""Answers by mail, as many mail programs write them: what is new in them, and whether a person wrote them."""

from __future__ import annotations

from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from sharing.heavy import holds_heavy
from sharing.quoting import MARKER, new_words, words_of_html
from sharing.replies import MAX_BYTES, NotAReply, is_addressed, read_reply
from sharing.verp import read_envelope, read_reply_address, reply_address
from tests.answers import AUTOMATIC, HTML, PLAIN, SAID

TOKEN = UUID("0f0e0d0c-0b0a-4908-8706-050403020100")


@pytest.fixture(autouse=True)
def addresses(settings: Settings) -> None:
    settings.REPLY_ADDRESS, settings.BOUNCE_ADDRESS = "reply@replies.example.org", "bounce@bounces.example.org"


def answer(text: str = SAID, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Ben Writer <ben@example.org>", reply_address(TOKEN)
    message["Message-ID"] = "<1@mail.example.org>"
    message.set_content(text)
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize("name", PLAIN)
def test_only_what_is_new_is_left_of_a_plain_answer(name: str) -> None:
    assert new_words(PLAIN[name]) == SAID


@pytest.mark.parametrize("name", HTML)
def test_only_what_is_new_is_left_of_an_answer_in_html(name: str) -> None:
    assert new_words(words_of_html(HTML[name])) == SAID
    message = answer()
    message.set_content(HTML[name], subtype="html")
    assert read_reply(message.as_bytes()).text == SAID


@pytest.mark.parametrize(
    "text",
    [
        "Take it or leave it.\nThanks, that helped.\n- one\n- two\n\nDo: read it.\nData: none.",
        "On the one hand it is true.\n\nOn the other hand Ben wrote: nothing.",
        "It says:\n\n    code > more\n\n/tmp is full",
        "One -- two",
    ],
)
def test_words_that_look_like_more_than_they_are_stay(text: str) -> None:
    assert new_words(text) == text


def test_answers_between_quoted_lines_are_all_kept() -> None:
    text = "On 23 Nov 2026 at 10:05, S <a@b.org> wrote:\n> One?\n\nYes.\n\n> Two?\n\nNo.\n"
    assert new_words(text) == "Yes.\n\n\nNo."


def test_lines_that_a_mail_program_broke_are_put_together() -> None:
    message = answer("A long line that \ngoes on\n\nNew paragraph\n")
    message.set_param("format", "flowed")
    assert read_reply(message.as_bytes()).text == "A long line that goes on\n\nNew paragraph"


def test_it_says_what_it_answers_and_who_sent_it() -> None:
    reply = read_reply(answer(From="=?utf-8?q?J=C3=BCrgen?= <BEN@example.org>").as_bytes())
    assert (reply.token, reply.sender, reply.name) == (TOKEN, "BEN@example.org", "Jürgen")
    assert (reply.message_id, reply.is_automatic, reply.text) == ("1@mail.example.org", False, SAID)


def test_attachments_and_what_lies_beyond_a_mebibyte_are_not_looked_at() -> None:
    message = answer()
    message.add_attachment("not mine", filename="a.txt")
    message.add_attachment(b"\0" * MAX_BYTES, maintype="image", subtype="png", filename="a.png")
    assert read_reply(message.as_bytes()).text == SAID
    only = answer()
    only.clear_content()
    only.add_attachment("not mine", filename="a.txt")
    assert read_reply(only.as_bytes()).text == ""


def test_an_empty_plain_part_yields_to_the_html() -> None:
    message = answer(" \n")
    message.add_alternative("<p>" + SAID.replace("\n", "<br>") + "</p>", subtype="html")
    assert read_reply(message.as_bytes()).text == SAID


@pytest.mark.parametrize("name", AUTOMATIC)
def test_a_machine_is_known_by_what_it_says(name: str) -> None:
    header, value = AUTOMATIC[name]
    assert read_reply(answer(**{header: value}).as_bytes()).is_automatic
    assert not read_reply(answer(Auto_Submitted="no").as_bytes()).is_automatic


def test_a_report_is_no_answer_of_a_person() -> None:
    raw = answer().as_bytes().replace(b"text/plain", b"multipart/report; boundary=b", 1)
    assert read_reply(raw).is_automatic


def test_the_address_holds_in_any_case_and_for_its_purpose_alone() -> None:
    address = reply_address(TOKEN)
    assert len(address.partition("@")[0]) == len("reply+") + 42
    assert read_reply_address(f"<{address.upper()}>") == TOKEN
    assert read_envelope(address) is None
    bounce = address.replace("reply+", "bounce+").replace("replies.", "bounces.")
    with pytest.raises(Exception, match="not valid"):
        read_envelope(bounce)


@pytest.mark.parametrize("at", [0, 12, 25, 26, 41])
def test_an_altered_address_is_refused_by_whatever_header_it_comes(at: int) -> None:
    local, host = reply_address(TOKEN).split("@")
    place = len("reply+") + at
    forged = f"{local[:place]}{'a' if local[place] != 'a' else 'b'}{local[place + 1 :]}@{host}"
    for raw, recipient in ((answer(To=forged).as_bytes(), ""), (answer().as_bytes(), forged)):
        assert is_addressed(raw, recipient)
        with pytest.raises(NotAReply, match="did not make"):
            read_reply(raw, recipient)


def test_other_mail_is_none_of_ours(settings: Settings) -> None:
    other = answer(To="somebody@example.org").as_bytes()
    assert not is_addressed(other)
    with pytest.raises(NotAReply, match="not sent to"):
        read_reply(other)
    assert read_reply(other, reply_address(TOKEN)).token == TOKEN
    mine = answer().as_bytes()
    settings.REPLY_ADDRESS = ""
    assert not is_addressed(mine)


@pytest.mark.parametrize(
    "raw",
    [
        b"To: " + b"a" * 70_000 + b"\n\nx",
        b"Content-Type: text/plain; " + b'";' * 300_000 + b"\n\nx",
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain;\n " + b'";' * 300_000 + b"\n\nx",
    ],
)
def test_headers_that_cost_too_much_are_not_read(raw: bytes) -> None:
    with pytest.raises(NotAReply, match="headers are too long"):
        read_reply(raw)


HEADERS = st.dictionaries(
    st.sampled_from(["From", "To", "Content-Type", "Content-Transfer-Encoding", "Message-ID", "Cc", "Auto-Submitted"]),
    st.binary(max_size=80),
    max_size=5,
)


@given(HEADERS, st.binary(max_size=400), st.booleans())
def test_arbitrary_bytes_are_an_answer_or_none(headers: dict[str, bytes], body: bytes, is_to_us: bool) -> None:
    raw = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items()) + b"\r\n" + body
    for one in (raw, body):
        is_addressed(one)
        try:
            reply = read_reply(one, reply_address(TOKEN) if is_to_us else "")
        except NotAReply as reason:
            assert "\n" not in str(reason)
        else:
            assert reply.token == TOKEN


@given(
    st.lists(st.sampled_from([*PLAIN.values(), MARKER, "> x", "From: a", "a:", "--", "____________", "", "x" * 300]))
)
def test_any_mixture_of_quotes_is_read(pieces: list[str]) -> None:
    words = new_words("\n".join(pieces))
    assert words == words.strip("\n")
    assert not [line for line in words.split("\n") if line.lstrip().startswith(">")]


TAGS = ["<blockquote>", "</blockquote>", "<div id=appendonsend>", "<div class=gmail_attr>", "</div>", "<!--", "<body>"]


@given(st.lists(st.sampled_from(TAGS) | st.text(max_size=20)))
def test_any_html_is_read(pieces: list[str]) -> None:
    new_words(words_of_html("".join(pieces)))


@given(
    st.recursive(st.none() | st.text(max_size=30), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_ordinary_requests_of_providers_are_not_heavy(data: object) -> None:
    assert not holds_heavy(data)
    assert holds_heavy([data, {"Content-Type": ["text/plain; " + "a=b;" * 1_000]}])
