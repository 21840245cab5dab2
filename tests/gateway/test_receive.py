"""Messages made by others are read to the last octet, whatever they are wrapped in."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm, KeyTransport
from as2gateway.certificates import Certificate
from as2gateway.errors import (
    AuthenticationFailed,
    InsufficientMessageSecurity,
    UnexpectedProcessingError,
    UnsupportedMICAlgorithms,
)
from as2gateway.events import LayerKind
from as2gateway.headers import Headers
from as2gateway.policy import Limits
from as2gateway.request import MDNRequest
from tests.gateway.reading import (
    LEGACY,
    OPEN,
    STRICT,
    accepted,
    read,
    read_entity,
    read_to_the_end,
    rejected,
)
from tests.gateway.splits import SPLITS, Split, one_byte
from tests.gateway.wrapping import (
    OURS,
    PACKAGINGS,
    PAYLOAD,
    THEIRS,
    Entity,
    Octets,
    compressed,
    document,
    encrypted,
    multipart,
    signature,
    signed,
    wrap,
)
from tests.openssl import identity

KINDS = {
    "comp": LayerKind.COMPRESSED,
    "sign": LayerKind.SIGNED,
    "opaque": LayerKind.SIGNED,
    "enc": LayerKind.ENVELOPED,
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("encoding", ["binary", "base64"])
@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_every_packaging_is_read(packaging: str, encoding: str, split: Split) -> None:
    layers = PACKAGINGS[packaging]
    entity, mic_octets = wrap(document(encoding=encoding), layers)
    payload, verdict = read(entity.headers, split(entity.body), OPEN)
    facts = accepted(verdict).facts
    assert payload == PAYLOAD
    # An unwrapped body is decoded before the MIC is taken, all others after (MIC-01).
    mic_octets = mic_octets if layers else PAYLOAD
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(mic_octets).digest()
    assert [layer.kind for layer in facts.layers] == [KINDS[name] for name in reversed(layers)]
    assert (facts.content_type, facts.filename) == ("application/edi-x12", "po 850.edi")
    assert facts.notes == ()


@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_a_payload_of_no_octets_is_a_payload(packaging: str) -> None:
    entity, mic_octets = wrap(document(b""), PACKAGINGS[packaging])
    payload, verdict = read_entity(entity, OPEN)
    mic = accepted(verdict).facts.mic
    assert payload == b""
    assert mic is not None
    assert mic.digest == hashlib.sha256(mic_octets).digest()


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0"])
@pytest.mark.parametrize("split", SPLITS)
def test_what_ends_a_payload_belongs_to_it(ending: bytes, split: Split) -> None:
    entity, _ = wrap(document(b"UNB+UNOA" + ending), ("sign", "enc"))
    payload, verdict = read(entity.headers, split(entity.body))
    accepted(verdict)
    assert payload == b"UNB+UNOA" + ending


def test_facts_name_algorithms_and_certificates() -> None:
    entity, _ = wrap(document(), ("sign", "enc"))
    enveloped, by = accepted(read_entity(entity)[1]).facts.layers
    assert enveloped.cipher is CipherAlgorithm.AES128_CBC
    assert enveloped.key_transport is KeyTransport.RSA_V15
    assert enveloped.certificate == OURS.certificate.fingerprint
    assert len(enveloped.wrapped_key or "") == 64
    assert by.digest is DigestAlgorithm.SHA256
    assert by.certificate == THEIRS.certificate.fingerprint


@pytest.mark.parametrize("name", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_the_mic_of_a_signed_message_uses_the_digest_of_its_signature(name: str) -> None:
    octets = document().octets
    micalg = DigestAlgorithm.parse(name).wire_name
    entity = multipart(octets, signature(octets, THEIRS, "-md", name), micalg)
    request = MDNRequest(signed=True, digest=DigestAlgorithm.MD5)
    verdict = read(entity.headers, [entity.body], LEGACY, request=request)[1]
    mic = accepted(verdict).facts.mic
    assert mic is not None
    assert mic.algorithm is DigestAlgorithm.parse(name)
    assert mic.digest == hashlib.new(name, octets).digest()


@pytest.mark.parametrize("layers", [(), ("enc",), ("comp",), ("comp", "enc")])
def test_the_mic_of_an_unsigned_message_uses_the_digest_asked_for(layers: tuple[str, ...]) -> None:
    entity, mic_octets = wrap(document(), layers)
    request = MDNRequest(digest=DigestAlgorithm.SHA384)
    mic = accepted(read(entity.headers, [entity.body], OPEN, request=request)[1]).facts.mic
    assert mic is not None
    assert (mic.algorithm, mic.digest) == (
        DigestAlgorithm.SHA384,
        hashlib.sha384(mic_octets).digest(),
    )
    policy = replace(OPEN, default_digest=DigestAlgorithm.SHA1)
    mic = accepted(read(entity.headers, [entity.body], policy, request=MDNRequest())[1]).facts.mic
    assert mic is not None
    assert mic.algorithm is DigestAlgorithm.SHA1


def test_of_nested_signatures_the_innermost_gives_the_mic() -> None:
    octets = document().octets
    inner = multipart(octets, signature(octets, THEIRS, "-md", "sha512"), "sha-512")
    facts = accepted(read_entity(signed(encrypted(inner)))[1]).facts
    kinds = [LayerKind.SIGNED, LayerKind.ENVELOPED, LayerKind.SIGNED]
    assert [layer.kind for layer in facts.layers] == kinds
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha512(octets).digest()


def test_several_certificates_may_be_in_use_at_once() -> None:
    entity, _ = wrap(document(), ("sign", "enc"))
    others = (identity("next").certificate, THEIRS.certificate)
    assert accepted(read_entity(entity, replace(STRICT, verify_with=others))[1]).facts.signed
    fault = rejected(read_entity(entity, replace(STRICT, verify_with=others[:1]))[1]).error
    assert type(fault) is AuthenticationFailed


def test_a_payload_without_header_fields_is_text() -> None:
    octets = b"\r\nplain words"
    payload, verdict = read_entity(multipart(octets, signature(octets)), OPEN)
    facts = accepted(verdict).facts
    assert payload == b"plain words"
    assert facts.content_type == "text/plain"
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(octets).digest()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("layers", [(), ("sign",), ("enc",)])
def test_a_quoted_printable_payload_is_decoded(layers: tuple[str, ...], split: Split) -> None:
    inside = Entity(("Content-Transfer-Encoding: quoted-printable",), b"a=3Db=\r\n c=")
    entity, mic_octets = wrap(inside, layers)
    payload, verdict = read(entity.headers, split(entity.body), OPEN)
    mic = accepted(verdict).facts.mic
    assert payload == b"a=b c="
    assert mic is not None
    assert mic.digest == hashlib.sha256(mic_octets if layers else payload).digest()


@pytest.mark.parametrize("split", SPLITS)
def test_bare_documents_are_read_where_no_signature_is_asked_for(split: Split) -> None:
    bare = b"UNB+UNOA:2+5790000432752:14'\r\nUNH+1+ORDERS:D:96A'\r\n"
    http = (
        *encrypted(document()).fields,
        'Content-Disposition: attachment; filename="orders.edi"',
    )
    sealed = Entity(http, encrypted(Octets(bare)).body)
    policy = replace(STRICT, require_signature=False)
    payload, verdict = read(sealed.headers, split(sealed.body), policy)
    facts = accepted(verdict).facts
    assert payload == bare
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(bare).digest()
    assert (facts.content_type, facts.filename) == ("application/edi-consent", "orders.edi")
    assert len(facts.notes) == 1
    nameless = Entity(http[:1], sealed.body)
    assert accepted(read_entity(nameless, policy)[1]).facts.filename == ""


# Transfer encodings of the request (HTTP-29) -------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("field", ["Content-Transfer-Encoding", "Content-Encoding"])
@pytest.mark.parametrize("layers", [(), ("sign",), ("enc",), ("sign", "enc"), ("comp",)])
def test_a_request_in_base64_is_decoded(layers: tuple[str, ...], field: str, split: Split) -> None:
    entity, mic_octets = wrap(Entity(("Content-Type: text/x-edi",), PAYLOAD), layers)
    encoded = Entity((*entity.fields, f"{field}: BASE64"), base64.encodebytes(entity.body))
    payload, verdict = read(encoded.headers, split(encoded.body), OPEN)
    mic = accepted(verdict).facts.mic
    assert payload == PAYLOAD
    assert mic is not None
    assert mic.digest == hashlib.sha256(mic_octets).digest()


@pytest.mark.parametrize("field", ["Content-Transfer-Encoding", "Content-Encoding"])
def test_der_that_is_announced_as_base64_is_read_as_der(field: str) -> None:
    entity, _ = wrap(document(), ("sign", "enc"))
    headers = entity.headers.with_field(field, "base64")
    payload, verdict = read(headers, one_byte(entity.body))
    accepted(verdict)
    assert payload == PAYLOAD


def test_a_content_encoding_of_http_is_no_transfer_encoding() -> None:
    headers = Headers((("Content-Type", "text/plain"), ("Content-Encoding", "identity")))
    assert read(headers, [b"QUJD"], OPEN)[0] == b"QUJD"


def test_an_encoding_outside_never_reaches_what_was_signed() -> None:
    inside = Entity(("Content-Type: text/plain",), b"pay =31=30=30 now")
    entity = signed(inside)
    headers = entity.headers.with_field("Content-Transfer-Encoding", "quoted-printable")
    _, verdict = read(headers, [entity.body], OPEN)
    rejected(verdict)


# What comes first, and what is never raised --------------------------------------------------


def test_a_receipt_request_that_cannot_be_honoured_stops_everything() -> None:
    failure = UnsupportedMICAlgorithms("none of them")
    entity, _ = wrap(document(), ("sign", "enc"))
    payload, verdict = read(
        entity.headers, [entity.body], STRICT, request=MDNRequest(failure=failure)
    )
    assert payload == b""
    assert rejected(verdict).error is failure
    assert rejected(verdict).facts.layers == ()


def test_a_fault_of_our_own_is_an_answer_too() -> None:
    entity, _ = wrap(document(), ("sign",))
    broken = replace(OPEN, verify_with=("no certificate",))  # type: ignore[arg-type]  # the fault
    fault = rejected(read_entity(entity, broken)[1]).error
    assert type(fault) is UnexpectedProcessingError


class _Exhausted(tuple[Certificate, ...]):
    __slots__ = ()

    def __iter__(self) -> Iterator[Certificate]:
        raise MemoryError


def test_only_a_lack_of_memory_is_raised() -> None:
    # A negative MDN would be final; without an answer the partner tries again.
    entity, _ = wrap(document(), ("sign",))
    with pytest.raises(MemoryError):
        read_entity(entity, replace(OPEN, verify_with=_Exhausted()))


def test_insufficient_security_still_tells_the_mic() -> None:
    entity, mic_octets = wrap(document(), ("sign",))
    verdict = rejected(read_entity(entity)[1])
    assert type(verdict.error) is InsufficientMessageSecurity
    assert verdict.facts.mic is not None
    assert verdict.facts.mic.digest == hashlib.sha256(mic_octets).digest()


def test_layers_are_limited() -> None:
    entity, _ = wrap(document(), ("sign", "sign", "comp"))
    accepted(read_entity(entity, OPEN, limits=Limits(depth=3))[1])
    verdict = rejected(read_entity(entity, OPEN, limits=Limits(depth=2))[1])
    assert type(verdict.error).modifier == "unexpected-processing-error"


def test_a_wrapped_signature_is_found_below_compression() -> None:
    payload, verdict = read_to_the_end(compressed(signed(document())), OPEN)
    assert payload == PAYLOAD
    assert accepted(verdict).facts.signed
