"""What we build is read by openssl, by hand-cut MIME, and by our own receiver."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms

from as2gateway.algorithms import (
    KEPT_DIGESTS,
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
)
from as2gateway.engine import Composition, Stamp
from as2gateway.engines import ENGINES, get_engine
from as2gateway.entities import HELD
from as2gateway.headers import Headers
from as2gateway.policy import MDNMode, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.send import MessageComposition
from tests.gateway.reading import LEGACY, accepted, read
from tests.gateway.test_certificates import with_usage
from tests.gateway.wrapping import OURS, PAYLOAD, THEIRS
from tests.openssl import cms_decrypt, cms_verify, identity

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
STAMP = Stamp("<1@us.example>", NOW, "Order 850")
# We are the one who is read as "theirs" by the receiving end.
POLICY = OutboundPolicy(
    as2_from="US",
    as2_to="Them Inc",
    sign_with=SigningKey(THEIRS.private_key, THEIRS.certificate),
    encrypt_to=OURS.certificate,
)
PLAIN = replace(POLICY, sign=None, encrypt=None)
PROTOCOL = "signed-receipt-protocol=optional, pkcs7-signature"


def compose(
    policy: OutboundPolicy, payload: bytes = PAYLOAD, **info: str
) -> tuple[Headers, bytes, Composition]:
    pieces = (payload[at : at + 65536] for at in range(0, len(payload), 65536))
    composition = get_engine("native").compose(
        pieces, PayloadInfo(len(payload), **info), policy, STAMP
    )
    return composition.headers, b"".join(composition), composition


def entity(headers: Headers, body: bytes) -> Message:
    """As Python's own parser sees it."""
    return message_from_bytes(headers.encode() + b"\r\n" + body)


ALL_PACKAGINGS = [
    (sign, encrypt, compress)
    for sign in (None, DigestAlgorithm.SHA256)
    for encrypt in (None, CipherAlgorithm.AES128_CBC)
    for compress in Compression
]


@pytest.mark.parametrize(("sign", "encrypt", "compress"), ALL_PACKAGINGS)
def test_our_own_receiver_reads_every_packaging(
    sign: DigestAlgorithm | None, encrypt: CipherAlgorithm | None, compress: Compression
) -> None:
    policy = replace(POLICY, sign=sign, encrypt=encrypt, compress=compress)
    headers, body, composition = compose(policy, filename="po.edi")
    payload, verdict = read(headers, [body], LEGACY)
    facts = accepted(verdict).facts
    assert payload == PAYLOAD
    assert facts.mic is not None
    assert facts.mic.digest == composition.mics[facts.mic.algorithm]
    assert facts.encrypted is (encrypt is not None)
    assert facts.signed is (sign is not None)
    assert facts.compressed is (compress is not Compression.NONE)
    assert (facts.filename, facts.notes) == ("po.edi", ())


@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize("cipher", CipherAlgorithm)
def test_openssl_decrypts_and_verifies(cipher: CipherAlgorithm, transport: KeyTransport) -> None:
    policy = replace(POLICY, encrypt=cipher, key_transport=transport)
    headers, body, composition = compose(policy)
    kind = "authEnveloped-data" if cipher.authenticates else "enveloped-data"
    content_type = f'application/pkcs7-mime; smime-type={kind}; name="smime.p7m"'
    assert headers.get("Content-Type") == content_type
    part, signature = split_signed(cms_decrypt(body, OURS))
    assert cms_verify(signature, THEIRS.certificate, part) == part
    assert part.endswith(b"\r\n\r\n" + PAYLOAD)
    mics = {name: name.new() for name in KEPT_DIGESTS}
    for running in mics.values():
        running.update(part)
    assert composition.mics == {name: running.digest() for name, running in mics.items()}


def split_signed(octets: bytes) -> tuple[bytes, bytes]:
    """Cut a signed entity by hand: the signed part, and the signature in DER."""
    boundary = b"\r\n--" + octets.partition(b'boundary="')[2].partition(b'"')[0]
    opening, first, second, closing = octets.split(boundary)
    assert opening.endswith(b"\r\n")
    assert closing == b"--\r\n"
    return first.removeprefix(b"\r\n"), second.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("digest", [each for each in DigestAlgorithm if each != "md5"])
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_openssl_verifies_what_is_only_signed(digest: DigestAlgorithm, kind: str) -> None:
    signer = identity("signer", kind)
    key = SigningKey(signer.private_key, signer.certificate)
    headers, body, composition = compose(replace(POLICY, encrypt=None, sign=digest, sign_with=key))
    message = entity(headers, body)
    assert message.get_content_type() == "multipart/signed"
    assert message.get_param("micalg") == digest.wire_name
    assert message.get_param("protocol") == "application/pkcs7-signature"
    part, signature = split_signed(headers.encode() + b"\r\n" + body)
    assert cms_verify(signature, signer.certificate, part) == part
    assert composition.mics[digest] == hashlib.new(digest.replace("-", ""), part).digest()


