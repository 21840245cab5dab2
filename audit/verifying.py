"""Verifying: find any change, removal or insertion among sealed events, and any in the chain."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from audit.models import AuditEvent, AuditSeal
from audit.sealing import GENESIS, LATE, event_digest, events_in, seal_digest, spans_of
from audit.spans import Span, gaps

DIGEST_BYTES: Final = 32
#: Ids are given from 1 on; a forged one may be below.
LOWEST: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not as it was sealed."""

    row: str
    text: str

    def __str__(self) -> str:
        return f"{self.row} {self.text}"


@dataclass(slots=True)
class Report:
    """What a verification saw. ``head`` names the last seal: note it outside the database."""

    seals: int = 0
    events: int = 0
    unsealed: int = 0
    head: str = ""
    findings: list[Finding] = field(default_factory=list)


def verify(now: dt.datetime, head: str = "") -> Report:
    """Check every seal and every event; ``head`` is a ``number:digest`` noted earlier."""
    report = Report()
    covered: list[Span] = []
    head_found = not head
    previous = AuditSeal(number=0, top=0, digest=GENESIS)
    for seal in AuditSeal.objects.order_by("number").iterator(chunk_size=50):
        report.findings += [*_check_seal(seal, previous), *_check_events(seal)]
        report.seals += 1
        report.events += len(seal.digests) // DIGEST_BYTES
        report.head = str(seal)
        head_found = head_found or report.head == head
        covered += spans_of(seal)
        previous = seal
    if not head_found:
        report.findings.append(Finding(f"seal {head}", "is not in the chain: it was made anew"))
    _check_unsealed(report, covered, previous.top, now)
    return report


def _check_seal(seal: AuditSeal, previous: AuditSeal) -> Iterator[Finding]:
    """Compare a seal with its own digest and with the seal before it."""
    row = f"seal {seal.number}"
    if seal_digest(seal) != seal.digest:
        yield Finding(row, "was changed")
    if seal.number != previous.number + 1:
        yield Finding(f"seal {previous.number + 1}", "was removed")
    elif seal.previous != previous.digest:
        yield Finding(row, "does not continue the seal before it")


def _check_events(seal: AuditSeal) -> Iterator[Finding]:
    """Compare each event of a seal with the digest taken then."""
    digests = bytes(seal.digests)
    found = {event.pk: event for event in events_in(spans_of(seal))}
    ids = (pk for span in spans_of(seal) for pk in range(span.first, span.last + 1))
    for start, pk in zip(range(0, len(digests), DIGEST_BYTES), ids, strict=False):
        event = found.get(pk)
        if event is None:
            yield Finding(f"event {pk}", f"was removed; seal {seal.number} holds it")
        elif event_digest(event) != digests[start : start + DIGEST_BYTES]:
            yield Finding(f"event {pk}", f"was changed; seal {seal.number} holds another")


def _check_unsealed(report: Report, covered: list[Span], top: int, now: dt.datetime) -> None:
    """Tell events that wait for their seal from events slipped in below sealed ones."""
    report.unsealed = AuditEvent.objects.filter(pk__gt=top).count()
    for event in events_in(gaps(covered, LOWEST, top)):
        if event.at > now - LATE:
            report.unsealed += 1  # its transaction was slow; the next seal takes it
        else:
            report.findings.append(
                Finding(f"event {event.pk}", "is in no seal, though later ones are: inserted")
            )
