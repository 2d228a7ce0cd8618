"""What search engines read, against the vocabulary of schema.org as `schema-dts` writes it down for a type checker."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.api.test_cards import described_article, show
from tests.conftest import unavailable
from tests.factories import make_comment
from tests.reading_cards import linked_data
from tests.source import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.live]

PACKAGES = ROOT / "tests/npm/node_modules"
COMPILER = PACKAGES / "typescript/bin/tsc"
OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"]


def faults(folder: Path, data: Any) -> str:
    """Return what the checker has against an article's description, "" for nothing."""
    if not shutil.which("node") or not COMPILER.exists() or not (PACKAGES / "schema-dts").exists():
        unavailable("there is no node, typescript or schema-dts: run `npm install --prefix tests/npm`")
    (folder / "node_modules").unlink(missing_ok=True)
    (folder / "node_modules").symlink_to(PACKAGES)
    said = "import type { NewsArticle, WithContext } from 'schema-dts';\n"
    said += f"export const article: WithContext<NewsArticle> = {json.dumps(data)};\n"
    (folder / "article.mts").write_text(said, encoding="utf-8")
    command = ["node", str(COMPILER), *OPTIONS, "article.mts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode == 0) == (not done.stdout), done.stderr
    return done.stdout


def test_every_word_is_known_and_used_for_what_it_means(client: Client, tmp_path: Path) -> None:
    article = described_article(
        source_name="The Gazette",
        source_url="https://gazette.example/bees",
        source_author="Cy",
        source_title="Reporter",
    )
    comment = make_comment(article, author_name="Ben", author_url="https://ben.example/", up=2)
    make_comment(article, comment, author_name="Dora")
    (data,) = linked_data(show(client, article))
    assert data["isBasedOn"]["publisher"]["name"] == "The Gazette" and data["comment"][0]["comment"]
    assert faults(tmp_path, data) == ""
    # The judge is awake: a word that there is not, and one that means something else.
    assert "headlines" in faults(tmp_path, data | {"headlines": "x"})
    assert faults(tmp_path, data | {"isBasedOn": {"@type": "Person", "name": "Ben"}})
