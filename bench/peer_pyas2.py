"""pyas2lib doing what ``bench.core`` measures of ours."""

import importlib
import logging
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)

from as2gateway.certificates import Certificate
from as2gateway.headers import Headers

_PASSWORD = "x"


class PeerUnavailable(Exception):
    """It cannot be measured here; the text says why."""


def receive_and_answer(
    key: rsa.RSAPrivateKey,
    certificate: Certificate,
    sender: Certificate,
    messages: Iterator[tuple[Headers, bytes]],
) -> Callable[[], None]:
    """What reads the next message and builds its MDN. Raises PeerUnavailable."""
    try:
        pyas2lib = importlib.import_module("pyas2lib")
    except Exception as error:
        # It fails in many ways; the commonest is oscrypto, which knows no OpenSSL after 3.0.9.
        raise PeerUnavailable(str(error)) from error
    logging.getLogger("pyas2lib").setLevel(logging.CRITICAL)
    pair = pkcs12.serialize_key_and_certificates(
        b"us", key, certificate.x509, None, _old_encryption()
    )
    us = pyas2lib.Organization(
        as2_name="US",
        sign_key=pair,
        sign_key_pass=_PASSWORD,
        decrypt_key=pair,
        decrypt_key_pass=_PASSWORD,
    )
    them = pyas2lib.Partner(
        as2_name="THEM",
        verify_cert=sender.pem().encode(),
        validate_certs=False,
        sign=True,
        encrypt=True,
        canonicalize_as_binary=True,
    )

    def action() -> None:
        headers, body = next(messages)
        octets = headers.encode() + b"\r\n" + body
        status, error, mdn = pyas2lib.Message().parse(octets, lambda _: us, lambda _: them)
        if status != "processed":
            raise PeerUnavailable(f"it refused the message: {error[0]}")
        mdn.headers, mdn.content  # noqa: B018  both are built when they are asked for

    action()
    return action


def _old_encryption() -> KeySerializationEncryption:
    """The only kind that oscrypto opens."""
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(SHA1())
        .build(_PASSWORD.encode())
    )