@pytest.mark.parametrize(
    ("encrypt", "compress", "octets"),
    [
        (None, Compression.NONE, PAYLOAD),
        (CipherAlgorithm.AES128_CBC, Compression.NONE, None),
        (None, Compression.BEFORE_SIGNING, None),
        (CipherAlgorithm.AES128_CBC, Compression.AFTER_SIGNING, None),
    ],
)
def test_the_mic_of_an_unsigned_message_is_over_its_innermost_entity(
    encrypt: CipherAlgorithm | None, compress: Compression, octets: bytes | None
) -> None:
    _, body, composition = compose(replace(PLAIN, encrypt=encrypt, compress=compress))
    if encrypt:
        clear = cms_decrypt(body, OURS)
        octets = clear if compress is Compression.NONE else unpack(clear.split(b"\r\n\r\n", 1)[1])
    elif compress is not Compression.NONE:
        octets = unpack(body)
    assert octets is not None
    assert octets.endswith(PAYLOAD)
    assert composition.mics[DigestAlgorithm.SHA256] == hashlib.sha256(octets).digest()


def unpack(der: bytes) -> bytes:
    content = asn1_cms.ContentInfo.load(der, strict=True)["content"]
    return zlib.decompress(content["encap_content_info"]["content"].native)


# Lengths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.parametrize("compress", Compression)
def test_small_messages_have_definite_lengths(kind: str, compress: Compression) -> None:
    signer = identity("signer", kind)
    key = SigningKey(signer.private_key, signer.certificate)
    _, body, composition = compose(replace(POLICY, sign_with=key, compress=compress))
    info = asn1_cms.ContentInfo.load(body, strict=True)
    assert info.dump(force=True) == body
    assert isinstance(composition, MessageComposition)
    assert composition.length in {None, len(body)}
    assert (composition.length is None) is (kind == "p256" or compress is not Compression.NONE)


def test_large_messages_have_definite_lengths_if_those_can_be_told() -> None:
    payload = hashlib.shake_128(b"seed").digest(HELD + 1)
    _, body, composition = compose(POLICY, payload)
    assert asn1_cms.ContentInfo.load(body, strict=True).contents is not None
    assert body[:2] == b"\x30\x83"
    assert isinstance(composition, MessageComposition)
    assert composition.length == len(body)


@pytest.mark.parametrize("compress", [Compression.BEFORE_SIGNING, Compression.AFTER_SIGNING])
def test_large_messages_have_indefinite_lengths_otherwise(compress: Compression) -> None:
    payload = hashlib.shake_128(b"seed").digest(HELD + 1)
    headers, body, composition = compose(replace(POLICY, compress=compress), payload)
    assert body[:2] == b"\x30\x80"
    received, verdict = read(headers, [body])
    assert received == payload
    mic = accepted(verdict).facts.mic
    assert mic is not None
    assert composition.mics[mic.algorithm] == mic.digest


@pytest.mark.parametrize("size", [0, 10, 10**9])
@pytest.mark.parametrize("policy", [PLAIN, POLICY])
def test_a_payload_of_another_size_is_not_sent(size: int, policy: OutboundPolicy) -> None:
    pieces = [PAYLOAD[:20], PAYLOAD[20:]]
    composition = get_engine("native").compose(pieces, PayloadInfo(size), policy, STAMP)
    with pytest.raises(ValueError, match=f"{size} bytes"):
        b"".join(composition)


def test_a_payload_is_read_only_as_the_body_is() -> None:
    taken = []

    def payload() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield bytes(65536)

    composition = get_engine("native").compose(payload(), PayloadInfo(100 * 65536), POLICY, STAMP)
    assert taken == []
    with pytest.raises(RuntimeError):
        _ = composition.mics
    next(iter(composition))
    assert len(taken) <= 1


# Header fields -------------------------------------------------------------------------------


