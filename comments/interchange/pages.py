"""The pages of systems that have no records of them: told once each, before their first comment.

Many systems know a page by its path only. Below which address it lies says, in this order, `--base`, the file, or the
one origin of the site. The comments of a page have the source `SYSTEM:HOST` (`isso:blog.example.org`), which neither a
blog's base URL nor a Disqus forum ever is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from comments.interchange.fields import headline, host_of, name_within, page_address
from comments.interchange.records import ArticleRecord, NotImportable, Warnings
from comments.interchange.shelf import Shelf

ABSOLUTE: Final = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Base:
    """Addresses below which pages may lie: the one that was `given`, and one to fall back on; "" for none."""

    given: str = ""
    fallback: str = ""


class Pages:
    """Makes the record of each page that a file of `system` names."""

    def __init__(self, system: str, base: Base, shelf: Shelf, warnings: Warnings) -> None:
        self._system, self._base, self._shelf, self._warnings = system, base, shelf, warnings

    def meet(
        self,
        name: str,
        where: str,
        *,
        key: str = "",
        host: str = "",
        title: str = "",
        is_open: bool = True,
        published_at: datetime | None = None,
    ) -> tuple[str, ArticleRecord | None]:
        """Return the key of the page that the file calls `name`, an address or a path, and its record the first time.

        `key` is how the file's comments name it, if not by `name`. `host` is what the file says of where its pages
        are, a host or an address. NotImportable: a path, and nobody says below which address.
        """
        key = key or (f"{host} {name}" if host else name)
        if not self._shelf.put("met", key):
            return key, None
        address, base = self._address(name, host)
        url = page_address(address)
        if not url:
            self._warnings.add(where, "addresses that no page can have were left out")
        record = ArticleRecord(
            key=key,
            where=where,
            source=name_within(f"{self._system}:{host_of(url or base)}", 200),
            url=url,
            identifiers=() if url else (name_within(f"{self._system}:{name}", 500),),
            title=headline(title, 500),
            state="",
            visibility="public",
            comments_open=is_open,
            published_at=published_at,
            only_with_comments=True,
        )
        return key, record

    def _address(self, name: str, host: str) -> tuple[str, str]:
        """Return the absolute address of a page, and below which base it lies."""
        if ABSOLUTE.match(name):
            return name, name
        if name.startswith("//"):
            return f"https:{name}", f"https:{name}"
        said = host if ABSOLUTE.match(host) or not host else f"https://{host}"
        base = self._base.given or said or self._base.fallback
        if not base:
            raise NotImportable(
                "The file names its pages by path only: say with --base below which address they are, like"
                " --base https://blog.example."
            )
        return f"{base.rstrip('/')}/{name.lstrip('/')}", base
