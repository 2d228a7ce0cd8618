"""The npm package wpapi, unchanged, in a session with the running service."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.press import make_press
from tests.conftest import unavailable
from tests.processes import ROOT, LiveService

pytestmark = pytest.mark.live

PACKAGES = ROOT / "tests/npm"
SESSION = Path(__file__).with_name("session.cjs")


def test_wpapi_reads_and_writes(live_service: LiveService) -> None:
    if not (PACKAGES / "node_modules/wpapi").exists() or not shutil.which("node"):
        unavailable("there is no node, or no wpapi: run `npm install --prefix tests/npm`")
    press = make_press(live_service)
    home = f"{live_service.base}/wp/{press.slug}/"
    command = ["node", "-", home, press.key, str(press.article)]
    done = subprocess.run(
        command, input=SESSION.read_bytes(), capture_output=True, timeout=120, cwd=PACKAGES, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {
        "endpoint": f"{home}wp-json/",
        "index": "The Press",
        "created": ["approved", "<p>Comment <em>1</em>.</p>\n", True],
        "paging": [6, 3],
        "pages": [["Reader 1", "Reader 2"], ["Reader 3", "Reader 4"], ["Reader 5", "Ada"]],
        "back": 2,
        "filtered": ["Ada"],
        "searched": 4,
        "embedded": "Reader 1",
        "posts": [["What the bees learned", 6], ["Another story", 0]],
        "post": "open",
        "headers": "6",
        "refused": {
            "unknown": ["rest_comment_invalid_id", 404],
            "status": ["rest_forbidden_param", 401],
            "page": ["rest_invalid_param", 400],
            "twice": ["comment_duplicate", 409],
            "empty": ["rest_comment_content_invalid", 400],
            "nowhere": ["rest_comment_invalid_post_id", 403],
            "nameless": ["rest_comment_author_data_required", 400],
            "edit": ["rest_cannot_edit", 401],
            "delete": ["rest_cannot_delete", 401],
        },
        "changed": "Another reply.",
        "held": "hold",
        "waiting": [True],
        "hidden": ["rest_cannot_read", 401],
        "approved": "approved",
        "trashed": "trash",
        "deleted": True,
        "gone": ["rest_comment_invalid_id", 404],
        "wrong": ["incorrect_password", 401],
        "older": "Reader 2",
    }
