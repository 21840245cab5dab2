"""Taking over or deleting an account leaves an event, whichever door it went through."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string

from audit.acting import shell_name
from audit.models import AuditEvent
from config.access.roles import Role
from partners.access import tokens
from partners.models import APIToken
from partners.rollover.recording import By
from tests.config.access import world
from tests.config.access.test_users import form_of, page_of

pytestmark = pytest.mark.django_db

OLD, NEW = get_random_string(20), get_random_string(20)
USERS = reverse("admin:auth_user_changelist")


@pytest.fixture
def ann() -> User:
    row = world.user(Role.AUDITOR)
    row.set_password(OLD)
    row.save()
    return row


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def told(tag: str) -> list[tuple[str, str, str | None]]:
    return [
        (event.actor, event.subject_name, event.address)
        for event in AuditEvent.objects.filter(tag=tag).order_by("pk")
    ]


def test_another_password_of_one_s_own(client: Client, ann: User) -> None:
    client.force_login(ann)
    given = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}
    wrong = client.post(reverse("admin:password_change"), given | {"old_password": NEW})
    assert (wrong.status_code, told("user:password:changed")) == (200, [])
    assert client.post(reverse("admin:password_change"), given).status_code == 302
    assert told("user:password:changed") == [(ann.username, ann.username, "127.0.0.1")]


def test_another_password_by_the_page_of_users(boss: Client, ann: User) -> None:
    page = reverse("admin:auth_user_password_change", args=(ann.pk,))
    given = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert boss.post(page, given).status_code == 302
    ann.refresh_from_db()
    assert ann.check_password(NEW)
    assert told("user:password:changed") == [("boss", ann.username, "127.0.0.1")]
    assert NEW not in str([*AuditEvent.objects.values()])
    assert boss.get(reverse("admin:auth_user_password_change", args=(0,))).status_code in {302, 404}


def test_another_password_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for password in (OLD, OLD, NEW):
        monkeypatch.setenv("AS2_ADMIN_PASSWORD", password)
        call_command("ensure_admin", "ada")
    assert told("user:access:changed") == [(shell_name(), "ada", None)]
    assert told("user:password:changed") == [(shell_name(), "ada", None)]


@pytest.mark.parametrize("door", ["page", "selected"])
def test_the_end_of_a_user(boss: Client, ann: User, door: str) -> None:
    tokens.make(ann, tokens.Wish("erp"), timezone.now(), By("ann"))
    if door == "page":
        boss.post(reverse("admin:auth_user_delete", args=(ann.pk,)), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [ann.pk], "post": "yes"}
        boss.post(USERS, chosen)
    assert not User.objects.filter(pk=ann.pk).exists()
    assert told("user:account:deleted") == [("boss", ann.username, "127.0.0.1")]
    event = AuditEvent.objects.get(tag="user:account:deleted")
    assert event.data["roles"] == {"old": ["auditor"]}
    assert len(told("user:token:revoked")) == 1


def test_the_end_of_a_group(boss: Client) -> None:
    own = Group.objects.create(name="night shift")
    boss.post(reverse("admin:auth_group_delete", args=(own.pk,)), {"post": "yes"})
    assert told("user:account:deleted") == [("boss", "night shift", "127.0.0.1")]


def test_the_end_of_a_lock(boss: Client) -> None:
    where = {"username": "ann", "ip_address": "192.0.2.1"}
    for agent in ("one", "two"):
        AccessAttempt.objects.create(user_agent=agent, failures_since_start=3, **where)
    rows = [row.pk for row in AccessAttempt.objects.all()]
    page = reverse("admin:axes_accessattempt_changelist")
    boss.post(page, {"action": "unlock", "_selected_action": rows})
    assert told("user:login:unlocked") == [("boss", "ann", "127.0.0.1")]
    assert not AccessAttempt.objects.exists()


def test_who_is_no_longer_active_has_no_tokens(boss: Client, ann: User) -> None:
    tokens.make(ann, tokens.Wish("erp"), timezone.now(), By("ann"))
    boss.post(page_of(ann), {**form_of(ann), "is_active": ""})
    assert APIToken.objects.get().revoked_at is not None
    (event,) = told("user:token:revoked")
    assert (event[0], event[2]) == ("boss", "127.0.0.1")
