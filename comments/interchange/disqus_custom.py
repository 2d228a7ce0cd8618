"""The subset of WXR that Disqus takes in ("custom XML import"), which other comment systems export."""

from __future__ import annotations

from typing import ClassVar

from comments.interchange.wordpress import WordPressReader


class DisqusCustomReader(WordPressReader):
    """Reads it as WXR; its comments are Disqus', and `dsq:thread_identifier` names the page."""

    provider: ClassVar = "disqus"
