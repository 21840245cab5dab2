"""Weaknesses: algorithms that a connection allows and that should go, said of each message.

They are switched on by name (ADR 10, ADR 18); that they were used stands with the message (SEC-11).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.events import LayerFacts
from as2gateway.policy import OutboundPolicy

_DIGESTS: Final = frozenset({DigestAlgorithm.MD5, DigestAlgorithm.SHA1})
_CIPHERS: Final = frozenset({CipherAlgorithm.TRIPLE_DES_CBC})


def of_layers(layers: Iterable[LayerFacts]) -> Iterator[str]:
    """Say what is weak in a message that was read."""
    for layer in layers:
        yield from _weak(layer.digest, layer.cipher)


def of_policy(policy: OutboundPolicy) -> Iterator[str]:
    """Say what is weak in a message that is built so."""
    yield from _weak(policy.sign, policy.encrypt)


def _weak(digest: DigestAlgorithm | None, cipher: CipherAlgorithm | None) -> Iterator[str]:
    if digest in _DIGESTS:
        yield f"signed with {digest}, which can be forged: agree on sha-256 with the partner"
    if cipher in _CIPHERS:
        yield f"encrypted with {cipher}, which is weak: agree on aes-128-cbc with the partner"
