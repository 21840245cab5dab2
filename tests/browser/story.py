"""A morning at a vendor's: what an operator would find on the pages."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from audit.tags import Tag
from messages.models import DeliveryState, MDNState, Message, State, UnknownSender
from messages.store import Kind
from partners.compliance.verdicts import reevaluate
from partners.models import Connection
from partners.models.certificates import this_second
from partners.rollover.planning import Successor, plan_partner
from partners.rollover.recording import By
from tests import factories
from tests.messages import made_up

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)

DECRYPTION_FAILED = (
    "Amazon could not decrypt the message. They may not hold the key of the certificate that we "
    "encrypt to: ask them which certificate is current, and add it to the connection."
)


@dataclass(frozen=True, slots=True)
class Story:
    """The rows that a test opens."""

    failed: Message
    delivered: Message


def tell() -> Story:
    """Write the rows of a morning on which some things went wrong."""
    ours = factories.organization("ACME-VENDOR", name="Acme Foods")
    factories.key_pair(ours)
    amazon = factories.partner("Amazon")
    production = factories.connection(
        ours, amazon, as2_id="AMAZON", url="https://as2.amazon.example/", environment="production"
    )
    walmart = factories.bare_connection(ours, factories.partner("Walmart"), as2_id="WALMART-AS2")
    _expiring_certificate(walmart)
    delivered = _delivered(production)
    failed = _failed(production)
    _others(production, walmart)
    UnknownSender.objects.create(
        as2_from="AMAZON-EU",
        as2_to="ACME-VENDOR",
        address="192.0.2.77",
        count=4,
        first_seen=timezone.now() - HOUR,
        last_seen=timezone.now(),
    )
    return Story(failed, delivered)


def tell_on() -> Story:
    """Write more: profiles, of which some settings fall short, and a certificate that is to change.

    A partner has a connection for tests beside that for production.
    """
    told = tell()
    production = Connection.objects.get(as2_id="AMAZON")
    Connection.objects.filter(pk=production.pk).update(profile="amazon-vendor-as2")
    test = factories.connection(
        production.organization,
        production.partner,
        as2_id="AMAZON-TEST",
        url="https://test.as2.amazon.example/",
        profile="amazon-vendor-as2",
    )
    weak = {"profile": "walmart-as2", "encrypt": "des-ede3-cbc", "sign": "sha-1"}
    Connection.objects.filter(as2_id="WALMART-AS2").update(**weak)
    new = factories.certificate("AMAZON-2027", lifetime=1000 * factories.DAY)
    start = this_second() + 20 * factories.DAY
    successor = Successor(new, verifies=True, encrypts=True)
    plan_partner([production, test], successor, start, this_second(), By("ann", "192.0.2.50"))
    reevaluate(Connection.objects.all(), timezone.now())
    return told


def _expiring_certificate(link: Connection) -> None:
    value = factories.certificate(
        "as2.walmart.example",
        start=timezone.now() - 700 * factories.DAY,
        lifetime=712 * factories.DAY,
    )
    factories.partner_certificate(link, value)


def _delivered(link: Connection) -> Message:
    row = made_up.message(
        link,
        State.DELIVERED,
        age=50 * MINUTE,
        filename="810-invoice-20261124-0042.edi",
        payload_key=made_up.stored(),
        wire_key=made_up.stored(Kind.WIRE, b"as it went out"),
        payload_sha256="3f" * 32,
        mics={"sha-256": "3f" * 32},
        headers=[["AS2-From", "ACME-VENDOR"], ["AS2-To", "AMAZON"], ["AS2-Version", "1.2"]],
        settings={
            "engine": "native",
            "sign_with": factories.identity("ACME-VENDOR").certificate.fingerprint,
            "encrypt_to": factories.identity("AMAZON").certificate.fingerprint,
        },
        attempts=2,
    )
    fault = "The partner's server did not answer within 10 seconds. It is tried again by itself."
    made_up.attempt(
        row,
        http_status=None,
        tls_version="",
        tls_suite="",
        tls_fingerprint="",
        peer="",
        error_class="connect",
        error_text=fault,
    )
    made_up.attempt(row, started_at=row.created_at + 6 * MINUTE)
    made_up.mdn(row, text="The message was received and processed.")
    made_up.event(row, Tag.MESSAGE_OUTBOUND_DELIVERED, "The MDN proves the delivery.")
    return row


def _failed(link: Connection) -> Message:
    row = made_up.message(
        link,
        State.FAILED,
        age=20 * MINUTE,
        filename="856-asn-20261124-0017.edi",
        edi_type="856",
        failure_code="decryption-failed",
        failure_text=DECRYPTION_FAILED,
        payload_key=made_up.stored(),
        wire_key=made_up.stored(Kind.WIRE, b"as it went out"),
        mics={"sha-256": "5a" * 32},
        settings={
            "engine": "native",
            "sign_with": factories.identity("ACME-VENDOR").certificate.fingerprint,
            "encrypt_to": factories.identity("AMAZON").certificate.fingerprint,
        },
    )
    made_up.attempt(row)
    made_up.mdn(
        row,
        positive=False,
        mic="",
        mic_matched=None,
        disposition="automatic-action/MDN-sent-automatically; processed/error: decryption-failed",
        text="The message could not be decrypted.",
    )
    made_up.event(row, Tag.MESSAGE_OUTBOUND_FAILED, "Given up: decryption-failed.")
    return row


def _others(amazon: Connection, walmart: Connection) -> None:
    for hours in range(1, 9):
        row = made_up.message(amazon, State.ACCEPTED, age=hours * HOUR, payload_size=2048 * hours)
        made_up.mdn(row, MDNState.ANSWERED)
        made_up.delivery(row)
        row = made_up.message(walmart, State.DELIVERED, age=hours * HOUR - 7 * MINUTE)
        made_up.mdn(row)
    made_up.message(
        walmart,
        State.WAITING,
        age=12 * MINUTE,
        mdn_mode="async",
        mdn_deadline=timezone.now() + HOUR,
        due_at=timezone.now() + HOUR,
    )
    row = made_up.message(amazon, State.ACCEPTED, age=5 * MINUTE)
    made_up.mdn(row, MDNState.ANSWERED)
    full = "The inbox has no space left. Make room, and then retry the delivery."
    made_up.delivery(row, DeliveryState.HELD, failure_text=full)
    rejected = made_up.message(
        walmart,
        State.REJECTED,
        age=3 * HOUR,
        edi_standard="",
        edi_type="",
        filename="",
        failure_code="authentication-failed",
        failure_text=(
            "The signature is by a certificate that this connection does not know. If Walmart has "
            "a new certificate, add it to the connection."
        ),
    )
    made_up.mdn(rejected, MDNState.ANSWERED, positive=False)
