"""What the AlgorithmIdentifier of a signature says: RFC 5754, RFC 4056 and RFC 8017 (PSS)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from as2gateway import ber, der
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.ber import Node
from as2gateway.cms import oids
from as2gateway.errors import MalformedMessage


class Scheme(Enum):
    """A family of signatures."""

    RSA_V15 = auto()
    RSA_PSS = auto()
    ECDSA = auto()


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """How a signature was made."""

    scheme: Scheme
    #: None where the identifier leaves it to the SignerInfo's digest
    digest: DigestAlgorithm | None = None
    #: of the mask, and the length of the salt: PSS only
    mask_digest: DigestAlgorithm | None = None
    salt_length: int = 0

    @classmethod
    def read(cls, identifier: Node) -> "SignatureAlgorithm":
        """Read an AlgorithmIdentifier. Raises MalformedMessage for one that is not known.

        Parameters of all but PSS say nothing, absent or NULL (CMS-06).
        """
        return _read_signature(identifier)


@ber.remembered
def _read_signature(identifier: Node) -> SignatureAlgorithm:
    fields = identifier.fields()
    name = fields.take(ber.OID).content
    if name == _PSS:
        return _read_pss(fields.any())
    known = _SCHEMES.get(name)
    if known is None:
        raise MalformedMessage(f"unknown signature algorithm {ber.dotted(name)}")
    return known


@ber.remembered
def read_digest(identifier: Node) -> DigestAlgorithm:
    """Read the AlgorithmIdentifier of a digest. Raises MalformedMessage for an unknown one."""
    name = identifier.fields().take(ber.OID).content
    digest = DIGESTS.get(name)
    if digest is None:
        raise MalformedMessage(f"unknown digest algorithm {ber.dotted(name)}")
    return digest


def read_mask(identifier: Node) -> DigestAlgorithm:
    """Read the AlgorithmIdentifier of a mask generation function: MGF1, and its digest."""
    fields = identifier.fields()
    if fields.take(ber.OID).content != _MGF1:
        raise MalformedMessage("a mask generation function other than MGF1")
    return read_digest(fields.any())


def _read_pss(parameters: Node) -> SignatureAlgorithm:
    fields = parameters.fields()
    digest = fields.optional(ber.CONTEXT)
    mask = fields.optional(ber.CONTEXT + 1)
    salt = fields.optional(ber.CONTEXT + 2)
    length = salt.only_child().integer() if salt else _PSS_SALT_LENGTH
    if not 0 <= length <= _MAX_SALT_LENGTH:
        raise MalformedMessage(f"a PSS salt that is not of 0 to {_MAX_SALT_LENGTH} octets")
    return SignatureAlgorithm(
        Scheme.RSA_PSS,
        read_digest(digest.only_child()) if digest else DigestAlgorithm.SHA1,
        read_mask(mask.only_child()) if mask else DigestAlgorithm.SHA1,
        length,
    )


#: the default of RFC 8017 appendix A.2.3, and the most that a key of 16384 bits has room for
_PSS_SALT_LENGTH = 20
_MAX_SALT_LENGTH = 2048

_PSS = der.oid_contents(oids.RSASSA_PSS)
_MGF1 = der.oid_contents(oids.MGF1)

#: digests by the contents octets of their object identifier
DIGESTS: Mapping[bytes, DigestAlgorithm] = MappingProxyType(
    {der.oid_contents(digest.oid): digest for digest in DigestAlgorithm}
)

#: the name of PKCS#1 v1.5 that CMS requires, which leaves the digest open (RFC 5754 §3.2)
_RSA = SignatureAlgorithm(Scheme.RSA_V15)
#: some put the name of the key where the name of the signature belongs (CMS-07)
_EC = SignatureAlgorithm(Scheme.ECDSA)

_SCHEMES: Mapping[bytes, SignatureAlgorithm] = MappingProxyType(
    {
        der.oid_contents(name): algorithm
        for name, algorithm in {
            oids.RSA_ENCRYPTION: _RSA,
            oids.MD5_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.MD5),
            oids.SHA1_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.SHA1),
            oids.SHA224_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.SHA224),
            oids.SHA256_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.SHA256),
            oids.SHA384_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.SHA384),
            oids.SHA512_WITH_RSA: SignatureAlgorithm(Scheme.RSA_V15, DigestAlgorithm.SHA512),
            oids.EC_PUBLIC_KEY: _EC,
            oids.ECDSA_WITH_SHA1: SignatureAlgorithm(Scheme.ECDSA, DigestAlgorithm.SHA1),
            oids.ECDSA_WITH_SHA224: SignatureAlgorithm(Scheme.ECDSA, DigestAlgorithm.SHA224),
            oids.ECDSA_WITH_SHA256: SignatureAlgorithm(Scheme.ECDSA, DigestAlgorithm.SHA256),
            oids.ECDSA_WITH_SHA384: SignatureAlgorithm(Scheme.ECDSA, DigestAlgorithm.SHA384),
            oids.ECDSA_WITH_SHA512: SignatureAlgorithm(Scheme.ECDSA, DigestAlgorithm.SHA512),
        }.items()
    }
)
