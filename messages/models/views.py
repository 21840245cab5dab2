"""Saved view: filters of the message list that somebody wants to come back to."""

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """The query of a list, under a name. Whoever opens it sees the rows of their own scope."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,  # a bookmark; nothing else knows it
        related_name="saved_views",
    )
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)
    shared = models.BooleanField(default=False, help_text="Others who see everything see it, too.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
