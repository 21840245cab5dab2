"""EnvelopedData: what OpenSSL seals opens here, and the reverse; every fault is one answer."""

import os
import random

import pytest

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm, KeyTransport
from as2gateway.cms import enveloped
from as2gateway.engines import ENGINES
from tests import openssl
from tests.gateway.cms.reading import decrypt
from tests.gateway.reading import OPEN, accepted, read
from tests.gateway.splits import splits
from tests.gateway.wrapping import OURS, document, pkcs7
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
        (CipherAlgorithm.AES128_GCM, "-aes-128-gcm"),
        (CipherAlgorithm.AES192_GCM, "-aes-192-gcm"),
        (CipherAlgorithm.AES256_GCM, "-aes-256-gcm"),
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


def _enclosed(tag: int, contents: bytes, *, definite: bool) -> bytes:
    if definite:
        return der.element(tag, contents)
    return bytes([tag]) + der.INDEFINITE + contents + der.END_OF_CONTENTS


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_attributes_that_are_not_protected_are_passed_over(
    engine: str, outside: bool, inside: bool
) -> None:
    entity = document()
    octets = cms_encrypt(entity.octets, [OURS.certificate], "-aes128")
    oid, explicit = ber.parse(octets).children
    attribute = der.sequence(der.oid("1.2.3.4"), der.set_of([der.integer(1)]))
    value = explicit.only_child().content + der.element(0xA1, attribute)
    value = _enclosed(der.SEQUENCE, value, definite=inside)
    value = _enclosed(0xA0, value, definite=outside)
    message = pkcs7(
        "enveloped-data", _enclosed(der.SEQUENCE, oid.raw + value, definite=outside) + b"\r\n"
    )
    for chunks in splits(message.body):
        payload, verdict = read(message.headers, chunks, OPEN, engine=engine)
        accepted(verdict)
        assert payload == entity.body


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
