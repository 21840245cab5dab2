"""MDNs that come in, in the answer to our POST or by a POST of the partner's: RFC 4130 section 7.

An MDN is kept as it came, whatever it proves. Only one that proves what it says about a message of
ours settles that message, once (threats R25, R26): so it may come before our own POST has returned,
late, twice, or never (MDR-16, MDR-17).
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from as2gateway import mic
from as2gateway.certificates import Certificate
from as2gateway.disposition import Disposition, DispositionType
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    IntegrityCheckFailed,
    MalformedMDN,
)
from as2gateway.headers import Headers
from as2gateway.mdn import (
    Expected,
    UnverifiedMDN,
    is_layer,
    is_mdn_inside,
    read_mdn,
    same_message_id,
    verify_mdn,
)
from as2gateway.policy import InboundPolicy
from audit.addresses import plain
from audit.inserting import insert
from audit.recording import Subject, record
from audit.tags import Tag
from audit.texts import storable
from messages import returned_mics, settlement, unmatched
from messages.literals import Literal
from messages.models import MDN, Attempt, Direction, MDNState, Message
from messages.store import Kind, get_store
from messages.wrapped_keys import Sightings
from partners.models import Connection
from partners.policies import allowed_digests, inbound_policy, limits, verify_certificates
from partners.remembered import rows

logger = logging.getLogger(__name__)

_TAGS = {
    MDNState.VERIFIED: Tag.MDN_INBOUND_VERIFIED,
    MDNState.REFUSED: Tag.MDN_INBOUND_REFUSED,
    MDNState.UNMATCHED: Tag.MDN_INBOUND_UNMATCHED,
}
#: What verification is asked about first: whose it is, whatever it says. It looks at the MIC of a
#: positive MDN, and a wrong MIC from the right signer must be told from a wrong signer (MIC-13).
_WHATEVER = Disposition(DispositionType.FAILED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an MDN proves. ``refused``: it comes from the partner, but does not fit our message."""

    state: MDNState
    #: why it proves nothing; empty if verified, or what was forgiven then
    text: str = ""
    signer: str = ""
    mic_matched: bool | None = None


@dataclass(slots=True)
class Post:
    """The POST of ours that an MDN answers."""

    message: Message
    #: writes down that it has ended, within the transaction in which the message is settled
    end: Callable[[], None]
    #: whether the MDN has settled the message, or one before it had
    decided: bool = False


def take_mdn(
    headers: Headers,
    body: bytes,
    address: str | None,
    post: Post | None = None,
    connection: Connection | None = None,
) -> MDN:
    """Keep an MDN, and settle the message that it is for if it proves anything.

    ``post`` is what it answers; None if the partner posted it by itself, on ``connection``. Nothing
    that a partner sends makes this raise.
    """
    with rows.held():
        return _take(headers, body, address, post, post.message.connection if post else connection)


def _take(
    headers: Headers,
    body: bytes,
    address: str | None,
    post: Post | None,
    connection: Connection | None,
) -> MDN:
    columns = _arrived(headers, address)
    try:
        mdn = read(headers, body, connection)
    except MalformedMDN as error:
        verdict = Verdict(MDNState.UNMATCHED, f"it cannot be read: {error.reason}")
        return _keep(body, verdict, {**columns, "message": post.message if post else None})
    columns |= _read_columns(mdn)
    message = post.message if post else find_message(mdn.original_message_id)
    if message is None:
        verdict = Verdict(MDNState.UNMATCHED, "no message of ours has the id that it names.")
        return _keep(body, verdict, columns)
    verdict = judge(mdn, message, timezone.now())
    return _keep(body, verdict, {**columns, "message": message}, mdn, post)


def read(headers: Headers, body: bytes, connection: Connection | None) -> UnverifiedMDN:
    """Read an MDN, also inside layers that the connection's keys open (MDR-18).

    Raises MalformedMDN.
    """
    if connection is None or not is_layer(headers):
        return read_mdn(headers, body, limits())
    with _policy(body, connection) as policy:
        return read_mdn(headers, body, limits(), policy)


def is_inside(headers: Headers, body: bytes, connection: Connection) -> bool:
    """Whether it is an MDN that is inside the layers of a message."""
    with _policy(body, connection) as policy:
        return is_mdn_inside(headers, body, limits(), policy)


