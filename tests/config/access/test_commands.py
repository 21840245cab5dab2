"""Commands as a user: what the pages would not let it do or see, no command does or shows."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.contrib.auth.models import User
from django.core.management import BaseCommand, get_commands
from pytest_django import Settings

from audit.acting import ActingCommand, shell_name
from audit.models import AuditEvent
from audit.rights import PERMISSIONS, WITHOUT_USER
from config.access.roles import Role
from messages.models import Message
from partners.models import Connection
from tests.config.access import shell, world
from tests.config.access.shell import Desk, Ended, run
from tests.config.access.world import SECRET, World
from tests.maps import ROOT, rows_of

pytestmark = pytest.mark.django_db

OURS: Final = ("audit", "config", "messages", "partners")

#: How a command ends for an operator, a provider on its own side and on the other one, an auditor
#: and an administrator: it runs, is denied, or finds nothing.
TABLE: Final = {
    "add_loopback": "runs denied denied denied runs",
    "api_token": "denied denied denied denied runs",
    "apply": "runs runs denied denied runs",
    "backup": "denied denied denied denied runs",
    "check_compliance": "runs runs nothing runs runs",
    "doctor": "runs runs nothing runs runs",
    "evidence": "runs denied denied denied runs",
    "export_key": "denied denied denied denied runs",
    "messages": "runs runs runs runs runs",
    "note_key_use": "runs denied denied denied runs",
    "purge": "runs runs runs denied runs",
    "reset_second_factor": "denied denied denied denied runs",
    "rotate_keys": "runs denied denied denied runs",
    "send": "runs denied denied denied runs",
    "send_certificates": "runs denied denied denied runs",
    "send_test_event": "runs denied denied denied runs",
    "tls_probe": "runs denied denied denied runs",
    "verify_audit": "runs denied denied runs runs",
    "verify_store": "runs denied denied runs runs",
}
PEOPLE: Final = ("operator", "provider, own", "provider, other", "auditor", "administrator")
CASES: Final = [
    pytest.param(command, person, end, id=f"{command}, {person}")
    for command, line in TABLE.items()
    for person, end in zip(PEOPLE, line.split(), strict=True)
]
#: Commands whose arguments name a row that a scope decides about.
NAMING: Final = (
    "add_loopback",
    "apply",
    "check_compliance",
    "doctor",
    "evidence",
    "export_key",
    "note_key_use",
    "send",
    "send_certificates",
)


@pytest.fixture
def rows() -> World:
    return shell.build()


@pytest.fixture(params=[True, False], ids=["by partner", "by connection"])
def limited(request: pytest.FixtureRequest, rows: World) -> str:
    """Somebody with every permission, but for seeing everything."""
    return shell.limited(rows.own, whole_partner=request.param)


def nothing(ended: Ended) -> bool:
    return ended.code != 0 and "There is no " in ended.text


def how(ended: Ended) -> str:
    if ended.denied:
        return "denied"
    return "nothing" if nothing(ended) else "runs"


def ours() -> Iterator[tuple[str, type[BaseCommand]]]:
    """Every command of our own packages."""
    for name, app in get_commands().items():
        if app in OURS:
            module = importlib.import_module(f"{app}.management.commands.{name}")
            yield name, module.Command


# ------------------------------------------------------------------------- who may


def test_every_command_of_ours_takes_a_user_or_says_why_not() -> None:
    found = dict(ours())
    assert len(found) >= len(PERMISSIONS)
    taking = {name for name, command in found.items() if issubclass(command, ActingCommand)}
    assert taking == set(PERMISSIONS)
    assert {name for name in found if name not in taking} <= set(WITHOUT_USER)


def test_each_of_them_is_tried_here() -> None:
    assert set(TABLE) == set(PERMISSIONS)
    assert set(shell.Desk(Path(), "", "").arguments()) == set(PERMISSIONS)


def test_the_document_tells_what_each_command_takes() -> None:
    text = (ROOT / "docs" / "access.md").read_text()
    rows = [row.cells for row in rows_of(text) if row.heading == "Commands"]
    column = "what the user has to have"
    takes = {row["command"].strip("`"): row[column] for row in rows if column in row}
    assert set(takes) == set(PERMISSIONS)
    untold = {
        command: permission
        for command, permissions in PERMISSIONS.items()
        for permission in permissions
        if f"`{permission}`" not in takes[command]
    }
    assert untold == {}
    without = " ".join(row["command"] for row in rows if column not in row)
    assert set(re.findall(r"`(\w+)`", without)) == set(WITHOUT_USER)


@pytest.mark.parametrize(("command", "person", "end"), CASES)
def test_a_role_decides_what_a_command_does(
    rows: World, tmp_path: Path, command: str, person: str, end: str
) -> None:
    role, _, side = person.partition(", ")
    user = world.user(Role(role), scope=rows.own if role == Role.PROVIDER else None)
    desk = (shell.other if side == "other" else shell.own)(rows, tmp_path)
    ended = run(command, *desk.arguments()[command], user=user.username)
    assert (how(ended), ended.text) == (end, ended.text)


@pytest.mark.parametrize("command", TABLE)
def test_nobody_runs_a_command_as_somebody_who_is_not_there(
    rows: World, tmp_path: Path, command: str
) -> None:
    User.objects.create_superuser("gone", is_active=False)
    before = AuditEvent.objects.count()
    args = shell.own(rows, tmp_path).arguments()[command]
    ends = [run(command, *args, user=name) for name in ("nobody", "", "gone")]
    assert [end.code for end in ends] == [2, 2, 2]
    assert [end.text for end in ends] == [
        "There is no user 'nobody'.",
        "There is no user ''.",
        "The user gone is not active.",
    ]
    assert AuditEvent.objects.count() == before


def test_a_denial_says_which_permission_it_takes_and_who_has_it(
    rows: World, tmp_path: Path
) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own).username
    args = shell.own(rows, tmp_path).arguments()
    assert run("send", *args["send"], user=user).text == (
        f"{user} may not do this: it takes the permission as2_messages.send_message, "
        "which the roles administrator, business system and operator have."
    )
    assert run("export_key", *args["export_key"], user=user).text == (
        f"{user} may not do this: it takes the permission partners.export_private_key, "
        "which the role administrator has."
    )
    assert not (tmp_path / "out").exists()


def test_only_a_superuser_takes_the_second_factor_off_a_superuser(rows: World) -> None:
    User.objects.filter(username="boss").update(is_superuser=True)
    user = world.user(Role.ADMINISTRATOR).username
    ended = run("reset_second_factor", "boss", user=user)
    assert ended == Ended(2, f"{user} may not do this: boss is a superuser.")


# ------------------------------------------------------------------------- on which rows


@pytest.mark.parametrize("command", NAMING)
def test_what_is_outside_of_a_scope_ends_like_what_does_not_exist(
    rows: World, tmp_path: Path, limited: str, command: str
) -> None:
    there, nowhere = (
        run(command, *desk(rows, tmp_path).arguments()[command], user=limited)
        for desk in (shell.other, shell.nowhere)
    )
    assert there.code != 0
    assert there.without(SECRET) == nowhere.without(shell.NOBODY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["doctor", "evidence"])
def test_a_guessed_number_finds_nothing_either(rows: World, limited: str, command: str) -> None:
    number = str(rows.other_message.pk)
    assert run(command, number, user=limited) == Ended(1, f"There is no message '{number}'.")


@pytest.mark.parametrize("command", TABLE)
def test_no_command_tells_of_another_partner(
    rows: World, tmp_path: Path, limited: str, command: str
) -> None:
    ended = run(command, *shell.own(rows, tmp_path).arguments()[command], user=limited)
    assert SECRET.lower() not in ended.text.lower()


@pytest.mark.parametrize("command", ["check_compliance", "messages", "doctor"])
def test_what_is_inside_is_shown(rows: World, tmp_path: Path, limited: str, command: str) -> None:
    ended = run(command, *shell.own(rows, tmp_path).arguments()[command], user=limited)
    assert "There is no " not in ended.text
    assert "AMAZON" in ended.text or "nothing to examine" in ended.text


def test_without_a_partner_only_connections_of_the_scope_are_judged(
    rows: World, limited: str
) -> None:
    ended = run("check_compliance", "--profile", "as2-modern", "--json", user=limited)
    judged, _end = json.JSONDecoder().raw_decode(ended.text)
    assert [each["partner"] for each in judged] == ["AMAZON company"]


def test_a_connection_that_is_not_known_is_answered_with_those_of_the_scope(
    rows: World, tmp_path: Path, limited: str
) -> None:
    args = shell.nowhere(rows, tmp_path).arguments()["send"]
    assert run("send", *args, user=limited).text == (
        "There is no connection from NOBODY-VENDOR to NOBODY. Known: --from VENDOR --to AMAZON."
    )


def test_only_messages_of_the_scope_are_purged(rows: World, limited: str) -> None:
    Connection.objects.update(keep_days=1)
    Message.objects.update(finished_at="2020-01-01T00:00:00Z")
    for row in (rows.own_message, rows.other_message):
        row.deliveries.all().delete()
    assert run("purge", user=limited).text.startswith("1 messages purged")
    kept = Message.objects.filter(purged_at__isnull=True)
    assert list(kept.values_list("pk", flat=True)) == [rows.other_message.pk]
    assert AuditEvent.objects.get(tag="message:files:purged").actor == limited


# ------------------------------------------------------------------------- apply


def applied(desk: Desk, text: str, user: str) -> Ended:
    path = desk.folder / "own.yaml"
    path.write_text(text)
    return run("apply", str(path), user=user)


def test_a_provider_changes_its_connection_by_a_file(rows: World, tmp_path: Path) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own).username
    ended = run("apply", *shell.own(rows, tmp_path).arguments()["apply"], user=user)
    assert ended.code == 0
    rows.own.refresh_from_db()
    assert rows.own.subject == "Orders"
    assert AuditEvent.objects.get(tag="connection:settings:changed").actor == user


ADDED: Final = {
    "an organization": "organizations: [{as2_id: NEW, name: New}]",
    "a partner": "partners: [{name: New}]",
    "a connection": "partners: [{name: AMAZON company, connections: "
    "[{organization: VENDOR, as2_id: NEW, environment: test, url: 'https://new.example/as2'}]}]",
}


@pytest.mark.parametrize("text", ADDED.values(), ids=ADDED)
def test_whoever_is_limited_adds_nothing_that_may_be_there_already(
    rows: World, tmp_path: Path, limited: str, text: str
) -> None:
    ended = applied(shell.own(rows, tmp_path), text, limited)
    assert "NEW" in ended.text.upper()
    assert (ended.code, ended.denied) == (2, True)
    assert "the permission partners.see_everything, which" in ended.text


def test_a_provider_does_not_change_what_it_only_sees(rows: World, tmp_path: Path) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own).username
    text = "organizations: [{as2_id: VENDOR, name: Taken over}]"
    ended = applied(shell.own(rows, tmp_path), text, user)
    assert ended.code == 2
    assert "the permission partners.change_organization, which the roles" in ended.text
    rows.own.organization.refresh_from_db()
    assert rows.own.organization.name == "VENDOR Inc"


def test_a_provider_allows_no_findings(rows: World, tmp_path: Path) -> None:
    user = world.user(Role.PROVIDER, scope=rows.own).username
    args = shell.own(rows, tmp_path).arguments()["apply"]
    ended = run("apply", *args, "--allow-findings", "soon", user=user)
    assert (ended.code, ended.denied) == (2, True)
    assert f"{user} may not allow findings" in ended.text


# ------------------------------------------------------------------------- who it was


def test_the_record_names_the_user_and_the_account_that_said_so(
    rows: World, tmp_path: Path
) -> None:
    user = world.user(Role.ADMINISTRATOR).username
    args = shell.own(rows, tmp_path).arguments()["export_key"]
    assert run("export_key", *args, user=user).code == 0
    event = AuditEvent.objects.get(tag="key:private:exported")
    assert event.actor == user
    assert {"command": "export_key", "shell": shell_name()}.items() <= event.data.items()


def test_without_a_user_the_shell_may_everything_and_is_named(rows: World, tmp_path: Path) -> None:
    args = shell.other(rows, tmp_path).arguments()["export_key"]
    assert run("export_key", *args).code == 0
    event = AuditEvent.objects.get(tag="key:private:exported")
    assert event.actor == shell_name()
    assert "command" not in event.data


def test_the_account_is_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    said = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert shell_name() == f"shell:{said}"


# ------------------------------------------------------------------------- settings


def test_the_environment_names_a_user_who_is_then_asked_for_nothing_else(
    rows: World, settings: Settings
) -> None:
    settings.AS2_USER = world.user(Role.PROVIDER, scope=rows.own).username
    assert SECRET not in run("messages").text
    assert run("verify_audit").denied
    assert run("messages", user=settings.AS2_USER).code == 0


def test_no_other_user_is_taken_where_the_environment_names_one(
    rows: World, settings: Settings
) -> None:
    settings.AS2_USER = world.user(Role.PROVIDER, scope=rows.own).username
    boss = world.user(Role.ADMINISTRATOR).username
    ended = run("messages", user=boss)
    assert ended == Ended(2, f"AS2_USER says {settings.AS2_USER} here, and --as says {boss}.")


@pytest.mark.parametrize("command", TABLE)
def test_where_a_user_is_needed_no_command_runs_without(
    rows: World, tmp_path: Path, settings: Settings, command: str
) -> None:
    settings.AS2_COMMANDS_NEED_USER = True
    ended = run(command, *shell.own(rows, tmp_path).arguments()[command])
    assert ended == Ended(
        2, "Say who does it: --as USER, or AS2_USER (AS2_COMMANDS_NEED_USER is set)."
    )


def test_where_a_user_is_needed_one_who_may_is_enough(rows: World, settings: Settings) -> None:
    settings.AS2_COMMANDS_NEED_USER = True
    user = world.user(Role.AUDITOR).username
    assert SECRET in run("messages", user=user).text
