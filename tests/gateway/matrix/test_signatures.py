"""Signatures in all their forms: opaque (G1), by digest (G2) and by what a SignerInfo says (G6)."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from asn1crypto import cms as asn1_cms

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.errors import InsufficientMessageSecurity
from as2gateway.events import Rejected
from as2gateway.policy import OutboundPolicy, SigningKey
from as2gateway.quirks import Quirks
from tests.gateway.cms.making import CONTENT_TYPE, SIGNING_TIME, Signer, attribute, signed_data
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import (
    LAYERS,
    X12,
    addressed,
    check_answer,
    check_run,
    inbound,
    outbound,
    receive,
    send,
)
from tests.gateway.matrix.wire import Opened, open_message, write_mdn
from tests.gateway.reading import LEGACY
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import (
    OURS,
    THEIRS,
    Entity,
    compressed,
    document,
    encrypted,
    multipart,
    signature,
    wrap,
)
from tests.openssl import Identity, cms_sign, cms_verify, identity, issued

CURVED = identity("curved", "p256")

# G1: opaque ----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
@run("G1")
def test_an_opaque_signature_is_as_good_as_a_detached_one(row: Row, split: Split) -> None:
    layers = ["opaque" if layer == "sign" else layer for layer in LAYERS[row.packaging]]
    entity, covered = wrap(document(X12), layers)
    received = receive(addressed(entity, row.asks), inbound(row), split=split)
    check_run(received, X12, covered)


# G2: digests ---------------------------------------------------------------------------------


def signed_by(digest: str) -> Callable[[Entity], Entity]:
    """Sign with that digest, and say so in ``micalg``."""
    option = digest.replace("-", "")
    return lambda inside: multipart(
        inside.octets, signature(inside.octets, THEIRS, "-md", option), digest
    )


@run("G2", "send")
def test_a_message_is_signed_with_each_digest(row: Row) -> None:
    digest = DigestAlgorithm.parse(row.variant)
    sent = send(outbound(row, sign=digest))
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert (opened.payload, opened.micalg) == (X12, digest.wire_name)
    assert digest_of(opened) == digest.rfc3851_name
    mic = opened.mic(digest.rfc3851_name)
    assert sent.mics[digest] == mic
    assert sent.take(write_mdn(sent.wire.headers, (mic, digest.wire_name))).disposition.positive


def digest_of(opened: Opened) -> str:
    (signer,) = asn1_cms.ContentInfo.load(opened.cms["sign"])["content"]["signer_infos"]
    name: str = signer["digest_algorithm"]["algorithm"].native
    return name


@run("G2", "recv", besides={"md5 (policy)"})
def test_a_message_is_read_with_each_digest(row: Row) -> None:
    entity = signed_by(row.variant)(document(X12))
    allowed = frozenset({DigestAlgorithm.parse(row.variant)})  # SHA-1 by name only (SEC-11)
    received = receive(
        addressed(encrypted(compressed(entity)), row.asks, row.variant),
        inbound(row, digests=allowed),
    )
    assert received.payload == X12
    octets = document(X12).octets
    mic = hashlib.new(row.variant.replace("-", ""), octets).digest()
    assert check_answer(received).mic == (mic, row.variant)


@run("G2", "recv", only={"md5 (policy)"})
def test_md5_is_refused_unless_a_policy_takes_it(row: Row) -> None:
    entity = encrypted(compressed(signed_by("md5")(document(X12))))
    wire = addressed(entity, row.asks)
    verdict = receive(wire, inbound(row)).verdict
    assert isinstance(verdict, Rejected)
    assert isinstance(verdict.error, InsufficientMessageSecurity)
    received = receive(wire, LEGACY)
    assert received.payload == X12
    mic = hashlib.md5(document(X12).octets).digest()
    assert check_answer(received).mic == (mic, "md5")


# G6: what we sign ----------------------------------------------------------------------------

OUTBOUND: dict[str, Callable[[OutboundPolicy], OutboundPolicy]] = {
    "RSA-PSS SHA-256": lambda policy: replace(
        policy,
        sign_with=SigningKey(OURS.private_key, OURS.certificate, SignatureScheme.RSA_PSS),
    ),
    "ECDSA P-256": lambda policy: replace(
        policy, sign_with=SigningKey(CURVED.private_key, CURVED.certificate)
    ),
    "certificate included": lambda policy: policy,
    "certificate left out": lambda policy: replace(policy, quirks=Quirks(omit_certificates=True)),
}


@run("G6", "send")
def test_what_we_sign_is_verified_by_openssl(row: Row) -> None:
    policy = OUTBOUND[row.variant](outbound(row))
    sent = send(policy)
    signer = CURVED if row.variant == "ECDSA P-256" else OURS
    opened = open_message(sent.wire, THEIRS, signer.certificate)
    assert opened.payload == X12
    content = asn1_cms.ContentInfo.load(opened.cms["sign"])["content"]
    (info,) = content["signer_infos"]
    family = {"RSA-PSS SHA-256": "rsassa_pss", "ECDSA P-256": "ecdsa"}
    assert info["signature_algorithm"].signature_algo == family.get(row.variant, "rsassa_pkcs1v15")
    left_out = row.variant == "certificate left out"
    assert len(content["certificates"]) == (0 if left_out else 1)
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


# G6: what we verify --------------------------------------------------------------------------


def detached(*options: str, signer: Identity = THEIRS) -> Callable[[], Entity]:
    """Sign with openssl's options."""
    octets = document(X12).octets
    return lambda: multipart(octets, signature(octets, signer, *options))


