"""Wrapped keys: which content keys have come before, so that nobody can try one out twice."""

from django.db import models


class WrappedKey(models.Model):
    """A content key as it came wrapped for us, and in which request; no secret (threats R14)."""

    #: of the wrapped key, hexadecimal
    sha256 = models.CharField(max_length=64, primary_key=True)
    #: of the body of the request that it first came in
    wire_sha256 = models.CharField(max_length=64)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.sha256
