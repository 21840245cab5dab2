"""Roles: what each may do, made by migration, the same after each one."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from config.access.roles import Role, ensure_roles

pytestmark = pytest.mark.django_db


def permissions(role: Role) -> set[str]:
    rows = Group.objects.get(name=role).permissions.values_list(
        "content_type__app_label", "codename"
    )
    return {f"{app}.{code}" for app, code in rows}


def test_every_role_is_there_after_the_migrations() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(Role)


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        (
            Role.OPERATOR,
            {
                "partners.change_connection",
                "as2_messages.send_message",
                "as2_messages.resend_message",
                "audit.view_auditevent",
            },
            {"auth.view_user", "partners.change_scope", "partners.export_private_key"},
        ),
        (
            Role.PROVIDER,
            {"partners.change_connection", "partners.add_partnercertificate"},
            {
                "partners.see_everything",
                "partners.add_connection",
                "partners.change_keypair",
                "as2_messages.send_message",
                "as2_messages.download_payload",
                "audit.view_auditevent",
                "auth.view_user",
            },
        ),
        (
            Role.AUDITOR,
            {"audit.view_auditevent", "auth.view_user", "partners.view_connection"},
            {"as2_messages.download_payload", "partners.change_connection"},
        ),
        (
            Role.ADMINISTRATOR,
            {"auth.change_user", "partners.change_scope", "partners.export_private_key"},
            set(),
        ),
        (Role.PAYLOAD_READER, {"as2_messages.download_payload"}, {"as2_messages.view_message"}),
    ],
)
def test_a_role_may_do_what_it_is_for(role: Role, has: set[str], lacks: set[str]) -> None:
    found = permissions(role)
    assert has <= found
    assert not lacks & found


def test_an_auditor_changes_nothing() -> None:
    assert {
        code
        for code in permissions(Role.AUDITOR)
        if ".view_" not in code and code != "partners.see_everything"
    } == set()


def test_every_permission_that_is_no_model_s_own_is_some_role_s() -> None:
    ours = Permission.objects.filter(content_type__app_label__in=["partners", "as2_messages"])
    special = {
        f"{each.content_type.app_label}.{each.codename}"
        for each in ours.select_related("content_type")
        if each.codename.partition("_")[0] not in {"add", "change", "delete", "view"}
    }
    assert special
    assert special <= permissions(Role.ADMINISTRATOR)


def test_another_migration_changes_nothing_and_mends_what_was_changed() -> None:
    before = {role: permissions(role) for role in Role}
    Group.objects.get(name=Role.AUDITOR).permissions.clear()
    Group.objects.get(name=Role.PROVIDER).permissions.set(Permission.objects.all())
    own = Group.objects.create(name="night shift")
    own.permissions.set(Permission.objects.all()[:3])
    call_command("migrate", verbosity=0)
    assert {role: permissions(role) for role in Role} == before
    assert own.permissions.count() == 3


def test_roles_that_are_right_are_not_written_again() -> None:
    before = set(Group.permissions.through.objects.values_list("pk", flat=True))
    ensure_roles(using="default")
    assert set(Group.permissions.through.objects.values_list("pk", flat=True)) == before
