"""AES-GCM: AuthEnvelopedData by hand, with the one-shot AESGCM of cryptography as the oracle."""

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from as2gateway import der
from as2gateway.algorithms import CipherAlgorithm
from as2gateway.cms import gcm, oids
from as2gateway.cms.ciphers import ContentCipher, TaggedOpener
from as2gateway.errors import DecryptionFailed
from tests.gateway.cms.reading import decrypt
from tests.gateway.cms.test_enveloped import DOCUMENT, US
from tests.gateway.splits import splits
from tests.openssl import cms_encrypt

KEY = bytes(range(16))
AES = CipherAlgorithm.AES128_GCM
ATTRIBUTES = [
    der.sequence(der.oid(oids.SIGNING_TIME), der.set_of([der.octet_string(b"z" * 40)])),
    der.sequence(der.oid(oids.CONTENT_TYPE), der.set_of([der.oid(oids.DATA)])),
]


def _message(  # each part can be made wrong
    *,
    nonce: bytes = bytes(12),
    announced_nonce: bytes = b"",
    tag_length: int = 16,
    announced: bytes | None = None,
    attributes: list[bytes] | None = None,
    cipher: CipherAlgorithm = AES,
    identifier: bytes | None = None,
    damage: Callable[[bytes, bytes], tuple[bytes, bytes]] = lambda sealed, tag: (sealed, tag),
) -> bytes:
    authenticated = der.set_of(attributes) if attributes else b""
    whole = AESGCM(KEY).encrypt(nonce, DOCUMENT, authenticated)
    sealed, tag = damage(whole[:-16], whole[-16:][:tag_length])
    public = US.certificate.public_key
    assert isinstance(public, RSAPublicKey)
    recipient = der.sequence(
        der.integer(0),
        US.certificate.issuer_and_serial,
        der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL),
        der.octet_string(public.encrypt(KEY, padding.PKCS1v15())),
    )
    length = der.integer(tag_length) if announced is None else announced
    parameters = der.sequence(der.octet_string(announced_nonce or nonce), length)
    algorithm = identifier or der.sequence(der.oid(cipher.oid), parameters)
    content = der.sequence(der.oid(oids.DATA), algorithm, der.element(der.CONTEXT, sealed))
    # As received they are in no order; what counts is their DER.
    travelling = der.element(0xA1, *attributes) if attributes else b""
    inner = der.sequence(
        der.integer(0), der.set_of([recipient]), content, travelling, der.octet_string(tag)
    )
    return der.sequence(der.oid(oids.AUTH_ENVELOPED_DATA), der.element(0xA0, inner))


def _refused(message: bytes) -> str:
    reasons = set()
    for chunks in splits(message):
        with pytest.raises(DecryptionFailed) as caught:
            decrypt(chunks, US)
        reasons.add(caught.value.reason)
    assert len(reasons) == 1
    return reasons.pop()


@pytest.mark.parametrize("tag_length", gcm.TAG_LENGTHS)
@pytest.mark.parametrize("attributes", [None, ATTRIBUTES, ATTRIBUTES[::-1]])
def test_attributes_behind_the_octets_are_authenticated(
    tag_length: int, attributes: list[bytes] | None
) -> None:
    message = _message(tag_length=tag_length, attributes=attributes)
    for chunks in splits(message):
        document, facts = decrypt(chunks, US)
        assert (document, facts.cipher) == (DOCUMENT, AES)


def test_a_tag_that_does_not_say_its_length_has_twelve_octets() -> None:
    assert decrypt([_message(tag_length=12, announced=b"")], US)[0] == DOCUMENT