def is_about_ours(headers: Headers, body: bytes) -> bool:
    """Whether it is an MDN that names a message of ours; nothing of it is proved."""
    try:
        mdn = read_mdn(headers, body, limits())
    except MalformedMDN:
        return False
    return find_message(mdn.original_message_id) is not None


@contextmanager
def _policy(body: bytes, connection: Connection) -> Iterator[InboundPolicy]:
    """Give the keys for what is encrypted; a content key may not come again (threats R14)."""
    now = timezone.now()
    keys = Sightings(hashlib.sha256(body).hexdigest(), now)
    yield replace(inbound_policy(connection, now), wrapped_key_seen=keys.seen_elsewhere)
    keys.check()


def keep_as_information(
    headers: Headers, body: bytes, address: str | None, message: Message
) -> MDN:
    """Keep an MDN that came with an error status: it settles nothing (SND-08)."""
    columns = _arrived(headers, address)
    try:
        columns |= _read_columns(read(headers, body, message.connection))
    except MalformedMDN as error:
        logger.info("%s: an MDN with an error status: %s", message.message_id, error.reason)
    verdict = Verdict(MDNState.UNMATCHED, "it came with an HTTP status that says error.")
    return _keep(body, verdict, {**columns, "message": message})


def find_message(original_message_id: str | None) -> Message | None:
    """Find a message of ours by its id, with brackets or without (MDR-09)."""
    bare = (original_message_id or "").strip().removeprefix("<").removesuffix(">").strip()
    if not bare or "\0" in bare:
        return None
    ours = Message.objects.filter(direction=Literal(Direction.OUTBOUND.value)).order_by()
    rows = ours.select_related("connection__organization", "connection__partner")
    named = [f"<{bare}>", bare]
    found = next(iter(rows.filter(message_id__in=named)[:1]), None)
    # Some messages have had a name of its own for each attempt. Which ones have, the index says.
    renamed = Attempt.objects.exclude(sent_as=Literal("")).filter(sent_as__in=named)
    return found or rows.filter(pk__in=renamed.values("message")).first()


def judge(mdn: UnverifiedMDN, message: Message, now: dt.datetime) -> Verdict:
    """Say what an MDN proves about a message."""
    try:
        signer = _identify(mdn, message, now)
    except AS2Error as error:
        # Whatever cannot be verified changes nothing (threats R25).
        return Verdict(MDNState.UNMATCHED, error.reason)
    matched: bool | None = None
    if mdn.mic is not None:
        if settlement.is_acceptance(mdn.disposition, message):
            returned_mics.take_again(message, mdn.mic.algorithm)
        matched = message.kept_mics.get(mdn.mic.algorithm) == mdn.mic.digest
    try:
        _check_mic(mdn, message, signer)
    except IntegrityCheckFailed as error:
        words = returned_mics.forgive(message, mdn.mic)
        state = MDNState.VERIFIED if words else MDNState.REFUSED
        return Verdict(state, words or error.reason, signer, mic_matched=False)
    return Verdict(MDNState.VERIFIED, _forgiven(mdn, message), signer, matched)


def _identify(mdn: UnverifiedMDN, message: Message, now: dt.datetime) -> str:
    """Verify whose MDN it is, and that it is for this message; the signer's fingerprint.

    Each certificate is tried by itself, so that it is known which one it was.
    """
    anybody = replace(mdn, disposition=_WHATEVER)
    certificates = verify_certificates(message.connection, now)
    fault: AS2Error | None = None
    for certificate in certificates if mdn.signed else ():
        try:
            verify_mdn(anybody, _expected_of(mdn, message, (certificate,)))
        except (AuthenticationFailed, IntegrityCheckFailed) as error:
            fault = fault or error
        else:
            return certificate.fingerprint
    if fault is not None:
        raise fault
    # Unsigned, or no certificate to check it with: whether that will do is for the core to say.
    verify_mdn(anybody, _expected_of(mdn, message, ()))
    return ""


