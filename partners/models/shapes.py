"""Shapes: how a connection's messages are built, for an engine to say whether it can."""

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm, KeyTransport
from as2gateway.policy import OutboundPolicy

if TYPE_CHECKING:
    from partners.models.connections import Connection

Word = TypeVar("Word", bound=StrEnum)


def shape_of(connection: "Connection") -> OutboundPolicy:
    """Return the policy without keys; a word that is no choice counts as none. QuirkError."""
    return OutboundPolicy(
        as2_from="",
        as2_to=connection.as2_id,
        sign=_known(DigestAlgorithm, connection.sign),
        encrypt=_known(CipherAlgorithm, connection.encrypt),
        compress=_known(Compression, connection.compress) or Compression.NONE,
        key_transport=_known(KeyTransport, connection.key_transport) or KeyTransport.RSA_V15,
        quirks=connection.needs,
    )


def _known(words: type[Word], word: str) -> Word | None:
    return next((each for each in words if each == word), None)
