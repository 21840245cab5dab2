"""Bad MDNs for what we sent: each leaves the message in the state that it should (G13b)."""

from collections.abc import Callable

import pytest

from messages.models import MDNState, Message, State
from messages.sending import enqueue, send
from tests import factories
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import outbound
from tests.gateway.matrix.wire import Wire, open_message, write_mdn
from tests.messages.matrix.far_end import AMAZON, PAYLOAD, VENDOR, identity, request_of
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

#: Makes of a message, and the MIC that is right for it, what the partner answers.
Answer = Callable[[Wire, tuple[bytes, str]], Wire]


def broken(message: Wire, mic: tuple[bytes, str]) -> Wire:
    mdn = write_mdn(message.headers, mic, signer=AMAZON)
    return Wire(mdn.headers, mdn.body.replace(b"Thank you", b"Think you"))


def for_another(message: Wire, mic: tuple[bytes, str]) -> Wire:
    fields = dict(message.headers) | {"Message-ID": "<another@vendor.example>"}
    return write_mdn(type(message.headers)(tuple(fields.items())), mic, signer=AMAZON)


def reporting(disposition: str, *, with_mic: bool = False) -> Answer:
    """Answer with that disposition."""
    return lambda message, mic: write_mdn(
        message.headers, mic if with_mic else None, signer=AMAZON, disposition=disposition
    )


def page(body: bytes) -> Answer:
    """Answer with no MDN at all."""
    return lambda message, _mic: Wire(type(message.headers)((("Content-Type", "text/html"),)), body)


#: what is answered, and what becomes of the message: its state, the failure, the MDN's state
ANSWERS: dict[str, tuple[Answer, State, str, MDNState | None]] = {
    "MIC differs": (
        lambda message, _mic: write_mdn(message.headers, (bytes(32), "sha-256"), signer=AMAZON),
        State.FAILED,
        "integrity-check-failed",
        MDNState.REFUSED,
    ),
    "MDN signature broken": (broken, State.FAILED, "mdn-unproven", MDNState.UNMATCHED),
    "MDN signed by another certificate": (
        lambda message, mic: write_mdn(message.headers, mic, signer=identity("MALLORY")),
        State.FAILED,
        "mdn-unproven",
        MDNState.UNMATCHED,
    ),
    "unsigned although signed was asked": (
        lambda message, mic: write_mdn(message.headers, mic, signer=None),
        State.FAILED,
        "mdn-unproven",
        MDNState.UNMATCHED,
    ),
    "other Original-Message-ID": (for_another, State.FAILED, "mdn-unproven", MDNState.UNMATCHED),
    "processed/error": (
        reporting("processed/error: decryption-failed"),
        State.FAILED,
        "decryption-failed",
        MDNState.VERIFIED,
    ),
    "failed/failure": (
        reporting("failed/failure: unsupported format"),
        State.FAILED,
        "unsupported format",
        MDNState.VERIFIED,
    ),
    "processed/warning": (
        reporting("processed/warning: duplicate-document", with_mic=True),
        State.DELIVERED,
        "",
        MDNState.VERIFIED,
    ),
    "empty body": (page(b""), State.QUEUED, "mdn-missing", None),
    "HTML body": (page(b"<html>OK</html>"), State.QUEUED, "mdn-missing", None),
}


@run("G13b")
def test_a_bad_receipt_proves_nothing(row: Row) -> None:
    respond, state, code, mdn_state = ANSWERS[row.variant]
    message = sent_and_answered(row, respond)
    assert (message.state, message.failure_code) == (state, code)
    assert (message.due_at is not None) is (state is State.QUEUED)
    assert bool(message.failure_text) is (state is not State.DELIVERED)
    assert [mdn.state for mdn in message.mdns.all()] == ([mdn_state] if mdn_state else [])


def sent_and_answered(row: Row, respond: Answer) -> Message:
    """Send a document to a partner who answers so."""

    def script(connection: object, request: bytes) -> None:
        message = request_of(request)
        opened = open_message(message, AMAZON, VENDOR.certificate)
        assert opened.payload == PAYLOAD
        mdn = respond(message, (opened.mic(), "sha-256"))
        fields = [f"{name}: {value}" for name, value in mdn.headers]
        connection.sendall(answer(mdn.body, "200 OK", *fields))  # type: ignore[attr-defined]  # a socket

    with serve(script) as peer:
        link = factories.connection(url=peer.url, compress=outbound(row).compress)
        message = enqueue(link, [PAYLOAD], "order.edi")
        send(message.pk)
    message.refresh_from_db()
    return message
