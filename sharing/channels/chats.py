"""Slack, Discord and Telegram: rooms that a message is put into. None of them can say afterwards whether it was.

So a message whose answer was lost is never sent again by itself. (Slack "Sending messages using incoming webhooks",
"Formatting text", "Rate limits"; Discord "Execute Webhook", "Rate Limits"; Telegram Bot API "sendMessage", "Making
requests".)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from html import escape as escape_html
from typing import Any, ClassVar, Final

from project.http import Answer
from sharing.channels.asking import OK, TOO_MANY, failure_of, fields_of, header, line, post_json, seconds_in, text_in
from sharing.channels.base import Account, Check, Draft, Ended, Post, Receipt, Refused
from sharing.channels.wording import DEFAULT_TEMPLATE, Composed, Rule, TooLongError, compose
from sharing.models import Channel

TOLD: Final = frozenset(
    {
        Channel.Event.ARTICLE_PUBLISHED.value,
        Channel.Event.COMMENT_PUBLISHED.value,
        Channel.Event.SHARES_HOURLY.value,
        Channel.Event.SHARES_MILESTONE.value,
    }
)
DISCORD_MARKS: Final = re.compile(r"([\\*_~`|<>\[\]()#:-])")


def words_of(account: Account, post: Post, rule: Rule) -> str:
    """Return the text of a post. Refused: it cannot be short enough."""
    return composed_of(account, post, rule).text


def composed_of(account: Account, post: Post, rule: Rule) -> Composed:
    """Return the text of a post, and where its links are. Refused: it cannot be short enough."""
    try:
        return compose(account.template or DEFAULT_TEMPLATE, post.words, post.url, rule)
    except TooLongError as error:
        raise Refused(str(error)) from error


def escape_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_discord(text: str) -> str:
    # An address is one word without any of these marks that would mean something within it.
    return text if text.startswith(("https://", "http://")) else DISCORD_MARKS.sub(r"\\\1", text)


def escape_telegram(text: str) -> str:
    return escape_html(text, quote=True)


class Slack:
    """The secret is the address of an incoming webhook."""

    label: ClassVar = "Slack"
    asks_for: ClassVar = "address of the incoming webhook"
    required: ClassVar[Mapping[str, Check]] = {}
    optional: ClassVar[Mapping[str, Check]] = {}
    events: ClassVar[frozenset[str]] = TOLD
    doubt: ClassVar[timedelta | None] = None
    address: ClassVar = line(
        r"https://hooks\.slack\.com/(services|workflows|triggers)/[A-Za-z0-9/_-]{1,200}",
        "Give the address of an incoming webhook, https://hooks.slack.com/services/…",
    )
    ended: ClassVar = frozenset({401, 403, 404, 410})

    def check_secret(self, secret: str) -> str:
        return Slack.address(secret)

    def rule(self, settings: Mapping[str, str]) -> Rule:
        return Rule(4_000, escape=escape_slack)

    def draft(self, account: Account, post: Post) -> Draft:
        text = words_of(account, post, self.rule(account.settings))
        return Draft(text, {"text": text, "mrkdwn": False, "parse": "none", "link_names": False})

    def send(self, account: Account, post: Post) -> Receipt:
        answer = post_json(account.secret, {}, self.draft(account, post).body)
        if answer.status in OK:
            return Receipt(wait=1.0)
        said = " ".join(answer.body[:100].decode(errors="replace").split())
        raise failure_of(answer, said, ended=self.ended)


class Discord:
    """The secret is the address of a channel's webhook; `wait=true`, or a failure to save would not be told."""

    label: ClassVar = "Discord"
    asks_for: ClassVar = "address of the webhook"
    required: ClassVar[Mapping[str, Check]] = {}
    optional: ClassVar[Mapping[str, Check]] = {}
    events: ClassVar[frozenset[str]] = TOLD
    doubt: ClassVar[timedelta | None] = None
    address: ClassVar = line(
        r"https://(discord|discordapp)\.com/api(/v\d{1,2})?/webhooks/\d{5,25}/[A-Za-z0-9_-]{20,100}",
        "Give the address of a webhook, https://discord.com/api/webhooks/…",
    )
    ended: ClassVar = frozenset({401, 403, 404})

    def check_secret(self, secret: str) -> str:
        return Discord.address(secret)

    def rule(self, settings: Mapping[str, str]) -> Rule:
        return Rule(2_000, escape=escape_discord)

    def draft(self, account: Account, post: Post) -> Draft:
        text = words_of(account, post, self.rule(account.settings))
        return Draft(text, {"content": text, "allowed_mentions": {"parse": []}})

    def send(self, account: Account, post: Post) -> Receipt:
        answer = post_json(f"{account.secret}?wait=true", {}, self.draft(account, post).body)
        found = fields_of(answer)
        if answer.status in OK:
            spent = header(answer, "X-RateLimit-Remaining") == "0"
            rest = seconds_in(header(answer, "X-RateLimit-Reset-After")) if spent else None
            return Receipt(remote=text_in(found, "id"), wait=rest or 0.0)
        wait = seconds_in(str(found.get("retry_after", ""))) if answer.status == TOO_MANY else None
        raise failure_of(answer, text_in(found, "message"), ended=self.ended, wait=wait)


class Telegram:
    """The secret is a bot's token, `chat` the channel or group that it writes into."""

    label: ClassVar = "Telegram"
    asks_for: ClassVar = "token of the bot"
    required: ClassVar[Mapping[str, Check]] = {
        "chat": line(r"@[A-Za-z][A-Za-z0-9_]{3,31}|-?\d{1,20}", "Give @channel, or the number of a chat.")
    }
    optional: ClassVar[Mapping[str, Check]] = {}
    events: ClassVar[frozenset[str]] = TOLD
    doubt: ClassVar[timedelta | None] = None
    token: ClassVar = line(r"\d{5,20}:[A-Za-z0-9_-]{20,100}", "Give the token that BotFather gave you.")
    ended: ClassVar = frozenset({401, 403, 404})

    def check_secret(self, secret: str) -> str:
        return Telegram.token(secret)

    def rule(self, settings: Mapping[str, str]) -> Rule:
        return Rule(4_096, escape=escape_telegram)

    def draft(self, account: Account, post: Post) -> Draft:
        text = words_of(account, post, self.rule(account.settings))
        preview = {"url": post.url} if post.url else {"is_disabled": True}
        chat = account.settings["chat"]
        body = {"chat_id": chat, "text": text, "parse_mode": "HTML", "link_preview_options": preview}
        return Draft(text, body)

    def send(self, account: Account, post: Post) -> Receipt:
        url = f"https://api.telegram.org/bot{account.secret}/sendMessage"
        answer = post_json(url, {}, self.draft(account, post).body)
        found = fields_of(answer)
        if answer.status in OK and found.get("ok") is True:
            result = found.get("result")
            number = result.get("message_id") if isinstance(result, dict) else None
            # Three seconds: twenty messages a minute are allowed in a group or channel.
            return Receipt(remote=str(number) if isinstance(number, int) else "", wait=3.0)
        raise self._failure(answer, found)

    def _failure(self, answer: Answer, found: Mapping[str, Any]) -> Exception:
        said, parameters = text_in(found, "description"), found.get("parameters")
        asked = parameters if isinstance(parameters, dict) else {}
        if "migrate_to_chat_id" in asked or "chat not found" in said:
            return Ended(f"{said}; look at the chat")
        wait = seconds_in(str(asked.get("retry_after", "")))
        return failure_of(answer, said, ended=self.ended, wait=wait)
