from dataclasses import replace

import pytest
from django.utils import timezone

from as2gateway.headers import Headers
from as2gateway.quirks import Quirks
from as2gateway.request import read_request
from messages.answering import Draft, draft
from messages.arrivals import Arrival
from messages.judging import judge
from messages.models import MDN
from messages.store import get_store
from partners.models import Connection
from tests.messages import sender
from tests.messages.sender import message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def test_an_mdn_repeats_the_sender_s_spelling_of_the_algorithm(connection: Connection) -> None:
    options = (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, SHA256"
    )
    message().with_fields(Disposition_Notification_Options=options).send()
    assert MDN.objects.get().mic.endswith(", sha-256")
    body = b"".join(get_store().chunks(MDN.objects.get().body_key))
    assert b", SHA256\r\n" in body


def test_without_options_the_mdn_is_signed_like_the_message(connection: Connection) -> None:
    options = "signed-receipt-protocol=optional, pkcs7-signature"
    sent = message().with_fields(Disposition_Notification_Options=options)
    sender.verify(sent.send(), sent)


def test_the_message_id_of_an_mdn_is_our_own(connection: Connection) -> None:
    connection.organization.message_id_domain = "edi.vendor.example"
    connection.organization.save()
    reply = message().send()
    assert (reply.headers.get("Message-ID") or "").endswith("@edi.vendor.example>")


def drafted(connection: Connection, sent: sender.Sent, quirks: Quirks) -> Draft:
    """The MDN for a message from a connection with such quirks."""
    headers = Headers(tuple(sent.fields.items()))
    request = read_request(headers)
    assert request.mdn
    arrival = Arrival.of(headers, request, connection, "0" * 64, timezone.now())
    arrival = replace(arrival, policy=replace(arrival.policy, quirks=quirks))
    with judge(arrival, lambda: [sent.body]) as judgement:
        return draft(arrival, request.mdn, judgement.facts, judgement.error)


def test_an_mdn_says_that_its_mic_is_in_a_digest_nobody_asked_for(connection: Connection) -> None:
    options = "signed-receipt-micalg=optional, whirlpool"
    sent = message().with_fields(Disposition_Notification_Options=options)
    report = drafted(connection, sent, Quirks(mic_in_other_digest=True)).report
    assert report.disposition.positive
    assert report.text == "No requested MIC algorithm is supported; the MIC is in sha-256."


def test_an_mdn_has_the_quirks_of_its_connection(connection: Connection) -> None:
    built = drafted(connection, message(), Quirks(base64=True)).built
    assert b"Content-Transfer-Encoding: base64" in built.body


def test_an_mdn_repeats_the_quotes_of_the_request(connection: Connection) -> None:
    headers = message().with_fields(AS2_From='"AMAZON"').send().headers
    assert (headers.get("AS2-From"), headers.get("AS2-To")) == ("VENDOR", '"AMAZON"')
