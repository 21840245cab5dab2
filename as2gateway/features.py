"""EDIINT-Features, what an implementation says it can do: RFC 6017."""

import re
from collections.abc import Set
from enum import StrEnum

_TOKEN = re.compile(r"[A-Za-z0-9-]+")


class Feature(StrEnum):
    """Features that may be announced here."""

    MULTIPLE_ATTACHMENTS = "multiple-attachments"  # RFC 6362 §2.2
    RELIABILITY = "AS2-Reliability"
    CERTIFICATE_EXCHANGE = "CEM"


def read(value: str | None) -> frozenset[str]:
    """The tokens of a field, in lower case; what is no token says nothing."""
    if not value:
        return frozenset()
    words = (word.strip() for word in value.split(","))
    return frozenset(word.lower() for word in words if _TOKEN.fullmatch(word))


def fields(features: Set[Feature]) -> tuple[tuple[str, str], ...]:
    """The fields that tell version and features, which go into every message and MDN (HDR-12).

    Version 1.1 says that compression is understood (RFC 5402 §6), 1.2 that features are told
    (RFC 6017 §4).
    """
    if not features:
        return (("AS2-Version", "1.1"),)
    return ("AS2-Version", "1.2"), ("EDIINT-Features", ", ".join(sorted(features)))
