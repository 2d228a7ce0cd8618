"""How clients of WordPress' REST API ask, and how they are refused."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from articles.models import Site


@dataclass
class Api:
    """Requests to the REST API of one site; `key` goes as an application password does."""

    client: Client
    site: Site
    key: str

    def ask(self, method: str, route: str, body: Any = None, *, keyed: bool = False, **headers: str) -> Any:
        sent = headers | (basic(self.key) if keyed else {})
        address = f"/wp/{self.site.slug}/wp-json{route}"
        data = b"" if body is None else json.dumps(body)
        kind = "application/json" if body is not None else "application/octet-stream"
        return self.client.generic(method, address, data, content_type=kind, headers=sent)

    def get(self, route: str, *, keyed: bool = False, **headers: str) -> Any:
        return self.ask("GET", route, keyed=keyed, **headers)

    def ids(self, query: str = "", *, keyed: bool = False) -> list[int]:
        answer = self.get(f"/wp/v2/comments?{query}", keyed=keyed)
        assert answer.status_code == 200, answer.content
        return [each["id"] for each in answer.json()]


def basic(key: str, user: str = "editor") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"}


def refused(answer: Any) -> tuple[int, str]:
    """Return status and code of a refusal, whose form is WordPress' own."""
    data = answer.json()
    assert set(data) == {"code", "message", "data"}
    assert data["data"]["status"] == answer.status_code
    assert answer["Content-Type"] == "application/json; charset=UTF-8"
    return answer.status_code, data["code"]