def _expected_of(
    mdn: UnverifiedMDN, message: Message, certificates: tuple[Certificate, ...]
) -> Expected:
    """The same for an MDN that may be about an earlier attempt, which had an id of its own."""
    due = expected(message, certificates)
    if due.quirks.new_message_id:
        earlier = message.attempt_rows.exclude(sent_as="").values_list("sent_as", flat=True)
        reported = mdn.original_message_id or ""
        same = next((each for each in earlier if same_message_id(each, reported)), due.message_id)
        due = replace(due, message_id=same)
    return due


def expected(message: Message, certificates: tuple[Certificate, ...]) -> Expected:
    """What the MDN for a message of ours must be, if it is signed by one of these."""
    return Expected(
        message_id=message.message_id,
        as2_from=message.as2_from,
        as2_to=message.as2_to,
        mics=message.kept_mics,
        signed=message.mdn_signed,
        certificates=certificates,
        allowed=allowed_digests(message.connection),
        require_signed_attributes=message.connection.require_signed_attributes,
        limits=limits(),
        quirks=message.connection.needs,
    )


def _forgiven(mdn: UnverifiedMDN, message: Message) -> str:
    """Say what an MDN is taken for in spite of, by the connection's quirks (MDR-13, MDR-15)."""
    words = []
    if message.mdn_signed and not mdn.signed:
        words.append(
            "The MDN is not signed, which is taken for delivery on this connection. It proves "
            "nothing to anybody else."
        )
    if mdn.as2_from and (mdn.as2_from, mdn.as2_to) != (message.as2_to, message.as2_from):
        words.append(
            f"The MDN is from {mdn.as2_from[:200]!r} to {mdn.as2_to[:200]!r}, other names than the "
            "message's, which is forgiven for this connection as it is signed."
        )
    return " ".join(words)


def _check_mic(mdn: UnverifiedMDN, message: Message, signer: str) -> None:
    """Raise IntegrityCheckFailed if a positive MDN is not about the octets that we sent."""
    if not settlement.is_acceptance(mdn.disposition, message):
        return
    if mdn.mic_fault:
        raise IntegrityCheckFailed(mdn.mic_fault)
    repetition = settlement.is_notice_of_repetition(mdn.disposition, message)
    if mdn.mic is None and (repetition or not signer):
        # An unsigned MDN need not carry one (RFC 4130 §7.4.3). A notice that our repeated POST was
        # a duplicate is made before any digest is, by OpenAS2 for one (threats R26).
        return
    mic.verify_returned(message.kept_mics, mdn.mic)


def _keep(
    body: bytes,
    verdict: Verdict,
    columns: dict[str, Any],
    mdn: UnverifiedMDN | None = None,
    post: Post | None = None,
) -> MDN:
    """Store an MDN with its verdict and let it settle its message, in one transaction."""
    row = MDN(
        direction=Direction.INBOUND,
        state=verdict.state,
        signer=verdict.signer,
        mic_matched=verdict.mic_matched,
        failure_text=storable(verdict.text),
        finished_at=timezone.now(),
        **columns,
    )
    if verdict.state == MDNState.UNMATCHED and unmatched.are_too_many(timezone.now()):
        logger.warning("an MDN that matches nothing was not kept: too many within the hour")
        return row
    with get_store().writer(Kind.MDN) as writer:
        writer.write(body)
        writer.commit()
    row.body_key = writer.key
    with transaction.atomic():
        insert(row)
        text = row.failure_text or f"{row.disposition} for {row.original_message_id}"
        record(_TAGS[verdict.state], Subject.of(row), text, address=row.address)
        decided = mdn is not None and settlement.by_mdn(row, mdn.disposition)
        if post is not None and decided:
            post.decided = True
            post.end()
    return row


def _arrived(headers: Headers, address: str | None) -> dict[str, Any]:
    fields = [[storable(name), storable(value)] for name, value in headers]
    return {"address": plain(address or ""), "headers": fields}


def _read_columns(mdn: UnverifiedMDN) -> dict[str, Any]:
    return {
        "original_message_id": storable(mdn.original_message_id or "", 998),
        "as2_from": storable(mdn.as2_from, 128),
        "as2_to": storable(mdn.as2_to, 128),
        "disposition": storable(mdn.disposition.modified_type, 500),
        "positive": mdn.disposition.positive,
        "signed": mdn.signed,
        "mic": str(mdn.mic or "")[:200],
        "text": storable("\n".join([mdn.text, *mdn.details]).strip())[:10_000],
    }
