"""Settings that follow from a few variables, the kept key, mail as files, the door in front of Django."""

import asyncio
import re
import stat
import subprocess
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client
from django.utils.module_loading import import_string

from project import mailbox
from project.admission import Admission
from tests.routes import CONVERTER, routes

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_variable_is_in_the_documentation() -> None:
    read = re.compile(r'(?:env\.(?!Network|Mail|Database)\w+|\btext)\(\s*"([A-Z_]+)"')
    sources = [ROOT / "project" / name for name in ("settings.py", "secret.py")]
    names = {name for source in sources for name in read.findall(source.read_text())}
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert len(names) >= 13
    assert names == set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))


def read_settings(run_python: Run, expression: str, **variables: str) -> str:
    code = f"from django.conf import settings; print(({expression}))"
    done = run_python("-c", code, DJANGO_SETTINGS_MODULE="project.settings", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_public_url_decides_hosts_sender_and_cookies(run_python: Run, tmp_path: Path) -> None:
    expression = "settings.ALLOWED_HOSTS, settings.MAIL_FROM, settings.SESSION_COOKIE_SECURE, settings.PUBLIC_URL"
    found = read_settings(run_python, expression, DATA_DIR=str(tmp_path), PUBLIC_URL="https://Talk.example:8443/")
    hosts = ["talk.example", "localhost", "127.0.0.1", "[::1]"]
    assert found == str((hosts, "afterword@talk.example", True, "https://talk.example:8443"))


@pytest.mark.parametrize(("variable", "expected"), [("", "1"), ("on", "1"), ("off", "None")])
def test_web_processes_keep_statements_unless_told_otherwise(
    run_python: Run, tmp_path: Path, variable: str, expected: str
) -> None:
    code = "from django.conf import settings; from project.web_process import become_web_process; "
    code += "become_web_process(); print(settings.DATABASES['default']['OPTIONS']['prepare_threshold'])"
    variables = {"DATA_DIR": str(tmp_path), "PREPARED_STATEMENTS": variable}
    done = run_python("-c", code, DJANGO_SETTINGS_MODULE="project.settings", **variables)
    assert done.stdout.strip() == expected, done.stderr


def test_the_key_is_made_once_and_private(run_python: Run, tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with ThreadPoolExecutor(4) as pool:
        read = [pool.submit(read_settings, run_python, "settings.SECRET_KEY", DATA_DIR=str(data)) for _ in range(4)]
    assert len({one.result() for one in read}) == 1
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["secret_key"]


def test_with_a_database_elsewhere_the_key_must_be_given(run_python: Run, tmp_path: Path) -> None:
    done = run_python("manage.py", "check", DATA_DIR=str(tmp_path), DATABASE_URL="postgresql://db.example/after")
    assert done.returncode == 2
    assert done.stderr.startswith("SECRET_KEY must be set when DATABASE_URL is")


@pytest.fixture
def mail_folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "project.mailbox.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


def send(subject: str) -> None:
    message = EmailMultiAlternatives(subject, "Grüße,\nyour text", "a@example.org", ["ben@example.org"])
    message.attach_alternative("<p>Grüße</p>", "text/html")
    assert get_connection().send_messages([message]) == 1


def test_each_message_becomes_one_file(mail_folder: Path) -> None:
    send("First")
    send("Zweite Nachricht, schön")
    assert [letter.subject for letter in mailbox.recent_letters(10)] == ["Zweite Nachricht, schön", "First"]
    for path in mail_folder.iterdir():
        assert path.suffix == ".eml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"\r\n" in path.read_bytes()
    assert mailbox.recent_letters(1)[0].text.startswith("Grüße,\n")


@pytest.mark.parametrize("name", ["../secret_key", "x.eml", "20260101T000000.000000000-1-1.eml", ""])
def test_only_our_own_files_are_read(mail_folder: Path, name: str) -> None:
    assert mailbox.read_letter(name) is None


@pytest.mark.django_db
def test_sent_mail_is_for_staff(client: Client, admin_client: Client, mail_folder: Path) -> None:
    send("A <b>secret</b> link")
    name = mailbox.recent_letters(1)[0].name
    for path in ("/sent-mail/", f"/sent-mail/{name}"):
        assert client.get(path).status_code == 302
        assert "A &lt;b&gt;secret&lt;/b&gt; link" in admin_client.get(path).content.decode()
    raw = admin_client.get(f"/sent-mail/{name}?raw=1")
    assert raw["Content-Type"].startswith("text/plain")
    assert admin_client.get("/sent-mail/none.eml").status_code == 404


def test_a_full_house_answers_503_at_once() -> None:
    statuses = asyncio.run(crowd(inside=2, in_line=1, requests=5))
    assert statuses == {"livez": 200, "inside": 2, "answered": 3, "refused": 2, "afterwards": 200}


async def crowd(inside: int, in_line: int, requests: int) -> dict[str, int]:
    """Send requests at once to a slow application, and count what became of them."""
    gate = asyncio.Event()
    busy = 0

    async def slow(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        nonlocal busy
        busy += 1
        if scope["path"] != "/livez":
            await gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    door = Admission(slow, inside, in_line)

    async def ask(path: str) -> dict[str, Any]:
        sent: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        async def nothing() -> MutableMapping[str, Any]:
            return {"type": "http.request"}

        await door({"type": "http", "path": path}, nothing, keep)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return {"status": sent[0]["status"], **headers}

    waiting = [asyncio.create_task(ask("/a/1")) for _ in range(requests)]
    await asyncio.sleep(0.05)
    were_inside = busy
    livez = await ask("/livez")
    gate.set()
    answers = await asyncio.gather(*waiting)
    refused = [answer for answer in answers if answer["status"] == 503]
    for answer in refused:
        assert answer["retry-after"] == "1"
        assert answer["content-type"] == "application/problem+json"
        assert answer["access-control-allow-origin"] == "*"
    return {
        "livez": livez["status"],
        "inside": were_inside,
        "answered": len(answers) - len(refused),
        "refused": len(refused),
        "afterwards": (await ask("/a/1"))["status"],
    }


def test_what_is_kept_are_reads_that_we_answer() -> None:
    """The front knows addresses alone: one that nobody answers would be kept for nothing."""
    answered = {route.path: route.methods for route in routes()}
    for read in (read for name in settings.KEPT_READS for read in import_string(name)):
        path = "/" + CONVERTER.sub(r"{\1}", read.route)
        assert "GET" in answered[path], path
        assert not read.posted or "POST" in answered[path], path
