"""Real parts for every test: PostgreSQL, Valkey, a mail server, a Celery worker, the whole service, a browser.

pytest-django makes one database for each xdist worker in the one PostgreSQL of the run; each worker has a Valkey
to itself, so a test may flush or stop it.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import LiveService, WebProcess, Worker
from tests.servers import Servers, clean_environment
from tests.smtp_sink import SmtpSink

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
DRILL_SEED = 20261122
_servers = pytest.StashKey[Servers]()


def pytest_configure(config: pytest.Config) -> None:
    """Say where the servers will be before Django reads its settings, which pytest-django does after this."""
    inherited = os.environ.get("AFTERWORD_TEST_DATABASE", "") if hasattr(config, "workerinput") else ""
    servers = config.stash[_servers] = Servers(inherited)
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]
    os.environ.update(servers.environment())
    # xdist's workers inherit this from the process that starts them.
    os.environ["AFTERWORD_TEST_DATABASE"] = servers.database_url
    # Real processes start three times faster with compiled modules; where none may be written beside the sources,
    # they are written for this run only.
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(servers.folder / "bytecode")
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    from django.conf import settings

    # Read now, because pytest-django sets Django up only with settings that have been read.
    assert settings.DATABASES


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Any) -> None:
    """xdist's workers are about to inherit this environment.

    With a settings module in it pytest-django would read the settings before this file can say where the worker's own
    broker is.
    """
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist is about to start a worker: the one PostgreSQL of the run belongs to the process that starts them."""
    node.config.stash[_servers].start_postgres()


def pytest_unconfigure(config: pytest.Config) -> None:
    if servers := config.stash.get(_servers, None):
        servers.stop()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """The running PostgreSQL and Valkey of this process."""
    found = request.config.stash[_servers]
    found.start_postgres()
    found.start_valkey()
    return found


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, servers: Servers) -> None:
    """pytest-django asks for this before it makes the database: the servers must run by then."""


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Nothing leaves this machine: connecting anywhere but to loopback or a Unix socket is an error."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture
def broker_url(servers: Servers) -> str:
    """REDIS_URL of this process's own Valkey, emptied."""
    import redis

    servers.start_valkey()
    with redis.Redis.from_url(servers.valkey.url) as client:
        client.flushall()
    return servers.valkey.url


@pytest.fixture
def limits_on(settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are counted, from nothing, in Valkey and in this process."""
    from project import throttling

    settings.RATE_LIMITS = True
    settings.REDIS_URL = broker_url
    monkeypatch.setattr(throttling, "valkey", throttling.InValkey())
    monkeypatch.setattr(throttling, "here", throttling.InProcess())


@pytest.fixture(scope="session")
def _sink() -> Iterator[SmtpSink]:
    sink = SmtpSink()
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def smtp_sink(_sink: SmtpSink) -> SmtpSink:
    """A mail server on loopback, empty and willing (tests/smtp_sink.py says how to make it refuse)."""
    _sink.reset()
    return _sink


@pytest.fixture
def beside(transactional_db: None, broker_url: str, smtp_sink: SmtpSink) -> dict[str, str]:
    """The environment of a real process on the test's database, broker and mail server.

    Rows must be committed for it: `transactional_db` is in use.
    """
    from django.db import connection

    return {
        **os.environ,
        "DATABASE_URL": _address_of(str(connection.settings_dict["NAME"])),
        "REDIS_URL": broker_url,
        "EMAIL_URL": smtp_sink.url,
    }


@pytest.fixture
def make_worker(beside: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return a function that starts a real Celery worker on the test's database, broker and mail server.

    `make_worker(queues=("mail",), ready=True)`. What it still runs at the end is ended.
    """
    workers: list[Worker] = []

    def make(ready: bool = True, **options: Any) -> Worker:
        worker = Worker(beside, tmp_path / f"worker-{len(workers)}.log", **options)
        workers.append(worker)
        worker.start()
        if ready:
            worker.wait_until_ready()
        return worker

    yield make
    for worker in workers:
        worker.stop()


@pytest.fixture
def make_web(beside: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., WebProcess]]:
    """Return a function that starts a real web server (granian, one process) on the test's database and broker.

    `make_web(RATE_LIMITS="off")`: keywords are further variables. What still runs at the end is killed. Not `is_split`:
    with Django in the same process.
    """
    started: list[WebProcess] = []

    def make(*, is_split: bool = True, **variables: str) -> WebProcess:
        web = WebProcess({**beside, **variables}, tmp_path / f"web-{len(started)}.log", is_split=is_split)
        started.append(web)
        web.start()
        return web

    yield make
    for web in started:
        web.kill()


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A real Celery worker that serves every queue. Rows must be committed for it: `transactional_db` is in use."""
    return make_worker()


@pytest.fixture(scope="session")
def live_service() -> Iterator[LiveService]:
    """The whole service, started by `manage.py up --no-demo` on a free port, one for each xdist worker."""
    with tempfile.TemporaryDirectory(prefix="afterword-live-") as folder:
        service = LiveService(Path(folder) / "data", environment={"RATE_LIMITS": "off"})
        try:
            service.start()
            yield service
        finally:
            if service.process is not None:
                service.stop()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real exports and hostile inputs that is kept beside the repository."""
    if not SHARED.is_dir():
        unavailable(f"there is no {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright's synchronous API; each test opens pages in its own context.

    One for each file of tests: as long as Playwright lives, an event loop runs in this thread, and others cannot.
    """
    if not CHROMIUM.exists():
        unavailable(f"there is no {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    # Django takes that loop for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def drill_scale(request: pytest.FixtureRequest) -> float:
    """The share of a fault drill to run: whole with `-m drill`, a twentieth otherwise. Seed: `DRILL_SEED`."""
    return 1.0 if request.config.getoption("-m") == "drill" else 1 / 20


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs Python code in a process of its own with exactly the variables given to it."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        root = Path(__file__).resolve().parent.parent
        environment = {**clean_environment(), **variables}
        return subprocess.run(
            [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=60
        )

    return run


def unavailable(reason: str) -> None:
    """Skip, or fail where REQUIRE_LIVE=1 promises that everything is installed."""
    if os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"REQUIRE_LIVE=1, but {reason}")
    pytest.skip(reason)


def _address_of(database: str) -> str:
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"
