"""Wire: the octets of an outbound message, built once and kept.

Every attempt sends the same body and header fields, hence the same Message-ID and Date (RFC 4130
§5.5, REL-01). So what was built stays as it is when settings or certificates change;
an operator who wants it otherwise sends the payload as a new message (threats SD13).
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from as2gateway.algorithms import Compression
from as2gateway.engine import Stamp
from as2gateway.policy import OutboundPolicy, PayloadInfo
from messages import failpoints, weaknesses
from messages.claims import keep
from messages.message_ids import new_message_id
from messages.models import Message
from messages.store import Kind, get_store
from partners.policies import engine_for, outbound_policy, snapshot
from partners.remembered import rows


def build(message: Message, now: dt.datetime) -> dict[str, object]:
    """Build the message that was claimed; what its row must say of the file before it is sent.

    Empty if that was done before; then the file is seen to be there. For a partner who needs a new
    Message-ID each time it is built anew, and the caller deletes the file of before. Raises
    PolicyError if a key or certificate is missing, ValueError if the message cannot be made by its
    policy or the file has changed, OSError for the disk, LeaseLost if the message is no longer
    ours.
    """
    store = get_store()
    message_id = message.message_id
    if message.wire_key and message.attempts > 1 and message.connection.needs.new_message_id:
        message_id = new_message_id(message.connection.organization)
    elif message.wire_key:
        if store.size(message.wire_key) != message.wire_size:
            raise ValueError(f"the stored file {message.wire_key} has changed its size")
        return {}
    with rows.held():
        policy = outbound_policy(message.connection, now)
    payload = keep(message, store.chunks(message.payload_key))
    changes = _compose(message, policy, payload, Stamp(message_id, now, message.subject))
    failpoints.hit("tx.built")
    return changes


def payload_info(message: Message) -> PayloadInfo:
    """What the core is told of a message's payload."""
    return PayloadInfo(message.payload_size or 0, message.content_type, message.filename)


def _compose(
    message: Message, policy: OutboundPolicy, payload: Iterable[bytes], stamp: Stamp
) -> dict[str, object]:
    """Write the body into the store; what the row is to say of it."""
    info = payload_info(message)
    composition = engine_for(message.connection).compose(payload, info, policy, stamp)
    with get_store().writer(Kind.WIRE) as writer:
        for chunk in composition:
            writer.write(chunk)
        writer.commit()
    return {
        "message_id": stamp.message_id,
        "wire_key": writer.key,
        "wire_size": writer.size,
        "wire_sha256": writer.sha256,
        "headers": [list(pair) for pair in composition.headers],
        "mics": {name.value: digest.hex() for name, digest in composition.mics.items()},
        "signed": policy.sign or "",
        "encrypted": policy.encrypt or "",
        "compressed": policy.compress is not Compression.NONE,
        "mdn_mode": policy.mdn,
        "mdn_signed": policy.mdn_signed,
        "settings": snapshot(message.connection, policy),
        "notes": [*message.notes, *(note for note in _notes(policy) if note not in message.notes)],
    }


def _notes(policy: OutboundPolicy) -> Iterator[str]:
    yield from weaknesses.of_policy(policy)
    to = policy.encrypt_to
    if to is not None and not to.may_encipher:
        yield (
            f"the keyUsage of {to.subject} does not allow to encrypt to it (CMS-35); some products "
            "refuse such a message. “Check key usage” of the connection refuses to send it"
        )
