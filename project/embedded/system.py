"""The whole system in the foreground: what `manage.py up` starts, in which order, and what it leaves behind.

Servers, then `manage.py prepare` (migrations, demo, first admin), then application, web server, workers and beat; the
other way round at the end. All that other commands need to know stands in the record (`running`).
"""

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from project.embedded.account import Place, choose_account, make_own_place, make_place, remove_place
from project.embedded.errors import EmbeddedError
from project.embedded.postgres import Postgres
from project.embedded.processes import Child, Identity, end_stray, identify, start_child
from project.embedded.running import Record, Stray, folder_mark, forget, lock, read_record
from project.embedded.servers import wait_for_server
from project.embedded.signals import Signals, Stopped
from project.embedded.supervisor import Supervisor, describe_end
from project.embedded.valkey import Valkey
from project.embedded.web import NICENESS, application_arguments, web_arguments

# Ranks of stopping: the highest first.
BEAT, WORKERS, WEB, APPLICATION, BROKER, DATABASE = 6, 5, 4, 3, 2, 1
# Worker name -> the queues it serves. Confirmations wait for nobody.
# Channels and maintenance may wait for other people's servers; what readers wait for must not wait with them.
WORKER_QUEUES = {
    "confirm": "confirm",
    "mail": "mail",
    "planner": "fanout",
    "channels": "channels",
    "maintenance": "maintenance",
}
# Seconds that a worker, the web server or the application may take to finish what it has in hand.
GRACE = 15.0


