"""Which system a file comes from, told by its first element."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from comments.interchange import disqus, wordpress
from comments.interchange.decoding import clean_text
from comments.interchange.disqus import DisqusReader
from comments.interchange.disqus_custom import DisqusCustomReader
from comments.interchange.records import NotImportable, Warnings
from comments.interchange.window import Root, Window, read_root
from comments.interchange.wordpress import WordPressReader

Reader = WordPressReader | DisqusReader

READERS: Final[dict[str, type[WordPressReader] | type[DisqusReader]]] = {
    "wordpress": WordPressReader,
    "disqus": DisqusReader,
    "disqus-custom": DisqusCustomReader,
}
FORMATS: Final = ("auto", *READERS)


def open_export(path: Path, kind: str = "auto") -> Reader:
    """Return a reader of the file, its head already read.

    `kind` is one of FORMATS; a WXR file may be read as `wordpress` or `disqus-custom`, whichever it looks like.
    NotImportable: a DOCTYPE, entity declarations, an encoding that is not read, or not a file of that kind.
    OSError as from opening it.
    """
    warnings = Warnings()
    window = Window(clean_text(path, warnings))
    root = read_root(window, warnings)
    found = _kind(root)
    if kind == "auto":
        kind = found
    elif (kind == "disqus") != (found == "disqus"):
        raise NotImportable(f"The file is no export of the format {kind}; it looks like {found}.")
    return READERS[kind](window, root, warnings)


def _kind(root: Root) -> str:
    declared = root.namespaces.values()
    if root.name == "disqus" and disqus.INTERNALS in declared and root.namespaces.get("") in {None, disqus.NAMESPACE}:
        return "disqus"
    if root.name == "rss" and any(map(wordpress.WXR.match, declared)):
        return "disqus-custom" if wordpress.DISQUS in declared else "wordpress"
    raise NotImportable("The file is in no known export format: it is neither WordPress' nor Disqus'.")
