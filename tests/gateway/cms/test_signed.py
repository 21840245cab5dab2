"""SignedData: what OpenSSL signs verifies here, and the reverse."""

from datetime import UTC, datetime

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.x509.oid import NameOID

from as2gateway import ber, der
from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.certificates import Certificate
from as2gateway.cms import oids, signed
from as2gateway.cms.signed import DigestNotRun, VerifiedSigner
from as2gateway.cms.signing import Signing
from as2gateway.errors import AS2Error, LimitExceeded, MalformedMessage
from as2gateway.policy import Limits, SigningKey
from tests import openssl
from tests.gateway.cms.making import CONTENT, NOW, Signer, digest_of, signed_data
from tests.gateway.cms.reading import read_opaque
from tests.gateway.splits import splits
from tests.openssl import Identity, cms_sign, cms_verify, identity

PARTNER, OTHER = identity("partner"), identity("other")
ELLIPTIC = identity("elliptic", "p256")
SHA256 = DigestAlgorithm.SHA256
ALL = frozenset(DigestAlgorithm)


def verify(
    signature: bytes,
    *certificates: Identity,
    content: bytes = CONTENT,
    allowed: frozenset[DigestAlgorithm] = ALL,
    attributes: bool = True,
) -> VerifiedSigner:
    data = signed.parse(signature, Limits())
    return signed.verified_signer(
        data,
        {digest: digest_of(content, digest) for digest in data.digest_algorithms},
        [one.certificate for one in certificates or (PARTNER,)],
        allowed,
        require_signed_attributes=attributes,
    )


def facts_of(signer: VerifiedSigner) -> tuple[Certificate, DigestAlgorithm, datetime | None]:
    return signer.certificate, signer.digest, signer.signing_time


# --- OpenSSL signs, we verify --------------------------------------------------------------------


@pytest.mark.parametrize(
    "digest", [one for one in DigestAlgorithm if one is not DigestAlgorithm.MD5]
)
@pytest.mark.parametrize("signer", [PARTNER, ELLIPTIC])
def test_every_digest_verifies(digest: DigestAlgorithm, signer: Identity) -> None:
    signature = cms_sign(CONTENT, [signer], "-md", digest.value.replace("-", ""))
    found = verify(signature, OTHER, signer)
    assert (found.certificate, found.digest) == (signer.certificate, digest)
    assert found.signing_time is not None
    assert abs((found.signing_time - datetime.now(UTC)).total_seconds()) < 3600


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-keyid",),
        ("-nocerts",),
        ("-stream",),
        ("-nosmimecap",),
        ("-cades",),
        ("-keyopt", "rsa_padding_mode:pss"),
        ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:0"),
        ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1"),
        ("-keyopt", "rsa_padding_mode:pss", "-md", "sha1"),
        ("-nodetach",),
        ("-nodetach", "-stream"),
    ],
)
def test_every_form_verifies(options: tuple[str, ...]) -> None:
    signature = cms_sign(CONTENT, [PARTNER], *options)
    assert verify(signature).certificate == PARTNER.certificate


@pytest.mark.parametrize("kind", ["rsa1024", "rsa3072", "p384", "p521"])
def test_other_keys_verify(kind: str) -> None:
    signer = identity("other key", kind)
    signature = cms_sign(CONTENT, [signer], "-md", "sha512")
    assert verify(signature, signer).certificate == signer.certificate


@pytest.mark.parametrize("signer", [PARTNER, ELLIPTIC])
def test_a_signature_without_attributes_verifies_where_that_is_allowed(signer: Identity) -> None:
    signature = cms_sign(CONTENT, [signer], "-noattr")
    found = verify(signature, signer, attributes=False)
    assert (found.certificate, found.signing_time) == (signer.certificate, None)


def test_the_partner_is_found_among_several_signers() -> None:
    signature = cms_sign(CONTENT, [OTHER, ELLIPTIC, PARTNER])
    assert verify(signature).certificate == PARTNER.certificate


def test_either_certificate_of_a_rollover_verifies() -> None:
    renewed = identity("partner", serial=99, key_of="partner, renewed")
    for signer in (PARTNER, renewed):
        assert verify(cms_sign(CONTENT, [signer]), PARTNER, renewed).certificate == (
            signer.certificate
        )


