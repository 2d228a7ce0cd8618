"""What is held about one person on one site, as far as comments go; she is named by her address."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from articles.models import Site
from comments.models import Comment, Identity, Mute, Reader, ReaderSession, Report, Revision, Vote
from comments.voters import voter_key_of_reader
from project import addresses
from project.tokens import Purpose, keyed_hash


@dataclass(frozen=True)
class Person:
    """An address on a site: as it is compared, its keyed hash, and the reader who has proven that it is hers.

    A reader of the site's own sign-on may have no address: then `key` is one that no address has.
    """

    site: Site
    address: str
    key: str
    reader_id: int | None

    def comments(self) -> QuerySet[Comment]:
        """What was written under her address or in her sessions, whatever its status."""
        hers = Q(author_key=self.key)
        if self.reader_id is not None:
            hers |= Q(reader=self.reader_id)
        return Comment.objects.filter(hers, site=self.site)

    def voter_keys(self) -> list[str]:
        """As whom she votes: as herself, and as the voters who wrote her comments."""
        keys = list(self.comments().exclude(voter_key="").order_by().values_list("voter_key", flat=True).distinct())
        if self.reader_id is not None:
            keys.append(voter_key_of_reader(self.site.pk, self.reader_id))
        return keys

    def votes(self) -> QuerySet[Vote]:
        return Vote.objects.filter(site=self.site, voter_key__in=self.voter_keys())

    def reports(self) -> QuerySet[Report]:
        """What she reported as a reader or as one of her voters; a report by network names nobody."""
        names = [f"voter:{key}" for key in self.voter_keys()]
        keys = [keyed_hash(Purpose.REPORTER, self.site.pk, name) for name in names]
        hers = Q(reporter_key__in=keys)
        if self.reader_id is not None:
            hers |= Q(reader=self.reader_id)
        return Report.objects.filter(hers, site=self.site)


def person_of(site: Site, email: str) -> Person:
    """Return who is known by an address in a site, somebody of whom nothing is known too.

    Problem: validation_failed, for what is no address.
    """
    canonical = addresses.normalise_email(email).canonical
    key = addresses.email_key(canonical)
    reader_id = Reader.objects.filter(site=site, address_key=key).values_list("pk", flat=True).first()
    return Person(site, canonical, key, reader_id)


def person_of_reader(reader: Reader) -> Person:
    """Return who is known as a reader, by the address that she has proven if there is one."""
    return Person(reader.site, reader.address, reader.address_key or f"reader:{reader.pk}", reader.pk)


def held_in_comments(person: Person) -> dict[str, Any]:
    """Return everything that is held about her here, by kind; no token and no keyed hash is among it."""
    return {
        **_account(person),
        "comments": _comments(person),
        "votes": list(person.votes().order_by("pk").values("comment_id", "value", "created_at")),
        "reports": list(
            person.reports().order_by("pk").values("comment_id", "reason", "detail", "created_at", "resolved_at")
        ),
    }


def _account(person: Person) -> dict[str, Any]:
    reader = person.reader_id
    if reader is None:
        return {"reader": None, "identities": [], "sessions": [], "mutes": []}
    session = ("method", "label", "created_at", "used_at", "expires_at", "ended_at")
    return {
        "reader": Reader.objects.values("name", "address", "url", "created_at", "verified_at").get(pk=reader),
        "identities": list(
            Identity.objects.filter(reader=reader).order_by("pk").values("provider", "subject", "created_at")
        ),
        "sessions": list(ReaderSession.objects.filter(reader=reader).order_by("pk").values(*session)),
        "mutes": list(Mute.objects.filter(reader=reader).order_by("pk").values("label", "created_at")),
    }


def _comments(person: Person) -> list[dict[str, Any]]:
    columns = ("author_name", "author_email", "author_url", "source", "revision", "status", "reason")
    times = ("created_at", "published_at", "edited_at")
    place = ("id", "article__title", "article__url", "parent_id", "provider")
    texts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for revision in Revision.objects.filter(comment__in=person.comments()).order_by("comment_id", "number"):
        texts[revision.comment_id].append(
            {name: getattr(revision, name) for name in ("number", "editor", "source", "created_at")}
        )
    rows = person.comments().order_by("pk").values(*place, *columns, *times)
    return [{**row, "revisions": texts[row["id"]]} for row in rows]
