"""`manage.py up` with real processes: it starts, it ends, it leaves nothing, it comes back after any death."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from project.embedded.running import read_record
from project.embedded.system import clean_up_after
from tests.processes import ROOT, LiveService, wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def service() -> Iterator[LiveService]:
    """A service of this test's own, not started yet."""
    with tempfile.TemporaryDirectory(prefix="afterword-up-") as folder:
        found = LiveService(Path(folder) / "data")
        try:
            yield found
        finally:
            if found.process is not None and found.process.poll() is None:
                found.stop()
            # A test that failed between two starts leaves what its killed `up` had started.
            clean_up_after(found.data_dir)


def processes_of(service: LiveService) -> list[str]:
    """What runs on this data folder: by the variables it was started with, its arguments or its working folder."""
    mine = str(service.data_dir)
    place = getattr(read_record(service.data_dir), "place", "") or "no place"
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            traces = [process.environ().get("DATA_DIR", ""), process.cwd(), *process.cmdline()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(trace.startswith(mine) or place in trace for trace in traces):
            found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


def count_users(service: LiveService) -> int:
    code = "from django.contrib.auth.models import User; print(User.objects.count())"
    return int(service.manage("shell", "--verbosity", "0", "-c", code).stdout.split()[-1])


def add_user(service: LiveService, name: str) -> None:
    code = f"from django.contrib.auth.models import User; User.objects.create(username={name!r})"
    service.manage("shell", "-c", code)


@pytest.fixture(scope="module")
def running() -> Iterator[LiveService]:
    """One service for the tests that leave it as it was.

    Its data lie where it is hardest: a socket's path may have 107 bytes; a folder's may have more, and its parents may
    be closed to all but root.
    """
    with tempfile.TemporaryDirectory(prefix="afterword-up-") as folder:
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o700)
        found = LiveService(closed / ("deep" * 20) / ("folder" * 20) / "data")
        found.data_dir.parent.mkdir(parents=True)
        try:
            found.start()
            yield found
        finally:
            if found.process is not None:
                found.stop()


def test_it_serves_stops_and_finds_everything_again(service: LiveService) -> None:
    service.start()
    assert service.get("/livez").json() == {"status": "ok"}
    report = service.get("/readyz?strict=1")
    assert (report.status, report.json()["status"]) == (200, "ok")
    assert processes_of(service)
    add_user(service, "ada")
    check_orderly_end(service, signal.SIGINT)

    service.log.unlink()
    service.start()
    assert count_users(service) == 1
    check_orderly_end(service, signal.SIGTERM)


def check_orderly_end(service: LiveService, number: signal.Signals) -> None:
    record = read_record(service.data_dir)
    assert record is not None
    assert service.stop(number) == 0
    assert not any(child.identity.alive for child in record.children)
    assert processes_of(service) == []
    assert not Path(record.place).exists()


def check_hurried_end(service: LiveService) -> None:
    """A second signal hurries the end, and still nothing is left."""
    assert service.process is not None
    service.process.send_signal(signal.SIGINT)
    service.process.send_signal(signal.SIGTERM)
    assert service.stop(signal.SIGINT) == 0
    assert processes_of(service) == []


