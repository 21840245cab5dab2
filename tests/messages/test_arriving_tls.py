"""TLS of what comes in: read from our socket, believed of trusted proxies, kept and judged."""

import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from config.tls import ServerTLS
from messages.arriving_tls import ArrivingTLS, arriving_tls
from messages.models import Message, State
from partners.models import Connection, Notice
from tests.config.test_tls import TRUSTED, Files
from tests.gateway_process import ROOT
from tests.messages import made_up
from tests.messages.sender import Sent, asking_async, message

PROXY = "192.0.2.7"
TOLD = {"HTTP_X_AS2_TLS_VERSION": "TLSv1.3", "HTTP_X_AS2_TLS_SUITE": "TLS_AES_256_GCM_SHA384"}


@pytest.fixture(autouse=True)
def proxies(settings: Settings) -> None:
    settings.AS2_TRUSTED_PROXIES = PROXY


def test_our_own_listener_knows_it_from_the_socket(tmp_path: Path) -> None:
    files = Files.within(tmp_path)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    TRUSTED.configure_trust(client)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrap = client.wrap_socket
        options: dict[str, Any] = {"server_hostname": "localhost", "do_handshake_on_connect": False}
        peer = wrap(theirs, **options)
        thread = threading.Thread(target=peer.do_handshake)
        thread.start()
        with ServerTLS(files.certificate, files.key, 20.0).begin(ours) as sock:
            sock.setblocking(True)
            sock.do_handshake()
            thread.join()
            found = arriving_tls({"gunicorn.socket": sock, **TOLD, "REMOTE_ADDR": PROXY})
            cipher = peer.cipher()
        peer.close()
    assert cipher is not None
    assert found == ArrivingTLS("TLSv1.2", cipher[0])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (TOLD, ArrivingTLS("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        ({"HTTP_X_AS2_TLS_VERSION": "TLSv1"}, ArrivingTLS("TLSv1")),
        ({**TOLD, "HTTP_X_AS2_TLS_SUITE": "<b>"}, ArrivingTLS("TLSv1.3")),
        ({"HTTP_X_AS2_TLS_VERSION": "TLSv9"}, ArrivingTLS()),
        ({"HTTP_X_FORWARDED_PROTO": "http"}, ArrivingTLS("none")),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, ArrivingTLS()),
        ({}, ArrivingTLS()),
    ],
)
def test_a_trusted_proxy_is_believed(environ: dict[str, str], expected: ArrivingTLS) -> None:
    assert arriving_tls({"REMOTE_ADDR": PROXY, **environ}) == expected


def test_nobody_else_is_believed() -> None:
    plain, other = socket.socketpair()
    with plain, other:
        environ = {"REMOTE_ADDR": "192.0.2.2", "gunicorn.socket": plain, **TOLD}
        assert arriving_tls(environ) == ArrivingTLS("none")
    assert arriving_tls({"REMOTE_ADDR": "192.0.2.2", **TOLD}) == ArrivingTLS()


@pytest.mark.parametrize(
    ("version", "is_old"),
    [("SSLv3", True), ("TLSv1", True), ("TLSv1.1", True), ("TLSv1.2", False), ("none", False)],
)
def test_versions_below_1_2_are_old(version: str, is_old: bool) -> None:
    assert ArrivingTLS(version).is_old is is_old


@pytest.mark.django_db
@pytest.mark.usefixtures("home", "connection")
@pytest.mark.parametrize("sent", [message(), asking_async()], ids=["sync", "async"])
def test_version_and_suite_are_kept_with_the_message(sent: Sent) -> None:
    fields = {"X-AS2-TLS-Version": "TLSv1.2", "X-AS2-TLS-Suite": "ECDHE-RSA-AES128-GCM-SHA256"}
    sent.with_fields(**fields).send()
    row = Message.objects.get()
    assert (row.tls_version, row.tls_suite) == ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")
    assert (row.notes, Notice.objects.count()) == ([], 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("home")
def test_an_old_version_is_noted_and_told_once(connection: Connection) -> None:
    for number in range(2):
        fields = {"X-AS2-TLS-Version": "TLSv1.1", "Message-ID": f"<{number}@amazon>"}
        message(f"document {number}".encode()).with_fields(**fields).send()
    assert all("TLSv1.1, which is forbidden" in row.notes[0] for row in Message.objects.all())
    notice = Notice.objects.get()
    assert notice.title == "Amazon connects to us by TLSv1.1, which is forbidden (RFC 8996)"
    assert (notice.partner, notice.days_left) == (connection.partner, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"tls_version": "TLSv1", "tls_suite": "AES128-SHA"}, "as2-bad"),
        ({"tls_version": "TLSv1.3", "tls_suite": "TLS_AES_128_GCM_SHA256"}, "as2-good"),
        ({"tls_version": "none"}, "plain HTTP"),
    ],
)
def test_the_page_of_a_message_shows_it(
    admin_client: Client, facts: dict[str, str], shown: str
) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED, **facts)
    page = admin_client.get(f"/admin/as2_messages/message/{row.pk}/change/").content.decode()
    line = page[page.index("<dt>TLS</dt>") :][:200]
    assert shown in line
    assert facts.get("tls_suite", "none") in line


def test_the_proxy_s_configuration_says_it() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    assert "proxy_set_header X-AS2-TLS-Version $ssl_protocol;" in text
    assert "proxy_set_header X-AS2-TLS-Suite $ssl_cipher;" in text
