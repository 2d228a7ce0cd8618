"""Arrivals and what came of them, as the API takes and gives them."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any, Final

from rest_framework import serializers

from project.spreadsheets import guarded
from sharing import references
from sharing.selectors.reach import Reach, rows_of
from sharing.serializers.shares import SharedHeadlineSerializer

CSV: Final = "text/csv; charset=utf-8"
COLUMNS: Final = ("article", "url", "title", "network", "shares", "visits", "comments", "follows")


class VisitInputSerializer(serializers.Serializer[Any]):
    """An arrival through a shared address."""

    ref = serializers.CharField(max_length=references.MAX_LENGTH, help_text="`aw_ref` of the page's address.")

    def validate_ref(self, ref: str) -> str:
        if not references.is_reference(ref):
            raise serializers.ValidationError("This has not the shape of a reference.", code="not_a_reference")
        return ref


class NumbersSerializer(serializers.Serializer[Any]):
    """What came of shares: none of these is part of another."""

    shares = serializers.IntegerField(help_text="Presses of a button, of the article or of one of its comments.")
    visits = serializers.IntegerField(help_text="Arrivals through a shared address, a visitor once a day.")
    comments = serializers.IntegerField(help_text="Comments written after an arrival that are public now.")
    follows = serializers.IntegerField(help_text="Follows asked for after an arrival, by the day they were confirmed.")


class NetworkReachSerializer(NumbersSerializer):
    """What a network brought."""

    network = serializers.CharField(help_text="Key of the network.")
    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean the argument of that name


class ArticleReachSerializer(NumbersSerializer):
    """What shares brought to an article, all in all and by network."""

    article = SharedHeadlineSerializer()
    networks = NetworkReachSerializer(many=True)


class ReachSerializer(serializers.Serializer[Any]):
    """What shares brought to a site."""

    since = serializers.DateField(help_text="The first day, in UTC.")
    until = serializers.DateField(help_text="The last day: today.")
    total = NumbersSerializer()
    networks = NetworkReachSerializer(many=True)
    articles = ArticleReachSerializer(many=True, help_text="Those with most visits first.")


def report_rows(reach: Reach) -> str:
    """Return the report as CSV (RFC 4180), a row for each article and network, safe to open in a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for article, through in rows_of(reach):
        texts = (guarded(text) for text in (article.public_url, article.title, through.network))
        writer.writerow((article.pk, *texts, *asdict(through.numbers).values()))
    return file.getvalue()


def file_headers(reach: Reach) -> dict[str, str]:
    """Return the headers with which the report is downloaded, and kept by nobody else."""
    name = f"sharing-{reach.since}-{reach.until}.csv"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
