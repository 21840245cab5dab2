"""Each quirk does what its product needs, and nothing is changed while it is off."""

import base64
import hashlib
import json
import re
from dataclasses import fields, replace

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm, SignatureScheme
from as2gateway.disposition import Disposition
from as2gateway.engine import BuiltMDN, Stamp
from as2gateway.engines import get_engine
from as2gateway.errors import UnsupportedMICAlgorithms
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits, OutboundPolicy, SigningKey
from as2gateway.quirks import (
    NAMES,
    NO_QUIRKS,
    EmptyAnswer,
    MICVariant,
    QuirkError,
    Quirks,
    from_plain,
    to_plain,
    why,
)
from as2gateway.request import MDNRequest, read_request
from as2gateway.send import MessageComposition
from tests.factories import certificate
from tests.gateway.mdns import EXPECTED, key
from tests.gateway.reading import LEGACY, OPEN, STRICT, accepted, read, read_to_the_end, rejected
from tests.gateway.test_send import NOW, PLAIN, POLICY, compose, split_signed
from tests.gateway.wrapping import (
    OURS,
    PAYLOAD,
    THEIRS,
    document,
    encrypted,
    multipart,
    opaque,
    signature,
)
from tests.openssl import cms_decrypt, cms_verify

SHA1, SHA256, SHA512 = DigestAlgorithm.SHA1, DigestAlgorithm.SHA256, DigestAlgorithm.SHA512
SIGNED = replace(POLICY, encrypt=None)
KEY = SigningKey(THEIRS.rsa_key, THEIRS.certificate)


def test_nothing_is_quirky_by_default() -> None:
    assert all(not getattr(NO_QUIRKS, field.name) for field in fields(Quirks))
    assert POLICY.quirks is STRICT.quirks is NO_QUIRKS


# Sending -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [None, SHA256])
@pytest.mark.parametrize("encrypt", [None, CipherAlgorithm.AES128_CBC, CipherAlgorithm.AES256_GCM])
@pytest.mark.parametrize("compress", Compression)
def test_base64_is_read_in_every_packaging(
    sign: DigestAlgorithm | None, encrypt: CipherAlgorithm | None, compress: Compression
) -> None:
    quirks = Quirks(base64=True)
    policy = replace(POLICY, sign=sign, encrypt=encrypt, compress=compress, quirks=quirks)
    headers, body, composition = compose(policy)
    if sign or encrypt or compress is not Compression.NONE:
        assert body.isascii()
    payload, verdict = read(headers, [body], LEGACY)
    facts = accepted(verdict).facts
    assert payload == PAYLOAD
    assert facts.mic is not None
    assert facts.mic.digest == composition.mics[facts.mic.algorithm]
    assert isinstance(composition, MessageComposition)
    assert composition.length in {None, len(body)}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 100_000])
def test_the_length_of_base64_is_known_before(size: int) -> None:
    policy = replace(POLICY, quirks=Quirks(base64=True))
    headers, body, composition = compose(policy, bytes(size))
    assert isinstance(composition, MessageComposition)
    assert composition.length == len(body)
    assert headers.get("Content-Transfer-Encoding") == "base64"
    part, der = split_signed(cms_decrypt(base64.b64decode(body), OURS))
    assert cms_verify(base64.b64decode(der), THEIRS.certificate, part) == part
    assert max(len(line) for line in part.split(b"\r\n")) <= 76
    assert base64.b64decode(part.split(b"\r\n\r\n", 1)[1]) == bytes(size)


def test_digests_may_have_the_names_of_rfc_3851() -> None:
    headers, _, _ = compose(replace(SIGNED, quirks=Quirks(rfc3851_names=True)))
    assert "micalg=sha256;" in (headers.get("Content-Type") or "")
    options = headers.get("Disposition-Notification-Options") or ""
    assert options.endswith("signed-receipt-micalg=optional, sha256")


