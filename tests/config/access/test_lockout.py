"""Wrong passwords: after a few of them the name has to wait, at the address they came from."""

import datetime as dt

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import AuditEvent
from config.access.roles import Role
from tests.config.access import world

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def ann(settings: Settings) -> User:
    settings.AS2_LOGIN_ATTEMPTS = settings.AXES_FAILURE_LIMIT = 3
    return User.objects.create_superuser("ann", password=PASSWORD)


def log_in(
    client: Client, password: str, address: str = "192.0.2.1", name: str = "ann", proxied: str = ""
) -> HttpResponseBase:
    """Post the login form; with ``proxied``, as a proxy at that address would."""
    extra = {"REMOTE_ADDR": proxied or address}
    if proxied:
        extra["HTTP_X_FORWARDED_FOR"] = address
    return client.post(LOGIN, {"username": name, "password": password}, **extra)  # type: ignore[arg-type]  # fields of the environment


def guess(client: Client, times: int, **how: str) -> list[int]:
    return [log_in(client, "wrong", **how).status_code for _ in range(times)]


def test_the_last_allowed_guess_locks(client: Client) -> None:
    assert guess(client, 3) == [200, 200, 429]
    answer = log_in(client, PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Wait 15 minutes" in answer.content.decode()  # type: ignore[attr-defined]  # a page
    assert "_auth_user_id" not in client.session


def test_a_lock_ends_after_its_time(client: Client) -> None:
    guess(client, 3)
    for row in AccessAttempt.objects.all():
        row.attempt_time -= dt.timedelta(minutes=16)
        row.save()
    assert log_in(client, PASSWORD).status_code == 302


def test_guessing_on_does_not_lengthen_a_lock(client: Client) -> None:
    guess(client, 3)
    before = AccessAttempt.objects.get().attempt_time
    guess(client, 2)
    assert AccessAttempt.objects.get().attempt_time == before


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"address": "192.0.2.2"}, 302),
        ({"name": "bob"}, 302),
        ({}, 429),
    ],
    ids=["another address", "another name", "the same"],
)
def test_a_lock_is_for_one_name_from_one_address(
    client: Client, how: dict[str, str], status: int
) -> None:
    User.objects.create_superuser("bob", password=PASSWORD)
    guess(client, 3)
    assert log_in(client, PASSWORD, **how).status_code == status


def test_the_address_behind_a_trusted_proxy_counts(client: Client) -> None:
    guess(client, 3, address="198.51.100.7", proxied="127.0.0.1")
    assert AccessAttempt.objects.get().ip_address == "198.51.100.7"
    assert log_in(client, PASSWORD, "198.51.100.8", proxied="127.0.0.1").status_code == 302


def test_a_stranger_does_not_choose_its_address(client: Client) -> None:
    codes = [
        log_in(client, "wrong", f"198.51.100.{number}", proxied="203.0.113.9").status_code
        for number in range(3)
    ]
    assert codes == [200, 200, 429]


def test_a_right_password_forgets_the_wrong_ones(client: Client) -> None:
    guess(client, 2)
    assert log_in(client, PASSWORD).status_code == 302
    assert not AccessAttempt.objects.exists()
    assert AccessLog.objects.get().username == "ann"


def test_a_lock_is_written_down_once(client: Client) -> None:
    guess(client, 6)
    event = AuditEvent.objects.get(tag="user:login:locked")
    assert (event.subject_name, event.address) == ("ann", "192.0.2.1")


def test_no_password_is_kept(client: Client) -> None:
    log_in(client, "my other password")
    assert "my other password" not in str(AccessAttempt.objects.values())


def test_an_administrator_ends_a_lock(client: Client) -> None:
    guess(client, 3)
    helper = Client()
    helper.force_login(world.user(Role.ADMINISTRATOR))
    row = AccessAttempt.objects.get()
    data = {"action": "unlock", "_selected_action": [row.pk]}
    assert helper.post(reverse("admin:axes_accessattempt_changelist"), data).status_code == 302
    assert log_in(client, PASSWORD).status_code == 302
