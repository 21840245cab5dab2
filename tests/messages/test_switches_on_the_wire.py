"""Each setting of a connection, from its row to the octets, or to what became of a message.

The special needs are in ``test_quirks_on_the_wire``. At the end stands which test shows which
setting, and which of them are of no message.
"""

import hashlib
import ssl
import zlib
from typing import Any

import pytest
import trustme
from asn1crypto import cms

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from messages import transport
from messages.models import Attempt, Message, State
from messages.sending import enqueue, send
from messages.transport import Answer, PostOptions
from partners.models import Connection
from tests import factories, openssl
from tests.gateway.test_send import split_signed
from tests.maps import functions_of
from tests.messages import sender
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import message
from tests.messages.servers import Peer, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

DOCUMENT = b"ISA*00*order~" * 500


def identity(name: str) -> openssl.Identity:
    """A key and its certificate as openssl takes them."""
    known = factories.identity(name)
    return openssl.Identity(known.private_key, known.certificate)


def sent(peer: Peer, **fields: Any) -> Message:
    """Send over a connection with these settings."""
    row = enqueue(factories.connection(url=peer.url, **fields), [DOCUMENT], "order.edi")
    send(row.pk)
    row.refresh_from_db()
    return row


def clear_octets(peer: Peer) -> bytes:
    """What the partner finds inside the encryption of the last message."""
    return openssl.cms_decrypt(peer.bodies[-1], identity("AMAZON"))


# Sending -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["sha-1", "sha-256", "sha-384", "sha-512"])
def test_a_message_is_signed_as_the_row_says(sign: str) -> None:
    with serve(answer()) as peer:
        sent(peer, sign=sign, mdn="none")
        part, der = split_signed(clear_octets(peer))
    (signer,) = cms.ContentInfo.load(der)["content"]["signer_infos"]
    assert signer["digest_algorithm"]["algorithm"].native == sign.replace("-", "")
    assert openssl.cms_verify(der, identity("VENDOR").certificate, part) == part
    assert part.endswith(b"\r\n\r\n" + DOCUMENT)


@pytest.mark.parametrize(("scheme", "oid"), [("rsa-pkcs1-v1.5", "1.1"), ("rsa-pss", "1.10")])
def test_a_message_is_signed_by_the_scheme_of_the_row(scheme: str, oid: str) -> None:
    with serve(answer()) as peer:
        sent(peer, signature_scheme=scheme, mdn="none")
        part, der = split_signed(clear_octets(peer))
    (signer,) = cms.ContentInfo.load(der)["content"]["signer_infos"]
    used = signer["signature_algorithm"]["algorithm"].dotted
    assert used == f"1.2.840.113549.1.{oid}"
    assert openssl.cms_verify(der, identity("VENDOR").certificate, part) == part


@pytest.mark.parametrize(
    ("encrypt", "oid"),
    [
        ("aes-128-cbc", "2.16.840.1.101.3.4.1.2"),
        ("aes-192-cbc", "2.16.840.1.101.3.4.1.22"),
        ("aes-256-cbc", "2.16.840.1.101.3.4.1.42"),
        ("aes-128-gcm", "2.16.840.1.101.3.4.1.6"),
        ("aes-256-gcm", "2.16.840.1.101.3.4.1.46"),
        ("des-ede3-cbc", "1.2.840.113549.3.7"),
    ],
)
def test_a_message_is_encrypted_as_the_row_says(encrypt: str, oid: str) -> None:
    with serve(answer()) as peer:
        sent(peer, encrypt=encrypt, sign="none", mdn="none")
        assert clear_octets(peer).endswith(b"\r\n\r\n" + DOCUMENT)
        content = cms.ContentInfo.load(peer.bodies[0])["content"]
    name = "auth_encrypted_content_info" if "gcm" in encrypt else "encrypted_content_info"
    assert content[name]["content_encryption_algorithm"]["algorithm"].dotted == oid


@pytest.mark.parametrize("fields", [{"sign": "none"}, {"encrypt": "none"}])
def test_a_layer_may_be_left_out(fields: dict[str, str]) -> None:
    with serve(answer()) as peer:
        sent(peer, mdn="none", **fields)
        kind = (peer.header("Content-Type") or "").partition(";")[0]
        clear = peer.bodies[0] if "encrypt" in fields else clear_octets(peer)
    assert kind == ("multipart/signed" if "encrypt" in fields else "application/pkcs7-mime")
    assert (b"pkcs7-signature" in clear) is ("encrypt" in fields)
    assert DOCUMENT in clear


def uncompressed(der: bytes) -> bytes:
    """What is inside a CompressedData."""
    content = cms.ContentInfo.load(der)["content"]["encap_content_info"]["content"].native
    return zlib.decompress(content)


