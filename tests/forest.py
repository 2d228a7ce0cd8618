"""Threads of many thousand comments, written by one statement, for tests of what a large thread costs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from django.db import connection

from articles.models import Article
from comments.models import Thread, ThreadCount
from tests.sketch import MORNING, reserve_ids

Parents = Sequence[int | None]

_INSERT = """
    INSERT INTO comments_comment (
        id, site_id, article_id, parent_id, root_id, depth, provider, author_name, author_email, author_url, author_key,
        source, html, text, renderer, nonce, status, reason, created_at, published_at,
        up, down, best, hot, controversial, shown_replies, reply_count)
    SELECT id, %(site)s, %(article)s, parent, root, depth, 'native', 'Ben', 'ben@example.org', '', '',
        '', '<p>Well said.</p>', 'Well said.', 1, gen_random_uuid(), 'approved', '',
        %(from)s + number * interval '1 second', %(from)s,
        up, down, best, hot, controversial, shown_replies, reply_count
    FROM unnest(%(ids)s::bigint[], %(parents)s::bigint[], %(roots)s::bigint[], %(depths)s::int[],
            %(shown)s::int[], %(counts)s::int[])
        WITH ORDINALITY AS given (id, parent, root, depth, shown_replies, reply_count, number),
        LATERAL (SELECT number %% 97 AS up, number %% 13 AS down, sin(number) AS best, cos(number) AS hot,
            sin(7 * number) AS controversial) AS vote"""


def chain(count: int) -> Parents:
    """One root, and each comment answers the one before."""
    return [None, *range(count - 1)]


def star(count: int) -> Parents:
    """One root that all others answer."""
    return [None, *[0] * (count - 1)]


def random_tree(count: int, *, roots: float = 0.3, seed: int = 1) -> Parents:
    """A share of roots; each other comment answers any one before it."""
    chance = random.Random(seed)
    return [None if not i or chance.random() < roots else chance.randrange(i) for i in range(count)]


def sow(article: Article, parents: Parents) -> list[int]:
    """Write public comments and return their ids; `parents` has the index of each one's parent, None for a root.

    Each is a second younger than the one before it, and their scores are in no order.
    """
    first = reserve_ids(len(parents))
    depths, roots = [0] * len(parents), list(range(len(parents)))
    shown, counts = [0] * len(parents), [0] * len(parents)
    for number, parent in enumerate(parents):
        if parent is not None:
            depths[number], roots[number] = depths[parent] + 1, roots[parent]
            shown[parent] += 1
            for above in {parent, roots[number]}:
                counts[above] += 1
    values = {
        "site": article.site_id,
        "article": article.pk,
        "from": MORNING,
        "ids": [first + number for number in range(len(parents))],
        "parents": [None if parent is None else first + parent for parent in parents],
        "roots": [first + root for root in roots],
        "depths": depths,
        "shown": shown,
        "counts": counts,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        cursor.execute("ANALYZE comments_comment")
    Thread.objects.create(site_id=article.site_id, article=article, version=1)
    ThreadCount.objects.create(site_id=article.site_id, article=article, provider="native", count=len(parents))
    return [first + number for number in range(len(parents))]
