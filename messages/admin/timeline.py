"""The timeline of a message: everything that happened to it, in the order of time."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from audit.badges import Tone
from audit.models import AuditEvent
from messages.admin.words import DELIVERY_TONES, MDN_TONES, duration
from messages.models import (
    MDN,
    Attempt,
    Delivery,
    DeliveryState,
    Direction,
    ErrorClass,
    MDNState,
    Message,
)
from partners.urls import without_password

#: Audit events shown; a message that has more is looked up in the audit trail itself.
MOST_EVENTS: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. ``rank`` orders what happened in one instant."""

    at: dt.datetime
    rank: int
    icon: str
    tone: Tone
    title: str
    text: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class History:
    """The rows around a message, fetched at once."""

    message: Message
    mdns: list[MDN]
    attempts: list[Attempt]
    deliveries: list[Delivery]
    events: list[AuditEvent]


def read_history(message: Message) -> History:
    """Fetch everything that belongs to a message, in four queries; the latest MDN first."""
    mdns = list(message.mdns.all())
    deliveries = list(message.deliveries.all())
    subjects = Q(subject_kind="message", subject_pk=str(message.pk))
    subjects |= Q(subject_kind="mdn", subject_pk__in=[str(mdn.pk) for mdn in mdns])
    subjects |= Q(subject_kind="delivery", subject_pk__in=[str(row.pk) for row in deliveries])
    return History(
        message=message,
        mdns=mdns,
        attempts=list(Attempt.objects.filter(Q(message=message) | Q(mdn__in=mdns))),
        deliveries=deliveries,
        events=list(AuditEvent.objects.filter(subjects)[:MOST_EVENTS]),
    )


def timeline(history: History) -> list[Entry]:
    """Put it all in order."""
    entries = [_beginning(history.message)]
    entries += (_attempt(each, history.message) for each in history.attempts)
    entries += map(_mdn, history.mdns)
    entries += map(_delivery, history.deliveries)
    entries += map(_event, history.events)
    return sorted(entries, key=lambda entry: (entry.at, entry.rank))


def _beginning(message: Message) -> Entry:
    if message.direction == Direction.OUTBOUND:
        return Entry(message.created_at, 0, "inbox", Tone.PLAIN, "Taken over for sending")
    facts = [("From address", message.address)] if message.address else []
    if message.tls_version:
        facts.append(("TLS", f"{message.tls_version} {message.tls_suite}".strip()))
    return Entry(message.created_at, 0, "login", Tone.PLAIN, "Received", facts=facts)


def _attempt(attempt: Attempt, message: Message) -> Entry:
    what = "Attempt" if attempt.mdn_id is None else "MDN, attempt"
    tone = Tone.BAD if attempt.error_class else Tone.GOOD
    ending = attempt.error_text
    if attempt.ended_at is None and not ending:
        tone, ending = Tone.BUSY, "No answer is written down yet."
    return Entry(
        attempt.started_at,
        1,
        "send",
        tone,
        f"{what} {attempt.number}",
        ending,
        [*_attempt_facts(attempt), *_attempt_help(attempt, message)],
    )


def _attempt_facts(attempt: Attempt) -> Iterator[tuple[str, str]]:
    yield "URL", without_password(attempt.url)
    if attempt.http_status:
        yield "HTTP status", str(attempt.http_status)
    if attempt.error_class:
        yield "Fault", attempt.error_class
    if attempt.ended_at:
        yield "Took", duration(attempt.started_at, attempt.ended_at)
    if attempt.peer:
        yield "Reached", attempt.peer
    if attempt.tls_version:
        yield "TLS", f"{attempt.tls_version} {attempt.tls_suite}".strip()
    if attempt.tls_fingerprint:
        yield "TLS certificate", attempt.tls_fingerprint


def _attempt_help(attempt: Attempt, message: Message) -> Iterator[tuple[str, str]]:
    """Lead to the tester, which tells a fault of TLS better than an attempt can."""
    if attempt.error_class == ErrorClass.TLS:
        page = reverse("admin:partners_connection_test_tls", args=(message.connection_id,))
        yield "Find out why", format_html('<a class="as2-link" href="{}">Test TLS</a>', page)


_MDN_TITLES: Final = {
    MDNState.ANSWERED: "MDN returned in the answer",
    MDNState.QUEUED: "MDN made, being sent",
    MDNState.SENT: "MDN sent",
    MDNState.FAILED: "MDN could not be sent",
    MDNState.VERIFIED: "MDN received",
    MDNState.REFUSED: "MDN refused",
    MDNState.UNMATCHED: "MDN kept, but it changed nothing",
}


def _mdn(mdn: MDN) -> Entry:
    state = MDNState(mdn.state)
    tone, title = MDN_TONES[state], _MDN_TITLES[state]
    if state in {MDNState.ANSWERED, MDNState.SENT, MDNState.VERIFIED}:
        title = f"{title}: {'positive' if mdn.positive else 'negative'}"
        tone = tone if mdn.positive else Tone.BAD
    text = mdn.failure_text or mdn.text
    return Entry(mdn.created_at, 2, "verified", tone, title, text, list(_mdn_facts(mdn)))


def _mdn_facts(mdn: MDN) -> Iterator[tuple[str, str]]:
    if mdn.disposition:
        yield "Disposition", mdn.disposition
    if mdn.mic:
        yield "MIC", mdn.mic
    if mdn.mic_matched is not None:
        yield "MIC matches", "yes" if mdn.mic_matched else "no"
    yield "Signature", _signature(mdn)
    if mdn.signer:
        yield "Signed by", mdn.signer
    if mdn.mdn_message_id:
        yield "Message-ID", mdn.mdn_message_id
    if mdn.url:
        yield "URL", mdn.url


def _signature(mdn: MDN) -> str:
    if not mdn.signed:
        return "unsigned"
    if mdn.direction == Direction.INBOUND:
        return "verified" if mdn.signer else "not verified"
    return "signed"


def _delivery(delivery: Delivery) -> Entry:
    state = DeliveryState(delivery.state)
    title = {
        DeliveryState.QUEUED: "Being handed over",
        DeliveryState.WAITING: "Waits to be fetched by the API",
        DeliveryState.DONE: "Handed over",
        DeliveryState.HELD: "Held: not handed over",
    }[state]
    tone = DELIVERY_TONES[state]
    if state == DeliveryState.QUEUED and delivery.failure_text:
        title, tone = "Handing over fails", Tone.BAD
    facts = [(delivery.route.capitalize(), delivery.target)]
    at = delivery.finished_at or delivery.created_at
    return Entry(at, 3, "move_to_inbox", tone, title, delivery.failure_text, facts)


def _event(event: AuditEvent) -> Entry:
    facts = [("Audit", event.tag), ("By", event.actor)]
    if event.address:
        facts.append(("From address", event.address))
    return Entry(event.at, 4, "history", Tone.PLAIN, event.text, facts=facts)