def test_what_it_keeps_is_private(running: LiveService) -> None:
    for name in ("secret_key", "postgres.password", "run/up.json"):
        assert stat.S_IMODE((running.data_dir / name).stat().st_mode) == 0o600, name
    record = read_record(running.data_dir)
    assert record is not None
    sockets = Path(record.place) / "sockets"
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    own = Path(record.place) / "own"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (own, own / "application.sock")] == [0o700, 0o600]
    # Neither server listens on the network: the web server alone does.
    pids = {child.identity.pid: child.name for child in record.children}
    listening = {pids.get(c.pid or 0) for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert "postgresql" not in listening
    assert "valkey" not in listening
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://afterword:wrong@/afterword?host={sockets}")
    if os.geteuid() == 0:
        owners = {psutil.Process(pid).uids().real for pid, name in pids.items() if name in ("postgresql", "valkey")}
        assert 0 not in owners


def test_a_second_up_on_the_same_data_is_refused(running: LiveService) -> None:
    second = running.manage("up", "--no-demo", "--port", "1", check=False)
    assert second.returncode == 2
    assert second.stderr == f"Another `manage.py up` runs on {running.data_dir}; stop it first or set DATA_DIR.\n"
    assert running.get("/readyz").status == 200


def test_a_taken_port_is_refused_before_anything_starts(service: LiveService) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = service.manage("up", "--port", str(port), check=False)
    assert done.returncode == 2
    assert done.stderr == f"Port {port} on 127.0.0.1 is taken; choose another with --port.\n"
    assert not (service.data_dir / "postgres").exists()


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--web-workers", "0"), ("--host", "no.such.host.invalid")])
def test_a_bad_option_is_one_sentence(service: LiveService, arguments: tuple[str, ...]) -> None:
    done = service.manage("up", *arguments, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(arguments[0])
    assert done.stderr.count("\n") == 1


def test_after_kill_9_the_next_start_ends_what_was_left_and_can_be_hurried_away(service: LiveService) -> None:
    service.start()
    add_user(service, "ada")
    left = read_record(service.data_dir)
    assert left is not None
    assert len(left.children) == 10
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    assert all(child.identity.alive for child in left.children)
    # Nobody supervises, so nobody is pointed at what is left.
    refused = service.manage("migrate", check=False)
    assert refused.returncode == 2
    assert refused.stderr == f"No `manage.py up` runs on {service.data_dir}: start it, or set DATABASE_URL.\n"

    service.log.unlink()
    service.start()
    assert not any(child.identity.alive for child in left.children)
    assert not Path(left.place).exists()
    assert count_users(service) == 1
    check_hurried_end(service)


def test_a_copied_data_folder_claims_nobodys_processes(running: LiveService) -> None:
    copy = running.data_dir.with_name("copy")
    (copy / "run").mkdir(parents=True)
    shutil.copy(running.data_dir / "run" / "up.json", copy / "run" / "up.json")
    assert read_record(copy) is None
    assert read_record(running.data_dir) is not None


def test_a_signal_while_it_starts_leaves_nothing(service: LiveService) -> None:
    service.start(wait=False)
    wait_until(lambda: (service.data_dir / "run" / "up.json").exists(), "the record of `up`")
    assert service.stop() == 0
    assert processes_of(service) == []
    service.start()
    assert service.get("/readyz").status == 200


def test_a_child_that_dies_is_started_again(running: LiveService) -> None:
    def pid_of(name: str) -> int:
        record = read_record(running.data_dir)
        assert record is not None
        return next((child.identity.pid for child in record.children if child.name == name), 0)

    for name in ("mail", "web", "application", "beat", "valkey", "postgresql"):
        first = pid_of(name)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: pid_of(name) not in (0, first), f"{name} to be started again")  # noqa: B023
        wait_until(lambda: _strictly_ready(running), f"everything to be well again after {name} died", 60)


def _strictly_ready(service: LiveService) -> bool:
    try:
        return service.get("/readyz?strict=1").status == 200
    except OSError:
        return False


def test_commands_talk_to_the_running_system(running: LiveService) -> None:
    done = running.manage("doctor")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", name] for name in ("configuration database language migrations broker workers delivery mail".split())
    ]
    assert str(running.data_dir / "mail") in done.stdout
    off = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env={**running.variables(), "RATE_LIMITS": "off", "EMAIL_URL": "smtp://127.0.0.1:1?timeout=1"},
        capture_output=True,
        text=True,
    )
    assert off.returncode == 1
    assert "RATE_LIMITS is off" in off.stdout
    assert "failed    mail           127.0.0.1:1" in off.stdout


def test_without_up_commands_say_so(service: LiveService) -> None:
    doctor = service.manage("doctor", check=False)
    assert doctor.returncode == 1
    sentence = f"No `manage.py up` runs on {service.data_dir}: start it, or set DATABASE_URL."
    assert sentence in doctor.stdout
    assert service.manage("makemigrations", "--check", "--dry-run", check=False).returncode == 0


def test_an_unreachable_database_is_one_sentence(service: LiveService) -> None:
    service.environment = {"DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/after", "SECRET_KEY": "x" * 40}
    for command in (("migrate",), ("up", "--port", str(service.port))):
        done = service.manage(*command, check=False)
        assert done.returncode == 2, done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.startswith("ended")]
        assert len(lines) == 1, done.stderr
        assert "DATABASE_URL names a database that does not answer" in lines[0]
        assert "hunter2" not in done.stderr


def test_a_deep_data_folder_that_only_root_may_enter(running: LiveService) -> None:
    closed = running.data_dir.parents[2]
    assert closed.name == "closed"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert running.get("/readyz?strict=1").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes as somebody else")
def test_an_ordinary_user_runs_it(service: LiveService) -> None:
    nobody = pwd.getpwnam("nobody")
    home = Path(service.data_dir.parent)
    home.chmod(0o755)
    own = home / "own"
    own.mkdir()
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    code = home / "code"
    shutil.copytree(
        ROOT, code, ignore=shutil.ignore_patterns(".git", ".venv", ".data", "tests", "__pycache__", ".*_cache")
    )
    service.data_dir = own / "data"
    python, variables = reachable_python(home)
    service.command = [python, str(code / "manage.py")]
    service.popen = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    service.environment = {"HOME": str(own), "PYTHONPATH": sysconfig.get_path("purelib"), **variables}
    service.environment["PYTHONPYCACHEPREFIX"] = str(own / "bytecode")
    service.start()
    record = read_record(service.data_dir)
    assert record is not None
    assert {psutil.Process(child.identity.pid).uids().real for child in record.children} == {nobody.pw_uid}
    assert json.loads(service.get("/readyz?strict=1").body)["status"] == "ok"
    assert service.stop() == 0
    assert processes_of(service) == []


def reachable_python(home: Path) -> tuple[str, dict[str, str]]:
    """This Python, or a copy of it where its home is closed to others; and the variables that it needs."""
    nobody = pwd.getpwnam("nobody")
    ours = Path(sys.executable).resolve()
    try:
        subprocess.run([ours, "-c", "pass"], user=nobody.pw_uid, check=True, capture_output=True, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        target = home / "python"
        shutil.copytree(sys.base_prefix, target, symlinks=True, ignore=shutil.ignore_patterns("test", "__pycache__"))
        return str(target / "bin" / ours.name), {"LD_LIBRARY_PATH": str(target / "lib")}
    return str(ours), {}
