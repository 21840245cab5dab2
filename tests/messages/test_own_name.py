"""A loop-back under one name: what is sent to ourselves comes in, and is answered."""

import hashlib
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from messages import transport
from messages.delivering import deliver_due
from messages.endpoint import answer
from messages.models import Delivery, Message, State
from messages.sending import enqueue, send
from messages.transport import Answer, PostOptions
from partners.models import Connection
from tests import factories
from tests.messages import wsgi
from tests.messages.arrange import PAYLOAD
from tests.messages.proofs import proves

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def to_ourselves(monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A partner of our own name; what is posted is received here, without a network between."""

    def post(url: str, headers: Any, body: Any, length: int, options: PostOptions) -> Answer:
        octets = b"".join(body)
        with wsgi.environment(wsgi.post(octets, dict(headers))) as environ:
            reply = answer(environ)
        return Answer(reply.status.value, reply.headers, reply.body)

    monkeypatch.setattr(transport, "post", post)
    row = factories.connection(as2_id="VENDOR", quirks={"own_name": True})
    row.full_clean()
    return row


@proves("own_name")
def test_a_document_may_go_to_our_own_name_and_comes_back(to_ourselves: Connection) -> None:
    row = enqueue(to_ourselves, [PAYLOAD], "order.edi")
    send(row.pk)
    row.refresh_from_db()
    assert row.state == State.DELIVERED, row.failure_text
    came = Message.objects.get(direction="inbound")
    assert (came.as2_from, came.as2_to, came.message_id) == ("VENDOR", "VENDOR", row.message_id)
    assert came.payload_sha256 == hashlib.sha256(PAYLOAD).hexdigest()
    deliver_due()
    assert Delivery.objects.get().state == "done"


def test_our_own_name_is_refused_where_it_is_not_meant(to_ourselves: Connection) -> None:
    to_ourselves.quirks = {}
    with pytest.raises(ValidationError, match="must differ from our own"):
        to_ourselves.full_clean()
