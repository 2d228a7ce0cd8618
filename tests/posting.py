"""Channels with honest defaults, and their posts, in this process: what tests of channels share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from articles.models import Article, Site
from sharing.models import Channel, Delivery
from sharing.services.channels import add_channel
from sharing.services.posting import send_due_posts
from tests.channel_server import HOOK, MASTODON, ChannelServer, networks_on_loopback
from tests.mailing import planned

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"
SECRETS = {
    "webhook": WHSEC,
    "slack": "https://hooks.slack.com/services/T0SECRET0/B0SECRET0/slackSECRETslackSECRET",
    "discord": "https://discord.com/api/webhooks/123456789/discordSECRETdiscordSECRETdiscordSECRET",
    "telegram": "123456:telegramSECRETtelegramSECRETtele",
    "mastodon": "mastodonSECRETmastodonSECRETmastodon",
    "bluesky": "blue-SECR-ETSE-CRET",
}
SETTINGS: dict[str, dict[str, str]] = {
    "webhook": {"url": f"https://{HOOK}/in?k=v"},
    "slack": {},
    "discord": {},
    "telegram": {"chat": "@gazette"},
    "mastodon": {"instance": MASTODON},
    "bluesky": {"handle": "gazette.example.org"},
}
KINDS = tuple(SECRETS)


@pytest.fixture
def networks(tmp_path: Path) -> Iterator[ChannelServer]:
    with networks_on_loopback(tmp_path) as server:
        yield server


def make_channel(site: Site, kind: str = "webhook", **fields: Any) -> Channel:
    settings = SETTINGS[kind] | fields.pop("settings", {})
    name, secret = fields.pop("name", f"our {kind}"), fields.pop("secret", SECRETS[kind])
    channel = add_channel(site, kind, name, settings=settings, secret=secret, **fields).channel
    channel.refresh_from_db()
    return channel


def publish(article: Article) -> None:
    """Tell the channels of its site of an article."""
    planned(article, kind="article")


def say() -> None:
    """Say what is due, until nothing is."""
    while send_due_posts(5.0):
        pass


def post(channel: Channel) -> Delivery:
    """The one post of a channel."""
    return Delivery.objects.get(site_channel=channel)


def make_posts_due() -> None:
    """As if every pause were over, of posts and of channels."""
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(status__in=["queued", "awaiting_retry"]).update(next_attempt_at=past)
    Channel.objects.update(next_at=past)
