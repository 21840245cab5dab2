"""What we send, over HTTP, HTTPS and HTTPS with a certificate of ours; answers in every form (G7).

We always send a length (SND-02): where a row says ``chunked``, the answer comes in chunks. What we
receive over these is in ``tests/functional/test_matrix_transport.py``.
"""

import socket
import ssl
from collections.abc import Callable

import pytest
import trustme

from as2gateway.engine import BuiltMDN
from messages.models import Attempt, MDNState, State
from messages.sending import enqueue, send
from partners.models import Connection
from tests import factories
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import outbound
from tests.gateway.matrix.wire import open_message
from tests.messages.matrix.far_end import AMAZON, PAYLOAD, VENDOR, request_of
from tests.messages.partner import Partner
from tests.messages.servers import answer, serve
from tests.partners.tls.test_contexts import known_by, mutual

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

AUTHORITY, CLIENTS = trustme.CA(), trustme.CA()


def _fields(mdn: BuiltMDN) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in mdn.headers)


def with_length(mdn: BuiltMDN) -> bytes:
    return answer(mdn.body, "200 OK", *_fields(mdn).splitlines())


def in_chunks(mdn: BuiltMDN) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{_fields(mdn)}\r\n".encode()
    pieces = [mdn.body[at : at + 700] for at in range(0, len(mdn.body), 700)]
    chunks = b"".join(b"%X ;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + chunks + b"0\r\nX-Trailer: 1\r\n\r\n"


def after_others(mdn: BuiltMDN) -> bytes:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n"
    return early + early + with_length(mdn)


def to_the_end(mdn: BuiltMDN) -> bytes:
    return f"HTTP/1.1 200 OK\r\nConnection: close\r\n{_fields(mdn)}\r\n".encode() + mdn.body


def by_http_1_0(mdn: BuiltMDN) -> bytes:
    return f"HTTP/1.0 200\r\n{_fields(mdn)}\r\n".encode() + mdn.body


#: how an answer is framed, by the last words of the variant
FORMS: dict[str, Callable[[BuiltMDN], bytes]] = {
    "Content-Length": with_length,
    "chunked": in_chunks,
    "1xx before final": after_others,
    "reply without length": to_the_end,
    "HTTP/1.0 reply": by_http_1_0,
}


def server_side(row: Row) -> ssl.SSLContext | None:
    """TLS of the partner's server, if the row has any."""
    if "client certificate" in row.variant:
        return mutual(AUTHORITY, CLIENTS)
    if row.variant.startswith("HTTPS"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("localhost").configure_cert(context)
        return context
    return None


def connection(row: Row, url: str) -> Connection:
    """A connection to that server."""
    link = factories.connection(
        url=url,
        compress=outbound(row).compress,
        tls_trust="custom-ca",
        tls_ca=AUTHORITY.cert_pem.bytes().decode(),
    )
    if "client certificate" in row.variant:
        pair = known_by(link, CLIENTS.issue_cert("vendor.test"))
        pair.signs = pair.decrypts = False
        pair.save()
    return link


@run("G7", "send")
def test_a_document_is_sent_and_proven_over_each_transport(row: Row) -> None:
    partner, framed = Partner(), FORMS[row.variant.rpartition(", ")[2]]
    tls = server_side(row)

    def respond(peer: socket.socket, request: bytes) -> None:
        peer.sendall(framed(partner.mdn_for(request)))

    with serve(respond, tls=tls) as peer:
        message = enqueue(connection(row, peer.url), [PAYLOAD], "order.edi")
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_text) == (State.DELIVERED, "")
    assert [mdn.state for mdn in message.mdns.all()] == [MDNState.VERIFIED]
    wire = request_of(peer.requests[0])
    assert open_message(wire, AMAZON, VENDOR.certificate).payload == PAYLOAD
    assert (wire["Content-Length"], wire["Transfer-Encoding"]) == (str(len(wire.body)), "")
    assert bool(Attempt.objects.get().tls_version) is (tls is not None)
