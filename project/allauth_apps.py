"""django-allauth as an application of ours: its models are there because its classes ask for them, and stay empty.

Its middleware would run with every request; the two views that need what it prepares do that themselves
(comments.openid).
"""

from __future__ import annotations

from allauth.account.apps import AccountConfig
from allauth.socialaccount.apps import SocialAccountConfig
from allauth.socialaccount.providers import registry
from django.apps import AppConfig


class Accounts(AccountConfig):  # type: ignore[misc]
    """Needed for its models only; the parent's start asks for the middleware."""

    def ready(self) -> None:
        AppConfig.ready(self)


class SocialAccounts(SocialAccountConfig):  # type: ignore[misc]
    """The protocol of signing in."""

    def ready(self) -> None:
        registry.load()
