"""Checks of the settings that read well and are still a mistake; `manage.py check --deploy` and `doctor` show them."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_operation(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Settings that are right on a laptop only."""
    found: list[CheckMessage] = []
    public = settings.PUBLIC_URL.startswith("https://")
    if not settings.RATE_LIMITS:
        found.append(Warning("RATE_LIMITS is off; that is for load tests only.", id="project.W001"))
    if public and settings.DEBUG:
        found.append(Warning("DEBUG is on, so faults show their insides to everybody.", id="project.W002"))
    if public and settings.EMAIL_BACKEND.rpartition(".")[0] != "django.core.mail.backends.smtp":
        found.append(Warning("EMAIL_URL is not smtp://, so no mail leaves this machine.", id="project.W003"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Warning("ALLOWED_HOSTS is *, so links can be made to name any host.", id="project.W004"))
    if public and not settings.TRUSTED_PROXIES:
        hint = "Name the proxy that ends TLS in TRUSTED_PROXIES, or all readers count as one."
        found.append(Warning("PUBLIC_URL is https and no proxy is trusted.", hint=hint, id="project.W005"))
    return found
