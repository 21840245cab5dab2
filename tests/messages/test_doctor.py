"""The doctor: what it finds wrong with stored messages and MDNs, and that its advice is right."""

import datetime as dt
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.doctor import Advice, Diagnosis
from as2gateway.policy import Limits, MDNMode
from messages.doctoring import diagnose
from messages.mdns import take_mdn
from messages.models import Message, State
from messages.sending import enqueue, send
from partners.models import Connection, Scope
from tests import factories
from tests.messages.partner import Partner, with_wrong_mic
from tests.messages.sender import Sent, message
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

AGO = dt.timedelta(minutes=1)
STRANGER: dict[str, Any] = {"sign_with": factories.identity("NEXT").signing_key}
EVERYBODY = User(is_superuser=True)
CLEAR: dict[str, Any] = {"encrypt": None, "encrypt_to": None}


def examined(sent: Sent) -> Diagnosis:
    """What the doctor says of a message that was received and refused."""
    sent.send()
    return diagnose(Message.objects.get(), timezone.now(), EVERYBODY).diagnosis


def changes(cure: Advice) -> str:
    return "; ".join(remedy.change for remedy in cure)


def test_a_retired_certificate_is_named(connection: Connection) -> None:
    connection.certificates.update(retires_at=timezone.now() - AGO)
    [cure] = examined(message()).cures
    assert "CN=AMAZON" in changes(cure)
    assert "retired since" in cure[0].why
    assert cure[0].caution == ""


def test_a_certificate_of_the_partner_s_other_connection_is_named(connection: Connection) -> None:
    other = factories.bare_connection(
        connection.organization, connection.partner, as2_id="AMAZON-TEST"
    )
    factories.partner_certificate(other, factories.identity("NEXT").certificate)
    [cure] = examined(message(**STRANGER)).cures
    assert "AMAZON-TEST" in cure[0].why


@pytest.fixture
def limited(connection: Connection) -> User:
    """Somebody who sees this one connection, of its partner and of our organizations."""
    user = User.objects.create_user("van")
    Scope.objects.create(user=user).connections.add(connection)
    return user


@pytest.mark.parametrize(("everybody", "named"), [(True, True), (False, False)])
def test_a_certificate_outside_of_a_scope_is_not_named(
    connection: Connection, limited: User, everybody: bool, named: bool
) -> None:
    other = factories.bare_connection(
        connection.organization, connection.partner, as2_id="AMAZON-TEST"
    )
    factories.partner_certificate(other, factories.identity("NEXT").certificate)
    message(**STRANGER).send()
    user = EVERYBODY if everybody else limited
    found = diagnose(Message.objects.get(), timezone.now(), user).diagnosis
    assert ("AMAZON-TEST" in str(found)) is named


@pytest.mark.parametrize(("everybody", "named"), [(True, True), (False, False)])
def test_a_key_pair_outside_of_a_scope_is_not_tried(
    connection: Connection, limited: User, everybody: bool, named: bool
) -> None:
    factories.key_pair(factories.organization("ANOTHER"), factories.identity("VENDOR"))
    connection.organization.keys.all().delete()
    factories.key_pair(connection.organization, factories.identity("NEW"))
    message().send()
    user = EVERYBODY if everybody else limited
    found = diagnose(Message.objects.get(), timezone.now(), user).diagnosis
    assert ("ANOTHER" in str(found)) is named


@pytest.mark.usefixtures("connection")
def test_a_certificate_that_only_came_along_is_to_be_compared_first() -> None:
    diagnosis = examined(message(**STRANGER))
    [cure] = diagnosis.cures
    assert "CN=NEXT" in changes(cure)
    assert "compare its fingerprint" in cure[0].caution
    assert any("encloses the certificate CN=NEXT" in seen for seen in diagnosis.evidence)


def test_the_wrong_key_pair_of_ours_is_named(connection: Connection) -> None:
    connection.organization.keys.update(retires_at=timezone.now() - AGO)
    factories.key_pair(connection.organization, factories.identity("NEW"))
    [cure] = examined(message()).cures
    assert "it was encrypted to CN=VENDOR" in cure[0].why
    assert "retired since" in cure[0].why


def test_two_faults_are_cured_together(connection: Connection) -> None:
    connection.organization.keys.update(retires_at=timezone.now() - AGO)
    factories.key_pair(connection.organization, factories.identity("NEW"))
    connection.certificates.update(retires_at=timezone.now() - AGO)
    [cure] = examined(message()).cures
    assert [remedy.where for remedy in cure] == ["key pairs", "certificates"]


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ({"sign": DigestAlgorithm.SHA1}, "accept_sha1: true"),
        ({"sign": DigestAlgorithm.MD5, "mdn": MDNMode.NONE}, "quirks: {accept_md5: true}"),
        ({"encrypt": CipherAlgorithm.TRIPLE_DES_CBC}, "accept_3des: true"),
        ({"sign": None, "sign_with": None}, "require_signature: false"),
        (CLEAR, "require_encryption: false"),
    ],
)
def test_a_setting_is_named_with_what_it_gives_up(policy: dict[str, Any], change: str) -> None:
    [cure] = examined(message(**policy)).cures
    assert changes(cure) == change
    assert cure[0].caution