@pytest.mark.parametrize("size", [8, 12, 16, 128])
def test_nonces_may_have_other_lengths(size: int) -> None:
    message = _message(nonce=os.urandom(size), attributes=ATTRIBUTES)
    assert decrypt([message], US)[0] == DOCUMENT


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
@pytest.mark.parametrize("authenticated", [1, 15, 16, 17, 100])
def test_the_checksum_is_the_one_of_the_standard(count: int, authenticated: int) -> None:
    clear, extra, nonce = os.urandom(count), os.urandom(authenticated), os.urandom(12)
    sealed = AESGCM(KEY).encrypt(nonce, clear, extra)
    opener = TaggedOpener(ContentCipher(AES, nonce, 16), KEY)
    assert opener.update(sealed[:-16]) == clear
    opener.verify(sealed[-16:], extra)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda sealed, tag: (sealed, tag[:-1]), "tag is wrong"),
        (lambda sealed, tag: (sealed, bytes(16)), "tag is wrong"),
        (lambda sealed, tag: (b"\0" + sealed[1:], tag), "tag is wrong"),
        (lambda sealed, tag: (sealed[:-1], tag), "tag is wrong"),
        (lambda sealed, tag: (sealed, b""), "tag is wrong"),
    ],
)
def test_what_was_changed_is_refused(
    damage: Callable[[bytes, bytes], tuple[bytes, bytes]], words: str
) -> None:
    assert words in _refused(_message(damage=damage, attributes=ATTRIBUTES))


def test_other_attributes_than_those_authenticated_are_refused() -> None:
    message = _message(attributes=ATTRIBUTES)
    assert message.count(b"z" * 40) == 1
    assert "tag is wrong" in _refused(message.replace(b"z" * 40, b"y" * 40))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (_message(announced=der.integer(11), tag_length=11), "a tag of 11 octets"),
        (_message(announced=der.integer(17)), "a tag of 17 octets"),
        (_message(announced=der.integer(12)), "tag is wrong"),
        (_message(announced_nonce=bytes(129)), "a nonce of 129"),
        (_message(announced_nonce=bytes(13)), "tag is wrong"),
        (_message(cipher=CipherAlgorithm.AES256_GCM), "tag is wrong"),
    ],
)
def test_parameters_outside_the_standard_are_refused(message: bytes, words: str) -> None:
    assert words in _refused(message)


def test_only_a_cipher_that_authenticates_may_stand_there() -> None:
    cbc = CipherAlgorithm.AES128_CBC
    message = _message(identifier=der.sequence(der.oid(cbc.oid), der.octet_string(bytes(16))))
    assert "aes-128-cbc in an AuthEnvelopedData" in _refused(message)


def test_an_enveloped_data_with_the_tag_behind_its_octets_is_read_too() -> None:
    def appended(sealed: bytes, tag: bytes) -> tuple[bytes, bytes]:
        return sealed + tag, b""

    message = _message(damage=appended)
    as_enveloped = _retyped(message)
    for chunks in splits(as_enveloped):
        assert decrypt(chunks, US)[0] == DOCUMENT
    assert "tag is wrong" in _refused(_retyped(_message(damage=lambda sealed, tag: (sealed, b""))))


def _retyped(message: bytes) -> bytes:
    """The same content as an EnvelopedData; its empty tag is then one element too many."""
    oid = der.oid(oids.AUTH_ENVELOPED_DATA)
    content = message[message.index(oid) + len(oid) :]
    return der.sequence(der.oid(oids.ENVELOPED_DATA), content)


def test_a_message_cut_anywhere_is_refused() -> None:
    message = cms_encrypt(b"small", [US.certificate], "-aes-256-gcm")
    for length in range(30, len(message)):
        with pytest.raises(DecryptionFailed):
            decrypt([message[:length]], US)


def test_more_octets_than_gcm_can_encrypt_are_refused() -> None:
    opener = TaggedOpener(ContentCipher(AES, bytes(12), 16), KEY)

    class Full:
        def update(self, _data: bytes) -> bytes:
            raise ValueError("Exceeded maximum encrypted byte limit")

    opener._opener = Full()  # type: ignore[assignment]  # 64 GiB would take minutes
    with pytest.raises(DecryptionFailed, match="more octets"):
        opener.update(b"x")
