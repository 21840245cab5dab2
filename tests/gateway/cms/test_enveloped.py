"""EnvelopedData: what OpenSSL seals opens here, and the reverse; every fault is one answer."""

import hashlib
import os
import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm, KeyTransport
from as2gateway.cms import enveloped, oids
from as2gateway.cms.content import ContentInfo, read_content_info
from as2gateway.cms.enveloped import EnvelopedFacts
from as2gateway.errors import DecryptionFailed, MalformedMessage
from as2gateway.policy import DecryptionKey, Limits
from as2gateway.stream import Layer, Parser, Source
from tests import openssl
from tests.gateway.cms.reading import CIPHERS, decrypt
from tests.gateway.splits import run_chunks, splits
from tests.openssl import Identity, cms_decrypt, cms_encrypt, identity

DOCUMENT = b"Content-Type: application/edi-x12\r\n\r\nISA*00*" + bytes(range(256)) * 8
US, THEM = identity("us"), identity("them")
AES = CipherAlgorithm.AES128_CBC


def _encrypt(
    document: bytes,
    *,
    definite: bool = True,
    to: Identity = US,
    cipher: CipherAlgorithm = AES,
    transport: KeyTransport = KeyTransport.RSA_V15,
) -> bytes:
    half = len(document) // 2
    chunks = [document[:half], document[half:]]
    length = len(document) if definite else None
    return b"".join(
        enveloped.encrypt(chunks, length, to.certificate, cipher, transport, os.urandom)
    )


# --- OpenSSL writes, we read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cipher", "option"),
    [
        (CipherAlgorithm.AES128_CBC, "-aes128"),
        (CipherAlgorithm.AES192_CBC, "-aes192"),
        (CipherAlgorithm.AES256_CBC, "-aes256"),
        (CipherAlgorithm.TRIPLE_DES_CBC, "-des3"),
    ],
)
@pytest.mark.parametrize("options", [(), ("-stream",), ("-keyid",)])
def test_what_openssl_encrypts_is_read(
    cipher: CipherAlgorithm, option: str, options: tuple[str, ...]
) -> None:
    message = cms_encrypt(DOCUMENT, [US.certificate], option, *options)
    for chunks in splits(message):
        document, facts = decrypt(chunks, US)
        assert document == DOCUMENT
        assert (facts.cipher, facts.key_transport) == (cipher, KeyTransport.RSA_V15)
        assert facts.certificate_fingerprint == US.certificate.fingerprint


@pytest.mark.parametrize(
    "digests",
    [
        (),
        ("rsa_oaep_md:sha256",),
        ("rsa_oaep_md:sha512", "rsa_mgf1_md:sha1"),
        ("rsa_oaep_md:sha1", "rsa_mgf1_md:sha384"),
        ("rsa_oaep_md:sha256", "rsa_oaep_label:6c6162656c"),
    ],
)
def test_oaep_is_read_with_any_parameters(digests: tuple[str, ...]) -> None:
    options = [
        word for digest in ("rsa_padding_mode:oaep", *digests) for word in ("-keyopt", digest)
    ]
    message = cms_encrypt(DOCUMENT, [US.certificate], *options, "-aes128")
    document, facts = decrypt([message], US)
    assert (document, facts.key_transport) == (DOCUMENT, KeyTransport.RSA_OAEP)


@pytest.mark.parametrize("before", [0, 1, 5])
def test_our_recipient_info_is_found_at_any_place(before: int) -> None:
    others = [identity(f"other{number}", key_of="other").certificate for number in range(before)]
    message = cms_encrypt(DOCUMENT, [*others, US.certificate, THEM.certificate], "-aes128")
    assert decrypt([message], US)[0] == DOCUMENT


def test_the_previous_key_still_opens_messages() -> None:
    message = cms_encrypt(DOCUMENT, [US.certificate], "-aes128")
    new = identity("us, renewed")
    assert decrypt([message], new, US)[1].certificate_fingerprint == US.certificate.fingerprint


def test_recipients_of_other_kinds_are_passed_over() -> None:
    elliptic = identity("elliptic", "p256").certificate
    message = cms_encrypt(
        DOCUMENT, [elliptic, US.certificate], "-aes128", "-pwri_password", "secret"
    )
    assert decrypt([message], US)[0] == DOCUMENT


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100_000])
def test_every_size_goes_through(size: int) -> None:
    document = random.Random(size).randbytes(size)
    for chunks in splits(cms_encrypt(document, [US.certificate], "-aes128", "-stream")):
        assert decrypt(chunks, US)[0] == document


