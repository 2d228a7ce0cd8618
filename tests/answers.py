"""Answers as mail programs write them, each of which says `SAID` and nothing else, and signs of machines."""

from __future__ import annotations

from sharing.quoting import MARKER

SAID = "I do not agree.\nRead it **again**, please."

OURS = f"{MARKER}\n\nCy wrote below “A story”:\n\n> Well said.\n\nRead and answer: https://x.example/1\n\n-- \nYou"
_QUOTED = "\n".join(f"> {line}".rstrip() for line in OURS.split("\n"))
_ADDRESS = "<afterword@news.example.org>"


def _top(attribution: str) -> str:
    return f"{SAID}\n\n{attribution}\n\n{_QUOTED}\n"


PLAIN = {
    "nothing quoted": SAID,
    "gmail": _top(f"On Mon, Nov 23, 2026 at 10:05 AM Daily News {_ADDRESS} wrote:"),
    "gmail, broken line": _top(f"On Mon, Nov 23, 2026 at 10:05 AM Daily News With Long Name\n{_ADDRESS} wrote:"),
    "gmail, crlf": _top(f"On Mon, Nov 23, 2026 at 10:05 AM Daily News {_ADDRESS} wrote:").replace("\n", "\r\n"),
    "german": _top(f"Am Mo., 23. Nov. 2026 um 10:05 Uhr schrieb Daily News {_ADDRESS}:"),
    "french": _top(f"Le lun. 23 nov. 2026 à 10:05, Daily News {_ADDRESS} a écrit :"),
    "spanish": _top(f"El lun, 23 nov 2026 a las 10:05, Daily News ({_ADDRESS}) escribió:"),
    "polish": _top(f"pon., 23 lis 2026 o 10:05 Daily News {_ADDRESS} napisał(a):"),
    "russian": _top(f"пн, 23 нояб. 2026 г. в 10:05, Daily News {_ADDRESS}:"),
    "japanese": _top(f"2026年11月23日(月) 10:05 Daily News {_ADDRESS}:"),
    "chinese": _top(f"Daily News {_ADDRESS} 于2026年11月23日周一 10:05写道："),
    "arabic": _top(f"في الاثنين، 23 نوفمبر 2026 في 10:05 كتب Daily News {_ADDRESS}:"),
    "apple": f"{SAID}\n\nSent from my iPhone\n\n> On Nov 23, 2026, at 10:05, Daily {_ADDRESS} wrote:\n>\n{_QUOTED}",
    "signature": f"{SAID}\n\n-- \nBen Writer\nEditor\n\nOn 23 Nov 2026 at 10:05, S {_ADDRESS} wrote:\n{_QUOTED}",
    "below": f"On Mon, Nov 23, 2026 at 10:05 AM Daily News {_ADDRESS} wrote:\n{_QUOTED}\n\n{SAID}\n\n-- \nBen",
    "outlook": (
        f"{SAID}\n\n________________________________\nFrom: Daily News {_ADDRESS}\nSent: Monday, November 23, 2026\n"
        f"To: Ben <ben@example.org>\nSubject: Re: A story\n\n{OURS}"
    ),
    "outlook, german": (
        f"{SAID}\n\nVon: Daily News {_ADDRESS}\nGesendet: Montag, 23. November 2026 10:05\n"
        f"An: Ben <ben@example.org>\nBetreff: Re: A story\n\n{OURS}"
    ),
    "outlook, finnish": (
        f"{SAID}\n\nLähettäjä: Daily News {_ADDRESS}\nLähetetty: maanantai 23. marraskuuta 2026 10:05\n"
        f"Vastaanottaja: Ben <ben@example.org>\nAihe: Re: A story\n\n{OURS}"
    ),
    "outlook, old": f"{SAID}\n\n-----Original Message-----\nFrom: Daily News\nSent: Monday\nTo: Ben\n\n{OURS}",
    "not marked at all": f"{SAID}\n\n23.11.2026 10:05, Daily News {_ADDRESS} kirjoitti:\n\n{OURS}",
}

_SAID = SAID.replace("\n", "<br>")
_OURS = f"<p>{MARKER}</p><p><b>Cy</b> wrote below <a href='https://x.example'>A story</a></p><div>Well said.</div>"
HTML = {
    "gmail": (
        f'<div dir="ltr">{_SAID}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"On Mon, Nov 23, 2026 at 10:05 AM Daily News &lt;a@b.example&gt; wrote:<br></div><blockquote>"
        f"{_OURS}</blockquote></div>"
    ),
    "apple": (
        f'<html><head><style>p {{ color: red }}</style></head><body><div>{_SAID}</div><div><br><blockquote type="cite">'
        f"<div>On Nov 23, 2026, at 10:05, Daily News wrote:</div><br>{_OURS}</blockquote></div></body></html>"
    ),
    "thunderbird, below": (
        f'<div class="moz-cite-prefix">Am 23.11.26 um 10:05 schrieb Daily:<br></div><blockquote type="cite">{_OURS}'
        f'</blockquote><p>{_SAID}</p><div class="moz-signature">-- <br>Ben</div>'
    ),
    "outlook on the web": (
        f'<div>{_SAID}</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Von:</b> Daily News<br>'
        f"<b>Gesendet:</b> Montag</div><div>{_OURS}</div>"
    ),
    "outlook": (
        f'<div class="WordSection1"><p class="MsoNormal">{_SAID}</p><p class="MsoNormal">&nbsp;</p><div>'
        '<div style="border-top:solid #E1E1E1 1.0pt"><p><b>Lähettäjä:</b> Daily<br><b>Lähetetty:</b> maanantai<br>'
        f"<b>Aihe:</b> Re: A story</p></div></div>{_OURS}</div>"
    ),
    "yahoo": f'<div>{_SAID}</div><div class="yahoo_quoted"><div>On Monday, Daily wrote:</div><div>{_OURS}</div></div>',
}

# Header and value, by what sends it; `_` stands for `-`.
AUTOMATIC = {
    "a vacation notice": ("Auto_Submitted", "auto-replied; owner-email=ben@example.org"),
    "a notice of a program": ("Auto_Submitted", "auto-generated"),
    "bulk mail": ("Precedence", "bulk"),
    "an old autoresponder": ("Precedence", "auto_reply"),
    "a mailing list": ("List_Id", "<a.example.org>"),
    "a newsletter": ("List_Unsubscribe", "<mailto:a@example.org>"),
    "exchange": ("X_Auto_Response_Suppress", "All"),
    "an autoresponder": ("X_Autoreply", "yes"),
    "a bounce": ("Return_Path", "<>"),
    "a mail server": ("From", "MAILER-DAEMON@example.org"),
    "a postmaster": ("From", "Postmaster <postmaster@example.org>"),
    "ourselves": ("Message_ID", "<delivery-0f0e0d0c-0b0a-4908-8706-050403020100@news.example.org>"),
}
