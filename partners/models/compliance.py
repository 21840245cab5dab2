"""Compliance of a connection as it was last judged, and warnings that somebody has accepted."""

import datetime as dt

from django.db import models

from as2gateway.compliance.findings import Verdict


class Compliance(models.Model):
    """The last judgement on a connection. Derived: it can be thrown away and made again.

    A table of its own, since its findings are large and a message needs none of them.
    """

    connection = models.OneToOneField(
        "partners.Connection",
        models.CASCADE,  # derived from the connection, hence no history that could be lost
        related_name="compliance",
    )
    verdict = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in Verdict], db_index=True
    )
    profile = models.CharField(max_length=150, help_text="Name and version it was judged by.")
    deadline = models.DateField(
        null=True, blank=True, help_text="By when what is open has to be set right."
    )
    evaluated_at = models.DateTimeField()
    findings = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "compliance"

    def __str__(self) -> str:
        return f"{self.profile}: {self.verdict}"


class Acknowledgement(models.Model):
    """A warning that somebody accepts until a day, and why. Errors cannot be accepted."""

    connection = models.ForeignKey(
        "partners.Connection", models.PROTECT, related_name="acknowledgements"
    )
    rule = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
    until = models.DateField(help_text="The last day on which the warning does not count.")
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["connection", "rule", "until"]

    def __str__(self) -> str:
        return f"{self.rule} until {self.until}"

    def counts(self, today: dt.date) -> bool:
        """Whether the warning is accepted on that day."""
        return today <= self.until
