"""Whatever is done to sealed rows by somebody with full rights, the check names the row."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.utils import timezone

from audit import sealing
from audit.models import AuditEvent, AuditSeal
from audit.sealing import seal, seal_digest
from audit.verifying import verify
from tests.audit.events import event

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Six old events with gaps between them, in three seals."""
    monkeypatch.setattr(sealing, "BATCH", 2)
    ids = [10, 11, 20, 21, 30, 31]
    for pk in ids:
        event(pk=pk, age=DAY)
    seal()
    return ids


def findings(head: str = "") -> list[str]:
    return [str(finding) for finding in verify(timezone.now(), head).findings]


@pytest.mark.usefixtures("chain")
def test_an_untouched_chain_is_sound() -> None:
    report = verify(timezone.now())
    assert (report.findings, report.seals, report.events) == ([], 3, 6)
    assert report.head == str(AuditSeal.objects.get(number=3))


@pytest.mark.usefixtures("chain", "tamper")
@pytest.mark.parametrize(
    "change",
    [
        {"text": "Nothing happened."},
        {"at": timezone.now()},
        {"tag": "x"},
        {"actor": "nobody"},
        {"address": "192.0.2.9"},
        {"subject_kind": "mdn"},
        {"subject_pk": "0"},
        {"subject_name": "other"},
        {"data": {"a": [1.5, None], "b": 2}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_any_column_is_found(change: dict[str, object]) -> None:
    AuditEvent.objects.filter(pk=20).update(**change)
    assert findings() == ["event 20 was changed; seal 2 holds another"]


@pytest.mark.usefixtures("chain", "tamper")
def test_a_removal_is_found() -> None:
    AuditEvent.objects.filter(pk__in=[11, 31]).delete()
    assert findings() == [
        "event 11 was removed; seal 1 holds it",
        "event 31 was removed; seal 3 holds it",
    ]


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("pk", [-3, 5, 15, 29])
def test_an_insertion_below_sealed_events_is_found(pk: int) -> None:
    event(pk=pk, age=DAY)
    assert findings() == [f"event {pk} is in no seal, though later ones are: inserted"]


@pytest.mark.usefixtures("chain")
def test_events_that_wait_for_their_seal_are_only_counted() -> None:
    event(pk=25)  # below sealed ones: a transaction that took its time
    event(pk=40)
    report = verify(timezone.now())
    assert (report.findings, report.unsealed) == ([], 2)


def _seal(number: int) -> QuerySet[AuditSeal]:
    return AuditSeal.objects.filter(number=number)


def _change_events_and_digests() -> None:
    AuditEvent.objects.filter(pk=20).update(text="Nothing happened.")
    row = AuditSeal.objects.get(number=2)
    row.digests = b"".join(map(sealing.event_digest, AuditEvent.objects.filter(pk__in=[20, 21])))
    _seal(2).update(digests=row.digests)


def _change_events_digests_and_seal() -> None:
    _change_events_and_digests()
    row = AuditSeal.objects.get(number=2)
    _seal(2).update(digest=seal_digest(row))


@pytest.mark.usefixtures("chain", "tamper")
@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (_change_events_digests_and_seal, "seal 3 does not continue the seal before it"),
        (lambda: _seal(2).delete(), "seal 2 was removed"),
        (lambda: _seal(1).delete(), "seal 1 was removed"),
        (lambda: _seal(2).update(top=1), "seal 2 was changed"),
        (lambda: _seal(2).update(ranges=[[20, 20]]), "seal 2 was changed"),
    ],
)
def test_a_seal_that_was_touched_is_found(forge: Callable[[], object], found: str) -> None:
    forge()
    assert found in findings()


@pytest.mark.usefixtures("chain", "tamper")
def test_a_chain_made_anew_is_found_by_a_head_noted_before() -> None:
    head = verify(timezone.now()).head
    AuditSeal.objects.all().delete()
    AuditEvent.objects.filter(pk=20).delete()
    seal()
    assert findings() == []
    assert findings(head) == [f"seal {head} is not in the chain: it was made anew"]


@pytest.mark.usefixtures("chain")
def test_an_old_head_stays_in_the_chain() -> None:
    head = verify(timezone.now()).head
    event()
    seal()
    assert findings(head) == []


@pytest.mark.usefixtures("chain")
def test_the_command_prints_the_head(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit")
    assert f"Head: {AuditSeal.objects.get(number=3)}" in capsys.readouterr().out


@pytest.mark.usefixtures("chain", "tamper")
def test_the_command_names_the_row_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    AuditEvent.objects.filter(pk=20).delete()
    with pytest.raises(CommandError, match="1 findings") as caught:
        call_command("verify_audit")
    assert caught.value.returncode == 1
    assert "event 20 was removed" in capsys.readouterr().out
