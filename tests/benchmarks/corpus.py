"""The comments that are read: threads of a given size, nested, in several scripts; equal bytes for equal arguments.

Written as a Disqus export, so that they come in through the same door as anybody's. A thread is made of branches of
one length: `Shape("long", 20_000, branch=4)` has 5,000 roots, and its page of 25 roots shows 100 comments.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

ORIGIN = "https://reading.example"
BEGINNING = datetime(2025, 5, 1, tzinfo=UTC)
# Characters of a text: about 300 on average, rarely more than a thousand.
MIDDLE, SPREAD, LONGEST = 5.5, 0.62, 2_000
DEEPEST = 5

WORDS = {
    "en": "a agree an and answer argument article as at author because before but by cable can city council did do "
    "evening ferry first for from good had harbour has have he here how I if in into is it last later letter like "
    "market me more morning my never new no not of old on one only or other our paper people price question reader "
    "river road said school she so some station story street than that the their them then there they this time to "
    "town train under until was water we were what when where which who why will winter with work would year yes you",
    "ru": "и в не на я что он как это по но мы за из у же вы так бы о от к город река поезд утро вечер вопрос ответ "
    "статья автор цена зима дорога школа письмо люди время слово",
    "el": "και το να του η δεν που για με από τα πόλη ποτάμι τρένο πρωί ερώτηση απάντηση άρθρο τιμή δρόμος σχολείο",
    "ja": "私は この記事 とても 面白い 町 川 電車 朝 質問 答え 値段 冬 道 学校 手紙 人々 時間 しかし だから ありがとう",
    "de": "und der die das nicht für über müssen könnte Straße Größe Fähre Zug Fluss schön natürlich Frage Antwort",
}
SHARES = {"en": 80, "ru": 7, "el": 3, "ja": 5, "de": 5}
SIGNS = ("🙂", "🚲", "🌧️", "👩‍🔬", "—", "…")
NAMES = ("Ada", "Ben Carter", "Çağla", "Дарья", "Ελένη", "福田", "Göran", "نور", "O'Hara & Co.", "quiet_reader")


@dataclass(frozen=True)
class Shape:
    """A thread of `size` comments in branches of `branch` each, its root among them."""

    key: str
    size: int
    branch: int = 4

    @property
    def url(self) -> str:
        return f"{ORIGIN}/{self.key}"


def write_export(path: Path, shapes: Iterable[Shape], seed: int = 1) -> None:
    """Write the threads as a Disqus export."""
    shapes = list(shapes)
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<disqus xmlns="http://disqus.com"')
        file.write(' xmlns:dsq="http://disqus.com/disqus-internals">\n')
        for number, shape in enumerate(shapes, 1):
            file.write(_thread(number, shape))
        next_id = 1
        for number, shape in enumerate(shapes, 1):
            for post in _posts(chance, number, shape, next_id):
                file.write(post)
            next_id += shape.size
        file.write("</disqus>\n")


def text(chance: random.Random) -> str:
    """Return a text of one script, now and then with a word or a sign of another."""
    length = min(LONGEST, max(10, chance.lognormvariate(MIDDLE, SPREAD)))
    language = chance.choices(list(SHARES), list(SHARES.values()))[0]
    words, others = WORDS[language].split(), WORDS["en"].split()
    chosen: list[str] = []
    size = 0
    while size < length:
        chosen.append(chance.choice(words if chance.random() < 0.9 else others))
        if chance.random() < 0.01:
            chosen.append(chance.choice(SIGNS))
        size += len(chosen[-1]) + 1
    return " ".join(chosen).capitalize()


def _thread(number: int, shape: Shape) -> str:
    return (
        f'<thread dsq:id="{number}"><id/><forum>reading</forum><link>{shape.url}</link><title>About {shape.key}</title>'
        f"<createdAt>{BEGINNING:%Y-%m-%dT%H:%M:%SZ}</createdAt><isClosed>false</isClosed><isDeleted>false</isDeleted>"
        "</thread>\n"
    )


def _posts(chance: random.Random, thread: int, shape: Shape, first: int) -> Iterator[str]:
    branch: list[tuple[int, int]] = []
    written_at = BEGINNING
    for number in range(shape.size):
        post = first + number
        parent, depth = None, 0
        if number % shape.branch == 0:
            branch = []
        else:
            parent, above = chance.choice([place for place in branch if place[1] < DEEPEST])
            depth = above + 1
        branch.append((post, depth))
        written_at += timedelta(seconds=chance.randrange(5, 300))
        yield _post(chance, thread, post, parent, written_at)


def _post(chance: random.Random, thread: int, post: int, parent: int | None, written_at: datetime) -> str:
    person = chance.randrange(500)
    above = f'<parent dsq:id="{parent}"/>' if parent else ""
    return (
        f'<post dsq:id="{post}"><id/><message><![CDATA[{_html(chance)}]]></message>'
        f"<createdAt>{written_at:%Y-%m-%dT%H:%M:%SZ}</createdAt><isDeleted>false</isDeleted><isSpam>false</isSpam>"
        f"<author><name>{escape(NAMES[person % len(NAMES)])} {person}</name><email>reader{person}@mail.example</email>"
        f'</author><thread dsq:id="{thread}"/>{above}</post>\n'
    )


def _html(chance: random.Random) -> str:
    paragraphs = [escape(text(chance))]
    draw = chance.random()
    if draw < 0.05:
        paragraphs.append(f'See <a href="{ORIGIN}/other/{chance.randrange(99)}">this page</a>.')
    elif draw < 0.1:
        paragraphs.append("<b>Not at all</b>, or <i>hardly</i>.")
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
