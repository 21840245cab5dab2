"""Parsed certificates and private keys, remembered by process: a small message costs no parsing.

Nothing here can go stale, because nothing here decides what is in use. A certificate is looked up
by its own octets. A private key is looked up by the row and the fingerprint that the database has
just named; the fingerprint fixes the public key and so the private one, which is checked against it
when it is first read. Whoever replaces a key pair makes another fingerprint.
"""

import datetime as dt
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from as2gateway.certificates import Certificate
from partners.encryption import KeyRingError
from partners.models import KeyPair

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

#: A gateway with more partners than this parses some certificates anew; about 10 kB for each.
CERTIFICATES = 2048
#: Of an installation's own, in use at the same time.
KEYS = 256


@lru_cache(CERTIFICATES)
def parse_certificate(der: bytes) -> Certificate:
    """Return a certificate by its octets."""
    return Certificate.from_der(der)


def private_key_of(pair: KeyPair) -> PrivateKey:
    """Return the private key of a pair; KeyRingError if it cannot be decrypted or is another's.

    Costs a query the first time in a process only.
    """
    return _private_key(pair.pk, pair.fingerprint, pair.updated_at)


@lru_cache(KEYS)
def _private_key(pk: int, fingerprint: str, _updated_at: dt.datetime) -> PrivateKey:
    # read together, so that a row that is replaced at this moment cannot mix
    pair = KeyPair._base_manager.only("private_key", "certificate", "fingerprint").get(  # noqa: SLF001 - Django's public API
        pk=pk, fingerprint=fingerprint
    )
    key = load_der_private_key(pair.private_key, password=None)
    if (
        not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
        or key.public_key() != pair.value.public_key
    ):
        raise KeyRingError(f"The private key of key pair {pk} does not belong to its certificate.")
    return key
