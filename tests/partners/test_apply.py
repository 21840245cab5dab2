"""``manage.py apply``: what a good file does."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from django.utils import timezone

from audit.acting import shell_name
from audit.models import AuditEvent
from partners import policies
from partners.models import Connection, KeyPair, Organization, Partner, PartnerCertificate
from tests import factories
from tests.factories import identity
from tests.partners.applying import GOOD, Folder
from tests.partners.test_importing import as_pkcs12

pytestmark = pytest.mark.django_db

FILE = "- {file: amazon.pem, roles: [verify, encrypt]}"
KEY = "private_key: vendor.key, certificate: vendor.pem"


def test_a_file_becomes_rows_that_work(folder: Folder) -> None:
    folder.apply()
    connection = policies.find_connection("AMAZON-TEST", "VENDOR")
    assert connection is not None
    assert (connection.partner.name, connection.url) == ("Amazon", "http://127.0.0.1:8001/as2")
    inbound = policies.inbound_policy(connection, timezone.now())
    outbound = policies.outbound_policy(connection, timezone.now())
    assert inbound.verify_with == (identity("AMAZON").certificate,)
    assert [key.certificate for key in inbound.decrypt_with] == [identity("VENDOR").certificate]
    assert outbound.encrypt_to == identity("AMAZON").certificate
    assert outbound.sign_with is not None


def test_a_second_run_changes_nothing(folder: Folder) -> None:
    folder.apply()
    before = AuditEvent.objects.count()
    lines = folder.apply()
    assert lines[-1] == "0 created, 0 changed, 5 unchanged."
    assert [line.endswith(": unchanged") for line in lines[:-1]] == [True] * 5
    assert AuditEvent.objects.count() == before


def test_what_is_done_is_said_by_row_and_column(folder: Folder) -> None:
    lines = folder.apply()
    assert lines[:3] == ["organization VENDOR: created", "  as2_id: VENDOR", "  name: Vendor Inc"]
    assert "key pair VENDOR: v-2026: created" in lines
    assert "connection VENDOR → AMAZON-TEST: created" in lines
    assert lines[-1] == "5 created, 0 changed, 0 unchanged."


def test_a_change_is_told_old_and_new(folder: Folder) -> None:
    folder.apply()
    folder.change(("sign: sha-256", "sign: sha-512"), ("mdn: sync", "mdn: async"))
    lines = folder.apply()
    at = lines.index("connection VENDOR → AMAZON-TEST: changed")
    assert lines[at + 1 : at + 3] == ["  sign: sha-256 → sha-512", "  mdn: sync → async"]
    assert Connection.objects.get().sign == "sha-512"


def test_what_the_file_leaves_out_stays(folder: Folder) -> None:
    folder.apply()
    Connection.objects.update(max_attempts=3, sign="sha-384")
    folder.change(("        sign: sha-256\n", ""))
    assert folder.apply()[-1] == "0 created, 0 changed, 5 unchanged."
    connection = Connection.objects.get()
    assert (connection.max_attempts, connection.sign) == (3, "sha-384")


def test_a_dry_run_says_the_same_and_changes_nothing(folder: Folder) -> None:
    dry = folder.apply("--dry-run")
    assert not Organization.objects.exists()
    assert not AuditEvent.objects.exists()
    assert dry[-1] == "5 created, 0 changed, 0 unchanged. Dry run: nothing was changed."
    assert [line.split(":")[0] for line in folder.apply()[:-1]] == [
        line.split(":")[0] for line in dry[:-1]
    ]


def test_a_dry_run_of_a_change_shows_it_and_leaves_it(folder: Folder) -> None:
    folder.apply()
    folder.change(("sign: sha-256", "sign: sha-512"))
    assert "  sign: sha-256 → sha-512" in folder.apply("--dry-run")
    assert Connection.objects.get().sign == "sha-256"


def test_one_mistake_stops_the_whole_file(folder: Folder) -> None:
    folder.change(("mdn: sync", "mdn: later"))
    folder.mistakes()
    assert not Organization.objects.exists()
    assert not Partner.objects.exists()


def test_a_failure_while_saving_leaves_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(PartnerCertificate, "save", fail)  # the last row of all
    with pytest.raises(OSError, match="disk full"):
        folder.apply()
    assert not Organization.objects.exists()
    assert not AuditEvent.objects.exists()


def test_every_setting_of_a_connection_has_a_key(folder: Folder) -> None:
    settings = (
        "engine: native",
        "state: paused",
        "max_attempts: 7",
        "accept_sha1: yes",
        "mdn_hosts: [a.example, b.example]",
        "subject: Orders",
        "ordered: on",
    )
    folder.change(("mdn: sync", "\n        ".join(settings)))
    folder.apply()
    row = Connection.objects.get()
    assert (row.engine, row.state, row.max_attempts) == ("native", "paused", 7)
    assert (row.accept_sha1, row.ordered) == (True, True)
    assert (row.mdn_hosts, row.subject) == ("a.example,b.example", "Orders")


def test_hosts_may_be_one_text(folder: Folder) -> None:
    folder.change(("mdn: sync", "mdn_hosts: a.example,b.example"))
    folder.apply()
    assert Connection.objects.get().mdn_hosts == "a.example,b.example"


def test_an_as2_id_is_taken_as_it_is_written(folder: Folder) -> None:
    folder.change(("as2_id: AMAZON-TEST", "as2_id: 0012345"))
    folder.apply()
    assert Connection.objects.get().as2_id == "0012345"


def test_a_new_certificate_stands_beside_the_old_one(folder: Folder) -> None:
    folder.apply()
    folder.certificate("AMAZON-2")
    tomorrow = timezone.now() + factories.DAY
    folder.change(
        (FILE, f"{FILE}\n          - {{file: AMAZON-2.pem, activates_at: {tomorrow.isoformat()}}}")
    )
    assert folder.apply()[-1] == "1 created, 0 changed, 5 unchanged."
    old, new = PartnerCertificate.objects.order_by("activates_at")
    assert old.fingerprint == identity("AMAZON").certificate.fingerprint
    assert (new.activates_at, new.verifies, new.encrypts) == (tomorrow, True, True)
    assert folder.apply()[-1] == "0 created, 0 changed, 6 unchanged."


def test_a_date_alone_is_its_start_in_utc(folder: Folder) -> None:
    folder.change(("roles: [verify, encrypt]", "retires_at: 2999-12-31"))
    folder.apply()
    row = PartnerCertificate.objects.get()
    assert row.retires_at == dt.datetime(2999, 12, 31, tzinfo=dt.UTC)


def test_a_date_is_taken_back_by_leaving_its_value_empty(folder: Folder) -> None:
    folder.change(("roles: [verify, encrypt]", "retires_at: 2999-12-31"))
    folder.apply()
    folder.change(("roles: [verify, encrypt]", "retires_at: "))
    assert "  retires_at: 2999-12-31T00:00:00Z → (empty)" in folder.apply()
    assert PartnerCertificate.objects.get().retires_at is None


def test_a_certificate_file_in_another_form_is_the_same_certificate(folder: Folder) -> None:
    folder.apply()
    (folder.path / "amazon.pem").write_bytes(identity("AMAZON").certificate.der)
    assert folder.apply()[-1] == "0 created, 0 changed, 5 unchanged."


def test_roles_are_columns(folder: Folder) -> None:
    folder.certificate("AMAZON-2")
    verify, encrypt = FILE.replace(", encrypt", ""), "- {file: AMAZON-2.pem, roles: [encrypt]}"
    folder.change((FILE, f"{verify}\n          {encrypt}"))
    folder.apply()
    found = PartnerCertificate.objects.order_by("pk").values_list("verifies", "encrypts", "tls")
    assert list(found) == [(True, False, False), (False, True, False)]


def test_a_key_pair_can_be_renamed(folder: Folder) -> None:
    folder.apply()
    folder.change(("v-2026", "v-old"))
    assert "  name: v-2026 → v-old" in folder.apply()
    assert KeyPair.objects.get().name == "v-old"


@pytest.mark.parametrize(
    "password", ["password: open sesame", "password_env: TEST_P12", "password_file: secret.txt"]
)
def test_a_pkcs12_file_brings_a_key_pair(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("TEST_P12", "open sesame")
    (folder.path / "secret.txt").write_text("open sesame\n")
    (folder.path / "vendor.p12").write_bytes(as_pkcs12(identity("VENDOR"), chain=(identity("CA"),)))
    folder.change((KEY, f"pkcs12: vendor.p12, {password}"))
    lines = folder.apply()
    pair = KeyPair.objects.get()
    assert pair.private_key == identity("VENDOR").pkcs8
    assert len(pair.chain) == 1
    assert "open sesame" not in "\n".join(lines)
    assert folder.apply()[-1] == "0 created, 0 changed, 5 unchanged."


def test_a_private_key_may_have_a_passphrase(folder: Folder) -> None:
    pem = factories.encrypted_pem(identity("VENDOR"), BestAvailableEncryption(b"open sesame"))
    (folder.path / "vendor.key").write_bytes(pem)
    folder.change((KEY, f"{KEY}, password: open sesame"))
    folder.apply()
    assert KeyPair.objects.get().private_key == identity("VENDOR").pkcs8


def test_an_organization_of_the_database_may_be_named(folder: Folder) -> None:
    folder.apply()
    folder.write(GOOD[GOOD.index("partners:") :])
    assert folder.apply()[-1] == "0 created, 0 changed, 3 unchanged."


def test_an_expired_certificate_may_stay_as_history(folder: Folder) -> None:
    old = factories.certificate(
        "OLD", start=timezone.now() - 2 * factories.YEAR, lifetime=factories.DAY
    )
    (folder.path / "old.pem").write_text(old.pem())
    dates = "activates_at: 2020-01-01, retires_at: 2021-01-01"
    folder.change((FILE, f"{FILE}\n          - {{file: old.pem, {dates}}}"))
    assert folder.apply()[-1] == "6 created, 0 changed, 0 unchanged."


def test_anchors_spare_repetition(folder: Folder) -> None:
    folder.change(
        ("url: http://127.0.0.1:8001/as2", "url: &url http://127.0.0.1:8001/as2"),
        ("mdn: sync", "mdn: sync\n        subject: *url"),
    )
    folder.apply()
    assert Connection.objects.get().subject == "http://127.0.0.1:8001/as2"


def test_each_row_writes_an_audit_event(folder: Folder) -> None:
    folder.apply()
    events = {event.tag: event for event in AuditEvent.objects.all()}
    assert sorted(events) == [
        "certificate:partner:added",
        "connection:settings:changed",
        "key:pair:added",
        "organization:settings:changed",
        "partner:settings:changed",
    ]
    assert events["connection:settings:changed"].data["sign"] == {"new": "sha-256"}
    assert events["key:pair:added"].actor == shell_name()


def test_the_audit_event_of_a_change_carries_old_and_new(folder: Folder) -> None:
    folder.apply()
    # There from before URLs with passwords were refused.
    Connection.objects.update(url="http://user:s@cret@partner.example/as2")
    lines = folder.apply()
    event = AuditEvent.objects.latest("pk")
    assert event.data == {
        "url": {
            "old": "http://user:***@partner.example/as2",
            "new": "http://127.0.0.1:8001/as2",
        }
    }
    assert "cret" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [
        ("mdn: sync", "mdn: sync\n        state: paused", "connection:state:changed"),
        ("purposes: [sign, decrypt]", "retires_at: 2999-01-01", "key:pair:retired"),
        ("v-2026", "renamed", "key:pair:changed"),
        ("roles: [verify, encrypt]", "retires_at: 2999-01-01", "certificate:partner:retired"),
        (
            "roles: [verify, encrypt]",
            "roles: [verify, encrypt, tls]",
            "certificate:partner:changed",
        ),
    ],
)
def test_the_tag_says_what_changed(folder: Folder, old: str, new: str, tag: str) -> None:
    folder.apply()
    folder.change((old, new))
    folder.apply()
    assert AuditEvent.objects.latest("pk").tag == tag


def test_a_connection_that_asks_for_nothing_needs_no_certificate(folder: Folder) -> None:
    folder.change(
        (f"          {FILE}\n", ""),
        ("        certificates:\n", ""),
        ("encrypt: aes-128-cbc", "encrypt: none"),
        ("mdn_signed: true", "mdn_signed: false"),
        ("require_signature: true", "require_signature: false"),
    )
    assert folder.apply()[-1] == "4 created, 0 changed, 0 unchanged."


def test_no_key_material_reaches_the_screen_or_the_audit_log(folder: Folder) -> None:
    lines = folder.apply()
    events = [str(event.data) + event.text for event in AuditEvent.objects.all()]
    body = identity("VENDOR").key_pem.decode().splitlines()[1:-1]
    written = "\n".join(lines + events)
    assert not any(line in written for line in body)
    assert "PRIVATE" not in written
