"""Advice: what to change so that a message or an MDN would hold, in an operator's words."""

from dataclasses import dataclass
from enum import StrEnum

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate


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


#: digests that are taken only where a connection says so, the setting, and what people call them
WEAK_DIGESTS = (
    (DigestAlgorithm.SHA1, "accept_sha1: true", "SHA-1"),
    (DigestAlgorithm.MD5, "quirks: {accept_md5: true}", "MD5"),
)

#: remedies that help together; most often it is one
Advice = tuple[Remedy, ...]


def describe(certificate: Certificate) -> str:
    """A certificate as an operator tells it from others."""
    return f"{certificate.subject} (SHA-256 {certificate.fingerprint[:16]}…)"


# Remedies for messages and MDNs alike; ``what`` is one of the two, as a subject: "the MDN".


def verify_with(what: str, certificate: Certificate, status: str) -> Remedy:
    """Take a certificate that is known and not used."""
    name = describe(certificate)
    return Remedy(
        Where.CERTIFICATES,
        f"give the certificate {name} the role verify on this connection, not retired",
        f"{what} was signed by {name}, which is {status}",
    )


def accept_digest(what: str, setting: str, name: str) -> Remedy:
    """Take a digest that is weak."""
    return Remedy(
        Where.CONNECTION,
        setting,
        f"{what} is signed with {name}",
        f"whoever can break {name} can forge messages and MDNs of this connection",
    )


def accept_no_attributes(what: str) -> Remedy:
    """Take signatures over the content itself."""
    return Remedy(
        Where.CONNECTION,
        "require_signed_attributes: false",
        f"the signature of {what} has no signed attributes",
        "one kind of signature can be passed off as another kind",
    )