# --- we write, OpenSSL reads ---------------------------------------------------------------------


@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize("cipher", CipherAlgorithm)
@pytest.mark.parametrize("definite", [True, False])
def test_openssl_reads_what_we_encrypt(
    cipher: CipherAlgorithm, transport: KeyTransport, definite: bool
) -> None:
    message = _encrypt(DOCUMENT, cipher=cipher, transport=transport, definite=definite)
    assert cms_decrypt(message, US) == DOCUMENT
    assert decrypt([message], US)[0] == DOCUMENT


@pytest.mark.parametrize("size", [0, 15, 16, 65_535, 200_000])
@pytest.mark.parametrize("definite", [True, False])
def test_openssl_reads_every_size(size: int, definite: bool) -> None:
    message = _encrypt(bytes(size), definite=definite)
    assert cms_decrypt(message, US) == bytes(size)


@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize("cipher", CipherAlgorithm)
def test_the_length_is_known_before(cipher: CipherAlgorithm, transport: KeyTransport) -> None:
    for size in (0, 15, 16, 100, 65_536):
        message = _encrypt(bytes(size), cipher=cipher, transport=transport)
        length = enveloped.encrypted_length(size, US.certificate, cipher, transport)
        assert len(message) == length


def test_known_lengths_make_der() -> None:
    message = _encrypt(DOCUMENT)
    assert openssl.openssl("asn1parse", "-inform", "DER", stdin=message).count(b"inf") == 0
    assert ber.parse(message).stop == len(message)


def test_chunks_of_another_length_are_an_error_of_ours() -> None:
    # 10 and 12 octets are padded to the same length, and still are not the same
    message = enveloped.encrypt(
        [bytes(12)], 10, US.certificate, AES, KeyTransport.RSA_V15, os.urandom
    )
    with pytest.raises(ValueError, match="10 octets were announced, 12 came"):
        list(message)


def test_nothing_is_encrypted_to_a_key_that_cannot() -> None:
    with pytest.raises(ValueError, match="no RSA key"):
        _encrypt(DOCUMENT, to=identity("elliptic", "p256"))


def test_keys_come_from_the_entropy_given() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    arguments = (CipherAlgorithm.AES256_CBC, KeyTransport.RSA_V15, entropy)
    b"".join(enveloped.encrypt([b""], 0, US.certificate, *arguments))
    assert asked == [32, 16]


# --- refusals ------------------------------------------------------------------------------------


def _assert_refused(message: bytes, *keys: Identity, limits: Limits | None = None) -> str:
    """Refused in every cut, and not before all was fed; the reason is the same each time."""
    reasons = set()
    for chunks in splits(message):
        with pytest.raises(DecryptionFailed) as caught:
            decrypt(chunks, *(keys or (US,)), limits=limits)
        reasons.add(caught.value.reason)
    assert len(reasons) == 1
    return reasons.pop()


def _handmade(  # each part can be made wrong
    *,
    version: bytes = der.integer(0),
    identifier: bytes | None = None,
    transport: bytes = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL),
    wrapped: bytes | None = None,
    cipher: bytes = der.sequence(der.oid(AES.oid), der.octet_string(bytes(16))),
    string: bytes = der.element(der.CONTEXT, bytes(32)),
) -> bytes:
    certificate = US.certificate
    if wrapped is None:
        wrapped = _wrap(bytes(16))
    recipient = der.sequence(
        der.integer(0),
        certificate.issuer_and_serial if identifier is None else identifier,
        transport,
        der.octet_string(wrapped),
    )
    content = der.sequence(der.oid(oids.DATA), cipher, string)
    inner = der.sequence(version, der.set_of([recipient]), content)
    return der.sequence(der.oid(oids.ENVELOPED_DATA), der.element(0xA0, inner))


def _wrap(key: bytes, how: AsymmetricPadding | None = None) -> bytes:
    public = US.certificate.public_key
    assert isinstance(public, RSAPublicKey)
    return public.encrypt(key, how or padding.PKCS1v15())


