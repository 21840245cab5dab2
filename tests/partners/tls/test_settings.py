"""TLS settings come in by ``apply`` and by pages, and those that cannot work are refused."""

from dataclasses import replace

import pytest
import trustme
from django.core.exceptions import ValidationError

from partners import checks
from partners.models import Connection, KeyPair
from partners.tls.environment import Host, this_host
from tests import factories
from tests.partners.applying import Folder

pytestmark = pytest.mark.django_db
AB, CD = "ab" * 32, "cd" * 32
URL = "url: http://127.0.0.1:8001/as2"


def indented(*lines: str) -> tuple[str, str]:
    return URL, "\n        ".join([URL, *lines])


def test_a_connection_can_be_pinned_and_have_a_client_key(folder: Folder) -> None:
    folder.change(
        indented("tls_trust: pinned", f"tls_pins: [{AB}, '{CD.upper()}']", "tls_client_key: v-2026")
    )
    folder.apply()
    row = Connection.objects.get()
    assert (row.tls_trust, row.tls_pins) == ("pinned", f"{AB}\n{CD.upper()}")
    assert row.tls_client_key == KeyPair.objects.get()


def test_a_client_key_can_be_taken_away(folder: Folder) -> None:
    folder.change(indented("tls_client_key: v-2026"))
    folder.apply()
    folder.change(indented(f"tls_pins: {AB}", 'tls_client_key: ""'))
    assert any("tls_client_key" in line for line in folder.apply())
    assert Connection.objects.get().tls_client_key is None


def test_a_key_pair_may_serve_tls_only(folder: Folder) -> None:
    folder.certificate("client")
    (folder.path / "client.key").write_bytes(factories.identity("client").key_pem)
    pair = "{name: c, private_key: client.key, certificate: client.pem, purposes: [tls-client]}"
    folder.change(("    keys:\n", f"    keys:\n      - {pair}\n"), indented("tls_client_key: c"))
    folder.apply()
    found = KeyPair.objects.get(name="c")
    assert (found.signs, found.decrypts) == (False, False)
    assert Connection.objects.get().tls_client_key == found


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["tls_trust: off"], '"off" is not one of mozilla, custom-ca, pinned'),
        (["tls_trust: none"], '"none" is not one of mozilla, custom-ca, pinned'),
        (["tls_pins: [abc]"], "is no SHA-256 fingerprint"),
        (["tls_ca: nonsense"], "No certificate in PEM was found"),
        (["tls_trust: custom-ca"], "needs an authority's certificate"),
        (["tls_trust: pinned"], "no TLS certificate is pinned, and none has the role tls"),
        (["tls_client_key: nobody"], 'organization VENDOR has no key pair "nobody"'),
    ],
)
def test_settings_that_cannot_work_are_refused(folder: Folder, lines: list[str], says: str) -> None:
    folder.change(indented(*lines))
    (mistake,) = folder.mistakes()
    assert says in mistake


def test_a_certificate_with_the_role_tls_is_a_pin(folder: Folder) -> None:
    folder.change(
        indented("tls_trust: pinned"), ("roles: [verify, encrypt]", "roles: [verify, encrypt, tls]")
    )
    folder.apply()
    assert Connection.objects.get().tls_trust == "pinned"


def test_another_organization_s_key_is_refused() -> None:
    row = factories.bare_connection()
    row.tls_client_key = factories.key_pair(factories.organization("OTHER"))
    with pytest.raises(ValidationError, match="not one of VENDOR"):
        row.clean()


@pytest.mark.parametrize(("column", "text"), [("tls_pins", "abc"), ("tls_ca", "nonsense")])
def test_columns_check_what_is_typed_in(column: str, text: str) -> None:
    row = factories.bare_connection()
    setattr(row, column, text)
    with pytest.raises(ValidationError) as refusal:
        row.clean_fields()
    assert list(refusal.value.message_dict) == [column]


def test_authorities_are_taken_in_pem() -> None:
    row = factories.bare_connection(tls_trust="custom-ca")
    row.tls_ca = trustme.CA().cert_pem.bytes().decode()
    row.full_clean()


@pytest.mark.parametrize(
    ("host", "ids"),
    [
        (replace(this_host(), os_id="haiku", ca_bundle="2099.1.1"), []),
        (replace(this_host(), os_id="debian", os_version="10"), ["partners.W001"]),
        (replace(this_host(), openssl="OpenSSL 1.0.0t 3 Dec 2015"), ["partners.E003"]),
    ],
)
def test_an_unfit_host_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, host: Host, ids: list[str]
) -> None:
    monkeypatch.setattr(checks, "this_host", lambda: host)
    assert [message.id for message in checks.check_host(None)] == ids
