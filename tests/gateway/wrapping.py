"""AS2 messages made without our own code: openssl, zlib, asn1crypto, and MIME cut by hand."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms as asn1_cms

from as2gateway.headers import Headers
from tests.openssl import Identity, cms_encrypt, cms_sign, identity

THEIRS = identity("theirs")
OURS = identity("ours")

PAYLOAD = (
    b"ISA*00*          *00*          *ZZ*SENDER\r\nGS*PO\nSE*1\r\n\r\n--not a boundary\x00\xff"
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity: field lines, and a body."""

    fields: tuple[str, ...]
    body: bytes

    @property
    def octets(self) -> bytes:
        """As it stands inside a layer."""
        return "".join(f"{line}\r\n" for line in self.fields).encode() + b"\r\n" + self.body

    @property
    def headers(self) -> Headers:
        """As the header fields of an HTTP request."""
        return Headers.parse("\r\n".join(self.fields).encode())


class Octets(Entity):
    """Octets that stand inside a layer as they are, with no MIME around them."""

    def __init__(self, octets: bytes) -> None:
        super().__init__((), octets)

    @property
    def octets(self) -> bytes:
        return self.body


def document(
    payload: bytes = PAYLOAD, encoding: str = "binary", name: str = "po 850.edi"
) -> Entity:
    """The innermost entity."""
    body = base64.encodebytes(payload) if encoding == "base64" else payload
    return Entity(
        (
            "Content-Type: application/EDI-X12",
            f'Content-Disposition: attachment; filename="{name}"',
            f"Content-Transfer-Encoding: {encoding}",
        ),
        body,
    )


def multipart(first: bytes, second: bytes, micalg: str = "sha-256") -> Entity:
    """The two parts of a signed entity in their frame."""
    boundary = f"----=_Part_{zlib.crc32(first)}"
    line = b"--" + boundary.encode()
    parameters = f'boundary="{boundary}"; micalg={micalg}; protocol="application/pkcs7-signature"'
    body = line + b"\r\n" + first + b"\r\n" + line + b"\r\n" + second + b"\r\n" + line + b"--\r\n"
    return Entity((f"Content-Type: multipart/signed; {parameters}",), body)


def signature(octets: bytes, signer: Identity = THEIRS, *options: str) -> bytes:
    """The second part: a detached signature in binary."""
    der = cms_sign(octets, [signer], *options)
    fields = ("Content-Type: application/pkcs7-signature; name=smime.p7s",)
    return Entity(fields, der).octets


def signed(inside: Entity, signer: Identity = THEIRS) -> Entity:
    """multipart/signed."""
    return multipart(inside.octets, signature(inside.octets, signer))


def opaque(inside: Entity, signer: Identity = THEIRS) -> Entity:
    """Signed-data that carries its content."""
    return pkcs7("signed-data", cms_sign(inside.octets, [signer], "-nodetach"))


def encrypted(inside: Entity, to: Identity = OURS, *options: str) -> Entity:
    """Enveloped-data."""
    der = cms_encrypt(inside.octets, [to.certificate], *(options or ("-aes128",)))
    return pkcs7("enveloped-data", der)


def compressed(inside: Entity) -> Entity:
    """Compressed-data: openssl is mostly built without zlib."""
    return pkcs7("compressed-data", compressed_data(zlib.compress(inside.octets)))


def compressed_data(packed: bytes) -> bytes:
    """A ContentInfo around octets that are taken for zlib's."""
    info = asn1_cms.ContentInfo(
        {
            "content_type": "compressed_data",
            "content": {
                "version": 0,
                "compression_algorithm": {"algorithm": "zlib"},
                "encap_content_info": {"content_type": "data", "content": packed},
            },
        }
    )
    der: bytes = info.dump()
    return der


def pkcs7(smime_type: str, der: bytes) -> Entity:
    """application/pkcs7-mime in binary."""
    return Entity((f"Content-Type: application/pkcs7-mime; smime-type={smime_type}",), der)


LAYERS = {"comp": compressed, "sign": signed, "opaque": opaque, "enc": encrypted}

#: the ten packagings of RFC 4130 and RFC 5402, each from inside out, and opaque signatures
PACKAGINGS: dict[str, tuple[str, ...]] = {
    "P01 plain": (),
    "P02 signed": ("sign",),
    "P03 encrypted": ("enc",),
    "P04 signed, encrypted": ("sign", "enc"),
    "P05 compressed": ("comp",),
    "P06 compressed, signed": ("comp", "sign"),
    "P07 signed, compressed": ("sign", "comp"),
    "P08 compressed, encrypted": ("comp", "enc"),
    "P09 compressed, signed, encrypted": ("comp", "sign", "enc"),
    "P10 signed, compressed, encrypted": ("sign", "comp", "enc"),
    "opaque": ("opaque",),
    "opaque, encrypted": ("opaque", "enc"),
    "compressed, opaque, encrypted": ("comp", "opaque", "enc"),
}


def wrap(inside: Entity, layers: Sequence[str]) -> tuple[Entity, bytes]:
    """The entity in its layers, and the octets that its MIC is over (RFC 4130 §7.3.1)."""
    # Unwrapped: the body alone. Unsigned: the innermost entity. Signed: what the signature covers.
    mic_octets = inside.octets if layers else inside.body
    for layer in layers:
        if layer in {"sign", "opaque"}:
            mic_octets = inside.octets
        inside = LAYERS[layer](inside)
    return inside, mic_octets
