"""The commands about keys: files for the owner alone, never over another, never unrecorded."""

import stat
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEvent
from partners import api_keys, importing
from partners.exporting import public_key_pem
from partners.inspecting import inspect
from partners.models import APIKeyPair
from tests import factories
from tests.factories import DAY, YEAR, identity
from tests.partners.test_importing import as_pkcs12

OURS = identity("VENDOR")


def told(command: str, *words: str | Path) -> str:
    out = StringIO()
    call_command(command, *[str(each) for each in words], stdout=out)
    return out.getvalue()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_pair_is_two_files_with_their_modes(tmp_path: Path) -> None:
    text = told("generate_keypair", "--name", "pay", "--out", tmp_path / "keys")
    private, public = tmp_path / "keys/pay-private.pem", tmp_path / "keys/pay-public.pem"
    assert (mode(private), mode(public)) == (0o600, 0o644)
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    key = importing.read_private_key(private.read_bytes())
    assert public.read_bytes() == public_key_pem(key.public_key())
    assert str(private) in text
    assert "PRIVATE" not in text


def test_pkcs1_is_there_for_old_programs(tmp_path: Path) -> None:
    told("generate_keypair", "--format", "pkcs1", "--name", "old", "--out", tmp_path)
    assert (tmp_path / "old-private.pem").read_bytes().startswith(b"-----BEGIN RSA PRIVATE KEY")


@pytest.mark.parametrize("there", ["pay-private.pem", "pay-public.pem"])
def test_no_file_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(CommandError, match=f"{there} exists already"):
        told("generate_keypair", "--name", "pay", "--out", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


@pytest.mark.parametrize("name", ["../pay", "a/b", ".hidden"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="no slashes"):
        told("generate_keypair", "--name", name, "--out", tmp_path)


def test_a_good_file_is_inspected_without_problems(tmp_path: Path) -> None:
    file = tmp_path / "our.pem"
    file.write_bytes(OURS.key_pem + OURS.certificate.pem().encode())
    text = told("inspect_key", file)
    for word in ("a private key (PEM) and a certificate (PEM)", "RSA 2048", "CN=VENDOR", "sha256"):
        assert word in text


def test_a_passphrase_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "our.pem"
    file.write_bytes(factories.encrypted_pem(OURS, BestAvailableEncryption(b"open sesame")))
    with pytest.raises(CommandError, match="problem: this private key has a passphrase"):
        told("inspect_key", file)
    monkeypatch.setenv("KEY_PASSWORD", "open sesame")
    assert "RSA 2048" in told("inspect_key", file, "--password-env", "KEY_PASSWORD")


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        told("inspect_key", tmp_path / "nothing")
    (tmp_path / "large").write_bytes(b"0" * (importing.MAX_SIZE + 1))
    with pytest.raises(CommandError, match="far too large"):
        told("inspect_key", tmp_path / "large")


WEAK = factories.certificate("WEAK", key=factories.rsa_key("WEAK", 1024))
FUTURE = factories.certificate("FUTURE", start=timezone.now() + DAY)
OLD = factories.certificate("OLD", start=timezone.now() - 2 * YEAR, lifetime=DAY)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"hello", "this is no key or certificate file; a public key was wanted"),
        (WEAK.der, "has 1024 bits"),
        (public_key_pem(factories.rsa_key("WEAK", 1024).public_key()), "has 1024 bits"),
        (FUTURE.der, "is not valid before"),
        (OLD.der, "expired on"),
        (OURS.key_pem.decode().encode("utf-16"), "is UTF-16, as PowerShell"),
        (b"\xef\xbb\xbf" + OURS.key_pem, "byte order mark"),
        (
            OURS.private_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
            "OpenSSH's own format: ssh-keygen -p -m PKCS8 -f FILE converts it",
        ),
    ],
)
def test_problems_are_named(data: bytes, problem: str) -> None:
    assert problem in " ".join(inspect(data, None, timezone.now()).problems)


def test_a_pkcs12_file_is_inspected() -> None:
    found = inspect(as_pkcs12(OURS, chain=(identity("CA"),)), "open sesame", timezone.now())
    assert (found.kind, found.problems) == ("a PKCS#12 file", ())
    assert [value for name, value in found.facts if name == "subject"] == ["CN=VENDOR", "CN=CA"]


@pytest.mark.django_db
def test_a_private_key_leaves_only_when_that_is_said(tmp_path: Path) -> None:
    factories.key_pair(factories.organization())
    words = ("--organization", "VENDOR", "--name", "key-1", "--out", tmp_path / "k")
    with pytest.raises(CommandError, match="Add --yes if that is wanted"):
        told("export_key", *words)
    assert not AuditEvent.objects.exists()
    told("export_key", *words, "--yes")
    assert mode(tmp_path / "k") == 0o600
    key = importing.read_private_key((tmp_path / "k").read_bytes())
    assert key.public_key() == OURS.private_key.public_key()
    event = AuditEvent.objects.get()
    assert (event.tag, event.subject_name) == ("key:private:exported", "VENDOR: key-1")


@pytest.mark.django_db
def test_an_export_overwrites_nothing_and_records_nothing_then(tmp_path: Path) -> None:
    factories.key_pair(factories.organization())
    (tmp_path / "k").write_text("precious")
    words = ("--organization", "VENDOR", "--name", "key-1", "--out", tmp_path / "k", "--yes")
    with pytest.raises(CommandError, match="exists already"):
        told("export_key", *words)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_an_api_key_is_exported_under_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = APIKeyPair(partner=factories.partner(), name="pay", owner="Shop", purpose="checkout")
    api_keys.fill(row, OURS.private_key)
    row.save()
    words = ("--partner", "Amazon", "--name", "pay", "--out", tmp_path / "k", "--yes")
    with pytest.raises(CommandError, match="no variable KEY_PASSWORD"):
        told("export_key", *words, "--passphrase-env", "KEY_PASSWORD")
    monkeypatch.setenv("KEY_PASSWORD", "open sesame")
    told("export_key", *words, "--passphrase-env", "KEY_PASSWORD")
    assert (tmp_path / "k").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    key = importing.read_private_key((tmp_path / "k").read_bytes(), "open sesame")
    assert key.public_key() == OURS.private_key.public_key()


@pytest.mark.django_db
def test_a_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    words = ("--organization", "VENDOR", "--name", "x", "--out", tmp_path / "k", "--yes")
    with pytest.raises(CommandError, match="VENDOR has no key pair called x"):
        told("export_key", *words)


@pytest.mark.django_db
def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    factories.key_pair(factories.organization())
    words = ("--organization", "VENDOR", "--name", "key-1", "--yes")
    with pytest.raises(CommandError, match="No such file or directory"):
        told("export_key", *words, "--out", tmp_path / "nowhere" / "k")
