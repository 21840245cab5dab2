"""``manage.py apply``: keys and certificates that cannot be used are refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone

from tests import factories
from tests.factories import identity
from tests.partners.applying import Folder
from tests.partners.test_apply_refusals import CERTIFICATE, KEY, KEY_PAIR
from tests.partners.test_importing import as_pkcs12

pytestmark = pytest.mark.django_db


def test_an_expired_certificate_is_refused(folder: Folder) -> None:
    old = factories.certificate(
        "OLD", start=timezone.now() - 2 * factories.YEAR, lifetime=factories.DAY
    )
    (folder.path / "amazon.pem").write_text(old.pem())
    assert folder.mistakes() == [
        (
            f"amazon.yaml:21: {CERTIFICATE}.file: the certificate CN=OLD expired on "
            f"{old.not_after:%Y-%m-%d}"
        )
    ]


def test_a_short_key_is_refused(folder: Folder) -> None:
    key = factories.rsa_key("WEAK", 1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder.path / "vendor.key").write_bytes(pem)
    (folder.path / "vendor.pem").write_text(factories.certificate("WEAK", key=key).pem())
    assert folder.mistakes() == [
        (
            f"amazon.yaml:5: {KEY_PAIR}.certificate: the key of CN=WEAK has 1024 bits; "
            "RSA keys need at least 2048"
        )
    ]


def test_a_wrong_password_is_refused_and_not_printed(folder: Folder) -> None:
    (folder.path / "vendor.p12").write_bytes(as_pkcs12(identity("VENDOR")))
    folder.change((KEY, "pkcs12: vendor.p12, password: close sesame"))
    assert folder.mistakes() == [
        (
            f"amazon.yaml:5: {KEY_PAIR}.pkcs12: vendor.p12: this PKCS#12 file cannot be read: "
            "the password is wrong, or the file is damaged"
        )
    ]


def elliptic(folder: Folder, stem: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder.path / f"{stem}.key").write_bytes(pem)
    (folder.path / f"{stem}.pem").write_text(factories.certificate("EC", key=key).pem())


def test_an_elliptic_key_cannot_decrypt(folder: Folder) -> None:
    elliptic(folder, "vendor")
    assert folder.mistakes() == [
        f"amazon.yaml:5: {KEY_PAIR}.purposes: an ec key cannot decrypt; set purposes to [sign]"
    ]


def test_an_elliptic_key_cannot_be_encrypted_to(folder: Folder) -> None:
    elliptic(folder, "amazon")
    assert folder.mistakes() == [
        (
            f"amazon.yaml:21: {CERTIFICATE}.roles: an ec key cannot be encrypted to; "
            "leave encrypt out of roles"
        )
    ]


def test_a_key_pair_name_is_not_given_to_another_key(folder: Folder) -> None:
    folder.apply()
    (folder.path / "vendor.key").write_bytes(identity("VENDOR-2").key_pem)
    (folder.path / "vendor.pem").write_text(identity("VENDOR-2").certificate.pem())
    assert folder.mistakes() == [
        (
            f'amazon.yaml:5: {KEY_PAIR}.name: "v-2026" is another key pair already; '
            "give the new one its own name"
        )
    ]
