"""Key files of every kind, and what is said of the wrong ones."""

import base64
import datetime as dt
from collections.abc import Callable

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from django.utils import timezone

from partners import describing, importing
from partners.importing import KeyFileError
from partners.parsed import PrivateKey
from tests import factories
from tests.factories import Identity, identity

OURS = identity("VENDOR")
KEY = OURS.private_key
CERTIFICATE = OURS.certificate.pem().encode()
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
PASSPHRASE = BestAvailableEncryption(b"open sesame")


def as_pkcs12(
    owner: Identity, *, password: bytes | None = b"open sesame", chain: tuple[Identity, ...] = ()
) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    above = [each.certificate.x509 for each in chain]
    return pkcs12.serialize_key_and_certificates(
        b"ours", owner.private_key, owner.certificate.x509, above, encryption
    )


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("key", [KEY, ELLIPTIC], ids=["rsa", "ec"])
@pytest.mark.parametrize("encryption", [NoEncryption(), PASSPHRASE], ids=["plain", "passphrase"])
def test_private_keys_in_pem_are_read(
    form: PrivateFormat, key: PrivateKey, encryption: NoEncryption
) -> None:
    pem = key.private_bytes(Encoding.PEM, form, encryption)
    read = importing.read_private_key(pem, "open sesame")
    assert read.public_key() == key.public_key()


@pytest.mark.parametrize(
    "data",
    [
        CERTIFICATE,
        OURS.certificate.der,
        CERTIFICATE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CERTIFICATE,
        CERTIFICATE.decode().encode("utf-16"),
        b"Bag Attributes\n    friendlyName: ours\n" + CERTIFICATE,
    ],
    ids=["pem", "der", "crlf", "bom", "utf-16", "bag attributes"],
)
def test_certificates_are_read(data: bytes) -> None:
    assert importing.read_certificate(data) == OURS.certificate


@pytest.mark.parametrize("password", [b"open sesame", None])
def test_a_pkcs12_file_brings_key_certificate_and_chain(password: bytes | None) -> None:
    data = as_pkcs12(OURS, password=password, chain=(identity("CA"),))
    material = importing.read_pkcs12(data, password.decode() if password else None)
    assert material.private_key.public_key() == KEY.public_key()
    assert material.certificate == OURS.certificate
    assert material.chain == (identity("CA").certificate,)
    assert material.pkcs8 == OURS.pkcs8


def test_the_certificate_of_the_key_is_found_among_its_chain() -> None:
    chain = identity("CA").certificate.pem().encode()
    material = importing.pair(KEY, importing.read_certificates(chain + CERTIFICATE))
    assert material.certificate == OURS.certificate
    assert material.chain == (identity("CA").certificate,)


def test_a_key_and_another_certificate_are_refused() -> None:
    with pytest.raises(KeyFileError, match=r"certificate \(CN=OTHER\) do not belong together"):
        importing.pair(KEY, [identity("OTHER").certificate])


def test_two_certificates_where_one_is_meant_are_refused() -> None:
    both = CERTIFICATE + identity("OTHER").certificate.pem().encode()
    with pytest.raises(KeyFileError, match=r"holds 2 certificates \(CN=VENDOR; CN=OTHER\)"):
        importing.read_certificate(both)


def request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b" \n", "an empty file"),
        (b"hello", "no key or certificate file"),
        (CERTIFICATE, "a certificate (PEM)"),
        (OURS.certificate.der, "a certificate (DER)"),
        (OURS.key_pem, "a private key (PEM)"),
        (OURS.key_pem + CERTIFICATE, "a private key (PEM) and a certificate (PEM)"),
        (factories.encrypted_pem(OURS, PASSPHRASE), "a private key with passphrase (PEM)"),
        (OURS.pkcs8, "a private key (DER)"),
        (
            KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, PASSPHRASE),
            "a private key (DER)",
        ),
        (as_pkcs12(OURS), "a PKCS#12 file"),
        (
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "a public key without certificate",
        ),
        (request(), "a certificate request, not a certificate yet"),
        (base64.b64encode(OURS.certificate.der), "base64 without its BEGIN and END lines"),
        (b"-----BEGIN DH PARAMETERS-----\n-----END DH PARAMETERS-----", "PEM of another kind"),
    ],
)
def test_a_file_is_described(data: bytes, kind: str) -> None:
    assert describing.describe(data) == kind


@pytest.mark.parametrize("encryption", [NoEncryption(), PASSPHRASE], ids=["plain", "passphrase"])
@pytest.mark.parametrize("key", [KEY, ELLIPTIC], ids=["rsa", "ec"])
def test_openssh_private_keys_are_read(key: PrivateKey, encryption: NoEncryption) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption)
    assert importing.read_private_key(pem, "open sesame").public_key() == key.public_key()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_private_keys_in_der_are_read(form: PrivateFormat) -> None:
    der = KEY.private_bytes(Encoding.DER, form, NoEncryption())
    assert importing.read_private_key(der).public_key() == KEY.public_key()


