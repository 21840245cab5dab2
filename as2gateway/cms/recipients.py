"""RecipientInfo: who can open an EnvelopedData, and the content key wrapped for each.

RFC 5652, section 6.2.1 (key transport only), RFC 3370 (PKCS#1 v1.5), RFC 3560 and RFC 4055 (OAEP).
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

from as2gateway import ber, der
from as2gateway.algorithms import DigestAlgorithm, KeyTransport
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms import oids
from as2gateway.cms.identifiers import means
from as2gateway.cms.signature_algorithms import read_digest, read_mask
from as2gateway.errors import DecryptionFailed, LimitExceeded, MalformedMessage
from as2gateway.policy import DecryptionKey


class Recipient(NamedTuple):
    """A RecipientInfo of ours, not opened yet."""

    key: DecryptionKey
    transport: KeyTransport
    padding: AsymmetricPadding
    wrapped: bytes

    @property
    def wrapped_digest(self) -> bytes:
        """SHA-256 of the wrapped key without leading zeros: one for one key (threats R14)."""
        return hashlib.sha256(self.wrapped.lstrip(b"\0")).digest()

    def unwrap(self, size: int) -> bytes:
        """The content key. Where there is none of ``size`` bytes, a random one (threats R12).

        So a wrong key shows only in the content, like any other damage, and neither the answer nor
        its time says what the private key made of the octets (RFC 3218 §2.3.2).
        """
        # Drawn each time, so that it costs the same. Nobody sees it: it needs no injected source.
        instead = secrets.token_bytes(size)
        # Some drop the leading zeros of the number; RSA needs all octets (RFC 8017 §7.2.2).
        number = self.wrapped.lstrip(b"\0").rjust(_size(self.key.private_key), b"\0")
        try:
            found = self.key.private_key.decrypt(number, self.padding)
        except (ValueError, UnsupportedAlgorithm):
            return instead
        return found if len(found) == size else instead


def choose(recipients: Node, keys: tuple[DecryptionKey, ...], limit: int) -> Recipient:
    """The first RecipientInfo that names one of our certificates, at any place (CMS-28, CMS-29).

    Raises DecryptionFailed if there is none, LimitExceeded past ``limit``, MalformedMessage.
    """
    members = recipients.children
    if len(members) > limit:
        raise LimitExceeded(f"{len(members)} RecipientInfos, {limit} are allowed")
    for member in members:
        # Other kinds (key agreement, passwords …) are tagged; they are not for an RSA key.
        if member.tag == ber.SEQUENCE:
            recipient = _read(member, keys)
            if recipient is not None:
                return recipient
    raise DecryptionFailed("it is not encrypted to any certificate of ours that is in use")


def _read(info: Node, keys: tuple[DecryptionKey, ...]) -> Recipient | None:
    fields = info.fields()
    fields.take(ber.INTEGER)  # the version follows from what comes next (CMS-05)
    identifier = fields.any()
    named = [key for key in keys if means(identifier, key.certificate)]
    if not named:
        return None
    transport, padded = _read_transport(fields.take(ber.SEQUENCE))
    return Recipient(named[0], transport, padded, fields.take(ber.OCTET_STRING).octets())


@ber.remembered
def _read_transport(identifier: Node) -> tuple[KeyTransport, AsymmetricPadding]:
    algorithm = identifier.fields()
    name = algorithm.take(ber.OID).oid()
    if name == oids.RSA_ENCRYPTION:
        return KeyTransport.RSA_V15, padding.PKCS1v15()
    if name == oids.RSAES_OAEP:
        return KeyTransport.RSA_OAEP, _read_oaep(algorithm.any())
    raise DecryptionFailed(f"the content key is wrapped by an unknown algorithm {name}")


def _read_oaep(parameters: Node) -> padding.OAEP:
    """Read RSAES-OAEP-params; what is absent is SHA-1, what is odd is an error (CMS-27)."""
    fields = parameters.fields()
    digest = fields.optional(ber.CONTEXT)
    mask = fields.optional(ber.CONTEXT + 1)
    label = fields.optional(ber.CONTEXT + 2)
    fields.end()
    algorithm = read_digest(digest.only_child()) if digest else DigestAlgorithm.SHA1
    mask_algorithm = read_mask(mask.only_child()) if mask else DigestAlgorithm.SHA1
    if DigestAlgorithm.MD5 in {algorithm, mask_algorithm}:
        raise DecryptionFailed("OAEP with MD5")
    return padding.OAEP(
        mgf=padding.MGF1(mask_algorithm.hash),
        algorithm=algorithm.hash,
        label=_read_label(label.only_child()) if label else None,
    )


def _read_label(source: Node) -> bytes:
    fields = source.fields()
    if fields.take(ber.OID).oid() != oids.P_SPECIFIED:
        raise MalformedMessage("an OAEP label from an unknown source")
    return fields.take(ber.OCTET_STRING).octets()


def check_unseen(wrapped_digest: bytes, seen: Callable[[bytes], bool]) -> None:
    """Raise DecryptionFailed for a wrapped key that came before, in another request (threats R14).

    To be called before the private key is used: an attack on RSA's padding must repeat itself.
    """
    if seen(wrapped_digest):
        raise DecryptionFailed(
            "its content key, as wrapped for us, came before in another message: a replay or an "
            "attack; our private key was not used"
        )


def recipient_info(to: Certificate, transport: KeyTransport, content_key: bytes) -> bytes:
    """Wrap a content key. Raises ValueError if the certificate's key cannot."""
    return _encode(to, transport, _rsa_key(to).encrypt(content_key, _PADDINGS[transport]))


