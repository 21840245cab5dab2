"""What single partners need, on the wire: each switch of a connection does what it says."""

import base64
import datetime as dt
import email
import email.policy
import socket
from dataclasses import replace
from typing import Any

import pytest
from asn1crypto import cms
from django.utils import timezone

from as2gateway.mdn import MDNReport
from as2gateway.policy import PayloadInfo
from messages import attempting
from messages.models import MDN, Delivery, DeliveryState, Message, State
from messages.sending import Document, enqueue, enqueue_several, resubmit, send
from messages.store import get_store
from partners.models import Connection
from partners.models.credentials import sealed_password
from tests import factories, openssl
from tests.messages import sender
from tests.messages.arrange import PAYLOAD
from tests.messages.partner import Partner
from tests.messages.proofs import proves
from tests.messages.sender import message
from tests.messages.servers import Peer, answer, serve
from tests.messages.wsgi import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

DOCUMENT = b"ISA*00*order~" * 1000


def needing(peer: Peer | None = None, **quirks: Any) -> Connection:
    """Make a connection whose partner has these needs."""
    url: dict[str, Any] = {"url": peer.url} if peer else {}
    return factories.connection(quirks=quirks, **url)


def sent(connection: Connection) -> Message:
    row = enqueue(connection, [DOCUMENT], "order.edi")
    send(row.pk)
    row.refresh_from_db()
    return row


def again(row: Message) -> None:
    """Let the next attempt be due, and make it."""
    Message.objects.filter(pk=row.pk).update(due_at=timezone.now() - dt.timedelta(seconds=1))
    send(row.pk)
    row.refresh_from_db()


# Transport -----------------------------------------------------------------------------------


def unchunked(connection: socket.socket, request: bytes) -> bytes:
    """Read the rest of a chunked request; the whole body by RFC 9112 §7.1."""
    head, _, data = request.partition(b"\r\n\r\n")
    while not data.endswith(b"0\r\n\r\n"):
        data += connection.recv(65536)
    body = b""
    while data != b"0\r\n\r\n":
        size, _, rest = data.partition(b"\r\n")
        body += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return head + b"\r\n\r\n" + body


@proves("chunked")
def test_a_message_may_go_out_in_chunks() -> None:
    partner = Partner()

    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(partner(unchunked(connection, request)))

    with serve(script) as peer:
        row = sent(needing(peer, chunked=True))
        assert peer.header("Transfer-Encoding") == "chunked"
        assert peer.header("Content-Length") is None
    assert row.state == State.DELIVERED, row.failure_text
    assert partner.payloads == [DOCUMENT]


@proves("http_1_0")
def test_a_message_may_go_out_by_http_1_0() -> None:
    with serve(Partner().answers) as peer:
        row = sent(needing(peer, http_1_0=True))
        assert peer.header_lines[0] == "POST /as2 HTTP/1.0"
        assert peer.header("Host") == f"localhost:{peer.port}"
        assert peer.header("Content-Length") == str(row.wire_size)
    assert row.state == State.DELIVERED, row.failure_text


def with_password(connection: Connection, url: str | None = None) -> Connection:
    columns = sealed_password("s3cret:ü", url or connection.url, timezone.now())
    Connection.objects.filter(pk=connection.pk).update(url_user="vendor", **columns)
    return Connection.objects.get(pk=connection.pk)


def test_a_password_goes_to_the_url_and_is_written_down_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve(Partner().answers) as peer:
        row = sent(with_password(needing(peer)))
        scheme, _, value = (peer.header("Authorization") or "").partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "vendor:s3cret:ü")
    assert row.state == State.DELIVERED, row.failure_text
    kept = f"{row.headers} {row.settings} {row.attempt_rows.values()} {caplog.text}"
    assert "s3cret" not in kept
    assert value not in kept


def test_a_password_is_not_sent_to_another_server() -> None:
    with serve(Partner().answers) as peer:
        for other in ("https://localhost/as2", f"http://localhost:{peer.port + 1}/as2"):
            connection = with_password(Connection.objects.first() or needing(peer), other)
            assert connection.credentials is None
        sent(connection)
        assert peer.header("Authorization") is None


def test_a_password_does_not_follow_a_redirect() -> None:
    with serve(Partner().answers) as other:
        moved = answer(b"", "307 Temporary Redirect", f"Location: {other.url}")
        with serve(moved) as peer:
            assert sent(with_password(needing(peer))).failure_code == "http-307"
        assert other.requests == []


def test_no_password_goes_with_an_mdn() -> None:
    connection = with_password(needing())
    assert connection.credentials is not None
    assert attempting.post_options(connection, timezone.now()).authorization == ""


# Message-IDs and MDNs ------------------------------------------------------------------------


