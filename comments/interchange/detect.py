"""Which system a file comes from, told by how it begins, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comments.interchange import disqus, wordpress
from comments.interchange.artalk import ArtalkReader
from comments.interchange.commento import CommentoReader
from comments.interchange.decoding import clean_text
from comments.interchange.disqus import DisqusReader
from comments.interchange.disqus_custom import DisqusCustomReader
from comments.interchange.duoshuo import DuoshuoReader
from comments.interchange.isso import IssoReader, is_sqlite
from comments.interchange.native import NativeReader
from comments.interchange.pages import Base
from comments.interchange.records import NotImportable, Warnings
from comments.interchange.remark42 import Remark42Reader
from comments.interchange.rows import outline
from comments.interchange.waline import COMMENTS, TwikooReader, ValineReader, WalineReader
from comments.interchange.window import Root, Window, begin, read_root
from comments.interchange.wordpress import WordPressReader

Reader = WordPressReader | DisqusReader | NativeReader

XML_READERS: Final[dict[str, type[WordPressReader] | type[DisqusReader]]] = {
    "wordpress": WordPressReader,
    "disqus": DisqusReader,
    "disqus-custom": DisqusCustomReader,
}
FORMATS: Final = ("auto", *XML_READERS, "isso", "remark42", "commento", "artalk", "waline", "duoshuo")
NOBASE: Final = Base()
UNKNOWN: Final = "The file is in no known export format."


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a JSON file: its text, and the paths of the members of its first document."""

    text: str
    members: frozenset[str]

    def has(self, *names: str) -> bool:
        """Say whether all the members are there."""
        return self.members.issuperset(names)

    @property
    def is_list(self) -> bool:
        """Whether the document is a list."""
        return self.text.startswith("[")


@dataclass(frozen=True, slots=True)
class Family:
    """A format of JSON, how it is told by its head, and what reads it."""

    kind: str
    is_it: Callable[[Head], bool]
    reader: type[NativeReader]


# The first that fits counts; those that say what they are stand first.
FAMILIES: Final = (
    Family("waline", lambda head: head.has(COMMENTS), WalineReader),
    Family("waline", lambda head: head.has("results", "results.comment", "results.url"), ValineReader),
    Family("commento", lambda head: head.has("comments", "comments.commentHex"), CommentoReader),
    Family("commento", lambda head: head.has("version", "comments", "commenters"), CommentoReader),
    Family("commento", lambda head: head.has("version", "pages", "pages.path"), CommentoReader),
    Family("duoshuo", lambda head: head.has("threads.thread_id") or head.has("posts.post_id"), DuoshuoReader),
    Family("duoshuo", lambda head: head.has("generator", "threads", "posts"), DuoshuoReader),
    Family("remark42", lambda head: not head.is_list and head.has("version", "users", "posts"), Remark42Reader),
    Family("artalk", lambda head: head.has("page_key", "content"), ArtalkReader),
    Family("waline", lambda head: head.has("comment", "nick", "url"), TwikooReader),
)


def open_export(path: Path, kind: str = "auto", base: Base = NOBASE) -> Reader:
    """Return a reader of the file, its head already read.

    `kind` is one of FORMATS; a WXR file may be read as `wordpress` or `disqus-custom`, whichever it looks like. `base`
    says where the pages are of systems that name them by path only. NotImportable: a DOCTYPE, entity declarations, an
    encoding that is not read, or not a file of that kind. OSError as from opening it.
    """
    warnings = Warnings()
    if is_sqlite(path):
        _agree(kind, "isso")
        return IssoReader(path, base, warnings)
    window = Window(clean_text(path, warnings))
    text = begin(window)
    if text.startswith(("{", "[")):
        family = _family(Head(text, frozenset(outline(text))))
        _agree(kind, family.kind)
        # What the head had to be warned of is met again by the reader.
        return family.reader(path, base, Warnings())
    root = read_root(window, warnings)
    found = _xml_kind(root)
    if kind == "auto":
        kind = found
    elif kind not in XML_READERS or (kind == "disqus") != (found == "disqus"):
        _agree(kind, found)
    return XML_READERS[kind](window, root, warnings)


def _agree(kind: str, found: str) -> None:
    if kind not in {"auto", found}:
        raise NotImportable(f"The file is no export of the format {kind}; it looks like {found}.")


def _family(head: Head) -> Family:
    for family in FAMILIES:
        if family.is_it(head):
            return family
    raise NotImportable(UNKNOWN)


def _xml_kind(root: Root) -> str:
    declared = root.namespaces.values()
    if root.name == "disqus" and disqus.INTERNALS in declared and root.namespaces.get("") in {None, disqus.NAMESPACE}:
        return "disqus"
    if root.name == "rss" and any(map(wordpress.WXR.match, declared)):
        return "disqus-custom" if wordpress.DISQUS in declared else "wordpress"
    raise NotImportable(UNKNOWN)
