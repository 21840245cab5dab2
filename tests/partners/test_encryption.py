"""The encrypted field and its key ring."""

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection as database
from pytest_django import Settings

from partners.encryption import KEY_ID_SIZE, KeyRing, KeyRingError, key_id_of
from partners.models import KeyPair
from tests import factories

SECRET = b"a private key"


def ring(*keys: str) -> KeyRing:
    return KeyRing(keys)


@pytest.fixture
def old() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


def test_a_sealed_value_opens_and_does_not_show_what_it_holds(old: str) -> None:
    sealed = ring(old).seal(SECRET)
    assert SECRET not in sealed
    assert ring(old).open(sealed) == SECRET


def test_the_first_key_seals_and_the_others_still_open(old: str, new: str) -> None:
    sealed = ring(old).seal(SECRET)
    both = ring(new, old)
    assert both.open(sealed) == SECRET
    assert key_id_of(both.seal(SECRET)) == ring(new).writing_key_id != key_id_of(sealed)


def test_a_key_that_left_the_ring_is_named(old: str, new: str) -> None:
    sealed = ring(old).seal(SECRET)
    with pytest.raises(KeyRingError, match=f"key {key_id_of(sealed).hex()}, which is not in"):
        ring(new).open(sealed)


def test_a_value_changed_anywhere_is_refused(old: str) -> None:
    sealed = ring(old).seal(SECRET)
    for at in range(len(sealed)):
        damaged = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(KeyRingError):
            ring(old).open(damaged)


@pytest.mark.parametrize("stored", [b"", b"\x01" * (KEY_ID_SIZE + 1), b"\x30\x82 plain DER octets"])
def test_bytes_that_were_never_sealed_are_refused(old: str, stored: bytes) -> None:
    with pytest.raises(KeyRingError, match="not encrypted by this gateway"):
        ring(old).open(stored)


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(KeyRingError, match="AS2_KEY_RING is empty"):
        ring()


def _stored() -> bytes:
    with database.cursor() as cursor:
        cursor.execute("SELECT private_key FROM partners_keypair")
        return bytes(cursor.fetchone()[0])


@pytest.mark.django_db
def test_the_database_holds_no_private_key_in_clear() -> None:
    pair = factories.key_pair(factories.organization())
    plain = factories.identity("VENDOR").pkcs8
    assert plain not in _stored()
    assert plain[200:230] not in _stored()
    assert KeyPair.objects.get(pk=pair.pk).private_key == plain


@pytest.mark.django_db
def test_a_row_read_with_another_ring_raises(settings: Settings, new: str) -> None:
    pair = factories.key_pair(factories.organization())
    settings.AS2_KEY_RING = [new]
    with pytest.raises(KeyRingError, match="Put that key back"):
        _ = KeyPair.objects.get(pk=pair.pk).private_key


@pytest.mark.django_db
def test_lists_do_not_read_private_keys() -> None:
    factories.key_pair(factories.organization())
    assert "private_key" in KeyPair.objects.get().get_deferred_fields()


@pytest.mark.django_db
def test_a_fixture_is_encrypted_and_loads_again() -> None:
    pair = factories.key_pair(factories.organization())
    written = serializers.serialize("json", KeyPair.objects.all())
    (again,) = serializers.deserialize("json", written)
    assert isinstance(again.object, KeyPair)
    assert again.object.private_key == pair.private_key
    assert "AQ" in written  # base64 of a sealed value's first octets
    assert pair.private_key[:30].hex() not in written


@pytest.mark.django_db
def test_searching_by_an_encrypted_value_is_refused() -> None:
    with pytest.raises(FieldError, match="cannot be searched"):
        KeyPair.objects.filter(private_key=SECRET).exists()
    assert not KeyPair.objects.filter(private_key__isnull=True).exists()
