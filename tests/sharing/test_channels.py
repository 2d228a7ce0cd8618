"""Channels made and looked after: checked, sites apart, and no secret is shown anywhere."""

from __future__ import annotations

import contextlib
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from standardwebhooks import Webhook

from articles.models import Article, Member
from comments.models import Comment
from comments.selectors.person import person_of
from comments.services.moderation import Moderator, decide
from project.errors import Problem
from project.http import is_global
from sharing.models import Channel, Delivery, Notification
from sharing.services.channels import add_channel, plan_test
from sharing.services.erasure import erase_person
from sharing.services.fan_out import plan_next_page
from tests.channel_server import HOOK, MASTODON, ChannelServer, Say
from tests.dump import dump_of_database
from tests.factories import ADA, BEN, CY, make_comment, make_member, make_site
from tests.mailing import article
from tests.posting import KINDS, SECRETS, SETTINGS, make_channel, make_posts_due, networks, publish, say
from tests.stub_net import PUBLIC, StubNet
from tests.unit import corpus

__all__ = ["article", "networks"]

# What of a secret is nobody's guess.
BARE = [secret.rpartition("/")[2].rpartition(":")[2].removeprefix("whsec_") for secret in SECRETS.values()]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


class TestMaking:
    @pytest.mark.parametrize(
        ("kind", "changed"),
        [
            ("webhook", {"settings": {"url": "http://hooks.example.org/"}}),
            ("webhook", {"settings": {"url": "https://me:pass@hooks.example.org/"}}),
            ("webhook", {"settings": {"url": "https://hooks.example.org:22/"}}),
            ("webhook", {"settings": {}}),
            ("webhook", {"secret": "whsec_c2hvcnQ="}),
            ("webhook", {"template": "{title}"}),
            ("webhook", {"events": ["article.deleted"]}),
            ("slack", {"secret": "https://hooks.slack.com.evil.example/services/T/B/x"}),
            ("slack", {"secret": ""}),
            ("slack", {"settings": {"url": "https://hooks.example.org/"}}),
            ("slack", {"events": ["comment.removed"]}),
            ("slack", {"template": "{titel}"}),
            ("discord", {"secret": "https://discord.com@evil.example/api/webhooks/12345/abcdefghijabcdefghijk"}),
            ("telegram", {"secret": "123456:short"}),
            ("telegram", {"secret": "123456:telegramSECRETtelegramSECRETtele/../x"}),
            ("telegram", {"settings": {"chat": "x y"}}),
            ("mastodon", {"settings": {"instance": "127.0.0.1"}}),
            ("mastodon", {"settings": {"instance": "localhost"}}),
            ("mastodon", {"settings": {"instance": "m.example.org:99"}}),
            ("mastodon", {"secret": "with\r\nHeader: of its own"}),
            ("bluesky", {"settings": {"handle": "us.example", "service": "10.0.0.1"}}),
            ("myspace", {}),
        ],
    )
    def test_what_cannot_work_is_refused_without_the_secret(
        self, article: Article, kind: str, changed: dict[str, Any]
    ) -> None:
        values = {"settings": SETTINGS.get(kind, {}), "secret": SECRETS.get(kind, "x")} | changed
        with pytest.raises(Problem) as found:
            add_channel(article.site, kind, "ours", **values)
        assert found.value.code == "validation_failed"
        assert values["secret"] == "" or values["secret"] not in str(found.value.errors)
        assert not Channel.objects.exists()

    def test_a_name_is_taken_once_on_a_site(self, article: Article) -> None:
        make_channel(article.site)
        with pytest.raises(Problem):
            make_channel(article.site)
        make_channel(make_site())

    def test_none_of_the_addresses_that_only_we_can_reach_is_reached(
        self, article: Article, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        net = StubNet().take_over(monkeypatch)
        rows = [row["input"] for row in corpus.rows("urls_ssrf.jsonl")]
        urls = [url.replace("http://", "https://", 1) for url in rows]
        for number, url in enumerate([*urls, f"https://{PUBLIC}/", "https://10.0.0.1/", "https://[::1]:8443/"]):
            with contextlib.suppress(Problem):
                made = add_channel(article.site, "webhook", f"hook {number}", settings={"url": url})
                plan_test(made.channel)
            if not number % 40:
                self.tried_out()
        self.tried_out()
        assert PUBLIC in net.connected and all(map(is_global, net.connected))

    def tried_out(self) -> None:
        """Say what is planned to all channels, and remove them: a site has fifty at most."""
        make_posts_due()
        say()
        assert not Delivery.objects.exclude(status="awaiting_retry").exists()
        Channel.objects.all().delete()


class TestSecrets:
    def test_none_is_shown_or_logged_or_stored_as_it_is(
        self, article: Article, networks: ChannelServer, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client.force_login(make_member(article.site, ADA, role=Member.Role.OWNER).user)
        channels = [make_channel(article.site, kind) for kind in KINDS]
        for host in ("hooks.slack.com", "discord.com", "api.telegram.org", MASTODON, HOOK):
            networks.next_from[host] += [Say(500), Say(lose=True)]
        publish(article)
        say()
        make_posts_due()
        say()
        seen = [caplog.text, dump_of_database()]
        for name in ("channel", "delivery"):
            seen.append(client.get(f"/admin/sharing/{name}/").content.decode())
        for channel in channels:
            seen.append(client.get(f"/admin/sharing/channel/{channel.pk}/change/").content.decode())
            seen.append(run("channel", "show", article.site.slug, channel.name))
            seen.append(run("preview_channel", article.site.slug, channel.name, "--json"))
            seen.append(repr(channel))
        for secret in (*SECRETS.values(), *BARE, "jwt-1"):
            assert not [text for text in seen if secret in text], secret
        assert article.title in "".join(seen)


class TestCommands:
    def test_a_webhook_from_making_to_removing(self, article: Article, networks: ChannelServer) -> None:
        slug = article.site.slug
        secret = run("add_channel", slug, "webhook", "hook", "--set", f"url=https://{HOOK}/x")
        assert secret.startswith("whsec_")
        assert article.title in run("preview_channel", slug, "hook")
        assert networks.asked == [], "a dry run"
        run("channel", "test", slug, "hook")
        say()
        (asked,) = networks.of(HOOK)
        assert Webhook(secret).verify(asked.body, asked.headers)["type"] == "channel.test"
        other = run("channel", "rotate", slug, "hook")
        assert other.startswith("whsec_") and other != secret
        run("channel", "off", slug, "hook")
        publish(article)
        assert "off" in run("channel", "show", slug, "hook")
        run("channel", "on", slug, "hook")
        Delivery.objects.update(status="failed")
        assert run("channel", "replay", slug, "hook").startswith("1 posts")
        run("channel", "remove", slug, "hook")
        assert not Delivery.objects.exists()

    def test_what_is_wrong_is_said_in_one_sentence(self, article: Article, tmp_path: Path) -> None:
        slug, secret = article.site.slug, tmp_path / "secret"
        secret.write_text("nonsense\n")
        with pytest.raises(CommandError, match="incoming webhook") as found:
            run("add_channel", slug, "slack", "room", "--secret-file", str(secret))
        assert found.value.returncode == 2
        for arguments in (("preview_channel", slug, "none"), ("channel", "show", "nowhere", "none")):
            with pytest.raises(CommandError):
                run(*arguments)

    def test_a_channel_of_another_site_is_not_found(self, article: Article) -> None:
        make_channel(article.site)
        with pytest.raises(CommandError):
            run("channel", "remove", make_site().slug, "our webhook")
        assert Channel.objects.exists()


class TestAdmin:
    def form(self, article: Article, **changed: Any) -> dict[str, Any]:
        values = {"site": article.site_id, "kind": "mastodon", "name": "toots", "events": ["article.published"]}
        settings = f'{{"instance": "{MASTODON}"}}'
        return {**values, "settings": settings, "new_secret": SECRETS["mastodon"], "template": "", **changed}

    def test_an_owner_makes_and_changes_one(self, article: Article, client: Client) -> None:
        client.force_login(make_member(article.site, ADA, role=Member.Role.OWNER).user)
        bad = client.post("/admin/sharing/channel/add/", self.form(article, template="{nothing}"))
        assert "unknown placeholder" in bad.content.decode()
        assert SECRETS["mastodon"] not in bad.content.decode()
        client.post("/admin/sharing/channel/add/", self.form(article))
        channel = Channel.objects.get()
        sealed = channel.secret
        page = f"/admin/sharing/channel/{channel.pk}/change/"
        client.post(page, self.form(article, new_secret="", template="New: {title} {url}", is_active=""))
        channel.refresh_from_db()
        assert (channel.secret, channel.template, channel.is_active) == (sealed, "New: {title} {url}", False)
        assert f"New: {article.title}" in client.get(page).content.decode()
        client.post(page, self.form(article, new_secret="another-secret-token", is_active="on"))
        channel.refresh_from_db()
        assert channel.secret != sealed and channel.is_active

    def test_a_new_signing_secret_is_shown_once(self, article: Article, client: Client) -> None:
        client.force_login(make_member(article.site, ADA, role=Member.Role.OWNER).user)
        fields = {"kind": "webhook", "settings": f'{{"url": "https://{HOOK}/"}}', "new_secret": ""}
        made = client.post("/admin/sharing/channel/add/", self.form(article, **fields), follow=True)
        assert "whsec_" in made.content.decode()
        assert "whsec_" not in client.get("/admin/sharing/channel/").content.decode()
        chosen = {"action": "rotate", "_selected_action": [Channel.objects.get().pk]}
        assert "whsec_" in client.post("/admin/sharing/channel/", chosen, follow=True).content.decode()

    def test_moderators_and_other_sites_see_none(self, article: Article, client: Client) -> None:
        channel = make_channel(article.site)
        page = f"/admin/sharing/channel/{channel.pk}/change/"
        client.force_login(make_member(article.site, CY).user)
        assert client.get("/admin/sharing/channel/").status_code == 403
        client.force_login(make_member(make_site(), BEN, role=Member.Role.OWNER).user)
        assert channel.name not in client.get("/admin/sharing/channel/").content.decode()
        assert client.post(page, self.form(article)).status_code == 302
        client.post("/admin/sharing/channel/", {"action": "rotate", "_selected_action": [channel.pk]})
        channel.refresh_from_db()
        assert (channel.kind, channel.old_secret) == ("webhook", "")
        answer = client.post("/admin/sharing/channel/add/", self.form(article, name="smuggled"))
        assert answer.status_code == 200 and not Channel.objects.filter(name="smuggled").exists()


class TestChanges:
    """What becomes of a public comment, for programs that keep a copy."""

    EVENTS = ("comment.published", "comment.changed", "comment.removed")

    def told(self, networks: ChannelServer) -> list[tuple[str, dict[str, Any]]]:
        for notification in Notification.objects.filter(fanned_out_at=None).order_by("pk"):
            while plan_next_page(notification.pk):
                pass
        networks.asked.clear()
        say()
        return [(asked.json()["type"], asked.json()["data"]) for asked in networks.of(HOOK)]

    def test_a_removal_is_told_without_words(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site, events=self.EVENTS)
        comment = make_comment(article)
        decide(article.site, comment.pk, "removed", Moderator())
        ((kind, data),) = self.told(networks)
        assert (kind, data["comment"]) == ("comment.removed", {"id": comment.pk})

    def test_erasure_is_told(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site, events=self.EVENTS)
        kept = make_comment(article, author_email=BEN)
        erase_person(person_of(article.site, BEN))
        ((kind, data),) = self.told(networks)
        assert (kind, data["comment"]["id"], data["comment"]["author"]) == ("comment.changed", kept.pk, "Former reader")
        gone = make_comment(article, author_email=CY)
        erase_person(person_of(article.site, CY), texts=True)
        ((kind, data),) = self.told(networks)
        assert (kind, data["comment"]) == ("comment.removed", {"id": gone.pk})

    def test_nothing_is_noted_where_nobody_wants_to_hear(self, article: Article) -> None:
        make_channel(article.site)
        decide(article.site, make_comment(article).pk, "removed", Moderator())
        assert not Notification.objects.exists()

    def test_no_address_of_anybody_is_told(self, article: Article, networks: ChannelServer) -> None:
        Article.objects.update(author_email=ADA)
        make_channel(article.site, events=[*self.EVENTS, "article.published"])
        publish(article)
        comment = make_comment(article, author_email=BEN)
        Notification.objects.create(site=article.site, kind="comment", cause_key="c", article=article, comment=comment)
        self.told(networks)
        assert len(networks.of(HOOK)) == 2
        assert Comment.objects.get().author_email == BEN
        assert not [asked for asked in networks.asked if b"@example.org" in asked.body or BEN.encode() in asked.body]

    def test_milestones_flow_where_they_are_noted(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site, events=["shares.milestone", "shares.hourly"])
        for kind, cause in (("milestone", f"milestone:{article.pk}:100"), ("shares", f"shares:{article.pk}:1")):
            Notification.objects.create(site=article.site, kind=kind, cause_key=cause, article=article)
        told = dict(self.told(networks))
        assert told["shares.milestone"]["reached"] == 100
        assert told["shares.hourly"]["total"] == 0
