"""What pyas2lib lets through by itself does not get through the engine that is built on it."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from as2gateway import der
from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm, KeyTransport
from as2gateway.cms import oids
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    DecompressionFailed,
    DecryptionFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    LimitExceeded,
)
from as2gateway.events import LayerKind
from as2gateway.policy import DecryptionKey, Limits
from as2gateway.pyas2 import asking, holes
from tests.gateway.cms.making import (
    CONTENT_TYPE,
    SIGNING_TIME,
    Signer,
    attribute,
    digest_of,
    signed_data,
)
from tests.gateway.pyas2.reading import ENGINE, ask
from tests.gateway.reading import OPEN, STRICT, accepted, read, rejected
from tests.gateway.test_policy_oracle import STRANGER, UNREADABLE, in_two_parts
from tests.gateway.wrapping import (
    OURS,
    PAYLOAD,
    THEIRS,
    Entity,
    compressed,
    compressed_data,
    document,
    encrypted,
    multipart,
    opaque,
    pkcs7,
    signature,
    signed,
    wrap,
)
from tests.openssl import cms_encrypt, identity


def sealed(inside: Entity | None = None) -> Entity:
    return encrypted(inside or signed(document()))


# Encryption ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/pkcs7-mime; smime-type=compressed-data",
        "application/pkcs7-mime; smime-type=enveloped-data",
        "APPLICATION/PKCS7-MIME; smime-type=Enveloped-Data",
        "application/x-pkcs7-mime",
    ],
)
def test_compressed_data_never_passes_for_encrypted(content_type: str) -> None:
    plain = compressed(signed(document()))
    verdict = ask(Entity((f"Content-Type: {content_type}",), plain.body))[1]
    assert type(rejected(verdict).error) is InsufficientMessageSecurity


@pytest.mark.parametrize("smime_type", ["", "; smime-type=signed-data", "; smime-type=x"])
def test_what_is_encrypted_is_opened_whatever_it_is_called(smime_type: str) -> None:
    entity = Entity((f"Content-Type: application/pkcs7-mime{smime_type}",), sealed().body)
    payload, verdict = ask(entity)
    assert payload == PAYLOAD
    assert accepted(verdict).facts.encrypted


def test_only_encrypted_messages_have_a_mic_too() -> None:
    facts = accepted(ask(sealed(document()), OPEN)[1]).facts
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha256(document().octets).digest()


def test_facts_name_algorithms_and_certificates() -> None:
    enveloped, by = accepted(ask(sealed())[1]).facts.layers
    assert (enveloped.cipher, enveloped.key_transport) == (
        CipherAlgorithm.AES128_CBC,
        KeyTransport.RSA_V15,
    )
    assert enveloped.certificate == OURS.certificate.fingerprint
    assert len(enveloped.wrapped_key or "") == 64
    assert (by.kind, by.digest) == (LayerKind.SIGNED, DigestAlgorithm.SHA256)
    assert by.certificate == THEIRS.certificate.fingerprint


@pytest.mark.parametrize("case", UNREADABLE)
def test_whatever_is_wrong_with_encryption_the_answer_is_one(case: str) -> None:
    verdict = rejected(ask(UNREADABLE[case]())[1])
    assert type(verdict.error) is DecryptionFailed
    assert verdict.facts.mic is None


def test_no_octet_of_the_wrapped_key_is_answered_otherwise() -> None:
    body = bytearray(sealed().body)
    start = bytes(body).index(der.header(der.OCTET_STRING, 256)) + 4
    reasons = set()
    for at in range(start, start + 256, 16):
        body[at] ^= 1
        verdict = rejected(ask(pkcs7("enveloped-data", bytes(body)))[1])
        assert type(verdict.error) is DecryptionFailed
        reasons.add(verdict.error.explanation)
    assert len(reasons) == 1


@pytest.mark.parametrize("cipher", ["-des3", "-aes192", "-aes256"])
def test_only_ciphers_of_the_policy_are_opened(cipher: str) -> None:
    entity = encrypted(signed(document()), OURS, cipher)
    known = {"-des3": CipherAlgorithm.TRIPLE_DES_CBC, "-aes192": CipherAlgorithm.AES192_CBC}
    allowed = frozenset({known.get(cipher, CipherAlgorithm.AES256_CBC)})
    assert ask(entity, replace(STRICT, ciphers=allowed))[0] == PAYLOAD
    others = replace(STRICT, ciphers=frozenset(CipherAlgorithm) - allowed)
    assert type(rejected(ask(entity, others)[1]).error) is DecryptionFailed


@pytest.mark.parametrize("options", [("-aes128",), ("-aes128", "-stream"), ("-aes128", "-keyid")])
def test_the_recipient_that_is_ours_is_found_at_any_place(options: tuple[str, ...]) -> None:
    to = [STRANGER.certificate, OURS.certificate]
    body = cms_encrypt(signed(document()).octets, to, *options)
    assert ask(pkcs7("enveloped-data", body))[0] == PAYLOAD
    few = rejected(ask(pkcs7("enveloped-data", body), limits=Limits(recipients=1))[1])
    assert type(few.error) is DecryptionFailed


def test_every_key_in_use_opens() -> None:
    other = identity("rolled over")
    keys = (DecryptionKey(other.rsa_key, other.certificate), *STRICT.decrypt_with)
    policy = replace(STRICT, decrypt_with=keys)
    assert ask(sealed(), policy)[0] == PAYLOAD
    assert ask(encrypted(signed(document()), other), policy)[0] == PAYLOAD


RECIPIENT = der.sequence(der.integer(0), OURS.certificate.issuer_and_serial)


@pytest.mark.parametrize(
    "fields",
    [
        (b"",),  # nothing
        (der.element(der.SET, RECIPIENT),),  # no algorithm
        (  # wrapped by an algorithm that is none
            der.element(
                der.SET,
                der.sequence(
                    der.integer(0),
                    OURS.certificate.issuer_and_serial,
                    der.sequence(der.oid(oids.DATA)),
                    der.octet_string(b"k"),
                ),
            ),
        ),
        (der.element(0xA0), der.element(der.SET)),  # originatorInfo, and nobody to open it
        (der.element(der.SET, der.element(0xA1)),),  # key agreement
    ],
)
def test_recipients_that_cannot_be_read_are_no_recipients(fields: tuple[bytes, ...]) -> None:
    cipher = der.sequence(der.oid(CipherAlgorithm.AES128_CBC.oid), der.octet_string(bytes(16)))
    content = der.sequence(der.oid(oids.DATA), cipher, der.element(der.CONTEXT, bytes(32)))
    inner = der.sequence(der.integer(0), *fields, content)
    body = der.sequence(der.oid(oids.ENVELOPED_DATA), der.element(0xA0, inner))
    verdict = ask(pkcs7("enveloped-data", body))[1]
    assert type(rejected(verdict).error) is DecryptionFailed


# Sizes ---------------------------------------------------------------------------------------


def test_a_message_is_held_up_to_a_limit() -> None:
    entity = sealed()
    exact = Limits(whole_message=len(entity.body))
    assert accepted(ask(entity, limits=exact)[1]).facts.signed
    less = Limits(whole_message=len(entity.body) - 1)
    pieces = [entity.body[:100], entity.body[100:], b"and more"]
    payload, verdict = read(entity.headers, pieces, limits=less, engine=ENGINE)
    assert payload == b""
    assert type(rejected(verdict).error) is LimitExceeded
    assert "the engine native does not" in rejected(verdict).error.reason


@pytest.mark.parametrize("layers", [("comp",), ("comp", "enc"), ("comp", "sign", "enc")])
@pytest.mark.parametrize(
    "limits",
    [
        Limits(whole_message=1_000_000),
        Limits(decompressed=1_000_000),
        Limits(ratio=100, ratio_from=1_000_000),
    ],
)
def test_a_bomb_is_never_shown_to_pyas2lib(
    layers: tuple[str, ...], limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "decompress_message", None)  # to call it would be another answer
    bomb, _ = wrap(document(bytes(50_000_000)), layers)
    payload, verdict = ask(bomb, OPEN, limits=limits)
    assert payload == b""
    assert type(rejected(verdict).error) is DecompressionFailed
    assert "unpacks to more than" in rejected(verdict).error.reason


def test_segmented_strings_cost_no_more_than_others() -> None:
    inside = signed(document(bytes(2_000_000)))
    body = cms_encrypt(inside.octets, [OURS.certificate], "-aes128", "-stream")
    assert body.count(b"\x04\x82") > 100  # segments
    assert ask(pkcs7("enveloped-data", body))[0] == bytes(2_000_000)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_signed_parts_of_too_many_lines_are_refused(end: bytes) -> None:
    part = b"\r\n" + end * (2 * holes.MAX_LINES)
    error = rejected(ask(multipart(part, signature(part)), OPEN)[1]).error
    assert type(error) is LimitExceeded
    assert "lines" in error.reason


# Signatures ----------------------------------------------------------------------------------

CONTENT = document().octets
DIGEST = attribute(oids.MESSAGE_DIGEST, der.octet_string(digest_of(CONTENT)))
SIGNER = Signer(THEIRS, attributes=(CONTENT_TYPE, SIGNING_TIME, DIGEST))
HALVES = attribute(
    oids.MESSAGE_DIGEST,
    der.octet_string(digest_of(CONTENT)[:16]),
    der.octet_string(digest_of(CONTENT)[16:]),
)
LAX = replace(OPEN, require_signed_attributes=False)

#: what is wrong → who signed, and the answer
SIGNERS: dict[str, tuple[list[Signer], type[AS2Error]]] = {
    "nobody": ([], AuthenticationFailed),
    "a stranger": ([SIGNER.but(identity=STRANGER)], AuthenticationFailed),
    "a stranger too": ([SIGNER, SIGNER.but(identity=STRANGER)], AuthenticationFailed),
    "in MD5": (
        [SIGNER.but(digest=DigestAlgorithm.MD5, made_with=DigestAlgorithm.SHA256)],
        InsufficientMessageSecurity,
    ),
    "also in SHA-1": (
        [SIGNER, SIGNER.but(digest=DigestAlgorithm.SHA1)],
        InsufficientMessageSecurity,
    ),
    "no attributes": ([SIGNER.but(attributes=())], InsufficientMessageSecurity),
    "another digest in the signature": (
        [SIGNER.but(algorithm=der.sequence(der.oid("1.2.840.113549.1.1.13"), der.NULL))],
        AuthenticationFailed,
    ),
    "a digest cut in two": (
        [SIGNER.but(attributes=(CONTENT_TYPE, HALVES))],
        IntegrityCheckFailed,
    ),
    "two digests": (
        [
            SIGNER.but(
                attributes=(
                    CONTENT_TYPE,
                    attribute(oids.MESSAGE_DIGEST, der.octet_string(bytes(32))),
                    DIGEST,
                )
            )
        ],
        IntegrityCheckFailed,
    ),
    "another type of content": (
        [SIGNER.but(attributes=(attribute(oids.CONTENT_TYPE, der.oid(oids.SIGNED_DATA)), DIGEST))],
        IntegrityCheckFailed,
    ),
}


def test_a_signature_made_by_hand_is_taken() -> None:
    assert ask(in_two_parts(document(), signed_data(SIGNER)), OPEN)[0] == PAYLOAD


@pytest.mark.parametrize("case", SIGNERS)
def test_signers_that_prove_nothing_are_refused(case: str) -> None:
    signers, error = SIGNERS[case]
    payload, verdict = ask(in_two_parts(document(), signed_data(*signers)), OPEN)
    assert payload == b""
    assert type(rejected(verdict).error) is error
    assert rejected(verdict).second_reading is None


def test_content_enclosed_in_a_detached_signature_is_the_content_outside() -> None:
    same = in_two_parts(document(), signed_data(SIGNER, content=CONTENT))
    assert ask(same, OPEN)[0] == PAYLOAD
    other = in_two_parts(document(), signed_data(SIGNER, content=CONTENT + b"!"))
    assert type(rejected(ask(other, OPEN)[1]).error) is IntegrityCheckFailed


def test_a_signature_without_attributes_is_a_setting() -> None:
    content = document().octets
    entity = multipart(content, signature(content, THEIRS, "-noattr"))
    assert ask(entity, LAX)[0] == PAYLOAD
    changed = multipart(content + b"!", signature(content, THEIRS, "-noattr"))
    assert type(rejected(ask(changed, LAX)[1]).error) is IntegrityCheckFailed


def test_every_certificate_in_use_verifies() -> None:
    both = (identity("next").certificate, THEIRS.certificate)
    for signer in (THEIRS, identity("next")):
        for policy in (replace(OPEN, verify_with=both), replace(OPEN, verify_with=both[::-1])):
            facts = accepted(ask(signed(document(), signer), policy)[1]).facts
            assert facts.layers[0].certificate == signer.certificate.fingerprint


def test_a_signature_that_names_nobody_is_tried_with_every_certificate() -> None:
    renamed = identity("renamed", key_of="theirs")
    policy = replace(OPEN, verify_with=(identity("next").certificate, renamed.certificate))
    assert ask(signed(document()), policy)[0] == PAYLOAD


def test_without_a_certificate_nothing_verifies() -> None:
    verdict = ask(signed(document()), replace(OPEN, verify_with=()))[1]
    assert type(rejected(verdict).error) is AuthenticationFailed


def test_certificates_that_pyas2lib_cannot_use_are_named() -> None:
    curved = identity("curved", "p256")
    verdict = ask(signed(document(), curved), replace(OPEN, verify_with=(curved.certificate,)))[1]
    assert type(rejected(verdict).error) is AuthenticationFailed
    assert "has no RSA key" in rejected(verdict).error.reason


# What is verified is what is delivered -------------------------------------------------------


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
def test_an_encoding_of_the_request_never_reaches_what_was_signed(encoding: str) -> None:
    entity = sealed(signed(Entity(("Content-Type: text/plain",), b"pay =31=30=30 now")))
    headers = entity.headers.with_field("Content-Transfer-Encoding", encoding)
    headers = headers.with_field("Content-Disposition", "attachment; filename=other")
    payload, verdict = read(headers, [entity.body], engine=ENGINE)
    assert payload == b"pay =31=30=30 now"
    assert accepted(verdict).facts.filename == ""


def test_an_encoding_of_the_request_is_undone_before_anything_else() -> None:
    entity = sealed()
    headers = entity.headers.with_field("Content-Transfer-Encoding", "base64")
    assert read(headers, [base64.encodebytes(entity.body)], engine=ENGINE)[0] == PAYLOAD


def test_a_part_that_pyas2lib_prints_otherwise_is_not_delivered() -> None:
    # It signs and verifies its own print of the header fields, with one blank after the colon.
    part = b"Content-Type:text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nwords"
    printed = part.replace(b"Type:", b"Type: ")
    payload, verdict = ask(multipart(part, signature(printed)), OPEN)
    assert payload == b""
    assert "verified other octets" in rejected(verdict).error.reason


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_that_were_repaired_are_delivered_repaired(end: bytes) -> None:
    signed_octets = b"Content-Type: text/plain\r\n\r\none\r\ntwo\r\n"
    part = signed_octets.replace(b"\r\n", end)
    payload, verdict = ask(multipart(part, signature(signed_octets)), OPEN)
    assert payload == b"one\r\ntwo\r\n"
    assert len(accepted(verdict).facts.notes) == (end == b"\n")


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=x", "message/rfc822"])
def test_a_signed_part_with_parts_is_left_to_the_native_engine(kind: str) -> None:
    hidden = signed(document()).octets
    part = f"Content-Type: {kind}\r\n\r\n--x\r\n".encode() + hidden + b"\r\n--x--\r\n"
    verdict = ask(multipart(part, signature(part)), OPEN)[1]
    assert type(rejected(verdict).error) is IntegrityCheckFailed
    assert "the engine native can" in rejected(verdict).error.reason


def test_parts_within_parts_are_no_way_to_exhaust_the_stack() -> None:
    head = b"X: a\rContent-Type: multipart/mixed; boundary=%d\r\r"
    nested = b"".join(head % n + b"--%d\r" % n for n in range(3000))
    part = b"Y: z\r\n\r\n" + nested
    lone = nested.replace(b"X: a\r", b"X: a\r\n", 1)
    for octets in (part, lone):
        verdict = ask(multipart(octets, signature(b"other")), OPEN)[1]
        assert isinstance(rejected(verdict).error, AS2Error)


@pytest.mark.parametrize(
    "body", [b"", b"--x--\r\n", b"--x\r\na\r\n--x--\r\n", b"--x\r\na\r\n--x\r\nb\r\n--x--\r\n"]
)
@pytest.mark.parametrize("boundary", ["; boundary=x", ""])
def test_what_has_not_two_parts_is_not_signed(body: bytes, boundary: str) -> None:
    verdict = ask(Entity((f"Content-Type: multipart/signed{boundary}",), body), OPEN)[1]
    assert type(rejected(verdict).error) is IntegrityCheckFailed


def test_a_micalg_that_is_not_that_of_the_signature_is_noted() -> None:
    octets = document().octets
    entity = multipart(octets, signature(octets, THEIRS, "-md", "sha512"), "sha-256")
    facts = accepted(ask(entity, OPEN)[1]).facts
    assert facts.mic is not None
    assert facts.mic.algorithm is DigestAlgorithm.SHA512
    assert len(facts.notes) == 1


def test_of_nested_signatures_the_innermost_gives_the_mic() -> None:
    octets = document().octets
    inner = multipart(octets, signature(octets, THEIRS, "-md", "sha512"), "sha-512")
    facts = accepted(ask(signed(encrypted(inner)))[1]).facts
    assert [layer.kind for layer in facts.layers] == [
        LayerKind.SIGNED,
        LayerKind.ENVELOPED,
        LayerKind.SIGNED,
    ]
    assert facts.mic is not None
    assert facts.mic.digest == hashlib.sha512(octets).digest()


@pytest.mark.parametrize("body", [b"0", signed_data(SIGNER), opaque(document()).body[:-9]])
def test_broken_opaque_signatures_are_refused(body: bytes) -> None:
    verdict = ask(pkcs7("signed-data", body), OPEN)[1]
    assert type(rejected(verdict).error) is IntegrityCheckFailed


def test_gzip_in_the_place_of_zlib_is_left_to_the_native_engine() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(document().octets) + packer.flush()
    entity = pkcs7("compressed-data", compressed_data(packed))
    assert read(entity.headers, [entity.body], OPEN)[0] == PAYLOAD
    error = rejected(ask(entity, OPEN)[1]).error
    assert type(error) is DecompressionFailed


# Our own faults ------------------------------------------------------------------------------


def _exhausted(*_args: object, **_kwargs: object) -> bytes:
    raise MemoryError


@pytest.mark.parametrize(
    ("place", "build"),
    [
        ("decrypt_message", sealed),
        ("decompress_message", lambda: compressed(document())),
        ("load_certificate", lambda: signed(document())),
    ],
)
def test_a_lack_of_memory_is_no_answer(
    place: str, build: Callable[[], Entity], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, place, _exhausted)
    with pytest.raises(MemoryError):
        ask(build(), OPEN)


def test_nor_is_one_that_pyas2lib_has_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyas2lib.as2.verify_message", _exhausted)
    with pytest.raises(MemoryError):
        ask(signed(document()), OPEN)


def test_what_it_cannot_even_take_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyas2lib.as2.parse_mime", _too_deep)
    verdict = ask(signed(document()), OPEN)[1]
    assert type(rejected(verdict).error) is IntegrityCheckFailed


def _too_deep(_octets: bytes) -> None:
    raise RecursionError
