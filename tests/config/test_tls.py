"""TLS of our own listener: by the policy, renewed in place, and stopped by nobody."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
import urllib3
from pytest_django import Settings

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import Trust
from as2gateway.compliance.findings import Status
from config import checks
from config.tls import ServerTLS, server_context
from partners.tls.contexts import ClientPolicy
from partners.tls.history import verdicts
from partners.tls.probing import probe
from partners.tls.targets import Target
from tests.gateway_process import ROOT, Gateway, wait_for

TRUSTED = trustme.CA(key_type=trustme.KeyType.RSA)
PROFILES = {
    "amazon-pay-tls",
    "amazon-vendor-as2",
    "as2-modern",
    "google-otpc-tls",
    "multisafepay-tls",
}


@dataclass(frozen=True)
class Files:
    """Where the certificate and its key lie."""

    certificate: Path
    key: Path

    @classmethod
    def within(cls, folder: Path) -> "Files":
        files = cls(folder / "server.pem", folder / "server.key")
        files.renew()
        return files

    def renew(self) -> str:
        """Put a new certificate in place; its fingerprint."""
        leaf = TRUSTED.issue_cert("localhost", key_type=trustme.KeyType.RSA)
        for path, data in (
            (self.key, leaf.private_key_pem.bytes()),
            (self.certificate, b"".join(pem.bytes() for pem in leaf.cert_chain_pems)),
        ):
            new = path.with_suffix(".new")
            new.write_bytes(data)
            new.replace(path)
        return Certificate.from_pem(self.certificate.read_bytes()).fingerprint


@dataclass(frozen=True)
class Listener:
    """A web server of ours."""

    port: int
    files: Files
    log: Path

    def shown(self) -> str:
        """The fingerprint that a new handshake shows."""
        return Certificate.from_pem(
            ssl.get_server_certificate(("localhost", self.port), timeout=20).encode()
        ).fingerprint

    def connect(self) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        TRUSTED.configure_trust(context)
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        return context.wrap_socket(plain, server_hostname="localhost")

    def is_healthy(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        TRUSTED.configure_trust(context)
        with urllib3.PoolManager(ssl_context=context, retries=False, timeout=20) as pool:
            return pool.request("GET", f"https://localhost:{self.port}/healthz").status == 200


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """The web server alone, with one thread and a short patience."""
    folder = tmp_path_factory.mktemp("tls")
    files = Files.within(folder)
    settings = {"AS2_TLS_CERT": str(files.certificate), "AS2_TLS_KEY": str(files.key)}
    narrow = {"AS2_WEB_THREADS": "1", "AS2_READ_TIMEOUT": "1", "AS2_HEADER_TIMEOUT": "3"}
    gateway = Gateway(folder / "home", env={**settings, **narrow})
    gateway.home.mkdir()
    log = folder / "web.log"
    said = log.open("wb")
    web = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"],
        cwd=ROOT,
        env=gateway.env,
        stdout=said,
        stderr=said,
    )
    try:
        wait_for(lambda: _listens(gateway.port), 60, "the web server")
        yield Listener(gateway.port, files, log)
    finally:
        web.terminate()
        web.wait()
        said.close()


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def test_the_built_in_profiles_are_content_with_our_listener(listener: Listener) -> None:
    root = Certificate.from_pem(TRUSTED.cert_pem.bytes())
    policy = ClientPolicy(Trust.CUSTOM_CA, authorities=(root,))
    report = probe(Target("localhost", listener.port), policy, allow_private=True)
    found = verdicts(report)
    judged = {verdict.profile.split()[0]: verdict.findings for verdict in found}
    assert judged.keys() >= PROFILES
    bad = {
        (finding.rule, finding.found)
        for findings in judged.values()
        for finding in findings
        if finding.status in {Status.VIOLATED, Status.UNKNOWN}
    }
    # An authority of a test is none of Mozilla's.
    assert bad == {("tls.ca.mozilla", "custom-ca"), ("tls.server.ca", "custom-ca")}
    assert report.sending.version == "TLSv1.3"


def test_a_request_over_tls_is_served(listener: Listener) -> None:
    assert listener.is_healthy()


def test_a_renewed_certificate_is_shown_without_a_restart(listener: Listener) -> None:
    before = listener.shown()
    renewed = listener.files.renew()
    assert before != renewed == listener.shown()


HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"


def test_a_peer_that_stops_in_the_handshake_stops_nobody_else(listener: Listener) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            address = ("127.0.0.1", listener.port)
            peer = stack.enter_context(closing(socket.create_connection(address)))
            peer.sendall(HALF_HELLO)
        assert listener.is_healthy()


def test_it_is_ended_and_told_of_and_who_says_nothing_is_not(listener: Listener) -> None:
    target = ("127.0.0.1", listener.port)
    with ExitStack() as stack:
        silent, half = (
            stack.enter_context(closing(socket.create_connection(target, 20, (source, 0))))
            for source in ("127.0.0.8", "127.0.0.9")
        )
        half.sendall(HALF_HELLO)
        assert (silent.recv(1), half.recv(1)) == (b"", b"")
    told = "127.0.0.9 stops in the middle of the handshake"
    wait_for(lambda: told in listener.log.read_text(), 20, "the line of the log")
    assert "127.0.0.8" not in listener.log.read_text()


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_peer_that_stops_in_a_request_stops_nobody_else(listener: Listener, first: bytes) -> None:
    with closing(listener.connect()) as peer:
        if first:
            peer.sendall(first)
            assert b"200 OK" in peer.recv(4096)
        peer.sendall(b"POST /admin/login/ HTTP/1.1\r\nHost: loc")
        time.sleep(0.2)
        assert listener.is_healthy()


def test_files_that_do_not_fit_leave_the_certificate_of_before(tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    tls = ServerTLS(files.certificate, files.key, 1.0)
    before = tls._current()
    files.certificate.write_text("half a file")
    assert tls._current() is before
    files.certificate.unlink()
    assert tls._current() is before
    files.renew()
    assert tls._current() is not before


def test_without_any_certificate_there_is_no_handshake(tmp_path: Path) -> None:
    tls = ServerTLS(tmp_path / "none.pem", tmp_path / "none.key", 1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ssl.SSLError, match="cannot be used"):
        tls.begin(ours)


def test_blocking_never_means_for_ever(tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    tls = ServerTLS(files.certificate, files.key, 7.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sock = tls.begin(ours)
        assert sock.gettimeout() == 0.0
        sock.setblocking(True)
        assert sock.gettimeout() == 7.0
        sock.close()


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    tls = ServerTLS(files.certificate, files.key, 1.0)
    assert tls._current() is tls._current()


def test_our_server_offers_what_the_policy_says(tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    context = server_context(files.certificate, files.key)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.security_level == 2
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert {name for name in names if not name.startswith("TLS_")} == {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    }


@pytest.mark.parametrize(("key", "expected"), [("server.key", []), ("none.key", ["config.E005"])])
def test_a_certificate_without_its_key_is_refused(
    settings: Settings, tmp_path: Path, key: str, expected: list[str]
) -> None:
    settings.AS2_TLS_CERT = os.fspath(Files.within(tmp_path).certificate)
    settings.AS2_TLS_KEY = os.fspath(tmp_path / key)
    assert [message.id for message in checks.check_tls()] == expected


def test_without_tls_there_is_nothing_to_check() -> None:
    assert checks.check_tls() == []


def test_many_who_stop_in_the_handshake_or_behind_it_hold_nobody_up(listener: Listener) -> None:
    with ExitStack() as crowd:
        for number in range(10):
            silent = socket.create_connection(("127.0.0.1", listener.port), 20)
            crowd.enter_context(closing(silent))
            # Every other one has begun: the header of a record, and nothing in it.
            silent.sendall(b"\x16\x03\x01\x02\x00" if number % 2 else b"")
        for _ in range(3):
            begun = crowd.enter_context(closing(listener.connect()))
            begun.sendall(b"POST /as2 HTTP/1.1\r\nContent-Length: 20\r\n\r\nten octets")
        assert listener.is_healthy()


def test_a_connection_over_tls_serves_one_request_after_the_other(listener: Listener) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with closing(listener.connect()) as peer:
        # Both in one record: the second one is in no socket any more when the first is answered.
        peer.sendall(asked + asked)
        peer.sendall(asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        octets = b"".join(iter(lambda: peer.recv(65536), b""))
    assert octets.count(b"HTTP/1.1 200 OK") == 3


def shake_hands(context: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory, and one octet so that TLS 1.3's answer to a certificate is seen."""
    ends = [ssl.MemoryBIO() for _ in range(2)]
    server = context.wrap_bio(ends[0], ends[1], server_side=True)
    peer = client.wrap_bio(ends[1], ends[0], server_hostname="localhost")
    for step in (peer.do_handshake, server.do_handshake, peer.do_handshake, server.do_handshake):
        with suppress(ssl.SSLWantReadError):
            step()
    peer.write(b"x")
    assert server.read(1) == b"x"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_has_no_certificate_of_these_authorities_is_not_let_in(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    files, clients = Files.within(tmp_path), trustme.CA()
    (tmp_path / "clients.pem").write_bytes(clients.cert_pem.bytes())
    context = server_context(files.certificate, files.key, clients=tmp_path / "clients.pem")
    for authority, let_in in ((clients, True), (trustme.CA(), False), (None, False)):
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.maximum_version = version
        TRUSTED.configure_trust(client)
        if authority is not None:
            authority.issue_cert("amazon.example").configure_cert(client)
        if let_in:
            shake_hands(context, client)
        else:
            with pytest.raises(ssl.SSLError):
                shake_hands(context, client)


def test_a_file_without_authorities_is_refused(settings: Settings, tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    settings.AS2_TLS_CERT, settings.AS2_TLS_KEY = map(os.fspath, (files.certificate, files.key))
    settings.AS2_TLS_CLIENT_CA = os.fspath(files.certificate)
    assert checks.check_tls() == []
    settings.AS2_TLS_CLIENT_CA = os.fspath(files.key)
    (message,) = checks.check_tls()
    assert (message.id, "AS2_TLS_CLIENT_CA" in message.msg) == ("config.E005", True)
