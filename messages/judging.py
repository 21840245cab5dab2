"""Judging: run the engine over a stored request, its payload into quarantine, and pass a verdict.

What is of the wire, the disk or the database is not seen here: an OSError goes through, and means
that the message was not judged.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.conf import settings

from as2gateway.cem import Exchange
from as2gateway.errors import AS2Error, AuthenticationFailed
from as2gateway.events import (
    MOST_READINGS,
    Facts,
    Reading,
    Rejected,
    UnverifiedPayload,
    Verdict,
)
from messages import exchanges, failpoints
from messages.arrivals import Arrival
from messages.naming import judge_names
from messages.store import Kind, Writer, get_store
from messages.verdicts import MissingMessageID, check_signer_in_date
from messages.wrapped_keys import Sightings
from partners.policies import engine_for, limits

#: Bytes of a payload after which the room on the disk is looked at again.
_LOOK_EVERY = 16 * 1024 * 1024

Octets = Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a message is: accepted if there is no error, and then ``payload`` is its document."""

    facts: Facts
    error: AS2Error | None
    #: in quarantine still; discarded at the end unless it is committed
    payload: Writer
    #: what it says, if it is a certificate exchange message and no document
    exchange: Exchange | None = None
    #: what the partner is told though the message is accepted
    warning: AS2Error | None = None


@contextmanager
def judge(arrival: Arrival, octets: Octets) -> Iterator[Judgement]:
    """Read a message; ``octets`` starts its body from the beginning, at each call."""
    failpoints.hit("rx.verify")
    keys = Sightings(arrival.wire_sha256, arrival.now)
    policy = replace(arrival.policy, wrapped_key_seen=keys.seen_elsewhere)
    reading, left = Reading(), MOST_READINGS
    while True:
        left -= 1
        with get_store().writer(Kind.PAYLOAD) as payload:
            verdict = _read(replace(arrival, policy=policy), octets(), reading, payload)
            keys.check()
            if isinstance(verdict, Rejected) and verdict.second_reading and left:
                reading = verdict.second_reading
                continue
            yield _examined(arrival, verdict, payload)
            return


def _read(arrival: Arrival, octets: Iterable[bytes], reading: Reading, payload: Writer) -> Verdict:
    receiver = engine_for(arrival.connection).receiver(
        arrival.headers, arrival.policy, arrival.request.mdn, limits(), reading
    )
    for chunk in octets:
        _keep(receiver.feed(chunk), payload)
    last, verdict = receiver.close()
    _keep(last, payload)
    return verdict


def _keep(pieces: Iterable[UnverifiedPayload], payload: Writer) -> None:
    for piece in pieces:
        before = payload.size
        payload.write(piece.data)
        if payload.size // _LOOK_EVERY != before // _LOOK_EVERY:
            _check_room(payload)


def _check_room(payload: Writer) -> None:
    """Stop unpacking while the disk still has room: nobody knows before how much it will be."""
    if payload.store.free_bytes() < settings.AS2_MIN_FREE_SPACE:
        raise OSError(
            f"a message unpacks to more than {payload.size} bytes, and less than "
            "AS2_MIN_FREE_SPACE would be left on the disk of the store"
        )


def _examined(arrival: Arrival, verdict: Verdict, payload: Writer) -> Judgement:
    error = _error(arrival, verdict)
    if error is None:
        try:
            exchange = exchanges.read(arrival, verdict.facts, payload)
            warning = judge_names(arrival, verdict.facts)
            return Judgement(verdict.facts, None, payload, exchange, warning)
        except AS2Error as fault:
            error = fault
    return Judgement(verdict.facts, error, payload)


def _error(arrival: Arrival, verdict: Verdict) -> AS2Error | None:
    """What is wrong, in the engine's eyes or in those of an operator."""
    if isinstance(verdict, Rejected):
        return verdict.error
    try:
        check_signer_in_date(verdict.facts, arrival.policy, arrival.now)
    except AuthenticationFailed as fault:
        return fault
    if arrival.request.message_id is None and arrival.asked is not None:
        return MissingMessageID("the message has no Message-ID, and asks for an MDN")
    return None
