"""An administrator for containers and the demonstration."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from audit.acting import shell_name
from audit.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_it_makes_an_administrator_who_can_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AS2_ADMIN_PASSWORD", "first-password")
    call_command("ensure_admin", "ada")
    user = get_user_model().objects.get(username="ada")
    assert user.check_password("first-password")
    assert user.is_superuser
    event = AuditEvent.objects.get(tag="user:access:changed")
    assert (event.actor, event.subject_name) == (shell_name(), "ada")
    assert event.data["superuser"] == {"old": None, "new": True}


def test_a_second_run_changes_the_password_of_the_same_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for password in ("first-password", "second-password"):
        monkeypatch.setenv("AS2_ADMIN_PASSWORD", password)
        call_command("ensure_admin", "ada")
    user = get_user_model().objects.get(username="ada")
    assert not user.check_password("first-password")
    assert user.check_password("second-password")


def test_the_password_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    monkeypatch.setenv("AS2_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    call_command("ensure_admin", "ada")
    assert get_user_model().objects.get(username="ada").check_password("from-a-file")


def test_no_password_makes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AS2_ADMIN_PASSWORD", raising=False)
    with pytest.raises(CommandError, match="AS2_ADMIN_PASSWORD"):
        call_command("ensure_admin", "ada")
    assert not get_user_model().objects.exists()
