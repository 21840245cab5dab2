"""Heartbeats: when background work was last seen to work."""

from django.db import models
from django.utils import timezone


class Heartbeat(models.Model):
    """Proof that beat, broker, a worker and the database work together."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def beat(cls, name: str) -> None:
        """Write down that ``name`` is alive now."""
        cls.objects.update_or_create(name=name, defaults={"at": timezone.now()})
