"""`manage.py seed_demo`: the demo site, to look at and to play with; `up` runs it on an empty database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from articles.services.demo import seed_demo_articles
from comments.services.demo import seed_demo_comments


class Command(BaseCommand):
    """Makes what is missing of the demo; a second run changes nothing."""

    help = "Make the demo site with its articles and comments, as far as they are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        articles = seed_demo_articles()
        seed_demo_comments(articles)
        if options["verbosity"]:
            self.stdout.write(f"The site demo has {len(articles)} articles.")
