"""Sites, articles and keys in Django's admin, each person seeing those of her own sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm, MultipleChoiceField
from django.forms.widgets import CheckboxSelectMultiple
from django.http import HttpRequest

from articles.models import ApiKey, Article, ArticleKey, Member, SignOn, Site, SiteOrigin, SocialLogin, SourceFeed
from articles.services.pages import delete_article
from articles.services.sign_ons import revoke_sign_on
from articles.services.sites import issue_api_key, note_settings_change, revoke_api_key
from articles.services.social_logins import revoke_social_login
from articles.services.source_feeds import add_source_feed, check_source_feed, read_now, stop_reading
from project.addresses import canonical_origin
from project.admin import SiteScopedAdmin, SiteScopedInline
from project.errors import Problem

Revocable = TypeVar("Revocable", SignOn, SocialLogin)
OWNERS = frozenset({"add", "change", "delete"})
SEE = frozenset({"view"})


class OriginForm(ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    def clean_origin(self) -> str:
        """Take the address of any page there, or a bare host."""
        origin: str = self.cleaned_data["origin"]
        try:
            return canonical_origin(origin if "://" in origin else f"https://{origin}")
        except Problem as problem:
            raise ValidationError(problem.detail) from problem


class OriginInline(SiteScopedInline[SiteOrigin, Site]):
    model = SiteOrigin
    form = OriginForm
    extra = 0
    members_may, owners_may = SEE, OWNERS


class MemberInline(SiteScopedInline[Member, Site]):
    model = Member
    extra = 0
    raw_id_fields = ("user",)
    members_may, owners_may = SEE, OWNERS


@admin.register(Site)
class SiteAdmin(SiteScopedAdmin[Site]):
    """Settings of a site: its owners may change them, its moderators see them."""

    site_path = ""
    members_may, owners_may = SEE, frozenset({"change"})
    list_display = ("slug", "name", "moderation")
    search_fields = ("slug", "name")
    inlines = (OriginInline, MemberInline)
    fields = (
        "slug",
        "name",
        "moderation",
        "held_words",
        "max_links",
        "max_length",
        "default_sort",
        "guests",
        "anonymous_votes",
        "votes_per_network",
        "edit_minutes",
        "hold_after_reports",
        "forget_networks_days",
        "announce_hours",
        "mails_per_thread",
        "send_webmentions",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep sites: with one of them everything that its readers ever wrote would go."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the slug: embedding pages and API clients name the site by it."""
        return ("slug",) if obj else ()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        note_settings_change(form.instance)


class KeyInline(SiteScopedInline[ArticleKey, Article]):
    model = ArticleKey
    extra = 0
    can_delete = False
    fields = readonly_fields = ("kind", "key", "given_by")
    members_may = SEE

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Article)
class ArticleAdmin(SiteScopedAdmin[Article]):
    """Articles to look at and to hide; what they say comes from their publisher, through the API."""

    list_display = ("id", "title", "site", "visibility", "author_name", "published_at")
    list_filter = ("visibility", "site")
    search_fields = ("title", "url", "identifier")
    list_select_related = ("site",)
    show_full_result_count = False
    inlines = (KeyInline,)
    actions = ("hide",)
    fields = readonly_fields = (
        "site",
        "title",
        "url",
        "identifier",
        "visibility",
        "state",
        "summary",
        "html",
        "author_name",
        "author_email",
        "image",
        "tags",
        "source_name",
        "source_author",
        "source_title",
        "source_url",
        "comments_open",
        "published_at",
        "announced_at",
        "deleted_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Delete: hide now, forget in 30 days", permissions=["change"])
    def hide(self, request: HttpRequest, chosen: QuerySet[Article]) -> None:
        for article in chosen.select_related("site"):
            delete_article(article.site, article.pk)


