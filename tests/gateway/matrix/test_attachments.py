"""Several documents in one message, in every packaging (G11, RFC 6362), and file names (G12)."""

import base64
import os
from email import message_from_bytes
from email.message import Message

import pytest

from as2gateway.attachments import join
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
from tests.gateway.matrix.wire import Wire, open_message, write_mdn
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import OURS, THEIRS, Entity, wrap

XML = b"<order>\n--AAA\r\n</order>\r\n"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\r\n--AAA" + bytes(range(256))
DOCUMENTS = [
    (PayloadInfo(len(XML), "application/xml", "order.xml"), [XML]),
    (PayloadInfo(len(PDF), "application/pdf", "plan.pdf"), [PDF]),
]


@run("G11", "send")
def test_two_documents_go_out_as_one_payload(row: Row) -> None:
    info, pieces = join(DOCUMENTS, os.urandom)
    if not LAYERS[row.packaging]:
        # The MIC would be without the header fields that say where the parts end (RFC 6362 §2.3).
        with pytest.raises(ValueError, match="must be signed, encrypted or compressed"):
            send(outbound(row), info=info, pieces=pieces)
        return
    sent = send(outbound(row), info=info, pieces=pieces)
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.layers == LAYERS[row.packaging]
    root, plan = parts_of(opened.fields, opened.payload)
    assert (root.get_payload(decode=True), plan.get_payload(decode=True)) == (XML, PDF)
    assert (root.get_content_type(), plan.get_filename()) == ("application/xml", "plan.pdf")
    assert opened.fields.get_param("start") == root["Content-ID"]
    mdn = write_mdn(sent.wire.headers, (opened.mic(), "sha-256"))
    assert sent.take(mdn).disposition.positive


def parts_of(fields: Message, payload: bytes) -> list[Message]:
    """The parts of a multipart as Python's parser finds them."""
    head = f"Content-Type: {fields['Content-Type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + payload)
    assert whole.get_content_type() == "multipart/related"
    return [part for part in whole.walk() if not part.is_multipart()]


#: as others send it: the picture in base64, no ``start``, a preamble
BODY = (
    b"preamble\r\n--AAA\r\nContent-Type: application/xml\r\nContent-ID: <1@them>\r\n\r\n"
    b"<order/>\r\n--AAA\r\n"
    b'Content-Type: application/pdf; name="plan.pdf"\r\nContent-ID: <2@them>\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PDF) + b"\r\n--AAA--\r\n"
)


@pytest.mark.parametrize("split", SPLITS)
@run("G11", "recv")
def test_two_documents_are_taken_apart(row: Row, split: Split) -> None:
    inside = Entity(
        ('Content-Type: multipart/related; boundary=AAA; type="application/xml"',), BODY
    )
    entity, covered = wrap(inside, LAYERS[row.packaging])
    received = receive(addressed(entity, row.asks), inbound(row), split=split)
    check_run(received, BODY, covered)
    found = received.facts.attachments
    assert [b"".join(one.read([received.payload])) for one in found] == [b"<order/>", PDF]
    assert [(one.content_type, one.filename, one.root) for one in found] == [
        ("application/xml", "", True),
        ("application/pdf", "plan.pdf", False),
    ]


# G12: file names -----------------------------------------------------------------------------


@run("G12", "send")
def test_a_file_name_goes_along_with_the_document(row: Row) -> None:
    sent = send(outbound(row), X12, PayloadInfo(len(X12), filename="po 850.edi"))
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.payload == X12
    assert opened.fields["Content-Disposition"] == 'attachment; filename="po 850.edi"'
    if LAYERS[row.packaging]:
        assert "po 850" not in str(sent.wire.headers)  # it is the document's, nobody else's
    assert sent.take(mdn_for(sent.wire, opened.mic())).disposition.positive


def mdn_for(wire: Wire, mic: bytes) -> Wire:
    return write_mdn(wire.headers, (mic, "sha-256"))


#: parameters of a Content-Disposition, and the name that its sender means
NAMES = {
    "ASCII": ('filename="po850.edi"', "po850.edi"),
    "unquoted with blank": ("filename=po 850 test.edi", "po 850 test.edi"),
    "RFC 2231 charset": ("filename*=iso-8859-1'de'Gr%FC%DFe.edi", "Grüße.edi"),
    "RFC 2231 continuation": (
        "filename*0*=utf-8''a%20%E2%82; filename*1*=%AC; filename*2=.edi",
        "a €.edi",
    ),
    "RFC 5987 form": ("filename=\"EUR.edi\"; filename*=UTF-8''%E2%82%AC.edi", "€.edi"),
    "RFC 2047 word": ('filename="=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?LmVkaQ==?="', "Grüße.edi"),
    "raw UTF-8": ('filename="Grüße.edi"', "Grüße.edi"),
    "path traversal": ('filename="../../etc/passwd"', "../../etc/passwd"),
    "doubled quotes": ('filename=""po850.edi""', "po850.edi"),
}
#: what becomes of the names of several: ``tests/messages/matrix/test_filenames.py``
OF_SEVERAL = {"duplicate-filename", "illegal-filename"}


@pytest.mark.parametrize("split", SPLITS)
@run("G12", "recv", besides=OF_SEVERAL)
def test_a_file_name_is_read_as_its_sender_means_it(row: Row, split: Split) -> None:
    parameters, name = NAMES[row.variant]
    inside = Entity(
        ("Content-Type: application/EDI-X12", f"Content-Disposition: attachment; {parameters}"),
        X12,
    )
    entity, covered = wrap(inside, LAYERS[row.packaging])
    received = receive(addressed(entity, row.asks), inbound(row), split=split)
    check_run(received, X12, covered)
    assert received.facts.filename == name