def test_certificates_with_one_key_identifier_are_all_tried() -> None:
    extended = identity("partner, extended", key_of="partner")
    signature = cms_sign(CONTENT, [PARTNER], "-keyid")
    assert verify(signature, extended).certificate == extended.certificate


@pytest.mark.parametrize(
    "options", [("-nodetach",), ("-nodetach", "-stream"), ("-nodetach", "-nocerts")]
)
def test_an_opaque_message_gives_out_its_content(options: tuple[str, ...]) -> None:
    for chunks in splits(cms_sign(CONTENT * 50, [PARTNER], *options) + b"\r\n"):
        content, (data, digests) = read_opaque(chunks)
        assert content == CONTENT * 50
        found = signed.verified_signer(
            data, digests, [PARTNER.certificate], ALL, require_signed_attributes=True
        )
        assert found.certificate == PARTNER.certificate


# --- we sign, OpenSSL verifies -------------------------------------------------------------------


@pytest.mark.parametrize(
    "digest", [one for one in DigestAlgorithm if one is not DigestAlgorithm.MD5]
)
@pytest.mark.parametrize("signer", [PARTNER, ELLIPTIC])
def test_openssl_verifies_what_we_sign(digest: DigestAlgorithm, signer: Identity) -> None:
    key = SigningKey(signer.private_key, signer.certificate)
    signature = Signing(digest, key, NOW).sign(digest_of(CONTENT, digest))
    assert cms_verify(signature, signer.certificate, CONTENT) == CONTENT
    assert facts_of(verify(signature, signer)) == (signer.certificate, digest, NOW)


@pytest.mark.parametrize(
    "digest", [one for one in DigestAlgorithm if one is not DigestAlgorithm.MD5]
)
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072"])
def test_openssl_verifies_what_we_sign_with_pss(digest: DigestAlgorithm, kind: str) -> None:
    signer = identity("pss", kind)
    key = SigningKey(signer.private_key, signer.certificate, SignatureScheme.RSA_PSS)
    signature = Signing(digest, key, NOW).sign(digest_of(CONTENT, digest))
    assert cms_verify(signature, signer.certificate, CONTENT) == CONTENT
    assert facts_of(verify(signature, signer)) == (signer.certificate, digest, NOW)
    assert Signing(digest, key, NOW).signature_length == len(signature)
    identifier = asn1_cms.ContentInfo.load(signature)["content"]["signer_infos"][0][
        "signature_algorithm"
    ]
    assert identifier.signature_algo == "rsassa_pss"
    assert identifier["parameters"]["salt_length"].native == digest.size


def test_a_key_too_short_for_pss_is_an_error_of_ours() -> None:
    signer = identity("short", "rsa1024")
    key = SigningKey(signer.private_key, signer.certificate, SignatureScheme.RSA_PSS)
    with pytest.raises(ValueError, match="too long for key size"):
        Signing(DigestAlgorithm.SHA512, key, NOW).sign(bytes(64))


@pytest.mark.parametrize("enclose", [True, False])
@pytest.mark.parametrize("chain", [(), (OTHER.certificate, PARTNER.certificate)])
def test_certificates_go_along_as_the_key_says(
    enclose: bool, chain: tuple[Certificate, ...]
) -> None:
    key = SigningKey(PARTNER.private_key, PARTNER.certificate, chain=chain, enclose=enclose)
    signature = Signing(SHA256, key, NOW).sign(digest_of(CONTENT))
    enclosed = asn1_cms.ContentInfo.load(signature)["content"]["certificates"]
    found = {one.dump() for one in enclosed} if enclose else set(enclosed)
    assert found == ({PARTNER.certificate.der, *(one.der for one in chain)} if enclose else set())
    assert cms_verify(signature, PARTNER.certificate, CONTENT) == CONTENT
    assert Signing(SHA256, key, NOW).signature_length == len(signature)


def test_a_changed_content_is_noticed_by_openssl() -> None:
    key = SigningKey(PARTNER.private_key, PARTNER.certificate)
    signature = Signing(SHA256, key, NOW).sign(digest_of(CONTENT))
    with pytest.raises(openssl.OpenSSLError):
        cms_verify(signature, PARTNER.certificate, CONTENT + b"x")


