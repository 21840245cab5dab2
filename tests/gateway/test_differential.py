"""Two engines that open, verify and build by different code must agree on every message.

Where they differ is in ``DIFFERENCES``, each with its reason; nothing else may differ.
"""

import base64
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm
from as2gateway.disposition import Disposition
from as2gateway.engine import Composition, Stamp
from as2gateway.engines import ENGINES, get_engine
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    DecompressionFailed,
    DecryptionFailed,
    IntegrityCheckFailed,
)
from as2gateway.events import Accepted, Facts, Rejected, Verdict
from as2gateway.mdn import Expected, MDNReport, read_mdn, verify_mdn
from as2gateway.policy import (
    InboundPolicy,
    Limits,
    MDNMode,
    OutboundPolicy,
    PayloadInfo,
    SigningKey,
)
from as2gateway.pyas2.library import Message, Organization, Partner
from as2gateway.pyas2.oscrypto.asymmetric import ContentKeyOpener
from as2gateway.request import SUPPORTED_DIGESTS, read_request
from tests.gateway.properties import examples
from tests.gateway.reading import LEGACY, OPEN, STRICT, read, read_to_the_end
from tests.gateway.styles import Document, Style, documents, styles
from tests.gateway.test_policy_oracle import REFUSED, UNREADABLE, unannounced
from tests.gateway.test_send import NOW, POLICY
from tests.gateway.wrapping import (
    OURS,
    PACKAGINGS,
    THEIRS,
    Entity,
    compressed_data,
    document,
    encrypted,
    multipart,
    pkcs7,
    signature,
    signed,
    wrap,
)
from tests.openssl import cms_sign, identity

NATIVE, PYAS2LIB = ENGINES
NONE, BEFORE, AFTER = Compression

#: packaging → whether it is signed, where it is compressed, whether it is encrypted
SHAPES: dict[str, tuple[bool, Compression, bool]] = {
    "P01 plain": (False, NONE, False),
    "P02 signed": (True, NONE, False),
    "P03 encrypted": (False, NONE, True),
    "P04 signed, encrypted": (True, NONE, True),
    "P05 compressed": (False, BEFORE, False),
    "P06 compressed, signed": (True, BEFORE, False),
    "P07 signed, compressed": (True, AFTER, False),
    "P08 compressed, encrypted": (False, BEFORE, True),
    "P09 compressed, signed, encrypted": (True, BEFORE, True),
    "P10 signed, compressed, encrypted": (True, AFTER, True),
}
#: messages of each packaging
SEEDS = range(6)
#: pyas2lib knows one order only; ``test_what_it_cannot_do_is_said_in_words`` has its refusal
NOT_BUILT_BY_PYAS2LIB = {"P07 signed, compressed", "P10 signed, compressed, encrypted"}
#: all that pyas2lib knows and a policy can allow
CIPHERS = (
    CipherAlgorithm.AES128_CBC,
    CipherAlgorithm.AES192_CBC,
    CipherAlgorithm.AES256_CBC,
    CipherAlgorithm.TRIPLE_DES_CBC,
)

BUILT = [
    (composer, reader, packaging)
    for composer, reader in ((NATIVE, PYAS2LIB), (PYAS2LIB, NATIVE), (PYAS2LIB, PYAS2LIB))
    for packaging in SHAPES
    if composer == NATIVE or packaging not in NOT_BUILT_BY_PYAS2LIB
]


@dataclass(frozen=True, slots=True)
class Sample:
    """A message to be built, chosen at random, and the same each time."""

    payload: bytes
    info: PayloadInfo
    policy: OutboundPolicy

    @classmethod
    def make(cls, packaging: str, seed: int) -> "Sample":
        """Number ``seed`` of that packaging."""
        choose = random.Random(f"{packaging} {seed}")
        is_signed, compress, is_encrypted = SHAPES[packaging]
        payload = _payload(choose)
        info = PayloadInfo(
            len(payload),
            choose.choice(("application/EDI-X12", "text/plain", "application/octet-stream")),
            choose.choice(("", "po.edi", 'a "b" c.x12', "Größe.edi")),
        )
        policy = replace(
            POLICY,
            sign=choose.choice(sorted(SUPPORTED_DIGESTS)) if is_signed else None,
            encrypt=choose.choice(CIPHERS) if is_encrypted else None,
            compress=compress,
            mdn=choose.choice([*MDNMode]),
            mdn_signed=choose.random() < 0.5,
            mdn_url="http://us.example/mdn",
        )
        return cls(payload, info, policy)

    def build(self, engine: str) -> Composition:
        """Start building it."""
        stamp = Stamp("<1@us.example>", NOW)
        return get_engine(engine).compose([self.payload], self.info, self.policy, stamp)


