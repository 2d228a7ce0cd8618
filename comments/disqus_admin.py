"""Disqus forums in the admin: owners add them, change their keys, read them now, stop or delete them.

Keys are written here and never shown.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CharField, ModelForm, PasswordInput
from django.http import HttpRequest

from comments.models import DisqusForum
from comments.services.disqus_forums import Keys, add_forum, change_keys, check_forum, check_keys, switch
from project.admin import SiteScopedAdmin
from project.errors import Problem

OWNERS = frozenset({"view", "add", "change", "delete"})


def key_field(label: str) -> CharField:
    words = "Blank: keep the one it has. Give both or none."
    return CharField(label=label, required=False, widget=PasswordInput(attrs={"autocomplete": "off"}), help_text=words)


class DisqusForumForm(ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    secret_key = key_field("secret key of the application")
    access_token = key_field("access token of a moderator")

    def clean(self) -> dict[str, Any]:
        """Look at name and keys as the service does; a new forum needs both keys."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            if self.instance.pk is None:
                data["forum"] = check_forum(data["site"], data["forum"])
            if self.instance.pk is None or any(keys_in(data)):
                check_keys(keys_in(data))
        except Problem as problem:
            raise ValidationError([error["message"] for error in problem.errors]) from problem
        return data


def keys_in(data: dict[str, Any]) -> Keys:
    return Keys(data["secret_key"], data["access_token"])


@admin.register(DisqusForum)
class DisqusForumAdmin(SiteScopedAdmin[DisqusForum]):
    form = DisqusForumForm
    members_may, owners_may = frozenset(), OWNERS
    list_display = (
        "forum",
        "site",
        "is_active",
        "is_caught_up",
        "last_read_at",
        "next_at",
        "taken",
        "followed",
        "skipped",
        "failures",
        "last_error",
    )
    list_filter = ("is_active", "site")
    list_select_related = ("site",)
    actions = ("read", "stop")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        first = ("site", "forum", "secret_key", "access_token")
        return (*first, *self.list_display[2:], "whole_read_at") if obj else first

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name: another forum has other posts, and other places in them."""
        return (*self.list_display, "whole_read_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: DisqusForum, form: Any, change: bool) -> None:
        keys = keys_in(form.cleaned_data)
        if not change:
            obj.pk = add_forum(obj.site, obj.forum, keys).pk
        elif any(keys):
            change_keys(obj, keys)

    @admin.action(description="Read now, also if stopped", permissions=["change"])
    def read(self, request: HttpRequest, chosen: QuerySet[DisqusForum]) -> None:
        self._switch(request, chosen, on=True)

    @admin.action(description="Stop reading", permissions=["change"])
    def stop(self, request: HttpRequest, chosen: QuerySet[DisqusForum]) -> None:
        self._switch(request, chosen, on=False)

    def _switch(self, request: HttpRequest, chosen: QuerySet[DisqusForum], *, on: bool) -> None:
        """Switch those of sites that she owns; with a right of Django's own she may see others."""
        for forum in chosen:
            if self.has_change_permission(request, forum):
                switch(forum, on=on)
