"""Generating and exporting: what we make, other programs take; and the other way round."""

import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from partners import importing
from partners.exporting import Form, certificate_file, public_key_fingerprint, public_key_pem
from partners.generating import KeyKind, Owner, generate_key, self_signed, signing_request
from partners.importing import KeyMaterial
from partners.parsed import PrivateKey
from tests.factories import DAY, YEAR, identity, rsa_key

NOW = dt.datetime(2027, 3, 10, 15, 0, tzinfo=dt.UTC)
OWNER = Owner("VENDOR", "Vendor Inc", "as2.vendor.example")


def run(*command: str | Path, stdin: bytes | None = None) -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def made(owner: Owner = OWNER, key: PrivateKey | None = None) -> KeyMaterial:
    return self_signed(key or rsa_key("VENDOR"), owner, NOW, YEAR)


def alternative_names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(each.value) for each in found.value]


@pytest.mark.parametrize(
    ("kind", "bits"),
    [(KeyKind.RSA_2048, 2048), (KeyKind.RSA_3072, 3072), (KeyKind.RSA_4096, 4096)],
)
def test_rsa_keys_have_the_length_that_was_asked_for(kind: KeyKind, bits: int) -> None:
    key = generate_key(kind)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (bits, 65537)
    assert kind.encrypts


def test_an_elliptic_key_is_of_p_256() -> None:
    key = generate_key(KeyKind.P_256)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert not KeyKind.P_256.encrypts


def test_a_certificate_says_who_and_how_long() -> None:
    certificate = made().certificate
    assert certificate.subject == "O=Vendor Inc,CN=VENDOR"
    assert certificate.signature_digest == "sha256"
    assert certificate.not_before <= NOW
    assert certificate.not_after == NOW + YEAR
    assert alternative_names(certificate.x509) == ["as2.vendor.example"]


@pytest.mark.parametrize(
    ("name", "host", "shown"),
    [
        ("VENDOR", "192.0.2.7", "192.0.2.7"),
        ("VENDOR", "[2001:db8::7]", "2001:db8::7"),
        ("VENDOR", "", "VENDOR"),
        ("Vendor & Söhne", "", "urn:as2:Vendor%20%26%20S%C3%B6hne"),
    ],
)
def test_there_is_always_an_alternative_name(name: str, host: str, shown: str) -> None:
    certificate = made(Owner(name, host=host)).certificate
    assert alternative_names(certificate.x509) == [shown]


def test_an_as2_name_longer_than_a_common_name_is_cut() -> None:
    assert len(made(Owner("A" * 128)).certificate.subject) == len("CN=") + 64


@pytest.mark.parametrize("key", [rsa_key("VENDOR"), generate_key(KeyKind.P_256)], ids=["rsa", "ec"])
def test_openssl_accepts_the_certificate(key: PrivateKey, tmp_path: Path) -> None:
    file = tmp_path / "our.pem"
    file.write_text(made(key=key).certificate.pem())
    # With itself as authority, at a moment of its validity, and for both uses of S/MIME.
    at = str(int((NOW + DAY).timestamp()))
    for purpose in ("smimesign", "any"):
        run("openssl", "verify", "-CAfile", file, "-attime", at, "-purpose", purpose, file)


def test_openssl_accepts_the_request() -> None:
    pem = signing_request(rsa_key("VENDOR"), OWNER)
    text = run("openssl", "req", "-verify", "-noout", "-text", stdin=pem).decode()
    assert "CN = VENDOR" in text
    assert "DNS:as2.vendor.example" in text


def test_each_form_of_a_certificate_is_read_again() -> None:
    ours = identity("VENDOR").certificate
    for form in Form:
        file = certificate_file("ours", [ours, identity("CA").certificate], form)
        assert ours in importing.read_certificates(file.data)


@pytest.mark.parametrize(
    ("stem", "form", "name"),
    [
        ("VENDOR-2027", Form.PEM, "VENDOR-2027.cer"),
        ("VENDOR-2027", Form.DER, "VENDOR-2027.der.cer"),
        ("VENDOR-2027", Form.PKCS7, "VENDOR-2027.p7b"),
        ("../etc/passwd", Form.PEM, "etc-passwd.cer"),
        ("ö\r\n", Form.PEM, "certificate.cer"),
    ],
)
def test_a_file_has_a_harmless_name(stem: str, form: Form, name: str) -> None:
    assert certificate_file(stem, [identity("VENDOR").certificate], form).name == name


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_by_openssl(private: Path) -> bytes:
    return run("openssl", "pkey", "-in", private, "-pubout")


def public_by_ssh_keygen(private: Path) -> bytes:
    return run("ssh-keygen", "-f", private, "-e", "-m", "PKCS8")


def check_all_agree(private: Path) -> None:
    key = importing.read_private_key(private.read_bytes()).public_key()
    ours = public_key_pem(key)
    assert ours == public_by_openssl(private) == public_by_ssh_keygen(private)
    again = importing.read_public_key(ours)
    assert public_key_fingerprint(again) == public_key_fingerprint(key)


def test_our_key_has_the_public_part_that_openssl_and_ssh_keygen_say(tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    private.touch(mode=0o600)
    private.write_bytes(pkcs8(generate_key(KeyKind.RSA_2048)))
    check_all_agree(private)


def test_so_has_a_key_of_openssl(tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    bits = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    run("openssl", "genpkey", "-quiet", "-out", private, *bits)
    check_all_agree(private)


@pytest.mark.parametrize("form", ["PKCS8", "PEM", "RFC4716"])
def test_so_has_a_key_of_ssh_keygen(tmp_path: Path, form: str) -> None:
    private = tmp_path / "private.pem"
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", form, "-N", "", "-f", private)
    key = importing.read_private_key(private.read_bytes()).public_key()
    assert public_key_pem(key) == public_by_ssh_keygen(private)


@pytest.mark.parametrize("form", ["PKCS8", "PEM", "RFC4716"])
def test_a_passphrase_of_ssh_keygen_opens(tmp_path: Path, form: str) -> None:
    private = tmp_path / "private.pem"
    secret = ("-N", "open sesame", "-f", private)
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", form, *secret)
    data = private.read_bytes()
    with pytest.raises(importing.KeyFileError, match="has a passphrase, and none was given"):
        importing.read_private_key(data)
    key = importing.read_private_key(data, "open sesame")
    assert isinstance(key, rsa.RSAPrivateKey)
