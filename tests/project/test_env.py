"""Nonsense in a variable stops every door with one sentence that names it."""

import subprocess
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from project import env

Run = Callable[..., subprocess.CompletedProcess[str]]

NONSENSE = [
    ("DEBUG", "maybe"),
    ("RATE_LIMITS", "sometimes"),
    ("SECRET_KEY", "short"),
    ("PUBLIC_URL", "comments.example"),
    ("PUBLIC_URL", "https://comments.example/path"),
    ("PUBLIC_URL", "https://user@comments.example"),
    ("PUBLIC_URL", "ftp://comments.example"),
    ("PUBLIC_URL", "https://comments.example:99999"),
    ("PUBLIC_URL", "https://[::1"),
    ("PUBLIC_URL", "https://exa mple.org"),
    ("ALLOWED_HOSTS", "good.example, bad host"),
    ("ALLOWED_HOSTS", "https://good.example"),
    ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
    ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ("DATABASE_URL", "mysql://root@localhost/afterword"),
    ("DATABASE_URL", "postgresql://localhost"),
    ("DATABASE_URL", "postgresql://localhost:port/afterword"),
    ("DATABASE_URL", "postgresql://localhost/afterword?sslmod=require"),
    ("REDIS_URL", "http://localhost:6379"),
    ("REDIS_URL", "redis:///0"),
    ("REDIS_URL", "redis://localhost:6379/first"),
    ("REDIS_URL", "unix://run/valkey.sock"),
    ("EMAIL_URL", "mailto:ben@example.org"),
    ("EMAIL_URL", "smtp://"),
    ("EMAIL_URL", "smtp://mail.example:smtp"),
    ("EMAIL_URL", "smtp://mail.example?tls=yes"),
    ("EMAIL_URL", "smtp://mail.example?timeout=never"),
    ("EMAIL_URL", "smtp://mail.example?timeout=0"),
    ("EMAIL_URL", "smtp://mail.example?retries=3"),
    ("EMAIL_URL", "file://mail"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "a@b\nBcc: everybody@example.org"),
    ("DATA_DIR", __file__),
]


@pytest.mark.parametrize(("name", "value"), NONSENSE)
def test_nonsense_is_one_sentence_and_status_2(run_python: Run, tmp_path: Path, name: str, value: str) -> None:
    variables = {"DATA_DIR": str(tmp_path), "SECRET_KEY": "x" * 40, "DJANGO_SETTINGS_MODULE": "project.settings"}
    done = run_python("-c", READ_SETTINGS, **{**variables, name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"{name} ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr


READ_SETTINGS = """
from project.env import stop_on_env_error
with stop_on_env_error():
    from django.conf import settings
    settings.DEBUG
"""


@pytest.mark.parametrize(
    "door",
    [
        ("manage.py", "check"),
        ("-c", "import project.asgi"),
        ("-c", "import project.wsgi"),
        ("-m", "celery", "-A", "project.celery", "report"),
    ],
)
def test_every_door_says_it(run_python: Run, tmp_path: Path, door: tuple[str, ...]) -> None:
    done = run_python(*door, DATA_DIR=str(tmp_path), REDIS_URL="http://localhost")
    assert done.returncode == 2
    assert done.stderr == "REDIS_URL must begin with redis://, rediss:// or unix://.\n"


def test_secrets_are_not_repeated(run_python: Run, tmp_path: Path) -> None:
    done = run_python("manage.py", "check", DATA_DIR=str(tmp_path), DATABASE_URL="postgresql://me:hunter2@[::1/x")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("value", ["on", "TRUE", "1", "yes"])
def test_flag_on(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEBUG", value)
    assert env.flag("DEBUG", default=False) is True


def test_an_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", " ")
    monkeypatch.setenv("DATABASE_URL", "")
    assert env.flag("DEBUG", default=True) is True
    assert env.database("DATABASE_URL") is None


def test_database_by_socket_and_by_host() -> None:
    socket = env.database("DATABASE_URL", "postgresql://me:p%40ss@/after?host=/run/pg")
    assert socket == env.Database("me", "p@ss", "/run/pg", "5432", "after", {})
    host = env.database("DATABASE_URL", "postgres://db.example:6432/after?sslmode=verify-full")
    assert host == env.Database("", "", "db.example", "6432", "after", {"sslmode": "verify-full"})


def test_socket_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.socket_path("APPLICATION_SOCKET") == ""
    monkeypatch.setenv("APPLICATION_SOCKET", "/run/afterword/application.sock")
    assert env.socket_path("APPLICATION_SOCKET") == "/run/afterword/application.sock"
    for value in ("application.sock", "/" + "long/" * 30):
        monkeypatch.setenv("APPLICATION_SOCKET", value)
        with pytest.raises(env.EnvError, match="APPLICATION_SOCKET must name a socket by its full path"):
            env.socket_path("APPLICATION_SOCKET")


def test_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert env.networks("TRUSTED_PROXIES") == [ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("smtp://mail.example", env.Mail("smtp", host="mail.example", port=25)),
        ("smtp://mail.example?tls=starttls", env.Mail("smtp", host="mail.example", port=587, tls="starttls")),
        (
            "smtp://mail.example?tls=ssl&timeout=3",
            env.Mail("smtp", host="mail.example", port=465, tls="ssl", timeout=3),
        ),
        ("smtp://a%40b:p%3Aw@[::1]:2525", env.Mail("smtp", host="::1", port=2525, user="a@b", password="p:w")),
        ("file:///var/mail%20out", env.Mail("file", folder="/var/mail out")),
        ("console://", env.Mail("console")),
        ("", env.Mail("file", folder="/data/mail")),
    ],
)
def test_mail(monkeypatch: pytest.MonkeyPatch, value: str, expected: env.Mail) -> None:
    monkeypatch.setenv("EMAIL_URL", value)
    assert env.mail("EMAIL_URL", Path("/data/mail")) == expected
