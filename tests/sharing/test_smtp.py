"""The conversation with a mail server, with and without PIPELINING (RFC 2920)."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sharing.channels import smtp
from sharing.wire import WireMessage
from tests.factories import ADA, BEN
from tests.smtp_sink import SmtpSink

SENDER = "afterword@example.org"
BODY = b"Subject: Dots\r\n\r\n.one\r\n..two\r\nthree.\r\n.\r\nend\r\n"
GREETING = b"220 here\r\n"
EHLO = b"250-here\r\n250 PIPELINING\r\n"


@pytest.fixture(params=["pipelined", "one by one"])
def line(request: pytest.FixtureRequest, smtp_sink: SmtpSink) -> Iterator[smtplib.SMTP]:
    smtp_sink.pipelining = request.param == "pipelined"
    with smtplib.SMTP("127.0.0.1", smtp_sink.port, timeout=5) as line:
        yield line


def send(line: smtplib.SMTP, recipient: str = ADA, body: bytes = BODY) -> None:
    smtp.send(line, WireMessage(SENDER, recipient, body))


def test_a_message_arrives_as_it_is(line: smtplib.SMTP, smtp_sink: SmtpSink) -> None:
    send(line)
    send(line, BEN)
    first, second = smtp_sink.messages
    assert (first.sender, first.recipients, second.recipients) == (SENDER, [ADA], [BEN])
    assert first.message.get_content().splitlines() == [".one", "..two", "three.", ".", "end"]


def test_a_refused_recipient_does_not_harm_the_next(line: smtplib.SMTP, smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse[ADA] = "550 5.1.1 nobody"
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(line)
    assert refused.value.recipients == {ADA: (550, b"5.1.1 nobody")}
    send(line, BEN)
    assert [one.recipients for one in smtp_sink.messages] == [[BEN]]


def test_a_refused_message_does_not_harm_the_next(line: smtplib.SMTP, smtp_sink: SmtpSink) -> None:
    smtp_sink.after_data = lambda recipients: "452 4.3.1 full" if ADA in recipients else None
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(line)
    assert (refused.value.smtp_code, refused.value.smtp_error) == (452, b"4.3.1 full")
    send(line, BEN)
    assert [one.recipients for one in smtp_sink.messages] == [[BEN]]


def test_the_three_questions_go_out_together() -> None:
    with _server([b"250 a\r\n250 b\r\n354 go\r\n", b"250 taken\r\n"]) as (line, heard):
        send(line)
    assert heard[1] == f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{ADA}>\r\nDATA\r\n".encode()
    assert heard[2] == b"Subject: Dots\r\n\r\n..one\r\n...two\r\nthree.\r\n..\r\nend\r\n.\r\n"


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (b"550 not you\r\n503 no\r\n503 no\r\n", smtplib.SMTPSenderRefused),
        (b"250 a\r\n550 not her\r\n554 no\r\n", smtplib.SMTPRecipientsRefused),
        (b"250 a\r\n250 b\r\n451 later\r\n", smtplib.SMTPDataError),
        # Data is permitted though nobody may get it: it is ended at once, and never has the message.
        (b"250 a\r\n550 not her\r\n354 go\r\n", smtplib.SMTPRecipientsRefused),
        (b"550 not you\r\n250 b\r\n354 go\r\n", smtplib.SMTPSenderRefused),
    ],
)
def test_nothing_of_a_message_is_sent_without_every_permission(answers: bytes, error: type[Exception]) -> None:
    rest = [b"554 nobody\r\n"] if b"354" in answers else []
    with _server([answers, *rest, b"250 forgotten\r\n"]) as (line, heard), pytest.raises(error):
        send(line)
    assert heard[2:] == [b".\r\n"] * len(rest) + [b"rset\r\n"]


@pytest.mark.parametrize("answers", [b"421 bye\r\n", b"250 a\r\n421 bye\r\n", b"250 a\r\n250 b\r\n421 bye\r\n"])
def test_a_goodbye_is_an_answer_though_others_are_missing(answers: bytes) -> None:
    with _server([answers]) as (line, _), pytest.raises(smtplib.SMTPResponseException) as refused:
        send(line)
    assert (refused.value.smtp_code, refused.value.smtp_error) == (421, b"bye")


def test_a_line_that_breaks_is_no_answer() -> None:
    with _server([b"250 a\r\n250 b\r\n354 go\r\n"]) as (line, _), pytest.raises(smtplib.SMTPServerDisconnected):
        send(line)


@contextmanager
def _server(answers: list[bytes]) -> Iterator[tuple[smtplib.SMTP, list[bytes]]]:
    """A mail server that gives one of these answers to each thing that it hears after EHLO, and then hangs up."""
    heard: list[bytes] = []

    def converse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(GREETING)
            for answer in (EHLO, *answers):
                heard.append(connection.recv(65_536))
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=converse, daemon=True)
        thread.start()
        line = smtplib.SMTP("127.0.0.1", listener.getsockname()[1], timeout=5)
        try:
            yield line, heard
        finally:
            line.close()
            thread.join(5)
