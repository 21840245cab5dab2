"""Revision: a token that is another one after every change of any row of partners."""

from django.db import models


class Revision(models.Model):
    """One row, written by triggers only (see ``partners.remembered``)."""

    token = models.CharField(max_length=36)

    def __str__(self) -> str:
        return self.token
