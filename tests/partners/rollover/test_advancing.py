"""Advancing: the clock alone changes certificates; the task writes it down, once."""

import datetime as dt

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from partners import policies, tasks
from partners.models import Confirmation, PartnerCertificate, Rollover, RolloverState
from partners.rollover.advancing import OVERLAP, advance, cancel, move, retire_old
from partners.rollover.dates import PlanError
from tests import factories
from tests.factories import DAY
from tests.partners.rollover import moments
from tests.partners.rollover.moments import BERLIN, BY, NOW

pytestmark = pytest.mark.django_db

SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)
MIDNIGHT = dt.datetime(2027, 3, 11, tzinfo=dt.UTC)


def states() -> list[str]:
    return list(Rollover.objects.order_by("pk").values_list("state", flat=True))


def activations() -> int:
    return AuditEvent.objects.filter(tag="rollover:certificate:activated").count()


def test_a_rollover_over_midnight_changes_at_midnight() -> None:
    row = moments.connection()
    moments.theirs(row, start=MIDNIGHT)
    assert moments.encrypts_to(row, MIDNIGHT - SECOND) == "CN=AMAZON"
    assert advance(MIDNIGHT - SECOND) == 0
    assert moments.encrypts_to(row, MIDNIGHT) == "CN=AMAZON-2"
    assert advance(MIDNIGHT) == 1
    assert states() == [RolloverState.ACTIVE]


def test_ours_changes_at_midnight_and_the_old_one_still_decrypts() -> None:
    row = moments.connection()
    moments.ours(row.organization, start=MIDNIGHT)
    assert moments.signs_with(row, MIDNIGHT - SECOND) == "CN=VENDOR"
    assert moments.signs_with(row, MIDNIGHT) == "CN=VENDOR-2"
    for moment in (NOW, MIDNIGHT, MIDNIGHT + DAY):
        keys = policies.decryption_keys(row.organization, moment)
        assert {key.certificate.subject for key in keys} == {"CN=VENDOR", "CN=VENDOR-2"}


def test_a_start_in_the_hour_that_summer_time_leaves_out_is_an_instant() -> None:
    # On 28 March 2027 Berlin's clocks go from 02:00 to 03:00, which is 01:00 UTC.
    row = moments.connection()
    moments.theirs(row, start=dt.datetime(2027, 3, 28, 3, 0, tzinfo=BERLIN))
    begins = dt.datetime(2027, 3, 28, 1, 0, tzinfo=dt.UTC)
    assert moments.encrypts_to(row, begins - SECOND) == "CN=AMAZON"
    assert moments.encrypts_to(row, begins) == "CN=AMAZON-2"
    assert [advance(begins - SECOND), advance(begins)] == [0, 1]


@pytest.mark.parametrize(("fold", "utc_hour"), [(0, 0), (1, 1)])
def test_the_hour_that_comes_twice_is_not_mixed_up(fold: int, utc_hour: int) -> None:
    # On 31 October 2027 Berlin's 02:30 comes twice, at 00:30 and at 01:30 UTC.
    row = moments.connection(days=365)
    moments.theirs(row, start=dt.datetime(2027, 10, 31, 2, 30, tzinfo=BERLIN, fold=fold))
    begins = dt.datetime(2027, 10, 31, utc_hour, 30, tzinfo=dt.UTC)
    assert moments.encrypts_to(row, begins - SECOND) == "CN=AMAZON"
    assert moments.encrypts_to(row, begins) == "CN=AMAZON-2"


def test_a_scheduler_that_was_down_for_two_days_makes_only_the_record_late() -> None:
    row = moments.connection()
    moments.theirs(row, start=MIDNIGHT)
    assert moments.encrypts_to(row, MIDNIGHT + HOUR) == "CN=AMAZON-2"
    assert advance(MIDNIGHT + 2 * DAY) == 1
    rollover = Rollover.objects.get()
    assert (rollover.state, rollover.activated_at) == (RolloverState.ACTIVE, MIDNIGHT)


def test_advancing_again_changes_nothing() -> None:
    moments.theirs(moments.connection(), start=MIDNIGHT)
    assert [advance(MIDNIGHT), advance(MIDNIGHT), advance(MIDNIGHT + HOUR)] == [1, 0, 0]
    assert activations() == 1


