"""A site's channels: made, changed, given another secret, tried out, removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from articles.models import Article, Site
from comments.models import Comment
from project.errors import refused_field
from project.sealed import Broken, seal, unseal
from project.statements import fetch
from project.text import clean_line
from sharing.channels.base import Account, Adapter, Draft, Refused
from sharing.channels.known import ADAPTERS
from sharing.channels.posts import EVENT_OF, account_of, probe_of
from sharing.channels.wording import check_template
from sharing.models import Channel, Delivery, Notification

MOST_CHANNELS: Final = 50  # of a site
OVERLAP: Final = timedelta(hours=24)
REPLAYED: Final = timedelta(days=1)

# Only where somebody wants to hear of it: most sites have nobody.
NOTE: Final = """
    INSERT INTO sharing_notification (site_id, kind, cause_key, article_id, comment_id)
    SELECT %(site)s, %(kind)s, %(cause)s, %(article)s, %(comment)s
    WHERE EXISTS (SELECT FROM sharing_channel WHERE site_id = %(site)s AND is_active AND %(event)s = ANY(events))
    RETURNING id
"""


class Made(NamedTuple):
    """`secret` is what we made and show this once, "" where it was given."""

    channel: Channel
    secret: str


class Wish(NamedTuple):
    """What somebody says of a channel; `secret` is "" to keep the one that it has."""

    settings: Mapping[str, str]
    events: Iterable[str]
    template: str = ""
    secret: str = ""


def add_channel(
    site: Site,
    kind: str,
    name: str,
    *,
    settings: Mapping[str, str],
    secret: str = "",
    events: Iterable[str] = (),
    template: str = "",
) -> Made:
    """Make a channel; without `events` it is told of new articles. Problem: validation_failed."""
    channel = Channel(site=site, kind=kind, name=clean_line(name, limit=60, field="name"))
    wished = Wish(settings, list(events) or [Channel.Event.ARTICLE_PUBLISHED.value], template, secret)
    kept = describe(channel, wished)
    if Channel.objects.filter(site=site).count() >= MOST_CHANNELS:
        raise refused_field("site", "too_many", f"A site has at most {MOST_CHANNELS} channels.")
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise refused_field("name", "taken", "The site has a channel of this name.") from error
    return Made(channel, "" if secret else kept)


def change_channel(channel: Channel, wish: Wish, *, is_active: bool) -> None:
    """Take over what was changed; one that is switched on again begins anew. Problem: validation_failed."""
    describe(channel, wish)
    fields = ["settings", "events", "template", "is_active"]
    fields += ["secret", "session"] if wish.secret else []
    if is_active and not channel.is_active:
        channel.failures, channel.failing_since, channel.last_error, channel.next_at = 0, None, "", Now()
        fields += ["failures", "failing_since", "last_error", "next_at"]
    channel.is_active = is_active
    # Whoever speaks to it meanwhile writes the other columns.
    channel.save(update_fields=fields)


def switch(channel: Channel, *, on: bool) -> None:
    """Let a channel be spoken to again, or no more; what waits for it keeps waiting until it is of no use."""
    begins_anew = {"failures": 0, "failing_since": None, "last_error": "", "next_at": Now()}
    Channel.objects.filter(pk=channel.pk).update(is_active=on, **(begins_anew if on else {}))


def describe(channel: Channel, wish: Wish) -> str:
    """Put what is wished for into the unsaved row and return the secret, "" if it has one and keeps it.

    Problem: validation_failed.
    """
    adapter = adapter_of(channel.kind)
    channel.settings = _checked_settings(adapter, wish.settings)
    channel.events = list(dict.fromkeys(wish.events))
    if not channel.events or not adapter.events.issuperset(channel.events):
        known = ", ".join(sorted(adapter.events))
        raise refused_field("events", "unacceptable", f"{adapter.label} can be told of {known}.")
    channel.template = _checked_template(adapter, channel.settings, wish.template)
    if channel.secret and not wish.secret:
        return ""
    kept = _checked_secret(adapter, wish.secret)
    channel.secret, channel.session = seal(kept), ""
    return kept


def rotate_secret(channel: Channel, secret: str = "") -> str:
    """Give a channel another secret, made by us where its kind allows that, and return it.

    Of a webhook the old one signs too for a day, so that the receiver can change over. Problem: validation_failed.
    """
    kept = _checked_secret(adapter_of(channel.kind), secret)
    signs = channel.kind == Channel.Kind.WEBHOOK
    old = {"old_secret": models.F("secret"), "old_secret_until": Now() + OVERLAP} if signs else {}
    Channel.objects.filter(pk=channel.pk).update(**old, secret=seal(kept), session="")
    return kept


def preview(channel: Channel, article: Article | None) -> Draft:
    """Return what would be posted of an article, without one of a test. Problem: validation_failed."""
    try:
        return adapter_of(channel.kind).draft(account_of(channel, ""), probe_of(channel, article))
    except Refused as error:
        raise refused_field("template", "too_long", f"This cannot be posted: {error}.") from error


def plan_test(channel: Channel) -> Delivery:
    """Let the channel say that it is tried out."""
    return Delivery.objects.create(
        site_id=channel.site_id,
        kind=Delivery.Kind.POST,
        cause_key=f"test:{uuid.uuid4()}",
        channel=channel.kind,
        target_key=str(channel.pk),
        site_channel=channel,
        queue=Delivery.Queue.CHANNELS,
        expires_at=Now() + REPLAYED,
    )


def plan_posts(notification: Notification, event: str, expires: timedelta) -> int:
    """Plan what each channel of the site that is told of an event has to say of it; return of how many channels."""
    told = Channel.objects.filter(site_id=notification.site_id, is_active=True, events__contains=[event])
    # One that was made later is not told of what was before it.
    told = told.filter(created_at__lte=notification.created_at)
    planned = [
        Delivery(
            site_id=notification.site_id,
            kind=Delivery.Kind.POST,
            cause_key=notification.cause_key,
            channel=kind,
            target_key=str(channel_id),
            site_channel_id=channel_id,
            notification=notification,
            queue=Delivery.Queue.CHANNELS,
            expires_at=notification.due_at + expires,
        )
        for channel_id, kind in told.order_by("pk").values_list("pk", "kind")
    ]
    Delivery.objects.bulk_create(planned, ignore_conflicts=True)
    return len(planned)


def note_change(comment: Comment) -> bool:
    """Write down that a public comment says something else, or is public no longer; False if no channel is told.

    Each change is a cause of its own; call it inside its transaction.
    """
    kind = Notification.Kind.CHANGED if comment.is_approved else Notification.Kind.REMOVED
    values = {
        "site": comment.site_id,
        "kind": kind.value,
        "cause": f"comment:{comment.pk}:{kind.value}:{uuid.uuid4().hex}",
        "article": comment.article_id,
        "comment": comment.pk,
        "event": EVENT_OF[kind],
    }
    return bool(fetch(NOTE, values))


def adapter_of(kind: str) -> Adapter:
    """Return the adapter of a kind. Problem: validation_failed."""
    found = ADAPTERS.get(kind)
    if found is None:
        raise refused_field("kind", "unacceptable", f"A channel is one of {', '.join(ADAPTERS)}.")
    return found


def open_account(channel: Channel, *, with_old: bool) -> Account:
    """Return what its adapter needs of a channel, secrets included. Broken: another SECRET_KEY."""
    old = unseal(channel.old_secret) if with_old and channel.old_secret else ""
    try:
        session = unseal(channel.session) if channel.session else ""
    except Broken:
        session = ""
    return account_of(channel, unseal(channel.secret), old, session)


def _checked_template(adapter: Adapter, settings: Mapping[str, str], template: str) -> str:
    rule = adapter.rule(settings)
    if rule is None:
        if template.strip():
            raise refused_field("template", "unacceptable", f"{adapter.label} has no template: it gets data.")
        return ""
    try:
        return check_template(template, rule)
    except ValueError as error:
        raise refused_field("template", "unacceptable", str(error)) from error


def _checked_settings(adapter: Adapter, given: Mapping[str, str]) -> dict[str, str]:
    checks = {**adapter.required, **adapter.optional}
    unknown = set(given) - set(checks)
    missing = set(adapter.required) - {name for name, value in given.items() if value}
    if unknown or missing:
        known = ", ".join(checks) or "none"
        raise refused_field("settings", "unacceptable", f"{adapter.label} has the settings {known}.")
    kept = {}
    for name, value in given.items():
        if value == "":
            continue
        try:
            kept[name] = checks[name](value if isinstance(value, str) else "")
        except ValueError as error:
            raise refused_field("settings", "unacceptable", f"{name}: {error}") from error
    return kept


def _checked_secret(adapter: Adapter, secret: str) -> str:
    try:
        return adapter.check_secret(secret.strip())
    except ValueError as error:
        # The secret itself is in no sentence of ours.
        raise refused_field("secret", "unacceptable", str(error)) from None
