"""A feed on its way through a real worker process, to the notification that followers get."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from articles.models import Article, SourceFeed
from articles.services.source_feeds import add_source_feed
from articles.tasks import poll_feeds
from sharing.models import Notification
from tests.factories import make_site
from tests.feed_server import HOST, feeds_on_loopback, item, rss
from tests.processes import ROOT, Worker, wait_until


@pytest.mark.live
def test_a_worker_reads_what_is_due(beside: dict[str, str], tmp_path: Path) -> None:
    # The client's one seam, in another process.
    (tmp_path / "sitecustomize.py").write_text(
        f"from project.http import stands_for\nstands_for[{HOST!r}] = '127.0.0.1'\n"
    )
    variables = {**beside, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    worker = Worker(variables, tmp_path / "worker.log", queues=("maintenance",))
    now = timezone.now()
    with feeds_on_loopback() as server:
        feed = add_source_feed(make_site(), server.has("/rss", rss(item("/a", now)), ETag='"1"'))
        worker.start()
        try:
            worker.wait_until_ready()
            poll_feeds.wake()
            wait_until(lambda: SourceFeed.objects.exclude(first_polled_at=None), "the first reading", 90)
            assert Article.objects.count() == 1 and not Notification.objects.exists()
            server.has("/rss", rss(item("/b", now), item("/a", now)), ETag='"2"')
            SourceFeed.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
            poll_feeds.wake()
            wait_until(lambda: SourceFeed.objects.filter(etag='"2"'), "the second reading", 90)
        finally:
            worker.stop()
    feed.refresh_from_db()
    assert (feed.failures, feed.last_error) == (0, "")
    note = Notification.objects.select_related("article").get()
    assert note.article is not None and note.article.url == "https://news.example.org/b"
