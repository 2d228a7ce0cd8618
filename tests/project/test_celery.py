"""Every task has its queue, a worker shows that it lives, a dead broker costs nothing."""

import time
from collections.abc import Callable

import pytest
import redis
from celery.exceptions import QueueNotFound

from project import health
from project.celery import BEAT, QUEUE_OF, VISIBILITY_SECONDS, app, broker_url
from project.doorbell import Doorbell
from tests.processes import Worker, wait_until
from tests.servers import Servers


def our_tasks() -> dict[str, Doorbell]:
    app.autodiscover_tasks(force=True)
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_every_task_has_a_queue_that_is_served_and_ends_in_time() -> None:
    tasks = our_tasks()
    assert set(tasks) == set(QUEUE_OF)
    for name, task in tasks.items():
        assert isinstance(task, Doorbell), name
        assert app.amqp.router.route({}, name)["queue"].name == QUEUE_OF[name] in health.QUEUES, name
        assert (task.time_limit or app.conf.task_time_limit) < VISIBILITY_SECONDS, name
        assert task.acks_late, name
        assert task.reject_on_worker_lost, name
        assert task.ignore_result, name


def test_beat_knows_only_tasks_that_exist() -> None:
    tasks = our_tasks()
    assert set(BEAT) <= set(tasks)
    for name, period in BEAT.items():
        assert app.conf.beat_schedule[name]["options"] == {"expires": period}


def test_a_task_without_a_queue_cannot_be_sent() -> None:
    with pytest.raises(QueueNotFound):
        app.amqp.router.route({}, "sharing.tasks.misspelt")


def test_only_json_travels_and_nothing_comes_back() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.result_backend is None
    assert app.conf.timezone == "UTC"


@pytest.mark.parametrize(
    ("ours", "kombus"),
    [
        ("redis://cache.example:6379/2", "redis://cache.example:6379/2"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
    ],
)
def test_broker_url(ours: str, kombus: str) -> None:
    assert broker_url(ours) == kombus


def test_without_a_broker_waking_is_quick_and_quiet(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    servers.stop_valkey()
    try:
        begin = time.monotonic()
        our_tasks()["sharing.tasks.sweep"].wake()
        assert time.monotonic() - begin < 1
        assert "the broker does not answer, a sweep will do sharing.tasks.sweep" in caplog.text
        assert health.check_broker().state == "degraded"
        assert health.check_workers().state == "degraded"
    finally:
        servers.start_valkey()


def test_rings_close_together_are_one_now_and_one_at_their_end(
    broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = our_tasks()["sharing.tasks.sweep"]
    monkeypatch.setattr(Doorbell, "spacing", 0.3)
    with redis.Redis.from_url(broker_url) as client:
        begin = time.monotonic()
        for _ in range(50):
            task.wake()
        if time.monotonic() - begin < 0.3:
            assert client.llen("fanout") == 1
        wait_until(lambda: client.llen("fanout") >= 2, "the ring at the end", 5)
        time.sleep(0.4)
        assert client.llen("fanout") <= 1 + round((time.monotonic() - begin) / 0.3)
        rung = client.llen("fanout")
        task.wake()
        assert client.llen("fanout") == rung + 1


@pytest.mark.live
def test_a_worker_shows_that_it_lives_and_that_it_left(worker: Worker, broker_url: str) -> None:
    wait_until(lambda: health.check_workers().state == "ok", "a sign of life for every queue")
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    wait_until(lambda: health.check_workers().state == "ok", "the sign of life after FLUSHALL", 10)
    worker.stop()
    assert health.check_workers().fact == "nobody serves confirm, mail, fanout, channels, maintenance"


@pytest.mark.live
def test_a_missing_worker_is_named(make_worker: Callable[..., Worker]) -> None:
    make_worker(queues=("mail", "fanout", "channels", "maintenance"))
    wait_until(lambda: health.check_workers().fact == "nobody serves confirm", "three of four signs of life")


@pytest.mark.live
@pytest.mark.drill
def test_a_worker_outlives_its_connections(worker: Worker, broker_url: str, drill_scale: float) -> None:
    """Every connection to the broker is cut each second for a minute; afterwards work is taken as before."""
    with redis.Redis.from_url(broker_url) as client:
        for _ in range(max(2, round(60 * drill_scale))):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(1)
    done = worker.output().count("succeeded in")
    our_tasks()["sharing.tasks.sweep"].wake()
    wait_until(lambda: worker.output().count("succeeded in") > done, "a task after the cuts", 60)


@pytest.mark.live
def test_a_worker_outlives_its_broker(worker: Worker, servers: Servers) -> None:
    servers.stop_valkey()
    time.sleep(1)
    servers.start_valkey()
    done = worker.output().count("succeeded in")

    def served() -> bool:
        # A wake-up that the reconnecting worker misses is lost, and the next tick rings again.
        our_tasks()["sharing.tasks.sweep"].wake()
        return worker.output().count("succeeded in") > done

    wait_until(served, "a task after the broker came back", 60)
