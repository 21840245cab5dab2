"""Connections as the web server takes them."""

import socket
from contextlib import closing

import pytest
from gunicorn.config import Config

from config.listening import Connection


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("::ffff:192.0.2.1", 50_000, 0, 0), "192.0.2.1"),
        (("2001:db8::1", 50_000, 0, 0), "2001:db8::1"),
        (("192.0.2.1", 50_000), "192.0.2.1"),
        ("", ""),
    ],
)
def test_ipv4_on_a_socket_for_both_kinds_is_ipv4(client: object, address: str) -> None:
    near, far = socket.socketpair()
    with closing(near), closing(far):
        connection = Connection(Config(), near, client, ("::", 8000, 0, 0))
        assert connection.address == address
        # The parser believes proxies by the same address.
        assert (connection.client or [""])[0] == address
