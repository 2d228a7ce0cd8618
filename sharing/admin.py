"""What goes out, in Django's admin: see how it goes, pause it, try again, cancel, lift a suppression. Addresses of
followers are shown to owners, not to moderators."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from articles.models import Site
from project.admin import OWNER, M, SiteScopedAdmin
from sharing import channel_admin  # noqa: F401  (registers itself)
from sharing.models import (
    Consent,
    Delivery,
    Follow,
    MailEvent,
    Notification,
    ReachDay,
    SendingPause,
    SentMention,
    Suppression,
    Webmention,
)
from sharing.selectors.reach import most_of, reach_of
from sharing.selectors.sending import sending_of
from sharing.serializers.reach import CSV, file_headers, report_rows
from sharing.services.dispatch import cancel, try_again
from sharing.services.posting import replay
from sharing.tasks import deliver_confirmations, deliver_mail, deliver_posts

PERIODS: Final = (7, 30, 90, 365)  # days
MOST_ARTICLES: Final = 100


class ReadOnlyAdmin(SiteScopedAdmin[M]):
    """Rows that services write: owners of their site may look."""

    members_may = frozenset()
    owners_may = frozenset({"view"})
    ordering = ("-id",)
    show_full_result_count = False
    list_select_related: ClassVar[tuple[str, ...]] = ("site",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    """Every message, and how far it has come; failed ones can be tried again."""

    list_display = ("id", "status", "kind", "address", "cause_key", "attempts", "next_attempt_at", "last_error", "site")
    list_filter = ("status", "events__kind", "kind", "queue", "channel", "site_channel", "site")
    search_fields = ("address", "cause_key", "token")
    date_hierarchy = "created_at"
    actions = ("try_again", "replay", "cancel")

    @admin.action(description="Try failed notices again", permissions=["view"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Put failed notices back into the queue, as new; what cannot be repeated stays as it is."""
        count = try_again(chosen)
        wake_senders()
        self.message_user(request, f"{count} messages will be tried again.")

    @admin.action(description="Post again: failed, unknown, and what a webhook got", permissions=["view"])
    def replay(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Send posts of channels once more, as somebody who has looked there wants it."""
        count = replay(chosen)
        deliver_posts.delay_on_commit()
        self.message_user(request, f"{count} posts will be sent again.")

    @admin.action(description="Cancel what waits or failed", permissions=["view"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Let messages never go out."""
        self.message_user(request, f"{cancel(chosen)} messages will not be sent.")


@admin.register(SendingPause)
class SendingAdmin(SiteScopedAdmin[SendingPause]):
    """How sending goes, site by site; to add a row is to pause a site, to delete it is to go on."""

    members_may, owners_may = frozenset(), frozenset({"view", "add", "delete"})
    list_display = ("site_or_all", "created_at")
    list_display_links = None
    list_select_related = ("site",)
    fields = ("site",)
    change_list_template = "sharing/admin/sending.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Only a superuser may leave the site open, which pauses all."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            field.required = not getattr(request.user, "is_superuser", False)
        return field

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        sites = None if getattr(request.user, "is_superuser", False) else self._owned(request)
        shown = {"title": "How sending goes, and what is paused", "sending": sending_of(sites)}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def delete_model(self, request: HttpRequest, obj: SendingPause) -> None:
        super().delete_model(request, obj)
        wake_senders()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SendingPause]) -> None:
        super().delete_queryset(request, queryset)
        wake_senders()

    @admin.display(description="paused")
    def site_or_all(self, pause: SendingPause) -> str:
        return pause.site.name if pause.site else "all sites"

    def _owned(self, request: HttpRequest) -> list[int]:
        return [site_id for site_id, role in self._roles(request).items() if role == OWNER]


