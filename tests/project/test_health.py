"""/livez and /readyz say what the contract says, whichever part is away."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from project import health
from project.health import check_language, check_mail, worker_leaves, worker_lives
from tests.servers import Servers
from tests.smtp_sink import SmtpSink


@pytest.fixture
def workers(broker_url: str) -> Iterator[None]:
    worker_lives(health.QUEUES)
    yield
    worker_leaves(health.QUEUES)


@pytest.fixture(autouse=True)
def _not_migrated_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)


def test_livez_needs_nothing(client: Client) -> None:
    answer = client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "no-store"
    assert client.post("/livez").status_code == 405


@pytest.mark.django_db
@pytest.mark.usefixtures("workers")
def test_all_is_well(client: Client) -> None:
    answer = client.get("/readyz?strict=1")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
        "delivery": "ok",
        "broker": "ok",
        "workers": "ok",
    }


@pytest.mark.django_db
def test_without_workers_it_is_degraded_and_still_ready(client: Client, broker_url: str) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() | {"status": "degraded", "broker": "ok", "workers": "degraded"} == answer.json()
    assert client.get("/readyz?strict=1").status_code == 503


@pytest.mark.django_db
def test_without_a_broker_it_is_degraded_and_still_ready(client: Client, servers: Servers) -> None:
    servers.stop_valkey()
    try:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() | {"status": "degraded", "broker": "degraded", "workers": "degraded"} == answer.json()
        assert client.get("/readyz?strict=1").status_code == 503
    finally:
        servers.start_valkey()


@pytest.mark.django_db
@pytest.mark.usefixtures("workers")
def test_a_migration_that_is_not_applied_is_not_ready(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sharing'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() | {"status": "failed", "database": "ok", "migrations": "failed"} == answer.json()


def test_without_a_database_it_is_not_ready(
    client: Client, servers: Servers, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        connection.close()
        port = connection.settings_dict["PORT"]
        connection.settings_dict["PORT"] = "1"
        try:
            answer = client.get("/readyz")
        finally:
            connection.close()
            connection.settings_dict["PORT"] = port
    assert answer.status_code == 503
    assert answer.json() | {"status": "failed", "database": "failed", "migrations": "failed"} == answer.json()


@pytest.mark.django_db
@pytest.mark.usefixtures("workers")
def test_a_delivery_that_waits_too_long_is_told(client: Client, settings: LazySettings) -> None:
    settings.OUTBOX_HEALTH = f"{__name__}.late_outbox"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["delivery"]) == (200, "degraded")
    assert client.get("/readyz?strict=1").status_code == 503


def late_outbox() -> dict[str, float]:
    return {"oldest_due_seconds": 61.0, "waiting": 1}


@pytest.mark.django_db
def test_the_language_of_the_database() -> None:
    assert check_language() == health.Part("ok", "UTF8, C.UTF-8")


@pytest.mark.django_db(transaction=True)
def test_a_database_in_plain_c_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE plain_c TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "plain_c"
    try:
        part = check_language()
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE plain_c")
    assert part == health.Part("failed", "UTF8, C: make the database with ENCODING UTF8 and LOCALE C.UTF-8")


def test_a_mail_server_is_asked_and_gets_nothing(settings: LazySettings, smtp_sink: SmtpSink) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp_sink.port
    assert check_mail() == health.Part("ok", f"through 127.0.0.1:{smtp_sink.port}")
    assert smtp_sink.messages == []
    assert mail.outbox == []
    settings.EMAIL_PORT = 1
    assert check_mail().state == "failed"
