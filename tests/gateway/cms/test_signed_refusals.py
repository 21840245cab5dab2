"""Whose signature counts, and everything that makes one count for nothing (threats R11)."""

import itertools

import pytest

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.cms import oids
from as2gateway.errors import (
    AS2Error,
    AuthenticationFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    LimitExceeded,
    MalformedMessage,
)
from tests.gateway.cms.making import (
    CONTENT,
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    RSA,
    SIGNING_TIME,
    Signer,
    attribute,
    digest_of,
    signed_data,
)
from tests.gateway.cms.test_signed import ELLIPTIC, OTHER, PARTNER, verify
from tests.openssl import cms_sign, identity

GOOD = Signer(PARTNER)
MODERN = frozenset({DigestAlgorithm.SHA256})
SORTED = tuple(sorted((CONTENT_TYPE, SIGNING_TIME, MESSAGE_DIGEST)))
UNSORTED = (MESSAGE_DIGEST, SIGNING_TIME, CONTENT_TYPE)


def _refused(fault: type[AS2Error], signature: bytes, words: str | None = None) -> None:
    with pytest.raises(fault, match=words):
        verify(signature)


# --- who ------------------------------------------------------------------------------------------


def test_no_signer_is_a_failure() -> None:
    _refused(AuthenticationFailed, signed_data(), "no signer")


def test_no_configured_certificate_is_a_failure() -> None:
    with pytest.raises(AuthenticationFailed):
        verify(signed_data(GOOD), OTHER)


def test_an_embedded_certificate_is_never_trusted() -> None:
    _refused(AuthenticationFailed, cms_sign(CONTENT, [OTHER]), "none of the 1")


def test_another_key_under_the_name_of_the_partner_is_refused() -> None:
    impostor = identity("impostor")
    signer = Signer(impostor, identifier=PARTNER.certificate.issuer_and_serial)
    _refused(AuthenticationFailed, signed_data(signer, certificates=[impostor]), "another key")


@pytest.mark.parametrize("order", [1, -1])
def test_one_wrong_signature_of_the_partner_spoils_a_right_one(order: int) -> None:
    wrong = Signer(OTHER, identifier=PARTNER.certificate.issuer_and_serial)
    _refused(AuthenticationFailed, signed_data(*(GOOD, wrong)[::order]), "wrong")


@pytest.mark.parametrize("foreign", [Signer(OTHER), Signer(OTHER, signed=b""), Signer(ELLIPTIC)])
def test_signatures_of_others_do_not_count(foreign: Signer) -> None:
    signature = signed_data(foreign, GOOD)
    assert verify(signature).certificate == PARTNER.certificate


def test_a_foreign_signer_with_unknown_algorithms_does_not_count() -> None:
    foreign = Signer(OTHER, digest_oid="1.2.3", algorithm=der.sequence(der.oid("1.2.4")))
    assert verify(signed_data(foreign, GOOD)).certificate == PARTNER.certificate
    _refused(AuthenticationFailed, signed_data(foreign), "unknown digest algorithm 1.2.3")


@pytest.mark.parametrize(
    "identifier",
    [
        der.element(0x81, b"of some later version"),
        der.sequence(der.integer(1)),
        der.sequence(der.sequence(), der.element(der.INTEGER, b"\x7f" * 9999)),
    ],
)
def test_a_foreign_signer_whose_identifier_cannot_be_read_does_not_count(identifier: bytes) -> None:
    foreign = Signer(OTHER, identifier=identifier)
    assert verify(signed_data(foreign, GOOD)).certificate == PARTNER.certificate
    _refused(AuthenticationFailed, signed_data(foreign), "none of the 1")


# --- what -----------------------------------------------------------------------------------------


def test_other_content_is_refused() -> None:
    for signature in (signed_data(GOOD), cms_sign(CONTENT, [PARTNER])):
        with pytest.raises(IntegrityCheckFailed):
            verify(signature, content=CONTENT + b"\r\n")


def test_other_content_is_refused_without_attributes_too() -> None:
    signature = cms_sign(CONTENT, [PARTNER], "-noattr")
    with pytest.raises(IntegrityCheckFailed):
        verify(signature, content=CONTENT + b"\r\n", attributes=False)


def test_attributes_posing_as_content_are_refused_by_default() -> None:
    # Cut its attributes off a signature, and it is one over their octets (RFC 5652 §5.4).
    posing = der.element(der.SET, *SORTED)
    signature = signed_data(Signer(PARTNER, attributes=(), signed=b"".join(SORTED)))
    assert verify(signature, content=posing, attributes=False).certificate == PARTNER.certificate
    with pytest.raises(InsufficientMessageSecurity):
        verify(signature, content=posing)


