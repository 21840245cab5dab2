"""The partner that tests send to: it lives on when a sender dies in the middle of a message."""

import socket
from typing import Any

import pytest

from tests import factories
from tests.messages.partner import Partner
from tests.messages.sender import message
from tests.messages.servers import serve
from tests.messages.wsgi import post

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("sent", [10, -1])
def test_a_partner_outlives_its_senders(sent: int) -> None:
    keys: dict[str, Any] = {
        "sign_with": factories.identity("VENDOR").signing_key,
        "encrypt_to": factories.identity("AMAZON").certificate,
    }
    composed = message(as2_from="VENDOR", as2_to="AMAZON", **keys)
    whole = post(composed.body, composed.fields)
    with serve(Partner().answers) as peer:
        for octets in (whole[:sent], whole):
            with socket.create_connection(("localhost", peer.port), 10) as client:
                client.sendall(octets)
                client.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            assert (b"; processed" in answer) == (octets == whole)