def _seal(blocks: bytes) -> bytes:
    """Octets under the key and vector of zeros that ``_handmade`` announces."""
    context = Cipher(algorithms.AES(bytes(16)), modes.CBC(bytes(16))).encryptor()
    return der.element(der.CONTEXT, context.update(blocks))


def test_a_handmade_message_is_read_if_nothing_is_wrong() -> None:
    assert decrypt([_handmade(string=_seal(b"1" * 15 + b"\1"))], US)[0] == b"1" * 15


def test_who_wrote_a_message_may_be_said_before_the_recipients() -> None:
    originator = der.integer(0) + der.element(0xA0, der.element(0xA0, US.certificate.der))
    message = _handmade(version=originator, string=_seal(b"1" * 15 + b"\1"))
    assert decrypt([message], US)[0] == b"1" * 15


@pytest.mark.parametrize(
    "blocks",
    [
        b"",
        bytes(16),
        b"1" * 15 + b"\x11",
        b"1" * 14 + b"\1\2",
        b"\x10" + b"1" + b"\x10" * 14,
        bytes(16) + b"1" * 16,
    ],
)
def test_wrong_padding_is_refused(blocks: bytes) -> None:
    assert "padding" in _assert_refused(_handmade(string=_seal(blocks)))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"string": der.element(der.CONTEXT, bytes(31))}, "whole number of blocks"),
        ({"string": b""}, "end"),
        ({"string": der.octet_string(bytes(32))}, "0x80 is due"),
        ({"cipher": der.sequence(der.oid(AES.oid), der.octet_string(bytes(15)))}, "vector"),
        ({"cipher": der.sequence(der.oid(AES.oid))}, "too early"),
        ({"cipher": der.sequence(der.oid("1.2.840.113549.3.2"), der.NULL)}, "1.2.840.113549.3.2"),
        ({"transport": der.sequence(der.oid("1.2.3"), der.NULL)}, "unknown algorithm 1.2.3"),
        ({"transport": der.sequence(der.oid(oids.RSAES_OAEP))}, "too early"),
        ({"transport": der.sequence(der.oid(oids.RSAES_OAEP), der.NULL)}, "0x10 is due"),
        ({"version": b""}, "0x02 is due"),
        ({"identifier": der.integer(1)}, "0x10 is due"),
    ],
)
def test_a_broken_structure_is_refused(parts: dict[str, bytes], words: str) -> None:
    assert words in _assert_refused(_handmade(**parts))


MGF1_MD5 = der.sequence(der.oid(oids.MGF1), der.sequence(der.oid("1.2.840.113549.2.5"), der.NULL))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (der.element(0xA0, der.sequence(der.oid("1.2.3"))), "unknown digest"),
        (der.element(0xA1, der.sequence(der.oid("1.2.3"))), "other than MGF1"),
        (der.element(0xA1, MGF1_MD5), "MD5"),
        (der.element(0xA2, der.sequence(der.oid("1.2.3"))), "label"),
        (der.element(0xA3, der.NULL), "too many"),
        (der.element(0xA0), "0 ASN.1 members"),
    ],
)
def test_broken_oaep_parameters_are_never_read_as_another_padding(
    parameters: bytes, words: str
) -> None:
    transport = der.sequence(der.oid(oids.RSAES_OAEP), der.sequence(parameters))
    string = _seal(b"1" * 15 + b"\1")
    assert words in _assert_refused(_handmade(transport=transport, string=string))


def test_no_key_of_ours_is_refused() -> None:
    message = cms_encrypt(DOCUMENT, [THEM.certificate], "-aes128")
    assert "not encrypted to any certificate" in _assert_refused(message)


def test_a_cipher_that_is_not_allowed_is_refused() -> None:
    message = cms_encrypt(DOCUMENT, [US.certificate], "-des3")
    modern = frozenset({CipherAlgorithm.AES128_CBC})
    with pytest.raises(DecryptionFailed, match="des-ede3-cbc"):
        decrypt([message], US, ciphers=modern)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda: _wrap(bytes(15)),
        lambda: _wrap(bytes(32)),
        lambda: _wrap(bytes(16), padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
        lambda: bytes(256),
        lambda: b"",
        lambda: b"\xff" * 256,
        lambda: b"\1" * 257,
        lambda: b"\1" * 100,
    ],
)
def test_a_bad_unwrap_looks_like_bad_content(wrapped: Callable[[], bytes]) -> None:
    string = der.element(der.CONTEXT, bytes(64))
    reasons = {_outcome(_handmade(wrapped=wrapped(), string=string)) for _ in range(3)}
    assert reasons <= {"the padding is wrong: another key, or damaged octets", "noise"}