def test_signed_attributes_are_required_by_default() -> None:
    signature = cms_sign(CONTENT, [PARTNER], "-noattr")
    _refused(InsufficientMessageSecurity, signature, "no signed attributes")


def test_a_digest_that_is_not_allowed_is_refused() -> None:
    signature = cms_sign(CONTENT, [PARTNER], "-md", "sha1")
    assert verify(signature).certificate == PARTNER.certificate
    with pytest.raises(InsufficientMessageSecurity, match="sha-1"):
        verify(signature, allowed=MODERN)


def test_enclosed_content_must_be_the_content() -> None:
    assert verify(signed_data(GOOD, content=CONTENT)).certificate == PARTNER.certificate
    _refused(IntegrityCheckFailed, signed_data(GOOD, content=CONTENT + b"x"), "encloses")


# --- attributes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "signed", "accepted"),
    [
        (SORTED, SORTED, True),
        (UNSORTED, UNSORTED, True),
        (UNSORTED, SORTED, True),
        (SORTED, UNSORTED, False),
    ],
)
def test_attributes_verify_as_sent_or_as_sorted(
    sent: tuple[bytes, ...], signed: tuple[bytes, ...], accepted: bool
) -> None:
    signature = signed_data(Signer(PARTNER, attributes=sent, signed=b"".join(signed)))
    if accepted:
        assert verify(signature).certificate == PARTNER.certificate
    else:
        _refused(AuthenticationFailed, signature)


def test_every_order_verifies_if_it_is_what_was_signed() -> None:
    for attributes in itertools.permutations(SORTED):
        assert (
            verify(signed_data(Signer(PARTNER, attributes=attributes))).certificate
            == PARTNER.certificate
        )


def test_attributes_in_ber_verify_by_their_der() -> None:
    in_ber = CONTENT_TYPE.replace(b"\x30\x18", b"\x30\x80", 1) + b"\0\0"
    digest = attribute(
        oids.MESSAGE_DIGEST, b"\x24\x80" + der.octet_string(digest_of(CONTENT)) + b"\0\0"
    )
    attributes = (in_ber, SIGNING_TIME, digest)
    signer = Signer(PARTNER, attributes, b"".join(SORTED), opening=b"\xa0\x80", closing=b"\0\0")
    assert verify(signed_data(signer)).certificate == PARTNER.certificate


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ((CONTENT_TYPE,), oids.MESSAGE_DIGEST),
        ((MESSAGE_DIGEST,), oids.CONTENT_TYPE),
        ((CONTENT_TYPE, CONTENT_TYPE, MESSAGE_DIGEST), oids.CONTENT_TYPE),
        ((CONTENT_TYPE, MESSAGE_DIGEST, MESSAGE_DIGEST), oids.MESSAGE_DIGEST),
        ((attribute(oids.CONTENT_TYPE), MESSAGE_DIGEST), oids.CONTENT_TYPE),
        ((attribute(oids.CONTENT_TYPE, *[der.oid(oids.DATA)] * 2), MESSAGE_DIGEST), "one value"),
        ((attribute(oids.CONTENT_TYPE, der.oid(oids.SIGNED_DATA)), MESSAGE_DIGEST), "another type"),
        ((CONTENT_TYPE, attribute(oids.MESSAGE_DIGEST, der.octet_string(b"x"))), "digested 78"),
        ((CONTENT_TYPE, attribute(oids.MESSAGE_DIGEST, der.octet_string(b""))), "digested"),
    ],
)
def test_attributes_must_speak_of_the_content_once(
    attributes: tuple[bytes, ...], words: str
) -> None:
    _refused(IntegrityCheckFailed, signed_data(Signer(PARTNER, attributes=attributes)), words)


@pytest.mark.parametrize(
    "more",
    [
        attribute("1.2.3.4", der.NULL),
        attribute("1.2.3.4") + attribute("1.2.3.4"),
        attribute(oids.SIGNING_TIME, der.octet_string(b"yesterday")),
        attribute(oids.SIGNING_TIME, der.NULL, der.NULL),
    ],
)
def test_harmless_attributes_are_ignored(more: bytes) -> None:
    signer = Signer(PARTNER, attributes=(CONTENT_TYPE, MESSAGE_DIGEST, more))
    found = verify(signed_data(signer))
    assert (found.certificate, found.signing_time) == (PARTNER.certificate, None)


