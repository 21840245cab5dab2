"""Exchanging certificates by messages (CEM): what is asked, by them or by us, and what is decided.

Nothing is trusted by itself, unless a connection says so (``accept_certificates``). A partner's
request becomes offers that wait for an operator; what is accepted is planned like any other new
certificate (``partners.rollover``), from that moment on, so that it counts beside the old one at
once (CEM-04). The messages are read and sent elsewhere: rows here say what is to be sent, and
``messages`` finds them.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Iterable, Iterator

from django.db import transaction
from django.db.models import QuerySet

from as2gateway import cem
from as2gateway.cem import CertificateReference, Status, TrustRequest, TrustResponse, Usage
from as2gateway.errors import (
    AuthenticationFailed,
    InsufficientMessageSecurity,
    UnusableExchange,
)
from audit.recording import Subject, record
from audit.tags import Tag
from partners.importing import KeyFileError, check_certificate
from partners.models import (
    CertificateAnnouncement,
    CertificateOffer,
    CertificateRequest,
    Confirmation,
    Connection,
    OfferState,
    RolloverState,
    in_use,
)
from partners.models.choices import NONE
from partners.noticing.exchanges import note_request, note_response
from partners.policies import engine_name
from partners.rollover.confirming import acknowledge, tell
from partners.rollover.dates import PlanError, earliest_start
from partners.rollover.planning import Successor, plan_partner, replaced
from partners.rollover.recording import By, insert, note

logger = logging.getLogger(__name__)

_STATUS = {Status.ACCEPTED: OfferState.ACCEPTED, Status.REJECTED: OfferState.REJECTED}
_TLS = frozenset({Usage.TLS_SERVER, Usage.TLS_CLIENT})


# --- what a partner sends ------------------------------------------------------------------------


def check(
    connection: Connection, exchange: cem.Exchange, signers: Collection[str], now: dt.datetime
) -> None:
    """Raise AS2Error unless an exchange message comes from the connection's partner, proven.

    ``signers`` are the fingerprints of the certificates that verified its signatures. It must be
    one that is in use: also where the connection takes unsigned messages, and not one that is only
    to be used later (CEM-04). A response must answer a request of ours (CEM-03).
    """
    if not signers:
        raise InsufficientMessageSecurity("the certificate exchange message is not signed")
    verifying = [row for row in connection.certificates.all() if row.verifies]
    if not {row.fingerprint for row in in_use(verifying, now)} & set(signers):
        raise AuthenticationFailed(
            "the certificate exchange message is not signed by a certificate that is in use now"
        )
    if exchange.sender != connection.as2_id:
        raise UnusableExchange(
            f"it names {exchange.sender[:100]!r} as its sender, and AS2-From is another"
        )
    if isinstance(exchange, cem.Response):
        _match(connection, exchange)
    else:
        _check_new(connection, exchange)


def take(connection: Connection, exchange: cem.Exchange, message_id: str, now: dt.datetime) -> None:
    """Keep what an exchange message says. Call it in the transaction that accepts the message."""
    if isinstance(exchange, cem.Request):
        _take_request(connection, exchange, message_id, now)
    else:
        _take_response(connection, exchange, now)


def _check_new(connection: Connection, request: cem.Request) -> None:
    known = _find_request(connection, request.request_id)
    if known is None:
        return
    asked = {each.certificate.fingerprint for each in request.trust_requests}
    if asked != {offer.fingerprint for offer in known.offers.all()}:
        raise UnusableExchange(
            f"request {request.request_id!r:.100} came before, for other certificates"
        )


def _find_request(connection: Connection, request_id: str) -> CertificateRequest | None:
    return CertificateRequest.objects.filter(connection=connection, request_id=request_id).first()


def _take_request(
    connection: Connection, request: cem.Request, message_id: str, now: dt.datetime
) -> None:
    if _find_request(connection, request.request_id) is not None:
        return  # it came again: what was decided stands
    dates = [each.respond_by for each in request.trust_requests if each.respond_by is not None]
    row = CertificateRequest.objects.create(
        connection=connection,
        request_id=request.request_id,
        message_id=message_id,
        respond_by=min(dates, default=None),
        received_at=now,
    )
    for offer in _offers(row, request.trust_requests):
        offer.save()
        text = f"{connection}: the partner asks to trust {offer.subject}."
        facts = {"fingerprint": offer.fingerprint, "request": row.request_id}
        record(Tag.CERTIFICATE_OFFER_RECEIVED, Subject.of(offer), text, data=facts)
    if connection.accept_certificates:
        _accept_all(row, now)
    note_request(row, now)


def _accept_all(row: CertificateRequest, now: dt.datetime) -> None:
    """Accept what can be; what cannot waits for an operator, as everything does elsewhere."""
    for offer in row.offers.all():
        try:
            accept(offer, now, By("certificate exchange"))
        except PlanError as error:
            logger.warning("%s: %s was not accepted by itself: %s", row.connection, offer, error)


def _offers(row: CertificateRequest, asked: Iterable[TrustRequest]) -> Iterator[CertificateOffer]:
    """One offer for each certificate, which may be asked for use by use."""
    usages: dict[str, set[Usage]] = {}
    first: dict[str, TrustRequest] = {}
    for each in asked:
        fingerprint = each.certificate.fingerprint
        first.setdefault(fingerprint, each)
        usages.setdefault(fingerprint, set()).update(each.usages)
    for fingerprint, each in first.items():
        uses = usages[fingerprint]
        yield CertificateOffer(
            request=row,
            certificate=each.certificate.der,
            fingerprint=fingerprint,
            subject=each.certificate.subject[:500],
            issuer_name=each.reference.issuer_name,
            serial_number=each.reference.serial_number,
            verifies=Usage.SIGNATURE in uses,
            encrypts=Usage.ENCRYPTION in uses,
            tls=bool(_TLS & uses),
        )


def _match(connection: Connection, response: cem.Response) -> CertificateAnnouncement:
    """Find what a response answers. Raises UnusableExchange."""
    row = CertificateAnnouncement.objects.filter(
        request_id=response.request_id, confirmation__connection=connection
    ).first()
    if row is None:
        raise UnusableExchange(f"it answers {response.request_id!r:.100}, which we did not ask")
    new = row.confirmation.rollover.new.value
    if not all(each.reference.means(new) for each in response.trust_responses):
        raise UnusableExchange("it answers for another certificate than we asked for")
    return row


def _take_response(connection: Connection, response: cem.Response, now: dt.datetime) -> None:
    row = _match(connection, response)
    refused = [each for each in response.trust_responses if each.status is Status.REJECTED]
    answer = _STATUS[Status.REJECTED if refused else Status.ACCEPTED]
    reason = " ".join(each.reason for each in refused)[:500]
    rows = CertificateAnnouncement.objects.filter(pk=row.pk)
    # A partner who refuses, and has it after all, may say so later; what it accepted it has.
    if (
        rows.exclude(answer=OfferState.ACCEPTED).update(
            answer=answer, reason=reason, answered_at=now
        )
        == 0
    ):
        return
    if answer == OfferState.ACCEPTED:
        tell(row.confirmation, now, By())
        acknowledge(row.confirmation, now, By("certificate exchange"))
        return
    text = f"{connection}: the partner refuses the new certificate: {reason or 'without a reason'}."
    facts = {"connection": connection.pk}
    note(Tag.ROLLOVER_CERTIFICATE_REFUSED, row.confirmation.rollover, text, By(), facts)
    note_response(row, reason, now)


# --- what we say to it ---------------------------------------------------------------------------


def accept(offer: CertificateOffer, now: dt.datetime, by: By) -> None:
    """Trust what a partner offers, from now on and beside what is trusted; PlanError if not so."""
    connection = offer.request.connection
    check_sends(connection)
    new = offer.value
    if new.not_after <= now:
        raise PlanError(f"It has expired on {new.not_after:%Y-%m-%d}: reject it.")
    try:
        check_certificate(new, now)
    except KeyFileError as error:
        raise PlanError(f"It is not fit for use, {error}: reject it.") from error
    successor = Successor(new, offer.verifies, offer.encrypts, offer.tls)
    with transaction.atomic():
        _decide(offer, OfferState.ACCEPTED, "", now, by)
        if not _has(connection, successor):
            _add(connection, successor, now, by)


def reject(offer: CertificateOffer, reason: str, now: dt.datetime, by: By) -> None:
    """Refuse what a partner offers; it is told why. PlanError if that is decided already."""
    check_sends(offer.request.connection)
    with transaction.atomic():
        _decide(offer, OfferState.REJECTED, " ".join(reason.split())[:500], now, by)


def check_sends(connection: Connection) -> None:
    """Raise PlanError for a connection that could not send an exchange message."""
    if not connection.certificate_exchange:
        raise PlanError(f"{connection} has certificate exchange messages switched off.")
    if engine_name(connection) != "native":
        raise PlanError(f"{connection} works by another engine than native, which is needed here.")
    if connection.sign == NONE:
        raise PlanError(
            f"{connection} does not sign what it sends, and certificate exchange messages must be "
            "signed: choose a digest to sign with first."
        )


def _decide(
    offer: CertificateOffer, state: OfferState, reason: str, now: dt.datetime, by: By
) -> None:
    pending = CertificateOffer.objects.filter(pk=offer.pk, state=OfferState.PENDING)
    changes = {"state": state, "reason": reason, "decided_by": by.actor, "decided_at": now}
    if pending.update(**changes) == 0:
        raise PlanError("It is decided already.")
    offer.refresh_from_db()
    accepted = state == OfferState.ACCEPTED
    tag = Tag.CERTIFICATE_OFFER_ACCEPTED if accepted else Tag.CERTIFICATE_OFFER_REJECTED
    text = f"{offer.request.connection}: {offer.subject} was {state}. {reason}".rstrip()
    facts = {"fingerprint": offer.fingerprint, "request": offer.request.request_id}
    record(tag, Subject.of(offer), text, data=facts, actor=by.actor, address=by.address)


def _has(connection: Connection, successor: Successor) -> bool:
    """Whether an operator has put it in by hand meanwhile; PlanError if for less than is asked."""
    row = connection.certificates.filter(fingerprint=successor.certificate.fingerprint).first()
    if row is None:
        return False
    asked = {name for name in ("verifies", "encrypts", "tls") if getattr(successor, name)}
    if not all(getattr(row, name) for name in asked):
        raise PlanError(
            "The connection has this certificate already, for fewer uses. Set them on the "
            "connection's page, then accept it here."
        )
    return True


def _add(connection: Connection, successor: Successor, now: dt.datetime, by: By) -> None:
    start = earliest_start(successor.certificate, now)
    if replaced(connection, successor, now):
        plan_partner([connection], successor, start, now, by)
        return
    uses = {"verifies": successor.verifies, "encrypts": successor.encrypts, "tls": successor.tls}
    row = connection.certificates.model(connection=connection, activates_at=start, **uses)
    row.read_facts(successor.certificate)
    insert(row, by)


def decided() -> QuerySet[CertificateRequest]:
    """Requests whose every offer is decided, and which are not answered yet."""
    pending = CertificateOffer.objects.filter(state=OfferState.PENDING)
    open_ones = CertificateRequest.objects.filter(answered_at__isnull=True)
    return open_ones.exclude(pk__in=pending.values("request")).order_by("pk")


def response_to(row: CertificateRequest) -> cem.Response:
    """Say what was decided, in the partner's own words for its certificates."""
    return cem.Response(
        row.request_id,
        row.connection.organization.as2_id,
        tuple(
            TrustResponse(
                Status.ACCEPTED if offer.state == OfferState.ACCEPTED else Status.REJECTED,
                CertificateReference(offer.issuer_name, offer.serial_number),
                offer.reason,
            )
            for offer in row.offers.all()
        ),
    )


