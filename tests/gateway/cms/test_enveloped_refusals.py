"""EnvelopedData that is damaged, hostile or not for us: one answer, once all octets were read."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm
from as2gateway.cms import enveloped, oids
from as2gateway.cms.content import ContentInfo, read_content_info
from as2gateway.cms.enveloped import EnvelopedFacts
from as2gateway.errors import DecryptionFailed, MalformedMessage
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits
from as2gateway.stream import Layer, Parser, Source
from tests.gateway.cms.reading import decrypt
from tests.gateway.cms.test_enveloped import AES, DOCUMENT, US
from tests.gateway.splits import run_chunks, splits
from tests.openssl import Identity, cms_encrypt, identity

THEM = identity("them")


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
    policy = InboundPolicy("THEM", "US", ciphers=frozenset(), decrypt_with=keys)
    info = ContentInfo(oids.ENVELOPED_DATA, ())
    layer = Layer(lambda source: enveloped.decrypt(source, policy, Limits(), info))
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
    one = DecryptionKey(key, US.certificate)  # type: ignore[arg-type]  # all that is asked of one
    policy = InboundPolicy("THEM", "US", decrypt_with=(one, one))
    _run(message, policy)
    assert key.calls == 1


@pytest.mark.parametrize("option", ["-aes128", "-aes-128-gcm"])
def test_a_wrapped_key_that_came_before_costs_none(option: str) -> None:
    message = cms_encrypt(DOCUMENT, [US.certificate], option)
    key = _CountingKey()
    one = DecryptionKey(key, US.certificate)  # type: ignore[arg-type]  # the same
    asked: list[bytes] = []

    def seen(digest: bytes) -> bool:
        asked.append(digest)
        return True

    policy = InboundPolicy("THEM", "US", decrypt_with=(one,), wrapped_key_seen=seen)
    with pytest.raises(DecryptionFailed, match="came before"):
        _run(message, policy)
    assert (key.calls, asked) == (0, [decrypt([message], US)[1].wrapped_key_digest])


def _run(message: bytes, policy: InboundPolicy) -> None:
    def parser(source: Source) -> Parser[bytes, EnvelopedFacts]:
        info = yield from read_content_info(source)
        return (yield from enveloped.decrypt(source, policy, Limits(), info))

    run_chunks(parser, [message])
