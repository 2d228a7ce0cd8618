"""A forum at Disqus that a site reads, in this process: what tests of it share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from articles.models import Site
from comments.models import Comment, DisqusForum
from comments.services.disqus_forums import Keys, add_forum
from comments.services.disqus_sync import read_forum
from tests.disqus_server import FORUM, SECRET, TOKEN, DisqusServer, disqus_on_loopback
from tests.factories import make_site

KEYS = Keys(SECRET, TOKEN)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DisqusServer]:
    with disqus_on_loopback(tmp_path) as found:
        yield found


@pytest.fixture
def site() -> Site:
    return make_site(origins=("blog.example.org",))


@pytest.fixture
def forum(site: Site) -> DisqusForum:
    return add_forum(site, FORUM, KEYS)


def read(forum: DisqusForum) -> DisqusForum:
    """Read on, due or not; return the row as it is then."""
    found = read_forum(forum)
    assert found is not None
    return found


def read_all_again(forum: DisqusForum) -> DisqusForum:
    """Read everything from the beginning, without an error."""
    DisqusForum.objects.filter(pk=forum.pk).update(cursor="")
    found = read(forum)
    assert found.last_error == ""
    return found


def texts(site: Site) -> list[str]:
    return list(Comment.objects.filter(site=site).order_by("id").values_list("text", flat=True))
