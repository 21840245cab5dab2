"""What an MDN must have to prove anything (threats R25)."""

from dataclasses import replace

import pytest

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.cms import oids, signed
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    MDNMismatch,
)
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, UnverifiedMDN, read_mdn, same_message_id, verify_mdn
from as2gateway.policy import Limits
from tests import openssl
from tests.gateway import mdns
from tests.gateway.cms.making import Signer, signed_data
from tests.gateway.mdns import (
    DIGEST,
    EXPECTED,
    EXPECTED_UNSIGNED,
    FIELDS,
    MIC_VALUE,
    REPORT,
    SHA256,
    SIGNED_TYPE,
    TEXT,
    http,
    machine,
    multipart,
    read,
)

NEGATIVE = FIELDS.replace(b"; processed", b"; processed/error: decryption-failed")
NO_MIC = FIELDS.replace(b"Received-Content-MIC: " + MIC_VALUE.encode() + b"\r\n", b"")
NAMELESS = Headers((("Content-Type", SIGNED_TYPE),))


def signed_mdn(fields: bytes = FIELDS) -> UnverifiedMDN:
    return read(mdns.sign(multipart(TEXT, machine(fields))))


def unsigned_mdn(fields: bytes = FIELDS) -> UnverifiedMDN:
    return read(multipart(TEXT, machine(fields)), http())


def test_a_signed_mdn_for_this_message_passes() -> None:
    verify_mdn(signed_mdn(), EXPECTED)


def test_an_unsigned_one_passes_where_none_was_asked_to_be_signed() -> None:
    verify_mdn(unsigned_mdn(), EXPECTED_UNSIGNED)
    verify_mdn(unsigned_mdn(NO_MIC), EXPECTED_UNSIGNED)


def test_a_negative_mdn_passes_without_mic_or_with_any() -> None:
    verify_mdn(signed_mdn(NEGATIVE), EXPECTED)
    verify_mdn(signed_mdn(NEGATIVE), replace(EXPECTED, mics={}))
    without = NEGATIVE.replace(MIC_VALUE.encode(), b"unreadable, nothing")
    verify_mdn(signed_mdn(without), EXPECTED)


@pytest.mark.parametrize("message_id", ["1@us", " <1@us> ", "< 1@us >"])
def test_brackets_and_blanks_around_an_id_do_not_count(message_id: str) -> None:
    verify_mdn(signed_mdn(), replace(EXPECTED, message_id=message_id))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("<1@x>", "1@x", True),
        ("<1@x>", " <1@x>\t", True),
        ("<1@x>", "<1@X>", False),
        ("<<1@x>>", "<1@x>", False),
        ("<1 @x>", "<1@x>", False),
        ("<1@x", "<1@x>", False),
        ("<1@x>\x85", "<1@x>", False),
        ("", "", True),
    ],
)
def test_message_ids_are_compared_exactly_within_their_brackets(a: str, b: str, same: bool) -> None:
    assert same_message_id(a, b) is same


def refuse(mdn: UnverifiedMDN, expected: Expected, fault: type[AS2Error]) -> None:
    with pytest.raises(fault) as caught:
        verify_mdn(mdn, expected)
    assert type(caught.value) is fault


@pytest.mark.parametrize("other", ["<2@us>", "", "1@US"])
def test_an_mdn_for_another_message_is_a_mismatch(other: str) -> None:
    fields = FIELDS.replace(b"<1@us>", other.encode())
    refuse(signed_mdn(fields), EXPECTED, MDNMismatch)
    refuse(unsigned_mdn(fields), EXPECTED_UNSIGNED, MDNMismatch)


@pytest.mark.parametrize(
    "names", [{"as2_from": "THEM", "as2_to": "US"}, {"as2_from": "us"}, {"as2_to": "OTHER"}]
)
def test_names_must_be_the_swapped_pair(names: dict[str, str]) -> None:
    expected = replace(EXPECTED, **names)  # type: ignore[arg-type]  # both are strings
    refuse(signed_mdn(), expected, MDNMismatch)


def test_an_unsigned_mdn_proves_nothing_where_a_signed_one_was_asked_for() -> None:
    refuse(unsigned_mdn(), EXPECTED, MDNMismatch)
    refuse(unsigned_mdn(NEGATIVE), EXPECTED, MDNMismatch)


def test_names_may_be_absent_only_if_the_signature_counts() -> None:
    mdn = read(mdns.sign(), NAMELESS)
    verify_mdn(mdn, EXPECTED)
    refuse(mdn, EXPECTED_UNSIGNED, MDNMismatch)
    bare = Headers((("Content-Type", mdns.REPORT_TYPE),))
    refuse(read(REPORT, bare), EXPECTED_UNSIGNED, MDNMismatch)


def test_a_broken_name_is_not_an_absent_one() -> None:
    headers = NAMELESS.with_field("AS2-From", '"THEM')
    refuse(read(mdns.sign(), headers), EXPECTED, MDNMismatch)


def test_the_signer_must_be_a_configured_certificate() -> None:
    mdn = read(mdns.sign(by=mdns.key("stranger")))
    refuse(mdn, EXPECTED, AuthenticationFailed)
    refuse(mdn, replace(EXPECTED, signed=False), AuthenticationFailed)
    refuse(mdn, replace(EXPECTED, certificates=()), AuthenticationFailed)
    both = (*EXPECTED.certificates, mdns.key("stranger").certificate)
    verify_mdn(mdn, replace(EXPECTED, certificates=both))


