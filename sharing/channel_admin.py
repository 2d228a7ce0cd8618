"""Channels in the admin: owners make, change, try out and remove them. A secret is written here and never shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CharField, ModelForm, MultipleChoiceField, PasswordInput
from django.forms.widgets import CheckboxSelectMultiple
from django.http import HttpRequest

from project.admin import SiteScopedAdmin
from project.errors import Problem
from sharing.models import Channel
from sharing.selectors.channels import article_to_show
from sharing.services.channels import Wish, add_channel, change_channel, describe, plan_test, preview, rotate_secret
from sharing.tasks import deliver_posts

FIELDS = ("settings", "events", "template", "new_secret", "is_active")
STATE = ("last_error", "failures", "failing_since", "next_at", "old_secret_until", "created_at", "would_post")


class ChannelForm(ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    events = MultipleChoiceField(choices=Channel.Event.choices, widget=CheckboxSelectMultiple)
    new_secret = CharField(
        required=False,
        widget=PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Blank: keep the one it has; of a new webhook we make it. A webhook changes over with the action.",
    )

    def clean(self) -> dict[str, Any]:
        """Look at everything together, as the kind asks for it."""
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            kind = self.instance.kind or data.get("kind", "")
            try:
                describe(Channel(kind=kind, secret=self.instance.secret), wish_of(data))
            except Problem as problem:
                raise ValidationError([error["message"] for error in problem.errors]) from problem
        return data


def wish_of(data: dict[str, Any]) -> Wish:
    settings = data.get("settings")
    known = settings if isinstance(settings, dict) else {}
    return Wish(known, data["events"], data["template"], data["new_secret"])


@admin.register(Channel)
class ChannelAdmin(SiteScopedAdmin[Channel]):
    """Where a site publishes; what became of each post is among the deliveries."""

    form = ChannelForm
    members_may, owners_may = frozenset(), frozenset({"view", "add", "change", "delete"})
    list_display = ("name", "kind", "site", "is_active", "events", "failures", "last_error")
    list_filter = ("kind", "is_active", "site")
    list_select_related = ("site",)
    actions = ("try_out", "rotate")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        first = ("site", "kind", "name", *FIELDS)
        return (*first, *STATE) if obj else first[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site", "kind", "name", *STATE) if obj else ()

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Make or change it through the services; a secret that we made is shown this once."""
        wish = wish_of(form.cleaned_data)
        if change:
            row = Channel.objects.get(pk=obj.pk)
            change_channel(row, wish, is_active=form.cleaned_data["is_active"])
            deliver_posts.delay_on_commit()
            return
        made = add_channel(obj.site, obj.kind, obj.name, **wish._asdict())
        obj.pk = made.channel.pk
        if made.secret:
            self.message_user(request, f"The signing secret, shown only now: {made.secret}", messages.WARNING)

    @admin.action(description="Try out: post a test", permissions=["change"])
    def try_out(self, request: HttpRequest, chosen: QuerySet[Channel]) -> None:
        for channel in chosen:
            plan_test(channel)
        deliver_posts.delay_on_commit()
        self.message_user(request, "Each says that it is tried out; the deliveries tell what became of it.")

    @admin.action(description="Change the signing secret of webhooks", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[Channel]) -> None:
        for channel in chosen.filter(kind=Channel.Kind.WEBHOOK):
            secret = rotate_secret(channel)
            self.message_user(request, f"{channel.name}: the new secret, shown only now: {secret}", messages.WARNING)

    @admin.display(description="would post of the newest article")
    def would_post(self, channel: Channel) -> str:
        try:
            return preview(channel, article_to_show(channel.site_id)).text
        except Problem as problem:
            return problem.detail
