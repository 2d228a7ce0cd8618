"""The shared corpus of bad input, which lies beside the repository and may be absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


def folder(name: str) -> Path:
    """Return a folder or file of the corpus; the test is skipped where it is absent."""
    path = SHARED / "badinput" / name
    if not path.exists():
        pytest.skip(f"the shared corpus badinput/{name} is not beside the repository")
    return path


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of one `.jsonl` file, lone surrogates kept."""
    return [json.loads(line) for line in folder(name).read_text(encoding="utf-8").splitlines()]
