"""Planning: what may take over, and from when."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from audit.models import AuditEvent
from partners.importing import KeyMaterial
from partners.models import Confirmation, Rollover, RolloverState
from partners.rollover.dates import PlanError, check_start, earliest_start
from partners.rollover.planning import Successor, plan_ours, plan_partner, replaced
from tests import factories
from tests.factories import DAY
from tests.partners.rollover import moments
from tests.partners.rollover.moments import BY, NOW

pytestmark = pytest.mark.django_db

SECOND = dt.timedelta(seconds=1)
END = NOW + 30 * DAY


@pytest.mark.parametrize("start", [NOW, NOW + DAY, END - SECOND])
def test_a_start_between_now_and_the_old_end_is_taken(start: dt.datetime) -> None:
    old = moments.connection(days=30).certificates.get()
    check_start(start, moments.certificate("AMAZON-2"), [old], NOW)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (NOW - SECOND, "too early: that is in the past"),
        (END, "too late: the present certificate ends on 2027-04-09 15:00 UTC; choose a moment"),
        (END + DAY, "too late"),
    ],
)
def test_any_other_start_is_refused(start: dt.datetime, why: str) -> None:
    old = moments.connection(days=30).certificates.get()
    with pytest.raises(PlanError, match=why):
        check_start(start, moments.certificate("AMAZON-2"), [old], NOW)


def test_a_start_before_the_new_one_is_valid_is_refused() -> None:
    old = moments.connection().certificates.get()
    new = moments.certificate("AMAZON-2", start=NOW + DAY)
    with pytest.raises(PlanError, match="the new certificate is not valid yet"):
        check_start(NOW, new, [old], NOW)


def test_a_gap_is_made_no_longer_than_it_is() -> None:
    old = moments.connection(days=-3).certificates.get()
    new = moments.certificate("AMAZON-2", start=NOW + DAY)
    check_start(earliest_start(new, NOW), new, [old], NOW)
    with pytest.raises(PlanError, match="ends on 2027-03-07 15:00 UTC; take 2027-03-11 15:00 UTC"):
        check_start(NOW + 2 * DAY, new, [old], NOW)


def test_test_and_production_are_planned_in_one_step() -> None:
    test = moments.connection(environment="test")
    production = moments.connection_of(test, as2_id="AMAZON-P", environment="production")
    planned = moments.theirs(test, production)
    assert [each.new_certificate.connection for each in planned if each.new_certificate] == [
        test,
        production,
    ]
    assert {each.state for each in planned} == {RolloverState.PLANNED}


def test_where_one_connection_refuses_nothing_is_planned() -> None:
    test = moments.connection(days=30)
    production = moments.connection_of(test, days=2, as2_id="AMAZON-P")
    with pytest.raises(PlanError, match="too late"):
        moments.theirs(test, production, start=NOW + 5 * DAY)
    assert not Rollover.objects.exists()
    assert test.certificates.count() == 1


def test_the_same_certificate_again_is_refused() -> None:
    row = moments.connection()
    same = Successor(row.certificates.get().value)
    with pytest.raises(PlanError, match="has this certificate already"):
        plan_partner([row], same, NOW + DAY, NOW, BY)


def test_nothing_to_replace_is_said() -> None:
    row = factories.bare_connection()
    with pytest.raises(PlanError, match="has no certificate for this use"):
        moments.theirs(row)


def test_a_key_that_cannot_be_encrypted_to_is_refused() -> None:
    row = moments.connection()
    key = ec.generate_private_key(ec.SECP256R1())
    new = factories.certificate("EC", key=key, start=NOW - DAY)
    with pytest.raises(PlanError, match="only an RSA key can"):
        plan_partner([row], Successor(new), NOW + DAY, NOW, BY)
    assert plan_partner([row], Successor(new, encrypts=False), NOW + DAY, NOW, BY)


def test_one_certificate_may_replace_two() -> None:
    row = factories.bare_connection()
    signs = factories.partner_certificate(
        row, moments.certificate("S"), encrypts=False, activates_at=NOW - DAY
    )
    reads = factories.partner_certificate(
        row, moments.certificate("E"), verifies=False, activates_at=NOW - DAY
    )
    assert replaced(row, Successor(moments.certificate("N")), NOW) == [signs, reads]
    assert {each.old_certificate for each in moments.theirs(row)} == {signs, reads}


def test_ours_waits_for_every_connection_of_the_organization() -> None:
    row = moments.connection()
    other = moments.connection_of(row, as2_id="WALMART")
    rollover = moments.ours(row.organization)
    assert {each.connection for each in rollover.confirmations.all()} == {row, other}
    assert rollover.new_pair is not None
    assert (rollover.new_pair.signs, rollover.new_pair.decrypts) == (True, True)


def test_ours_is_planned_once_at_a_time() -> None:
    owner = moments.connection().organization
    moments.ours(owner)
    with pytest.raises(PlanError, match="is being replaced already, from 2027-03-11 on"):
        moments.ours(owner, name="another")


def test_a_name_is_taken_once() -> None:
    owner = moments.connection().organization
    with pytest.raises(PlanError, match="has a key pair key-1 already"):
        moments.ours(owner, name="key-1")


def test_our_elliptic_key_cannot_follow_one_that_decrypts() -> None:
    owner = moments.connection().organization
    key = ec.generate_private_key(ec.SECP256R1())
    value = factories.certificate("EC", key=key, start=NOW - DAY)
    with pytest.raises(PlanError, match="can encrypt to an RSA key only"):
        plan_ours(owner, "ec", KeyMaterial(key, value), start=NOW + DAY, now=NOW, by=BY)


def test_without_a_key_pair_there_is_nothing_to_roll_over() -> None:
    with pytest.raises(PlanError, match="has no key pair in use"):
        moments.ours(factories.organization())


def test_a_plan_is_audited_without_key_material() -> None:
    moments.ours(moments.connection().organization)
    tags = list(AuditEvent.objects.order_by("pk").values_list("tag", "actor", "address"))
    assert tags == [
        ("key:pair:added", "anna", "192.0.2.1"),
        ("rollover:certificate:planned", "anna", "192.0.2.1"),
    ]
    assert "private_key" not in AuditEvent.objects.order_by("pk")[0].data


def test_a_rollover_from_now_is_active_at_once() -> None:
    row = moments.connection()
    [rollover] = moments.theirs(row, start=NOW)
    assert rollover.state == RolloverState.ACTIVE
    assert moments.encrypts_to(row, NOW) == "CN=AMAZON-2"
    assert Confirmation.objects.get().step == "open"


def test_what_the_profile_does_not_allow_is_refused() -> None:
    row = moments.connection(profile="amazon-vendor-as2")
    weak = factories.certificate("WEAK", key=factories.rsa_key("WEAK", 1024), start=NOW - DAY)
    with pytest.raises(PlanError, match="the profile does not allow it"):
        plan_partner([row], Successor(weak), NOW + DAY, NOW, BY)
