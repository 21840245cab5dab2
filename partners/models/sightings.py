"""Sightings: what came and was not taken, counted; the columns that such lists have in common."""

from django.db import models


class Sighting(models.Model):
    """How often something was seen, first and last."""

    count = models.PositiveIntegerField(default=1)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField(db_index=True)

    class Meta:
        abstract = True
        ordering = ["-last_seen"]