@pytest.mark.usefixtures("connection")
def test_an_mdn_asked_for_in_what_nobody_knows_is_for_the_partner_to_change() -> None:
    options = "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, x"
    [cure] = examined(message().with_fields(Disposition_Notification_Options=options)).cures
    assert (cure[0].where, "sha-256" in changes(cure)) == ("partner", True)


@pytest.mark.usefixtures("connection")
def test_a_body_that_is_not_what_its_header_says_is_recognized() -> None:
    sent = message().with_fields(Content_Type="application/octet-stream")
    [cure] = examined(sent).cures
    assert "application/pkcs7-mime" in changes(cure)
    assert cure[0].where == "partner"


def test_what_was_changed_on_the_way_has_no_cure(connection: Connection) -> None:
    connection.require_encryption = False
    connection.save()
    sent = message(**CLEAR)
    diagnosis = examined(sent.with_body(sent.body.replace(b"UNB+UNOA", b"UNB+UNOB")))
    assert (diagnosis.cures, diagnosis.fault is None) == ((), False)


def test_a_repaired_setting_is_told_to_hold_now(connection: Connection) -> None:
    connection.certificates.update(retires_at=timezone.now() - AGO)
    assert examined(message()).fault is not None
    connection.certificates.update(retires_at=None)
    assert diagnose(Message.objects.get(), timezone.now(), EVERYBODY).diagnosis.fault is None


def test_its_advice_is_right(connection: Connection) -> None:
    sent = message(sign=DigestAlgorithm.SHA1)
    assert changes(examined(sent).cures[0]) == "accept_sha1: true"
    connection.accept_sha1 = True
    connection.save()
    sent = message(message_id="<2@amazon.example>", sign=DigestAlgorithm.SHA1)
    sent.send()
    assert Message.objects.get(message_id="<2@amazon.example>").state == State.ACCEPTED


def test_an_expired_certificate_is_for_the_partner_to_renew(connection: Connection) -> None:
    start = timezone.now() - dt.timedelta(days=400)
    old = factories.certificate("AMAZON", start=start)
    factories.partner_certificate(connection, old)
    connection.certificates.exclude(fingerprint=old.fingerprint).delete()
    [cure] = examined(message()).cures
    assert (cure[0].where, "renew" in changes(cure)) == ("partner", True)


@pytest.fixture
def waiting() -> tuple[Message, bytes]:
    with serve(answer()) as peer:
        ours = factories.connection(url=peer.url, mdn="async", max_attempts=1)
        row = enqueue(ours, [b"order\n"])
        send(row.pk)
    row.refresh_from_db()
    return row, peer.requests[0]


def test_an_mdn_with_a_wrong_mic_is_explained(waiting: tuple[Message, bytes]) -> None:
    row, request = waiting
    built = Partner(change=with_wrong_mic).mdn_for(request)
    take_mdn(built.headers, built.body, None)
    diagnosis = diagnose(row, timezone.now(), EVERYBODY).diagnosis
    assert diagnosis.fault is not None
    assert diagnosis.fault.modifier == "integrity-check-failed"
    assert diagnosis.cures == ()


def test_an_mdn_by_a_retired_certificate_is_explained(waiting: tuple[Message, bytes]) -> None:
    row, request = waiting
    built = Partner().mdn_for(request)
    row.connection.certificates.update(retires_at=timezone.now() - AGO)
    take_mdn(built.headers, built.body, None)
    [cure] = diagnose(row, timezone.now(), EVERYBODY).diagnosis.cures
    assert "the MDN was signed by CN=AMAZON" in cure[0].why


@pytest.mark.usefixtures("connection")
def test_the_command_prints_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    message(sign=DigestAlgorithm.SHA1).send()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "1@amazon.example")
    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert "accept_sha1: true" in printed
    assert "Mind: " in printed


@pytest.mark.usefixtures("connection")
def test_the_command_prints_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    message(sign=DigestAlgorithm.SHA1).send()
    row = Message.objects.get()
    with pytest.raises(SystemExit):
        call_command("doctor", str(row.pk), "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["holds"], found["disposition_modifier"]) == (
        False,
        "insufficient-message-security",
    )
    assert found["cures"][0][0]["change"] == "accept_sha1: true"


def test_a_message_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no message"):
        call_command("doctor", "<nobody@nowhere>")


def test_nothing_to_examine_is_said(connection: Connection) -> None:
    row = enqueue(connection, [b"order"])
    with pytest.raises(CommandError, match="no MDN has come for it"):
        call_command("doctor", row.message_id)


def test_a_limit_is_named(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    del connection
    monkeypatch.setattr("partners.policies.limits", lambda: Limits(depth=1))
    monkeypatch.setattr("messages.judging.limits", lambda: Limits(depth=1))
    monkeypatch.setattr("messages.doctoring.limits", lambda: Limits(depth=1))
    cures = examined(message()).cures
    assert any("AS2_LIMIT_DEPTH" in changes(cure) for cure in cures)
