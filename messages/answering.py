"""Answering: our MDNs, made once and stored, for all the times that they are sent (RFC 4130 §7)."""

import logging
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
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
from messages.arrivals import Arrival
from messages.message_ids import new_message_id
from messages.models import MDN, Direction, MDNState
from messages.replies import Reply
from messages.store import get_store
from partners.policies import announced_features, engine_for, signing_key_for

logger = logging.getLogger(__name__)

#: Names the software in Reporting-UA (MDN-05).
_PRODUCT = "as2gateway"


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
    return Reply(headers=headers_of(mdn), body=b"".join(get_store().chunks(mdn.body_key)))


def headers_of(mdn: MDN) -> Headers:
    """The header fields of a stored MDN."""
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
