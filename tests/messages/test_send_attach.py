"""``manage.py send --attach``: several files in one message, read by openssl and ``email``."""

import email
import email.policy
from email.message import EmailMessage
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEvent
from messages import failpoints
from messages.models import Message
from tests import factories, openssl
from tests.messages.arrange import stored_files
from tests.messages.partner import Partner
from tests.messages.servers import Peer, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

ORDER = b"ISA*00*order~"
DRAWING = bytes(range(256)) * 400


@pytest.fixture
def order(tmp_path: Path) -> Path:
    return written(tmp_path / "order.x12", ORDER)


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def send(file: Path, *attached: Path, **options: Any) -> tuple[str, int]:
    """Run the command as it is typed; what it prints, and its exit code."""
    out = StringIO()
    words = [word for path in attached for word in ("--attach", str(path))]
    names = ("--from", "VENDOR", "--to", "AMAZON")
    try:
        call_command("send", str(file), *words, *names, stdout=out, stderr=out, **options)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    return out.getvalue(), 0


def refusal(file: Path, *attached: Path) -> str:
    """What the command says when it queues nothing, and leaves nothing."""
    with pytest.raises(CommandError) as caught:
        send(file, *attached)
    assert not Message.objects.exists()
    assert stored_files() == []
    return str(caught.value)


def parts(peer: Peer) -> list[EmailMessage]:
    """The documents that the partner finds under encryption and signature."""
    known = factories.identity("AMAZON")
    recipient = openssl.Identity(known.private_key, known.certificate)
    clear = openssl.cms_decrypt(peer.bodies[0], recipient)
    signed = email.message_from_bytes(clear, policy=email.policy.HTTP)
    assert isinstance(signed, EmailMessage)
    related, _signature = signed.iter_parts()
    assert isinstance(related, EmailMessage)
    assert related.get_content_type() == "multipart/related"
    return [part for part in related.iter_parts() if isinstance(part, EmailMessage)]


def test_several_files_go_in_one_message(order: Path, tmp_path: Path) -> None:
    drawing = written(tmp_path / "drawing.pdf", DRAWING)
    list_ = written(tmp_path / "list.csv", b"")
    partner = Partner()
    with serve(partner.answers) as peer:
        factories.connection(url=peer.url)
        text, code = send(order, drawing, list_)
        found = [
            (part.get_content_type(), part.get_filename(), part.get_payload(decode=True))
            for part in parts(peer)
        ]
    assert (code, len(peer.requests)) == (0, 1)
    assert "state    delivered" in text
    assert found == [
        ("application/edi-x12", "order.x12", ORDER),
        ("application/pdf", "drawing.pdf", DRAWING),
        ("text/csv", "list.csv", b""),
    ]
    assert AuditEvent.objects.filter(tag="message:outbound:queued").count() == 1


def test_the_type_that_is_given_is_that_of_each(order: Path, tmp_path: Path) -> None:
    drawing = written(tmp_path / "drawing.pdf", DRAWING)
    with serve(Partner().answers) as peer:
        factories.connection(url=peer.url)
        send(order, drawing, content_type="application/xml")
        assert {part.get_content_type() for part in parts(peer)} == {"application/xml"}


def test_names_with_umlauts_arrive(tmp_path: Path) -> None:
    order = written(tmp_path / "Bestellung März.x12", ORDER)
    drawing = written(tmp_path / "Größe 5 µm.pdf", DRAWING)
    with serve(Partner().answers) as peer:
        factories.connection(url=peer.url)
        assert send(order, drawing)[1] == 0
        fields = [dict(part.raw_items())["Content-Disposition"] for part in parts(peer)]
    # In full by RFC 8187, which the standard library reads only where no plain name is beside it.
    extended = [unquote(field.partition("filename*=utf-8''")[2]) for field in fields]
    assert extended == [order.name, drawing.name]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_file_that_is_not_there_is_named_wherever_it_stands(
    order: Path, tmp_path: Path, place: int
) -> None:
    factories.connection()
    files = [order, order]
    files.insert(place, tmp_path / "gone.pdf")
    assert "gone.pdf was not queued: No such file" in refusal(*files)


def test_a_folder_is_no_file(order: Path, tmp_path: Path) -> None:
    factories.connection()
    assert f"{tmp_path} was not queued: Is a directory" in refusal(order, tmp_path)


def test_a_file_that_is_larger_than_it_was_said_to_be_is_refused(order: Path) -> None:
    factories.connection()
    # The kernel says that it has 0 bytes, and gives more.
    said = refusal(order, Path("/proc/self/status"))
    assert "Nothing was queued: 0 octets were announced" in said


def test_files_that_are_too_large_for_the_disk_are_not_queued(order: Path) -> None:
    factories.connection()
    failpoints.arm("fs.fsync=enospc")
    assert "order.x12 was not queued: failpoint fs.fsync" in refusal(order, order)


def test_files_that_are_too_large_for_the_partner_fail_with_its_answer(order: Path) -> None:
    with serve(answer(b"", "413 Content Too Large")) as peer:
        factories.connection(url=peer.url)
        text, code = send(order, order)
    assert code == 1
    assert "reason   The partner answered 413." in text


def test_several_files_are_refused_where_they_cannot_go(order: Path) -> None:
    factories.connection(sign="none", encrypt="none")
    assert "have to be signed, encrypted or compressed" in refusal(order, order)
