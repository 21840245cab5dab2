"""File names that are taken already, or cannot be used (G12): nothing is overwritten or refused."""

from pathlib import Path

import pytest

from messages.delivering import deliver_due
from messages.models import Message
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.wire import open_mdn
from tests.gateway.wrapping import document
from tests.messages.matrix.far_end import PAYLOAD, VENDOR, connect, exchange, pack, request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def inbox(home: Path) -> Path:
    return home / "inbox" / "VENDOR" / "AMAZON"


@run("G12", "recv", only={"duplicate-filename"})
def test_two_documents_of_one_name_are_both_kept(row: Row, inbox: Path) -> None:
    connect(row)
    for number, content in enumerate((PAYLOAD, b"another")):
        sent = request(
            row,
            pack(row, document(content, name="orders.edi")),
            Message_ID=f"<{number}@amazon.example>",
        )
        assert sent.send().status == 200
    deliver_due()
    assert sorted(path.read_bytes() for path in inbox.iterdir()) == sorted([PAYLOAD, b"another"])
    assert all(path.match("orders-????????.edi") for path in inbox.iterdir())


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("..", "document-????????"),
        (".", "document-????????"),
        ("../../../etc/passwd", "passwd-????????"),
        (r"C:\\Windows\\win.ini", "win-????????.ini"),
        (".htaccess", "htaccess-????????"),
        ("a\x01b*?<>|.edi", "a_b_-????????.edi"),
        ("$(rm -rf).edi;x", "*-????????*"),
        (300 * "x" + ".edi", "x*x-????????.edi"),
    ],
)
@run("G12", "recv", only={"illegal-filename", "path traversal"})
def test_a_name_that_cannot_be_used_is_made_safe(
    row: Row, inbox: Path, name: str, pattern: str
) -> None:
    connect(row)
    sent = request(row, pack(row, document(PAYLOAD, name=name)))
    mdn = open_mdn(exchange(row, sent), VENDOR.certificate)
    assert mdn.disposition == "processed"  # a bad name refuses no document (FN-04)
    deliver_due()
    (path,) = inbox.iterdir()
    assert path.read_bytes() == PAYLOAD
    assert path.match(pattern), path.name
    assert len(path.name.encode()) <= 100
    assert Message.objects.get().filename
