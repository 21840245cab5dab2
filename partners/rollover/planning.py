"""Planning: a successor comes in, with the moment from which it is used."""

import base64
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from as2gateway.certificates import Certificate
from as2gateway.compliance.findings import Finding
from audit.tags import Tag
from partners import renewals
from partners.compliance import verdicts
from partners.compliance.cases import Case
from partners.compliance.refusing import Review
from partners.importing import KeyMaterial
from partners.models import (
    OPEN_STATES,
    Confirmation,
    Connection,
    KeyPair,
    Organization,
    PartnerCertificate,
    Rollover,
    in_use,
)
from partners.rollover.advancing import activate_if_due
from partners.rollover.dates import PlanError, check_start
from partners.rollover.recording import By, insert, note


@dataclass(frozen=True, slots=True)
class Successor:
    """A partner's new certificate and what it will be used for."""

    certificate: Certificate
    verifies: bool = True
    encrypts: bool = True
    tls: bool = False


def replaced(
    connection: Connection, successor: Successor, now: dt.datetime
) -> list[PartnerCertificate]:
    """Return the certificates that a successor takes over from: those used now for the same."""
    rows = list(connection.certificates.all())
    uses = [name for name in ("verifies", "encrypts", "tls") if getattr(successor, name)]
    found = (in_use([row for row in rows if getattr(row, use)], now)[:1] for use in uses)
    return list(dict.fromkeys(row for each in found for row in each))


def check_partner(
    connection: Connection, successor: Successor, start: dt.datetime, now: dt.datetime
) -> list[PartnerCertificate]:
    """Return what the successor would replace on a connection; PlanError if it may not."""
    new = successor.certificate
    if connection.certificates.filter(fingerprint=new.fingerprint).exists():
        raise PlanError(f"{connection} has this certificate already.")
    if successor.encrypts and new.key_type != "rsa":
        raise PlanError(f"An {new.key_type} key cannot be encrypted to; only an RSA key can.")
    olds = replaced(connection, successor, now)
    if not olds:
        raise PlanError(
            f"{connection} has no certificate for this use that could be replaced; add the first "
            "one on the connection's page."
        )
    check_start(start, new, olds, now)
    refused = _refused(connection, _row(connection, successor, start), now)
    if refused:
        raise PlanError(f"{connection}: the profile does not allow it. " + " ".join(refused))
    return olds


@transaction.atomic
def plan_partner(
    connections: Sequence[Connection],
    successor: Successor,
    start: dt.datetime,
    now: dt.datetime,
    by: By,
) -> list[Rollover]:
    """Plan a partner's next certificate on all of these connections, or on none (PlanError)."""
    olds = {each: check_partner(each, successor, start, now) for each in connections}
    planned = []
    for connection in connections:
        row = _row(connection, successor, start)
        insert(row, by)
        for old in olds[connection]:
            rollover = Rollover.objects.create(
                old_certificate=old, new_certificate=row, created_by=by.actor, created_at=now
            )
            planned.append(_planned(rollover, [connection], now, by))
    renewals.planned(planned, now, by)
    verdicts.reevaluate(verdicts.affected_by(connections), now)
    return planned


@transaction.atomic
def plan_ours(  # noqa: PLR0913 - a key pair has an owner, a name, a value and a start
    organization: Organization,
    name: str,
    material: KeyMaterial,
    *,
    start: dt.datetime,
    now: dt.datetime,
    by: By,
) -> Rollover:
    """Plan our next key pair; every connection of the organization has to confirm it (PlanError).

    It takes the uses of the one that signs now. The old one goes on decrypting until it is retired.
    """
    old = _signing(organization, now)
    check_start(start, material.certificate, [old], now)
    open_one = Rollover.objects.filter(old_pair=old, state__in=OPEN_STATES).first()
    if open_one is not None:
        raise PlanError(f"{old} is being replaced already, from {open_one.starts_at:%Y-%m-%d} on.")
    if organization.keys.filter(name=name).exists():
        raise PlanError(f"{organization} has a key pair {name} already; choose another name.")
    if old.decrypts and material.certificate.key_type != "rsa":
        raise PlanError("Partners encrypt to our present key, and can encrypt to an RSA key only.")
    new = KeyPair(
        organization=organization,
        name=name,
        signs=old.signs,
        decrypts=old.decrypts,
        private_key=material.pkcs8,
        chain=[base64.b64encode(each.der).decode() for each in material.chain],
        activates_at=start,
    )
    new.read_facts(material.certificate)
    insert(new, by)
    rollover = Rollover.objects.create(
        old_pair=old, new_pair=new, created_by=by.actor, created_at=now
    )
    concerned = list(organization.connections.all())
    verdicts.reevaluate(verdicts.affected_by([new]), now)
    return _planned(rollover, concerned, now, by)


def _signing(organization: Organization, now: dt.datetime) -> KeyPair:
    pairs = in_use(organization.keys.all(), now)
    signing = [pair for pair in pairs if pair.signs] or pairs
    if not signing:
        raise PlanError(f"{organization} has no key pair in use that could be replaced.")
    return signing[0]


def _planned(
    rollover: Rollover, connections: Sequence[Connection], now: dt.datetime, by: By
) -> Rollover:
    Confirmation.objects.bulk_create(
        Confirmation(rollover=rollover, connection=each) for each in connections
    )
    start = f"{rollover.starts_at:%Y-%m-%d %H:%M} UTC"
    text = f"New certificate {rollover.new.subject}, used from {start} on."
    note(Tag.ROLLOVER_CERTIFICATE_PLANNED, rollover, text, by)
    activate_if_due(rollover, now)
    return rollover


def _row(connection: Connection, successor: Successor, start: dt.datetime) -> PartnerCertificate:
    row = PartnerCertificate(
        connection=connection,
        verifies=successor.verifies,
        encrypts=successor.encrypts,
        tls=successor.tls,
        activates_at=start,
    )
    row.read_facts(successor.certificate)
    return row


def _refused(connection: Connection, row: PartnerCertificate, now: dt.datetime) -> list[str]:
    """Ask the connection's profile about the certificates as they are to be."""
    certificates = (*connection.certificates.all(), row)
    pairs = tuple(connection.organization.keys.all())
    review = Review.of(Case(connection, certificates, pairs), now)
    return [_sentence(each) for each in review.refused if each.field == "certificates"]


def _sentence(finding: Finding) -> str:
    return f"{finding.rule}: {finding.found}. Wanted: {finding.wanted}."
