"""A link on its way through a real worker process: from an article of one site to a comment below one of another."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client

from articles.services.pages import put_article
from comments.models import Comment
from sharing.models import SentMention
from sharing.tasks import send_webmentions, verify_webmentions
from tests.factories import make_article, make_site
from tests.far_side import HOST, OTHER, far_side
from tests.mentions import FORM, reply
from tests.processes import ROOT, Worker, wait_until


@pytest.mark.live
def test_a_worker_looks_at_pages_and_tells_of_links(beside: dict[str, str], tmp_path: Path) -> None:
    # The client's one seam, in another process.
    names = f"from project.http import stands_for\nstands_for.update({dict.fromkeys((HOST, OTHER), '127.0.0.1')!r})\n"
    (tmp_path / "sitecustomize.py").write_text(names)
    variables = {**beside, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    worker = Worker(variables, tmp_path / "worker.log", queues=("maintenance",))
    article = make_article(path="/story")
    with far_side() as side:
        source = side.has("/note", reply(article, "<p>Quite right.</p>"))
        side.has("/page", '<link rel="webmention" href="/endpoint">')
        side.has("/endpoint", "", 202)
        html = f'<a href="{side.other}/page">there</a>'
        put_article(make_site(send_webmentions=True), {"html": html}, url="https://news.example.org/linking")
        body = urlencode({"source": source, "target": article.url})
        assert Client().post("/webmention", body, content_type=FORM).status_code == 201
        worker.start()
        try:
            worker.wait_until_ready()
            verify_webmentions.wake()
            send_webmentions.wake()
            wait_until(lambda: Comment.objects.exists(), "the comment", 90)
            wait_until(lambda: SentMention.objects.filter(state="told"), "the telling", 90)
        finally:
            worker.stop()
        assert side.requests("POST") == ["/endpoint"]
    comment = Comment.objects.get()
    assert (comment.provider, comment.text, comment.article_id) == ("webmention", "Quite right.", article.pk)
