"""Answering: our MDNs, made once, stored, and sent byte for byte each time (RFC 4130 §7)."""

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.disposition import Disposition
from as2gateway.engine import BuiltMDN, Stamp
from as2gateway.engines import get_engine
from as2gateway.errors import AS2Error, SenderEqualsReceiver, UnexpectedProcessingError
from as2gateway.events import Facts
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport
from as2gateway.policy import InboundPolicy, MDNMode, SigningKey
from as2gateway.request import SUPPORTED_DIGESTS, AS2Request, MDNRequest
from audit.recording import Subject, record
from audit.tags import Tag
from messages import backoff, failpoints, transport
from messages.arrivals import Arrival, may_be_called
from messages.attempting import post_options
from messages.message_ids import new_message_id
from messages.models import MDN, Attempt, Direction, MDNState
from messages.replies import Reply
from messages.store import get_store
from messages.transport import Answer, TransportError
from partners.models import Connection
from partners.policies import announced_features, engine_for, signing_key_for

logger = logging.getLogger(__name__)

#: Names the software in Reporting-UA (MDN-05).
_PRODUCT = "as2gateway"
#: How long an async MDN is tried (threats RC15), and the first gap.
_GIVE_UP_AFTER = dt.timedelta(days=5)
_FIRST_GAP = dt.timedelta(minutes=5)
#: Statuses besides 5xx after which the same MDN may be taken later (MDN-22).
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Draft:
    """An MDN that has been built and is not stored yet."""

    built: BuiltMDN
    report: MDNReport
    message_id: str
    signed_with: SigningKey | None

    @property
    def reply(self) -> Reply:
        """The MDN as the answer to the request; also a negative one goes out with 200 (HTTP-14)."""
        return Reply(headers=self.built.headers, body=self.built.body)

    def fields(self, arrival: Arrival) -> dict[str, Any]:
        """Columns of the MDN's row, without its message and the key of its body."""
        queued = arrival.mdn_mode is MDNMode.ASYNC
        return {
            "direction": Direction.OUTBOUND,
            "state": MDNState.QUEUED if queued else MDNState.ANSWERED,
            "due_at": arrival.now if queued else None,
            "finished_at": None if queued else arrival.now,
            "url": arrival.mdn_url,
            "mdn_message_id": self.message_id,
            "original_message_id": self.report.original_message_id or "",
            "as2_from": self.report.as2_from,
            "as2_to": self.report.as2_to,
            "disposition": str(self.report.disposition),
            "positive": self.report.disposition.positive,
            "signed": self.signed_with is not None,
            "signer": self.signed_with.certificate.fingerprint if self.signed_with else "",
            "mic": str(self.report.mic or ""),
            "text": self.report.text,
            "headers": [list(pair) for pair in self.built.headers],
        }


def draft(arrival: Arrival, asked: MDNRequest, facts: Facts, error: AS2Error | None) -> Draft:
    """Build the MDN that was asked for. It is signed if that was asked for, whatever it says."""
    organization = arrival.connection.organization
    key = signing_key_for(arrival.connection, arrival.now) if asked.signed else None
    report = replace(_report(arrival.request, facts, error), quirks=arrival.policy.quirks)
    if facts.mic and asked.failure_optional:
        # Another digest than those listed is never taken silently (MIC-06).
        other = f"the MIC is in {facts.mic.algorithm}"
        report = _with_words(report, f"No requested MIC algorithm is supported; {other}.")
    if asked.signed and key is None:
        # A lesser MDN that says why is better than none (MDN-15).
        logger.error("%s has no key pair that signs: an MDN goes unsigned", organization)
        report = _with_words(report, "No signature could be made, since no key is configured.")
    stamp = Stamp(new_message_id(organization), arrival.now)
    report = replace(report, features=announced_features(arrival.connection))
    digest = _digest(asked, facts, arrival.policy)
    report = replace(report, signature_spelling=asked.spelling_of(digest))
    built = engine_for(arrival.connection).compose_mdn(report, stamp, key, digest)
    return Draft(built, report, stamp.message_id, key)


