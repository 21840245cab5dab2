"""Tests of connections: a real message by the real way, each step in green or red."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from as2gateway import edi
from as2gateway.headers import Headers
from audit.badges import Tone
from audit.models import AuditEvent
from messages import sending, transport
from messages.endpoint import answer
from messages.models import MDNState, Message, State
from messages.onboarding import testing
from messages.onboarding.documents import SUBJECT
from messages.onboarding.documents import test_document as document
from messages.transport import Answer, PostOptions
from partners.models import Connection, Organization, TLSProbe
from partners.onboarding.loopback import PARTNER
from partners.rollover.recording import By
from tests import factories
from tests.messages import made_up, wsgi
from tests.messages.servers import answer as says
from tests.messages.servers import serve

pytestmark = pytest.mark.django_db


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A partner that is ourselves; its URL is answered here, without a network between."""

    def post(url: str, headers: Headers, body: object, length: int, options: PostOptions) -> Answer:
        octets = b"".join(body)  # type: ignore[arg-type]  # chunks
        with wsgi.environment(wsgi.post(octets, dict(headers))) as environ:
            reply = answer(environ)
        return Answer(reply.status.value, reply.headers, reply.body)

    monkeypatch.setattr(transport, "post", post)
    factories.organization()
    call_command("add_loopback", "VENDOR")
    return Connection.objects.get(organization__as2_id="VENDOR")


def verdicts(connection: Connection) -> dict[str, tuple[Tone, str]]:
    rows = testing.judge(connection, testing.latest_test(connection), timezone.now())
    return {row.name: (row.tone, row.word) for row in rows}


def page_of(row: Connection) -> str:
    return reverse("admin:partners_connection_test_connection", args=(row.pk,))


def test_a_document_goes_to_ourselves_and_comes_back(
    admin_client: Client, loopback: Connection
) -> None:
    admin_client.post(page_of(loopback))
    sent = Message.objects.get()
    queued = AuditEvent.objects.get(tag="message:outbound:queued")
    assert (queued.actor, queued.address) == ("admin", "127.0.0.1")
    sending.send(sent.pk)
    sent.refresh_from_db()
    came = Message.objects.get(direction="inbound")
    assert (sent.state, came.state) == (State.DELIVERED, State.ACCEPTED)
    assert came.payload_sha256 == sent.payload_sha256
    assert verdicts(loopback) == {
        "Connection": (Tone.GOOD, "active"),
        "Keys and certificates": (Tone.GOOD, "complete"),
        "TLS of the endpoint": (Tone.PLAIN, "http"),
        "Reached": (Tone.GOOD, "yes"),
        "HTTP": (Tone.GOOD, "200"),
        "MDN": (Tone.GOOD, "positive"),
        "Signature of the MDN": (Tone.GOOD, "verified"),
        "MIC": (Tone.GOOD, "matches"),
    }
    page = admin_client.get(page_of(loopback)).content.decode()
    assert "Delivered" in page
    assert 'http-equiv="refresh"' not in page


def test_the_other_end_can_answer_with_a_document(loopback: Connection) -> None:
    back = Connection.objects.get(as2_id="VENDOR")
    message = testing.start(back, By("ann"))
    sending.send(message.pk)
    message.refresh_from_db()
    assert message.state == State.DELIVERED
    assert back.partner.name == PARTNER


def test_there_is_one_loopback_for_an_organization(loopback: Connection) -> None:
    for name in ("VENDOR", "NOBODY"):
        with pytest.raises(CommandError):
            call_command("add_loopback", name)
    assert Organization.objects.count() == 2


def test_a_second_organization_gets_a_loopback_of_its_own(loopback: Connection) -> None:
    factories.organization("SECOND")
    key = factories.key_pair(Organization.objects.get(as2_id="SECOND"))
    call_command("add_loopback", "SECOND")
    assert list(key.organization.keys.all()) == [key]
    assert Connection.objects.filter(partner__name=PARTNER).count() == 4


def test_while_a_test_is_on_its_way_the_page_looks_again(
    admin_client: Client, loopback: Connection
) -> None:
    admin_client.post(page_of(loopback))
    assert 'http-equiv="refresh"' in admin_client.get(page_of(loopback)).content.decode()
    assert verdicts(loopback)["Sent"] == (Tone.BUSY, "queued")


def test_an_endpoint_that_nobody_listens_at_is_red() -> None:
    row = factories.connection()
    sending.send(testing.start(row, By("ann")).pk)
    found = verdicts(row)
    assert found["Reached"] == (Tone.BAD, "connect")
    assert "MIC" not in found