@pytest.mark.parametrize("compress", ["none", "before-signing", "after-signing"])
def test_a_message_is_compressed_where_the_row_says(compress: str) -> None:
    with serve(answer()) as peer:
        sent(peer, compress=compress, mdn="none")
        clear = clear_octets(peer)
    if compress == "after-signing":
        clear = uncompressed(clear.partition(b"\r\n\r\n")[2])
    part, der = split_signed(clear)
    assert openssl.cms_verify(der, identity("VENDOR").certificate, part) == part
    if compress == "before-signing":
        part = uncompressed(part.partition(b"\r\n\r\n")[2])
    assert part.endswith(b"\r\n\r\n" + DOCUMENT)


@pytest.mark.parametrize(
    ("fields", "asked", "signed", "elsewhere"),
    [
        ({"mdn": "none"}, False, False, False),
        ({"mdn": "sync", "mdn_signed": False}, True, False, False),
        ({"mdn": "sync"}, True, True, False),
        ({"mdn": "async"}, True, True, True),
    ],
)
def test_the_mdn_is_asked_for_as_the_row_says(
    fields: dict[str, Any], asked: bool, signed: bool, elsewhere: bool
) -> None:
    with serve(answer()) as peer:
        sent(peer, **fields)
        names = (
            "Disposition-Notification-To",
            "Disposition-Notification-Options",
            "Receipt-Delivery-Option",
        )
        found = tuple(peer.header(name) is not None for name in names)
    assert found == (asked, signed, elsewhere)


def test_type_and_subject_are_those_of_the_row() -> None:
    with serve(answer()) as peer:
        fields = {"content_type": "application/EDIFACT", "subject": "Bestellung 1"}
        sent(peer, sign="none", mdn="none", **fields)
        assert peer.header("Subject") == "Bestellung 1"
        assert clear_octets(peer).startswith(b"Content-Type: application/EDIFACT\r\n")


def test_the_row_says_how_long_an_attempt_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[PostOptions] = []

    def post(url: str, headers: Any, body: Any, length: int, options: PostOptions) -> Answer:
        seen.append(options)
        return Answer(200, headers, b"")

    monkeypatch.setattr(transport, "post", post)
    link = factories.connection(mdn="none", connect_timeout=3, response_timeout=7)
    send(enqueue(link, [DOCUMENT]).pk)
    assert [(each.connect_timeout, each.idle_timeout) for each in seen] == [(3, 7)]


@pytest.mark.parametrize(("right", "state"), [(True, State.DELIVERED), (False, State.QUEUED)])
def test_only_the_pinned_certificate_gets_a_message(right: bool, state: State) -> None:
    context, leaf = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trustme.CA().issue_cert("localhost")
    leaf.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    pin = hashlib.sha256(der).hexdigest() if right else "ab" * 32
    with serve(answer(), tls=context) as peer:
        row = sent(peer, tls_trust="pinned", tls_pins=pin, mdn="none")
    assert row.state == state, row.failure_text
    assert bool(b"".join(peer.requests)) is right
    assert (Attempt.objects.get().error_class == "") is right


# Receiving -----------------------------------------------------------------------------------

INSUFFICIENT = "processed/error: insufficient-message-security"


@pytest.mark.parametrize(
    ("switch", "policy"),
    [
        ("require_signature", {"sign": None, "sign_with": None}),
        ("require_encryption", {"encrypt": None, "encrypt_to": None}),
    ],
)
def test_what_the_row_requires_is_required(switch: str, policy: dict[str, Any]) -> None:
    factories.connection()
    asked = message(**policy)
    assert sender.disposition(asked.send()) == INSUFFICIENT
    Connection.objects.update(**{switch: False})
    assert sender.disposition(asked.send()) == "processed"


@pytest.mark.parametrize(
    ("switch", "policy", "said"),
    [
        ("accept_sha1", {"sign": DigestAlgorithm.SHA1}, INSUFFICIENT),
        (
            "accept_3des",
            {"encrypt": CipherAlgorithm.TRIPLE_DES_CBC},
            "processed/error: decryption-failed",
        ),
    ],
)
def test_weak_algorithms_are_taken_where_the_row_says(
    switch: str, policy: dict[str, Any], said: str
) -> None:
    factories.connection()
    assert sender.disposition(message(**policy).send()) == said
    Connection.objects.update(**{switch: True})
    # Made anew: a content key that came before is refused.
    assert sender.disposition(message(**policy).send()) == "processed"


def test_signatures_without_attributes_are_taken_where_the_row_says() -> None:
    factories.connection(require_encryption=False)
    entity = b"Content-Type: application/EDIFACT\r\n\r\n" + PAYLOAD
    signed = openssl.cms_sign(entity, [identity("AMAZON")], "-noattr", "-nodetach")
    kind = "application/pkcs7-mime; smime-type=signed-data"
    asked = message().with_fields(Content_Type=kind).with_body(signed)
    assert sender.disposition(asked.send()) == INSUFFICIENT
    Connection.objects.update(require_signed_attributes=False)
    assert sender.disposition(asked.send()) == "processed"
    row = Message.objects.get(state=State.ACCEPTED)
    assert row.payload_sha256 == hashlib.sha256(PAYLOAD).hexdigest()


# Completeness --------------------------------------------------------------------------------

HERE = "messages/test_switches_on_the_wire.py"

