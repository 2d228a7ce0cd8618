"""The reader of JSON bodies (project.parsers), as DRF's views use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from project.parsers import check_media_type, parse_json


class StrictJSONParser(BaseParser):
    """The same reader for DRF views (setting `DEFAULT_PARSER_CLASSES`)."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the object in the body; Problem 415 for another charset, 400 for anything but acceptable JSON."""
        name, _, rest = (media_type or self.media_type).partition(";")
        parameters = dict(part.strip().lower().partition("=")[::2] for part in rest.split(";") if part.strip())
        check_media_type(name.strip(), parameters)
        return parse_json(stream.read())
