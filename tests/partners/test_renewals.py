"""Announced certificates: opened from a partner's page, reminded of, closed by the change."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from partners import mailing, renewals
from partners.models import Connection, Notice, Partner, Renewal, Scope
from partners.models.certificates import this_second
from partners.noticing import make_notices
from partners.rollover.planning import Successor, plan_partner
from partners.rollover.recording import By
from tests import factories

pytestmark = pytest.mark.django_db
ANN = By("ann")
DAY = factories.DAY


@pytest.fixture
def connection() -> Connection:
    return factories.connection()


def announce(partner: Partner, due_at: dt.datetime | None = None) -> Renewal:
    now = timezone.now()
    return renewals.announce(partner, due_at or now + 30 * DAY, "mail of today", now, ANN)


def plan(*connections: Connection, name: str = "next") -> None:
    certificate = factories.certificate(name, lifetime=900 * DAY)
    successor = Successor(certificate, verifies=True, encrypts=True)
    start = this_second() + DAY
    plan_partner(connections, successor, start, this_second(), ANN)


def test_it_is_due_when_the_present_certificate_ends(connection: Connection) -> None:
    ends = connection.certificates.get().not_after
    assert renewals.due_by_default(connection.partner, timezone.now()) == ends


def test_without_a_certificate_it_is_due_in_a_month() -> None:
    now = timezone.now()
    assert renewals.due_by_default(factories.partner(), now) == now + 30 * DAY


def test_a_second_mail_is_no_second_thing_to_do(connection: Connection) -> None:
    first = announce(connection.partner)
    assert announce(connection.partner) == first
    assert Renewal.objects.count() == 1
    assert AuditEvent.objects.filter(tag="partner:renewal:announced").count() == 1


def test_the_planned_change_closes_it(connection: Connection) -> None:
    row = announce(connection.partner)
    plan(connection)
    row.refresh_from_db()
    assert row.closed_at is not None
    assert row.rollover is not None
    assert row.rollover.new_certificate is not None
    event = AuditEvent.objects.get(tag="partner:renewal:closed")
    assert event.data["why"] == "the change is planned"


def test_it_stays_open_while_another_connection_uses_the_old_one(connection: Connection) -> None:
    owner, partner = connection.organization, connection.partner
    other = factories.bare_connection(owner, partner, as2_id="AMAZON-TEST")
    factories.partner_certificate(other, connection.certificates.get().value)
    row = announce(connection.partner)
    plan(connection)
    row.refresh_from_db()
    assert row.closed_at is None
    plan(other)
    row.refresh_from_db()
    assert row.closed_at is not None


def test_a_change_of_another_partner_closes_nothing(connection: Connection) -> None:
    row = announce(factories.partner("Walmart"))
    plan(connection)
    row.refresh_from_db()
    assert row.closed_at is None


def test_it_is_reminded_of_once_a_step(connection: Connection, settings: Settings) -> None:
    settings.AS2_MAIL = True
    User.objects.create_superuser("root", email="root@example.com")
    now = timezone.now()
    announce(connection.partner, now + 5 * DAY)
    made = [each for each in make_notices(now) if each.key.startswith("renewal/")]
    assert [each.urgent for each in made] == [True]
    assert make_notices(now + dt.timedelta(hours=1)) == []
    mailing.mail_notices(now)
    texts = [each.body for each in mail.outbox if "announced a new certificate" in each.subject]
    assert len(texts) == 1
    assert "mail of today" in texts[0]


def test_what_is_closed_is_not_reminded_of(connection: Connection) -> None:
    row = announce(connection.partner, timezone.now() + DAY)
    assert renewals.set_aside(row, timezone.now(), ANN)
    assert not renewals.set_aside(row, timezone.now(), ANN)
    make_notices(timezone.now())
    assert not Notice.objects.filter(key__startswith="renewal/").exists()


def test_a_mail_is_noted_on_the_partners_page(admin_client: Client, connection: Connection) -> None:
    page = reverse("admin:partners_partner_announce_certificate", args=(connection.partner.pk,))
    ends = connection.certificates.get().not_after
    assert f'value="{ends:%Y-%m-%dT%H:%M}"' in admin_client.get(page).content.decode()
    asked = {"due_at": "2031-02-03T04:05", "note": "from edi@amazon"}
    answer = admin_client.post(page, asked, follow=True)
    row = Renewal.objects.get()
    assert (row.note, row.opened_by) == ("from edi@amazon", "admin")
    assert row.due_at == dt.datetime(2031, 2, 3, 4, 5, tzinfo=dt.UTC)
    text = answer.content.decode()
    upload = reverse("admin:partners_partner_renew_certificate", args=(connection.partner.pk,))
    assert f'href="{upload}">Upload the new certificate</a>' in text


def test_it_is_set_aside_by_a_button(admin_client: Client, connection: Connection) -> None:
    row = announce(connection.partner)
    door = reverse("admin:partners_renewal_act", args=(row.pk,))
    for _ in range(2):  # somebody else may have been faster
        answer = admin_client.post(door, {"act": "aside"}, follow=True)
    assert "Somebody else was faster" in answer.content.decode()
    row.refresh_from_db()
    assert row.closed_by == "admin"
    assert admin_client.get(door).status_code == 404


def test_a_provider_sees_its_own_only(client: Client, connection: Connection) -> None:
    user = User.objects.create_user("van", is_staff=True)
    user.groups.add(Group.objects.get(name="provider"))
    Scope.objects.create(user=user).partners.add(connection.partner)
    client.force_login(user)
    mine, other = announce(connection.partner), announce(factories.partner("Walmart"))
    listed = client.get("/admin/partners/renewal/").content.decode()
    assert "Amazon announced" in listed
    assert "Walmart" not in listed
    for row, status in ((mine, 302), (other, 404)):
        door = reverse("admin:partners_renewal_act", args=(row.pk,))
        assert client.post(door, {"act": "aside"}).status_code == status


def test_an_auditor_looks_and_decides_nothing(client: Client, connection: Connection) -> None:
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    row = announce(connection.partner)
    page = reverse("admin:partners_renewal_change", args=(row.pk,))
    assert "Set aside" not in client.get(page).content.decode()
    door = reverse("admin:partners_renewal_act", args=(row.pk,))
    assert client.post(door, {"act": "aside"}).status_code == 403
    announce_page = reverse(
        "admin:partners_partner_announce_certificate", args=(connection.partner.pk,)
    )
    assert client.post(announce_page, {"due_at": "2031-02-03T04:05"}).status_code == 403
