"""Moments and rows for tests of rollovers: a clock that the test sets."""

import datetime as dt
from zoneinfo import ZoneInfo

from as2gateway.certificates import Certificate
from partners import policies
from partners.models import Connection, KeyPair, Organization, PartnerCertificate, Rollover
from partners.rollover.planning import Successor, plan_ours, plan_partner
from partners.rollover.recording import By
from tests import factories
from tests.factories import DAY, YEAR

#: An ordinary afternoon.
NOW = dt.datetime(2027, 3, 10, 15, 0, tzinfo=dt.UTC)
BY = By("anna", "192.0.2.1")
BERLIN = ZoneInfo("Europe/Berlin")


def certificate(name: str, *, start: dt.datetime = NOW - DAY, days: int = 400) -> Certificate:
    return factories.certificate(name, start=start, lifetime=days * DAY)


def connection(days: int = 30, **fields: object) -> Connection:
    """A connection whose certificates, theirs and ours, end in so many days."""
    row = factories.bare_connection(**fields)  # type: ignore[arg-type]  # columns, as they come
    old = certificate("AMAZON", start=NOW - YEAR, days=365 + days)
    factories.partner_certificate(row, old, activates_at=NOW - YEAR)
    if not row.organization.keys.exists():
        _our_first(row.organization, days)
    return row


def _our_first(owner: Organization, days: int) -> KeyPair:
    ours = factories.identity("VENDOR")
    value = certificate("VENDOR", start=NOW - YEAR, days=365 + days)
    key = factories.Identity(ours.private_key, value)
    return factories.key_pair(owner, key, activates_at=NOW - YEAR)


def theirs(*connections: Connection, start: dt.datetime = NOW + DAY) -> list[Rollover]:
    """Plan the partner's next certificate."""
    new = Successor(certificate("AMAZON-2"))
    return plan_partner(connections, new, start, NOW, BY)


def ours(owner: Organization, start: dt.datetime = NOW + DAY, name: str = "next") -> Rollover:
    """Plan our next key pair."""
    key = factories.identity("VENDOR-2")
    material = factories.material(factories.Identity(key.private_key, certificate("VENDOR-2")))
    return plan_ours(owner, name, material, start=start, now=NOW, by=BY)


def encrypts_to(row: Connection, now: dt.datetime) -> str:
    """The subject that a message of that moment is encrypted to."""
    found = policies.outbound_policy(row, now).encrypt_to
    assert found is not None
    return found.subject


def signs_with(row: Connection, now: dt.datetime) -> str:
    """The subject that signs at that moment."""
    found = policies.signing_key(row.organization, now)
    assert found is not None
    return found.certificate.subject


def certificates(row: Connection) -> dict[str, PartnerCertificate]:
    """The connection's certificates by their subjects, as the database has them."""
    return {each.subject: each for each in PartnerCertificate.objects.filter(connection=row)}


def connection_of(row: Connection, days: int = 30, **fields: object) -> Connection:
    """Another connection of the same organization and partner."""
    return connection(days, owner=row.organization, company=row.partner, **fields)
