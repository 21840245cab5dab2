"""What ``as2gateway.doctor`` examines: a stored message or MDN, and all that is configured.

Nothing is changed, accepted or remembered by it. It judges by the settings of now: what was refused
before a certificate was added is told to pass now.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway.certificates import Certificate
from as2gateway.doctor import (
    Diagnosis,
    MDNSpecimen,
    Remedy,
    SpareCertificate,
    SpareKey,
    Spares,
    Specimen,
    Where,
    examine,
    examine_mdn,
)
from as2gateway.errors import AS2Error, AuthenticationFailed, MalformedRequest
from as2gateway.headers import Headers
from as2gateway.policy import DecryptionKey, InboundPolicy
from as2gateway.request import MDNRequest, read_request
from messages import mdns
from messages.models import MDN, Direction, Message
from messages.store import get_store
from messages.verdicts import check_signer_in_date
from messages.wire import payload_info
from partners.access.visibility import BY_CONNECTION, Anybody, limit, visible_key_pairs
from partners.models import Connection, KeyPair, PartnerCertificate
from partners.parsed import parse_certificate, private_key_of
from partners.policies import (
    as_built,
    engine_name,
    inbound_policy,
    limits,
    verify_certificates,
)


class NothingToExamine(Exception):
    """The octets that it would take are not there; the text says why."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and what was found."""

    subject: str
    diagnosis: Diagnosis


def diagnose(message: Message, now: dt.datetime, user: Anybody) -> Examined:
    """Examine a received message, or the last MDN for one of ours. Raises NothingToExamine.

    Only certificates and keys that the user may see are tried: findings name them.
    """
    if message.direction == Direction.OUTBOUND:
        return _diagnose_mdn(message, now, user)
    if not message.raw_key:
        raise NothingToExamine("its request is not kept: nothing was wrong with it, or it is old")
    _check_stored(message.raw_key)
    policy = inbound_policy(message.connection, now)
    specimen = Specimen(
        headers=Headers(message.header_fields),
        octets=partial(get_store().chunks, message.raw_key),
        policy=policy,
        request=_mdn_request(message),
        limits=limits(),
        engine=engine_name(message.connection),
    )
    verifying = {certificate.der for certificate in policy.verify_with}
    spares = Spares(
        tuple(spare_certificates(message.connection, verifying, now, user)),
        tuple(spare_keys(message.connection, policy, now, user)),
    )
    diagnosis = examine(specimen, spares)
    if diagnosis.fault is None:
        diagnosis = _second_look(specimen, now)
    return Examined("the request as it came", diagnosis)


def _second_look(specimen: Specimen, now: dt.datetime) -> Diagnosis:
    """What receiving asks besides of a message that the core accepts."""
    try:
        check_signer_in_date(specimen.verdict().facts, specimen.policy, now)
    except AuthenticationFailed as fault:
        advice = Remedy(Where.PARTNER, "have the partner renew its certificate", fault.reason)
        return Diagnosis(fault, ((advice,),))
    return Diagnosis(None)


def _diagnose_mdn(message: Message, now: dt.datetime, user: Anybody) -> Examined:
    row = message.mdns.exclude(body_key="").order_by("-created_at", "-pk").first()
    if row is None:
        raise NothingToExamine("no MDN has come for it")
    _check_stored(row.body_key)
    expected = mdns.expected(message, verify_certificates(message.connection, now))
    try:
        headers = Headers(tuple((str(name), str(value)) for name, value in row.headers))
        mdn = mdns.read(headers, _octets(row), message.connection)
    except AS2Error as fault:
        return Examined("the MDN that came last", Diagnosis(fault))
    specimen = MDNSpecimen(
        mdn=mdn,
        expected=expected,
        payload=partial(get_store().chunks, message.payload_key),
        info=payload_info(message),
        policy=as_built(message.as2_from, message.as2_to, message.settings),
    )
    verifying = {certificate.der for certificate in expected.certificates}
    spares = Spares(tuple(spare_certificates(message.connection, verifying, now, user)))
    return Examined("the MDN that came last", examine_mdn(specimen, spares))


def spare_certificates(
    connection: Connection, verifying: set[bytes], now: dt.datetime, user: Anybody
) -> Iterator[SpareCertificate]:
    """Certificates of the same partner that its messages are not verified with."""
    theirs = PartnerCertificate.objects.filter(connection__partner=connection.partner)
    rows = limit(theirs, user, BY_CONNECTION)
    seen = set(verifying)
    for row in rows.select_related("connection__organization", "connection__partner"):
        certificate = parse_certificate(bytes(row.certificate))
        if certificate.der not in seen:
            seen.add(certificate.der)
            yield SpareCertificate(certificate, _why_not(row, connection, now))


def spare_keys(
    connection: Connection, policy: InboundPolicy, now: dt.datetime, user: Anybody
) -> Iterator[SpareKey]:
    """Key pairs of this installation that this connection's messages are not decrypted with."""
    seen: set[Certificate] = {key.certificate for key in policy.decrypt_with}
    for pair in visible_key_pairs(user).exclude(certificate=b"").select_related("organization"):
        certificate = parse_certificate(bytes(pair.certificate))
        if certificate in seen:
            continue
        seen.add(certificate)
        private_key = private_key_of(pair)
        if isinstance(private_key, RSAPrivateKey):
            yield SpareKey(DecryptionKey(private_key, certificate), _unused(pair, connection, now))


def _why_not(row: PartnerCertificate, connection: Connection, now: dt.datetime) -> str:
    if row.connection_id != connection.pk:
        return f"of another connection, {row.connection}"
    if not row.is_accepted(now):
        return f"retired since {row.retires_at:%Y-%m-%d}"
    return "not one that verifies signatures here"


def _unused(pair: KeyPair, connection: Connection, now: dt.datetime) -> str:
    if pair.organization_id != connection.organization_id:
        return f"of another organization, {pair.organization.as2_id}"
    if not pair.is_accepted(now):
        return f"retired since {pair.retires_at:%Y-%m-%d}"
    return "not one that decrypts"


def _mdn_request(message: Message) -> MDNRequest | None:
    try:
        return read_request(Headers(message.header_fields)).mdn
    except MalformedRequest:
        return None


def _check_stored(key: str) -> None:
    try:
        get_store().size(key)
    except FileNotFoundError:
        raise NothingToExamine("its octets are no longer in the store") from None


def _octets(row: MDN) -> bytes:
    return get_store().read(row.body_key, limits().mdn)
