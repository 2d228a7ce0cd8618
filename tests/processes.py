"""Real processes for tests: a Celery worker and a web server beside the test database, or the whole service."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from project.embedded.web import application_arguments, web_arguments
from project.health import QUEUES
from tests.servers import clean_environment

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]


def wait_until(happened: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition; fail with `what` was waited for, never by sleeping a guessed time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end(process: subprocess.Popen[Any], number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
    """Signal a process that a test started and wait for it; kill it, and fail, when it does not go."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"process {process.pid} did not end within {seconds} s of {number.name}") from None


def kill_group(process: subprocess.Popen[Any] | None) -> None:
    """kill -9 a process that a test started, with all that it started."""
    if process and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Worker:
    """A real Celery worker process on the database and the broker of this test."""

    environment: Mapping[str, str]
    log: Path
    queues: tuple[str, ...] = QUEUES
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "project.celery", "worker", "-c", "1", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle", "-Q", ",".join(self.queues), "-n", f"{time.time_ns()}@test"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=dict(self.environment), stdout=output, stderr=output, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process and self.process.poll() is None, f"the worker ended:\n{self.output()}"
            return " ready." in self.output()

        wait_until(ready, f"the worker to be ready, which said:\n{self.output()}", 60)

    def kill(self) -> None:
        """kill -9 the whole worker, parent and child, as the kernel would under memory pressure."""
        kill_group(self.process)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Requests to what answers on `port` of this machine."""

    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def request(
        self, method: str, path: str, json_body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, redirects not followed; 4xx and 5xx are answers too. A body of bytes goes as it is."""
        data = json_body if json_body is None or isinstance(json_body, bytes) else json.dumps(json_body).encode()
        sent = {**({"Content-Type": "application/json"} if data is not None else {}), **(headers or {})}
        request = urllib.request.Request(self.base + path, data=data, headers=sent, method=method)
        try:
            with _opener.open(request, timeout=30) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())


@dataclass
class WebProcess(Client):
    """A real web server on the database and the broker of this test, its application, as `manage.py up` starts them.

    Not `is_split`: with Django inside the web server's own process. The two share a folder of numbers for /metrics.
    """

    environment: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    is_split: bool = True
    process: subprocess.Popen[bytes] | None = None
    application: subprocess.Popen[bytes] | None = None
    own: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="afterword-web-")))

    def start(self, *, wait: bool = True) -> None:
        """Start it, or start it again on the same port after `kill` or `stop`."""
        self.own.mkdir(exist_ok=True)
        if self.is_split:
            self.start_application()
        self.start_front()
        if wait:
            wait_until(self._serves, f"the web server, see {self.log}", 60)

    def start_front(self) -> None:
        self.process = self._python(web_arguments("127.0.0.1", self.port))

    def start_application(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.application = self._python(application_arguments(self.socket))

    @property
    def socket(self) -> Path:
        return self.own / "application.sock"

    def _python(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        split = {"PROMETHEUS_MULTIPROC_DIR": str(self.own), "APPLICATION_SOCKET": str(self.socket)}
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**(split if self.is_split else {}), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _serves(self) -> bool:
        assert self.process and self.process.poll() is None, f"the web server ended:\n{self.output()}"
        try:
            return self.get("/livez").status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9 the server and its child, which is the process that answers, and the application."""
        for process in (self.process, self.application):
            kill_group(process)
        shutil.rmtree(self.own, ignore_errors=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End both in order and return the web server's exit status."""
        assert self.process is not None
        try:
            return end(self.process, number)
        finally:
            if self.application:
                end(self.application)
            shutil.rmtree(self.own, ignore_errors=True)

    def memory(self) -> int:
        """Return the resident bytes of the process that answers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        statuses = [Path(f"/proc/{child}/status").read_text() for child in children]
        return max(int(status.partition("VmRSS:")[2].split()[0]) * 1024 for status in statuses if "VmRSS:" in status)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class LiveService(Client):
    """`manage.py up` in a data folder of its own. `base` is its address, `manage` runs commands against it."""

    data_dir: Path
    arguments: tuple[str, ...] = ("--no-demo",)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    # What runs `manage.py up`: tests of ordinary users put another account here.
    popen: dict[str, Any] = field(default_factory=dict)
    command: list[str] = field(default_factory=lambda: list(MANAGE))

    @property
    def log(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    def variables(self) -> dict[str, str]:
        return {**clean_environment(), "DATA_DIR": str(self.data_dir), "PUBLIC_URL": self.base, **self.environment}

    def start(self, *, wait: bool = True) -> None:
        command = [*self.command, "up", "--port", str(self.port), *self.arguments]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self.popen,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        def ready() -> bool:
            assert self.process and self.process.poll() is None, f"`up` ended:\n{self.output()}"
            return "Moderation" in self.output()

        wait_until(ready, f"`up` to print its addresses; see {self.log}:\n{self.output()}", seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it in order and return its exit status."""
        assert self.process is not None
        return end(self.process, number, 60)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a manage.py command on the same data folder; with `check` a failure fails the test with its output."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            **self.popen,
        )
        assert not check or done.returncode == 0, f"manage.py {arguments} ended with {done.returncode}:\n{done.stderr}"
        return done


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
