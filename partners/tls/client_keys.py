"""A private key of ours as a TLS client's, without a file that anybody could read.

Python's ``ssl`` loads keys from files only. An anonymous file in memory has a name only in the
``/proc`` of this process, and is gone when it is closed.
"""

import base64
import os
import ssl
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from as2gateway.certificates import Certificate
from partners.models import KeyPair
from partners.parsed import private_key_of


def load_client_key(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Let a context authenticate by a key pair; KeyRingError if it cannot be decrypted."""
    descriptor = os.memfd_create("tls-client-key", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(_pem(pair))
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")


def _pem(pair: KeyPair) -> Iterator[bytes]:
    key = private_key_of(pair)
    yield key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield pair.value.pem().encode()
    for der in pair.chain:
        yield Certificate.from_der(base64.b64decode(der)).pem().encode()
