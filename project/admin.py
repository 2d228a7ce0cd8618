"""Django's admin for many sites: whoever is no superuser sees the rows of her own sites and nothing else.

Rights come from membership of a site, so that a moderator needs nothing but `is_staff`. Addresses are plain text in
every table and form: a model that used URLField would get them as links, whatever their scheme is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
P = TypeVar("P", bound=Model)

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin

    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    Rows = BaseModelAdmin[Any]
else:
    Rows = object

    # Django's own classes take no type arguments when the program runs.
    class ModelAdmin(admin.ModelAdmin, Generic[M]):
        pass

    class TabularInline(admin.TabularInline, Generic[M, P]):
        pass


OWNER = "owner"
SEEING = frozenset({"view", "change"})
WRITING = frozenset({"add", "change"})


class SiteRows(Rows):
    """What lists and inlines share: rows, choices and rights of the sites of which the user is a member.

    `site_path` is the lookup from a row to its site, "" for the site itself. `members_may` and `owners_may` name what
    a member may do beyond her own Django permissions (view, add, change, delete); an owner may both.
    """

    site_path: ClassVar[str] = "site"
    members_may: ClassVar[frozenset[str]] = frozenset({"view", "change"})
    owners_may: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the sites on which the user may see them; all rows for a superuser."""
        rows = super().get_queryset(request)
        if getattr(request.user, "is_superuser", False):
            return rows
        above = f"{self.site_path}__" if self.site_path else ""
        allowed: dict[str, Any] = {f"{above}members__user": request.user.pk}
        if not self.members_may & SEEING and not super().has_view_permission(request):
            allowed[f"{above}members__role"] = OWNER
        return rows.filter(**allowed)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only rows that the user sees in their own admin, and only sites on which she may write such rows."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        of_site = db_field.name == self.site_path and not getattr(request.user, "is_superuser", False)
        if of_site and not self.members_may & WRITING:
            owned = {"members__user": request.user.pk, "members__role": OWNER}
            kwargs["queryset"] = db_field.remote_field.model._default_manager.filter(**owned)
        if related is not None and "queryset" not in kwargs:
            kwargs["queryset"] = related.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.membership_allows(request, obj, "view", "change")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) or self.membership_allows(request, obj, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) or self.membership_allows(request, obj, "delete")

    def membership_allows(self, request: HttpRequest, obj: Any, *actions: str) -> bool:
        """Say whether one of the actions is open to the user by her role on the object's site, or on any if None."""
        roles = self._roles(request)
        # Every row of ours names its site; a row that does not is the site.
        held = set(roles.values()) if obj is None else {roles.get(getattr(obj, "site_id", obj.pk))} - {None}
        wanted = set(actions)
        return bool((held and wanted & self.members_may) or (OWNER in held and wanted & self.owners_may))

    @staticmethod
    def _roles(request: HttpRequest) -> dict[int, str]:
        """Return the user's role by site, read once for a request."""
        roles: dict[int, str] | None = getattr(request, "_site_roles", None)
        if roles is None:
            user: Any = request.user
            roles = dict(user.memberships.values_list("site", "role")) if user.is_active and user.is_staff else {}
            request._site_roles = roles  # type: ignore[attr-defined]
        return roles


class SiteScopedAdmin(SiteRows, ModelAdmin[M]):
    """The base of every list of rows that belong to a site."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or bool(self._roles(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) or self.membership_allows(request, None, "add")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Let filters over relations offer only what the user's own rows have."""
        return [
            (name, admin.RelatedOnlyFieldListFilter) if self._is_relation(name) else name
            for name in super().get_list_filter(request)
        ]

    def _is_relation(self, name: Any) -> bool:
        try:
            return isinstance(name, str) and bool(self.model._meta.get_field(name).is_relation)
        except FieldDoesNotExist:
            return False


class SiteScopedInline(SiteRows, TabularInline[M, P]):
    """Rows below a site, or below a row of one."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) or self.membership_allows(request, obj, "add")