@admin.register(ReachDay)
class ReachAdmin(SiteScopedAdmin[ReachDay]):
    """What came of shares, for every member of a site: numbers and bars instead of rows."""

    members_may = frozenset({"view"})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the report of one site for some days, or give it as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        sites = list(self._sites(request))
        wanted = request.GET.get("site", "")
        site = next((one for one in sites if one.slug == wanted), None if wanted else next(iter(sites), None))
        if site is None:
            raise Http404
        days = int(chosen) if (chosen := request.GET.get("days", "")) in map(str, PERIODS) else PERIODS[0]
        reach = reach_of(site, days=days)
        if "csv" in request.GET:
            return HttpResponse(report_rows(reach), content_type=CSV, headers=file_headers(reach))
        shown = {
            "title": "What came of shares",
            "opts": self.opts,
            "sites": sites,
            "site": site,
            "days": days,
            "periods": PERIODS,
            "reach": reach,
            "articles": reach.articles[:MOST_ARTICLES],
            "most": most_of([one.numbers for one in reach.networks]),
            "most_of_article": most_of([one.numbers for one in reach.articles]),
        }
        return TemplateResponse(request, "sharing/admin/reach.html", {**self.admin_site.each_context(request), **shown})

    def _sites(self, request: HttpRequest) -> QuerySet[Site]:
        sites = Site.objects.order_by("slug")
        return sites if getattr(request.user, "is_superuser", False) else sites.filter(pk__in=self._roles(request))


@admin.register(MailEvent)
class MailEventAdmin(ReadOnlyAdmin[MailEvent]):
    """What came back, by site and kind; a delivery's `last_error` has the words of the mail server."""

    list_display = ("id", "kind", "status", "source", "happened_at", "delivery", "reason", "address_key", "site")
    list_filter = ("kind", "source", "status", "site")
    list_select_related = ("site", "delivery")
    search_fields = ("address_key", "delivery__address", "delivery__token")
    date_hierarchy = "happened_at"
    raw_id_fields = ("delivery",)

    @admin.display(description="reason")
    def reason(self, event: MailEvent) -> str:
        return event.delivery.last_error


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    """What happened, and whether everybody concerned has a delivery."""

    list_display = ("id", "kind", "cause_key", "created_at", "due_at", "fanned_out_at", "site")
    list_filter = ("kind", "site")
    search_fields = ("cause_key",)
    raw_id_fields = ("article", "comment")


@admin.register(Follow)
class FollowAdmin(ReadOnlyAdmin[Follow]):
    """Who follows what."""

    list_display = ("id", "follower_address", "target_kind", "target_key", "frequency", "status", "created_at", "site")
    list_filter = ("status", "target_kind", "frequency", "site")
    list_select_related = ("site", "follower")
    search_fields = ("follower__address", "target_key")

    @admin.display(description="address", ordering="follower__address")
    def follower_address(self, follow: Follow) -> str:
        return follow.follower.address


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin[Consent]):
    """The evidence: who asked, confirmed and left, by the key of the address."""

    list_display = ("id", "event", "target_kind", "target_key", "door", "happened_at", "address_key", "site")
    list_filter = ("event", "door", "site")
    search_fields = ("address_key",)


@admin.register(Webmention)
class WebmentionAdmin(ReadOnlyAdmin[Webmention]):
    """Pages elsewhere that are said to link here, and what was found there."""

    list_display = ("id", "state", "source", "target", "kind", "says", "attempts", "due_at", "changed_at", "site")
    list_filter = ("state", "protocol", "kind", "site")
    search_fields = ("source", "target")
    raw_id_fields = ("article",)


@admin.register(SentMention)
class SentMentionAdmin(ReadOnlyAdmin[SentMention]):
    """Pages that texts of the site link to, and what they were told of that."""

    list_display = ("id", "state", "target", "article", "comment", "says", "attempts", "due_at", "changed_at", "site")
    list_filter = ("state", "site")
    list_select_related = ("site", "article")
    search_fields = ("target",)
    raw_id_fields = ("article",)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin[Suppression]):
    """Addresses that are not mailed; an owner may lift one."""

    owners_may = frozenset({"view", "delete"})
    list_display = ("id", "kind", "address_key", "created_at", "site")
    list_filter = ("kind", "site")
    search_fields = ("address_key",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return SiteScopedAdmin.has_delete_permission(self, request, obj)


def wake_senders() -> None:
    """Let workers look at once for what waited."""
    for task in (deliver_confirmations, deliver_mail, deliver_posts):
        task.delay_on_commit()