def test_certificates_may_be_left_out() -> None:
    headers, body, _ = compose(replace(SIGNED, quirks=Quirks(omit_certificates=True)))
    part, der = split_signed(headers.encode() + b"\r\n" + body)
    assert not asn1_cms.ContentInfo.load(der)["content"]["certificates"]
    assert cms_verify(der, THEIRS.certificate, part) == part


@pytest.mark.parametrize(
    ("name", "written"),
    [("po 850.edi", "po_850.edi"), ('a";b,c.edi', "a__b_c.edi"), ("po850.edi", "po850.edi")],
)
def test_file_names_may_go_without_quotes(name: str, written: str) -> None:
    headers, body, _ = compose(replace(PLAIN, sign=None), filename=name)
    assert headers.get("Content-Disposition", "").count('"') >= 2  # type: ignore[union-attr]  # it is there
    policy = replace(SIGNED, quirks=Quirks(bare_filename=True))
    _, body, _ = compose(policy, filename=name)
    assert f"Content-Disposition: attachment; filename={written}".encode() in body


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_a_signature_may_name_its_algorithms(scheme: SignatureScheme) -> None:
    key = replace(KEY, scheme=scheme)
    quirks = Quirks(algorithm_protection=True)
    headers, body, composition = compose(replace(SIGNED, sign_with=key, quirks=quirks))
    part, der = split_signed(headers.encode() + b"\r\n" + body)
    (signer,) = asn1_cms.ContentInfo.load(der)["content"]["signer_infos"]
    found = {attribute["type"].dotted: attribute["values"] for attribute in signer["signed_attrs"]}
    (named,) = found["1.2.840.113549.1.9.52"].native
    assert named["digest_algorithm"]["algorithm"] == "sha256"
    assert named["signature_algorithm"] == signer["signature_algorithm"].native
    assert cms_verify(der, THEIRS.certificate, part) == part
    assert isinstance(composition, MessageComposition)
    assert composition.length == len(body)
    assert read(headers, [body], LEGACY)[0] == PAYLOAD


def test_certificates_above_ours_go_along_only_if_they_are_wanted() -> None:
    key = replace(KEY, chain=(OURS.certificate,))
    for wanted, count in ((False, 1), (True, 2)):
        policy = replace(SIGNED, sign_with=key, quirks=Quirks(enclose_chain=wanted))
        headers, body, _ = compose(policy)
        _, der = split_signed(headers.encode() + b"\r\n" + body)
        assert len(asn1_cms.ContentInfo.load(der)["content"]["certificates"]) == count


@pytest.mark.parametrize("size", [0, 850, 300_000])
@pytest.mark.parametrize("compress", Compression)
def test_a_signature_may_hold_its_content(size: int, compress: Compression) -> None:
    policy = replace(SIGNED, compress=compress, quirks=Quirks(opaque_signature=True))
    headers, body, composition = compose(policy, bytes(size))
    payload, verdict = read(headers, [body], LEGACY)
    assert payload == bytes(size)
    assert accepted(verdict).facts.mic == MIC(composition.mics[SHA256], SHA256)
    assert isinstance(composition, MessageComposition)
    assert composition.length in {None, len(body)}
    if compress is Compression.NONE:
        assert "smime-type=signed-data" in (headers.get("Content-Type") or "")
        content = cms_verify(body, THEIRS.certificate)
        assert hashlib.sha256(content).digest() == composition.mics[SHA256]
        assert content.endswith(b"\r\n\r\n" + bytes(size))


