"""Messages of several documents: each becomes a file of its own, once (RFC 6362)."""

import datetime as dt
from pathlib import Path

import pytest
from django.utils import timezone

from messages import failpoints
from messages.delivering import deliver_due
from messages.models import Delivery, Message
from messages.store import get_store
from partners.models import Connection
from tests.messages import sender
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import related, several

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

PICTURE = bytes(range(256)) * 100


@pytest.fixture
def inbox(home: Path, connection: Connection) -> Path:
    """The folder of a connection that can receive."""
    return home / "inbox" / "VENDOR" / "AMAZON"


def deliver_all() -> None:
    """Let every lease and gap run out, and deliver what is due."""
    Delivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    deliver_due()


def contents(inbox: Path) -> list[bytes]:
    """What lies in the folder, in the order of the names."""
    return [path.read_bytes() for path in sorted(inbox.iterdir())]


def test_each_document_becomes_a_file(inbox: Path) -> None:
    sent = several(("orders.edi", PAYLOAD), ("../../plan b.pdf", PICTURE))
    sender.verify(sent.send(), sent)
    row = Message.objects.get()
    assert (row.state, row.content_type) == ("accepted", "multipart/related")
    deliver_all()
    mark = row.payload_key[-len("x" * 32 + ".payload") :][:8]
    found = {path.name: path.read_bytes() for path in inbox.iterdir()}
    assert found == {f"orders-{mark}-1.edi": PAYLOAD, f"plan_b-{mark}-2.pdf": PICTURE}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_a_row_knows_its_documents(inbox: Path) -> None:
    several(("orders.edi", PAYLOAD), ("plan\N{SNOWMAN}.pdf", PICTURE)).send()
    row = Message.objects.get()
    names = [(one.filename, one.root) for one in row.kept_attachments]
    assert names == [("orders.edi", True), ("plan\N{SNOWMAN}.pdf", False)]
    payload = b"".join(get_store().chunks(row.payload_key))
    assert [b"".join(one.read([payload])) for one in row.kept_attachments] == [PAYLOAD, PICTURE]
    assert row.edi_standard == "EDIFACT"


def test_the_facts_of_the_document_are_those_of_the_root(inbox: Path) -> None:
    head = b"--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\nContent-ID: <r>\r\n\r\n"
    sent = related(head + PAYLOAD + bytes(70_000) + b"\r\n--b--\r\n", start="<r>")
    sent.send()
    assert Message.objects.get().edi_standard == "EDIFACT"


def test_a_name_that_no_database_takes_is_stored_without_it(inbox: Path) -> None:
    part = (
        b"--b\r\nContent-Disposition: attachment; filename*=utf-8''a%00b.edi\r\n\r\nx\r\n--b--\r\n"
    )
    related(part).send()
    deliver_all()
    assert Message.objects.get().kept_attachments[0].filename == "ab.edi"
    assert contents(inbox) == [b"x"]


def test_documents_of_one_name_are_all_kept(inbox: Path) -> None:
    several(*[("orders.edi", b"%d" % number) for number in range(12)]).send()
    deliver_all()
    assert sorted(contents(inbox)) == sorted(b"%d" % number for number in range(12))


@pytest.mark.parametrize("point", ["dl.temp", "dl.linked"])
@pytest.mark.parametrize("taken", [False, True])
def test_a_crash_between_two_documents_delivers_each_once(
    inbox: Path, point: str, *, taken: bool
) -> None:
    several(("one.edi", b"one"), ("two.edi", b"two")).send()
    first, second = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=second.pk).update(due_at=timezone.now() + dt.timedelta(hours=1))
    deliver_due()
    if taken:  # the business side has it already
        (inbox.parent.parent / first.target).unlink()
    failpoints.arm(f"{point}=eio")
    deliver_all()
    failpoints.arm("")
    deliver_all()
    assert contents(inbox) == ([b"two"] if taken else [b"one", b"two"])
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_a_document_is_delivered_without_its_transfer_encoding(inbox: Path) -> None:
    part = b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n"
    related(part + b"--b--\r\n").send()
    deliver_all()
    assert contents(inbox) == [b"hello"]


def test_damage_anywhere_in_the_payload_holds_every_document(inbox: Path) -> None:
    several(("one.edi", b"one"), ("two.edi", b"two")).send()
    path = get_store().root / Message.objects.get().payload_key
    path.write_bytes(path.read_bytes().replace(b"two", b"six"))
    deliver_all()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"held"}


def test_a_replay_holds_every_document(inbox: Path) -> None:
    sent = several(("one.edi", b"one"), ("two.edi", b"two"))
    sent.send()
    sent.with_fields(Message_ID="<2@amazon.example>").send()
    held = Delivery.objects.filter(message__message_id="<2@amazon.example>")
    assert list(held.values_list("state", flat=True)) == ["held", "held"]


def test_what_cannot_be_taken_apart_is_refused(inbox: Path) -> None:
    reply = related(b"no boundary in here").send()
    row = Message.objects.get()
    assert (row.state, row.failure_code) == ("rejected", "malformed-message")
    assert sender.disposition(reply) == "processed/error: unexpected-processing-error"
    assert not Delivery.objects.exists()
