"""AMAZON at the far end of VENDOR's gateway: messages made by openssl, and the MDNs for them."""

from django.utils import timezone

from as2gateway.headers import Headers
from as2gateway.policy import MDNMode
from messages import processing
from messages.models import MDN, Message
from messages.returning import post_mdn
from partners.models import Connection
from tests import factories, openssl
from tests.gateway.matrix.rows import Row
from tests.gateway.matrix.runs import LAYERS, addressed
from tests.gateway.matrix.wire import Wire
from tests.gateway.wrapping import Entity, compressed, document, encrypted, signed
from tests.messages.sender import Sent
from tests.messages.servers import answer, serve

PAYLOAD = b"ISA*00*          *00*          *ZZ*AMAZON\r\nGS*PO\r\nSE*1\r\n\r\n--x\x00\xff"


def identity(name: str) -> openssl.Identity:
    """The key of an AS2 name, as openssl's helpers take it."""
    made = factories.identity(name)
    return openssl.Identity(made.private_key, made.certificate)


VENDOR, AMAZON = identity("VENDOR"), identity("AMAZON")


def connect(row: Row) -> Connection:
    """Make a connection that insists on the layers of the row."""
    layers = LAYERS[row.packaging]
    return factories.connection(
        require_signature="sign" in layers,
        require_encryption="enc" in layers,
        mdn_hosts="them.example, localhost",
    )


def pack(row: Row, inside: Entity | None = None) -> Entity:
    """Put layers around a document, as the row says."""
    entity = inside or document(PAYLOAD)
    for layer in LAYERS[row.packaging]:
        match layer:
            case "sign":
                entity = signed(entity, AMAZON)
            case "comp":
                entity = compressed(entity)
            case _:
                entity = encrypted(entity, VENDOR)
    return entity


def request(row: Row, entity: Entity | None = None, **fields: str) -> Sent:
    """Make a message to VENDOR that asks for what the row says; by default of the right layers."""
    given = {"AS2_From": "AMAZON", "AS2_To": "VENDOR", "Message_ID": "<1@amazon.example>", **fields}
    wire = addressed(entity or pack(row), row.asks, **given)
    return Sent(dict(wire.headers), wire.body)


def wire_of(sent: Sent) -> Wire:
    """The message as it goes over the wire."""
    return Wire(Headers(tuple(sent.fields.items())), sent.body)


def exchange(row: Row, sent: Sent) -> Wire:
    """Send a message; the MDN for it, by whichever way it comes."""
    reply = sent.send()
    assert reply.status == 200
    if row.asks.mode is MDNMode.SYNC:
        return Wire(reply.headers, reply.body)
    assert reply.body == b""
    assert not MDN.objects.exists()
    processing.process(Message.objects.get().pk)
    return posted()


def posted() -> Wire:
    """Let the one MDN that is due be posted to a server of theirs."""
    mdn = MDN.objects.get()
    with serve(answer()) as peer:
        MDN.objects.filter(pk=mdn.pk).update(url=peer.url, due_at=timezone.now())
        post_mdn(mdn.pk)
    mdn.refresh_from_db()
    assert mdn.state == "sent"
    return request_of(peer.requests[0])


def request_of(octets: bytes) -> Wire:
    """Cut a request that a server got."""
    head, _, body = octets.partition(b"\r\n\r\n")
    return Wire(Headers.parse(head.partition(b"\r\n")[2]), body)
