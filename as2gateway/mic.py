"""Message integrity check (MIC): RFC 4130, sections 7.3.1 and 7.4.3.

Which octets it is taken over is decided where messages are read (``receive``) and made (``send``).
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import IntegrityCheckFailed, MalformedMDN


@dataclass(frozen=True, slots=True)
class MIC:
    """A digest of message content, and the algorithm that made it."""

    digest: bytes
    algorithm: DigestAlgorithm

    @classmethod
    def parse(cls, field: str) -> Self | None:
        """Read ``<base64>, <algorithm>``; None for an empty value.

        If no algorithm is named it is the one that makes digests of that length.
        Blanks inside and missing ``=`` are forgiven (MIC-09). Raises MalformedMDN.
        """
        encoded, _, name = field.partition(",")
        encoded = "".join(encoded.split()).rstrip("=")
        if not encoded:
            return None
        try:
            digest = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
            named = DigestAlgorithm.parse(name) if name.strip() else None
            algorithm = named or DigestAlgorithm.of_size(len(digest))
        except (ValueError, binascii.Error) as error:
            raise MalformedMDN(f"unreadable Received-content-MIC {field[:200]!r}") from error
        return cls(digest, algorithm)

    def field(self, spelling: str | None = None) -> str:
        """Write a Received-content-MIC value on one line.

        ``spelling`` repeats the algorithm as the requester spelt it (MIC-08).
        """
        return f"{self.encoded}, {spelling or self.algorithm.wire_name}"

    @property
    def encoded(self) -> str:
        """The digest in base64."""
        return base64.b64encode(self.digest).decode("ascii")

    def __str__(self) -> str:
        return self.field()


class RunningDigests:
    """Digests of the same octets in several algorithms, taken as the octets come."""

    __slots__ = ("_running",)

    def __init__(self, algorithms: Iterable[DigestAlgorithm]) -> None:
        self._running = {algorithm: algorithm.new() for algorithm in algorithms}

    def update(self, data: bytes) -> None:
        """Take the next octets."""
        for running in self._running.values():
            running.update(data)

    @property
    def digests(self) -> Mapping[DigestAlgorithm, bytes]:
        """The digests of all octets so far."""
        return {algorithm: running.digest() for algorithm, running in self._running.items()}

    def mic(self, algorithm: DigestAlgorithm) -> MIC | None:
        """The MIC of all octets so far; None if that algorithm was not run."""
        running = self._running.get(algorithm)
        return MIC(running.digest(), algorithm) if running else None


def verify_returned(sent: Mapping[DigestAlgorithm, bytes], returned: MIC | None) -> None:
    """Raise IntegrityCheckFailed unless the partner digested what we sent (RFC 4130 §7.1).

    ``sent`` holds the digest of the same octets in every algorithm kept, since a partner may answer
    in another one than we asked for (MIC-11). Digests are compared, never their spelling (MIC-10).
    """
    if returned is None:
        raise IntegrityCheckFailed("the MDN carries no Received-content-MIC")
    ours = sent.get(returned.algorithm)
    if ours is None:
        raise IntegrityCheckFailed(f"the MDN's MIC uses {returned.algorithm}, which was not kept")
    if not hmac.compare_digest(ours, returned.digest):
        raise IntegrityCheckFailed(
            f"sent {MIC(ours, returned.algorithm)}, the partner returned {returned}"
        )
