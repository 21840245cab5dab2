"""Each special need from the connection's row to the octets: read by openssl, hashlib, asn1crypto.

``test_special_needs`` has those of transport, of MDNs and of duplicates.
"""

import base64
import datetime as dt
import hashlib
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.mdn import MDNReport
from as2gateway.mic import MIC
from as2gateway.quirks import NAMES, from_plain
from messages.models import MDN, Delivery, Message, State
from messages.sending import enqueue, send
from partners.policies import inbound_policy, outbound_policy
from tests import factories, openssl
from tests.gateway.test_send import split_signed
from tests.messages import sender
from tests.messages.partner import Partner
from tests.messages.proofs import PROVEN, proves
from tests.messages.sender import message, several
from tests.messages.servers import Peer, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

DOCUMENT = bytes(range(256)) * 20


def identity(name: str) -> openssl.Identity:
    """A key and its certificate as openssl takes them."""
    known = factories.identity(name)
    return openssl.Identity(known.private_key, known.certificate)


def sent(peer: Peer, name: str = "order 1.edi", **fields: Any) -> Message:
    """Send over a connection with these settings."""
    row = enqueue(factories.connection(url=peer.url, **fields), [DOCUMENT], name)
    send(row.pk)
    row.refresh_from_db()
    return row


def clear_octets(name: str = "order 1.edi", **quirks: Any) -> bytes:
    """What the partner finds inside the encryption of a message, which its software takes."""
    partner = Partner()
    with serve(partner.answers) as peer:
        row = sent(peer, name, quirks=quirks)
        body = peer.bodies[0]
    assert row.state == State.DELIVERED, row.failure_text
    assert partner.payloads == [DOCUMENT]
    if quirks.get("base64"):
        body = base64.b64decode(body)
    return openssl.cms_decrypt(body, identity("AMAZON"))


def signed_data(der: bytes) -> Any:
    """A signature, taken apart."""
    return cms.ContentInfo.load(der)["content"]


def certificates_in(der: bytes) -> list[str]:
    """Fingerprints of the certificates that go along with a signature."""
    found = signed_data(der)["certificates"] or []
    return [hashlib.sha256(each.chosen.dump()).hexdigest() for each in found]


# What a message looks like -------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [False, True])
@proves("base64")
def test_bodies_may_go_in_base64(wanted: bool) -> None:
    part, signature = split_signed(clear_octets(base64=wanted))
    head, _, body = part.partition(b"\r\n\r\n")
    assert (b"Content-Transfer-Encoding: base64" in head) is wanted
    assert (base64.b64decode(body) if wanted else body) == DOCUMENT
    der = base64.b64decode(signature) if wanted else signature
    assert openssl.cms_verify(der, identity("VENDOR").certificate, part) == part


@pytest.mark.parametrize(("wanted", "name"), [(False, "sha-256"), (True, "sha256")])
@proves("rfc3851_names")
def test_digests_may_have_their_old_names(wanted: bool, name: str) -> None:
    with serve(Partner().answers) as peer:
        sent(peer, quirks={"rfc3851_names": wanted}, encrypt="none")
        assert f"micalg={name};" in (peer.header("Content-Type") or "")
        options = peer.header("Disposition-Notification-Options") or ""
    assert options.endswith(f"signed-receipt-micalg=optional, {name}")


@pytest.mark.parametrize("quirk", ["", "omit_certificates", "enclose_chain"])
@proves("omit_certificates", "enclose_chain")
def test_certificates_go_along_as_the_connection_says(quirk: str) -> None:
    owner, above = factories.organization(), factories.identity("AUTHORITY").certificate
    chain = [base64.b64encode(above.der).decode()]
    factories.key_pair(owner, factories.identity("VENDOR"), chain=chain)
    ours = identity("VENDOR").certificate
    expected = {"": [ours], "omit_certificates": [], "enclose_chain": [ours, above]}[quirk]
    with serve(Partner().answers) as peer:
        quirks = {quirk: True} if quirk else {}
        row = enqueue(factories.connection(owner, url=peer.url, quirks=quirks), [DOCUMENT])
        send(row.pk)
        clear = openssl.cms_decrypt(peer.bodies[0], identity("AMAZON"))
    part, signature = split_signed(clear)
    assert sorted(certificates_in(signature)) == sorted(each.fingerprint for each in expected)
    assert openssl.cms_verify(signature, ours, part) == part


@pytest.mark.parametrize("wanted", [False, True])
@proves("algorithm_protection")
def test_a_signature_may_name_its_algorithms(wanted: bool) -> None:
    part, signature = split_signed(clear_octets(algorithm_protection=wanted))
    (signer,) = signed_data(signature)["signer_infos"]
    found = {each["type"].dotted: each["values"] for each in signer["signed_attrs"]}
    assert ("1.2.840.113549.1.9.52" in found) is wanted
    if wanted:
        (named,) = found["1.2.840.113549.1.9.52"].native
        assert named["digest_algorithm"]["algorithm"] == "sha256"
        assert named["signature_algorithm"] == signer["signature_algorithm"].native
    assert openssl.cms_verify(signature, identity("VENDOR").certificate, part) == part


