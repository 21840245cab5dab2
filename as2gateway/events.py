"""What a receiver tells while it reads a message, and its verdict at the end.

Payload appears before its signature has been checked, hence the name ``UnverifiedPayload``: it goes
to quarantine, and only ``Accepted`` moves it from there.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm, KeyTransport
from as2gateway.attachments import Attachment
from as2gateway.errors import AS2Error
from as2gateway.mic import MIC


class LayerKind(StrEnum):
    """What may be wrapped around a payload."""

    SIGNED = "signed"
    ENVELOPED = "enveloped"
    COMPRESSED = "compressed"


#: its members by themselves: to ask the class for one takes as long as ten attributes do
SIGNED, ENVELOPED, COMPRESSED = LayerKind


# A named tuple, and so is ``Facts``: it costs a fraction of what a frozen dataclass does.
class LayerFacts(NamedTuple):
    """One layer that was peeled off, outermost first; what does not apply is None."""

    kind: LayerKind
    digest: DigestAlgorithm | None = None
    cipher: CipherAlgorithm | None = None
    key_transport: KeyTransport | None = None
    #: SHA-256 fingerprint (lower-case hex) of the certificate that verified or decrypted it
    certificate: str | None = None
    #: SHA-256 (lower-case hex) of the wrapped content key, which no honest sender repeats
    wrapped_key: str | None = None


class Canonical(StrEnum):
    """Which octets a signature is checked over: as received, or one bounded fallback (MIME-17)."""

    RAW = "raw"
    HEADERS_CRLF = "headers-crlf"
    ALL_CRLF = "all-crlf"
    PLUS_CRLF = "plus-crlf"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read the octets; a verdict may ask for a second reading of the same stored request."""

    #: digests to run over signed content; empty = those that its ``micalg`` announces
    digests: frozenset[DigestAlgorithm] = frozenset()
    canonical: Canonical = Canonical.RAW


#: Readings of one message at the most: each form of its line ends, and two digests more than its
#: ``micalg`` announces; every one costs as much as the first.
MOST_READINGS = len(Canonical) + 2


class Facts(NamedTuple):
    """What was found out about a message, also about one that is refused."""

    layers: tuple[LayerFacts, ...] = ()
    mic: MIC | None = None
    content_type: str = ""
    #: as the sender wrote it: hostile until made safe
    filename: str = ""
    #: parts of a multipart payload, which are delivered one by one; empty: it is one document
    attachments: tuple[Attachment, ...] = ()
    #: things tolerated, in words for the operator
    notes: tuple[str, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether a verified signature covers the payload."""
        return self._has(SIGNED)

    @property
    def encrypted(self) -> bool:
        """Whether the payload came encrypted."""
        return self._has(ENVELOPED)

    @property
    def compressed(self) -> bool:
        """Whether the payload came compressed."""
        return self._has(COMPRESSED)

    def _has(self, kind: LayerKind) -> bool:
        return kind in [layer.kind for layer in self.layers]


@dataclass(frozen=True, slots=True)
class UnverifiedPayload:
    """Some bytes of the payload, in order; nobody may act on them yet."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """All that the policy asks for holds over exactly the bytes that were handed out."""

    facts: Facts


@dataclass(frozen=True, slots=True)
class Rejected:
    """The payload handed out so far is to be destroyed."""

    error: AS2Error
    facts: Facts
    #: another reading of the same octets may succeed (other digest, other line ends)
    second_reading: Reading | None = None


Verdict = Accepted | Rejected
