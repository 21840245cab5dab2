"""Scopes: whatever way a provider asks, no page shows it a row of another partner."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from config.access.roles import Role
from messages.models import MDN, Delivery, DeliveryState, Message, Redelivery, UnknownSender
from messages.visibility import visible_deliveries, visible_mdns, visible_messages
from partners.access.pages import ScopedAdmin
from partners.access.visibility import (
    visible_connections,
    visible_key_pairs,
    visible_organizations,
    visible_partners,
)
from partners.models import Connection, KeyPair, Organization, Partner, PartnerCertificate
from tests.config.access import world
from tests.config.access.world import SECRET, TERM, World

pytestmark = pytest.mark.django_db

PAGES = sorted(admin.site._registry, key=lambda model: model._meta.label)
#: models whose rows belong to a partner, and of which the world has some on both sides
OF_PARTNERS = [
    Connection,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
    Message,
    MDN,
    Delivery,
    Redelivery,
]


@pytest.fixture
def rows() -> World:
    return world.build()


@pytest.fixture(params=[True, False], ids=["by partner", "by connection"])
def provider(request: pytest.FixtureRequest, client: Client, rows: World) -> Client:
    """A provider of the first partner, who is logged in."""
    user = world.user(Role.PROVIDER, scope=rows.own, whole_partner=request.param)
    client.force_login(user)
    return client


def named(model: type[models.Model], page: str, *args: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def secrets(answer: HttpResponseBase) -> bool:
    """Whether a page says something of the other partner, in whatever case."""
    content: bytes = getattr(answer, "content", b"")
    return SECRET.lower() in content.decode().lower()


def belongs_to_other(row: models.Model) -> bool:
    """Tell by what a row says of itself and of what it belongs to."""
    texts = [str(getattr(row, field.name)) for field in row._meta.concrete_fields]
    owner = getattr(row, "message", None)
    if isinstance(row, MDN | Delivery) and owner is not None:
        return belongs_to_other(owner)
    return any(SECRET.lower() in text.lower() for text in texts)


def test_every_page_of_ours_knows_scopes() -> None:
    without = [
        model._meta.label
        for model, page in admin.site._registry.items()
        if model._meta.app_label in {"partners", "as2_messages"}
        and not isinstance(page, ScopedAdmin)
    ]
    assert without == []


@pytest.mark.parametrize("role", list(Role))
def test_each_list_opens_for_those_who_may(client: Client, rows: World, role: Role) -> None:
    user = world.user(role, scope=rows.own)
    client.force_login(user)
    answers = {
        f"{model._meta.app_label}.view_{model._meta.model_name}": client.get(
            named(model, "changelist")
        ).status_code
        for model in PAGES
    }
    assert answers == {name: 200 if user.has_perm(name) else 403 for name in answers}


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_sees_everything_sees_both_partners(client: Client, rows: World, role: Role) -> None:
    client.force_login(world.user(role))
    for model in OF_PARTNERS:
        assert secrets(client.get(named(model, "changelist"))), model
        for row in model._default_manager.all():
            assert client.get(named(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("query", ["", f"?q={TERM}", "?partner__id__exact=2", "?connection=2"])
def test_a_provider_s_lists_show_nothing_of_another_partner(provider: Client, query: str) -> None:
    told = [model for model in PAGES if secrets(provider.get(named(model, "changelist") + query))]
    assert told == []


@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_a_provider_s_guess_ends_like_a_row_that_does_not_exist(
    provider: Client, page: str
) -> None:
    for model in OF_PARTNERS:
        nothing = provider.get(named(model, page, 999_999))
        for row in model._default_manager.all():
            answer = provider.get(named(model, page, row.pk))
            assert not secrets(answer)
            if belongs_to_other(row):
                assert answer.status_code == nothing.status_code
                assert answer.headers.get("Location") == nothing.headers.get("Location")
            elif page == "change":
                assert answer.status_code == 200


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.ADMINISTRATOR])
@pytest.mark.parametrize("guess", ["nothing", "1/nothing", "9" * 30])
def test_a_guess_that_is_no_number_is_no_row(
    client: Client, rows: World, role: Role, guess: str
) -> None:
    client.force_login(world.user(role, scope=rows.own))
    for model in OF_PARTNERS:
        answer = client.get(f"{named(model, 'changelist')}{guess}/change/")
        assert answer.status_code in {302, 403}, model


@pytest.mark.parametrize("page", ["resend", "download"])
def test_a_provider_reaches_no_door_of_another_s_message(
    provider: Client, rows: World, page: str
) -> None:
    extra = ("payload",) if page == "download" else ()
    for method in ("get", "post"):
        answer = getattr(provider, method)(
            named(Message, page, rows.other_message.pk, *extra), follow=True
        )
        assert answer.status_code in {403, 404, 405}
    rows.other_message.refresh_from_db()
    assert rows.other_message.state == "failed"


@pytest.mark.parametrize("page", ["test_connection", "test_tls", "promote", "sheet"])
def test_a_provider_reaches_no_door_of_another_s_connection(
    provider: Client, rows: World, page: str
) -> None:
    for method in ("get", "post"):
        answer = getattr(provider, method)(named(Connection, page, rows.other.pk), follow=True)
        assert answer.status_code in {403, 404}
        assert not secrets(answer)
    assert Message.objects.count() == 2


def test_a_provider_tests_its_own_connection_and_shows_our_sheet(
    provider: Client, rows: World
) -> None:
    assert provider.post(named(Connection, "test_connection", rows.own.pk)).status_code == 302
    assert Message.objects.filter(connection=rows.own).count() == 2
    assert provider.get(named(Connection, "sheet", rows.own.pk)).status_code == 200


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.AUDITOR])
def test_who_adds_no_partners_has_no_wizard(client: Client, rows: World, role: Role) -> None:
    client.force_login(world.user(role, scope=rows.own))
    wizard = reverse("admin:partners_connection_wizard")
    assert client.get(wizard).status_code == 403
    assert client.post(f"{wizard}?preset=sap", {}).status_code == 403


def test_a_provider_gets_payloads_of_its_own_only_when_granted(client: Client, rows: World) -> None:
    own = named(Message, "download", rows.own_message.pk, "payload")
    other = named(Message, "download", rows.other_message.pk, "payload")
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    assert client.get(own).status_code == 403
    client.force_login(world.user(Role.PROVIDER, Role.PAYLOAD_READER, scope=rows.own))
    assert client.get(own).status_code == 200
    assert client.get(other).status_code == 404
    assert AuditEvent.objects.filter(tag="message:payload:downloaded").count() == 1


def test_a_provider_resends_its_own(provider: Client, rows: World) -> None:
    provider.post(named(Message, "resend", rows.own_message.pk))
    rows.own_message.refresh_from_db()
    assert rows.own_message.state == "queued"


def test_an_action_does_not_reach_another_s_rows(client: Client, rows: World) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own)
    retry = Role.OPERATOR
    user.user_permissions.set(
        Group.objects.get(name=retry).permissions.filter(codename="retry_delivery")
    )
    client.force_login(user)
    every = list(Delivery.objects.values_list("pk", flat=True))
    data = {"action": "retry_selected", "_selected_action": every}
    client.post(named(Delivery, "changelist"), data)
    states = {row.message_id: row.state for row in Delivery.objects.all()}
    assert states == {
        rows.own_message.pk: DeliveryState.QUEUED,
        rows.other_message.pk: DeliveryState.HELD,
    }


def test_autocompletion_offers_nothing_of_another_partner(provider: Client) -> None:
    for model, field in ((Connection, "partner"), (Connection, "organization")):
        query = {
            "app_label": model._meta.app_label,
            "model_name": str(model._meta.model_name),
            "field_name": field,
            "term": TERM,
        }
        answer = provider.get(reverse("admin:autocomplete"), query)
        assert answer.status_code in {200, 403}
        assert not secrets(answer)


def test_the_start_page_and_the_search_tell_nothing_of_another_partner(provider: Client) -> None:
    page = provider.get("/admin/")
    assert not secrets(page)
    assert "AMAZON.edi" in page.content.decode()
    failed = next(figure for figure in page.context["figures"] if figure.label == "failed")
    assert failed.value == 1
    assert not secrets(provider.get(f"/admin/search/?s={TERM}&extended=1"))


def test_a_provider_edits_settings_but_does_not_move_a_connection(
    provider: Client, rows: World
) -> None:
    page = provider.get(named(Connection, "change", rows.own.pk))
    form = page.context["adminform"].form
    assert "subject" in form.fields
    assert not {"organization", "partner"} & set(form.fields)
    choices = form.fields["tls_client_key"].queryset if "tls_client_key" in form.fields else ()
    assert all(pair.organization_id == rows.own.organization_id for pair in choices)


def test_a_provider_adds_no_connection(provider: Client) -> None:
    assert provider.get(named(Connection, "add")).status_code == 403


def test_another_s_connection_is_not_judged_for_a_provider(provider: Client, rows: World) -> None:
    assert provider.post(named(Connection, "judge", rows.other.pk)).status_code == 404


def test_without_a_scope_a_provider_sees_nothing(client: Client, rows: World) -> None:
    user = world.user(Role.PROVIDER)
    client.force_login(user)
    assert not visible_connections(user).exists()
    assert "AMAZON" not in client.get(named(Connection, "changelist")).content.decode()


def test_a_strange_group_without_a_scope_sees_nothing_either(client: Client, rows: World) -> None:
    user = world.user()
    user.user_permissions.set(
        Group.objects.get(name=Role.OPERATOR).permissions.exclude(codename="see_everything")
    )
    client.force_login(user)
    for model in (*OF_PARTNERS, UnknownSender):
        assert not secrets(client.get(named(model, "changelist")))


def test_the_functions_behind_the_pages_keep_to_the_scope(rows: World) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own)
    assert list(visible_connections(user)) == [rows.own]
    assert list(visible_partners(user)) == [rows.own.partner]
    assert list(visible_organizations(user)) == [rows.own.organization]
    assert [pair.organization for pair in visible_key_pairs(user)] == [rows.own.organization]
    assert list(visible_messages(user)) == [rows.own_message]
    assert [mdn.message for mdn in visible_mdns(user)] == [rows.own_message]
    assert [each.message for each in visible_deliveries(user)] == [rows.own_message]


def test_a_scope_ends_with_the_user_s_account(rows: World) -> None:
    user = world.user(Role.ADMINISTRATOR)
    user.is_active = False
    assert not visible_connections(user).exists()
