"""Order of algorithms by strength, as the *minimum* rules of profiles mean it.

Older names than we can use are in it, since peers and sheets of partners name them.
"""

from typing import Final

NONE: Final = "none"

_CIPHERS: Final = {
    NONE: 0,
    "rc4-128": 1,
    "rc2-128-cbc": 1,
    "des-ede3-cbc": 2,
    "aes-128-cbc": 3,
    "aes-128-gcm": 3,
    "aes-192-cbc": 4,
    "aes-192-gcm": 4,
    "aes-256-cbc": 5,
    "aes-256-gcm": 5,
}
_DIGESTS: Final = {
    name: rank
    for rank, name in enumerate(
        (NONE, "md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"),
    )
}
_VERSIONS: Final = {
    name: rank
    for rank, name in enumerate(("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"))
}


def weaker_cipher(name: str, minimum: str) -> bool | None:
    """Whether a cipher is weaker than the minimum; None for a name without a place here."""
    return _weaker(_CIPHERS, name, minimum)


def weaker_digest(name: str, minimum: str) -> bool | None:
    """Whether a digest is weaker than the minimum; None for a name without a place here."""
    return _weaker(_DIGESTS, name, minimum)


def older_version(name: str, minimum: str) -> bool | None:
    """Whether a TLS version is older than the minimum; None for a name without a place here."""
    return _weaker(_VERSIONS, name, minimum)


def _weaker(order: dict[str, int], name: str, minimum: str) -> bool | None:
    if name not in order or minimum not in order:
        return None
    return order[name] < order[minimum]
