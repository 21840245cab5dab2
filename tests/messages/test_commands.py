"""The commands ``send`` and ``messages``: what they print, and their exit codes."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEvent
from messages.models import Message
from messages.sending import enqueue
from tests import factories
from tests.messages.partner import Partner
from tests.messages.servers import Peer, answer, serve

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(tmp_path: Path) -> Path:
    path = tmp_path / "order.edi"
    path.write_bytes(b"UNB+order")
    return path


@pytest.fixture
def amazon() -> Iterator[Peer]:
    with serve(Partner().answers) as peer:
        yield peer


def send(*args: object, **options: Any) -> tuple[str, int]:
    """Run the command; what it prints, and its exit code."""
    out = StringIO()
    try:
        call_command("send", *map(str, args), ours="VENDOR", stdout=out, stderr=out, **options)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    return out.getvalue(), 0


def test_a_delivered_file_ends_with_0_and_tells_of_its_mdn(amazon: Peer, order: Path) -> None:
    factories.connection(url=amazon.url)
    text, code = send(order, theirs="AMAZON")
    signer = factories.identity("AMAZON").certificate.fingerprint[:16]
    assert code == 0
    assert text.splitlines() == [
        f"message  {Message.objects.get().message_id}",
        "state    delivered",
        f"MDN      processed (signed by {signer}, MIC matched)",
    ]


def test_a_failed_file_ends_with_1_and_a_reason(order: Path) -> None:
    with serve(answer(b"", "400 Bad")) as peer:
        factories.connection(url=peer.url)
        text, code = send(order, theirs="AMAZON")
    assert code == 1
    assert "state    failed" in text
    assert "reason   The partner answered 400." in text


def test_a_file_that_will_be_tried_again_ends_with_3_at_once(order: Path) -> None:
    factories.connection(connect_timeout=1)
    text, code = send(order, theirs="AMAZON", wait=30)
    assert code == 3
    assert "state    queued" in text


def test_without_waiting_the_file_is_only_queued(order: Path) -> None:
    factories.connection()
    text, code = send(order, theirs="AMAZON", wait=0, content_type="text/x", subject="Hello")
    message = Message.objects.get()
    assert (code, message.attempts) == (3, 0)
    assert "state    queued" in text
    assert (message.content_type, message.subject) == ("text/x", "Hello")
    assert message.filename == "order.edi"


def test_a_missing_async_mdn_is_waited_for_and_no_longer(order: Path) -> None:
    with serve(answer()) as peer:
        factories.connection(url=peer.url, mdn="async")
        text, code = send(order, theirs="AMAZON", wait=0.3)
    assert (code, "state    waiting" in text) == (3, True)


def test_a_paused_connection_is_pointed_out(order: Path) -> None:
    factories.connection(state="paused")
    text, _ = send(order, theirs="AMAZON", wait=0.1)
    assert "is paused: the message has to wait" in text


def test_an_unknown_name_is_answered_with_the_known_ones(order: Path) -> None:
    factories.connection(as2_id="AMAZON-TEST")
    with pytest.raises(CommandError) as caught:
        send(order, theirs="AMAZON")
    assert str(caught.value) == (
        "There is no connection from VENDOR to AMAZON. Known: --from VENDOR --to AMAZON-TEST."
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    factories.connection()
    with pytest.raises(CommandError, match=r"gone\.edi was not queued: No such file"):
        send(tmp_path / "gone.edi", theirs="AMAZON")


def test_a_user_without_a_name_can_send(order: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    factories.connection()
    send(order, theirs="AMAZON", wait=0)
    assert AuditEvent.objects.get(tag="message:outbound:queued").actor == "shell:unknown"


# ------------------------------------------------------------------------- messages


def listed(*args: str) -> str:
    out = StringIO()
    call_command("messages", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def two() -> list[Message]:
    ours = factories.bare_connection()
    received = Message.objects.create(
        direction="inbound",
        state="rejected",
        connection=ours,
        as2_from="AMAZON",
        as2_to="VENDOR",
        message_id="<1@x>",
        filename="evil\x1b[2J" + 80 * "x",
        failure_text="no signature",
        finished_at=timezone.now(),
    )
    return [received, enqueue(ours, [b"<Invoice/>"], "invoice.xml")]


def test_the_table_shows_the_newest_first(two: list[Message]) -> None:
    titles, first, second = listed().splitlines()
    assert titles.split()[:2] == ["time", "(UTC)"]
    assert "outbound   VENDOR  AMAZON  queued    10     invoice.xml" in first
    assert second.endswith("no signature")


def test_the_table_prints_no_commands_to_the_terminal_and_cuts_cells(two: list[Message]) -> None:
    text = listed()
    assert "\x1b" not in text
    assert "evil [2J" in text
    assert "x…" in text


def test_json_is_one_array_with_everything_in_full(two: list[Message]) -> None:
    newest, oldest = json.loads(listed("--json"))
    assert (newest["message_id"], newest["state"]) == (two[1].message_id, "queued")
    assert (newest["edi_standard"], newest["edi_type"]) == ("XML", "Invoice")
    assert (oldest["filename"], oldest["mdns"]) == (two[0].filename, [])
    assert oldest["finished_at"].endswith("+00:00")
    assert (newest["edi_references"], newest["acknowledgement"]) == ([], "")


@pytest.mark.parametrize(
    ("args", "count"),
    [
        (("--state", "queued"), 1),
        (("--direction", "inbound"), 1),
        (("--limit", "1"), 1),
        (("--limit", "0"), 0),
        (("--state", "failed"), 0),
    ],
)
def test_the_list_can_be_narrowed(two: list[Message], args: tuple[str, ...], count: int) -> None:
    assert len(json.loads(listed("--json", *args))) == count


def test_an_empty_list_has_its_titles_only() -> None:
    assert len(listed().splitlines()) == 1
