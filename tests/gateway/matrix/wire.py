"""The far end of a run: messages and MDNs opened, and MDNs written, without any code of ours.

openssl, hashlib, zlib, asn1crypto, ``email`` and MIME cut by hand.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser

from asn1crypto import cms as asn1_cms

from as2gateway.certificates import Certificate
from as2gateway.headers import Headers
from tests.gateway.wrapping import THEIRS, multipart, signature
from tests.openssl import Identity, cms_decrypt, cms_verify

_REPORT_TYPE = "multipart/report; report-type=disposition-notification; boundary=r"
_DONE = "processed"


@dataclass(frozen=True, slots=True)
class Wire:
    """One HTTP message: header fields and body."""

    headers: Headers
    body: bytes = field(repr=False)

    @property
    def octets(self) -> bytes:
        """As one MIME entity."""
        return self.headers.encode() + b"\r\n" + self.body

    def __getitem__(self, name: str) -> str:
        """A header field, empty if there is none."""
        return self.headers.get(name) or ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What somebody else finds in a message."""

    payload: bytes = field(repr=False)
    #: the octets that its MIC is over (RFC 4130 §7.3.1, RFC 5402 §4)
    covered: bytes = field(repr=False)
    #: ``enc``, ``sign`` and ``comp``, from inside out
    layers: tuple[str, ...]
    #: fields of the innermost entity
    fields: Message
    #: each SignedData, EnvelopedData and CompressedData, by its layer
    cms: Mapping[str, bytes] = field(repr=False)
    #: what a signed entity calls its digest
    micalg: str = ""

    def mic(self, digest: str = "sha256") -> bytes:
        """The MIC, by hashlib."""
        return hashlib.new(digest, self.covered).digest()


def open_message(wire: Wire, to: Identity, signer: Certificate) -> Opened:
    """Take all layers off a message. Raises OpenSSLError if it is for or by somebody else."""
    entity, covered, micalg = wire.octets, b"", ""
    cms: dict[str, bytes] = {}
    while True:
        fields, body = _fields(entity), _body(entity)
        match fields.get_content_type(), str(fields.get_param("smime-type")).lower():
            case "multipart/signed", _:
                entity, cms["sign"] = split_signed(entity)
                covered = covered or cms_verify(cms["sign"], signer, entity)
                micalg = str(fields.get_param("micalg"))
            case "application/pkcs7-mime", "enveloped-data" | "authenveloped-data":
                cms["enc"], entity = body, cms_decrypt(body, to)
            case "application/pkcs7-mime", "compressed-data":
                cms["comp"] = body
                entity = asn1_cms.ContentInfo.load(body)["content"].decompressed
            case _:
                break
    innermost = entity if cms else body
    return Opened(body, covered or innermost, tuple(reversed(cms)), fields, cms, micalg)


def _fields(entity: bytes) -> Message:
    return BytesParser().parsebytes(entity.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", True)


def _body(entity: bytes) -> bytes:
    return entity.partition(b"\r\n\r\n")[2]


def split_signed(entity: bytes) -> tuple[bytes, bytes]:
    """Cut a multipart/signed by hand: the signed part, and the signature in DER."""
    found = re.search(rb'boundary="?([^";\r\n]+)', entity)
    assert found is not None
    before, first, second, after = entity.split(b"--" + found[1])
    assert before.endswith(b"\r\n\r\n")
    assert after == b"--\r\n"
    head, _, der = second.removesuffix(b"\r\n").partition(b"\r\n\r\n")
    if b"base64" in head:
        der = base64.b64decode(der)
    return first.removeprefix(b"\r\n").removesuffix(b"\r\n"), der


# MDNs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenedMDN:
    """What somebody else finds in an MDN of ours."""

    #: of the machine-readable part
    fields: Message
    signed: bool
    micalg: str

    @property
    def disposition(self) -> str:
        """Without the mode, which is always the same."""
        mode, _, rest = self.fields["Disposition"].partition("; ")
        assert mode == "automatic-action/MDN-sent-automatically"
        return rest

    @property
    def mic(self) -> tuple[bytes, str] | None:
        """The digest and its name."""
        value = self.fields["Received-Content-MIC"]
        if value is None:
            return None
        encoded, _, name = value.partition(", ")
        return base64.b64decode(encoded, validate=True), name


def open_mdn(wire: Wire, signer: Certificate) -> OpenedMDN:
    """Read an MDN. Raises OpenSSLError if it is signed by somebody else."""
    entity = wire.octets
    outer = _fields(entity)
    if signed := outer.get_content_type() == "multipart/signed":
        entity, der = split_signed(entity)
        assert cms_verify(der, signer, entity) == entity
    report = BytesParser().parsebytes(entity)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "disposition-notification"
    parts = report.get_payload()
    assert isinstance(parts, list)
    text, machine = parts
    assert isinstance(text, Message)
    assert isinstance(machine, Message)
    assert text.get_content_type() == "text/plain"
    assert machine.get_content_type() == "message/disposition-notification"
    fields = machine.get_payload(0)
    assert isinstance(fields, Message)
    return OpenedMDN(fields, signed, str(outer.get_param("micalg", "")))


def write_mdn(
    answered: Headers,
    mic: tuple[bytes, str] | None,
    *,
    signer: Identity | None = THEIRS,
    disposition: str = _DONE,
) -> Wire:
    """Write the MDN for a message by hand, and sign it with openssl."""
    machine = [
        f"Final-Recipient: rfc822; {answered.get('AS2-To')}",
        f"Original-Message-ID: {answered.get('Message-ID')}",
        f"Disposition: automatic-action/MDN-sent-automatically; {disposition}",
    ]
    if mic is not None:
        machine.append(f"Received-Content-MIC: {base64.b64encode(mic[0]).decode()}, {mic[1]}")
    parts = (
        b"Content-Type: text/plain\r\n\r\nThank you.\r\n",
        b"Content-Type: message/disposition-notification\r\n\r\n"
        + "".join(f"{line}\r\n" for line in machine).encode(),
    )
    report = b"".join(b"--r\r\n" + part + b"\r\n" for part in parts) + b"--r--\r\n"
    content_type, body = _REPORT_TYPE, report
    if signer is not None:
        part = f"Content-Type: {_REPORT_TYPE}\r\n\r\n".encode() + report
        frame = multipart(part, signature(part, signer))
        content_type, body = frame.fields[0].partition(": ")[2], frame.body
    fields = (
        ("AS2-From", answered.get("AS2-To") or ""),
        ("AS2-To", answered.get("AS2-From") or ""),
        ("Message-ID", "<mdn@them.example>"),
        ("Content-Type", content_type),
    )
    return Wire(Headers(fields), body)