@proves("opaque_signature")
def test_a_signature_may_hold_the_document() -> None:
    head, _, der = clear_octets(opaque_signature=True).partition(b"\r\n\r\n")
    assert b"application/pkcs7-mime; smime-type=signed-data" in head
    content = openssl.cms_verify(der, identity("VENDOR").certificate)
    assert content.partition(b"\r\n\r\n")[2] == DOCUMENT
    row = Message.objects.get()
    assert row.mics["sha-256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("wanted", [False, True])
@proves("appended_gcm_tag")
def test_the_tag_of_gcm_may_stand_behind_the_octets(wanted: bool) -> None:
    with serve(Partner().answers) as peer:
        row = sent(peer, encrypt="aes-256-gcm", quirks={"appended_gcm_tag": wanted})
        body, kind = peer.bodies[0], peer.header("Content-Type") or ""
    assert row.state == State.DELIVERED, row.failure_text
    assert ("smime-type=enveloped-data" in kind) is wanted
    content = cms.ContentInfo.load(body)["content"]
    info = content["encrypted_content_info" if wanted else "auth_encrypted_content_info"]
    sealed = info["encrypted_content"].native + (b"" if wanted else content["mac"].native)
    nonce = info["content_encryption_algorithm"]["parameters"].parsed[0].native
    wrapped = content["recipient_infos"][0].chosen["encrypted_key"].native
    key = identity("AMAZON").rsa_key.decrypt(wrapped, PKCS1v15())
    assert DOCUMENT in AESGCM(key).decrypt(nonce, sealed, None)


def signing_only(name: str) -> Certificate:
    """A certificate for that key whose keyUsage is for signatures alone."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    start = timezone.now() - dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder(subject, subject)
        .public_key(factories.rsa_key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=30))
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .sign(factories.rsa_key(name), hashes.SHA256())
    )
    return Certificate.from_der(made.public_bytes(Encoding.DER))


@pytest.mark.parametrize("wanted", [False, True])
@proves("check_key_usage")
def test_a_certificate_that_is_not_for_encryption_may_be_refused(wanted: bool) -> None:
    with serve(answer()) as peer:
        quirks = {"check_key_usage": wanted}
        link = factories.bare_connection(url=peer.url, mdn="none", quirks=quirks)
        factories.key_pair(link.organization)
        factories.partner_certificate(link, signing_only("AMAZON"))
        row = enqueue(link, [DOCUMENT], "order.edi")
        send(row.pk)
    row.refresh_from_db()
    assert len(peer.requests) == (0 if wanted else 1)
    told = row.failure_text if wanted else " ".join(row.notes)
    assert "keyUsage of CN=AMAZON does not allow to encrypt to it" in told
    assert (row.state == State.DELIVERED) is not wanted


@pytest.mark.parametrize(
    ("wanted", "field"), [(False, b'filename="order 1.edi"'), (True, b"filename=order_1.edi")]
)
@proves("bare_filename")
def test_a_file_name_may_go_without_quotes(wanted: bool, field: bytes) -> None:
    part, _ = split_signed(clear_octets(bare_filename=wanted))
    assert b"Content-Disposition: attachment; " + field in part.partition(b"\r\n\r\n")[0]


# MICs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "state"), [([], State.FAILED), (["body"], State.DELIVERED)])
@proves("mic_tolerances")
def test_a_mic_over_other_octets_may_do(wanted: list[str], state: State) -> None:
    mic = MIC(hashlib.sha256(DOCUMENT).digest(), DigestAlgorithm.SHA256)

    def of_body(report: MDNReport) -> MDNReport:
        return replace(report, mic=mic)

    with serve(Partner(change=of_body).answers) as peer:
        row = sent(peer, quirks={"mic_tolerances": wanted})
    assert row.state == state, row.failure_text


SHA512_FIRST = (
    "signed-receipt-protocol=optional, pkcs7-signature; "
    "signed-receipt-micalg=optional, sha-512, sha-256"
)


@pytest.mark.parametrize(("wanted", "name"), [(False, "sha256"), (True, "sha512")])
@proves("mic_from_options")
def test_the_mic_may_be_in_the_digest_that_is_asked_for(wanted: bool, name: str) -> None:
    factories.connection(quirks={"mic_from_options": wanted})
    asked = message().with_fields(Disposition_Notification_Options=SHA512_FIRST)
    mic = sender.mdn_of(asked.send()).mic
    part, _ = split_signed(openssl.cms_decrypt(asked.body, identity("VENDOR")))
    assert mic is not None
    assert mic.digest == hashlib.new(name, part).digest()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(False, "failed/failure: unsupported MIC-algorithms"), (True, "processed")],
)
@proves("mic_in_other_digest")
def test_the_mic_may_be_in_a_digest_that_nobody_asked_for(wanted: bool, said: str) -> None:
    factories.connection(quirks={"mic_in_other_digest": wanted})
    options = "signed-receipt-micalg=optional, whirlpool"
    asked = message().with_fields(Disposition_Notification_Options=options)
    mdn = sender.mdn_of(asked.send())
    assert mdn.disposition.modified_type == said
    assert ("MIC is in sha-256" in mdn.text) is wanted
    if wanted:
        part, _ = split_signed(openssl.cms_decrypt(asked.body, identity("VENDOR")))
        assert mdn.mic is not None
        assert mdn.mic.digest == hashlib.sha256(part).digest()


# Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chosen", "status"), [(None, 200), ("202", 202), ("204", 204)])
@proves("empty_answer")
def test_a_message_is_taken_by_the_status_that_the_partner_wants(
    chosen: str | None, status: int
) -> None:
    factories.connection(quirks={"empty_answer": chosen} if chosen else {})
    reply = message().with_fields(Disposition_Notification_To=None).send()
    assert (reply.status, reply.body) == (status, b"")
    assert Message.objects.get().state == State.ACCEPTED


@pytest.mark.parametrize("url", ["mailto:edi@amazon.example", "MAILTO:x", "ftp://x/y"])
def test_an_mdn_that_is_wanted_by_mail_is_not_sent(url: str) -> None:
    factories.connection()
    reply = message().with_fields(Receipt_Delivery_Option=url).send()
    assert (reply.status, reply.body) == (200, b"")
    row = Message.objects.get()
    assert (row.state, row.mdn_mode, row.mdn_signed) == (State.ACCEPTED, "none", False)
    assert f"an MDN was asked for at {url}" in row.notes[0]
    assert Delivery.objects.count() == 1
    assert not MDN.objects.exists()


@proves("mdn_instead_of_mail")
def test_an_mdn_that_is_wanted_by_mail_may_be_the_answer() -> None:
    factories.connection(quirks={"mdn_instead_of_mail": True})
    asked = message().with_fields(Receipt_Delivery_Option="mailto:edi@amazon.example")
    for _ in range(2):
        sender.verify(asked.send(), asked)
    assert MDN.objects.count() == 1


def test_a_repetition_that_wants_mail_gets_an_empty_answer_too() -> None:
    factories.connection()
    asked = message().with_fields(Receipt_Delivery_Option="mailto:edi@amazon.example")
    assert [asked.send().body for _ in range(2)] == [b"", b""]
    assert Message.objects.count() == 1


# File names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "said", "delivered"),
    [
        (None, "processed", 2),
        ("warn", "processed/warning: illegal-filename", 2),
        ("reject", "processed/error: illegal-filename", 0),
    ],
)
@pytest.mark.parametrize("name", ["../orders.edi", "NUL.txt", "a\tb.edi", ".profile"])
@proves("illegal_name")
def test_a_file_name_that_cannot_be_used(
    name: str, wanted: str | None, said: str, delivered: int
) -> None:
    factories.connection(quirks={"illegal_name": wanted} if wanted else {})
    asked = several(("fine.edi", b"1"), (name, b"2"))
    assert sender.disposition(asked.send()) == said
    row = Message.objects.get()
    assert Delivery.objects.count() == delivered
    assert (row.failure_code == "illegal-filename") is (wanted == "reject")
    assert all("/" not in each.target.rpartition("/")[2] for each in Delivery.objects.all())


@pytest.mark.parametrize("name", ["orders.edi", "Bestellung Nr. 5 (März).edi", "con_1.edi"])
def test_a_file_name_that_can_be_used_is_no_fault(name: str) -> None:
    factories.connection(quirks={"illegal_name": "reject"})
    assert sender.disposition(several((name, b"1"), ("b.edi", b"2")).send()) == "processed"


# Completeness --------------------------------------------------------------------------------


def test_every_special_need_is_proven_on_the_wire() -> None:
    for name in ("test_special_needs", "test_own_name"):
        import_module(f"tests.messages.{name}")
    assert sorted(PROVEN) == sorted(NAMES)


def test_every_special_need_of_the_row_is_in_both_policies() -> None:
    plain: dict[str, Any] = {
        name: True for name in NAMES if name not in {"omit_certificates", "http_1_0"}
    }
    plain |= {"empty_answer": "204", "repeated_name": "warn", "illegal_name": "reject"}
    row = factories.connection(quirks=plain | {"mic_tolerances": ["lf"]})
    now, needs = timezone.now(), from_plain(row.quirks)
    assert outbound_policy(row, now).quirks == inbound_policy(row, now).quirks == needs
    assert all(getattr(needs, name) for name in plain)
