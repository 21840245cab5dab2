"""Rotation of the key ring, and the check that refuses to start without it."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection as database
from pytest_django import Settings

from partners.models import KeyPair
from partners.rotation import sealed_values
from tests import factories

pytestmark = pytest.mark.django_db

NEW = Fernet.generate_key().decode()


@pytest.fixture
def pair() -> KeyPair:
    return factories.key_pair(factories.organization())


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    return out.getvalue().strip()


def test_rotation_lets_the_old_key_go(pair: KeyPair, settings: Settings) -> None:
    settings.AS2_KEY_RING = [NEW, *settings.AS2_KEY_RING]
    assert rotate() == "0 already under the first key, 1 encrypted anew."
    settings.AS2_KEY_RING = [NEW]
    assert KeyPair.objects.get().private_key == factories.identity("VENDOR").pkcs8


def test_rotation_run_again_changes_nothing(pair: KeyPair, settings: Settings) -> None:
    settings.AS2_KEY_RING = [NEW, *settings.AS2_KEY_RING]
    rotate()
    (before,) = sealed_values()
    assert rotate() == "1 already under the first key, 0 encrypted anew."
    assert [before] == list(sealed_values())


def test_a_report_counts_and_changes_nothing(pair: KeyPair, settings: Settings) -> None:
    (before,) = sealed_values()
    settings.AS2_KEY_RING = [NEW, *settings.AS2_KEY_RING]
    assert rotate("--report") == "0 already under the first key, 1 still under an older key."
    assert [before] == list(sealed_values())


def test_rotation_names_what_it_cannot_read(pair: KeyPair, settings: Settings) -> None:
    settings.AS2_KEY_RING = [NEW]
    with pytest.raises(CommandError, match=f"1 cannot be read:\nkey pair {pair.pk}: .*not in AS2"):
        rotate()


def test_a_value_that_changed_meanwhile_is_left_alone(pair: KeyPair) -> None:
    (seen,) = sealed_values()
    KeyPair.objects.update(private_key=b"another")
    seen.renew()
    assert KeyPair.objects.get().private_key == b"another"


def database_errors() -> list[str]:
    found = run_checks(tags=["database"], databases=["default"])
    return [message.msg for message in found if message.id == "partners.E001"]


def test_the_check_waits_for_the_first_migration(
    pair: KeyPair, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AS2_KEY_RING = [NEW]
    monkeypatch.setattr(database.introspection, "table_names", list)
    assert database_errors() == []


def test_the_check_passes_while_every_key_can_be_read(pair: KeyPair) -> None:
    assert database_errors() == []


@pytest.mark.parametrize("ring", [[NEW], []])
def test_the_check_refuses_to_start_without_the_key(
    pair: KeyPair, settings: Settings, ring: list[str]
) -> None:
    settings.AS2_KEY_RING = ring
    (error,) = database_errors()
    assert error.startswith("A stored private key cannot be read.")