def note_answered(row: CertificateRequest, message_id: str, now: dt.datetime) -> bool:
    """Write down that an answer is on its way; False if another process was faster."""
    open_one = CertificateRequest.objects.filter(pk=row.pk, answered_at__isnull=True)
    if open_one.update(answered_at=now, answer_message_id=message_id) == 0:
        return False
    text = f"{row.connection}: the answer to request {row.request_id} goes out."
    record(Tag.CERTIFICATE_OFFER_ANSWERED, Subject.of(row), text, data={"message": message_id})
    return True


# --- what we ask ---------------------------------------------------------------------------------


def announce(confirmation: Confirmation, now: dt.datetime, by: By) -> CertificateAnnouncement:
    """Ask a partner by a message to trust our next certificate; PlanError if that cannot be.

    It must be signed by the present key, so that it is too late once the next one signs. The
    partner may take its time until then.
    """
    rollover, connection = confirmation.rollover, confirmation.connection
    check_sends(connection)
    if rollover.new_pair is None:
        raise PlanError("This is the partner's own certificate; there is nothing to ask.")
    if rollover.state != RolloverState.PLANNED or rollover.starts_at <= now:
        raise PlanError(
            "The new certificate is in use already, so the partner could not verify the message: "
            "send the certificate by mail."
        )
    if confirmation.acknowledged_at is not None:
        raise PlanError(f"{connection}: the partner has the new certificate.")
    unsent = confirmation.announcements.filter(message_id="", failure_text="")
    if unsent.exists():
        raise PlanError(f"{connection}: a message is about to go out.")
    with transaction.atomic():
        row = CertificateAnnouncement.objects.create(
            confirmation=confirmation,
            request_id=f"{uuid.uuid4().hex}@{connection.organization.as2_id}"[:255],
            respond_by=rollover.starts_at,
            created_by=by.actor,
            created_at=now,
        )
        text = f"{connection}: the partner is asked by a message to trust the new certificate."
        note(Tag.ROLLOVER_CERTIFICATE_ANNOUNCED, rollover, text, by, {"request": row.request_id})
    return row


