"""``apply`` refuses what falls short of a profile, with its line, unless told why to take it."""

import pytest

from audit.models import AuditEvent
from partners.models import Compliance, Connection
from tests.partners.applying import Folder
from tests.partners.profiles import VENDOR

pytestmark = pytest.mark.django_db

WHERE = "partners[0].connections[0]"
PROFILE = ("environment: test\n", f"environment: test\n        profile: {VENDOR}\n")
WEAK = ("encrypt: aes-128-cbc", "encrypt: des-ede3-cbc")


def test_a_profile_is_set_and_judged_at_once(folder: Folder) -> None:
    folder.change(PROFILE)
    assert f"  profile: {VENDOR}" in folder.apply()
    assert Connection.objects.get().profile == VENDOR
    assert Compliance.objects.get().verdict == "warning"  # no contact, and no production yet


def test_an_error_refuses_the_file_with_its_line(folder: Folder) -> None:
    folder.change(PROFILE, WEAK)
    (line,) = folder.mistakes()
    assert line.startswith(
        f"amazon.yaml:15: {WHERE}.encrypt: {VENDOR} 2019-10-15 asks for AES-128 or stronger, "
        "found: des-ede3-cbc (as2.encrypt.min; Amazon required AS2 connection security setting"
    )
    assert not Connection.objects.exists()


def test_a_certificate_that_is_missing_is_told_where_certificates_stand(folder: Folder) -> None:
    folder.change(
        PROFILE,
        ("roles: [verify, encrypt]", "roles: [encrypt]"),
        ("require_signature: true", "require_signature: false"),
        ("mdn_signed: true", "mdn_signed: false"),
    )
    (line,) = folder.mistakes()
    assert line.startswith(f"amazon.yaml:21: {WHERE}.certificates: ")
    assert "none to verify" in line


def test_what_falls_short_is_taken_for_a_reason_and_recorded(folder: Folder) -> None:
    folder.change(PROFILE, WEAK)
    lines = folder.apply("--allow-findings", "Amazon agreed until March")
    (allowed,) = [line for line in lines if line.startswith("allowed: ")]
    assert "as2.encrypt.min" in allowed
    event = AuditEvent.objects.get(tag="connection:findings:allowed")
    assert event.text.endswith("allowed: Amazon agreed until March")
    assert event.data == {
        "rule": "as2.encrypt.min",
        "reason": "Amazon agreed until March",
        "present": ["des-ede3-cbc"],
    }
    assert Compliance.objects.get().verdict == "error"


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_reason_is_none(folder: Folder, reason: str) -> None:
    folder.change(PROFILE, WEAK)
    with pytest.raises(Exception, match="Nothing was changed"):
        folder.apply("--allow-findings", reason)


def test_a_dry_run_tells_and_records_nothing(folder: Folder) -> None:
    folder.change(PROFILE, WEAK)
    lines = folder.apply("--allow-findings", "to see", "--dry-run")
    assert any(line.startswith("allowed: ") for line in lines)
    assert not AuditEvent.objects.exists()


def test_what_is_stored_already_is_not_refused_again(folder: Folder) -> None:
    folder.change(PROFILE, WEAK)
    folder.apply("--allow-findings", "agreed")
    folder.change(PROFILE, WEAK, ("mdn: sync\n", "mdn: sync\n        subject: Orders\n"))
    assert "  subject: (empty) → Orders" in folder.apply()
    folder.change(PROFILE, WEAK, ("sign: sha-256", "sign: sha-1"))
    assert [line.partition("(")[2].partition(";")[0] for line in folder.mistakes()] == [
        "as2.sign.min",
        "mdn.micalg.min",
    ]


def test_a_profile_that_is_unknown_is_a_mistake(folder: Folder) -> None:
    folder.change(("environment: test\n", "environment: test\n        profile: amazon\n"))
    (line,) = folder.mistakes()
    assert f'{WHERE}.profile: "amazon" is not one of amazon-pay-tls, {VENDOR}' in line


def test_no_profile_is_written_as_nothing(folder: Folder) -> None:
    folder.change(PROFILE)
    folder.apply()
    folder.change(("environment: test\n", 'environment: test\n        profile: ""\n'))
    assert f"  profile: {VENDOR} → (empty)" in folder.apply()
    assert not Compliance.objects.exists()


def test_another_mistake_is_told_before_profiles_are(folder: Folder) -> None:
    folder.change(PROFILE, WEAK, ("mdn: sync\n", "mdn: synchronous\n"))
    (line,) = folder.mistakes()
    assert ".mdn: " in line
