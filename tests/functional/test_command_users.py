"""Commands as users, as processes of their own: exit codes, and what stands on standard error."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional import client
from tests.gateway_process import COMMAND_TIMEOUT, ROOT, Gateway

_USERS = """
from django.contrib.auth.models import Group, User
from partners.models import Connection, Scope
for name in ("operator", "provider", "auditor"):
    User.objects.create_user(name).groups.add(Group.objects.get(name=name))
User.objects.create_user("gone", is_active=False)
scope = Scope.objects.create(user=User.objects.get(username="provider"))
scope.connections.add(Connection.objects.get(as2_id="AMAZON"))
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """Settings, users and a queued message for each of two partners; nothing serves."""
    folder = tmp_path_factory.mktemp("commands")
    gateway = Gateway(folder / "home")
    gateway.home.mkdir()
    gateway.manage("migrate", "--verbosity", "0")
    client.set_up(gateway, QUUXCO="http://127.0.0.1:9/as2")
    gateway.manage("shell", "--verbosity", "0", "--command", _USERS)
    file = folder / "order.edi"
    file.write_bytes(b"UNB+order")
    for name in ("AMAZON", "QUUXCO"):
        assert run(gateway, *sending(file, name), user="operator").returncode == 3
    return gateway


def sending(file: Path, to: str) -> list[str]:
    return ["send", str(file), "--from", "VENDOR", "--to", to, "--wait", "0"]


def run(
    gateway: Gateway, *args: str, user: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    as_user = [] if user is None else ["--as", user]
    return subprocess.run(
        [sys.executable, "manage.py", *args, *as_user],
        cwd=ROOT,
        env={**gateway.env, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )


def test_a_list_has_what_the_user_s_scope_has(gateway: Gateway) -> None:
    everything = run(gateway, "messages").stdout
    assert "AMAZON" in everything
    assert "QUUXCO" in everything
    own = run(gateway, "messages", AS2_USER="provider").stdout
    assert "AMAZON" in own
    assert "QUUXCO" not in own


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (("messages", "--as", "nobody"), {}, "There is no user 'nobody'."),
        (("messages", "--as", "gone"), {}, "The user gone is not active."),
        (("messages",), {"AS2_COMMANDS_NEED_USER": "1"}, "Say who does it: --as USER"),
        (
            ("messages", "--as", "operator"),
            {"AS2_USER": "provider"},
            "AS2_USER says provider here, and --as says operator.",
        ),
        (
            ("verify_audit", "--as", "provider"),
            {},
            "provider may not do this: it takes the permission audit.view_auditevent, which the",
        ),
        (("shell",), {"AS2_COMMANDS_NEED_USER": "1"}, "shell knows no users"),
    ],
    ids=["unknown", "inactive", "missing", "another", "not permitted", "of Django's"],
)
def test_what_is_denied_ends_with_2_and_says_why(
    gateway: Gateway, args: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    done = run(gateway, *args, **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_where_a_user_is_needed_one_who_may_and_a_first_start_go_on(gateway: Gateway) -> None:
    needed = {"AS2_COMMANDS_NEED_USER": "1"}
    assert run(gateway, "verify_audit", user="auditor", **needed).returncode == 0
    assert run(gateway, "migrate", "--verbosity", "0", **needed).returncode == 0
    assert run(gateway, "nosuchcommand", **needed).returncode == 1