def by_two() -> Entity:
    octets = document(X12).octets
    return _with_signature(cms_sign(octets, [identity("notary"), THEIRS]))


def by_a_chain() -> Entity:
    """Sign by a certificate under two others, which are all enclosed."""
    octets = document(X12).octets
    leaf, middle, root = issued("chained")
    enclosed = [middle.certificate, root.certificate]
    return _with_signature(cms_sign(octets, [leaf], enclosed=enclosed))


def unsorted(*, signed_sorted: bool) -> Entity:
    """Attributes in another order than DER's; what is signed may be the one or the other.

    openssl verifies what stands there, RFC 5652 §5.4 asks for what DER would be.
    """
    octets = document(X12).octets
    digest = attribute("1.2.840.113549.1.9.4", der.octet_string(hashlib.sha256(octets).digest()))
    attributes = (digest, SIGNING_TIME, CONTENT_TYPE)
    assert [*attributes] != sorted(attributes)
    signer = Signer(
        THEIRS, attributes, signed=b"".join(sorted(attributes)) if signed_sorted else None
    )
    made = signed_data(signer, certificates=[THEIRS])
    if not signed_sorted:
        assert cms_verify(made, THEIRS.certificate, octets) == octets
    return _with_signature(made)


def _with_signature(made: bytes) -> Entity:
    part = Entity(("Content-Type: application/pkcs7-signature; name=smime.p7s",), made)
    return multipart(document(X12).octets, part.octets)


INBOUND: dict[str, tuple[Callable[[], Entity], Identity]] = {
    "RSA-PSS SHA-256": (detached("-keyopt", "rsa_padding_mode:pss"), THEIRS),
    "ECDSA P-256": (detached(signer=CURVED), CURVED),
    "no signedAttrs": (detached("-noattr"), THEIRS),
    "sid = SKI": (detached("-keyid"), THEIRS),
    "no certificates": (detached("-nocerts"), THEIRS),
    "chain of 3": (by_a_chain, issued("chained")[0]),
    "two SignerInfos": (by_two, THEIRS),
    "BER indefinite p7s": (detached("-stream"), THEIRS),
    "unsorted signedAttrs": (lambda: unsorted(signed_sorted=True), THEIRS),
}


@pytest.mark.parametrize("split", SPLITS)
@run("G6", "recv")
def test_what_others_sign_is_verified(row: Row, split: Split) -> None:
    build, signer = INBOUND[row.variant]
    policy = inbound(row, verify_with=(signer.certificate,))
    if row.variant == "no signedAttrs":
        policy = replace(policy, require_signed_attributes=False)
    received = receive(addressed(build(), row.asks), policy, split=split)
    check_run(received, X12, document(X12).octets)


@run("G6", "recv", only={"unsorted signedAttrs"})
def test_attributes_may_be_signed_as_they_stand(row: Row) -> None:
    received = receive(addressed(unsorted(signed_sorted=False), row.asks), inbound(row))
    check_run(received, X12, document(X12).octets)


def test_the_forms_are_what_they_are_called() -> None:
    made = {name: build().body for name, (build, _) in INBOUND.items()}
    assert b"\x30\x80" in made["BER indefinite p7s"]
    assert THEIRS.certificate.der not in made["no certificates"]
    assert all(one.certificate.der in made["chain of 3"] for one in issued("chained"))
    signing_time = der.oid("1.2.840.113549.1.9.5")
    assert signing_time not in made["no signedAttrs"]
    assert made["two SignerInfos"].count(signing_time) == 2


@run("G6", "recv", only={"no signedAttrs"})
def test_without_attributes_it_is_refused_by_default(row: Row) -> None:
    received = receive(addressed(detached("-noattr")(), row.asks), inbound(row))
    assert isinstance(received.verdict, Rejected)
    assert isinstance(received.verdict.error, InsufficientMessageSecurity)
