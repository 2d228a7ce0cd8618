"""One message over an open SMTP connection, in two round trips instead of four where the server allows it."""

from __future__ import annotations

import re
import smtplib
from typing import Final

from sharing.wire import WireMessage

OK: Final = 250
WILL_FORWARD: Final = 251
GO_ON: Final = 354
CLOSING: Final = 421  # the server's last word on this connection
# A line that begins with a dot would end the message (RFC 5321, section 4.5.2).
DOT: Final = re.compile(rb"^\.", re.MULTILINE)
END: Final = b".\r\n"


def send(line: smtplib.SMTP, message: WireMessage) -> None:
    """Hand one message over; sender and recipient are plain `local@host`, its lines end with CR LF, the last one too.

    Raises what `smtplib.SMTP.sendmail` raises.
    """
    line.ehlo_or_helo_if_needed()
    if line.has_extn("pipelining"):
        _send_pipelined(line, message)
    else:
        line.sendmail(message.from_email, message.to, message.raw)


def _send_pipelined(line: smtplib.SMTP, message: WireMessage) -> None:
    """Ask for all three permissions at once (RFC 2920). Nothing of the message is sent without them."""
    [recipient] = message.to
    size = f" SIZE={len(message.raw)}" if line.has_extn("size") else ""
    line.send(f"MAIL FROM:<{message.from_email}>{size}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n")
    mail = _reply(line)
    rcpt = _reply(line)
    data = _reply(line)
    refusal: smtplib.SMTPException | None = None
    if mail[0] != OK:
        refusal = smtplib.SMTPSenderRefused(*mail, message.from_email)
    elif rcpt[0] not in {OK, WILL_FORWARD}:
        refusal = smtplib.SMTPRecipientsRefused({recipient: rcpt})
    elif data[0] != GO_ON:
        refusal = smtplib.SMTPDataError(*data)
    if refusal is not None:
        if data[0] == GO_ON:
            # Whoever waits for a message without a recipient gets an empty one, which goes nowhere.
            line.send(END)
            line.getreply()
        line.rset()
        raise refusal
    line.send(DOT.sub(b"..", message.raw) + END)
    answer = _reply(line)
    if answer[0] != OK:
        line.rset()
        raise smtplib.SMTPDataError(*answer)


def _reply(line: smtplib.SMTP) -> tuple[int, bytes]:
    code, text = line.getreply()
    if code == CLOSING:
        # Nothing follows: what was asked beside it is not answered any more.
        raise smtplib.SMTPResponseException(code, text)
    return code, text
