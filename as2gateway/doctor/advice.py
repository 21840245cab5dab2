"""Advice: what to change so that a message or an MDN would hold, in an operator's words."""

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """Who has to change something, and where."""

    CONNECTION = "connection"
    CERTIFICATES = "certificates"
    KEYS = "key pairs"
    INSTALLATION = "installation"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change."""

    where: Where
    #: what to set, as ``apply`` has it: ``accept_sha1: true``; or what to do
    change: str
    #: what was found
    why: str
    #: what is given up by it; empty if nothing is
    caution: str = ""


#: remedies that help together; most often it is one
Advice = tuple[Remedy, ...]
