"""What a run stands on: database and broker with the comments in them, our web servers, a bare one, nginx."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import psycopg

from project.embedded.web import NICENESS, application_arguments, web_arguments
from tests.benchmarks.cores import SERVER_CORE, family_of, on_cores, resident, wait_until_idle
from tests.benchmarks.corpus import ORIGIN, Shape, write_export
from tests.benchmarks.mail_sink import MailSink
from tests.benchmarks.nginx import Nginx
from tests.benchmarks.webhook_sink import WebhookSink
from tests.processes import MANAGE, ROOT, end, free_port, wait_until
from tests.servers import Servers, clean_environment

SITE = "reading"
PAGES = 1_000
# As docs/operating.md has it.
WSGI_THREADS = 8
SHAPES = (
    Shape("hundred", 100, branch=4),
    Shape("thousand", 1_000, branch=10),
    Shape("long", 20_000, branch=4),
    Shape("busy", 100, branch=4),
    Shape("elsewhere", 100, branch=4),
    *(Shape(f"page-{number}", 20, branch=4) for number in range(PAGES)),
)


@dataclass
class Web:
    """A granian with one process that answers, on the servers' core; `behind` is what it passes on to."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    behind: Web | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def worker(self) -> int:
        """The process that answers; the other one only keeps it running."""
        assert self.process is not None
        return max(family_of(self.process.pid), key=resident)

    def start(self) -> None:
        if self.behind is not None:
            self.behind.start()
        with on_cores(SERVER_CORE), self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env=dict(self.environment),
                stdout=output,
                stderr=output,
                process_group=0,
                preexec_fn=None if self.port else partial(os.nice, NICENESS),
            )
        if self.port:
            wait_until(self._answers, f"{self.name}, see {self.log}", 60)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None
        if self.behind is not None:
            self.behind.stop()

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
        with contextlib.suppress(OSError):
            return fetch(f"{self.base}/livez").status != 503
        return False


@dataclass(frozen=True)
class Fetched:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Exhibit:
    """An answer of ours that others give too: under `/NAME` at the bare server, `/NAME` (a file) at nginx."""

    name: str
    path: str
    headers: dict[str, str]
    answer: Fetched


