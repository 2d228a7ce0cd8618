"""The plugin in docs/wordpress says what the API understands."""

from __future__ import annotations

import re

from articles.serializers import ArticleInputSerializer
from tests.processes import ROOT


def test_it_sends_fields_that_an_article_has() -> None:
    source = (ROOT / "docs/wordpress/afterword.php").read_text(encoding="utf-8")
    body = source.partition("function afterword_article(")[2].partition("\n}\n")[0]
    sent = set(re.findall(r"'(\w+)'\s*=>", body)) - {"fields"}
    assert {"url", "identifier", "title", "published_at"} <= sent <= set(ArticleInputSerializer().fields)
    assert "/api/v1/articles'" in source