@dataclass(frozen=True)
class Options:
    """What was asked of `up`. `embed_*` is off where the environment names a server."""

    root: Path
    data_dir: Path
    host: str
    port: int
    web_workers: int
    demo: bool
    embed_database: bool
    embed_broker: bool

    @property
    def web_url(self) -> str:
        """Where this machine reaches the web server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}"

    @property
    def metrics_dir(self) -> Path:
        """Where the children keep the numbers of `/metrics`, each for all; it lives as long as they do."""
        return self.data_dir / "run" / "metrics"


class System:
    """`run` returns when somebody has asked to stop and everything has ended; `EmbeddedError` when it cannot go on."""

    def __init__(self, options: Options, ready: Callable[[dict[str, object], Callable[[float], None]], None]) -> None:
        self.options = options
        self.ready = ready
        self.place: Place | None = None
        # Ours alone, short: where the application listens.
        self.sockets = Path()
        self.signals = Signals()
        self.supervisor = Supervisor(self.signals, self._record_children, say)
        self.record = Record(_ourselves(), "", web_url=options.web_url)

    def run(self) -> None:
        data_dir = self.options.data_dir
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = lock(data_dir)
        try:
            # First, because what a killed `up` left may hold the port.
            clean_up_after(data_dir)
            check_port(self.options.host, self.options.port)
            self.record.data = folder_mark(data_dir)
            self._start()
            self.supervisor.watch()
        except Stopped:
            pass
        finally:
            self._end()
            os.close(held)

    def _start(self) -> None:
        # A killed `up` leaves numbers of processes that are gone.
        shutil.rmtree(self.options.metrics_dir, ignore_errors=True)
        self.options.metrics_dir.mkdir(mode=0o700)
        self._make_places()
        self._start_servers()
        prepared = self._prepare()
        self._start_ours()
        self.ready(prepared, self._pause)

    def _pause(self, seconds: float) -> None:
        self.supervisor.look()
        self.signals.pause(seconds)

    def _end(self) -> None:
        self.supervisor.stop()
        if self.record.place:
            remove_place(Path(self.record.place))
        shutil.rmtree(self.options.metrics_dir, ignore_errors=True)
        # Until the record is ours it is the only trace of what a killed `up` left.
        if self.record.data:
            forget(self.options.data_dir)

    def _make_places(self) -> None:
        data_dir = self.options.data_dir
        if self.options.embed_database or self.options.embed_broker:
            self.place = make_place(choose_account(data_dir / "postgres"))
        root = self.place.root if self.place else make_own_place()
        self.record.place = str(root)
        self.record.write(data_dir)
        self.sockets = root / "own"
        self.sockets.mkdir(mode=0o700)

    def _start_servers(self) -> None:
        data_dir, logs = self.options.data_dir, self.options.data_dir / "log"
        logs.mkdir(mode=0o700, exist_ok=True)
        servers: list[tuple[str, int, Postgres | Valkey]] = []
        if self.place and self.options.embed_broker:
            valkey = Valkey(data_dir / "valkey", self.place, logs / "valkey.log")
            self.record.redis_url = valkey.url
            servers.append(("Valkey", BROKER, valkey))
        if self.place and self.options.embed_database:
            connections = 100 + 20 * self.options.web_workers
            postgres = Postgres(data_dir / "postgres", self.place, logs / "postgres.log", connections)
            self.record.database_url = postgres.url
            servers.append(("PostgreSQL", DATABASE, postgres))
        self.record.write(data_dir)
        for _, _, server in servers:
            server.make()
        started = [(server, self.supervisor.add(name, rank, server.start)) for name, rank, server in servers]
        for server, child in started:
            wait_for_server(server, child, self.signals.pause)

    def _prepare(self) -> dict[str, object]:
        """Migrate and seed in a process of its own; what it found is its last line."""
        arguments = ["prepare"] if self.options.demo else ["prepare", "--no-demo"]
        log = self.options.data_dir / "log" / "prepare.log"
        with log.open("wb") as output:
            child = self._python("prepare", str(self.options.root / "manage.py"), *arguments, output=output)
        try:
            while not child.ended():
                self._pause(0.1)
        finally:
            child.stop()
        lines = log.read_text(errors="replace").strip().splitlines() or [""]
        if child.process.returncode != 0:
            ending = describe_end(child.process.returncode)
            raise EmbeddedError(f"The database could not be prepared ({ending}): {lines[-1]} (more in {log})")
        found: dict[str, object] = json.loads(lines[-1])
        return found

    def _start_ours(self) -> None:
        options, add = self.options, self.supervisor.add
        socket = self.sockets / "application.sock"
        web = web_arguments(options.host, options.port, options.web_workers)
        application = application_arguments(socket, options.web_workers)

        def start_application() -> Child:
            # A killed one leaves its socket, on which nobody else could listen.
            socket.unlink(missing_ok=True)
            return self._python("application", *application, own_session=False, niceness=NICENESS)

        def start_web() -> Child:
            return self._python("web", *web, own_session=False, APPLICATION_SOCKET=str(socket))

        add("application", APPLICATION, start_application)
        add("web server", WEB, start_web)
        for name, queues in WORKER_QUEUES.items():
            worker = ["worker", "-n", f"{name}@%h", "-Q", queues, "-c", "1", "-l", "WARNING"]
            worker += ["--without-gossip", "--without-mingle"]
            add(f"worker {name}", WORKERS, self._celery(name, worker))
        # The schedule is static and its ticks are short, so beat keeps nothing between starts.
        add("beat", BEAT, self._celery("beat", ["beat", "-S", "celery.beat:Scheduler", "--pidfile=", "-l", "WARNING"]))

    def _celery(self, name: str, arguments: list[str]) -> Callable[[], Child]:
        return lambda: self._python(name, "-m", "celery", "-q", "--skip-checks", "-A", "project.celery", *arguments)

    def _python(
        self,
        name: str,
        *arguments: str,
        output: IO[bytes] | None = None,
        own_session: bool = True,
        niceness: int = 0,
        **variables: str,
    ) -> Child:
        environment = {
            **os.environ,
            "DATA_DIR": str(self.options.data_dir),
            "PROMETHEUS_MULTIPROC_DIR": str(self.options.metrics_dir),
            **variables,
        }
        return start_child(
            name,
            [sys.executable, *arguments],
            cwd=self.options.root,
            env=environment,
            output=output,
            grace=GRACE,
            own_session=own_session,
            niceness=niceness,
        )

    def _record_children(self, children: list[Child]) -> None:
        if not self.record.data:
            return
        self.record.children = [Stray(child.name, child.identity, int(child.stop_signal)) for child in children]
        self.record.write(self.options.data_dir)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def check_port(host: str, port: int) -> None:
    """`EmbeddedError` when nobody could serve on this address."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise EmbeddedError(f"--host {host} is no address of this machine.") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            reason = "is taken" if error.errno == 98 else f"cannot be used ({error.strerror})"
            raise EmbeddedError(f"Port {port} on {host} {reason}; choose another with --port.") from None


def clean_up_after(data_dir: Path) -> None:
    """End what a killed `up` left running on this data folder, in the order of an orderly stop."""
    left = read_record(data_dir)
    if left is None:
        return
    for stray in reversed(left.children):
        if end_stray(stray.identity, signal.Signals(stray.stop_signal)):
            say(f"ended {stray.name}, left over from an `up` that was killed")
    if left.place:
        remove_place(Path(left.place))


def _ourselves() -> Identity:
    identity = identify(os.getpid())
    if identity is None:
        raise EmbeddedError("This system does not tell when a process started, so `up` cannot keep its record.")
    return identity
