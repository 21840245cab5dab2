"""Certificates: what they say, and that odd ones still load."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from as2gateway import der, distinguished_names
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate
from tests import openssl
from tests.openssl import identity


def test_a_certificate_tells_what_stands_in_it() -> None:
    certificate = identity("partner", serial=4711).certificate
    oracle = x509.load_der_x509_certificate(certificate.der)
    assert certificate.x509 == oracle
    assert certificate.subject == oracle.subject.rfc4514_string()
    assert certificate.issuer == oracle.issuer.rfc4514_string()
    assert certificate.issuer_der == oracle.issuer.public_bytes()
    assert certificate.serial == 4711
    assert certificate.issuer_and_serial == der.sequence(
        oracle.issuer.public_bytes(), der.integer(4711)
    )
    assert certificate.fingerprint == oracle.fingerprint(hashes.SHA256()).hex()
    assert certificate.not_before == datetime(2020, 1, 1, tzinfo=UTC)
    assert certificate.not_after == datetime(2040, 1, 1, tzinfo=UTC)
    digest = oracle.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert certificate.subject_key_id == digest
    assert "partner" in repr(certificate)


@pytest.mark.parametrize(
    ("kind", "digest", "expected"),
    [
        ("rsa2048", DigestAlgorithm.SHA256, ("rsa", 2048, "sha256")),
        ("rsa1024", DigestAlgorithm.SHA512, ("rsa", 1024, "sha512")),
        ("p256", DigestAlgorithm.SHA384, ("ec", 256, "sha384")),
    ],
)
def test_key_and_signature_are_named(
    kind: str, digest: DigestAlgorithm, expected: tuple[str, int, str]
) -> None:
    certificate = identity("keys", kind, digest=digest).certificate
    assert (
        certificate.key_type,
        certificate.key_bits,
        certificate.signature_digest,
    ) == expected


def with_usage(key_encipherment: bool) -> Certificate:
    own = identity("partner")
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(own.private_key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(usage, critical=True)
    )
    made = builder.sign(own.rsa_key, hashes.SHA256())
    return Certificate.from_der(made.public_bytes(Encoding.DER))


def test_the_key_usage_says_whether_keys_may_be_wrapped() -> None:
    assert identity("partner").certificate.may_encipher
    assert with_usage(key_encipherment=True).may_encipher
    assert not with_usage(key_encipherment=False).may_encipher


def test_an_odd_key_usage_says_nothing() -> None:
    encoded = with_usage(key_encipherment=False).der
    usage = der.element(0x03, b"\7\x80")
    assert encoded.count(usage) == 1
    odd = encoded.replace(usage, der.element(0x05, b"\7\x80"))
    assert Certificate.from_der(odd).may_encipher


def test_an_ed25519_certificate_loads() -> None:
    pem = openssl.openssl(
        "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=e"
    )
    certificate = Certificate.from_pem(pem)
    assert (certificate.key_type, certificate.key_bits) == ("ed25519", 0)
    assert certificate.signature_digest == ""


def test_pem_survives_the_way_there_and_back() -> None:
    certificate = identity().certificate
    pem = b"Bag Attributes\r\n" + certificate.pem().replace("\n", "\r\n").encode() + b"more"
    assert Certificate.from_pem(pem) == certificate
    assert openssl.openssl("x509", "-outform", "DER", stdin=certificate.pem().encode()) == (
        certificate.der
    )


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "BEGIN CERTIFICATE"),
        (b"-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----", "base64"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "not an X.509"),
    ],
)
def test_what_is_no_pem_certificate_is_refused_in_words(pem: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Certificate.from_pem(pem)


def test_octets_after_a_certificate_are_refused() -> None:
    with pytest.raises(ValueError, match="follow"):
        Certificate.from_der(identity().certificate.der + b"\n")


def test_a_certificate_cut_anywhere_is_refused() -> None:
    encoded = identity(kind="p256").certificate.der
    for length in range(len(encoded)):
        with pytest.raises(ValueError, match="certificate"):
            Certificate.from_der(encoded[:length])


def test_a_key_of_an_unknown_kind_is_refused() -> None:
    encoded = identity(kind="rsa2048").certificate.der
    broken = encoded.replace(der.oid("1.2.840.113549.1.1.1"), der.oid("1.2.840.113549.1.1.99"))
    with pytest.raises(ValueError, match="public key"):
        Certificate.from_der(broken)


#: 2.5.4.6 and 2.5.4.3 are countryName and commonName; tag 0x13 is PrintableString
_ODD_NAME = der.sequence(
    der.element(der.SET, der.sequence(der.oid("2.5.4.6"), der.element(0x13, b"DEU"))),
    der.element(der.SET, der.sequence(der.oid("2.5.4.3"), der.element(0x13, b"#a&b*,c "))),
)


def _odd(serial: bytes, version: bytes) -> Certificate:
    """A certificate as nobody should write one, but some do."""
    key = openssl.private_key().public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
    moment = der.time(datetime(2024, 1, 1, tzinfo=UTC))
    validity = der.sequence(moment, moment)
    body = der.sequence(version, serial, algorithm, _ODD_NAME, validity, _ODD_NAME, spki)
    return Certificate.from_der(der.sequence(body, algorithm, der.element(0x03, bytes(257))))


@pytest.mark.parametrize("version", [b"", bytes.fromhex("a003020100")])
@pytest.mark.parametrize("serial", [0, -5, 2**159 - 1])
def test_odd_certificates_load(serial: int, version: bytes) -> None:
    certificate = _odd(der.integer(serial), version)
    assert certificate.serial == serial
    assert certificate.subject == "CN=\\#a&b*\\,c\\ ,C=DEU"
    assert certificate.subject_key_id is None
    assert certificate.key_bits == 2048


def _name(*attributes: x509.NameAttribute[str]) -> bytes:
    return x509.Name(attributes).public_bytes()


def test_names_are_one_whatever_their_strings_order_and_case() -> None:
    printable = _name(
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Big  Company", _ASN1Type.PrintableString),
        x509.NameAttribute(NameOID.COMMON_NAME, "partner", _ASN1Type.BMPString),
    )
    utf8 = _name(
        x509.NameAttribute(NameOID.COMMON_NAME, "Partner"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "big company "),
    )
    other = _name(x509.NameAttribute(NameOID.COMMON_NAME, "partner"))
    assert distinguished_names.same(printable, utf8)
    assert not distinguished_names.same(printable, other)
    assert not distinguished_names.same(printable, b"\x30\x05")


def test_a_certificate_is_found_by_issuer_and_serial() -> None:
    certificate = identity("partner", serial=4711).certificate
    assert certificate.issued_as(certificate.issuer_der, 4711)
    assert not certificate.issued_as(certificate.issuer_der, 4712)
    assert not certificate.issued_as(identity("other").certificate.issuer_der, 4711)