def test_a_private_key_in_der_with_a_passphrase_is_read() -> None:
    der = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, PASSPHRASE)
    assert importing.read_private_key(der, "open sesame").public_key() == KEY.public_key()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: b"\xef\xbb\xbf" + pem,
        lambda pem: pem.decode().encode("utf-16"),
        lambda pem: b"\xfe\xff" + pem.decode().encode("utf-16-be"),
    ],
    ids=["crlf", "bom", "utf-16-le", "utf-16-be"],
)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_private_keys_survive_windows(spoil: Callable[[bytes], bytes], form: PrivateFormat) -> None:
    pem = spoil(KEY.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert importing.read_private_key(pem).public_key() == KEY.public_key()


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_pkcs7_bundle_gives_its_certificates(encoding: Encoding) -> None:
    bundle = pkcs7.serialize_certificates(
        [OURS.certificate.x509, identity("OTHER").certificate.x509], encoding
    )
    read = importing.read_certificates(bundle)
    assert set(read) == {OURS.certificate, identity("OTHER").certificate}


def test_a_bundle_labelled_cms_is_read() -> None:
    bundle = pkcs7.serialize_certificates([OURS.certificate.x509], Encoding.PEM)
    assert importing.read_certificate(bundle.replace(b" PKCS7-", b" CMS-")) == OURS.certificate


def test_the_issuers_in_a_bundle_are_not_what_is_meant() -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("as2.example.com")
    both = issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes()
    read = importing.read_certificate(both)
    assert read == importing.read_certificate(issued.cert_chain_pems[0].bytes())


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.PEM, PublicFormat.PKCS1),
    ],
)
def test_public_keys_are_read(encoding: Encoding, form: PublicFormat) -> None:
    public = KEY.public_key()
    assert importing.read_public_key(public.public_bytes(encoding, form)) == public


def test_the_public_file_of_ssh_keygen_is_named() -> None:
    line = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    with pytest.raises(KeyFileError, match=r"OpenSSH's own format \(ssh-keygen -e -m PKCS8"):
        importing.read_public_key(line + b" me@here")


def test_a_public_key_of_another_type_is_refused() -> None:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyFileError, match="public key of type Ed25519; RSA or EC was wanted"):
        importing.read_public_key(pem)


@pytest.mark.parametrize("data", [OURS.key_pem + CERTIFICATE, as_pkcs12(OURS)])
def test_a_key_and_its_certificate_come_in_one_file(data: bytes) -> None:
    assert importing.read_material(data, "open sesame").certificate == OURS.certificate


def test_a_key_alone_is_no_key_with_certificate() -> None:
    with pytest.raises(KeyFileError, match=r"this is a private key \(PEM\); a private key with"):
        importing.read_material(OURS.key_pem)


def test_a_certificate_is_no_private_key() -> None:
    with pytest.raises(
        KeyFileError, match=r"certificate \(PEM\); a private key \(PEM or DER\) was wanted"
    ):
        importing.read_private_key(CERTIFICATE)


def test_a_private_key_is_no_certificate() -> None:
    with pytest.raises(KeyFileError, match=r"private key \(PEM\); a certificate \(PEM or DER\)"):
        importing.read_certificate(OURS.key_pem)


def test_a_damaged_certificate_is_refused() -> None:
    with pytest.raises(KeyFileError, match="this certificate cannot be read"):
        importing.read_certificate(CERTIFICATE.replace(b"MII", b"MIJ", 1))


def test_a_passphrase_is_asked_for() -> None:
    with pytest.raises(KeyFileError, match="has a passphrase, and none was given"):
        importing.read_private_key(factories.encrypted_pem(OURS, PASSPHRASE))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_wrong_passphrase_is_refused_and_not_repeated(form: PrivateFormat) -> None:
    pem = KEY.private_bytes(Encoding.PEM, form, PASSPHRASE)
    with pytest.raises(KeyFileError, match="the passphrase is wrong") as refusal:
        importing.read_private_key(pem, "close sesame")
    assert "close sesame" not in str(refusal.value)


def test_a_damaged_private_key_is_refused() -> None:
    with pytest.raises(KeyFileError, match="cannot be read: it is damaged"):
        importing.read_private_key(OURS.key_pem.replace(b"MII", b"MIJ", 1))


def test_a_key_of_another_type_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyFileError, match="of type Ed25519; RSA or EC was wanted"):
        importing.read_private_key(pem)


@pytest.mark.parametrize(
    ("password", "text"),
    [(None, "it needs a password, and none was given"), ("close sesame", "the password is wrong")],
)
def test_a_pkcs12_file_stays_shut(password: str | None, text: str) -> None:
    with pytest.raises(KeyFileError, match=text):
        importing.read_pkcs12(as_pkcs12(OURS), password)


def test_a_certificate_is_no_pkcs12_file() -> None:
    with pytest.raises(KeyFileError, match=r"a certificate \(DER\); a PKCS#12 file"):
        importing.read_pkcs12(OURS.certificate.der)


def test_a_pkcs12_file_without_a_key_is_refused() -> None:
    data = pkcs12.serialize_key_and_certificates(
        b"theirs", None, OURS.certificate.x509, None, NoEncryption()
    )
    with pytest.raises(KeyFileError, match="holds certificates only"):
        importing.read_pkcs12(data)


def test_an_expired_certificate_is_refused() -> None:
    start = timezone.now() - 2 * factories.YEAR
    old = factories.certificate("OLD", start=start, lifetime=dt.timedelta(days=10))
    with pytest.raises(KeyFileError, match=rf"CN=OLD expired on {old.not_after:%Y-%m-%d}"):
        importing.check_certificate(old, timezone.now())


def test_a_short_key_is_refused() -> None:
    weak = factories.certificate("WEAK", key=factories.rsa_key("WEAK", 1024))
    with pytest.raises(KeyFileError, match="has 1024 bits; RSA keys need at least 2048"):
        importing.check_certificate(weak, timezone.now())


def test_a_good_certificate_passes() -> None:
    importing.check_certificate(OURS.certificate, timezone.now())