def recipient_info_length(to: Certificate, transport: KeyTransport) -> int:
    """Octets that ``recipient_info`` makes. Raises ValueError if the certificate's key cannot."""
    return len(_encode(to, transport, bytes(_size(_rsa_key(to)))))


def _encode(to: Certificate, transport: KeyTransport, wrapped: bytes) -> bytes:
    return der.sequence(
        der.integer(0),  # 0 goes with issuerAndSerialNumber (RFC 5652 §6.2.1)
        to.issuer_and_serial,
        _IDENTIFIERS[transport],
        der.octet_string(wrapped),
    )


def _rsa_key(to: Certificate) -> rsa.RSAPublicKey:
    key = to.public_key
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError(  # noqa: TRY004  a setting is wrong, not a type
            f"{to.subject} has no RSA key: nothing can be encrypted to it"
        )
    return key


def _size(key: rsa.RSAPublicKey | rsa.RSAPrivateKey) -> int:
    return (key.key_size + 7) // 8


_SHA1 = hashes.SHA1()  # noqa: S303  of OAEP, where nothing rests on its collisions

#: what we send: SHA-256 in both places, as RFC 8551 §2.3 asks of OAEP, or OAEP's defaults
_PADDINGS: Mapping[KeyTransport, AsymmetricPadding] = MappingProxyType(
    {
        KeyTransport.RSA_V15: padding.PKCS1v15(),
        KeyTransport.RSA_OAEP: padding.OAEP(
            mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
        ),
        KeyTransport.RSA_OAEP_SHA1: padding.OAEP(
            mgf=padding.MGF1(_SHA1), algorithm=_SHA1, label=None
        ),
    }
)

_SHA256 = der.sequence(der.oid(DigestAlgorithm.SHA256.oid), der.NULL)
_OAEP_PARAMETERS = der.sequence(
    der.element(der.CONTEXT | der.CONSTRUCTED, _SHA256),
    der.element((der.CONTEXT + 1) | der.CONSTRUCTED, der.sequence(der.oid(oids.MGF1), _SHA256)),
)
_IDENTIFIERS: Mapping[KeyTransport, bytes] = MappingProxyType(
    {
        KeyTransport.RSA_V15: der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL),
        KeyTransport.RSA_OAEP: der.sequence(der.oid(oids.RSAES_OAEP), _OAEP_PARAMETERS),
        # every parameter has its default, hence none is written (RFC 4055 §4.1)
        KeyTransport.RSA_OAEP_SHA1: der.sequence(der.oid(oids.RSAES_OAEP), der.sequence()),
    }
)
