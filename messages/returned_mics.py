"""Returned MICs that what was kept at sending does not decide (MIC-11, MIC-12).

A partner may answer in a digest that is not kept of large payloads, or take the digest over octets
that its product is known to take it over. Both are seldom, so the payload is read again for them.
"""

import hashlib
import logging
from collections.abc import Iterator
from functools import partial

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.mic import MIC
from as2gateway.mic_variants import matched_variant, mic_again
from as2gateway.policy import OutboundPolicy
from as2gateway.request import SUPPORTED_DIGESTS
from messages.models import Message
from messages.store import get_store
from messages.wire import payload_info
from partners.policies import as_built

logger = logging.getLogger(__name__)


def take_again(message: Message, algorithm: DigestAlgorithm) -> None:
    """See to it that a message's MIC in this digest is among those kept, if it can be taken.

    It is kept from then on: no number of MDNs makes us read a payload more often than there are
    digests.
    """
    kept = message.kept_mics
    if not kept or algorithm in kept or algorithm not in SUPPORTED_DIGESTS:
        return
    try:
        mic = mic_again(_payload(message), payload_info(message), _policy(message), algorithm)
    except (FileNotFoundError, ValueError) as error:
        logger.warning("%s: its MIC cannot be taken in %s: %s", message, algorithm, error)
        return
    message.mics = {**message.mics, algorithm.value: mic.digest.hex()}
    Message.objects.filter(pk=message.pk).update(mics=message.mics)


def forgive(message: Message, returned: MIC | None) -> str:
    """Say of which wrong octets a MIC is, if the message's connection forgives that; else empty."""
    if returned is None or not message.mics or returned.algorithm not in SUPPORTED_DIGESTS:
        return ""
    policy, payload = _policy(message), partial(_payload, message)
    try:
        variant = matched_variant(payload, payload_info(message), policy, returned)
    except (FileNotFoundError, ValueError) as error:
        logger.warning("%s: variants of its MIC cannot be taken: %s", message, error)
        return ""
    if variant is None:
        return ""
    return (
        f"The MIC of the MDN was taken over other octets than it should be ({variant}), which is "
        "forgiven for this connection."
    )


def _policy(message: Message) -> OutboundPolicy:
    return as_built(message.as2_from, message.as2_to, message.settings)


def _payload(message: Message) -> Iterator[bytes]:
    """Read the payload; ValueError at its end if it is not the one that was sent."""
    digest = hashlib.sha256()
    for chunk in get_store().chunks(message.payload_key):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != message.payload_sha256:
        raise ValueError("the stored payload has changed")
