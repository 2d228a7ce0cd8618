"""What the tests of the article page share: a site to read, a window that tells what must not happen, and typing."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import unavailable
from tests.processes import ROOT, LiveService

AXE = ROOT / "tests/npm/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

_number = itertools.count(1)


@dataclass
class Press:
    """A site of the live service with one article, and the key that runs it."""

    service: LiveService
    slug: str
    key: str
    article: int = 0
    others: list[int] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"{self.service.base}/a/{self.article}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.service.request(method, path, body, {"Authorization": f"Bearer {self.key}"})
        assert answer.status < 300, answer.text
        return answer.json()

    def put(self, identifier: str, **fields: Any) -> int:
        fields = {"site": self.slug, "identifier": identifier, **fields}
        return int(self.call("PUT", "/api/v1/articles", fields)["id"])

    def say(self, body: str, **fields: Any) -> Any:
        data = {"article": self.article, "body": body, "author": {"name": "Ada"}, **fields}
        return self.call("POST", "/api/v1/comments", data)


def make_press(service: LiveService, *options: str) -> Press:
    slug = f"press-{next(_number)}"
    made = service.manage("create_site", "The Press", "--slug", slug, "--origin", service.base, "--json", *options)
    press = Press(service, slug, json.loads(made.stdout)["api_key"])
    press.others = [press.put("other", title="Another story", html="<p>Other.</p>", tags=["bees"])]
    press.article = press.put(
        "bees",
        title="What the bees learned",
        html="<p>The hive stands on the roof.</p>",
        author_name="Maren",
        tags=["bees"],
        source={"name": "The Ledger", "author": "Ines", "title": "Reporter", "url": "https://ledger.example/bees"},
    )
    return press


@dataclass
class Visit:
    """A browser's window and everything that must not happen in it."""

    page: Any
    base: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda said: self.fault(said.text, said.type in ("error", "warning")))
        self.page.on("pageerror", lambda error: self.fault(str(error)))
        self.page.on("dialog", self.dismiss)
        self.page.on("request", lambda asked: self.fault(asked.url, not asked.url.startswith((self.base, "about:"))))

    def fault(self, text: str, is_one: bool = True) -> None:
        if is_one:
            self.faults.append(text)

    def dismiss(self, dialog: Any) -> None:
        self.fault(dialog.message)
        dialog.dismiss()

    def forgive(self, *known: str) -> None:
        """Drop faults that a test brings about: Chromium itself reports every request that fails on its console."""
        self.faults[:] = [fault for fault in self.faults if not any(part in fault for part in known)]


def fill(page: Any, body: str, name: str = "Ben", email: str = "") -> None:
    page.fill("#comment-body", body)
    page.fill("#comment-name", name)
    page.fill("#comment-email", email)


def comments_on(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("#thread .comment-text").all_inner_texts()]


def barriers(page: Any) -> list[Any]:
    """Return what axe finds wrong on the page as it is now; the context needs `bypass_csp`."""
    if not AXE.exists():
        unavailable(f"there is no {AXE}: run `npm install --prefix tests/npm`")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
