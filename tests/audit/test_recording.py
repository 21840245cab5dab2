"""What may be written into an audit event, and what becomes of the rest."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from audit.models import AuditEvent
from audit.recording import WITHHELD, Subject, record
from audit.tags import Tag

SUBJECT = Subject("message", "7", "<a@example.com>")

pytestmark = pytest.mark.django_db


def recorded(text: str = "x", **given: Any) -> AuditEvent:
    record(Tag.MESSAGE_OUTBOUND_SENT, SUBJECT, text, **given)
    return AuditEvent.objects.get()


def test_an_event_says_who_did_what_to_what() -> None:
    event = recorded("Sent again.", actor="ann", address="192.0.2.1", data={"attempt": 2})
    assert (event.tag, event.actor, event.address) == ("message:outbound:sent", "ann", "192.0.2.1")
    assert (event.subject_kind, event.subject_pk, event.subject_name) == (
        "message",
        "7",
        "<a@example.com>",
    )
    assert (event.text, event.data) == ("Sent again.", {"attempt": 2})


def test_a_row_is_named_by_its_model_key_and_words() -> None:
    user = User.objects.create(username="ann")
    assert Subject.of(user) == Subject("user", str(user.pk), "ann")


def test_an_event_is_gone_with_the_transaction_that_failed() -> None:
    def fail_after_recording() -> None:
        with transaction.atomic():
            record(Tag.MESSAGE_OUTBOUND_SENT, SUBJECT, "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_recording()
    assert not AuditEvent.objects.exists()


def test_old_and_new_values_are_kept() -> None:
    data = {"url": {"old": "http://a", "new": None}, "hosts": ["a", "b"], "n": 1.5, "on": True}
    assert recorded(data=data).data == data


@pytest.mark.parametrize(
    "value",
    [b"bytes", SUBJECT, dt.date(2026, 1, 1), {1}, float("nan"), {"a": {"b": {"c": {"d": 1}}}}],
)
def test_what_is_not_plain_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="not plain data"):
        recorded(data={"value": value})


def test_long_texts_are_clipped() -> None:
    event = recorded("t" * 5000, data={"error": "e" * 5000})
    assert (len(event.text), event.text[-1]) == (1000, "…")
    assert len(event.data["error"]) == 500


def test_key_material_is_withheld() -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE"
    event = recorded(pem, data={"value": pem})
    assert (event.text, event.data) == (WITHHELD, {"value": WITHHELD})


def test_a_text_that_no_database_takes_is_mended() -> None:
    assert recorded("a\0b\udcffc").text == "a\N{REPLACEMENT CHARACTER}b?c"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("::1", "::1"), ("fe80::1%eth0", "fe80::1"), ("", None), ("unix:", None), (None, None)],
)
def test_only_an_ip_address_is_kept_as_address(given: str | None, kept: str | None) -> None:
    assert recorded(address=given).address == kept