@proves("new_message_id")
def test_a_retry_may_have_a_message_id_of_its_own() -> None:
    partner = Partner()
    with serve(answer(status="503 Busy"), partner.answers) as peer:
        row = sent(needing(peer, new_message_id=True))
        first, key = peer.header("Message-ID"), row.wire_key
        again(row)
        assert peer.header("Message-ID") not in {first, None}
    assert row.state == State.DELIVERED, row.failure_text
    assert row.message_id == peer.header("Message-ID")
    with pytest.raises(FileNotFoundError):
        get_store().size(key)
    assert [each.sent_as for each in row.attempt_rows.all()] == [first, row.message_id]


def test_a_late_mdn_for_an_earlier_message_id_counts() -> None:
    partner = Partner()
    with serve(answer(status="503 Busy")) as peer:
        row = sent(needing(peer, new_message_id=True))
        mdn = partner.mdn_for(peer.requests[0])
        again(row)
    assert row.state == State.QUEUED
    sender.send(post(mdn.body, dict(mdn.headers)))
    row.refresh_from_db()
    assert row.state == State.DELIVERED, MDN.objects.get().failure_text


@pytest.mark.parametrize(("accepted", "state"), [(False, State.FAILED), (True, State.DELIVERED)])
@proves("accept_unsigned_mdn")
def test_an_unsigned_mdn_may_do(accepted: bool, state: State) -> None:
    with serve(Partner(signs=False).answers) as peer:
        row = sent(needing(peer, accept_unsigned_mdn=accepted))
    assert row.state == state, row.failure_text
    assert any("proves nothing to anybody else" in note for note in row.notes) is accepted


@pytest.mark.parametrize(("accepted", "state"), [(False, State.FAILED), (True, State.DELIVERED)])
@pytest.mark.parametrize("signs", [True, False])
@proves("accept_mdn_names")
def test_an_mdn_under_another_name_may_do_if_it_is_signed(
    accepted: bool, state: State, signs: bool
) -> None:
    def renamed(report: MDNReport) -> MDNReport:
        return replace(report, as2_from="AMAZON-EU", from_field="")

    with serve(Partner(signs=signs, change=renamed).answers) as peer:
        quirks = {"accept_mdn_names": accepted, "accept_unsigned_mdn": True}
        row = sent(needing(peer, **quirks))
    assert row.state == (state if signs else State.FAILED), row.failure_text


# Algorithms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "pyas2lib"])
def test_schemes_reach_message_and_mdn(engine: str) -> None:
    factories.connection(
        key_transport="rsa-oaep" if engine == "native" else "rsa-pkcs1-v1.5",
        signature_scheme="rsa-pss",
        sign="sha-256" if engine == "native" else "none",
        engine=engine,
    )
    reply = message().send()
    der = reply.body[reply.body.rindex(b"\r\n\r\n0") + 4 :]
    (signer,) = cms.ContentInfo.load(der)["content"]["signer_infos"]
    assert signer["signature_algorithm"]["algorithm"].native == "rsassa_pss"


def test_the_content_key_is_wrapped_as_the_connection_says() -> None:
    with serve(Partner().answers) as peer:
        row = sent(factories.connection(url=peer.url, key_transport="rsa-oaep"))
        body = peer.bodies[0]
    info = cms.ContentInfo.load(body)["content"]["recipient_infos"][0].chosen
    assert info["key_encryption_algorithm"]["algorithm"].native == "rsaes_oaep"
    assert row.settings["key_transport"] == "rsa-oaep"


def test_features_are_told_by_a_switch() -> None:
    with serve(Partner().answers) as peer:
        sent(factories.connection(url=peer.url, announce_features=True))
        assert peer.header("EDIINT-Features") == "AS2-Reliability, multiple-attachments"
        assert peer.header("AS2-Version") == "1.2"


@pytest.mark.parametrize(("accepted", "said"), [(False, "insufficient"), (True, "processed")])
@proves("accept_md5")
def test_md5_is_taken_only_where_it_is_agreed(accepted: bool, said: str) -> None:
    factories.connection(quirks={"accept_md5": accepted}, require_encryption=False)
    them = factories.identity("AMAZON")
    entity = b"Content-Type: application/EDIFACT\r\n\r\n" + PAYLOAD
    signed = openssl.cms_sign(entity, [them], "-md", "md5", "-nodetach")  # type: ignore[list-item]  # a key and its certificate
    kind = 'application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"'
    reply = message().with_fields(Content_Type=kind).with_body(signed).send()
    assert said in sender.disposition(reply)
    assert any("signed with md5" in note for note in Message.objects.get().notes) is accepted


# Receiving -----------------------------------------------------------------------------------