class ApiKeyForm(ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    scopes = MultipleChoiceField(choices=ApiKey.Scope.choices, widget=CheckboxSelectMultiple)


@admin.register(ApiKey)
class ApiKeyAdmin(SiteScopedAdmin[ApiKey]):
    """Keys: made here and shown once, then only revoked. Owners make them."""

    form = ApiKeyForm
    members_may, owners_may = frozenset(), frozenset({"view", "add", "change"})
    list_display = ("prefix", "name", "site", "scopes", "created_at", "revoked_at")
    list_filter = ("site",)
    list_select_related = ("site",)
    fields = ("site", "name", "scopes")
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site", "name", "scopes") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep revoked keys: decisions name the key that made them."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key through the service and show it this once; of a key that is there nothing changes."""
        if change:
            return
        made = issue_api_key(obj.site, obj.scopes, name=obj.name)
        obj.pk, obj.prefix = made.api_key.pk, made.api_key.prefix
        self.message_user(request, f"The key, shown only now: {made.plain}", messages.WARNING)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for api_key in chosen:
            revoke_api_key(api_key)


class RevocableAdmin(SiteScopedAdmin[Revocable]):
    """What a command makes, because a secret comes with it: seen by owners, and revoked here for good."""

    members_may, owners_may = frozenset(), frozenset({"view", "change"})
    list_filter = ("site",)
    list_select_related = ("site",)
    actions = ("revoke",)
    revoke_one: Callable[[Revocable], None]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Revocable]) -> None:
        for one in chosen:
            self.revoke_one(one)


@admin.register(SignOn)
class SignOnAdmin(RevocableAdmin[SignOn]):
    """How publishers vouch for readers; made by `manage.py create_sign_on`."""

    list_display = ("kind", "site", "audience", "issuer", "keys_url", "keys_read_at", "created_at", "revoked_at")
    fields = readonly_fields = ("site", "kind", "audience", "issuer", "keys_url", "keys", "keys_read_at", "revoked_at")
    revoke_one = staticmethod(revoke_sign_on)


FOREIGN = [apps.get_app_config(label) for label in ("account", "socialaccount")]
# The tables of django-allauth stay empty: nobody needs to see them.
admin.site.unregister(
    [model for model in apps.get_models() if model._meta.app_config in FOREIGN and admin.site.is_registered(model)]
)


@admin.register(SocialLogin)
class SocialLoginAdmin(RevocableAdmin[SocialLogin]):
    """Where readers may sign in; made by `manage.py create_social_login`."""

    list_display = ("label", "site", "name", "server_url", "client_id", "is_inside", "created_at", "revoked_at")
    fields = readonly_fields = ("site", "name", "label", "server_url", "client_id", "is_inside", "revoked_at")
    revoke_one = staticmethod(revoke_social_login)


class SourceFeedForm(ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("site") and data.get("url"):
            try:
                data["url"] = check_source_feed(data["site"], data["url"])
            except Problem as problem:
                raise ValidationError({"url": [error["message"] for error in problem.errors]}) from problem
        return data


@admin.register(SourceFeed)
class SourceFeedAdmin(SiteScopedAdmin[SourceFeed]):
    """Feeds and sitemaps that new articles are read from: owners add them, read them now, stop or delete them."""

    form = SourceFeedForm
    members_may, owners_may = SEE, OWNERS
    list_display = ("url", "site", "is_active", "last_polled_at", "next_poll_at", "failures", "skipped", "last_error")
    list_filter = ("is_active", "site")
    list_select_related = ("site",)
    actions = ("read", "stop")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.list_display, "first_polled_at") if obj else ("site", "url")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the address: another one is another feed, whose first reading announces nothing."""
        return self.get_fields(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: SourceFeed, form: Any, change: bool) -> None:
        if not change:
            obj.pk = add_source_feed(obj.site, obj.url).pk

    @admin.action(description="Read now, also if stopped", permissions=["change"])
    def read(self, request: HttpRequest, chosen: QuerySet[SourceFeed]) -> None:
        for feed in self._hers(request, chosen):
            read_now(feed)

    @admin.action(description="Stop reading", permissions=["change"])
    def stop(self, request: HttpRequest, chosen: QuerySet[SourceFeed]) -> None:
        for feed in self._hers(request, chosen):
            stop_reading(feed)

    def _hers(self, request: HttpRequest, chosen: QuerySet[SourceFeed]) -> list[SourceFeed]:
        """Return those of sites that she owns; she sees also those of sites that she only moderates."""
        return [feed for feed in chosen if self.has_change_permission(request, feed)]
