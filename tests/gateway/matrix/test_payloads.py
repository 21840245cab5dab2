"""What is inside: kinds of documents (G9), transfer encodings (G10), and sizes (G8)."""

import base64
import quopri
from collections.abc import Callable

import pytest

from as2gateway.policy import PayloadInfo
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import (
    LAYERS,
    X12,
    addressed,
    check_run,
    inbound,
    outbound,
    receive,
    send,
)
from tests.gateway.matrix.wire import open_message, write_mdn
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import OURS, THEIRS, Entity, encrypted, signed, wrap

ALL_BYTES = bytes(range(256)) * 3 + b"\r\r\n\n\0\x1a"

#: content type, file name, octets
KINDS: dict[str, tuple[str, str, bytes]] = {
    "EDI-X12": ("application/EDI-X12", "po850.x12", X12),
    "EDIFACT": ("application/EDIFACT", "orders.edi", b"UNA:+.? 'UNB+UNOC:3+A+B'UNZ+0+1'"),
    "EDI-consent": ("application/edi-consent", "orders.tra", b"STX=ANA:1+A+B'\r\nEND=0'\r\n"),
    "XML": ("application/xml", "order.xml", '<?xml version="1.0"?>\n<Ö/>\n'.encode()),
    "text/plain, LF only": ("text/plain", "readme.txt", b"one\ntwo\n\n--\n.\nthree"),
    "octet-stream, all byte values": ("application/octet-stream", "all.bin", ALL_BYTES),
    "PDF": ("application/pdf", "plan.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\r\n" + ALL_BYTES),
    "TIFF": ("image/tiff", "scan.tif", b"II*\0\x08\0\0\0" + ALL_BYTES),
}


@run("G9", "send")
def test_every_kind_of_document_arrives_as_it_is(row: Row) -> None:
    content_type, name, payload = KINDS[row.variant]
    sent = send(outbound(row), payload, PayloadInfo(len(payload), content_type, name))
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.payload == payload
    assert opened.fields["Content-Type"] == content_type
    assert opened.fields.get_filename() == name
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


@pytest.mark.parametrize("split", SPLITS)
@run("G9", "recv")
def test_every_kind_of_document_is_taken_as_it_is(row: Row, split: Split) -> None:
    content_type, name, payload = KINDS[row.variant]
    inside = Entity(
        (
            f'Content-Type: {content_type}; name="{name}"',
            "Content-Transfer-Encoding: binary",
        ),
        payload,
    )
    received = receive(addressed(signed(inside), row.asks), inbound(row), split=split)
    check_run(received, payload, inside.octets)
    assert received.facts.content_type == content_type.lower()
    assert received.facts.filename == name


# G10: transfer encodings ---------------------------------------------------------------------

#: 8bit and 7bit mean "as is" as binary does, whatever the octets are
TEXT = b"ISA*00*=3D*~\r\n\xe4\xf6\xfc " + 100 * b"long line " + b"\r\n"
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": lambda octets: base64.encodebytes(octets).replace(b"\n", b"\r\n"),
    "quoted-printable": lambda octets: quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(
        b"\n", b"\r\n"
    ),
}


def encoded(name: str) -> Entity:
    """TEXT in a transfer encoding, or in none that is named."""
    body = ENCODERS.get(name, bytes)(TEXT)
    said = () if name == "absent" else (f"Content-Transfer-Encoding: {name}",)
    return Entity(("Content-Type: application/EDI-X12", *said), body)


OUTER = {"HTTP CTE base64, body base64", "HTTP CTE base64, body binary"}


@pytest.mark.parametrize("split", SPLITS)
@run("G10", besides=OUTER)
def test_a_transfer_encoding_is_undone_and_the_mic_is_over_what_came(
    row: Row, split: Split
) -> None:
    inside = encoded(row.variant)
    entity, covered = wrap(inside, LAYERS[row.packaging])
    assert covered == inside.octets
    received = receive(addressed(entity, row.asks), inbound(row), split=split)
    check_run(received, TEXT, covered)


@pytest.mark.parametrize("split", SPLITS)
@run("G10", only=OUTER)
def test_base64_named_in_http_is_undone_if_it_is_there(row: Row, split: Split) -> None:
    entity = encrypted(encoded("absent"))
    body = entity.body if "binary" in row.variant else base64.encodebytes(entity.body)
    fields = (*entity.fields, "Content-Transfer-Encoding: base64")
    received = receive(addressed(Entity(fields, body), row.asks), inbound(row), split=split)
    check_run(received, TEXT, encoded("absent").octets)