class Ground:
    """Use it as a context: everything ends with it, and nothing is left of it."""

    def __init__(self) -> None:
        self.servers = Servers(careless=False)
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.servers.folder))
        self.environment: dict[str, str] = {}
        self.articles: dict[str, int] = {}
        self.webs: dict[str, Web] = {}
        self.exhibits: dict[str, Exhibit] = {}
        self.ours = self._split("ours")
        self._sink: MailSink | None = None
        self._webhooks: WebhookSink | None = None
        self.nginx = Nginx(self.folder / "nginx", urlsplit(self.ours.base).netloc)

    def __enter__(self) -> Ground:
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for web in self.webs.values():
            web.stop()
        self.nginx.stop()
        if self._sink is not None:
            self._sink.stop()
        if self._webhooks is not None:
            self._webhooks.stop()
        self.servers.stop()

    def settle(self) -> None:
        """Wait until no server has anything left to do."""
        wait_until_idle(self.processes())

    def processes(self) -> list[int]:
        """Return the processes that were started, each the head of a family."""
        webs = [one for web in self.webs.values() for one in (web, web.behind) if one is not None]
        running = [web.process.pid for web in webs if web.process is not None]
        servers = [child.process.pid for child in self.servers.children.values()]
        return [*running, *servers, *([self.nginx.process.pid] if self.nginx.process else [])]

    def page(self, key: str, limit: int = 25) -> str:
        """Return the path of a thread's first page."""
        return f"/api/v1/thread?article={self.articles[key]}&limit={limit}"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.servers.database_url, autocommit=True)

    def web(self, name: str, arguments: list[str], **variables: str) -> Web:
        """Return a server of ours under a name, started when it is asked for first."""
        if name not in self.webs:
            self._web(name, arguments, **variables).start()
        return self.webs[name]

    def asgi(self, name: str, **variables: str) -> Web:
        """Return a further server of the whole service, with variables of its own."""
        if name not in self.webs:
            self._split(name, **variables).start()
        return self.webs[name]

    def single(self) -> Web:
        """Return the whole service in one process, Django inside."""
        return self.web("single", web_arguments("127.0.0.1", free_port()))

    def wsgi(self) -> Web:
        """Return Django alone, as it stands behind a proxy for what is not a read."""
        arguments = web_arguments("127.0.0.1", free_port())
        arguments[arguments.index("asgi")] = "wsgi"
        arguments[-1:] = ["--blocking-threads", str(WSGI_THREADS), "project.wsgi:application"]
        at = arguments.index("--loop")
        del arguments[at : at + 2]
        return self.web("wsgi", arguments)

    def bare(self) -> Web:
        """Return the bare server, which knows the exhibits that were there when it was asked for first."""
        arguments = [*web_arguments("127.0.0.1", free_port())[:-1], "tests.benchmarks.bare:application"]
        return self.web("bare", arguments, EXHIBITS=str(self.folder / "exhibits"))

    def mail_sink(self) -> MailSink:
        """Return the mail server that takes everything, started when it is asked for first."""
        self._sink = self._sink or MailSink()
        return self._sink

    def webhook_sink(self) -> WebhookSink:
        """Return the webhooks that take everything, started when they are asked for first."""
        self._webhooks = self._webhooks or WebhookSink()
        return self._webhooks

    def exhibit(self, name: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> None:
        """Ask ours and give the answer to the other servers."""
        answer = fetch(self.ours.base + path, headers, body=body)
        assert answer.status in {200, 304}, f"{path} is {answer.status}: {answer.body[:200]!r}"
        self.exhibits[name] = Exhibit(name, path, headers or {}, answer)
        told = json.dumps({"status": answer.status, "headers": answer.headers})
        (self.folder / "exhibits" / f"{name}.json").write_text(told)
        (self.folder / "exhibits" / f"{name}.body").write_bytes(answer.body)
        packed = dict(answer.headers).get("content-encoding") == "gzip"
        plain = gzip.decompress(answer.body) if packed else answer.body
        (self.nginx.files / name).write_bytes(plain)
        (self.nginx.files / f"{name}.gz").write_bytes(answer.body if packed else gzip.compress(plain, 6))

    def _split(self, name: str, **variables: str) -> Web:
        """Make the two processes that `manage.py up` starts."""
        socket = self.folder / f"{len(self.webs)}.sock"
        web = self._web(name, web_arguments("127.0.0.1", free_port()), APPLICATION_SOCKET=str(socket), **variables)
        arguments = application_arguments(socket)
        web.behind = Web(f"{name}, Django", arguments, web.environment, self.folder / f"{name}-django.log", 0)
        return web

    def _web(self, name: str, arguments: list[str], **variables: str) -> Web:
        port = int(arguments[arguments.index("--port") + 1])
        web = Web(name, arguments, {**self.environment, **variables}, self.folder / f"{name}.log", port)
        self.webs[name] = web
        return web

    def _prepare(self) -> None:
        numbers = self.folder / "metrics"
        for folder in (self.folder / "exhibits", self.nginx.files, numbers):
            folder.mkdir(parents=True)
        with on_cores(SERVER_CORE):
            self.servers.start_postgres()
            self.servers.start_valkey()
        own = {"RATE_LIMITS": "off", "PROMETHEUS_MULTIPROC_DIR": str(numbers)}
        self.environment |= {**clean_environment(), **self.servers.environment(), **own}
        self._fill()
        for web in (self.ours, self.ours.behind):
            web.environment = {**self.environment, **web.environment}
        self.ours.start()
        self._add_exhibits()
        self.nginx.start()

    def _fill(self) -> None:
        export = self.folder / "export.xml"
        write_export(export, SHAPES)
        self._manage("migrate", "--verbosity", "0")
        self._manage("create_site", "Reading", "--slug", SITE, "--origin", ORIGIN)
        self._manage("import_comments", str(export), "--site", SITE)
        with self.connect() as connection:
            rows = connection.execute("SELECT url, id FROM articles_article").fetchall()
            self.articles = {str(url).rpartition("/")[2]: int(str(number)) for url, number in rows}
            connection.execute("VACUUM ANALYZE")

    def _manage(self, *arguments: str) -> None:
        done = subprocess.run([*MANAGE, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {arguments[0]} failed: {done.stderr}")

    def _add_exhibits(self) -> None:
        packed = {"Accept-Encoding": "gzip"}
        for name, key, limit in (("hundred", "hundred", 25), ("thousand", "thousand", 100), ("long", "long", 25)):
            self.exhibit(name, self.page(key, limit))
            self.exhibit(f"{name}-gzip", self.page(key, limit), packed)
        known = dict(self.exhibits["hundred"].answer.headers)["etag"]
        self.exhibit("unchanged", self.page("hundred"), {"If-None-Match": known})
        urls = [shape.url for shape in SHAPES if shape.key.startswith("page-")][:50]
        self.exhibit("counts", f"/api/v1/counts?site={SITE}" + "".join(f"&url={url}" for url in urls))
        body = json.dumps({"site": SITE, "urls": urls}).encode()
        (self.folder / "counts.body").write_bytes(body)
        self.exhibit("counts-posted", "/api/v1/counts", {"Content-Type": "application/json"}, body)


def fetch(url: str, headers: Mapping[str, str] | None = None, *, body: bytes | None = None) -> Fetched:
    """Return an answer as it came over the wire, still packed; headers of the connection itself are left out."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    kept = [(name.lower(), value) for name, value in response.getheaders()]
    own = {"server", "date", "connection", "transfer-encoding", "keep-alive"}
    return Fetched(response.status, [(name, value) for name, value in kept if name not in own], content)