def test_an_elliptic_signature_that_holds_its_content_verifies() -> None:
    """Its length is not known before, so it goes out in indefinite lengths."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    own = certificate("elliptic", key=private_key)
    policy = replace(SIGNED, sign_with=SigningKey(private_key, own))
    _, body, _ = compose(replace(policy, quirks=Quirks(opaque_signature=True)))
    assert cms_verify(body, own).endswith(PAYLOAD)


@pytest.mark.parametrize("size", [0, 15, 100_000])
def test_the_tag_of_gcm_may_stand_behind_the_octets(size: int) -> None:
    """As Bouncy Castle writes it; put asunder here by asn1crypto, and opened by cryptography."""
    policy = replace(
        PLAIN, sign=None, encrypt=CipherAlgorithm.AES256_GCM, compress=Compression.NONE
    )
    policy = replace(policy, encrypt_to=OURS.certificate, quirks=Quirks(appended_gcm_tag=True))
    headers, body, composition = compose(policy, bytes(size))
    assert "smime-type=enveloped-data" in (headers.get("Content-Type") or "")
    enveloped = asn1_cms.ContentInfo.load(body)["content"]
    wrapped = enveloped["recipient_infos"][0].chosen["encrypted_key"].native
    info = enveloped["encrypted_content_info"]
    nonce = info["content_encryption_algorithm"]["parameters"].parsed[0].native
    key = OURS.rsa_key.decrypt(wrapped, PKCS1v15())
    entity = AESGCM(key).decrypt(nonce, info["encrypted_content"].native, None)
    assert entity.endswith(b"\r\n\r\n" + bytes(size))
    assert isinstance(composition, MessageComposition)
    assert composition.length == len(body)


def test_quirks_of_writing_are_refused_by_an_engine_without_them() -> None:
    for name in ("base64", "algorithm_protection", "opaque_signature", "bare_filename"):
        policy = replace(POLICY, quirks=from_plain({name: True}))
        with pytest.raises(ValueError, match=f"quirk {name}; use the engine native"):
            get_engine("pyas2lib").check(policy)
    get_engine("pyas2lib").check(replace(POLICY, quirks=Quirks(chunked=True, accept_md5=True)))


# As settings ---------------------------------------------------------------------------------


def test_what_is_written_down_is_read_again() -> None:
    quirks = Quirks(
        base64=True,
        mic_tolerances=frozenset({MICVariant.LF, MICVariant.BODY}),
        empty_answer=EmptyAnswer.NO_CONTENT,
    )
    plain = to_plain(quirks)
    assert plain == {"base64": True, "mic_tolerances": ["body", "lf"], "empty_answer": "204"}
    assert from_plain(json.loads(json.dumps(plain))) == quirks
    assert from_plain({"empty_answer": 204, "base64": False}) == replace(
        NO_QUIRKS, empty_answer=EmptyAnswer.NO_CONTENT
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bas64": True}, 'unknown quirk "bas64"; did you mean "base64"'),
        ({"zzz": True}, "known are base64,"),
        ({"base64": "yes"}, "base64 is true or false, not 'yes'"),
        ({"empty_answer": 203}, "empty_answer: '203' is not one of 202, 204"),
        ({"mic_tolerances": "lf"}, "takes a list of entity, body"),
        ({"mic_tolerances": ["rot13"]}, "'rot13' is not one of entity, body"),
        ({"chunked": True, "http_1_0": True}, "chunked and http_1_0 exclude each other"),
        (["base64"], "names and values were expected"),
    ],
)
def test_what_is_no_quirk_is_refused_in_words(given: object, words: str) -> None:
    with pytest.raises(QuirkError, match=re.escape(words)):
        from_plain(given)


@pytest.mark.parametrize("name", NAMES)
def test_each_quirk_says_what_it_is_for(name: str) -> None:
    assert why(name).endswith(".")
    assert len(why(name)) > 60


# Receiving -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["detached", "opaque"])
@pytest.mark.parametrize(
    ("quirks", "requested", "used"),
    [
        (NO_QUIRKS, SHA512, SHA256),
        (Quirks(mic_from_options=True), SHA512, SHA512),
        (Quirks(mic_from_options=True), SHA1, SHA1),
        (Quirks(mic_from_options=True), None, SHA256),
    ],
)
def test_the_mic_of_a_signed_message_follows_the_signature_or_by_quirk_the_options(
    form: str, quirks: Quirks, requested: DigestAlgorithm | None, used: DigestAlgorithm
) -> None:
    octets = document().octets
    inside = opaque(document()) if form == "opaque" else multipart(octets, signature(octets))
    policy = replace(STRICT, quirks=quirks)
    request = MDNRequest(digest=requested)
    entity = encrypted(inside)
    facts = accepted(read(entity.headers, [entity.body], policy, request=request)[1]).facts
    assert facts.mic is not None
    assert (facts.mic.algorithm, facts.layers[1].digest) == (used, SHA256)
    assert facts.mic.digest == hashlib.new(used.rfc3851_name, octets).digest()


def test_the_quirk_holds_in_a_second_reading_too() -> None:
    octets = document().octets
    entity = encrypted(multipart(octets, signature(octets), micalg="sha-512"))
    assert accepted(read_to_the_end(entity)[1]).facts.layers[1].digest is SHA256
    request = MDNRequest(digest=SHA512)
    policy = replace(STRICT, quirks=Quirks(mic_from_options=True))
    again = rejected(read(entity.headers, [entity.body], policy, request=request)[1])
    _, verdict = read(
        entity.headers, [entity.body], policy, request=request, reading=again.second_reading
    )
    mic = accepted(verdict).facts.mic
    assert mic is not None
    assert mic.algorithm is SHA512


OPTIONS = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg="


@pytest.mark.parametrize(
    ("importance", "quirks", "taken"),
    [
        ("optional", NO_QUIRKS, False),
        ("required", Quirks(mic_in_other_digest=True), False),
        ("optional", Quirks(mic_in_other_digest=True), True),
    ],
)
def test_a_digest_that_is_not_known_may_be_replaced_if_it_was_optional(
    importance: str, quirks: Quirks, taken: bool
) -> None:
    headers = Headers(
        (
            ("AS2-From", "THEM"),
            ("AS2-To", "US"),
            ("Disposition-Notification-To", "x"),
            ("Disposition-Notification-Options", f"{OPTIONS}{importance}, whirlpool"),
            ("Content-Type", "application/edi-x12"),
        )
    )
    request = read_request(headers).mdn
    _, verdict = read(headers, [PAYLOAD], replace(OPEN, quirks=quirks), request=request)
    if not taken:
        assert isinstance(rejected(verdict).error, UnsupportedMICAlgorithms)
        return
    facts = accepted(verdict).facts
    assert facts.mic is not None
    assert facts.mic.algorithm is SHA256
    assert "whirlpool" in facts.notes[0]


# MDNs ----------------------------------------------------------------------------------------

REPORT = MDNReport(
    as2_from=EXPECTED.as2_to,
    as2_to=EXPECTED.as2_from,
    original_message_id=EXPECTED.message_id,
    final_recipient=EXPECTED.as2_to,
    disposition=Disposition.parse("automatic-action/MDN-sent-automatically; processed/error: x"),
)


def mdn(report: MDNReport) -> BuiltMDN:
    return get_engine("native").compose_mdn(report, Stamp("<m@x>", NOW), key(), SHA256)


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(base64=True),
        Quirks(rfc3851_names=True),
        Quirks(omit_certificates=True),
        Quirks(base64=True, rfc3851_names=True, omit_certificates=True),
    ],
)
def test_an_mdn_by_any_quirk_is_read(quirks: Quirks) -> None:
    built = mdn(replace(REPORT, quirks=quirks))
    verify_mdn(read_mdn(built.headers, built.body, Limits()), EXPECTED)


def test_an_mdn_has_the_quirks_of_messages() -> None:
    plain = mdn(REPORT)
    assert "micalg=sha-256" in (plain.headers.get("Content-Type") or "")
    assert not plain.body.isascii()
    quirks = Quirks(base64=True, rfc3851_names=True, omit_certificates=True)
    built = mdn(replace(REPORT, quirks=quirks))
    assert "micalg=sha256" in (built.headers.get("Content-Type") or "")
    assert built.body.isascii()
    assert len(built.body) < len(plain.body)


def test_a_policy_may_hold_any_quirk() -> None:
    assert replace(OutboundPolicy("A", "B"), quirks=Quirks(base64=True)).quirks.base64