@proves("duplicate_warning")
def test_a_duplicate_may_be_answered_with_a_warning() -> None:
    needing(duplicate_warning=True)
    asked = message()
    first, second = asked.send(), asked.send()
    assert sender.disposition(first) == "processed"
    assert sender.disposition(second) == "processed/warning: duplicate-document"
    assert sender.mdn_of(first).mic == sender.mdn_of(second).mic
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("wanted", [False, True])
@proves("deliver_copies")
def test_the_same_octets_under_a_new_id_may_be_delivered(wanted: bool) -> None:
    needing(deliver_copies=wanted)
    asked = message()
    asked.send()
    asked.with_fields(Message_ID="<2@amazon.example>").send()
    states = list(Delivery.objects.order_by("pk").values_list("state", flat=True))
    assert states == [DeliveryState.QUEUED, DeliveryState.QUEUED if wanted else DeliveryState.HELD]


@pytest.mark.parametrize(
    ("wanted", "said", "delivered"),
    [
        (None, "processed", 2),
        ("warn", "processed/warning: duplicate-filename", 2),
        ("reject", "processed/error: duplicate-filename", 1),
    ],
)
@proves("repeated_name")
def test_a_file_name_that_came_before(wanted: str | None, said: str, delivered: int) -> None:
    needing(repeated_name=wanted)
    assert sender.disposition(message().send()) == "processed"
    other = message(PAYLOAD + b"\n", "<2@amazon.example>")
    assert sender.disposition(other.send()) == said
    assert Delivery.objects.count() == delivered
    assert sender.disposition(message().send()) == "processed"


def test_a_connection_may_take_smaller_messages_than_others() -> None:
    asked = message()
    factories.connection(max_size=len(asked.body) - 1)
    reply = asked.send()
    assert reply.status == 413
    assert f"{len(asked.body) - 1} bytes" in reply.body.decode()
    Connection.objects.update(max_size=len(asked.body))
    assert sender.disposition(message().send()) == "processed"


@pytest.mark.parametrize(("version", "status"), [("1.1", 400), ("1.0", 200)])
def test_http_1_1_needs_a_host(version: str, status: int) -> None:
    factories.connection()
    asked = message()
    request = post(asked.body, asked.fields).replace(b"Host: gateway.example\r\n", b"", 1)
    assert sender.send(request.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)).status == status


def test_a_message_from_a_name_to_itself_is_told_so() -> None:
    factories.connection()
    reply = message().with_fields(AS2_From="VENDOR").send()
    assert sender.disposition(reply) == "failed/failure: sender-equals-receiver"
    assert not Message.objects.exists()


# Several documents ---------------------------------------------------------------------------


def test_several_documents_go_in_one_message() -> None:
    """Taken apart by the standard library after openssl has decrypted and verified it."""
    partner, parts = Partner(), [("order.edi", b"ISA*1~"), ("drawing.pdf", bytes(range(256)))]
    with serve(partner.answers) as peer:
        connection = factories.connection(url=peer.url)
        infos = [PayloadInfo(len(each), "application/EDI-X12", name) for name, each in parts]
        documents = [Document(infos[n], [parts[n][1]]) for n in range(2)]
        row = enqueue_several(connection, documents)
        send(row.pk)
        row.refresh_from_db()
        clear = openssl.cms_decrypt(peer.bodies[0], factories.identity("AMAZON"))  # type: ignore[arg-type]  # a key and its certificate
    assert row.state == State.DELIVERED, row.failure_text
    related, _signature = email.message_from_bytes(clear, policy=email.policy.HTTP).iter_parts()
    assert related.get_content_type() == "multipart/related"
    assert related.get_param("type") == "application/edi-x12"
    read = [(each.get_filename(), each.get_payload(decode=True)) for each in related.iter_parts()]
    assert read == parts
    stored = b"".join(get_store().chunks(row.payload_key))
    assert partner.payloads == [stored]


def test_several_documents_are_sent_anew_as_they_were() -> None:
    connection = factories.connection()
    document = Document(PayloadInfo(6, "application/EDI-X12", "a.edi"), [b"ISA*1~"])
    row = enqueue_several(connection, [document, document])
    copy = resubmit(row, "test")
    assert copy.content_type == row.content_type
    assert copy.payload_sha256 == row.payload_sha256
    assert b"".join(get_store().chunks(copy.payload_key)).count(b"ISA*1~") == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"engine": "pyas2lib"}, "the engine pyas2lib sends one document"),
        ({"sign": "none", "encrypt": "none"}, "have to be signed, encrypted or compressed"),
    ],
)
def test_several_documents_are_refused_where_they_cannot_go(
    given: dict[str, Any], words: str
) -> None:
    connection = factories.connection(**given)
    with pytest.raises(ValueError, match=words):
        enqueue_several(connection, [])
    assert not Message.objects.exists()
