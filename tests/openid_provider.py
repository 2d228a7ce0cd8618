"""An OpenID Connect provider on loopback: discovery, consent, codes with PKCE, RS256 tokens, keys, userinfo.

It is strict where a real one is: a code works once, for the client, the address and the verifier that it was made for.
`claims` are what it says of who signs in, `answers` replaces what a path answers with (status, body).
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY = rsa.generate_private_key(65537, 2048)
CLIENT, SECRET = "afterword-client", "a secret between us & them"


class Provider:
    """See the module; `asked` lists the paths that were asked for, `given` the queries that led readers here."""

    def __init__(self) -> None:
        self.key = KEY
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {"sub": "u-7", "name": "Ben", "email": "ben@example.org", "email_verified": True}
        self.overrides: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.given: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.reply(*provider.get(parts.path, query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self.reply(*provider.token(form))

            def reply(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", body.decode())
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def get(self, path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path][0], "application/json", self.answers[path][1]
        if path == "/authorize":
            return 200, "text/html", self.consent(query)
        found: Any = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                **{f"{what}_endpoint": f"{self.url}/{what}" for what in ("token", "userinfo")},
                "authorization_endpoint": f"{self.url}/authorize",
                "jwks_uri": f"{self.url}/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            },
            "/jwks": {"keys": [{**RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "k1"}]},
            "/userinfo": self.userinfo,
        }.get(path)
        return (200 if found else 404), "application/json", json.dumps(found).encode()

    def consent(self, query: dict[str, str]) -> bytes:
        """Return a page with two links: back with a code, and back without."""
        self.given.append(query)
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        back, state = query["redirect_uri"], query["state"]
        yes = escape(f"{back}?{urlencode({'code': code, 'state': state})}")
        no = escape(f"{back}?{urlencode({'error': 'access_denied', 'state': state})}")
        page = f'<!doctype html><title>Provider</title><a id="yes" href="{yes}">Yes</a> <a id="no" href="{no}">No</a>'
        return page.encode()

    def token(self, form: dict[str, str]) -> tuple[int, str, bytes]:
        self.asked.append("/token")
        if "/token" in self.answers:
            return self.answers["/token"][0], "application/json", self.answers["/token"][1]
        query = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = (
            query is not None
            and (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
            and form["redirect_uri"] == query["redirect_uri"]
            and query["code_challenge_method"] == "S256"
            and query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        )
        if query is None or not fits:
            return 400, "application/json", b'{"error": "invalid_grant"}'
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": query["nonce"]}
        claims = {name: value for name, value in (said | self.claims | self.overrides).items() if value is not None}
        token = jwt.encode(claims, self.signs_with, self.algorithm, {"kid": "k1"})
        answer = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": token}
        return 200, "application/json", json.dumps(answer).encode()


@contextmanager
def provider_on_loopback() -> Iterator[Provider]:
    provider = Provider()
    threading.Thread(target=provider.server.serve_forever, args=(0.02,), daemon=True).start()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()
