"""Posts from plan to network: every answer that a network gives, and none of them said twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from articles.models import Article
from comments.models import Comment
from project import http
from sharing.models import Channel, Delivery, SendingPause
from sharing.selectors.summary import summary_of
from sharing.services.channels import rotate_secret
from sharing.services.posting import end_post_leases, replay
from tests.channel_server import BLUESKY, DISCORD, HOOK, MASTODON, SLACK, TELEGRAM, ChannelServer, Say
from tests.factories import make_article, make_comment, make_site
from tests.mailing import article, planned
from tests.posting import KINDS, SECRETS, WHSEC, make_channel, make_posts_due, networks, post, publish, say

__all__ = ["article", "networks"]

HOSTS = {
    "webhook": HOOK,
    "slack": SLACK,
    "discord": DISCORD,
    "telegram": TELEGRAM,
    "mastodon": MASTODON,
    "bluesky": BLUESKY,
}
CHATS = ("slack", "discord", "telegram")


def writes(server: ChannelServer, kind: str) -> int:
    """How often a post was asked for, sessions and look-ups aside."""
    return sum("createSession" not in asked.path and asked.method == "POST" for asked in server.of(HOSTS[kind]))


class TestSaying:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_new_article_is_said_once(self, article: Article, networks: ChannelServer, kind: str) -> None:
        channel = make_channel(article.site, kind)
        publish(article)
        say()
        say()
        assert (post(channel).status, post(channel).attempts, writes(networks, kind)) == ("sent", 1, 1)
        channel.refresh_from_db()
        assert (channel.failures, channel.last_error, channel.busy_until) == (0, "", None)
        assert article.url.encode() in networks.of(HOSTS[kind])[-1].body

    def test_what_came_of_it_is_kept(self, article: Article, networks: ChannelServer) -> None:
        channels = {kind: make_channel(article.site, kind) for kind in ("mastodon", "discord", "telegram")}
        publish(article)
        say()
        assert post(channels["mastodon"]).remote == f"https://{MASTODON}/@us/1"
        assert [post(channels[kind]).remote for kind in ("discord", "telegram")] == ["42", "7"]

    def test_a_channel_is_told_of_what_it_asked_for_and_only_of_what_came_after_it(
        self, article: Article, networks: ChannelServer
    ) -> None:
        comment = make_comment(article)
        planned(article, comment)
        channel = make_channel(article.site, events=["comment.published"])
        publish(article)
        planned(article, make_comment(article))
        say()
        (asked,) = networks.of(HOOK)
        assert (asked.json()["type"], post(channel).status) == ("comment.published", "sent")

    def test_what_is_hidden_meanwhile_is_not_said(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site, events=["comment.published", "article.published"])
        publish(article)
        planned(article, make_comment(article))
        Comment.objects.update(status="removed")
        Article.objects.update(visibility="hidden")
        say()
        assert networks.asked == []
        assert set(Delivery.objects.values_list("status", flat=True)) == {"skipped"}

    def test_sites_are_apart(self, article: Article, networks: ChannelServer) -> None:
        other = make_site()
        mine, theirs = make_channel(article.site), make_channel(other)
        publish(article)
        say()
        assert post(mine).status == "sent"
        assert not Delivery.objects.filter(site_channel=theirs).exists()

    def test_a_pause_of_the_site_holds_it(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site)
        publish(article)
        pause = SendingPause.objects.create(site=article.site)
        say()
        assert networks.asked == []
        pause.delete()
        say()
        assert len(networks.asked) == 1

    def test_a_post_is_no_mail_of_the_week(self, article: Article, networks: ChannelServer) -> None:
        day, now = timedelta(days=1), timezone.now()
        before = summary_of(article.site_id, now - day, now + day).mails
        make_channel(article.site)
        publish(article)
        say()
        assert summary_of(article.site_id, now - day, now + day).mails == before

    def test_many_posts_of_a_channel_go_one_after_the_other_in_order(
        self, article: Article, networks: ChannelServer
    ) -> None:
        make_channel(article.site)
        articles = [make_article(article.site) for _ in range(12)]
        for one in articles:
            publish(one)
        say()
        assert [asked.json()["data"]["article"]["id"] for asked in networks.asked] == [one.pk for one in articles]


class TestSignature:
    """Checked by an independent library."""

    def test_it_holds_over_the_exact_bytes(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site)
        publish(article)
        say()
        (asked,) = networks.of(HOOK)
        told = Webhook(WHSEC).verify(asked.body, asked.headers)
        assert told == json.loads(asked.body)
        assert told["type"] == "article.published"
        assert set(told) == {"type", "timestamp", "data"}
        assert asked.path == "/in?k=v"
        assert asked.headers["webhook-id"] == f"msg_{Delivery.objects.get().token.hex}"

    def test_both_secrets_sign_while_one_is_changed(self, article: Article, networks: ChannelServer) -> None:
        channel = make_channel(article.site)
        new = rotate_secret(channel)
        publish(article)
        say()
        (asked,) = networks.of(HOOK)
        for secret in (WHSEC, new):
            assert Webhook(secret).verify(asked.body, asked.headers)
        Channel.objects.update(old_secret_until=timezone.now())
        publish(make_article(article.site))
        say()
        assert len(networks.of(HOOK)[1].headers["webhook-signature"].split(" ")) == 1
        assert Webhook(new).verify(networks.of(HOOK)[1].body, networks.of(HOOK)[1].headers)


class TestAnswers:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_lost_answer_never_makes_two(self, article: Article, networks: ChannelServer, kind: str) -> None:
        channel = make_channel(article.site, kind)
        if kind == "bluesky":  # a session, so that the post is what is lost
            publish(make_article(article.site))
            say()
            Delivery.objects.all().delete()
            make_posts_due()
            networks.records.clear()
        before = writes(networks, kind)
        networks.next_from[HOSTS[kind]].append(Say(lose=True))
        publish(article)
        say()
        make_posts_due()
        say()
        if kind in CHATS:
            assert (post(channel).status, writes(networks, kind)) == ("unknown", before + 1)
            assert len(networks.rooms[HOSTS[kind]]) == 1
        else:
            assert (post(channel).status, post(channel).attempts) == ("sent", 2)
        assert len(networks.statuses) == (kind == "mastodon")
        assert len(networks.records) == (kind == "bluesky")
        if kind == "webhook":
            assert len({asked.headers["webhook-id"] for asked in networks.of(HOOK)}) == 1
        if kind == "bluesky":
            assert writes(networks, kind) == before + 1, "it was looked for, and found"

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_no_network_heard_of_is_tried_again(
        self, article: Article, networks: ChannelServer, kind: str
    ) -> None:

        channel = make_channel(article.site, kind)
        away = http.stands_for[HOSTS[kind]]
        http.stands_for[HOSTS[kind]] = "127.0.0.1:9"
        publish(article)
        say()
        assert (post(channel).status, post(channel).doubt_at) == ("awaiting_retry", None)
        http.stands_for[HOSTS[kind]] = away
        make_posts_due()
        say()
        assert (post(channel).status, writes(networks, kind)) == ("sent", 1)

    def test_mastodon_is_not_asked_again_when_it_has_forgotten_the_key(
        self, article: Article, networks: ChannelServer
    ) -> None:
        channel = make_channel(article.site, "mastodon")
        networks.next_from[MASTODON].append(Say(lose=True))
        publish(article)
        say()
        Delivery.objects.update(doubt_at=timezone.now() - timedelta(minutes=51))
        make_posts_due()
        say()
        assert (post(channel).status, writes(networks, "mastodon")) == ("unknown", 1)

    LIMITS = {
        "webhook": Say(429, None, {"Retry-After": "120"}),
        "slack": Say(429, "rate_limited", {"Retry-After": "120"}),
        "discord": Say(429, {"message": "You are being rate limited.", "retry_after": 120.4, "global": False}),
        "telegram": Say(429, {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 120}}),
        "mastodon": Say(429, {"error": "Too many"}, {"X-RateLimit-Reset": "{soon}", "X-RateLimit-Remaining": "0"}),
        "bluesky": Say(429, {"error": "RateLimitExceeded"}, {"ratelimit-reset": "{unix}", "ratelimit-remaining": "0"}),
    }

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_limit_is_kept_by_the_whole_channel_and_is_no_attempt(
        self, article: Article, networks: ChannelServer, kind: str
    ) -> None:
        channel, soon = make_channel(article.site, kind), timezone.now() + timedelta(seconds=120)
        limit = self.LIMITS[kind]
        times = {"soon": soon.isoformat(), "unix": str(int(soon.timestamp()) + 1)}
        headers = {name: value.format(**times) for name, value in limit.headers.items()}
        networks.next_from[HOSTS[kind]].append(Say(limit.status, limit.body, headers))
        publish(article)
        publish(make_article(article.site))
        say()
        asked = len(networks.asked)
        assert set(Delivery.objects.values_list("status", "attempts")) == {("queued", 0), ("awaiting_retry", 0)}
        channel.refresh_from_db()
        assert timedelta(seconds=60) < channel.next_at - timezone.now() < timedelta(seconds=125)
        say()
        assert len(networks.asked) == asked == 1
        make_posts_due()
        Channel.objects.update(next_at=timezone.now())
        say()
        assert Delivery.objects.filter(status="sent").exists()

    def test_who_asks_for_no_patience_at_all_gets_some(self, article: Article, networks: ChannelServer) -> None:
        channel = make_channel(article.site)
        networks.always[HOOK] = Say(429, None, {"Retry-After": "0"})
        publish(article)
        say()
        say()
        channel.refresh_from_db()
        assert len(networks.asked) == 1 and channel.next_at > timezone.now()

    @pytest.mark.parametrize(
        ("kind", "answer"),
        [
            ("webhook", Say(410)),
            ("slack", Say(404, b"no_service")),
            ("slack", Say(403, b"invalid_token")),
            ("discord", Say(404, {"message": "Unknown Webhook", "code": 10015})),
            ("telegram", Say(401, {"ok": False, "description": "Unauthorized"})),
            ("telegram", Say(400, {"ok": False, "description": "Bad Request: chat not found"})),
            ("mastodon", Say(401, {"error": "The access token is invalid"})),
            ("bluesky", Say(401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"})),
        ],
    )
    def test_a_channel_at_its_end_is_spoken_to_no_more_and_keeps_what_waits(
        self, article: Article, networks: ChannelServer, kind: str, answer: Say
    ) -> None:
        channel = make_channel(article.site, kind)
        networks.next_from[HOSTS[kind]].append(answer)
        publish(article)
        say()
        make_posts_due()
        say()
        channel.refresh_from_db()
        assert (channel.is_active, len(networks.asked)) == (False, 1)
        assert str(answer.status) in channel.last_error or "chat not found" in channel.last_error
        Channel.objects.update(is_active=True)
        say()
        assert post(channel).status == "sent"

    @pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 500, 503])
    def test_a_webhook_is_tried_again_after_any_other_answer_and_no_redirect_is_followed(
        self, article: Article, networks: ChannelServer, status: int
    ) -> None:
        channel = make_channel(article.site)
        networks.next_from[HOOK].append(Say(status, None, {"Location": f"https://{HOOK}/elsewhere"}))
        publish(article)
        say()
        assert (post(channel).status, len(networks.asked)) == ("awaiting_retry", 1)
        channel.refresh_from_db()
        assert channel.failures == 1 and channel.failing_since is not None
        make_posts_due()
        say()
        assert post(channel).status == "sent"

    def test_a_webhook_has_its_ten_attempts_in_three_days_and_then_ends(
        self, article: Article, networks: ChannelServer
    ) -> None:
        channel = make_channel(article.site)
        networks.always[HOOK] = Say(500)
        publish(article)
        waits = []
        for _ in range(9):
            say()
            waits.append((post(channel).next_attempt_at - timezone.now()).total_seconds())
            make_posts_due()
        for wait, pause in zip(waits, (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400), strict=True):
            assert pause - 60 <= wait <= pause * 1.25
        Channel.objects.update(failing_since=timezone.now() - timedelta(days=3, hours=1))
        say()
        channel.refresh_from_db()
        assert (post(channel).status, post(channel).attempts, channel.is_active) == ("failed", 10, False)

    def test_refused_words_fail_and_keep_nothing_else_up(self, article: Article, networks: ChannelServer) -> None:
        make_channel(article.site, "mastodon")
        networks.next_from[MASTODON].append(Say(422, {"error": "Validation failed: Text is too long"}))
        publish(article)
        publish(make_article(article.site))
        say()
        assert sorted(Delivery.objects.values_list("status", flat=True)) == ["failed", "sent"]
        assert "too long" in Delivery.objects.get(status="failed").last_error

    def test_a_bluesky_session_is_used_again_and_renewed_when_it_has_ended(
        self, article: Article, networks: ChannelServer
    ) -> None:
        channel = make_channel(article.site, "bluesky")
        for _ in range(3):
            publish(make_article(article.site))
            say()
        assert networks.sessions == 1
        networks.sessions = 7  # as if it were another one by now
        publish(article)
        say()
        assert networks.sessions == 8
        assert len(networks.records) == 4
        channel.refresh_from_db()
        assert "jwt" not in channel.session

    def test_secrets_that_a_network_repeats_are_not_kept(self, article: Article, networks: ChannelServer) -> None:
        secret = SECRETS["mastodon"]
        channel = make_channel(article.site, "mastodon")
        networks.next_from[MASTODON].append(Say(422, {"error": f"{secret} is bad"}))
        publish(article)
        say()
        assert post(channel).last_error == "the answer has the status 422: … is bad"


class TestEndedInTheMiddle:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_lease_that_ended(self, article: Article, networks: ChannelServer, kind: str) -> None:
        channel = make_channel(article.site, kind)
        publish(article)
        Delivery.objects.update(status="sending", attempts=1, lease_until=timezone.now())
        assert end_post_leases() == 1
        assert end_post_leases() == 0
        say()
        assert post(channel).status == ("unknown" if kind in CHATS else "sent")
        assert writes(networks, kind) == (0 if kind in CHATS else 1)

    def test_an_operator_may_replay_what_nobody_knows_of_and_a_webhook_what_it_got(
        self, article: Article, networks: ChannelServer
    ) -> None:
        hook, slack = make_channel(article.site), make_channel(article.site, "slack")
        networks.next_from[SLACK].append(Say(lose=True))
        publish(article)
        say()
        assert replay(Delivery.objects.filter(site=make_site())) == 0
        assert replay(Delivery.objects.filter(site=article.site)) == 2
        make_posts_due()
        say()
        assert (post(hook).status, post(slack).status) == ("sent", "sent")
        first, second = networks.of(HOOK)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert replay(Delivery.objects.filter(site_channel=slack)) == 0, "it is there"
