"""What we receive over a real socket, by HTTP and HTTPS, in every framing (G7)."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trustme

from as2gateway.algorithms import Compression
from messages.replies import Reply
from tests import services
from tests.functional import client
from tests.functional.client import chunked, message, read_answer, request
from tests.functional.pair import PATIENCE
from tests.gateway.matrix.rows import Row, run
from tests.gateway_process import ROOT, Gateway, wait_for
from tests.messages.sender import Sent, verify

AUTHORITY = trustme.CA(key_type=trustme.KeyType.RSA)
CLIENTS = trustme.CA()
KNOWN = "HTTPS + client certificate"


@dataclass(frozen=True)
class Vendor:
    """A gateway with three doors to one home."""

    gateway: Gateway
    #: the ports of the two that have TLS, by the first words of a variant
    ports: Mapping[str, int]

    def connect(self, door: str) -> socket.socket:
        """A connection by ``HTTP``, ``HTTPS`` or ``HTTPS + client certificate``."""
        if door not in self.ports:
            return client.connect(self.gateway)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        AUTHORITY.configure_trust(context)
        if door == KNOWN:
            CLIENTS.issue_cert("amazon.example").configure_cert(context)
        plain = socket.create_connection(("127.0.0.1", self.ports[door]), PATIENCE)
        return context.wrap_socket(plain, server_hostname="localhost")


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    folder = tmp_path_factory.mktemp("matrix")
    clients = folder / "clients.pem"
    clients.write_bytes(CLIENTS.cert_pem.bytes())
    with Gateway(folder / "vendor") as gateway:
        client.set_up(gateway)
        with (
            tls_listener(gateway, folder) as open_to_all,
            tls_listener(gateway, folder, AS2_TLS_CLIENT_CA=str(clients)) as for_known,
        ):
            ports = {"HTTPS": open_to_all, KNOWN: for_known}
            for port in ports.values():
                wait_for(partial(listens, port), PATIENCE, "the listener")
            yield Vendor(gateway, ports)


@contextmanager
def tls_listener(gateway: Gateway, folder: Path, **settings: str) -> Iterator[int]:
    """Run one more web server on the gateway's home, with TLS; its port."""
    port = services.free_port()
    leaf = AUTHORITY.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    certificate, key = folder / f"{port}.pem", folder / f"{port}.key"
    certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    more = {
        "AS2_BIND": f"127.0.0.1:{port}",
        "AS2_TLS_CERT": str(certificate),
        "AS2_TLS_KEY": str(key),
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
    with (folder / f"{port}.log").open("wb") as log:
        web = subprocess.Popen(
            command, cwd=ROOT, env=gateway.env | more, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield port
    finally:
        web.terminate()
        web.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


# How a request is sent -------------------------------------------------------------------------


def at_once(peer: socket.socket, octets: bytes) -> None:
    peer.sendall(octets)


def by_octets(peer: socket.socket, octets: bytes) -> None:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(octets)):
        peer.sendall(octets[at : at + 1])


def when_told(peer: socket.socket, octets: bytes) -> None:
    head, _, body = octets.partition(b"\r\n\r\n")
    peer.sendall(head + b"\r\n\r\n")
    assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.sendall(body)


@dataclass(frozen=True)
class Form:
    """The octets of a request, and how they go out."""

    write: Callable[[Sent], bytes] = request
    send: Callable[[socket.socket, bytes], None] = at_once


def old(sent: Sent) -> bytes:
    """An HTTP/1.0 request."""
    return request(sent).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)


FORMS = {
    "HTTP, Content-Length": Form(),
    "HTTP, chunked": Form(chunked),
    "HTTPS, Content-Length": Form(),
    "HTTPS, chunked": Form(chunked),
    "HTTPS + client certificate, Content-Length": Form(),
    "HTTPS + client certificate, chunked": Form(chunked),
    "HTTP/1.0 request": Form(old),
    "Expect: 100-continue": Form(
        lambda sent: request(sent.with_fields(Expect="100-continue")), when_told
    ),
    "one byte at a time": Form(send=by_octets),
}


@run("G7", "recv", only=FORMS)
def test_a_message_is_taken_in_each_framing(row: Row, vendor: Vendor) -> None:
    form, payload = FORMS[row.variant], client.document()
    sent = message(payload, compress=Compression.AFTER_SIGNING)
    with closing(vendor.connect(row.variant.partition(",")[0])) as peer:
        form.send(peer, form.write(sent))
        reply = read_answer(peer)
    check(vendor, reply, sent, payload)


def check(vendor: Vendor, reply: Reply, sent: Sent, payload: bytes) -> None:
    """The MDN proves receipt, and the document is handed over once."""
    assert reply.status == 200
    verify(reply, sent)
    wait_for(lambda: client.copies(vendor.gateway, payload), PATIENCE, "the document")
    assert client.copies(vendor.gateway, payload) == 1


@pytest.mark.parametrize("door", ["HTTP", "HTTPS", KNOWN])
@run("G7", "recv", only={"HEAD"})
def test_head_comes_before_a_message_on_one_connection(row: Row, vendor: Vendor, door: str) -> None:
    payload = client.document()
    sent = message(payload, compress=Compression.AFTER_SIGNING)
    with closing(vendor.connect(door)) as peer:
        peer.sendall(b"HEAD /as2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = read_answer(peer, "HEAD")
        assert (reply.status, reply.headers.get("Content-Length"), reply.body) == (200, "0", b"")
        peer.sendall(request(sent))
        check(vendor, read_answer(peer), sent, payload)


def test_who_has_no_client_certificate_is_not_let_in(vendor: Vendor) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    plain = socket.create_connection(("127.0.0.1", vendor.ports[KNOWN]), PATIENCE)
    with (
        plain,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"),
        context.wrap_socket(plain, server_hostname="localhost") as peer,
    ):
        peer.recv(1)  # TLS 1.3 says so only now