def _outcome(message: bytes) -> str:
    try:
        decrypt([message], US)
    except DecryptionFailed as error:
        return error.reason
    # One random key in 256 finds a padding that looks right.
    return "noise"


def test_leading_zeros_of_a_wrapped_key_may_be_missing_or_doubled() -> None:
    while (wrapped := _wrap(bytes(16)))[0]:
        pass
    string = _seal(b"1" * 15 + b"\1")
    digests = set()
    for form in (wrapped, wrapped.lstrip(b"\0"), b"\0\0" + wrapped):
        document, facts = decrypt([_handmade(wrapped=form, string=string)], US)
        assert document == b"1" * 15
        digests.add(facts.wrapped_key_digest)
    assert digests == {hashlib.sha256(wrapped.lstrip(b"\0")).digest()}


@pytest.mark.parametrize("options", [(), ("-stream",)])
def test_a_message_cut_anywhere_is_refused(options: tuple[str, ...]) -> None:
    message = cms_encrypt(b"small", [US.certificate], "-aes128", *options)
    for length in range(len(message)):
        with pytest.raises((DecryptionFailed, MalformedMessage)):
            decrypt([message[:length]], US)


def test_octets_after_the_message_are_left_alone() -> None:
    for options in ((), ("-stream",)):
        message = cms_encrypt(DOCUMENT, [US.certificate], "-aes128", *options)
        for chunks in splits(message + b"\r\n\0"):
            assert decrypt(chunks, US)[0] == DOCUMENT


def test_flipped_bits_never_raise_anything_else() -> None:
    message = cms_encrypt(b"small", [US.certificate], "-aes128", "-stream")
    for at in range(len(message)):
        flipped = bytearray(message)
        flipped[at] ^= 1 << at % 8
        try:
            decrypt([bytes(flipped)], US)
        except (DecryptionFailed, MalformedMessage, AssertionError):
            continue


def test_a_fault_is_told_only_when_all_octets_were_read() -> None:
    message = _handmade(cipher=der.sequence(der.oid("1.2.3"), der.NULL))
    body = message[message.index(der.integer(0)) - 4 :]
    keys = (DecryptionKey(US.rsa_key, US.certificate),)
    info = ContentInfo(oids.ENVELOPED_DATA, ())
    layer = Layer(lambda source: enveloped.decrypt(source, keys, frozenset(), Limits(), info))
    for chunk in (body, bytes(100_000), bytes(100_000)):
        assert list(layer.feed(chunk)) == []
    with pytest.raises(DecryptionFailed):
        list(layer.end())


def test_recipients_are_bounded_in_number_and_size() -> None:
    others = [identity(f"other{number}", key_of="other").certificate for number in range(3)]
    message = cms_encrypt(DOCUMENT, [*others, US.certificate], "-aes128")
    inner = ber.parse(message).children[1].only_child()
    size = len(inner.children[1].raw)
    exact = Limits(recipients=4, recipients_size=size)
    assert decrypt([message], US, limits=exact)[0] == DOCUMENT
    few, small = Limits(recipients=3), Limits(recipients_size=size - 1)
    assert "4 RecipientInfos" in _assert_refused(message, limits=few)
    assert "more than" in _assert_refused(message, limits=small)


class _CountingKey:
    """A private key that counts what it is asked to open."""

    key_size = 2048

    def __init__(self) -> None:
        self.calls = 0

    def decrypt(self, wrapped: bytes, how: AsymmetricPadding) -> bytes:
        self.calls += 1
        return US.rsa_key.decrypt(wrapped, how)


def test_one_message_costs_one_private_key_operation() -> None:
    message = cms_encrypt(DOCUMENT, [US.certificate] * 3, "-aes128")
    key = _CountingKey()
    keys = DecryptionKey(key, US.certificate)  # type: ignore[arg-type]  # all that is asked of one

    def parser(source: Source) -> Parser[bytes, EnvelopedFacts]:
        info = yield from read_content_info(source)
        return (yield from enveloped.decrypt(source, (keys, keys), CIPHERS, Limits(), info))

    run_chunks(parser, [message])
    assert key.calls == 1