def test_an_answer_without_an_mdn_is_red() -> None:
    with serve(says(b"", "404 Not Found")) as peer:
        row = factories.connection(url=peer.url)
        sending.send(testing.start(row, By("ann")).pk)
    found = verdicts(row)
    assert found["HTTP"] == (Tone.BAD, "404")
    assert found["MDN"] == (Tone.BAD, "none came")


@pytest.mark.parametrize("state", ["paused", "suspended"])
def test_a_parked_connection_is_red(state: str) -> None:
    assert verdicts(factories.connection(state=state))["Connection"] == (Tone.BAD, state)


def test_a_missing_certificate_is_red() -> None:
    row = factories.bare_connection()
    factories.key_pair(row.organization)
    assert verdicts(row)["Keys and certificates"] == (Tone.BAD, "incomplete")


@pytest.mark.parametrize(
    ("verdict", "error", "expected"),
    [
        ("ok", "", (Tone.GOOD, "passes")),
        ("error", "", (Tone.BAD, "falls short")),
        ("ok", "No answer.", (Tone.WARN, "could not be tested")),
    ],
)
def test_the_last_test_of_tls_is_told(verdict: str, error: str, expected: tuple[Tone, str]) -> None:
    row = factories.connection(url="https://as2.amazon.example:8443/x")
    assert verdicts(row)["TLS of the endpoint"] == (Tone.PLAIN, "not tested")
    TLSProbe.objects.create(
        host="as2.amazon.example",
        port=8443,
        started_at=timezone.now(),
        verdicts=[{"profile": "as2-modern", "verdict": verdict}],
        error=error,
    )
    assert verdicts(row)["TLS of the endpoint"] == expected


def test_an_unsigned_mdn_is_red_where_a_signed_one_was_asked_for() -> None:
    link = made_up.connection()
    row = made_up.message(link, State.FAILED, subject=SUBJECT)
    made_up.attempt(row)
    made_up.mdn(row, signed=False, signer="", mic_matched=False)
    found = verdicts(link)
    assert found["Signature of the MDN"] == (Tone.BAD, "unsigned")
    assert found["MIC"] == (Tone.BAD, "differs")


@pytest.mark.parametrize(
    ("state", "ended", "expected"),
    [
        (State.SENDING, False, {"Reached": (Tone.BUSY, "being sent")}),
        (State.WAITING, True, {"TLS": (Tone.GOOD, "TLSv1.3"), "MDN": (Tone.BUSY, "awaited")}),
    ],
)
def test_a_test_that_is_not_over_is_told_as_far_as_it_came(
    state: State, ended: bool, expected: dict[str, tuple[Tone, str]]
) -> None:
    link = made_up.connection()
    row = made_up.message(link, state, subject=SUBJECT)
    made_up.attempt(row, **({} if ended else {"ended_at": None}))
    assert expected.items() <= verdicts(link).items()


def test_a_signature_that_does_not_hold_is_red() -> None:
    link = made_up.connection()
    row = made_up.message(link, State.FAILED, subject=SUBJECT)
    made_up.attempt(row)
    made_up.mdn(row, MDNState.REFUSED, signer="", mic_matched=None)
    found = verdicts(link)
    assert found["Signature of the MDN"] == (Tone.BAD, "not verified")
    assert found["MDN"] == (Tone.BAD, "positive")
    assert "MIC" not in found


def test_without_an_mdn_the_answer_is_all_there_is_to_judge() -> None:
    link = made_up.connection(mdn="none")
    row = made_up.message(link, State.DELIVERED, subject=SUBJECT, mdn_mode="none")
    made_up.attempt(row)
    assert "MDN" not in verdicts(link)


@pytest.mark.parametrize(
    ("content_type", "standard", "kind"),
    [
        ("application/EDI-X12", "X12", "864"),
        ("application/EDIFACT; charset=x", "EDIFACT", "GENRAL"),
        ("text/plain", "", ""),
    ],
)
def test_a_test_document_is_marked_as_one(content_type: str, standard: str, kind: str) -> None:
    made = document(content_type, "VENDOR é*~", "AMAZON", timezone.now())
    facts = edi.sniff(made.content)
    assert (facts.standard, facts.type) == (standard, kind)
    assert b"TEST" in made.content
    assert made.filename.startswith("as2-test-")


def test_the_header_of_a_test_interchange_says_test() -> None:
    x12 = document("application/EDI-X12", "VENDOR", "AMAZON", timezone.now()).content
    assert x12.index(b"~") == 105  # an ISA has 106 characters
    assert x12.split(b"~")[0].split(b"*")[15] == b"T"
    edifact = document("application/EDIFACT", "VENDOR", "AMAZON", timezone.now()).content
    assert edifact.split(b"'")[0].split(b"+")[11] == b"1"