def _payload(choose: random.Random) -> bytes:
    """Octets that are hard on whoever takes them for lines of text."""
    alphabet = choose.choice((b"\r\n-", b"ISA*00*~\r\n", bytes(range(256))))
    return bytes(choose.choices(alphabet, k=choose.choice((0, 1, 2, 100, 3000))))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("composer", "reader", "packaging"), BUILT)
def test_what_one_builds_the_other_reads(
    composer: str, reader: str, packaging: str, seed: int
) -> None:
    sample = Sample.make(packaging, seed)
    composition = sample.build(composer)
    body = b"".join(composition)
    request = read_request(composition.headers)
    payload, verdict = read(composition.headers, [body], LEGACY, request=request.mdn, engine=reader)
    assert isinstance(verdict, Accepted), verdict
    facts = verdict.facts
    assert payload == sample.payload
    assert facts.mic is not None
    assert composition.mics[facts.mic.algorithm] == facts.mic.digest
    assert (facts.signed, facts.encrypted) == (SHAPES[packaging][0], SHAPES[packaging][2])
    assert [layer.digest for layer in facts.layers if layer.digest] == [
        name for name in [sample.policy.sign] if name
    ]
    assert [layer.cipher for layer in facts.layers if layer.cipher] == [
        name for name in [sample.policy.encrypt] if name
    ]
    assert facts.filename == sample.info.filename
    assert facts.content_type == sample.info.content_type.lower()
    assert (request.mdn is not None) is (sample.policy.mdn is not MDNMode.NONE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("packaging", SHAPES)
def test_pyas2lib_by_itself_takes_what_the_native_engine_builds(packaging: str, seed: int) -> None:
    # All layers in one call, as software does that is built on it. What is only encrypted and
    # text/plain it would deliver with its header fields.
    sample = Sample.make(packaging, seed)
    sample = replace(sample, info=replace(sample.info, content_type="application/EDI-X12"))
    composition = sample.build(NATIVE)
    wire = composition.headers.encode() + b"\r\n" + b"".join(composition)
    message = Message()
    status, fault, _ = message.parse(wire, find_org_partner_cb=lambda *_: _sides(sample.policy))
    assert (status, fault) == ("processed", (None, None))
    assert message.content == sample.payload
    if sample.policy.sign is not None:
        assert base64.b64decode(message.mic) == composition.mics[sample.policy.sign]


def _sides(policy: OutboundPolicy) -> tuple[object, object]:
    """Who receives and who sends, in pyas2lib's eyes."""
    us = Organization(as2_name="Them Inc", domain="localhost")
    cipher = policy.encrypt or CipherAlgorithm.AES128_CBC
    us.decrypt_key = (ContentKeyOpener(OURS.rsa_key, cipher.key_size), None)
    them = Partner(
        as2_name="US",
        verify_cert=THEIRS.certificate.der,
        validate_certs=False,
        canonicalize_as_binary=True,
    )
    return us, them


# MDNs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("answerer", ENGINES)
@pytest.mark.parametrize(
    "packaging", ["P01 plain", "P03 encrypted", "P09 compressed, signed, encrypted"]
)
def test_either_engine_proves_the_receipt_of_what_the_other_built(
    answerer: str, packaging: str, seed: int
) -> None:
    sample = Sample.make(packaging, seed)
    composition = sample.build(NATIVE if answerer == PYAS2LIB else PYAS2LIB)
    body = b"".join(composition)
    request = read_request(composition.headers)
    _, verdict = read(composition.headers, [body], LEGACY, request=request.mdn, engine=answerer)
    is_signed = bool(request.mdn and request.mdn.signed)
    digest = (request.mdn and request.mdn.digest) or DigestAlgorithm.SHA256
    report = MDNReport(
        as2_from=request.as2_to,
        as2_to=request.as2_from,
        original_message_id=request.message_id,
        final_recipient=request.as2_to,
        disposition=_disposition(verdict),
        mic=verdict.facts.mic,
        mic_spelling=request.mdn.spelling if request.mdn else None,
    )
    key = SigningKey(OURS.private_key, OURS.certificate) if is_signed else None
    mdn = get_engine(answerer).compose_mdn(report, Stamp("<2@them>", NOW), key, digest)
    expected = Expected(
        message_id="<1@us.example>",
        as2_from="US",
        as2_to="Them Inc",
        mics=composition.mics,
        signed=is_signed,
        certificates=(OURS.certificate,),
        allowed=frozenset(DigestAlgorithm),
    )
    unverified = read_mdn(mdn.headers, mdn.body, Limits())
    verify_mdn(unverified, expected)
    assert unverified.disposition.positive
    assert unverified.mic is not None


def _disposition(verdict: Verdict) -> Disposition:
    return Disposition.for_error(verdict.error if isinstance(verdict, Rejected) else None)


# Messages made by others ---------------------------------------------------------------------


def _in_base64(line_end: bytes) -> Entity:
    entity = document(encoding="base64")
    return Entity(entity.fields, entity.body.replace(b"\n", line_end))


@pytest.mark.parametrize("inside", [document(), _in_base64(b"\r\n")])
@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_both_read_what_openssl_made(packaging: str, inside: Entity) -> None:
    entity, _ = wrap(inside, PACKAGINGS[packaging])
    assert _agreed(entity, OPEN)


@pytest.mark.parametrize("case", sorted({*REFUSED} - {"another digest, opaque"}))
def test_both_refuse_what_proves_nothing(case: str) -> None:
    build, policy, _ = REFUSED[case]
    assert _agreed(build(), policy) is None


@pytest.mark.parametrize("case", sorted({*UNREADABLE} - {"an AEAD cipher"}))
def test_both_refuse_what_cannot_be_read(case: str) -> None:
    assert _agreed(UNREADABLE[case](), STRICT) is None


def _agreed(entity: Entity, policy: InboundPolicy) -> tuple[bytes, Facts] | None:
    """Payload and facts if both accept, None if both refuse for the same reason."""
    (payload, verdict), (other_payload, other) = (
        read_to_the_end(entity, policy, engine=engine) for engine in ENGINES
    )
    assert type(verdict) is type(other), (verdict, other)
    assert _disposition(verdict) == _disposition(other)
    if isinstance(verdict, Rejected):
        return None
    assert (payload, verdict.facts) == (other_payload, other.facts)
    return payload, verdict.facts


# Messages in any style -----------------------------------------------------------------------


def decoded_by_pyas2lib(document: Document, packaging: str) -> bool:
    """``base64 under application/octet-stream`` in DIFFERENCES."""
    signed_first = PACKAGINGS[packaging][:1] in {("sign",), ("opaque",)}
    is_encoded = document.encoding in {"base64", "quoted-printable"}
    return signed_first and is_encoded and document.content_type == "application/octet-stream"


@examples(60)
@given(document=documents(), packaging=st.sampled_from([*PACKAGINGS]), style=styles)
def test_both_read_messages_in_any_style(document: Document, packaging: str, style: Style) -> None:
    assume(not decoded_by_pyas2lib(document, packaging))
    found = _agreed(style.wrap(document.entity, packaging), LEGACY)
    assert found is not None
    assert found[0] == document.payload


@examples(60)
@given(
    document=documents(),
    packaging=st.sampled_from([name for name, layers in PACKAGINGS.items() if "sign" in layers]),
    style=styles,
    place=st.floats(0, 1, exclude_max=True),
    damage=st.sampled_from([b"", b"\0", b"\r", b"\n", b"\xff", b"\r\n\r\n", b"--"]),
)
def test_neither_takes_damage_for_the_document(
    document: Document, packaging: str, style: Style, place: float, damage: bytes
) -> None:
    entity = style.wrap(document.entity, packaging)
    at = int(len(entity.body) * place)
    harmed = Entity(entity.fields, entity.body[:at] + damage + entity.body[at + 1 :])
    policy = replace(LEGACY, require_signature=True)
    accepted = []
    for engine in ENGINES:
        payload, verdict = read_to_the_end(harmed, policy, engine=engine)
        if isinstance(verdict, Accepted):
            assert payload == document.payload
            accepted.append(verdict.facts.mic)
    assert len(set(accepted)) < 2


# Where they differ ---------------------------------------------------------------------------


def _detached(content: bytes, *options: str) -> Entity:
    return multipart(content, signature(content, THEIRS, *options))


def _octet_stream_in_base64() -> Entity:
    fields = ("Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64")
    return Entity(fields, b"SVNBKjAwKg==\r\n")


def _gzip() -> Entity:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(document().octets) + packer.flush()
    return pkcs7("compressed-data", compressed_data(packed))


def _two_signers() -> Entity:
    der = cms_sign(document().octets, [THEIRS, identity("notary")])
    part = Entity(("Content-Type: application/pkcs7-signature",), der)
    return multipart(document().octets, part.octets)


_CURVED = identity("curved", "p256")
_UNUSUAL_FIELD = b"Content-Type:text/plain\r\n\r\nwords"
_TWO_PARTS = (
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--\r\n"
)
_OAEP = ("-aes128", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")

#: what → the message, what the native engine and pyas2lib answer (None: they accept), the reason
DIFFERENCES: dict[
    str, tuple[Callable[[], Entity], type[AS2Error] | None, type[AS2Error] | None, str]
] = {
    "an unannounced digest": (
        unannounced,
        IntegrityCheckFailed,
        None,
        "native digests what streams past by what was announced; pyas2lib has the content still",
    ),
    "OAEP with SHA-256": (
        lambda: encrypted(document(), OURS, *_OAEP),
        None,
        DecryptionFailed,
        "pyas2lib passes over the parameters: it knows SHA-1 only",
    ),
    "ECDSA": (
        lambda: signed(document(), _CURVED),
        None,
        AuthenticationFailed,
        "pyas2lib verifies RSA only",
    ),
    "a second signer": (
        _two_signers,
        None,
        AuthenticationFailed,
        "pyas2lib wants each signature to be the partner's",
    ),
    "gzip": (
        _gzip,
        None,
        DecompressionFailed,
        "native forgives what some send in the place of zlib (CMS-33)",
    ),
    "a signed multipart": (
        lambda: _detached(_TWO_PARTS),
        None,
        IntegrityCheckFailed,
        "pyas2lib verifies and delivers the last of the parts within",
    ),
    "an unusual header field": (
        lambda: _detached(_UNUSUAL_FIELD),
        None,
        IntegrityCheckFailed,
        "pyas2lib digests its own print of the header fields",
    ),
    "a header block with bare LF": (
        lambda: _detached(_UNUSUAL_FIELD.replace(b":", b": ").replace(b"\r\n", b"\n")),
        None,
        IntegrityCheckFailed,
        "the same",
    ),
    "base64 in lines with bare LF": (
        lambda: signed(_in_base64(b"\n")),
        None,
        IntegrityCheckFailed,
        "pyas2lib digests it with CR LF, or decoded",
    ),
    "base64 under application/octet-stream": (
        lambda: signed(_octet_stream_in_base64()),
        None,
        IntegrityCheckFailed,
        "pyas2lib takes it for binary, and digests it decoded",
    ),
    "AES-GCM": (
        lambda: encrypted(document(), OURS, "-aes-128-gcm"),
        None,
        DecryptionFailed,
        "pyas2lib does not know AuthEnvelopedData",
    ),
    "a CR LF that was signed and not sent": (
        lambda: multipart(document().octets, signature(document().octets + b"\r\n")),
        None,
        IntegrityCheckFailed,
        "a repair that only native tries (MIME-17)",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_they_differ_where_it_is_known(case: str) -> None:
    build, *expected, reason = DIFFERENCES[case]
    policy = replace(LEGACY, verify_with=(THEIRS.certificate, _CURVED.certificate))
    answers = []
    for engine in ENGINES:
        verdict = read_to_the_end(build(), policy, engine=engine)[1]
        answers.append(type(verdict.error) if isinstance(verdict, Rejected) else None)
    assert answers == expected, reason