@pytest.mark.parametrize("kind", ["rsa1024", "rsa2048", "rsa3072"])
@pytest.mark.parametrize("now", [NOW, datetime(2055, 1, 1, tzinfo=UTC)])
def test_the_length_of_an_rsa_signature_is_known_before(kind: str, now: datetime) -> None:
    signer = identity("length", kind)
    key = SigningKey(signer.private_key, signer.certificate)
    signature = Signing(SHA256, key, now).sign(digest_of(CONTENT))
    assert Signing(SHA256, key, now).signature_length == len(signature)


def test_the_length_of_an_ecdsa_signature_is_not_known_before() -> None:
    key = SigningKey(ELLIPTIC.private_key, ELLIPTIC.certificate)
    assert Signing(SHA256, key, NOW).signature_length is None


def test_attributes_are_sent_sorted_and_the_certificate_goes_along() -> None:
    key = SigningKey(PARTNER.private_key, PARTNER.certificate)
    signature = Signing(SHA256, key, NOW).sign(digest_of(CONTENT))
    data = ber.parse(signature).children[1].only_child().children
    attributes = [one.raw for one in data[-1].only_child().children[3].children]
    assert attributes == sorted(attributes)
    assert data[3].only_child().raw == PARTNER.certificate.der
    assert [one.integer() for one in (data[0], data[-1].only_child().children[0])] == [1, 1]


# --- structure -----------------------------------------------------------------------------------


def test_names_of_certificates_are_compared_in_canonical_form() -> None:
    spelt = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "PARTNER"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "de"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test  & söhne"),
        ]
    )
    identifier = der.sequence(spelt.public_bytes(), der.integer(PARTNER.certificate.serial))
    (signer,) = signed.parse(signed_data(Signer(PARTNER, identifier=identifier)), Limits()).signers
    assert signer.names(PARTNER.certificate)
    assert not signer.names(OTHER.certificate)


def test_a_key_is_found_whatever_the_signer_calls_its_certificate() -> None:
    identifier = der.sequence(der.sequence(), der.integer(-1))
    found = verify(signed_data(Signer(PARTNER, identifier=identifier)), OTHER, PARTNER)
    assert facts_of(found) == (PARTNER.certificate, SHA256, NOW)


@pytest.mark.parametrize("parameters", [b"", der.NULL])
@pytest.mark.parametrize(
    "algorithm",
    [
        der.sequence(der.oid(oids.RSA_ENCRYPTION)),
        der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL),
        der.sequence(der.oid(oids.SHA256_WITH_RSA)),
        der.sequence(der.oid(oids.SHA256_WITH_RSA), der.NULL),
    ],
)
def test_parameters_may_be_absent_or_null(parameters: bytes, algorithm: bytes) -> None:
    signer = Signer(PARTNER, digest_parameters=parameters, algorithm=algorithm)
    assert verify(signed_data(signer)).certificate == PARTNER.certificate


def test_a_key_named_where_the_signature_belongs_means_ecdsa() -> None:
    signer = Signer(ELLIPTIC, algorithm=der.sequence(der.oid(oids.EC_PUBLIC_KEY)))
    assert verify(signed_data(signer), ELLIPTIC).certificate == ELLIPTIC.certificate


@pytest.mark.parametrize("version", [0, 2, 77, -1])
def test_versions_are_not_looked_at(version: int) -> None:
    assert (
        verify(signed_data(Signer(PARTNER, version=der.integer(version)))).certificate
        == PARTNER.certificate
    )


@pytest.mark.parametrize("digest", [SHA256, DigestAlgorithm.SHA512])
def test_a_digest_that_was_not_run_is_asked_for(digest: DigestAlgorithm) -> None:
    signature = cms_sign(CONTENT, [PARTNER], "-md", digest.value.replace("-", ""))
    data = signed.parse(signature, Limits())
    assert data.digest_algorithms == {digest}
    with pytest.raises(DigestNotRun) as caught:
        signed.verified_signer(data, {}, [PARTNER.certificate], ALL, require_signed_attributes=True)
    assert caught.value.algorithm is digest


def test_octets_after_a_signature_are_left_alone() -> None:
    assert verify(cms_sign(CONTENT, [PARTNER]) + b"\r\n\0").certificate == PARTNER.certificate
    assert (
        verify(cms_sign(CONTENT, [PARTNER], "-stream") + b"\r\n\0").certificate
        == PARTNER.certificate
    )


