"""A TLS server on loopback that is every network at once: what it answers, and what it was asked.

It has a certificate of an authority of its own for each network's name, so that our client checks them as it always
does. It remembers what was posted as the networks do: Mastodon by `Idempotency-Key`, Bluesky by the record's key.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from project import http as client

HOOK, OTHER_HOOK = "hooks.example.org", "other.example.org"
SLACK, DISCORD, TELEGRAM = "hooks.slack.com", "discord.com", "api.telegram.org"
MASTODON, BLUESKY = "social.example.org", "bsky.social"
NAMES = (HOOK, OTHER_HOOK, SLACK, DISCORD, TELEGRAM, MASTODON, BLUESKY)


@dataclass
class Asked:
    """One request as it came: header names in lower case."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Say:
    """How to answer one request: status, headers, body; after some seconds; `lose` takes it and hangs up."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    lose: bool = False


class ChannelServer:
    """`next_from` holds, by host, how the next requests are answered out of the ordinary, the first one first."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[Asked] = []
        self.next_from: dict[str, list[Say]] = defaultdict(list)
        self.always: dict[str, Say] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.records: dict[str, Any] = {}
        self.rooms: dict[str, list[Any]] = defaultdict(list)
        self.sessions = 0
        self.lock = threading.Lock()
        self.authority, chain = certificates(folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        # The handshake belongs to the thread of the connection, so that none holds up another.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.names = dict.fromkeys(NAMES, f"127.0.0.1:{self.server.server_port}")

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                host = headers["host"]
                asked = Asked(host, self.command, self.path, headers, body)
                say = server.answer(asked)
                time.sleep(say.seconds)
                if say.lose:
                    self.close_connection = True
                    self.connection.close()
                    return
                data = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
                self.send_response(say.status)
                for name, value in {"Content-Type": "application/json", **say.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def answer(self, asked: Asked) -> Say:
        with self.lock:
            self.asked.append(asked)
            waiting = self.next_from[asked.host]
            say = waiting.pop(0) if waiting else self.always.get(asked.host)
            if say is not None and not say.lose:
                return say
            usual = self.usual(asked)
            return usual if say is None else Say(lose=True, seconds=say.seconds)

    def usual(self, asked: Asked) -> Say:
        """Do what the network does."""
        special: dict[str, Callable[[Asked], Say]] = {
            MASTODON: self.toot,
            BLUESKY: self.record,
            DISCORD: lambda asked: self.say_in(asked, {"id": "42"}),
            TELEGRAM: lambda asked: self.say_in(asked, {"ok": True, "result": {"message_id": 7}}),
        }
        return special.get(asked.host, lambda asked: self.say_in(asked, "ok"))(asked)

    def say_in(self, asked: Asked, body: Any) -> Say:
        self.rooms[asked.host].append(asked.json())
        return Say(body=body)

    def toot(self, asked: Asked) -> Say:
        key = asked.headers["idempotency-key"]
        if key not in self.statuses:
            number = len(self.statuses) + 1
            self.statuses[key] = {"id": str(number), "url": f"https://{MASTODON}/@us/{number}", **asked.json()}
        return Say(body=self.statuses[key])

    def record(self, asked: Asked) -> Say:
        call = urlsplit(asked.path).path.rpartition("/")[2]
        if call == "com.atproto.server.createSession":
            self.sessions += 1
            return Say(body={"accessJwt": f"jwt-{self.sessions}", "refreshJwt": "r", "did": "did:plc:us"})
        if asked.headers["authorization"] != f"Bearer jwt-{self.sessions}":
            return Say(400, {"error": "ExpiredToken", "message": "Token has expired"})
        if call == "com.atproto.repo.getRecord":
            key = parse_qs(urlsplit(asked.path).query)["rkey"][0]
            if key not in self.records:
                return Say(400, {"error": "RecordNotFound", "message": "no such record"})
        else:
            key = asked.json()["rkey"]
            self.records[key] = asked.json()["record"]
        return Say(body={"uri": f"at://did:plc:us/app.bsky.feed.post/{key}", "cid": "c"})

    def of(self, host: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.host == host]


@contextmanager
def networks_on_loopback(folder: Path) -> Iterator[ChannelServer]:
    server = ChannelServer(folder)
    threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with (
            patch.dict(client.stands_for, server.names),
            patch.dict("os.environ", {"SSL_CERT_FILE": str(server.authority)}),
        ):
            yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def certificates(folder: Path, hosts: Iterable[str] = NAMES) -> tuple[Path, Path]:
    """Write an authority, and a key with a certificate of it for the hosts; return both files."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of tests")])
    now = datetime.now(UTC)

    def built(subject: x509.Name, public: Any, *extensions: tuple[Any, bool]) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, hashes.SHA256())

    own = built(issuer, authority_key.public_key(), (x509.BasicConstraints(ca=True, path_length=0), True))
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in hosts])
    leaf = built(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "networks")]), key.public_key(), (names, False))
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(own.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(private + leaf.public_bytes(pem))
    return folder / "authority.pem", folder / "leaf.pem"
