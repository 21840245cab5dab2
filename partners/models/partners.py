"""Partner: them, a company we exchange documents with."""

from django.db import models


class Partner(models.Model):
    """A company, with one connection or several."""

    name = models.CharField(max_length=200, unique=True)
    email = models.EmailField("support address", blank=True)
    contact = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
