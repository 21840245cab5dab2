"""Evidence: what is in a bundle, and that its script, by openssl alone, tells true from changed."""

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from as2gateway.algorithms import Compression, DigestAlgorithm
from audit.acting import shell_name
from audit.models import AuditEvent
from config.access.roles import Role
from messages.evidence import NoEvidence, bundle
from messages.models import Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from partners.models import Connection, KeyPair
from tests import factories
from tests.config.access import world
from tests.messages import made_up, sender
from tests.messages.arrange import PAYLOAD
from tests.messages.partner import Partner
from tests.messages.servers import serve

ORDER = b"ISA*00**00**ZZ*VENDOR*ZZ*AMAZON*261124*2230*U*00401*000000042*0*P*>~\r\nST*850*1~" * 20

pytestmark = pytest.mark.django_db


def unpacked(message: Message, folder: Path) -> Path:
    """Unpack a message's bundle; the ZIP holds against Python's own reader."""
    data = b"".join(bundle(message, timezone.now()))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def verify(folder: Path) -> tuple[int, str]:
    """Run the script with nothing but the system's own programs; exit code and words."""
    done = subprocess.run(
        ["/bin/sh", folder / "verify.sh"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def link(home: Path, connection: Connection) -> Connection:
    return connection


def delivered(link: Connection, partner: Partner | None = None, **fields: Any) -> Message:
    """Send an order to a partner that answers with a signed MDN."""
    with serve((partner or Partner()).answers) as peer:
        Connection.objects.update(url=peer.url, **fields)
        link.refresh_from_db()
        message = enqueue(link, [ORDER], "order.edi")
        send(message.pk)
    message.refresh_from_db()
    return message


def received(**policy: Any) -> Message:
    """Receive orders from a partner that asks for a signed MDN."""
    sender.message(**policy).send()
    return Message.objects.get()


@pytest.fixture(params=["sent", "received"])
def folder(request: pytest.FixtureRequest, link: Connection, tmp_path: Path) -> Path:
    message = delivered(link) if request.param == "sent" else received()
    assert message.state in {"delivered", "accepted"}
    return unpacked(message, tmp_path / "bundle")


# --------------------------------------------------------------------------------- true


def test_a_bundle_holds_by_openssl_alone(folder: Path) -> None:
    code, words = verify(folder)
    assert (code, "FAIL" in words) == (0, False), words
    for line in (
        "signature over mdn/signed-part.bin holds",
        "mdn/signed-part.bin is a part of mdn/body.bin",
        "digest of signed-content.bin",
        "it is what stands in signed-content.bin",
        "Everything holds.",
    ):
        assert line in words


def test_a_received_message_holds_by_its_sender_s_signature(
    link: Connection, tmp_path: Path
) -> None:
    code, words = verify(unpacked(received(), tmp_path / "bundle"))
    assert code == 0
    assert "the sender's signature over signed-content.bin holds" in words


def test_the_files_are_what_went_over_the_wire(link: Connection, tmp_path: Path) -> None:
    sent = sender.message()
    reply = sent.send()
    folder = unpacked(Message.objects.get(), tmp_path / "bundle")
    assert (folder / "request" / "body.bin").read_bytes() == sent.body
    assert (folder / "mdn" / "body.bin").read_bytes() == reply.body
    assert (folder / "document").read_bytes() == PAYLOAD
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["document"]["sha256"] == hashlib.sha256(PAYLOAD).hexdigest()
    assert facts["message_id"] == "<1@amazon.example>"


def test_a_bundle_names_its_certificates_and_holds_no_private_key(
    link: Connection, tmp_path: Path
) -> None:
    folder = unpacked(delivered(link), tmp_path / "bundle")
    theirs = factories.identity("AMAZON").certificate
    assert (folder / "certificates" / "mdn-signer.pem").read_text() == theirs.pem()
    every = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"PRIVATE KEY" not in every
    for name in ("VENDOR", "AMAZON"):
        assert factories.identity(name).pkcs8 not in every


@pytest.mark.parametrize(
    "policy",
    [
        {"compress": Compression.BEFORE_SIGNING},
        {"compress": Compression.AFTER_SIGNING},
        {"encrypt": None},
        {"sign": DigestAlgorithm.SHA512},
    ],
    ids=["compressed inside", "compressed outside", "in the clear", "SHA-512"],
)
def test_other_shapes_hold_too(link: Connection, tmp_path: Path, policy: dict[str, Any]) -> None:
    Connection.objects.update(require_encryption=False)
    code, words = verify(unpacked(received(**policy), tmp_path / "bundle"))
    assert code == 0, words
    assert "the sender's signature over signed-content.bin holds" in words


def test_a_compressed_message_of_ours_holds_by_its_mic(link: Connection, tmp_path: Path) -> None:
    message = delivered(link, compress=Compression.BEFORE_SIGNING)
    folder = unpacked(message, tmp_path / "bundle")
    code, words = verify(folder)
    assert code == 0, words
    assert "digest of signed-content.bin" in words
    assert "compressed inside" in (folder / "README.txt").read_text()


def test_keys_that_are_retired_since_open_what_came_then(link: Connection, tmp_path: Path) -> None:
    message = received()
    now = timezone.now()
    KeyPair.objects.update(activates_at=now - factories.DAY, retires_at=now)
    link.certificates.update(activates_at=now - factories.DAY, retires_at=now)
    code, words = verify(unpacked(message, tmp_path / "bundle"))
    assert code == 0
    assert "the sender's signature over signed-content.bin holds" in words


# ------------------------------------------------------------------------------- changed


def flip(path: Path) -> None:
    """Change one octet near the end of a file: of a signature that is where its value stands."""
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def forge_sums(folder: Path) -> None:
    """Make the list of digests fit again, as a forger would."""
    names = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("forge", [lambda folder: None, forge_sums], ids=["plain", "sums forged"])
@pytest.mark.parametrize(
    "name", ["document", "signed-content.bin", "mdn/signed-part.bin", "mdn/signature.der"]
)
def test_a_changed_bundle_does_not_hold(
    folder: Path, name: str, forge: Callable[[Path], None]
) -> None:
    flip(folder / name)
    forge(folder)
    code, words = verify(folder)
    assert (code, "DOES NOT HOLD" in words) == (1, True), words


def test_another_s_certificate_does_not_hold(folder: Path) -> None:
    pem = factories.identity("MALLORY").certificate.pem()
    (folder / "certificates" / "mdn-signer.pem").write_text(pem)
    forge_sums(folder)
    code, words = verify(folder)
    assert code == 1
    assert "instead of" in words


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "document").unlink()
    code, words = verify(folder)
    assert code == 1
    assert "document is missing or was changed" in words


def test_a_document_that_changed_in_the_store_is_no_evidence(
    link: Connection, tmp_path: Path
) -> None:
    message = delivered(link)
    changed = made_up.stored(data=ORDER.replace(b"850", b"855"))
    Message.objects.update(payload_key=changed)
    message.refresh_from_db()
    folder = unpacked(message, tmp_path / "bundle")
    assert "not the one that was sent" in (folder / "README.txt").read_text()
    assert verify(folder)[0] == 1


# ---------------------------------------------------------------------------- what lacks


def test_what_is_purged_is_told_and_the_mdn_still_holds(link: Connection, tmp_path: Path) -> None:
    message = delivered(link)
    Message.objects.update(raw_key="", payload_key="", wire_key="", purged_at=timezone.now())
    message.refresh_from_db()
    folder = unpacked(message, tmp_path / "bundle")
    assert "The document is no longer kept" in (folder / "README.txt").read_text()
    code, words = verify(folder)
    assert code == 0, words
    assert "the recipient's signature over mdn/signed-part.bin holds" in words


def test_an_unsigned_mdn_is_told_to_prove_little(link: Connection, tmp_path: Path) -> None:
    message = delivered(link, Partner(signs=False), mdn_signed=False)
    folder = unpacked(message, tmp_path / "bundle")
    assert "it proves little" in (folder / "README.txt").read_text()
    code, words = verify(folder)
    assert code == 0
    assert "digest of signed-content.bin" in words


def test_an_unsigned_message_has_no_sender_s_signature(link: Connection, tmp_path: Path) -> None:
    Connection.objects.update(require_signature=False)
    folder = unpacked(received(sign=None, sign_with=None), tmp_path / "bundle")
    assert "no signature beside its content" in (folder / "README.txt").read_text()
    assert verify(folder)[0] == 0


def test_a_message_without_any_file_has_no_evidence(link: Connection) -> None:
    message = made_up.message(link, State.FAILED)
    with pytest.raises(NoEvidence, match="Neither"):
        bundle(message, timezone.now())


def test_nothing_of_it_stays_behind(link: Connection, tmp_path: Path) -> None:
    message = received()
    before = sorted(get_store().root.rglob("*"))
    unpacked(message, tmp_path / "bundle")
    assert sorted(get_store().root.rglob("*")) == before


# --------------------------------------------------------------------------------- doors


def test_a_download_is_a_zip_and_is_written_down(client: Client, link: Connection) -> None:
    message = received()
    user = made_up.user("as2_messages.view_message", "as2_messages.download_payload")
    client.force_login(user)
    answer: Any = client.get(f"/admin/as2_messages/message/{message.pk}/evidence/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert "verify.sh" in archive.namelist()
    event = AuditEvent.objects.get(tag="message:evidence:downloaded")
    assert (event.actor, event.address) == (user.username, "127.0.0.1")


@pytest.mark.parametrize("roles", [[Role.OPERATOR], [Role.PROVIDER], [Role.AUDITOR]])
def test_who_may_have_payloads_may_have_evidence_of_their_own(
    client: Client, home: Path, roles: list[Role]
) -> None:
    rows = world.build()
    client.force_login(world.user(*roles, scope=rows.own))
    address = "/admin/as2_messages/message/{}/evidence/"
    may = Role.OPERATOR in roles
    assert client.get(address.format(rows.own_message.pk)).status_code == (200 if may else 403)
    client.force_login(world.user(Role.PROVIDER, Role.PAYLOAD_READER, scope=rows.own))
    assert client.get(address.format(rows.other_message.pk)).status_code == 404


def test_where_nothing_is_kept_the_page_says_so(admin_client: Client, link: Connection) -> None:
    message = made_up.message(link, State.FAILED)
    answer = admin_client.get(f"/admin/as2_messages/message/{message.pk}/evidence/", follow=True)
    assert "Neither the document nor the request" in answer.content.decode()
    assert not AuditEvent.objects.filter(tag="message:evidence:downloaded").exists()


def test_a_command_writes_the_bundle(
    link: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = received()
    path = tmp_path / "evidence.zip"
    call_command("evidence", message.message_id, output=str(path))
    assert "sh verify.sh" in capsys.readouterr().out
    assert "document" in zipfile.ZipFile(path).namelist()
    assert AuditEvent.objects.get(tag="message:evidence:downloaded").actor == shell_name()
    with pytest.raises(CommandError, match="is there already"):
        call_command("evidence", str(message.pk), output=str(path))


def test_a_command_writes_its_event_before_the_document(
    link: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_args: object) -> Iterator[bytes]:
        yield b"PK"
        assert AuditEvent.objects.filter(tag="message:evidence:downloaded").count() == 1
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("messages.management.commands.evidence.bundle", breaks)
    path = tmp_path / "evidence.zip"
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("evidence", received().message_id, output=str(path))
    assert not path.exists()


def test_a_command_says_what_it_cannot_do(link: Connection, tmp_path: Path) -> None:
    message = made_up.message(link, State.FAILED)
    with pytest.raises(CommandError, match="Neither"):
        call_command("evidence", str(message.pk))
    Message.objects.update(payload_key=made_up.stored())
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("evidence", str(message.pk), output=str(tmp_path / "none" / "x.zip"))


def test_a_message_of_the_other_engine_holds_too(link: Connection, tmp_path: Path) -> None:
    message = delivered(link, engine="pyas2lib")
    code, words = verify(unpacked(message, tmp_path / "bundle"))
    assert code == 0, words
    assert "digest of signed-content.bin" in words