def answer_unknown(request: AS2Request) -> Reply:
    """Answer names that no connection has: an unsigned MDN, which proves nothing (HDR-09)."""
    error: AS2Error = UnexpectedProcessingError("unknown names")
    if request.as2_from == request.as2_to:
        error = SenderEqualsReceiver("it is from and to the same name")
    report = _with_words(
        _report(request, Facts(), error),
        "The AS2 names of the message are not configured here. Please check AS2-From and AS2-To.",
    )
    stamp = Stamp(new_message_id(None), timezone.now())
    engine = get_engine(settings.AS2_ENGINE)
    built = engine.compose_mdn(report, stamp, None, DigestAlgorithm.SHA256)
    return Reply(headers=built.headers, body=built.body)


def stored_reply(mdn: MDN) -> Reply:
    """Give the MDN again that a message got before, byte for byte (REL-07)."""
    return Reply(headers=_headers(mdn), body=b"".join(get_store().chunks(mdn.body_key)))


def post_mdn(mdn_pk: int) -> None:
    """Try once to post an async MDN that is due. Safe to run twice.

    A crash after the POST posts the same bytes again, which is legal (threats RC14).
    """
    mdn = MDN.objects.filter(pk=mdn_pk, direction=Direction.OUTBOUND).first()
    lease = dt.timedelta(seconds=settings.AS2_SEND_LEASE)
    if mdn is None or mdn.message is None or not mdn.claim(timezone.now(), lease):
        return
    connection = mdn.message.connection
    if not may_be_called(mdn.url, connection):
        text = (
            f"The MDN was to go to {mdn.url}, which is not a host of this connection any more. "
            "Add the host to “hosts for async MDNs”; the partner will ask again by a resend."
        )
        _give_up(mdn, text)
        return
    attempt = Attempt(mdn=mdn, number=mdn.attempts, url=mdn.url, started_at=timezone.now())
    try:
        answer = _post(mdn, connection)
    except TransportError as error:
        _note_fault(attempt, error)
        _try_later(mdn, attempt, error.text, None)
    except OSError as error:
        # Our own disk: the partner was not asked.
        _wait_for_store(mdn, error)
    else:
        _note_answer(attempt, answer)
        _settle(mdn, attempt, answer)
    failpoints.hit("mdn.recorded")


def _wait_for_store(mdn: MDN, error: OSError) -> None:
    text = f"The MDN cannot be read from the store: {error}. See to its disk."
    logger.error("%s: MDN %s cannot be read: %s", mdn.original_message_id, mdn.pk, error)
    now = timezone.now()
    if now - mdn.asked_at > _GIVE_UP_AFTER:
        _give_up(mdn, text)
    else:
        mdn.settle(due_at=now + _FIRST_GAP, failure_text=text)


def _post(mdn: MDN, connection: Connection) -> Answer:
    store = get_store()
    failpoints.hit("mdn.post")
    options = post_options(connection, timezone.now())
    length = store.size(mdn.body_key)
    return transport.post(mdn.url, _headers(mdn), store.chunks(mdn.body_key), length, options)


def _settle(mdn: MDN, attempt: Attempt, answer: Answer) -> None:
    text = f"the partner answered {answer.status}"
    if 200 <= answer.status < 300:  # noqa: PLR2004  any 2xx is success (MDN-21)
        _finish(mdn, attempt)
    elif answer.status >= 500 or answer.status in _LATER:  # noqa: PLR2004  theirs, and temporary
        asked = backoff.retry_after(answer.headers.get("Retry-After"), timezone.now())
        _try_later(mdn, attempt, text, asked)
    else:
        attempt.save()
        _give_up(mdn, _advice(mdn, text))


