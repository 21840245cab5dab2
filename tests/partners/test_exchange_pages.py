"""The page of a certificate request, the button on a rollover's page, and the command."""

import datetime as dt
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from as2gateway.cem import CertificateReference, Request, TrustRequest, Usage
from audit.acting import shell_name
from audit.models import AuditEvent
from partners import exchanging
from partners.models import (
    CertificateAnnouncement,
    CertificateOffer,
    CertificateRequest,
    Connection,
    Rollover,
    Scope,
)
from partners.rollover.planning import plan_ours
from partners.rollover.recording import By
from tests import factories
from tests.factories import DAY, identity

pytestmark = pytest.mark.django_db

BOTH = frozenset({Usage.SIGNATURE, Usage.ENCRYPTION})


@pytest.fixture
def row() -> Connection:
    return factories.connection(certificate_exchange=True)


@pytest.fixture
def offer(row: Connection) -> CertificateOffer:
    return asked(row)


def asked(row: Connection, respond_by: dt.datetime | None = None) -> CertificateOffer:
    """AMAZON asks to trust its next certificate."""
    new = identity("AMAZON-2").certificate
    trust = TrustRequest(new, BOTH, CertificateReference.of(new), respond_by)
    exchanging.take(row, Request("request-1", "AMAZON", (trust,)), "<1@amazon>", timezone.now())
    return CertificateOffer.objects.select_related("request").get()


@pytest.fixture
def planned(row: Connection) -> Rollover:
    """VENDOR's next key pair, to be used tomorrow."""
    key, now = factories.material(identity("VENDOR-2")), timezone.now()
    return plan_ours(row.organization, "next", key, start=now + DAY, now=now, by=By("alice"))


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def page(row: CertificateRequest) -> str:
    return reverse("admin:partners_certificaterequest_change", args=(row.pk,))


def decide(client: Client, offer: CertificateOffer, act: str, /, **more: str) -> str:
    url = reverse("admin:partners_certificaterequest_act", args=(offer.request.pk,))
    answer = client.post(url, {"offer": str(offer.pk), "act": act, **more}, follow=True)
    offer.refresh_from_db()
    return words(answer) if answer.status_code == 200 else str(answer.status_code)


def test_the_page_shows_old_and_new_and_who_asks(
    admin_client: Client, offer: CertificateOffer
) -> None:
    shown = words(admin_client.get(page(offer.request)))
    for part in ("Amazon asks to trust", "request-1", "for signatures, encryption", "pending"):
        assert part in shown
    assert "CN=AMAZON-2" in shown
    assert "no date" in shown
    listed = words(admin_client.get(reverse("admin:partners_certificaterequest_changelist")))
    assert "to be decided" in listed


def test_a_date_that_has_passed_is_pointed_out(admin_client: Client, row: Connection) -> None:
    offer = asked(row, timezone.now() - DAY)
    assert "that is over" in words(admin_client.get(page(offer.request)))


def test_accept_puts_it_in_use(admin_client: Client, offer: CertificateOffer) -> None:
    assert "Accepted: it counts from now on" in decide(admin_client, offer, "accept")
    assert (offer.state, offer.decided_by) == ("accepted", "admin")
    assert offer.request.connection.certificates.count() == 2
    assert "answer goes out" in words(
        admin_client.get(reverse("admin:partners_certificaterequest_changelist"))
    )


def test_reject_tells_the_reason(admin_client: Client, offer: CertificateOffer) -> None:
    assert "Rejected" in decide(admin_client, offer, "reject", reason="unknown to us")
    assert (offer.state, offer.reason) == ("rejected", "unknown to us")
    assert "Accept" not in words(admin_client.get(page(offer.request))).split("fingerprint")[-1]


def test_what_cannot_be_done_is_said(admin_client: Client, offer: CertificateOffer) -> None:
    Connection.objects.update(certificate_exchange=False)
    assert "switched off" in decide(admin_client, offer, "accept")
    assert offer.state == "pending"


@pytest.mark.parametrize(("act", "pk"), [("other", None), ("accept", "x"), ("accept", "0")])
def test_other_decisions_do_not_exist(
    admin_client: Client, offer: CertificateOffer, act: str, pk: str | None
) -> None:
    more = {"offer": pk} if pk else {}
    assert decide(admin_client, offer, act, **more) == "404"
    assert offer.state == "pending"


