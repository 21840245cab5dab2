"""Which errors refuse a change: those that it causes, and no others."""

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from partners.compliance.cases import Case
from partners.compliance.fixing import apply_fix, propose
from partners.compliance.refusing import Review
from partners.models import Connection
from tests import factories
from tests.partners.profiles import VENDOR, WEAK, amazon

pytestmark = pytest.mark.django_db


def refused(connection: Connection, **changes: object) -> list[str]:
    """Change settings without saving them; the rules that refuse that."""
    for name, value in changes.items():
        setattr(connection, name, value)
    review = Review.of(Case.stored(connection), timezone.now())
    return [finding.rule for finding in review.refused]


@pytest.mark.parametrize(
    ("stored", "changes", "rules"),
    [
        ({}, {"encrypt": "des-ede3-cbc"}, ["as2.encrypt.min"]),
        ({}, {"subject": "Orders"}, []),
        ({"encrypt": "des-ede3-cbc"}, {"subject": "Orders"}, []),
        ({"encrypt": "des-ede3-cbc"}, {"encrypt": "aes-128-cbc"}, []),
        ({"encrypt": "des-ede3-cbc"}, {"encrypt": "none"}, ["as2.encrypt.on", "as2.encrypt.min"]),
        ({"encrypt": "des-ede3-cbc"}, {"sign": "sha-1"}, ["as2.sign.min", "mdn.micalg.min"]),
        ({"encrypt": "des-ede3-cbc", "sign": "sha-1"}, {"sign": "sha-256"}, []),
        ({"encrypt": "des-ede3-cbc"}, {"mdn": "none"}, []),
    ],
    ids=["worse", "other", "was wrong", "right", "wrong in another way", "second", "half", "warn"],
)
def test_a_change_is_refused_for_what_it_causes(
    stored: dict[str, object], changes: dict[str, object], rules: list[str]
) -> None:
    assert refused(amazon(**stored), **changes) == rules


def test_a_new_connection_is_refused_for_every_error() -> None:
    new = Connection(
        organization=factories.organization(),
        partner=factories.partner(),
        as2_id="NEW",
        url="http://a.test",
        **WEAK,
    )
    assert refused(new) == ["as2.encrypt.min", "cert.partner.present"]


def test_another_profile_is_a_change() -> None:
    connection = amazon(profile="", encrypt="des-ede3-cbc")
    assert refused(connection, subject="Orders") == []
    assert refused(connection, profile=VENDOR) == ["as2.encrypt.min"]


def test_the_second_offender_of_a_rule_refuses_and_the_first_does_not() -> None:
    connection = amazon()
    row = connection.certificates.get()
    row.signature_hash = "sha1"
    row.save()
    assert refused(connection) == []
    case = Case.stored(connection)
    second = factories.partner_certificate(connection, factories.identity("A-2").certificate)
    second.signature_hash = "sha1"
    review = Review.of(Case(connection, (row, second), case.pairs), timezone.now())
    # The database has the second one as well, but with a good hash.
    assert [finding.rule for finding in review.refused] == ["cert.partner.sighash"]


def test_a_fix_sets_what_the_profile_asks_for() -> None:
    connection = amazon(encrypt="des-ede3-cbc", sign="sha-1", mdn="none", require_signature=False)
    fix = apply_fix(connection.pk, timezone.now(), actor="ann")
    assert {str(change) for change in fix.changes} == {
        "encrypt: des-ede3-cbc → aes-128-cbc",
        "sign: sha-1 → sha-256",
        "mdn: none → sync",
        "require_signature: false → true",
    }
    connection.refresh_from_db()
    assert (connection.encrypt, connection.sign, connection.mdn) == (
        "aes-128-cbc",
        "sha-256",
        "sync",
    )
    event = AuditEvent.objects.get(tag="connection:settings:changed")
    assert (event.actor, event.data["sign"]) == ("ann", {"old": "sha-1", "new": "sha-256"})


def test_nothing_to_fix_is_no_event() -> None:
    connection = amazon()
    assert apply_fix(connection.pk, timezone.now(), actor="ann").changes == ()
    assert not AuditEvent.objects.exists()


def test_a_fix_that_could_not_work_is_not_made() -> None:
    connection = factories.bare_connection(profile=VENDOR, encrypt="none", sign="none")
    fix = apply_fix(connection.pk, timezone.now(), actor="ann")
    assert "no certificate with the role encrypt" in fix.hindrance
    connection.refresh_from_db()
    assert connection.encrypt == "none"


def test_a_proposal_saves_nothing() -> None:
    connection = amazon(**WEAK)
    assert [change.name for change in propose(connection, timezone.now()).changes] == ["encrypt"]
    connection.refresh_from_db()
    assert connection.encrypt == "des-ede3-cbc"
