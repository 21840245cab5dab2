"""Messages built by pyas2lib: RFC 4130 section 2.4, as far as it goes.

By itself it rewrites the line ends of every payload that it does not know to be binary, and makes
up header fields. Here a payload stays as it is, and the fields say what policy and caller say.
"""

from collections.abc import Iterable, Iterator, Mapping
from email.message import Message as MIMEMessage
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway.algorithms import (
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.engine import Stamp
from as2gateway.headers import Headers
from as2gateway.policy import OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.pyas2.library import Message, Organization, Partner, canonicalize
from as2gateway.pyas2.oscrypto.asymmetric import Certificate
from as2gateway.quirks import Quirks
from as2gateway.send import http_headers, kept_digests

_CIPHERS: Mapping[CipherAlgorithm, str] = MappingProxyType(
    {
        CipherAlgorithm.AES128_CBC: "aes_128_cbc",
        CipherAlgorithm.AES192_CBC: "aes_192_cbc",
        CipherAlgorithm.AES256_CBC: "aes_256_cbc",
        CipherAlgorithm.TRIPLE_DES_CBC: "tripledes_192_cbc",
    }
)
#: of the Message-IDs that pyas2lib makes and nobody sees; else it asks the network for our name
_DOMAIN = "localhost"


class WholeComposition:
    """A message that has been built: an ``engine.Composition``."""

    def __init__(
        self, headers: Headers, body: bytes, digests: Mapping[DigestAlgorithm, bytes]
    ) -> None:
        self.headers = headers
        self._body = body
        self._digests = digests
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        self._complete = True

    @property
    def mics(self) -> Mapping[DigestAlgorithm, bytes]:
        """Digests of what the partner's MIC is over; RuntimeError before the body has been read."""
        if not self._complete:
            raise RuntimeError("the MICs are known once the whole body has been read")
        return self._digests


def compose(
    payload: Iterable[bytes],
    info: PayloadInfo,
    policy: OutboundPolicy,
    stamp: Stamp,
    limit: int,
) -> WholeComposition:
    """Build a message of at most ``limit`` bytes of payload.

    Raises ValueError, in words for an operator, for a policy that pyas2lib cannot fulfil.
    """
    _check(policy, info)
    data = _read(payload, info.size, limit)
    # A key that signs nothing may be of a kind that pyas2lib does not know.
    key = policy.sign_with if policy.sign is not None else None
    message = _ExactMessage(organization(policy.as2_from, key), _partner(policy))
    filename = "".join(char if char.isprintable() else "_" for char in info.filename)
    message.build(data, filename=filename or None, content_type=info.content_type)
    digests = kept_digests(policy)
    # Only a payload that nothing is wrapped around has a MIC without header fields (§7.3.1).
    digests.update(message.covered if len(message.stages) > 1 else data)
    outermost = message.stages[-1]
    entity = Headers(
        tuple((name, value) for name, value in outermost.items() if name in _ENTITY_FIELDS)
    )
    return WholeComposition(
        http_headers(entity, policy, stamp), bytes(message.content), digests.digests
    )


_ENTITY_FIELDS = frozenset({"Content-Type", "Content-Disposition"})


def can_sign(key: SigningKey) -> bool:
    """Whether pyas2lib makes signatures of this kind."""
    return isinstance(key.private_key, RSAPrivateKey) and key.scheme is SignatureScheme.RSA_V15


def organization(as2_name: str, key: SigningKey | None, **settings: str) -> Any:
    """Our side, as pyas2lib knows it; the key is one that it can sign with."""
    made = Organization(as2_name=as2_name, domain=_DOMAIN, **settings)
    if key is not None:
        made.sign_key = (key.private_key, Certificate(key.certificate))
    return made


def _partner(policy: OutboundPolicy) -> Any:
    to = policy.encrypt_to
    return Partner(
        as2_name=policy.as2_to,
        encrypt_cert=to.der if to else None,
        validate_certs=False,  # it is the one that was configured: no chain is asked of it
        compress=policy.compress is not Compression.NONE,
        sign=policy.sign is not None,
        digest_alg=digest_name(policy.sign or DigestAlgorithm.SHA256),
        encrypt=policy.encrypt is not None,
        # Always named: by itself it takes triple DES.
        enc_alg=_CIPHERS[policy.encrypt or CipherAlgorithm.AES128_CBC],
    )


def digest_name(digest: DigestAlgorithm) -> str:
    """What pyas2lib calls a digest."""
    return digest.value.replace("-", "")


def beyond(quirks: Quirks) -> tuple[str, ...]:
    """Quirks that are switched on, change what is written, and are not in pyas2lib's power."""
    return tuple(name for name in _QUIRKS_OF_WRITING if getattr(quirks, name))


#: Those of transport, of what is read and of what is forgiven are no matter of an engine's.
_QUIRKS_OF_WRITING = (
    "base64",
    "rfc3851_names",
    "omit_certificates",
    "enclose_chain",
    "algorithm_protection",
    "opaque_signature",
    "appended_gcm_tag",
    "check_key_usage",
    "bare_filename",
)


def check(policy: OutboundPolicy) -> None:
    """Raise ValueError for a policy that pyas2lib cannot fulfil, whatever the keys are."""
    for asked, what in _beyond(policy):
        if asked:
            raise ValueError(f"the engine pyas2lib {what}; use the engine native")


def _beyond(policy: OutboundPolicy) -> Iterator[tuple[bool, str]]:
    """What pyas2lib does not do, and whether it is asked for."""
    for name in beyond(policy.quirks):
        yield True, f"does not know the quirk {name}"
    if policy.sign is not None:
        yield policy.compress is Compression.AFTER_SIGNING, "compresses before it signs only"
        key = policy.sign_with
        yield (
            key is not None and not can_sign(key),
            f"signs with RSA keys and {SignatureScheme.RSA_V15} only",
        )
    if policy.encrypt is not None:
        transport = policy.key_transport
        yield policy.encrypt not in _CIPHERS, f"does not know {policy.encrypt}"
        yield transport is not KeyTransport.RSA_V15, f"does not know {transport}"


def _check(policy: OutboundPolicy, info: PayloadInfo) -> None:
    if policy.sign is not None and policy.sign_with is None:
        raise ValueError("messages are to be signed, but there is no key to sign with")
    if policy.encrypt is not None and policy.encrypt_to is None:
        raise ValueError("messages are to be encrypted, but there is no certificate to encrypt to")
    check(policy)
    if info.content_type.lower().startswith(("multipart/", "message/")):
        raise ValueError(
            f"the engine pyas2lib cannot send {info.content_type}; use the engine native"
        )
    Headers((("Content-Type", info.content_type),)).encode()  # raises for what is no field


def _read(payload: Iterable[bytes], size: int, limit: int) -> bytes:
    if size > limit:
        raise ValueError(
            f"a payload of {size} bytes, and the engine pyas2lib holds {limit} at the most; "
            "use the engine native"
        )
    data = bytearray()
    for chunk in payload:
        data += chunk
        if len(data) > size:
            break
    if len(data) != size:
        raise ValueError(f"the payload was to have {size} bytes, it has {len(data)} or more")
    return bytes(data)


class _BinaryEntity(MIMEMessage):
    """An entity that is binary, whatever it is told: so no reader of it changes a line end."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, "binary" if name == "Content-Transfer-Encoding" else value)


class _ExactMessage(Message):  # type: ignore[misc]  # pyas2lib has no types
    """A message whose payload stays as it is, and which remembers what it was on its way."""

    def __init__(self, sender: object, receiver: object) -> None:
        #: the payload's entity, then each that was wrapped around the one before
        self.stages: list[MIMEMessage] = []
        super().__init__(sender, receiver)

    @property
    def payload(self) -> MIMEMessage | None:
        """The outermost entity so far."""
        return self.stages[-1] if self.stages else None

    @payload.setter
    def payload(self, entity: MIMEMessage | None) -> None:
        if entity is not None:
            self.stages.append(entity if self.stages else _BinaryEntity())

    @property
    def covered(self) -> bytes:
        """The entity that a MIC is over: what is signed, or the innermost if nothing is."""
        for entity in self.stages:
            if entity.is_multipart():
                return bytes(canonicalize(entity.get_payload(0)))
        return bytes(canonicalize(self.stages[0]))
