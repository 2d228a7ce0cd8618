"""Decisions about comments: an append-only record."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from articles.models import ApiKey, Site
from comments.models.comment import Comment


class Decision(models.Model):
    """Somebody changed a comment's status; `revision` names the text that she had read."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="decisions")
    revision = models.PositiveIntegerField()
    old_status = models.CharField(max_length=16, choices=Comment.Status)
    status = models.CharField(max_length=16, choices=Comment.Status)
    reason = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["comment", "-id"])]

    def __str__(self) -> str:
        return f"{self.comment_id}: {self.old_status} -> {self.status}"
