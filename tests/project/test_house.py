"""The house is in order: arrows between rooms, one door for writes, thin tasks, small files, complete lists."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest
from django.core.management import call_command

from project.celery import BEAT, QUEUE_OF, app
from project.errors import CODE_OF_STATUS, CODES
from project.health import QUEUES
from tests.source import APPS, ROOT, Source, dotted, sources, sources_of_tests

# The switchboard may see every app; the rest of project/ is the drawer, which sees none.
SWITCHBOARD = {"project.urls", "project.asgi", "project.wsgi", "project.celery", "project.settings"}

# What an app shows to those above it. Who calls and from which page is asked at every door, so these are open too.
SHOWN = {"models", "selectors", "services", "signals"}
SHOWN_BY = {"articles": {"authentication", "origins"}, "comments": {"authentication"}}

# From the ground up; a room imports from lower rungs and from itself. What is not named is on the ground.
GROUND = 0
ANNEXES = {
    "channel_admin": "admin",
    "disqus_admin": "admin",
    "drafts": "mail",
    "overviews": "mail",
    "moderation_serializers": "serializers",
    "reader_serializers": "serializers",
    "search_serializers": "serializers",
    "writing_serializers": "inputs",
}
LADDER = (
    {"models", "signals"},
    {"selectors"},
    {"mail", "channels"},
    {"services", "serializers"},
    {"origins"},
    {"inputs", "authentication"},
    {"tasks"},
    {"receivers", "views", "admin", "management"},
    {"urls", "apps", "templatetags"},
)

MAX_FILE, MAX_TEST_FILE, MAX_FUNCTION = 400, 500, 60


def room_of(name: str) -> str:
    """Return the room of a dotted name, some of which have more than one module."""
    parts = name.split(".")
    room = parts[1] if len(parts) > 1 else ""
    return ANNEXES.get(room, room)


def rung_of(room: str) -> int:
    return next((rung for rung, rooms in enumerate(LADDER) if room in rooms), GROUND)


def test_arrows_between_apps_point_downward() -> None:
    wrong = []
    for source in sources():
        for node, name in source.imports():
            app_of = name.partition(".")[0]
            if app_of in {source.app, "project"} or source.name in SWITCHBOARD:
                continue
            shown = SHOWN | SHOWN_BY.get(app_of, set())
            is_lower = source.app in APPS and APPS.index(app_of) < APPS.index(source.app)
            if not is_lower or room_of(name) not in shown:
                wrong.append(f"{source.at(node)} imports {name}")
    assert wrong == []


def test_rooms_of_an_app_import_from_lower_rungs() -> None:
    wrong = []
    for source in sources():
        if source.app == "project":
            continue
        room = room_of(source.name)
        for node, name in source.imports():
            other = room_of(name)
            if name.partition(".")[0] == source.app and other != room and rung_of(other) >= max(rung_of(room), 1):
                wrong.append(f"{source.at(node)} ({room}) imports {name}")
    assert wrong == []


def test_only_doors_and_tasks_wake_workers() -> None:
    """A bare `delay` would run before the COMMIT, and would fail a request while the broker is away."""
    wrong = []
    for source in sources():
        for node, name in source.calls():
            last = name.rpartition(".")[2]
            bare = last in {"delay", "apply_async"} and source.name != "project.doorbell"
            wakes = last == "wake" and source.room not in {"tasks", "doorbell"}
            rings = last == "delay_on_commit" and rung_of(room_of(source.name)) < rung_of("receivers")
            if bare or wakes or rings:
                wrong.append(f"{source.at(node)} {name}")
    assert wrong == []


def test_saving_a_row_does_nothing_else() -> None:
    wrong = []
    hooks = {"pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed"}
    for source in sources():
        wrong += [f"{source.at(n)} {n.id}" for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id in hooks]
        if source.room == "models":
            wrong += [f"{source.at(function)} save()" for function in source.functions() if function.name == "save"]
    assert wrong == []


def test_comments_are_written_in_one_package() -> None:
    makers = {"create", "bulk_create", "get_or_create", "update_or_create"}
    wrong = []
    for source in sources():
        if source.name.startswith("comments.services"):
            continue
        for node, name in source.calls():
            if name == "Comment" or (name.startswith("Comment.objects.") and name.rpartition(".")[2] in makers):
                wrong.append(f"{source.at(node)} {name}")
        wrong += [source.at(node) for node in ast.walk(source.tree) if writes_comments(node)]
    assert wrong == []


def writes_comments(node: ast.AST) -> bool:
    statement = r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+comments_comment\b"
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.search(statement, node.value))


def test_no_code_asks_whether_it_is_tested_and_no_error_is_swallowed_whole() -> None:
    wrong = []
    for source in sources():
        wrong += [
            source.at(node) for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler) and not node.type
        ]
        if re.search(r"\b(TESTING|PYTEST_CURRENT_TEST|is_testing)\b", source.text):
            wrong.append(str(source.path))
        if source.room == "models" and "URLField" in source.text:
            wrong.append(f"{source.path}: addresses are kept as text, and shown as text in the admin")
    assert wrong == []


def task_functions() -> list[tuple[Source, ast.FunctionDef, ast.Call]]:
    found = []
    for source in sources():
        for function in source.functions():
            for decorator in function.decorator_list:
                name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
                if name.rpartition(".")[2] in {"shared_task", "task"}:
                    assert isinstance(decorator, ast.Call), f"{source.at(function)} has no time limit"
                    assert isinstance(function, ast.FunctionDef)
                    found.append((source, function, decorator))
    return found


def test_every_task_has_a_queue_a_limit_and_a_reason_why_twice_is_harmless() -> None:
    tasks = task_functions()
    assert len(tasks) >= 6
    for source, function, decorator in tasks:
        options = {keyword.arg: keyword.value for keyword in decorator.keywords}
        where = source.at(function)
        assert QUEUE_OF.get(f"{source.name}.{function.name}") in QUEUES, f"{where}: no known queue"
        assert {"time_limit", "soft_time_limit"} <= set(options), f"{where}: no time limit"
        assert "wice" in (ast.get_docstring(function) or ""), f"{where}: why is running twice harmless?"
        assert source.room == "tasks", where


def test_beat_names_tasks_that_exist() -> None:
    names = {f"{source.name}.{function.name}" for source, function, _ in task_functions()}
    assert set(BEAT) <= names
    app.loader.import_default_modules()
    assert set(BEAT) <= set(app.tasks)


def test_files_and_functions_are_small() -> None:
    too_long = []
    for source in (*sources(), *sources_of_tests()):
        lines = source.text.count("\n")
        if lines > (MAX_TEST_FILE if source.app == "tests" else MAX_FILE):
            too_long.append(f"{source.path.relative_to(ROOT)}: {lines} lines")
        for function in source.functions():
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > MAX_FUNCTION:
                too_long.append(f"{source.at(function)} {function.name}: {length} lines")
    assert too_long == []


def problem_codes() -> dict[str, str]:
    """Return every code that the source names where a problem is made: code -> place."""
    found = {}
    for source in sources():
        for node, name in source.calls():
            first = node.args[0] if node.args else None
            if name.rpartition(".")[2] == "Problem" and isinstance(first, ast.Constant):
                found[str(first.value)] = source.at(node)
    return found


def test_every_code_is_raised_documented_and_listed() -> None:
    raised = problem_codes()
    assert set(raised) - set(CODES) == set(), "raised, but not in the catalogue"
    translated = set(CODE_OF_STATUS.values())  # what Django and DRF answer by themselves
    assert set(CODES) - set(raised) - translated == set(), "in the catalogue, but never raised"
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs/errors.md").read_text(encoding="utf-8")))
    assert set(CODES) - documented == set(), "not in docs/errors.md"


def test_every_signal_has_one_sender_and_one_receiver_in_an_app() -> None:
    signals = {"article_published", "article_changed", "article_written"}
    signals |= {"comment_published", "comment_changed", "comment_rewritten"}
    senders: dict[str, list[str]] = defaultdict(list)
    receivers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source in sources():
        for node, name in source.calls():
            owner, _, last = name.rpartition(".")
            signal = owner.rpartition(".")[2]
            if last in {"send", "send_robust"} and signal in signals:
                assert last == "send", source.at(node)
                senders[signal].append(source.at(node))
            if name.rpartition(".")[2] == "receiver" and node.args:
                receivers[dotted(node.args[0]).rpartition(".")[2], source.app].append(source.at(node))
        for function in source.functions():
            if source.room == "receivers" and not function.name.startswith("_"):
                body = [one for one in function.body if not isinstance(one, ast.Expr) or not is_text(one)]
                assert len(body) <= 3, f"{source.at(function)}: a receiver is two lines"
    assert {signal: len(places) for signal, places in senders.items()} == dict.fromkeys(signals, 1)
    assert {signal for signal, _ in receivers} == signals
    assert [places for places in receivers.values() if len(places) > 1] == []


def is_text(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def variables_read() -> set[str]:
    """Return the name of every environment variable that the source reads, by `project.env` or without it."""
    found = set()
    for source in sources():
        helpers = {name.rpartition(".")[2] for _, name in source.imports() if name.startswith("project.env.")}
        for node, name in source.calls():
            is_reader = name in helpers or re.fullmatch(r"env\.\w+|(os\.)?environ\.get|os\.getenv", name)
            if is_reader and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found - {"DJANGO_SETTINGS_MODULE"}


def test_every_variable_is_on_the_configuration_page() -> None:
    read = variables_read()
    assert {"DATABASE_URL", "PUBLIC_URL", "SECRET_KEY"} <= read
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert {name for name in read if f"`{name}`" not in page} == set()


@pytest.mark.django_db
def test_models_and_migrations_agree() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
