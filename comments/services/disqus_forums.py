"""Which Disqus forums a site reads beside its own comments, and the keys that it reads them with."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from articles.models import Site
from comments.models import DisqusForum
from project.errors import refused_field
from project.sealed import seal, unseal

# Each is asked all day, by one of whose sites there may be many.
MOST_FORUMS: Final = 10
SHORT_NAME: Final = re.compile(r"[a-z0-9_-]{1,100}")
TAKEN: Final = "The site reads this forum already."
KEY: Final = re.compile(r"[!-~]{8,200}")


class Keys(NamedTuple):
    """What Disqus' API is asked with: an application's secret key, and the access token of a moderator."""

    secret_key: str
    access_token: str


def add_forum(site: Site, forum: str, keys: Keys) -> DisqusForum:
    """Let the posts of a forum become comments of a site, from its first one on. Problem: validation_failed."""
    name, sealed = check_forum(site, forum), _sealed(keys)
    try:
        with transaction.atomic():
            return DisqusForum.objects.create(site=site, forum=name, keys=sealed)
    except IntegrityError as error:
        raise refused_field("forum", "taken", TAKEN) from error


def check_forum(site: Site, forum: str) -> str:
    """Return the name of a forum that is to be added as it is kept. Problem: validation_failed (`forum`)."""
    name = check_short_name(forum)
    known = set(DisqusForum.objects.filter(site=site).values_list("forum", flat=True))
    if name in known:
        raise refused_field("forum", "taken", TAKEN)
    if len(known) >= MOST_FORUMS:
        raise refused_field("forum", "too_many", f"A site has at most {MOST_FORUMS} forums.")
    return name


def change_keys(forum: DisqusForum, keys: Keys) -> None:
    """Read a forum with other keys from now on. Problem: validation_failed."""
    DisqusForum.objects.filter(pk=forum.pk).update(keys=_sealed(keys), failures=0, last_error="", next_at=Now())


def switch(forum: DisqusForum, *, on: bool) -> None:
    """Let a forum be read again, from where it was left and at once, or no more; its comments stay."""
    begins_anew = {"failures": 0, "last_error": "", "next_at": Now()}
    DisqusForum.objects.filter(pk=forum.pk).update(is_active=on, **(begins_anew if on else {}))


def check_short_name(forum: str) -> str:
    """Return a forum's name as it is kept. Problem: validation_failed."""
    name = forum.strip().lower()
    if not SHORT_NAME.fullmatch(name):
        raise refused_field("forum", "unacceptable", "A short name has letters, digits and hyphens only.")
    return name


def check_keys(keys: Keys) -> Keys:
    """Return the keys without blanks around them. Problem: validation_failed."""
    found = Keys(*(key.strip() for key in keys))
    for field, key in found._asdict().items():
        if not KEY.fullmatch(key):
            raise refused_field(field, "unacceptable", "This is no key of Disqus': 8 to 200 letters without blanks.")
    return found


def keys_of(forum: DisqusForum) -> Keys:
    """Return the keys to ask with. Broken: sealed with another SECRET_KEY."""
    return Keys(**json.loads(unseal(forum.keys)))


def _sealed(keys: Keys) -> str:
    return seal(json.dumps(check_keys(keys)._asdict()))