def unsent() -> QuerySet[CertificateAnnouncement]:
    """Announcements that are to go out."""
    return CertificateAnnouncement.objects.filter(message_id="", failure_text="").order_by("pk")


def request_of(row: CertificateAnnouncement) -> cem.Request:
    """Ask for the certificate of a rollover, for what our key pair does.

    Raises PlanError if the rollover is not one of ours.
    """
    pair, connection = row.confirmation.rollover.new_pair, row.confirmation.connection
    if pair is None:
        raise PlanError("There is no key pair of ours to announce.")
    uses = {Usage.SIGNATURE} if pair.signs else set()
    uses |= {Usage.ENCRYPTION} if pair.decrypts else set()
    new = pair.value
    trust = TrustRequest(new, frozenset(uses), CertificateReference.of(new), row.respond_by)
    return cem.Request(row.request_id, connection.organization.as2_id, (trust,))


def note_sent(row: CertificateAnnouncement, message_id: str) -> bool:
    """Write down which message it is; False if another process was faster."""
    waiting = CertificateAnnouncement.objects.filter(pk=row.pk, message_id="")
    return waiting.update(message_id=message_id) == 1


def note_unsendable(row: CertificateAnnouncement, text: str) -> None:
    """Write down why it cannot be sent; an operator may ask for it again."""
    CertificateAnnouncement.objects.filter(pk=row.pk, message_id="").update(failure_text=text)


def note_delivered(content_type: str, message_id: str, now: dt.datetime) -> None:
    """Count the partner as told, once it has our request for certain; other messages matter not."""
    if not cem.is_exchange(content_type):
        return
    row = CertificateAnnouncement.objects.filter(message_id=message_id).first()
    if row is not None:
        tell(row.confirmation, now, By())
