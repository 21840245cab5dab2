"""Wire: the octets of an outbound message, built once and kept.

Every attempt sends the same body and header fields, hence the same Message-ID and Date (RFC 4130
§5.5, conformance REL-01). So what was built stays as it is when settings or certificates change;
an operator who wants it otherwise sends the payload as a new message (threats SD13).
"""

import datetime as dt
from collections.abc import Iterable

from as2gateway.algorithms import Compression
from as2gateway.engine import Stamp
from as2gateway.policy import OutboundPolicy, PayloadInfo
from messages import failpoints
from messages.claims import Claim, LeaseLost
from messages.models import Message
from messages.store import Kind, get_store
from partners.policies import engine_for, outbound_policy, snapshot


def build(claim: Claim, now: dt.datetime) -> None:
    """Build the message that was claimed, unless that has been done; the row then names the file.

    Raises PolicyError if a key or certificate is missing, ValueError if the message cannot be made
    by its policy, OSError for the disk, LeaseLost if the message is no longer ours.
    """
    message = claim.message
    if message.wire_key:
        return
    store = get_store()
    policy = outbound_policy(message.connection, now)
    key, changes = _compose(message, policy, claim.keep(store.chunks(message.payload_key)), now)
    failpoints.hit("tx.built")
    if not message.settle(**changes):
        store.delete(key)
        raise LeaseLost(f"{message} was built by another worker")


def _compose(
    message: Message, policy: OutboundPolicy, payload: Iterable[bytes], now: dt.datetime
) -> tuple[str, dict[str, object]]:
    """Write the body into the store; its key, and what the row is to say of it."""
    info = PayloadInfo(message.payload_size or 0, message.content_type, message.filename)
    stamp = Stamp(message.message_id, now, message.subject)
    composition = engine_for(message.connection).compose(payload, info, policy, stamp)
    with get_store().writer(Kind.WIRE) as writer:
        for chunk in composition:
            writer.write(chunk)
        writer.commit()
    return writer.key, {
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
    }
