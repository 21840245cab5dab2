"""What pyas2lib builds here is what policy and caller said, to the octet."""

from dataclasses import replace
from email import message_from_bytes

import pytest

from as2gateway.algorithms import (
    KEPT_DIGESTS,
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.engine import Composition
from as2gateway.engines import get_engine
from as2gateway.policy import MDNMode, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.pyas2.engine import Pyas2Engine
from tests.gateway.test_send import PLAIN, POLICY, STAMP
from tests.gateway.wrapping import OURS, PAYLOAD, THEIRS
from tests.openssl import cms_decrypt, cms_verify, identity

CURVED = identity("curved", "p256")
CIPHERS = (
    CipherAlgorithm.AES128_CBC,
    CipherAlgorithm.AES192_CBC,
    CipherAlgorithm.AES256_CBC,
    CipherAlgorithm.TRIPLE_DES_CBC,
)


def compose(
    policy: OutboundPolicy = POLICY, payload: bytes = PAYLOAD, **info: str
) -> tuple[Composition, bytes]:
    pieces = [payload[:10], payload[10:]]
    composition = get_engine("pyas2lib").compose(
        pieces, PayloadInfo(len(payload), **info), policy, STAMP
    )
    return composition, b"".join(composition)


def split_parts(octets: bytes) -> tuple[bytes, bytes]:
    """The two parts of a signed entity, cut by hand."""
    boundary = b"\r\n--" + octets.partition(b'boundary="')[2].partition(b'"')[0] + b"\r\n"
    _, first, second = octets.split(boundary)
    return first, second


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("digest", DigestAlgorithm)
def test_openssl_decrypts_and_verifies(cipher: CipherAlgorithm, digest: DigestAlgorithm) -> None:
    composition, body = compose(replace(POLICY, encrypt=cipher, sign=digest))
    first, second = split_parts(cms_decrypt(body, OURS))
    assert first.startswith(b"Content-Type: application/EDI-X12\r\n")
    assert first.endswith(b"\r\n\r\n" + PAYLOAD)
    signature = message_from_bytes(second).get_payload(decode=True)
    assert isinstance(signature, bytes)
    if digest is not DigestAlgorithm.MD5:  # which openssl does not verify any more
        assert cms_verify(signature, THEIRS.certificate, first) == first
    running = digest.new()
    running.update(first)
    assert composition.mics[digest] == running.digest()
    assert {*composition.mics} == {*KEPT_DIGESTS, digest}


@pytest.mark.parametrize("payload", [b"", b"\n", b"a\nb\r\nc\rd", b"--x--\r\n", bytes(range(256))])
@pytest.mark.parametrize("content_type", ["application/EDI-X12", "text/plain; charset=utf-8"])
def test_payloads_stay_as_they_are(payload: bytes, content_type: str) -> None:
    _, plain = compose(PLAIN, payload, content_type=content_type)
    assert plain == payload
    composition, body = compose(replace(POLICY, encrypt=None), payload, content_type=content_type)
    boundary = (composition.headers.get("Content-Type") or "").rpartition('boundary="')[2][:-1]
    first = body.split(b"--" + boundary.encode())[1]
    assert first.endswith(b"\r\n\r\n" + payload + b"\r\n")


def test_header_fields_are_those_of_the_caller() -> None:
    composition, _ = compose(replace(POLICY, mdn=MDNMode.ASYNC, mdn_url="http://us/mdn"))
    fields = dict(composition.headers)
    assert fields["AS2-From"] == "US"
    assert fields["AS2-To"] == '"Them Inc"'
    assert fields["Message-ID"] == STAMP.message_id
    assert fields["Subject"] == STAMP.subject
    assert fields["Date"] == "Wed, 04 Mar 2026 05:06:07 GMT"
    assert fields["Receipt-Delivery-Option"] == "http://us/mdn"
    assert "sha-256" in fields["Disposition-Notification-Options"]
    assert "Content-Transfer-Encoding" not in fields
    assert fields["Content-Type"].startswith("application/pkcs7-mime")


def test_the_mics_are_known_once_the_body_was_read() -> None:
    composition = get_engine("pyas2lib").compose([b"x"], PayloadInfo(1), PLAIN, STAMP)
    with pytest.raises(RuntimeError, match="once the whole body"):
        _ = composition.mics
    assert b"".join(composition) == b"x"
    assert composition.mics


@pytest.mark.parametrize("filename", ["a\r\nX-Injected: b.edi", "a\0b\nc"])
def test_a_file_name_stays_in_its_field(filename: str) -> None:
    composition, body = compose(PLAIN, filename=filename)
    assert body == PAYLOAD
    disposition = composition.headers.get("Content-Disposition") or ""
    assert disposition.startswith('attachment; filename="a_')


CURVED_KEY = SigningKey(CURVED.private_key, CURVED.certificate)
PSS_KEY = SigningKey(THEIRS.private_key, THEIRS.certificate, SignatureScheme.RSA_PSS)
IMPOSSIBLE = {
    "no key to sign with": replace(POLICY, sign_with=None),
    "no certificate to encrypt to": replace(POLICY, encrypt_to=None),
    "compresses before it signs only": replace(POLICY, compress=Compression.AFTER_SIGNING),
    "does not know rsa-oaep": replace(POLICY, key_transport=KeyTransport.RSA_OAEP),
    "signs with RSA keys": replace(POLICY, sign_with=CURVED_KEY),
    "and rsa-pkcs1-v1.5 only": replace(POLICY, sign_with=PSS_KEY),
    "does not know aes-128-gcm": replace(POLICY, encrypt=CipherAlgorithm.AES128_GCM),
    "has no RSA key": replace(POLICY, encrypt_to=CURVED.certificate),
    "no URL to send it to": replace(POLICY, mdn=MDNMode.ASYNC),
}


@pytest.mark.parametrize("words", IMPOSSIBLE)
def test_what_it_cannot_do_is_said_in_words(words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compose(IMPOSSIBLE[words])


def test_a_key_that_signs_nothing_may_be_of_any_kind() -> None:
    key = SigningKey(CURVED.private_key, CURVED.certificate)
    composition, body = compose(replace(POLICY, sign=None, sign_with=key))
    assert composition.headers.get("Content-Type", "").startswith("application/pkcs7-mime")  # type: ignore[union-attr]  # it is there
    assert cms_decrypt(body, OURS).endswith(b"\r\n\r\n" + PAYLOAD)


def test_settings_are_checked_before_there_are_keys() -> None:
    engine = get_engine("pyas2lib")
    keyless = replace(POLICY, sign_with=None, encrypt_to=None)
    engine.check(keyless)
    impossible = replace(keyless, compress=Compression.AFTER_SIGNING)
    with pytest.raises(ValueError, match="use the engine native"):
        engine.check(impossible)
    get_engine("native").check(impossible)


@pytest.mark.parametrize("content_type", ["multipart/mixed", "message/rfc822", "a/b\r\nX: y", "x"])
def test_content_types_that_it_cannot_send_are_refused(content_type: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  some of the words are those of the email package
        compose(content_type=content_type)


@pytest.mark.parametrize("size", [2, 4])
def test_the_payload_must_be_as_large_as_announced(size: int) -> None:
    with pytest.raises(ValueError, match=f"was to have {size} bytes"):
        get_engine("pyas2lib").compose([b"abc"], PayloadInfo(size), PLAIN, STAMP)


def test_a_payload_is_held_up_to_a_limit() -> None:
    engine = Pyas2Engine(whole_message=3)
    assert b"".join(engine.compose([b"abc"], PayloadInfo(3), PLAIN, STAMP)) == b"abc"
    with pytest.raises(ValueError, match="holds 3 at the most"):
        engine.compose([b"abcd"], PayloadInfo(4), PLAIN, STAMP)