#: which test shows what a setting does
SHOWN = {
    "sign": f"{HERE}::test_a_message_is_signed_as_the_row_says",
    "encrypt": f"{HERE}::test_a_message_is_encrypted_as_the_row_says",
    "compress": f"{HERE}::test_a_message_is_compressed_where_the_row_says",
    "key_transport": "messages/test_special_needs.py"
    "::test_the_content_key_is_wrapped_as_the_connection_says",
    "signature_scheme": f"{HERE}::test_a_message_is_signed_by_the_scheme_of_the_row",
    "announce_features": "messages/test_special_needs.py::test_features_are_told_by_a_switch",
    "mdn": f"{HERE}::test_the_mdn_is_asked_for_as_the_row_says",
    "mdn_signed": f"{HERE}::test_the_mdn_is_asked_for_as_the_row_says",
    "content_type": f"{HERE}::test_type_and_subject_are_those_of_the_row",
    "subject": f"{HERE}::test_type_and_subject_are_those_of_the_row",
    "require_signature": f"{HERE}::test_what_the_row_requires_is_required",
    "require_encryption": f"{HERE}::test_what_the_row_requires_is_required",
    "accept_sha1": f"{HERE}::test_weak_algorithms_are_taken_where_the_row_says",
    "accept_3des": f"{HERE}::test_weak_algorithms_are_taken_where_the_row_says",
    "require_signed_attributes": f"{HERE}"
    "::test_signatures_without_attributes_are_taken_where_the_row_says",
    "max_size": "messages/test_special_needs.py"
    "::test_a_connection_may_take_smaller_messages_than_others",
    "quirks": "messages/test_quirks_on_the_wire.py::test_every_special_need_is_proven_on_the_wire",
    "url": "messages/test_transport.py::test_a_url_goes_out_with_its_path_and_query",
    "url_user": "messages/test_special_needs.py"
    "::test_a_password_goes_to_the_url_and_is_written_down_nowhere",
    "tls_trust": f"{HERE}::test_only_the_pinned_certificate_gets_a_message",
    "tls_pins": f"{HERE}::test_only_the_pinned_certificate_gets_a_message",
    "tls_ca": "messages/matrix/test_transport.py"
    "::test_a_document_is_sent_and_proven_over_each_transport",
    "tls_client_key": "partners/tls/test_contexts.py::test_a_server_knows_us_by_our_client_key",
    "engine": "messages/test_receiving.py"
    "::test_an_engine_that_holds_whole_messages_takes_smaller_ones",
    "max_attempts": "messages/test_sending.py::test_the_last_attempt_fails_the_message",
    "first_gap_minutes": "messages/test_sending.py::test_gaps_grow_and_retry_after_is_honoured",
    "connect_timeout": f"{HERE}::test_the_row_says_how_long_an_attempt_may_take",
    "response_timeout": f"{HERE}::test_the_row_says_how_long_an_attempt_may_take",
    "mdn_wait_minutes": "messages/test_sending.py::test_a_message_waits_for_its_async_mdn",
    "parallel": "messages/test_sending.py"
    "::test_no_more_messages_at_a_time_than_the_connection_allows",
    "ordered": "messages/test_sending.py::test_in_strict_order_the_oldest_open_message_goes_first",
    "state": "messages/test_sending.py"
    "::test_a_connection_that_rests_parks_its_messages_until_it_is_resumed",
    "mdn_hosts": "messages/test_processing.py::test_a_listed_host_is_called",
    "restart": "messages/test_resuming.py::test_without_the_switch_nothing_of_it_is_said",
    "certificate_exchange": "messages/test_exchanges.py"
    "::test_a_partner_who_exchanges_certificates_is_told_so_in_messages_and_mdns",
    "accept_certificates": "messages/test_accepting_certificates.py"
    "::test_what_comes_counts_at_once_and_beside_the_old_one",
    "duplicate_days": "messages/test_lapsing.py::test_a_message_id_may_come_again_after_its_days",
    "keep_days": "messages/test_retention.py::test_each_connection_says_how_long",
    "acknowledge_hours": "messages/test_acknowledging.py"
    "::test_what_is_not_acknowledged_in_time_is_late",
    "silent_days": "messages/test_silence.py::test_a_setting_says_how_long_is_too_long",
}
#: who it is, how documents get on from here, and what profiles judge
OF_NO_MESSAGE = {
    *("organization", "partner", "as2_id", "environment", "delivery"),
    *("profile", "provider", "provider_access", "platform", "payment"),
}


def test_every_setting_is_shown_or_of_no_message() -> None:
    fields = Connection._meta.concrete_fields
    settings = {each.name for each in fields if each.editable and not each.primary_key}
    assert settings - OF_NO_MESSAGE == set(SHOWN)
    assert settings >= OF_NO_MESSAGE


@pytest.mark.parametrize("setting", SHOWN)
def test_the_test_that_shows_a_setting_exists(setting: str) -> None:
    file, _, name = SHOWN[setting].partition("::")
    assert name in functions_of(file)
