"""The kinds of channels that there are. One more is one adapter here and one name in `Channel.Kind`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sharing.channels.base import Adapter
from sharing.channels.bluesky import Bluesky
from sharing.channels.chats import Discord, Slack, Telegram
from sharing.channels.mastodon import Mastodon
from sharing.channels.webhook import Webhook
from sharing.models import Channel

ADAPTERS: Final[Mapping[str, Adapter]] = {
    Channel.Kind.WEBHOOK: Webhook(),
    Channel.Kind.SLACK: Slack(),
    Channel.Kind.DISCORD: Discord(),
    Channel.Kind.TELEGRAM: Telegram(),
    Channel.Kind.MASTODON: Mastodon(),
    Channel.Kind.BLUESKY: Bluesky(),
}
