"""Pages of connections: what falls short is refused or marked, warned of, accepted and fixed."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from partners.models import Acknowledgement, Connection, KeyPair
from tests import factories
from tests.factories import DAY, identity
from tests.partners.profiles import GOOD, VENDOR, WEAK, amazon, judged, sheet
from tests.partners.test_admin import address, form_data, texts

pytestmark = pytest.mark.django_db

LIST = reverse("admin:partners_connection_changelist")


def save(client: Client, connection: Connection, **changes: str) -> Any:
    return client.post(address(connection), form_data(client, connection) | changes, follow=True)


def errors(answer: Any) -> dict[str, list[str]]:
    """What refused a save, by field."""
    return dict(answer.context["adminform"].form.errors) if "adminform" in answer.context else {}


def test_an_error_refuses_the_save_at_its_field(admin_client: Client) -> None:
    connection = amazon()
    answer = save(admin_client, connection, encrypt="des-ede3-cbc")
    (text,) = errors(answer)["encrypt"]
    for part in ("as2.encrypt.min", "des-ede3-cbc", "AES-128 or stronger", "EDI Here, 2019"):
        assert part in text
    connection.refresh_from_db()
    assert connection.encrypt == "aes-128-cbc"


def test_a_warning_is_saved_and_marked_at_its_field(admin_client: Client) -> None:
    connection = amazon()
    data = form_data(admin_client, connection)
    del data["mdn_signed"]
    page = texts(admin_client.post(address(connection), data, follow=True).content.decode())
    assert f"Compliance with {VENDOR} 2019-10-15: open are mdn.signed." in page
    connection.refresh_from_db()
    assert not connection.mdn_signed
    form = admin_client.get(address(connection)).context["adminform"].form
    assert 'data-rule="mdn.signed"' in form.fields["mdn_signed"].help_text
    assert "as2-warn" in form.fields["mdn_signed"].help_text


def test_what_was_wrong_before_is_shown_and_does_not_refuse(admin_client: Client) -> None:
    connection = amazon(**WEAK)
    page = admin_client.get(address(connection))
    assert "as2-bad" in page.context["adminform"].form.fields["encrypt"].help_text
    answer = save(admin_client, connection, subject="Orders")
    assert errors(answer) == {}
    connection.refresh_from_db()
    assert connection.subject == "Orders"


def test_what_was_wrong_before_cannot_be_made_worse(admin_client: Client) -> None:
    connection = amazon(**WEAK)
    assert set(errors(save(admin_client, connection, encrypt="none"))) == {"encrypt"}
    assert set(errors(save(admin_client, connection, sign="sha-1"))) == {"sign"}


def test_a_refused_form_is_marked_as_a_whole(admin_client: Client) -> None:
    data = form_data(admin_client, amazon(mdn_signed=False)) | {"encrypt": "none"}
    answer = admin_client.post(address(Connection.objects.get(as2_id="AMAZON")), data)
    page = answer.content.decode()
    assert 'data-rule="mdn.signed"' in page  # a warning, at another field
    assert 'data-rule="deadline"' in page  # an error that stands at no field


def test_choosing_a_profile_asks_for_all_of_it(admin_client: Client) -> None:
    connection = amazon(profile="", encrypt="des-ede3-cbc")
    assert set(errors(save(admin_client, connection, profile=VENDOR))) == {"encrypt"}


def refused_certificates(answer: Any) -> str:
    """What refused a save at the certificates below, as a whole or at a field."""
    certificates = answer.context["inline_admin_formsets"][0].formset
    placed = (f"{name}: {text}" for each in certificates.errors for name, text in each.items())
    return " ".join([*certificates.non_form_errors(), *placed])


def new(client: Client, **changes: object) -> Any:
    """Add a connection by its form, with a certificate if there is a file."""
    add = reverse("admin:partners_connection_add")
    page = client.get(add)
    data: dict[str, Any] = {}
    for form in (
        page.context["adminform"].form,
        *(each.formset.management_form for each in page.context["inline_admin_formsets"]),
    ):
        for field in form:
            value = field.value()
            if value is not None and value is not False:
                data[field.html_name] = value
    return client.post(add, data | changes)


def certificate_fields(content: bytes) -> dict[str, object]:
    moment = timezone.now()
    return {
        "certificates-TOTAL_FORMS": 1,
        "certificates-0-file": SimpleUploadedFile("a.cer", content),
        "certificates-0-verifies": "on",
        "certificates-0-encrypts": "on",
        "certificates-0-activates_at_0": f"{moment:%Y-%m-%d}",
        "certificates-0-activates_at_1": f"{moment:%H:%M:%S}",
    }


def test_a_new_connection_needs_its_certificate_in_the_same_form(admin_client: Client) -> None:
    owner, company = factories.organization(), factories.partner()
    factories.key_pair(owner)
    fields = {
        **GOOD,
        "organization": owner.pk,
        "partner": company.pk,
        "as2_id": "AMAZON",
        "url": "http://as2.amazon.test/x",
    }
    assert "none to encrypt, none to verify" in refused_certificates(new(admin_client, **fields))
    assert not Connection.objects.exists()
    content = identity("AMAZON").certificate.der
    answer = new(admin_client, **fields, **certificate_fields(content))
    assert answer.status_code == 302
    assert Connection.objects.get().compliance.verdict == "warning"


def test_a_form_without_its_owner_says_so_and_nothing_else(admin_client: Client) -> None:
    answer = new(admin_client, profile=VENDOR, as2_id="A", url="http://a.test")
    assert {"organization", "partner"} <= set(errors(answer))


def test_the_last_certificate_that_verifies_is_kept(admin_client: Client) -> None:
    connection = amazon()
    data = form_data(admin_client, connection)
    del data["certificates-0-verifies"]
    answer = admin_client.post(address(connection), data)
    assert "none to verify" in refused_certificates(answer)
    assert connection.certificates.get().verifies


def test_a_profile_that_is_gone_has_to_be_replaced(admin_client: Client) -> None:
    connection = amazon()
    Connection.objects.update(profile="gone")
    page = texts(admin_client.get(address(connection)).content.decode())
    assert "There is no profile gone here any more" in page


def judge(client: Client, connection: Connection, **changes: str) -> Any:
    data = form_data(client, connection) | changes
    return client.post(reverse("admin:partners_connection_judge", args=(connection.pk,)), data)


def test_a_form_is_judged_while_it_is_typed_into(admin_client: Client) -> None:
    connection = amazon()
    found = judge(admin_client, connection, encrypt="des-ede3-cbc").json()
    assert found["verdict"] == "error"
    assert set(found["fields"]) == {"encrypt", "url"}
    assert 'data-rule="as2.encrypt.min"' in found["fields"]["encrypt"]
    assert "Amazon Vendor Central" in found["summary"]
    connection.refresh_from_db()
    assert connection.encrypt == "aes-128-cbc"


def test_a_new_form_is_judged_too(admin_client: Client) -> None:
    owner, company = factories.organization(), factories.partner()
    data = {
        **WEAK,
        "organization": owner.pk,
        "partner": company.pk,
        "as2_id": "A",
        "sign": "sha-256",
    }
    found = admin_client.post(reverse("admin:partners_connection_judge_new"), data).json()
    assert "as2.encrypt.min" in found["fields"]["encrypt"]
    assert "none to encrypt" in found["summary"]


def test_what_is_typed_cannot_bring_in_markup(admin_client: Client) -> None:
    connection = amazon()
    found = judge(admin_client, connection, content_type="<script>alert(1)</script>").json()
    assert "<script>" not in found["fields"]["content_type"]
    assert "&lt;script&gt;" in found["fields"]["content_type"]


def test_only_a_post_is_judged(admin_client: Client) -> None:
    connection = amazon()
    judged_at = reverse("admin:partners_connection_judge", args=(connection.pk,))
    assert admin_client.get(judged_at).status_code == 405


@pytest.mark.parametrize(("name", "answer"), [("judge", 404), ("judge_new", 403)])
def test_who_may_not_edit_may_not_ask(client: Client, name: str, answer: int) -> None:
    keys = (amazon().pk,) if name == "judge" else ()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    assert (
        client.post(reverse(f"admin:partners_connection_{name}", args=keys)).status_code == answer
    )


def test_the_page_names_its_script_and_holds_none(admin_client: Client) -> None:
    page = admin_client.get(address(amazon())).content.decode()
    assert "partners/compliance.js" in page
    assert f'data-url="{reverse("admin:partners_connection_judge_new")[:-11]}' in page


@pytest.mark.usefixtures("still_clock")
def test_the_list_shows_verdicts_and_the_worst_of_both(admin_client: Client) -> None:
    judged(amazon(**WEAK))
    page = texts(admin_client.get(LIST).content.decode())
    passed = (timezone.now().date() - dt.date(2019, 10, 15)).days
    for words in ("error, half done", f"passed {passed} days ago"):
        assert words in page


@pytest.mark.usefixtures("still_clock")
def test_a_deadline_to_come_is_counted_in_days(admin_client: Client, sheets: Any) -> None:
    soon = timezone.now().date() + 40 * DAY
    (sheets / "acme.toml").write_text(sheet(date=f"{soon}", minimum="sha-512"))
    judged(amazon(profile="acme"))
    page = texts(admin_client.get(LIST).content.decode())
    assert "40 days" in page


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("error", {"AMAZON"}),
        ("warning", {"AMAZON-TEST"}),
        ("ok", set()),
        ("none", {"WALMART"}),
        ("", {"AMAZON", "AMAZON-TEST", "WALMART"}),
    ],
)
def test_the_list_is_narrowed_by_verdict(admin_client: Client, value: str, names: set[str]) -> None:
    connection = amazon(**WEAK)
    judged(connection)
    factories.connection(connection.organization, factories.partner("Walmart"), as2_id="WALMART")
    page = admin_client.get(LIST, {"verdict": value} if value else {})
    assert {row.as2_id for row in page.context["cl"].result_list} == names


def test_changes_elsewhere_are_judged_at_once(admin_client: Client) -> None:
    connection = amazon()
    judged(connection)
    pair = KeyPair.objects.get()
    data = form_data(admin_client, pair) | {"retires_at_0": "2999-01-01", "retires_at_1": "00:00"}
    admin_client.post(address(connection.partner), {"name": "Amazon", "email": ""})
    connection.refresh_from_db()
    assert connection.compliance.verdict == "warning"
    assert admin_client.post(address(pair), data).status_code == 302


def acknowledgement(rule: str, until: dt.date) -> dict[str, str]:
    return {
        "acknowledgements-TOTAL_FORMS": "1",
        "acknowledgements-0-rule": rule,
        "acknowledgements-0-reason": "Amazon agreed by mail",
        "acknowledgements-0-until": f"{until}",
    }


def test_a_warning_is_acknowledged_with_who_and_why(admin_client: Client) -> None:
    connection = amazon(mdn_signed=False)
    judged(connection)
    until = timezone.now().date() + DAY
    assert errors(save(admin_client, connection, **acknowledgement("mdn.signed", until))) == {}
    row = Acknowledgement.objects.get()
    assert (row.rule, row.created_by, str(row)) == (
        "mdn.signed",
        "admin",
        f"mdn.signed until {until}",
    )
    event = AuditEvent.objects.get(tag="connection:warning:acknowledged")
    assert event.data["reason"] == {"new": "Amazon agreed by mail"}
    connection.refresh_from_db()
    assert connection.compliance.verdict == "ok"
    # The page opens with it, and a later save of something else is not hindered by its age.
    Acknowledgement.objects.update(until=timezone.now().date() - DAY)
    assert errors(save(admin_client, connection, subject="Orders")) == {}


@pytest.mark.parametrize(
    ("rule", "days", "text"),
    [
        ("as2.encrypt.min", 1, "as2.encrypt.min is no open warning of this connection."),
        ("mdn.signed", -1, "This day has passed."),
    ],
)
def test_an_error_and_the_past_are_not_acknowledged(
    admin_client: Client, rule: str, days: int, text: str
) -> None:
    connection = amazon(**WEAK, mdn_signed=False)
    judged(connection)
    until = timezone.now().date() + days * DAY
    page = save(admin_client, connection, **acknowledgement(rule, until)).content.decode()
    assert text in texts(page)
    assert not Acknowledgement.objects.exists()


def fix(client: Client, *connections: Connection, **more: str) -> str:
    keys = [row.pk for row in connections]
    data = {"action": "fix", "_selected_action": keys, **more}
    return texts(client.post(LIST, data, follow=True).content.decode())


def test_many_connections_are_fixed_after_a_look(admin_client: Client) -> None:
    connection = amazon(**WEAK)
    other = Connection.objects.get(environment="test")
    page = fix(admin_client, connection, other)
    assert "encrypt: des-ede3-cbc → aes-128-cbc" in page
    assert "No setting would make it comply better." in page
    connection.refresh_from_db()
    assert connection.encrypt == "des-ede3-cbc"
    page = fix(admin_client, connection, other, confirmed="yes")
    assert "1 of 2 connections were changed." in page
    connection.refresh_from_db()
    assert (connection.encrypt, connection.compliance.verdict) == ("aes-128-cbc", "ok")
    event = AuditEvent.objects.get(tag="connection:settings:changed")
    assert (event.actor, event.address) == ("admin", "127.0.0.1")


def test_what_a_fix_cannot_do_is_said(admin_client: Client) -> None:
    bare = factories.bare_connection(profile=VENDOR, encrypt="none")
    assert "no certificate with the role encrypt" in fix(admin_client, bare)
    page = fix(admin_client, bare, confirmed="yes")
    assert "0 of 1 connections were changed." in page
    assert "was not changed: the connection has no certificate" in page


def test_a_connection_that_goes_is_missed_by_the_others(admin_client: Client) -> None:
    connection = amazon()
    judged(connection)
    extra = factories.bare_connection(
        connection.organization, connection.partner, as2_id="EXTRA", environment="test"
    )
    Connection.objects.filter(as2_id="AMAZON-TEST").update(environment="production")
    admin_client.post(address(extra, "delete"), {"post": "yes"})
    assert not Connection.objects.filter(as2_id="EXTRA").exists()
    connection.refresh_from_db()
    assert connection.compliance.verdict == "warning"
