"""A partner that sends certificate exchange messages: XML by hand, S/MIME by openssl."""

from uuid import uuid4

from as2gateway.certificates import Certificate
from messages.replies import Reply
from tests import factories, openssl
from tests.gateway.cem import written
from tests.messages.sender import message

#: The certificates that AMAZON is going to use, and VENDOR.
NEXT = "AMAZON-2"
OURS_NEXT = "VENDOR-2"


def certificate(name: str = NEXT) -> Certificate:
    """The certificate of that name."""
    return factories.identity(name).certificate


def send(root: bytes, signer: str = "AMAZON", message_id: str = "", **parts: bytes) -> Reply:
    """Send XML with certificates, signed by AMAZON unless said otherwise, encrypted to VENDOR."""
    return send_octets(signed(_entity(root, **parts), signer), message_id)


def send_octets(entity: bytes, message_id: str = "") -> Reply:
    """Encrypt an entity by openssl, and send it."""
    us = factories.identity("VENDOR").certificate
    name = message_id or f"<{uuid4().hex}@amazon.example>"
    body = openssl.cms_encrypt(entity, [us], "-aes128")
    return message().with_fields(Message_ID=name).with_body(body).send()


def signed(entity: bytes, signer: str) -> bytes:
    """Put a detached signature beside an entity, as openssl makes it."""
    them = factories.identity(signer)
    identity = openssl.Identity(them.private_key, them.certificate)
    signature = openssl.cms_sign(entity, [identity], "-md", "sha256")
    return (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; '
        b'micalg=sha-256; boundary="sig"\r\n\r\n--sig\r\n%s\r\n--sig\r\n'
        b"Content-Type: application/pkcs7-signature\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n%s\r\n--sig--\r\n" % (entity, signature)
    )


def ask(signer: str = "AMAZON", message_id: str = "", **words: str) -> Reply:
    """Send the usual request: to trust AMAZON's next certificate for both uses."""
    new = certificate()
    root = written.request(written.trust(new), **words)
    return send(root, signer, message_id, new=written.p7c(new))


def unsigned(root: bytes, **parts: bytes) -> bytes:
    """The entity as it is, without a signature."""
    return _entity(root, **parts)


def _entity(root: bytes, **parts: bytes) -> bytes:
    content_type, body = written.related(root, **parts)
    return f"Content-Type: {content_type}\r\n\r\n".encode() + body
