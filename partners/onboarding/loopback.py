"""Loop-back: a partner that is ourselves, to rehearse with before a real one is at hand.

A second organization of ours stands for the partner. What is sent to it leaves by the real way,
comes in at our own URL, and is answered with a real MDN.
"""

import datetime as dt
from typing import Final

from django.db import transaction

from partners.generating import KeyKind, Owner, generate_key, self_signed
from partners.models import (
    Connection,
    Environment,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
)
from partners.models.certificates import this_second
from partners.onboarding.drafting import Draft, make
from partners.onboarding.sheet import our_url
from partners.rollover.recording import By, insert

#: Behind our AS2 id it makes the id of the other end.
SUFFIX: Final = "-LOOPBACK"
PARTNER: Final = "Loop-back (ourselves)"
_LIFETIME: Final = dt.timedelta(days=3 * 365)


class AlreadyThere(Exception):
    """The organization has a loop-back partner."""


def add_loopback(organization: Organization, now: dt.datetime, by: By) -> Connection:
    """Make the other end and both connections; return ours. Raises AlreadyThere, Refused."""
    name = f"{organization.as2_id}{SUFFIX}"[-128:]
    if Organization.objects.filter(as2_id=name).exists():
        raise AlreadyThere(f"{name} is there already: send to it, or suspend its connections.")
    with transaction.atomic():
        if not organization.keys.exists():
            _add_key(organization, by)
        other = Organization(as2_id=name, name=f"{organization.name} (loop-back)")
        insert(other, by)
        _add_key(other, by)
        partner = Partner.objects.filter(name=PARTNER).first() or Partner(
            name=PARTNER, notes="Made for rehearsals: documents come back to this gateway."
        )
        outgoing = _draft(organization, other)
        make(partner, [outgoing, _draft(other, organization)], now, by)
    return outgoing.connection


def _draft(ours: Organization, theirs: Organization) -> Draft:
    pairs = KeyPair.objects.filter(organization=theirs, retires_at=None)
    return Draft(
        Connection(
            organization=ours,
            as2_id=theirs.as2_id,
            url=our_url(),
            environment=Environment.TEST,
        ),
        tuple(_certificate(pair) for pair in pairs),
    )


def _certificate(pair: KeyPair) -> PartnerCertificate:
    row = PartnerCertificate(
        verifies=pair.signs, encrypts=pair.decrypts, activates_at=pair.activates_at
    )
    row.read_facts(pair.value)
    return row


def _add_key(owner: Organization, by: By) -> None:
    start = this_second()
    made = self_signed(generate_key(KeyKind.RSA_2048), Owner(owner.as2_id), start, _LIFETIME)
    pair = KeyPair(organization=owner, name="loop-back", private_key=made.pkcs8, activates_at=start)
    pair.read_facts(made.certificate)
    insert(pair, by)
