"""pyas2lib's answers as values: what it decrypts, unpacks and verifies, one layer at a time.

It would take off all layers in one call, with no place between them to check anything; so it is
given one at a time. Whatever it raises for what a partner sent becomes one of our errors.
"""

import base64

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.errors import (
    AuthenticationFailed,
    DecompressionFailed,
    DecryptionFailed,
    IntegrityCheckFailed,
)
from as2gateway.mic import MIC
from as2gateway.pyas2.holes import Envelope
from as2gateway.pyas2.library import (
    IntegrityError,
    Message,
    Organization,
    Partner,
    decompress_message,
    decrypt_message,
)
from as2gateway.pyas2.oscrypto.asymmetric import ContentKeyOpener, load_certificate

#: pyas2lib asks who sent what it reads; whose certificate is to be tried is known here already
_NAMES = b"AS2-From: them\r\nAS2-To: us\r\n"


def decrypt(envelope: Envelope) -> bytes:
    """The clear octets. DecryptionFailed for a wrong key, padding or length: one for all."""
    opener = ContentKeyOpener(envelope.key.private_key, envelope.cipher.key_size)
    try:
        _, clear = decrypt_message(envelope.octets, (opener, None))
    except MemoryError:
        raise
    except Exception as error:
        raise DecryptionFailed(f"pyas2lib: {error}") from error
    return bytes(clear)


def decompress(octets: bytes) -> bytes:
    """The unpacked octets. Raises DecompressionFailed."""
    try:
        return bytes(decompress_message(octets))
    except MemoryError:
        raise
    except Exception as error:
        raise DecompressionFailed(f"pyas2lib: {error}") from error


class _OneLayer(Message):  # type: ignore[misc]  # pyas2lib has no types
    """A message of which nothing but the signature is taken off."""

    def _decompress_data(self, payload: object) -> tuple[bool, object]:
        return False, payload


def verify(entity: bytes, certificate: Certificate, *, as_binary: bool) -> MIC:
    """The digest of the first part of a multipart/signed, if this certificate's key signed it.

    ``as_binary`` is whether that part is digested as it is, or with its line ends made CR LF.
    Raises IntegrityCheckFailed if the content is not what was signed, AuthenticationFailed if
    another key signed it.
    """
    try:
        load_certificate(certificate.der)
    except ValueError as error:
        raise AuthenticationFailed(str(error)) from error
    partner = Partner(
        as2_name="them",
        verify_cert=certificate.der,
        validate_certs=False,  # it is the one that was configured: no chain is asked of it
        canonicalize_as_binary=as_binary,
    )
    message = _OneLayer()
    sides = (Organization(as2_name="us"), partner)
    try:
        _, (fault, _), _ = message.parse(_NAMES + entity, find_org_partner_cb=lambda *_: sides)
    except Exception as error:  # noqa: BLE001  what it raises before it begins to catch
        fault = error
    _raise(fault)
    return MIC(base64.b64decode(message.mic), DigestAlgorithm.parse(message.digest_alg))


def _raise(fault: Exception | None) -> None:
    if fault is None:
        return
    if isinstance(fault, MemoryError):
        raise fault  # ours and temporary: no answer to the partner
    # It has one class, told apart by its words, for other content and for another key.
    if isinstance(fault, IntegrityError) and "Message Digest" not in str(fault):
        raise AuthenticationFailed(f"pyas2lib: {fault}") from fault
    raise IntegrityCheckFailed(f"pyas2lib: {fault}") from fault
