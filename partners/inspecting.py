"""Inspecting: what is in a key file, and what is wrong with it. Nothing secret is returned."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from as2gateway.certificates import Certificate
from partners import describing, importing
from partners.exporting import public_key_fingerprint
from partners.importing import RSA_BITS, KeyFileError, PublicKey
from partners.parsed import PrivateKey


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is, its facts in order, and its problems in plain words."""

    kind: str
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def inspect(data: bytes, password: str | None, now: dt.datetime) -> Inspection:
    """Look into a file of any kind; what cannot be read is a problem, not an error."""
    facts: list[tuple[str, str]] = []
    problems: list[str] = []
    key: PublicKey | None = None
    certificates: tuple[Certificate, ...] = ()
    try:
        key, certificates = _contents(data, password)
    except KeyFileError as error:
        problems.append(str(error))
    if key is not None:
        facts += _key_facts(key)
        problems += _key_problems(key)
    for certificate in certificates:
        facts += _certificate_facts(certificate)
        problems += _certificate_problems(certificate, now)
    problems += _form_problems(data)
    return Inspection(describing.describe(data), tuple(facts), tuple(problems))


def _contents(
    data: bytes, password: str | None
) -> tuple[PublicKey | None, tuple[Certificate, ...]]:
    """Read the public side of a file: of its key, if it has one, and of its certificates."""
    if describing.is_pkcs12(data):
        material = importing.read_pkcs12(data, password)
        return _public(material.private_key), (material.certificate, *material.chain)
    labels = {block.label for block in describing.blocks(data)}
    certificates: tuple[Certificate, ...] = ()
    if labels & {*describing.CERTIFICATES, *describing.BUNDLES} or _is_certificates(data):
        certificates = importing.read_certificates(data)
    if labels & set(describing.PRIVATE_KEYS) or describing.is_private_key(data):
        return _public(importing.read_private_key(data, password)), certificates
    return (None if certificates else importing.read_public_key(data)), certificates


def _is_certificates(data: bytes) -> bool:
    return describing.is_certificate(data) or describing.is_bundle(data)


def _public(key: PrivateKey) -> PublicKey:
    return key.public_key()


def _key_facts(key: PublicKey) -> Iterator[tuple[str, str]]:
    rsa = isinstance(key, RSAPublicKey)
    yield "key", f"{'RSA' if rsa else 'EC'} {key.key_size}"
    yield "SPKI SHA-256", public_key_fingerprint(key)


def _key_problems(key: PublicKey) -> Iterator[str]:
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS:
        yield f"the key has {key.key_size} bits; RSA keys need at least {RSA_BITS}"


def _certificate_facts(certificate: Certificate) -> Iterator[tuple[str, str]]:
    yield "subject", certificate.subject
    yield "issuer", certificate.issuer
    yield "certificate key", f"{certificate.key_type.upper()} {certificate.key_bits}"
    yield "signature hash", certificate.signature_digest
    yield "valid", f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    yield "SHA-256 fingerprint", certificate.fingerprint


def _certificate_problems(certificate: Certificate, now: dt.datetime) -> Iterator[str]:
    try:
        importing.check_certificate(certificate, now)
    except KeyFileError as error:
        yield str(error)
    if certificate.not_before > now:
        yield f"the certificate is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
    if certificate.signature_digest in {"md5", "sha1"}:
        yield f"the certificate is signed with {certificate.signature_digest}, which is broken"


def _form_problems(data: bytes) -> Iterator[str]:
    """Name what other programs stumble over, though we read it."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        yield "the file is UTF-16, as PowerShell's > writes it; most programs cannot read that"
    elif data[:3] == b"\xef\xbb\xbf":
        yield "the file begins with a byte order mark; some programs cannot read that"
    if any(block.label == b"OPENSSH PRIVATE KEY" for block in describing.blocks(data)):
        yield "OpenSSH's own format: ssh-keygen -p -m PKCS8 -f FILE converts it"