@pytest.mark.parametrize("options", [(), ("-stream",)])
def test_a_signature_cut_anywhere_is_refused(options: tuple[str, ...]) -> None:
    signature = cms_sign(CONTENT, [PARTNER], "-nocerts", *options)
    for length in range(len(signature)):
        with pytest.raises(MalformedMessage):
            signed.parse(signature[:length], Limits())


@pytest.mark.parametrize("options", [("-nodetach", "-nocerts"), ("-nodetach", "-stream")])
def test_an_opaque_message_cut_anywhere_is_refused(options: tuple[str, ...]) -> None:
    message = cms_sign(CONTENT, [PARTNER], *options)
    for length in range(len(message)):
        with pytest.raises(MalformedMessage):
            read_opaque([message[:length]])


def test_flipped_bits_are_never_accepted_for_other_content() -> None:
    signature = signed_data(Signer(PARTNER))
    for at in range(len(signature)):
        flipped = bytearray(signature)
        flipped[at] ^= 1 << at % 8
        with pytest.raises((AS2Error, DigestNotRun)):
            verify(bytes(flipped), content=CONTENT + b"x")
        try:
            verify(bytes(flipped))
        except (AS2Error, DigestNotRun):
            continue


def test_the_size_of_a_signature_is_bounded() -> None:
    signature = cms_sign(CONTENT, [PARTNER])
    assert len(signed.parse(signature, Limits(signature=len(signature))).signers) == 1
    with pytest.raises(LimitExceeded):
        signed.parse(signature, Limits(signature=len(signature) - 1))


def test_the_number_of_signers_is_bounded() -> None:
    signature = signed_data(*[Signer(PARTNER).encode()] * 3)
    assert len(signed.parse(signature, Limits(signers=3)).signers) == 3
    with pytest.raises(LimitExceeded, match="3 SignerInfos"):
        signed.parse(signature, Limits(signers=2))


def test_what_follows_opaque_content_is_bounded() -> None:
    message = cms_sign(CONTENT, [PARTNER], "-nodetach")
    behind = ber.parse(message).children[1].only_child().children[3:]
    size = sum(len(one.raw) for one in behind)
    assert read_opaque([message], Limits(signature=size))[0] == CONTENT
    with pytest.raises(LimitExceeded):
        read_opaque([message], Limits(signature=size - 1))
    with pytest.raises(LimitExceeded):
        read_opaque([message], Limits(signers=0))


def test_other_content_than_data_is_refused() -> None:
    message = signed_data(Signer(PARTNER), content=CONTENT, content_type=oids.SIGNED_DATA)
    with pytest.raises(MalformedMessage, match="is due"):
        signed.parse(message, Limits())
    with pytest.raises(MalformedMessage, match="is due"):
        read_opaque([message])


def test_content_is_digested_as_announced_and_what_is_unknown_is_passed_over() -> None:
    names = (DigestAlgorithm.SHA512.oid, "1.2.3", DigestAlgorithm.SHA1.oid)
    message = signed_data(Signer(PARTNER), content=CONTENT, announced=names)
    _, (_, digests) = read_opaque([message])
    assert digests == {
        one: digest_of(CONTENT, one) for one in (DigestAlgorithm.SHA1, DigestAlgorithm.SHA512)
    }


def test_signers_with_unknown_digests_are_kept_but_name_none() -> None:
    data = signed.parse(signed_data(Signer(PARTNER, digest_oid="1.2.3")), Limits())
    assert (len(data.signers), data.digest_algorithms) == (1, frozenset())


def test_another_content_info_is_refused() -> None:
    message = openssl.cms_encrypt(CONTENT, [PARTNER.certificate], "-aes128")
    with pytest.raises(MalformedMessage, match="is due"):
        signed.parse(message, Limits())


def test_an_element_that_does_not_belong_is_refused() -> None:
    inner = der.sequence(
        der.integer(1),
        der.set_of([]),
        der.sequence(der.oid(oids.DATA), der.element(0xA0, der.octet_string(CONTENT))),
        der.NULL,
    )
    message = der.sequence(der.oid(oids.SIGNED_DATA), der.element(0xA0, inner))
    with pytest.raises(MalformedMessage, match="within SignedData"):
        read_opaque([message])