def _finish(mdn: MDN, attempt: Attempt) -> None:
    attempt.save()
    text = f"The MDN was taken by {mdn.url}."
    _end(mdn, Tag.MDN_OUTBOUND_SENT, text, {"state": MDNState.SENT, "failure_text": ""})
    logger.info("%s: MDN posted to %s", mdn.original_message_id, mdn.url)


def _try_later(mdn: MDN, attempt: Attempt, text: str, asked: dt.timedelta | None) -> None:
    attempt.save()
    now = timezone.now()
    if now - mdn.asked_at > _GIVE_UP_AFTER:
        _give_up(mdn, _advice(mdn, f"{text}, {mdn.tries} times in {_GIVE_UP_AFTER.days} days"))
        return
    gap = backoff.gap(_FIRST_GAP, mdn.tries, asked)
    mdn.settle(due_at=now + gap, failure_text=f"Not delivered yet: {text}. It is tried again.")
    logger.warning("%s: MDN not posted, again in %s: %s", mdn.original_message_id, gap, text)


def _give_up(mdn: MDN, text: str) -> None:
    _end(mdn, Tag.MDN_OUTBOUND_FAILED, text, {"state": MDNState.FAILED, "failure_text": text})
    logger.error("%s: MDN given up: %s", mdn.original_message_id, text)


def _end(mdn: MDN, tag: Tag, text: str, changes: dict[str, Any]) -> None:
    """Write that it will not be posted any more, unless the lease was lost over it."""
    with transaction.atomic():
        if mdn.settle(**changes, due_at=None, finished_at=timezone.now()):
            record(tag, Subject.of(mdn.message or mdn), text)


def _advice(mdn: MDN, text: str) -> str:
    return (
        f"The MDN could not be delivered to {mdn.url}: {text}. The message itself stays as it is. "
        "Ask the partner to check that URL; when they resend the message, the MDN goes out again."
    )


def _note_fault(attempt: Attempt, error: TransportError) -> None:
    attempt.error_class, attempt.error_text = error.error_class, error.text
    _note_connection(attempt, error.facts)


def _note_answer(attempt: Attempt, answer: Answer) -> None:
    attempt.http_status = answer.status
    _note_connection(attempt, answer.facts)


def _note_connection(attempt: Attempt, facts: transport.Facts) -> None:
    attempt.ended_at = timezone.now()
    attempt.peer = facts.peer
    attempt.tls_version, attempt.tls_suite = facts.tls_version, facts.tls_suite
    attempt.tls_fingerprint = facts.tls_fingerprint


def _headers(mdn: MDN) -> Headers:
    return Headers(tuple((str(name), str(value)) for name, value in mdn.headers))


def _report(request: AS2Request, facts: Facts, error: AS2Error | None) -> MDNReport:
    asked, mic = request.mdn, facts.mic
    as_spelt = asked.spelling if asked and mic and mic.algorithm is asked.digest else None
    return MDNReport(
        as2_from=request.as2_to,
        as2_to=request.as2_from,
        original_message_id=request.message_id,
        final_recipient=request.as2_to,
        disposition=Disposition.for_error(error),
        mic=mic,
        mic_spelling=as_spelt,
        text=error.explanation if error else "",
        reporting_ua=_PRODUCT,
        from_field=request.to_field,
        to_field=request.from_field,
        original_subject=request.subject,
    )


def _with_words(report: MDNReport, words: str) -> MDNReport:
    return replace(report, text=f"{report.text} {words}".strip())


def _digest(asked: MDNRequest, facts: Facts, policy: InboundPolicy) -> DigestAlgorithm:
    """First listed digest that the connection allows, else the message's own (MDN-14, HDR-24).

    Where the sender lists none that may sign here, the MDN is signed all the same (REQ-07).
    """
    allowed = policy.digests & SUPPORTED_DIGESTS
    of_message = next((layer.digest for layer in facts.layers if layer.digest in allowed), None)
    return asked.signing_digest(allowed) or of_message or policy.default_digest
