"""The ``openssl`` command as an oracle, and keys with certificates for tests.

What it makes our parsers must read; what we make it must accept. Needs OpenSSL 3.0 or newer.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate

NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2040, 1, 1, tzinfo=UTC)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
}


class OpenSSLError(Exception):
    """The command ended with an error; its words are in the text."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and its self-signed certificate."""

    private_key: PrivateKey
    certificate: Certificate

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8, not encrypted."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def rsa_key(self) -> rsa.RSAPrivateKey:
        """The private key of an RSA identity."""
        assert isinstance(self.private_key, rsa.RSAPrivateKey)
        return self.private_key


@cache
def private_key(kind: str = "rsa2048", label: str = "") -> PrivateKey:
    """A new key for each kind (``rsa2048``, ``p256``) and label; the same one the second time."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


@cache
def identity(
    name: str = "partner",
    kind: str = "rsa2048",
    *,
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    serial: int | None = None,
    subject: x509.Name | None = None,
    key_of: str | None = None,
) -> Identity:
    """A key and a self-signed certificate; ``key_of`` takes the key made for another name."""
    key = private_key(kind, name if key_of is None else key_of)
    subject = subject or _subject(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    made = builder.sign(key, digest.hash)  # type: ignore[arg-type]  # its kind is known at run time
    return Identity(key, Certificate.from_der(made.public_bytes(serialization.Encoding.DER)))


@cache
def issued(name: str) -> tuple[Identity, Identity, Identity]:
    """A key whose certificate another one has issued, whose own is of a third: leaf to root."""
    root = identity(f"{name}, root")
    middle = _issue(f"{name}, middle", root, ca=True)
    return _issue(name, middle, ca=False), middle, root


def _issue(name: str, issuer: Identity, *, ca: bool) -> Identity:
    key = private_key(label=name)
    made = (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer.certificate.x509.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer.rsa_key, hashes.SHA256())
    )
    return Identity(key, Certificate.from_der(made.public_bytes(serialization.Encoding.DER)))


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test & Söhne"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run the command; its standard output. Raises OpenSSLError."""
    done = subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        raise OpenSSLError(done.stderr.decode(errors="replace"))
    return done.stdout


def cms_sign(
    data: bytes,
    signers: Sequence[Identity],
    *options: str,
    enclosed: Sequence[Certificate] = (),
) -> bytes:
    """SignedData in DER (BER with ``-stream``); detached unless ``-nodetach`` is an option.

    Certificates that are ``enclosed`` travel along with those of the signers.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        if enclosed:
            chain = "".join(one.pem() for one in enclosed)
            arguments += ["-certfile", _write(folder, "chain.pem", chain)]
        for number, signer in enumerate(signers):
            arguments += ["-signer", _write(folder, f"{number}.pem", signer.certificate.pem())]
            arguments += ["-inkey", _write(folder, f"{number}.key", signer.key_pem)]
        return openssl("cms", "-sign", "-binary", *_DER_OUT, *arguments, *options, stdin=data)


def cms_verify(signed: bytes, certificate: Certificate, content: bytes | None = None) -> bytes:
    """The content, if this key signed it; ``content`` belongs to a detached signature."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-certfile", _write(folder, "signer.pem", certificate.pem())]
        if content is not None:
            arguments += ["-content", _write(folder, "content", content)]
        # The certificate given is the only one looked at, and no chain is asked of it.
        arguments += ["-nointern", "-noverify"]
        return openssl("cms", "-verify", "-binary", *_DER_IN, *arguments, stdin=signed)


def cms_encrypt(data: bytes, recipients: Sequence[Certificate], *options: str) -> bytes:
    """EnvelopedData in DER; options such as ``-aes128`` or ``-stream`` follow the recipients."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for number, recipient in enumerate(recipients):
            arguments += ["-recip", _write(folder, f"{number}.pem", recipient.pem())]
        return openssl("cms", "-encrypt", "-binary", *_DER_OUT, *arguments, *options, stdin=data)


def cms_decrypt(enveloped: bytes, recipient: Identity) -> bytes:
    """What this recipient finds inside."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-recip", _write(folder, "recipient.pem", recipient.certificate.pem())]
        arguments += ["-inkey", _write(folder, "recipient.key", recipient.key_pem)]
        return openssl("cms", "-decrypt", "-binary", *_DER_IN, *arguments, stdin=enveloped)


_DER_IN = ("-inform", "DER")
_DER_OUT = ("-outform", "DER")


def _write(folder: str, name: str, data: bytes | str) -> str:
    path = Path(folder, name)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)