def test_the_old_one_is_retired_when_the_overlap_is_over() -> None:
    row = moments.connection()
    moments.theirs(row, start=MIDNIGHT)
    advance(MIDNIGHT)
    Confirmation.objects.update(confirmed_at=MIDNIGHT + HOUR)
    assert advance(MIDNIGHT + OVERLAP) == 0
    end = MIDNIGHT + HOUR + OVERLAP
    assert advance(end) == 1
    assert states() == [RolloverState.DONE]
    assert moments.certificates(row)["CN=AMAZON"].retires_at == end
    assert [each.subject for each in policies.verify_certificates(row, end)] == ["CN=AMAZON-2"]


def test_nothing_is_retired_before_all_have_confirmed() -> None:
    row = moments.connection()
    moments.connection_of(row, as2_id="WALMART")
    moments.ours(row.organization, start=MIDNIGHT)
    Confirmation.objects.filter(connection=row).update(confirmed_at=MIDNIGHT)
    advance(MIDNIGHT)
    assert advance(MIDNIGHT + 10 * OVERLAP) == 0
    assert states() == [RolloverState.ACTIVE]


def test_a_person_may_retire_the_old_one_before() -> None:
    row = moments.connection()
    rollover = moments.ours(row.organization, start=NOW)
    assert retire_old(rollover, NOW + DAY, BY)
    assert not retire_old(rollover, NOW + DAY, BY)
    keys = policies.decryption_keys(row.organization, NOW + DAY)
    assert [key.certificate.subject for key in keys] == ["CN=VENDOR-2"]


def test_a_planned_one_is_not_retired() -> None:
    [rollover] = moments.theirs(moments.connection())
    assert not retire_old(rollover, NOW, BY)


def test_a_planned_one_can_be_cancelled() -> None:
    row = moments.connection()
    [rollover] = moments.theirs(row, start=MIDNIGHT)
    assert cancel(rollover, NOW, BY)
    assert advance(MIDNIGHT) == 0
    assert moments.encrypts_to(row, MIDNIGHT) == "CN=AMAZON"
    assert [each.subject for each in policies.verify_certificates(row, NOW)] == ["CN=AMAZON"]


def test_the_way_back_is_open_until_the_old_one_is_retired() -> None:
    row = moments.connection()
    [rollover] = moments.theirs(row, start=NOW)
    assert moments.encrypts_to(row, NOW + HOUR) == "CN=AMAZON-2"
    assert cancel(rollover, NOW + HOUR, BY)
    assert moments.encrypts_to(row, NOW + HOUR) == "CN=AMAZON"
    assert not cancel(rollover, NOW + HOUR, BY)


def test_after_that_there_is_no_way_back() -> None:
    [rollover] = moments.theirs(moments.connection(), start=NOW)
    retire_old(rollover, NOW + DAY, BY)
    with pytest.raises(PlanError, match="no way back"):
        cancel(rollover, NOW + DAY, BY)


def test_what_replaces_two_goes_back_as_one() -> None:
    row = factories.bare_connection()
    for name, uses in (("S", {"encrypts": False}), ("E", {"verifies": False})):
        value = moments.certificate(name)
        factories.partner_certificate(row, value, activates_at=NOW - DAY, **uses)
    first, _second = moments.theirs(row)
    assert cancel(first, NOW, BY)
    assert states() == [RolloverState.CANCELLED] * 2


def test_a_start_can_be_moved() -> None:
    row = moments.connection()
    [rollover] = moments.theirs(row, start=MIDNIGHT)
    move(rollover, MIDNIGHT + DAY, NOW, BY)
    assert moments.encrypts_to(row, MIDNIGHT) == "CN=AMAZON"
    assert moments.encrypts_to(row, MIDNIGHT + DAY) == "CN=AMAZON-2"


def test_a_start_can_be_moved_to_now() -> None:
    [rollover] = moments.theirs(moments.connection())
    move(rollover, NOW, NOW, BY)
    assert states() == [RolloverState.ACTIVE]


@pytest.mark.parametrize(
    ("start", "now", "why"),
    [
        (MIDNIGHT + 60 * DAY, NOW, "too late"),
        (MIDNIGHT + DAY, MIDNIGHT, "has begun already"),
    ],
)
def test_a_start_is_not_moved_beyond_reason(start: dt.datetime, now: dt.datetime, why: str) -> None:
    [rollover] = moments.theirs(moments.connection(), start=MIDNIGHT)
    with pytest.raises(PlanError, match=why):
        move(rollover, start, now, BY)


def test_the_task_works_by_the_clock_of_the_day() -> None:
    moments.theirs(moments.connection())
    tasks.advance_rollovers()
    assert states() == [RolloverState.PLANNED]
    PartnerCertificate.objects.filter(subject="CN=AMAZON-2").update(activates_at=timezone.now())
    tasks.advance_rollovers()
    assert states() == [RolloverState.ACTIVE]
