"""Whose messages go first, and how operators stop and see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from articles.models import Article, Member, Site
from sharing.models import Delivery, MailEvent, SendingPause
from sharing.selectors.outbox import due_queues, outbox_health
from sharing.selectors.sending import sending_of
from sharing.services import claims, dispatch
from tests.factories import ADA, BEN, CY, make_article, make_comment, make_follow, make_member, make_site
from tests.mailing import article, planned, send, sink
from tests.smtp_sink import SmtpSink

__all__ = ["article", "sink"]

SENDING = "/admin/sharing/sendingpause/"


def wait(site: Site, number: int, *, minutes: int = 1, **fields: Any) -> None:
    """Deliveries of a site that are due since some minutes."""
    due = timezone.now() - timedelta(minutes=minutes)
    start = Delivery.objects.count()
    Delivery.objects.bulk_create(
        Delivery(
            site=site,
            kind="comment",
            cause_key=f"comment:{start + one}",
            target_key=f"k{start + one}",
            address=f"r{start + one}@example.org",
            **{"next_attempt_at": due, **fields},
        )
        for one in range(number)
    )


def claimed(queue: str = "mail") -> list[str]:
    return [delivery.site.slug for delivery in claims.claim(queue)]


@pytest.mark.django_db
class TestTurns:
    def test_a_site_with_few_messages_does_not_wait_behind_one_with_many(self) -> None:
        large, small = make_site("large"), make_site("small")
        wait(large, 3 * claims.BATCH, minutes=60)
        wait(small, 3)
        batch = claimed()
        assert batch.count("small") == 3
        assert batch.count("large") == claims.BATCH // 2

    def test_one_site_alone_has_the_whole_batch_oldest_first(self) -> None:
        site = make_site("large")
        wait(site, claims.BATCH)
        wait(site, 10, minutes=60)
        batch = claims.claim("mail")
        assert len(batch) == claims.BATCH
        assert [delivery.next_attempt_at for delivery in batch] == sorted(one.next_attempt_at for one in batch)
        assert sum(delivery.next_attempt_at < timezone.now() - timedelta(minutes=30) for delivery in batch) == 10

    def test_more_sites_than_a_batch_has_room_for_take_turns(self) -> None:
        for number in range(claims.SITES + 5):
            wait(make_site(f"site-{number}"), 2)
        first = claimed()
        assert len(set(first)) == claims.SITES
        everything = [*first, *claimed(), *claimed()]
        assert len(everything) == 2 * (claims.SITES + 5)

    def test_what_is_not_due_and_other_queues_are_left(self) -> None:
        site = make_site()
        wait(site, 2, minutes=-5)
        wait(site, 2, queue="confirm")
        wait(site, 2, status="sent")
        assert claimed() == []
        assert due_queues() == ["confirm"]
        assert len(claimed("confirm")) == 2


@pytest.mark.django_db
class TestPause:
    @pytest.mark.parametrize("whole", [False, True])
    def test_nothing_of_a_paused_site_goes_out_until_it_goes_on(
        self,
        article: Article,
        sink: SmtpSink,
        whole: bool,
    ) -> None:
        other = make_article(make_site("other"))
        for one in (article, other):
            make_follow(one.site, CY, article=one)
            planned(one, make_comment(one))
        pause = SendingPause.objects.create(site=None if whole else article.site)
        send()
        assert len(sink.messages) == (0 if whole else 1)
        assert outbox_health()["oldest_due_seconds"] is None and due_queues() == []
        pause.delete()
        assert due_queues() == ["mail"]
        send()
        assert len(sink.messages) == 2
        assert set(Delivery.objects.values_list("status", "attempts")) == {("sent", 1)}

    def test_a_batch_that_was_claimed_before_goes_back(
        self,
        article: Article,
        sink: SmtpSink,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for email in (ADA, BEN, CY):
            make_follow(article.site, email, article=article)
        planned(article, make_comment(article, author_email="dee@example.org"))
        real = dispatch._sent

        def paused_behind(*args: Any) -> Any:
            SendingPause.objects.create(site=article.site)
            return real(*args)

        monkeypatch.setattr(dispatch, "_sent", paused_behind)
        send()
        assert len(sink.messages) == 1
        rows = Delivery.objects.order_by("status").values_list("status", "attempts", "last_error")
        assert list(rows) == [("queued", 0, "sending is paused")] * 2 + [("sent", 1, "")]

    def test_a_site_is_paused_once(self, article: Article) -> None:
        for site in (None, article.site):
            SendingPause.objects.create(site=site)
            with pytest.raises(ValidationError, match="paused already"):
                SendingPause(site=site).full_clean()


@pytest.mark.django_db
class TestOperators:
    def test_the_page_shows_how_sending_goes_at_her_sites(
        self,
        client: Client,
        article: Article,
        django_assert_num_queries: Any,
    ) -> None:
        make_site("elsewhere", name="Not Hers")
        wait(article.site, 3, minutes=2)
        wait(article.site, 4, status="sent", settled_at=timezone.now())
        wait(article.site, 2, status="failed", settled_at=timezone.now())
        delivery = Delivery.objects.filter(status="sent").latest("pk")
        for kind in ("hard", "complaint"):
            MailEvent.objects.create(
                site=article.site, delivery=delivery, kind=kind, source="dsn", planned_at=delivery.created_at
            )
        with django_assert_num_queries(5):
            hers = next(one for one in sending_of() if one.site == article.site)
        assert (hers.waiting, hers.due, hers.sent, hers.failed) == (3, 3, 4, 2)
        assert (hers.bounced, hers.complained, hers.paused) == (1, 1, False)
        assert hers.oldest == pytest.approx(120, abs=30)
        SendingPause.objects.create(site=None)
        client.force_login(make_member(article.site, ADA, role=Member.Role.OWNER).user)
        shown = client.get(SENDING).content.decode()
        assert article.site.name in shown and "<strong>paused</strong>" in shown
        assert "Not Hers" not in shown
        links = ["delivery/?site__id__exact={}&status__in=queued,awaiting_retry", "mailevent/?site__id__exact={}"]
        for link in links:
            assert client.get(f"/admin/sharing/{link.format(article.site.pk)}").status_code == 200

    def test_an_owner_pauses_her_own_sites_and_no_others(
        self,
        client: Client,
        article: Article,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        from project.doorbell import Doorbell

        rung: list[str] = []
        monkeypatch.setattr(Doorbell, "wake", lambda self, *args: rung.append(self.name))
        monkeypatch.setattr(Doorbell, "delay_on_commit", lambda self, *args: rung.append(self.name))
        owner = make_member(article.site, ADA, role=Member.Role.OWNER)
        elsewhere = make_site("elsewhere")
        # A moderator there sees neither its addresses nor its sending, although she owns another site.
        Member.objects.create(site=elsewhere, user=owner.user, role=Member.Role.MODERATOR)
        wait(elsewhere, 1)
        client.force_login(owner.user)
        assert "r0@example.org" not in client.get("/admin/sharing/delivery/").content.decode()
        for site, made in ((elsewhere.pk, 0), ("", 0), (article.site_id, 1)):
            client.post(f"{SENDING}add/", {"site": site})
            assert SendingPause.objects.count() == made, site
        theirs = SendingPause.objects.create(site=elsewhere)
        for pause in SendingPause.objects.all():
            client.post(f"{SENDING}{pause.pk}/delete/", {"post": "yes"})
        assert list(SendingPause.objects.all()) == [theirs]
        assert rung == [f"sharing.tasks.deliver_{what}" for what in ("confirmations", "mail", "posts")]

    def test_a_superuser_pauses_all(self, admin_client: Client) -> None:
        admin_client.post(f"{SENDING}add/", {"site": ""})
        assert SendingPause.objects.get().site is None

    def test_a_moderator_sees_nothing_of_it(self, client: Client, article: Article) -> None:
        client.force_login(make_member(article.site, ADA, role=Member.Role.MODERATOR).user)
        assert client.get(SENDING).status_code == 403

    def test_messages_are_cancelled_in_bulk(self, client: Client, article: Article) -> None:
        for status in ("queued", "awaiting_retry", "failed", "sending", "sent"):
            wait(article.site, 1, status=status)
        client.force_login(make_member(article.site, ADA, role=Member.Role.OWNER).user)
        chosen = list(Delivery.objects.values_list("pk", flat=True))
        client.post("/admin/sharing/delivery/", {"action": "cancel", "_selected_action": chosen})
        found = Delivery.objects.order_by("pk").values_list("status", flat=True)
        assert list(found) == ["skipped", "skipped", "skipped", "sending", "sent"]
        assert set(Delivery.objects.filter(status="skipped").values_list("last_error", flat=True)) == {
            "cancelled by an operator"
        }
