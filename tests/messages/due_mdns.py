"""Async MDNs that are due: AMAZON asks for them at the end of some URL."""

from messages import processing
from messages.models import MDN, Message
from partners.models import Connection
from tests.messages.sender import message

#: A port at which nobody listens.
DEAD = "http://localhost:9/mdn"


def asked_for(number: int, url: str = DEAD) -> MDN:
    """Receive a message of this number, and judge it: the MDN for it."""
    Connection.objects.update(mdn_hosts="localhost, 127.0.0.1")
    sent = message(b"document %d" % number, message_id=f"<{number}@amazon.example>")
    sent.with_fields(Receipt_Delivery_Option=url).send()
    processing.process(Message.objects.latest("pk").pk)
    return MDN.objects.latest("pk")