def test_attributes_nested_too_deep_are_refused() -> None:
    deep = b""
    for _ in range(40):
        deep = der.sequence(deep)
    attributes = (CONTENT_TYPE, MESSAGE_DIGEST, attribute("1.2.3", deep))
    assert (
        verify(signed_data(Signer(PARTNER, attributes=attributes))).certificate
        == PARTNER.certificate
    )
    _refused(LimitExceeded, signed_data(Signer(PARTNER, attributes=attributes, signed=b"")))


def _protection(digest: bytes, signature: bytes) -> bytes:
    body = der.sequence(digest, der.element(0xA1, signature))
    return attribute(oids.ALGORITHM_PROTECTION, body)


_SHA256 = der.sequence(der.oid(DigestAlgorithm.SHA256.oid), der.NULL)
_SHA1 = der.sequence(der.oid(DigestAlgorithm.SHA1.oid), der.NULL)


@pytest.mark.parametrize(
    ("digest", "signature", "accepted"),
    [
        (_SHA256, der.oid(oids.RSA_ENCRYPTION) + der.NULL, True),
        (_SHA256, der.oid(oids.RSA_ENCRYPTION), True),
        (_SHA1, der.oid(oids.RSA_ENCRYPTION), False),
        (_SHA256, der.oid(oids.RSASSA_PSS), False),
    ],
)
def test_protected_algorithms_must_be_those_used(
    digest: bytes, signature: bytes, accepted: bool
) -> None:
    attributes = (CONTENT_TYPE, MESSAGE_DIGEST, _protection(digest, signature))
    message = signed_data(Signer(PARTNER, attributes=attributes))
    if accepted:
        assert verify(message).certificate == PARTNER.certificate
    else:
        _refused(AuthenticationFailed, message, "6211")


# --- algorithms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fault", "words"),
    [
        ({"digest_oid": "1.2.3"}, MalformedMessage, "unknown digest"),
        ({"algorithm": der.sequence(der.oid("1.2.3"))}, MalformedMessage, "unknown signature"),
        ({"algorithm": der.sequence(der.oid(oids.RSASSA_PSS))}, MalformedMessage, "too early"),
        ({"algorithm": der.sequence(der.oid(oids.SHA1_WITH_RSA))}, AuthenticationFailed, "sha-1"),
        ({"algorithm": der.sequence(der.oid(oids.EC_PUBLIC_KEY))}, AuthenticationFailed, "wrong"),
        ({"made_with": DigestAlgorithm.SHA512}, AuthenticationFailed, "wrong"),
        ({"identity": ELLIPTIC, "algorithm": RSA}, AuthenticationFailed, "none of"),
    ],
)
def test_algorithms_must_fit(changes: dict[str, object], fault: type[AS2Error], words: str) -> None:
    _refused(fault, signed_data(GOOD.but(**changes)), words)


def _pss(*parameters: bytes) -> bytes:
    return der.sequence(der.oid(oids.RSASSA_PSS), der.sequence(*parameters))


_PSS_SHA256 = der.element(0xA0, _SHA256)


@pytest.mark.parametrize(
    ("algorithm", "fault", "words"),
    [
        (_pss(), AuthenticationFailed, "over sha-1"),
        (_pss(_PSS_SHA256), AuthenticationFailed, "wrong"),
        (_pss(_PSS_SHA256, der.element(0xA2, der.integer(-1))), MalformedMessage, "salt"),
        (_pss(_PSS_SHA256, der.element(0xA2, der.integer(2**40))), MalformedMessage, "salt"),
        (_pss(_PSS_SHA256, der.element(0xA2, der.integer(256**1000))), MalformedMessage, "salt"),
        (_pss(_PSS_SHA256, der.element(0xA2, der.integer(256**9999))), MalformedMessage, "1024"),
        (_pss(_PSS_SHA256, der.element(0xA2, der.integer(2000))), AuthenticationFailed, "wrong"),
        (_pss(der.element(0xA1, _SHA256)), MalformedMessage, "MGF1"),
    ],
)
def test_pss_parameters_are_read_strictly(
    algorithm: bytes, fault: type[AS2Error], words: str
) -> None:
    _refused(fault, signed_data(Signer(PARTNER, algorithm=algorithm)), words)


def test_an_rsa_certificate_does_not_verify_for_an_elliptic_one() -> None:
    with pytest.raises(AuthenticationFailed):
        verify(signed_data(GOOD), ELLIPTIC)
