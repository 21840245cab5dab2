"""Feasibility: settings of a connection that no message could fulfil, for want of a key."""

from collections.abc import Collection, Iterator

from as2gateway.compliance.facts import Trust
from as2gateway.policy import MDNMode
from partners.models import Connection, KeyPair, PartnerCertificate
from partners.models.choices import NONE


def impossible(
    connection: Connection,
    pairs: Collection[KeyPair],
    certificates: Collection[PartnerCertificate],
) -> Iterator[tuple[str, str]]:
    """Give each setting that cannot work, and why; keys are those that are not retired.

    A key whose start is still to come counts: a connection may be prepared.
    """
    yield from _ours(connection, pairs)
    yield from _theirs(connection, certificates)


def _ours(connection: Connection, pairs: Collection[KeyPair]) -> Iterator[tuple[str, str]]:
    owner = connection.organization.as2_id
    if connection.sign != NONE and not any(pair.signs for pair in pairs):
        yield "sign", f"organization {owner} has no key pair with the purpose sign"
    if connection.require_encryption and not any(pair.decrypts for pair in pairs):
        yield (
            "require_encryption",
            f"organization {owner} has no key pair with the purpose decrypt",
        )


def _theirs(
    connection: Connection, certificates: Collection[PartnerCertificate]
) -> Iterator[tuple[str, str]]:
    pinned = connection.tls_pins.strip() or any(each.tls for each in certificates)
    if connection.tls_trust == Trust.PINNED and not pinned:
        yield "tls_trust", "no TLS certificate is pinned, and none has the role tls"
    if connection.encrypt != NONE and not any(each.encrypts for each in certificates):
        yield "encrypt", "the connection has no certificate with the role encrypt"
    if any(each.verifies for each in certificates):
        return
    if connection.require_signature:
        yield "require_signature", "the connection has no certificate with the role verify"
    if connection.mdn != MDNMode.NONE and connection.mdn_signed:
        yield "mdn_signed", "the connection has no certificate with the role verify"
