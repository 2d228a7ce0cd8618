"""Where a site's readers may sign in beside the site itself."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from articles.models.site import Site


class SocialLogin(models.Model):
    """An OpenID Connect provider at which readers of a site prove who they are, and what makes us its client.

    `secret` is encrypted with this installation's key. `name` is a part of our address that the provider leads back to.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="social_logins")
    name = models.SlugField(max_length=32)
    label = models.CharField(max_length=60, help_text="What its button says.")
    server_url = models.CharField(max_length=2000, help_text="The provider's issuer.")
    client_id = models.CharField(max_length=255)
    secret = models.TextField(blank=True, editable=False)
    is_inside = models.BooleanField(
        default=False, help_text="It may have an address that is not the internet's; only the command can say so."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "name"], condition=models.Q(revoked_at=None), name="one_social_login_per_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} of {self.site}"
