"""What an operator types in to say whom a connection trusts: pins and authorities, as values."""

import re
from typing import Final

from as2gateway.certificates import Certificate

_SEPARATORS: Final = re.compile(r"[\s,;]+")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
#: What programs print before a fingerprint: ``SHA256 Fingerprint=AB:CD``, ``sha256:abcd``.
_PREFIX: Final = re.compile(r"(?i)sha-?256(?: fingerprint)? *[=:] *")
_BEGIN: Final = "-----BEGIN "


def parse_pins(text: str) -> frozenset[str]:
    """Read SHA-256 fingerprints of certificates, with or without colons. Raises ValueError."""
    words = [word for word in _SEPARATORS.split(_PREFIX.sub(" ", text)) if word]
    pins = [word.replace(":", "").lower() for word in words]
    for word, pin in zip(words, pins, strict=True):
        if _FINGERPRINT.fullmatch(pin) is None:
            raise ValueError(
                f"“{word[:80]}” is no SHA-256 fingerprint: 64 hexadecimal digits were expected. "
                "“openssl x509 -in FILE -noout -fingerprint -sha256” prints one."
            )
    return frozenset(pins)


def parse_authorities(text: str) -> tuple[Certificate, ...]:
    """Read every certificate of a text in PEM. Raises ValueError for what is none."""
    blocks = [_BEGIN + block for block in text.split(_BEGIN)[1:]]
    if text.strip() and not blocks:
        raise ValueError("No certificate in PEM was found: it begins with -----BEGIN CERTIFICATE")
    return tuple(Certificate.from_pem(block.encode()) for block in blocks)