def test_a_signature_that_nobody_asked_for_or_can_check_counts_as_none() -> None:
    mdn = read(mdns.sign(by=mdns.key("stranger")))
    verify_mdn(mdn, EXPECTED_UNSIGNED)


def test_a_signature_without_signers_fails() -> None:
    body = mdns.sign()
    mdn = replace(read(body), signature=signed.SignedData(()))
    refuse(mdn, EXPECTED, AuthenticationFailed)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(b"processed", b"procesSed"), (b"<1@us>", b"<1@us> "), (b"thank you", b"thank him")],
)
def test_a_changed_octet_of_the_signed_part_fails(was: bytes, becomes: bytes) -> None:
    mdn = read(mdns.sign().replace(was, becomes, 1))
    refuse(mdn, EXPECTED, IntegrityCheckFailed)


def headers_to_crlf(part: bytes) -> bytes:
    head, _, body = part.partition(b"\n\n")
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


@pytest.mark.parametrize("form", ["headers", "all", "plus"])
def test_line_ends_changed_on_the_way_are_repaired(form: str) -> None:
    def original(part: bytes) -> bytes:
        with_lf = part.replace(b"\r\n", b"\n")
        if form == "plus":
            return part + b"\r\n"
        return headers_to_crlf(with_lf) if form == "headers" else part

    body = mdns.sign(over=original)
    if form != "plus":
        first, _, rest = body.partition(b"--s\r\nContent-Type: application/pkcs7")
        body = first.replace(b"\r\n", b"\n") + b"--s\r\nContent-Type: application/pkcs7" + rest
    verify_mdn(read(body), EXPECTED)


@pytest.mark.parametrize("digest", [DigestAlgorithm.SHA1, DigestAlgorithm.SHA384])
def test_a_digest_that_is_not_allowed_fails(digest: DigestAlgorithm) -> None:
    refuse(read(mdns.sign(digest=digest)), EXPECTED, InsufficientMessageSecurity)
    verify_mdn(read(mdns.sign(digest=digest)), replace(EXPECTED, allowed=frozenset({digest})))


def with_openssl(*options: str) -> UnverifiedMDN:
    part = b"Content-Type: multipart/report; boundary=r\r\n\r\n" + REPORT
    der = openssl.cms_sign(part, [openssl.identity("partner", "rsa2048")], *options)
    body = multipart(part, mdns.SIGNATURE_HEADERS + der, boundary=b"s")
    return read_mdn(http(SIGNED_TYPE), body, Limits())


def test_what_openssl_signs_is_verified() -> None:
    verify_mdn(with_openssl(), EXPECTED)
    verify_mdn(with_openssl("-nocerts", "-md", "sha512"), EXPECTED)


def test_a_signature_by_an_unknown_algorithm_fails() -> None:
    rsa_encryption = bytes.fromhex("06092a864886f70d010101")
    before, _, after = mdns.sign().rpartition(rsa_encryption)
    mdn = read(before + rsa_encryption[:-1] + b"\x63" + after)
    refuse(mdn, EXPECTED, AuthenticationFailed)


def test_a_salt_of_a_length_that_nobody_can_print_fails() -> None:
    salt = der.element(0xA2, der.element(der.INTEGER, b"\x7f" * 2000))
    pss = der.sequence(der.oid(oids.RSASSA_PSS), der.sequence(salt))
    octets = signed_data(Signer(openssl.identity("partner"), algorithm=pss))
    part = f"Content-Type: {mdns.REPORT_TYPE}\r\n\r\n".encode() + REPORT
    body = multipart(part, mdns.SIGNATURE_HEADERS + octets, boundary=b"s")
    refuse(read(body), EXPECTED, AuthenticationFailed)


def test_a_signature_without_attributes_needs_a_switch() -> None:
    mdn = with_openssl("-noattr")
    refuse(mdn, EXPECTED, InsufficientMessageSecurity)
    verify_mdn(mdn, replace(EXPECTED, require_signed_attributes=False))


@pytest.mark.parametrize(
    "fields",
    [
        NO_MIC,
        FIELDS.replace(MIC_VALUE.encode(), b", "),
        FIELDS.replace(MIC_VALUE.encode(), b"?, sha-256"),
        FIELDS.replace(b"AAEC", b"BAEC"),
        FIELDS.replace(b"sha-256", b"sha-512"),
    ],
    ids=["none", "empty", "unreadable", "other", "other algorithm"],
)
def test_a_positive_signed_mdn_must_return_our_mic(fields: bytes) -> None:
    refuse(signed_mdn(fields), EXPECTED, IntegrityCheckFailed)
    warned = fields.replace(b"; processed", b"; processed/warning: x")
    refuse(signed_mdn(warned), EXPECTED, IntegrityCheckFailed)


def test_a_wrong_mic_fails_also_if_unsigned() -> None:
    for fields in (
        FIELDS.replace(b"AAEC", b"BAEC"),
        FIELDS.replace(MIC_VALUE.encode(), b"?, sha-256"),
    ):
        refuse(unsigned_mdn(fields), EXPECTED_UNSIGNED, IntegrityCheckFailed)


def test_any_digest_that_was_kept_may_be_returned() -> None:
    fields = FIELDS.replace(MIC_VALUE.encode(), b"QUJD, sha1")
    verify_mdn(
        signed_mdn(fields),
        replace(EXPECTED, mics={DigestAlgorithm.SHA1: b"ABC", SHA256: DIGEST}),
    )
