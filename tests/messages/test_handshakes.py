"""Handshakes that fail at our listener: said in plain words, counted, and bounded."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.tls import ServerTLS, handshake_failed
from messages import handshakes, sightings
from messages.sightings import Throttle
from partners.models import FailedHandshake
from tests.config.test_tls import Files

pytestmark = pytest.mark.django_db

Peer = Callable[[tuple[str, int]], None]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was counted before."""
    monkeypatch.setattr(handshakes, "_throttle", Throttle())


def _openssl(*options: str) -> Peer:
    def connect(address: tuple[str, int]) -> None:
        target = ["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", *options]
        subprocess.run(target, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    return connect


def _says(octets: bytes) -> Peer:
    def connect(address: tuple[str, int]) -> None:
        with socket.create_connection(address, 20) as sock:
            sock.sendall(octets)
            sock.settimeout(20)
            with suppress(ConnectionResetError):
                sock.recv(100)

    return connect


def _faults(peer: Peer, folder: Path) -> list[Exception]:
    """Let a peer come to our listener; what was told of it."""
    files, told = Files.within(folder), list[Exception]()

    def hear(error: Exception, **_rest: object) -> None:
        told.append(error)

    handshake_failed.connect(hear)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=peer, args=(listener.getsockname(),))
            thread.start()
            accepted, _ = listener.accept()
            with accepted:
                _serve(ServerTLS(files.certificate, files.key, 20.0), accepted)
            thread.join()
    finally:
        handshake_failed.disconnect(hear)
    return told


def _serve(tls: ServerTLS, accepted: socket.socket) -> None:
    try:
        with tls.begin(accepted) as sock:
            sock.setblocking(True)
            sock.do_handshake()
            sock.recv(1)
    except (OSError, ssl.SSLError):
        return


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        (_openssl("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "TLS versions that are older than 1.2"),
        (_openssl("-tls1_2", "-cipher", "AES256-SHA"), "none of our cipher suites"),
        (_openssl("-tls1_3", "-verify_return_error"), "does not trust our certificate"),
        (_says(b"POST /as2 HTTP/1.1\r\nHost: x\r\n\r\n"), "speaks plain HTTP to the TLS port"),
        (_says(b"\x00" * 600), "not TLS"),
    ],
    ids=["old", "suites", "distrust", "http", "noise"],
)
def test_each_failure_is_told_in_plain_words(peer: Peer, reason: str, tmp_path: Path) -> None:
    told = [each for each in _faults(peer, tmp_path) if handshakes.reason_of(each)]
    assert reason in handshakes.reason_of(told[0])


def test_who_only_looks_whether_somebody_listens_is_no_failure(tmp_path: Path) -> None:
    def look(address: tuple[str, int]) -> None:
        socket.create_connection(address, 20).close()

    assert not any(handshakes.reason_of(each) for each in _faults(look, tmp_path))


def _old() -> ssl.SSLError:
    error = ssl.SSLError(1, "old")
    error.reason = "UNSUPPORTED_PROTOCOL"
    return error


def test_failures_are_counted_by_address_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        monkeypatch.setattr(handshakes, "_throttle", Throttle())
        handshakes.note_failed("192.0.2.7", _old())
    handshakes.note_failed("2001:db8::1%eth0", TimeoutError())
    found = FailedHandshake.objects.order_by("pk").values_list("address", "count")
    assert list(found) == [("192.0.2.7", 3), ("2001:db8::1", 1)]


def test_a_flood_writes_little() -> None:
    for number in range(200):
        handshakes.note_failed(f"192.0.2.{number}", _old())
    assert FailedHandshake.objects.count() < 60


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST", 3)
    for number in range(9):
        handshakes.note_failed(f"192.0.2.{number}", _old())
    addresses = set(FailedHandshake.objects.values_list("address", flat=True))
    assert addresses == {"192.0.2.6", "192.0.2.7", "192.0.2.8"}


def test_what_is_no_address_stops_nothing() -> None:
    handshakes.note_failed("", _old())
    assert not FailedHandshake.objects.exists()


def test_the_list_is_shown(admin_client: Client) -> None:
    handshakes.note_failed("192.0.2.7", _old())
    page = admin_client.get("/admin/partners/failedhandshake/").content.decode()
    assert "192.0.2.7" in page
    assert "older than 1.2" in page


def test_who_sees_some_partners_only_does_not_see_it(client: Client) -> None:
    handshakes.note_failed("192.0.2.7", _old())
    client.force_login(User.objects.create_user("zoe", is_staff=True))
    assert client.get("/admin/partners/failedhandshake/").status_code == 403