def test_a_look_changes_nothing(admin_client: Client, offer: CertificateOffer) -> None:
    url = reverse("admin:partners_certificaterequest_act", args=(offer.request.pk,))
    assert admin_client.get(url).status_code == 404


def user(client: Client, *codes: str, connection: Connection | None = None) -> None:
    who = User.objects.create_user("bob", is_staff=True)
    who.user_permissions.set(Permission.objects.filter(codename__in=codes))
    if connection is not None:
        Scope.objects.create(user=who).connections.add(connection)
    client.force_login(who)


def test_who_may_only_look_decides_nothing(client: Client, offer: CertificateOffer) -> None:
    user(client, "view_certificaterequest", connection=offer.request.connection)
    assert client.get(page(offer.request)).status_code == 200
    assert decide(client, offer, "accept") == "403"
    assert offer.state == "pending"


def test_who_sees_other_connections_does_not_see_it(
    client: Client, offer: CertificateOffer
) -> None:
    company = factories.partner("Another")
    other = factories.connection(offer.request.connection.organization, company, as2_id="B")
    user(client, "view_certificaterequest", "add_partnercertificate", connection=other)
    assert client.get(page(offer.request)).status_code == 302
    assert decide(client, offer, "accept") in {"403", "404"}
    assert offer.state == "pending"


def test_a_rollover_is_announced_by_a_button(admin_client: Client, planned: Rollover) -> None:
    shown = reverse("admin:partners_rollover_change", args=(planned.pk,))
    assert "Send by message" in words(admin_client.get(shown))
    act = reverse("admin:partners_rollover_act", args=(planned.pk,))
    confirmation = planned.confirmations.get()
    sent = {"act": "message", "confirmation": str(confirmation.pk)}
    assert "goes out" in words(admin_client.post(act, sent, follow=True))
    assert "A message is about to go out." in words(admin_client.get(shown))
    assert "about to go out" in words(admin_client.post(act, sent, follow=True))
    assert CertificateAnnouncement.objects.get().created_by == "admin"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"message_id": "<7@vendor>"}, "Sent by message &lt;7@vendor&gt;: no answer yet."),
        ({"failure_text": "No key."}, "It could not be sent by a message: No key."),
        (
            {
                "message_id": "<7@vendor>",
                "answer": "rejected",
                "reason": "Why?",
                "answered_at": dt.datetime(2031, 2, 3, 4, 5, tzinfo=dt.UTC),
            },
            "The partner&#x27;s answer of 2031-02-03 04:05 UTC: rejected. Why?",
        ),
    ],
)
def test_a_rollover_says_what_became_of_the_message(
    admin_client: Client, planned: Rollover, columns: dict[str, object], said: str
) -> None:
    exchanging.announce(planned.confirmations.get(), timezone.now(), By("alice"))
    CertificateAnnouncement.objects.update(**columns)
    shown = admin_client.get(reverse("admin:partners_rollover_change", args=(planned.pk,)))
    assert said in shown.content.decode()


def test_without_the_switch_there_is_no_button(admin_client: Client, planned: Rollover) -> None:
    Connection.objects.update(certificate_exchange=False)
    shown = reverse("admin:partners_rollover_change", args=(planned.pk,))
    assert "Send by message" not in words(admin_client.get(shown))


def command(*args: str) -> str:
    out = StringIO()
    call_command("send_certificates", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_asks_every_connection_that_exchanges(
    row: Connection, planned: Rollover
) -> None:
    assert command("VENDOR") == "VENDOR → AMAZON: a message goes out.\n"
    assert CertificateAnnouncement.objects.get().confirmation.connection == row
    event = AuditEvent.objects.get(tag="rollover:certificate:announced")
    assert event.actor == shell_name()


@pytest.mark.parametrize("args", [("VENDOR", "--to", "NOBODY"), ("ANOTHER",)])
def test_the_command_says_when_there_is_nothing_to_tell(
    planned: Rollover, args: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError):
        command(*args)
    assert not CertificateAnnouncement.objects.exists()


def test_the_command_names_whom_it_could_not_tell(planned: Rollover) -> None:
    Connection.objects.update(sign="none")
    with pytest.raises(CommandError, match="1 of 1 could not be told"):
        command("VENDOR", "--to", "AMAZON")