def test_header_fields_say_who_sends_what_to_whom() -> None:
    headers, _, _ = compose(PLAIN, content_type="application/EDIFACT", filename="a b.edi")
    assert headers.fields == (
        ("AS2-Version", "1.1"),
        ("AS2-From", "US"),
        ("AS2-To", '"Them Inc"'),
        ("Message-ID", "<1@us.example>"),
        ("Subject", "Order 850"),
        ("Date", "Wed, 04 Mar 2026 05:06:07 GMT"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "application/EDIFACT"),
        ("Content-Disposition", 'attachment; filename="a b.edi"'),
        ("Disposition-Notification-To", "US"),
        (
            "Disposition-Notification-Options",
            f"{PROTOCOL}; signed-receipt-micalg=optional, sha-256",
        ),
    )


def test_dates_are_given_in_universal_time() -> None:
    stamp = replace(STAMP, now=NOW.astimezone(timezone(timedelta(hours=9))))
    composition = get_engine("native").compose([], PayloadInfo(0), PLAIN, stamp)
    assert composition.headers.get("Date") == "Wed, 04 Mar 2026 05:06:07 GMT"


@pytest.mark.parametrize(("sign", "name"), [(DigestAlgorithm.SHA1, "sha1"), (None, "sha-256")])
def test_the_mdn_is_asked_for_in_the_digest_of_the_signature(
    sign: DigestAlgorithm | None, name: str
) -> None:
    headers, _, _ = compose(replace(POLICY, sign=sign))
    options = headers.get("Disposition-Notification-Options") or ""
    assert options.endswith(f"signed-receipt-micalg=optional, {name}")


def test_no_mdn_an_unsigned_one_or_an_async_one_may_be_asked_for() -> None:
    headers, _, _ = compose(replace(POLICY, mdn=MDNMode.NONE))
    assert not [name for name, _ in headers if name.startswith(("Disposition-N", "Receipt"))]
    headers, _, _ = compose(replace(POLICY, mdn_signed=False))
    assert "Disposition-Notification-Options" not in headers
    url = "https://us.example/as2/mdn"
    headers, _, _ = compose(replace(POLICY, mdn=MDNMode.ASYNC, mdn_url=url))
    assert headers.get("Receipt-Delivery-Option") == url


@pytest.mark.parametrize(
    "name", ["po 850.edi", 'a"b\\c.edi', "заказ.edi", "Bestellung-ä.edi", "line\r\nend", "100%.x"]
)
@pytest.mark.parametrize("policy", [PLAIN, POLICY])
def test_any_file_name_arrives(name: str, policy: OutboundPolicy) -> None:
    headers, body, _ = compose(policy, filename=name)
    assert accepted(read(headers, [body], LEGACY)[1]).facts.filename == name
    assert b"\r\n " not in headers.encode()


@pytest.mark.parametrize("subject", ["Bestellung für Ä " * 30, "two\r\nlines", "", "x" * 500])
def test_any_subject_is_one_line_of_ascii(subject: str) -> None:
    stamp = replace(STAMP, subject=subject)
    composition = get_engine("native").compose([], PayloadInfo(0), PLAIN, stamp)
    line = composition.headers.get("Subject") or ""
    assert line
    assert line.isascii()
    assert composition.headers.encode().count(b"\r\n") == len(composition.headers.fields)


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        (replace(POLICY, sign_with=None), "signed"),
        (replace(POLICY, encrypt_to=None), "encrypted"),
        (replace(POLICY, mdn=MDNMode.ASYNC), "URL"),
        (replace(POLICY, as2_to=""), "character"),
        (replace(POLICY, encrypt_to=identity("curve", "p256").certificate), "RSA"),
        (
            replace(POLICY, encrypt_to=with_usage(key_encipherment=False), require_key_usage=True),
            "keyUsage",
        ),
    ],
)
def test_a_policy_that_lacks_something_is_refused(policy: OutboundPolicy, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        get_engine("native").compose([b""], PayloadInfo(0), policy, STAMP)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("changes", "content_type"),
    [
        ({}, "text/plain\r\n ;charset=utf-8"),
        ({}, "text/plain;\tcharset=utf-8"),
        ({"mdn": MDNMode.ASYNC, "mdn_url": "http://us/as2\r\nX: y"}, "text/plain"),
    ],
)
def test_no_field_of_a_message_breaks_out_of_its_line(
    engine: str, changes: dict[str, Any], content_type: str
) -> None:
    info = PayloadInfo(1, content_type)
    with pytest.raises(ValueError, match="cannot be sent"):
        get_engine(engine).compose([b"x"], info, replace(PLAIN, **changes), STAMP)
