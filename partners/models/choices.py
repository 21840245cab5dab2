"""Choices: the words that the columns of a connection take."""

from django.db import models

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.compliance.facts import Trust

#: What ``none`` is called where an algorithm could stand; the same word as in ``apply`` files.
NONE = "none"

SIGN_CHOICES = [(NONE, NONE)] + [
    (d.value, d.value) for d in DigestAlgorithm if d.value not in {"md5", "sha-224"}
]
ENCRYPT_CHOICES = [(NONE, NONE)] + [(c.value, c.value) for c in CipherAlgorithm]
TRUST_CHOICES = [(t.value, t.value) for t in Trust if t is not Trust.NONE]  # never "off"


class Environment(models.TextChoices):
    """Whether documents count."""

    TEST = "test"
    PRODUCTION = "production"


class ConnectionState(models.TextChoices):
    """Whether messages flow. Anything but *active* parks outbound messages; inbound still pass."""

    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"
