"""Records of pages that have moved since they were exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from comments.interchange.records import ArticleRecord, Record, Source, Warnings
from project.address_map import AddressMap

UNUSED = "addresses of the mapping belong to no page of the file"


class Moved:
    """Yields what another source yields, pages with their new addresses; comments are not concerned."""

    def __init__(self, source: Source, moves: AddressMap) -> None:
        self._source, self._moves = source, moves

    @property
    def warnings(self) -> Warnings:
        return self._source.warnings

    @property
    def complete(self) -> bool:
        return self._source.complete

    def __iter__(self) -> Iterator[Record]:
        for record in self._source:
            yield self._moved(record) if isinstance(record, ArticleRecord) and record.url else record
        unused = list(self._moves.unused.values())
        self.warnings.add(unused, UNUSED, len(unused))

    def _moved(self, record: ArticleRecord) -> ArticleRecord:
        target = self._moves.target(record.url)
        return replace(record, url=target, former_url=record.url) if target else record
