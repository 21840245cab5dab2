"""Testing a connection: one small message is sent as any other, and each step is judged."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.utils import timezone

from as2gateway.policy import MDNMode
from audit.badges import Tone
from messages.models import MDN, Attempt, MDNState, Message, State
from messages.onboarding.documents import SUBJECT, test_document
from messages.sending import Origin, enqueue
from partners.models import Connection, ConnectionState, TLSProbe
from partners.policies import PolicyError, outbound_policy
from partners.rollover.recording import By
from partners.urls import without_password

#: Messages that are still on their way: the page looks again.
_OPEN: Final = frozenset({State.QUEUED, State.SENDING, State.WAITING})


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that has to work."""

    name: str
    tone: Tone
    word: str
    text: str = ""


def start(connection: Connection, by: By) -> Message:
    """Send a test document; it takes the way of every other message."""
    now = timezone.now()
    ours = connection.organization.as2_id
    document = test_document(connection.content_type, ours, connection.as2_id, now)
    origin = Origin(by.actor, by.address, SUBJECT)
    return enqueue(connection, [document.content], document.filename, origin=origin)


def is_open(message: Message) -> bool:
    """Tell whether more may come of it."""
    return message.state in _OPEN


def latest_test(connection: Connection) -> Message | None:
    """Return the last test message of a connection."""
    sent = Message.objects.filter(connection=connection, subject=SUBJECT, direction="outbound")
    return sent.select_related("connection__organization").order_by("-pk").first()


def judge(connection: Connection, message: Message | None, now: dt.datetime) -> list[Row]:
    """Judge what was set up, and what became of the message, step by step."""
    rows = [_state(connection), _keys(connection, now), *_probe(connection)]
    if message is None:
        return rows
    attempt = message.attempt_rows.order_by("-number").first()
    mdns = list(message.mdns.order_by("-pk"))
    return [*rows, *_attempt(message, attempt), *_mdn(message, attempt, mdns)]


def _state(connection: Connection) -> Row:
    if connection.state == ConnectionState.ACTIVE:
        return Row("Connection", Tone.GOOD, "active")
    text = "Messages are parked. Set its state to active first."
    return Row("Connection", Tone.BAD, connection.state, text)


def _keys(connection: Connection, now: dt.datetime) -> Row:
    try:
        outbound_policy(connection, now)
    except PolicyError as error:
        return Row("Keys and certificates", Tone.BAD, "incomplete", str(error))
    return Row("Keys and certificates", Tone.GOOD, "complete")


def _probe(connection: Connection) -> Iterator[Row]:
    parts = urlsplit(connection.url)
    if parts.scheme != "https":
        text = "The way is not encrypted; the message itself may be."
        yield Row("TLS of the endpoint", Tone.PLAIN, "http", text)
        return
    tests = TLSProbe.objects.filter(host=parts.hostname or "", port=parts.port or 443)
    latest = tests.first()
    if latest is None:
        yield Row("TLS of the endpoint", Tone.PLAIN, "not tested", "Use the button Test TLS.")
        return
    failed = [each["profile"] for each in latest.verdicts if each["verdict"] == "error"]
    word = "could not be tested" if latest.error else "falls short" if failed else "passes"
    tone = Tone.WARN if latest.error else Tone.BAD if failed else Tone.GOOD
    text = latest.error or ", ".join(failed)
    yield Row("TLS of the endpoint", tone, word, f"{latest.started_at:%Y-%m-%d %H:%M} {text}")


def _attempt(message: Message, attempt: Attempt | None) -> Iterator[Row]:
    if attempt is None:
        text = message.failure_text or "It goes out within seconds."
        yield Row("Sent", Tone.BAD if message.failure_text else Tone.BUSY, message.state, text)
        return
    reached = attempt.peer or urlsplit(without_password(attempt.url)).netloc
    if attempt.error_class and attempt.http_status is None:
        yield Row("Reached", Tone.BAD, str(attempt.error_class), attempt.error_text)
        return
    if attempt.ended_at is None:
        yield Row("Reached", Tone.BUSY, "being sent", reached)
        return
    yield Row("Reached", Tone.GOOD, "yes", reached)
    if attempt.tls_version:
        suite = f"{attempt.tls_version} {attempt.tls_suite}"
        yield Row("TLS", Tone.GOOD, attempt.tls_version, suite)
    good = attempt.http_status is not None and 200 <= attempt.http_status < 300  # noqa: PLR2004  RFC 9110 §15.3
    status = str(attempt.http_status or "none")
    yield Row("HTTP", Tone.GOOD if good else Tone.BAD, status, attempt.error_text)


def _mdn(message: Message, attempt: Attempt | None, mdns: list[MDN]) -> Iterator[Row]:
    if message.mdn_mode == MDNMode.NONE or attempt is None:
        return
    decisive = next((mdn for mdn in mdns if mdn.state == MDNState.VERIFIED), None)
    mdn = decisive or next(iter(mdns), None)
    if mdn is None:
        waits = message.state == State.WAITING
        tone = Tone.BUSY if waits else Tone.BAD
        yield Row("MDN", tone, "awaited" if waits else "none came", message.failure_text)
        return
    positive = mdn.positive and mdn.state == MDNState.VERIFIED
    word = "positive" if mdn.positive else "negative"
    text = mdn.failure_text or mdn.disposition
    yield Row("MDN", Tone.GOOD if positive else Tone.BAD, word, text)
    yield _signature(message, mdn)
    if mdn.mic_matched is not None:
        matched = "matches" if mdn.mic_matched else "differs"
        yield Row("MIC", Tone.GOOD if mdn.mic_matched else Tone.BAD, matched, mdn.mic)


def _signature(message: Message, mdn: MDN) -> Row:
    if mdn.signer:
        return Row("Signature of the MDN", Tone.GOOD, "verified", mdn.signer)
    if mdn.signed:
        return Row("Signature of the MDN", Tone.BAD, "not verified", mdn.failure_text)
    tone = Tone.BAD if message.mdn_signed else Tone.PLAIN
    return Row("Signature of the MDN", tone, "unsigned")
