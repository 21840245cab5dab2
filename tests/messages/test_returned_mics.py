"""MICs in a digest that was not kept, or over octets that they should not be over."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from as2gateway.algorithms import Compression, DigestAlgorithm
from as2gateway.mdn import MDNReport
from as2gateway.mic import MIC
from as2gateway.quirks import MICVariant
from audit.models import AuditEvent
from messages.mdns import take_mdn
from messages.models import MDN, Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages.arrange import Waiting
from tests.messages.partner import Change, Partner, with_wrong_mic
from tests.messages.servers import answer, serve

pytestmark = pytest.mark.django_db

SHA512 = DigestAlgorithm.SHA512
#: more than of which all digests are kept
LARGE = b"line of a document\r\n" * 60_000

Send = Callable[..., "Sent"]


class Sent(Waiting):
    """Answers by MICs of any kind."""

    def take(self, change: Change) -> MDN:
        built = Partner(change=change).mdn_for(self.request)
        return take_mdn(built.headers, built.body, None)

    def covered(self) -> bytes:
        """The octets that a receiver takes the MIC over: the first part of multipart/signed."""
        body = self.request.partition(b"\r\n\r\n")[2]
        delimiter = body.partition(b"\r\n")[0]
        return body.split(delimiter)[1].removeprefix(b"\r\n").removesuffix(b"\r\n")


@pytest.fixture
def sent() -> Send:
    """Send a document, signed and in the clear."""

    def send_it(payload: bytes = LARGE, **fields: Any) -> Sent:
        with serve(answer()) as peer:
            settings = {"mdn": "async", "encrypt": "none", **fields}
            row = enqueue(factories.connection(url=peer.url, **settings), [payload], "a.edi")
            send(row.pk)
        return Sent(row, peer.requests[0])

    return send_it


def with_digest_of(octets: bytes) -> Change:
    """Return the SHA-512 of these octets as the MIC."""
    mic = MIC(hashlib.sha512(octets).digest(), SHA512)

    def change(report: MDNReport) -> MDNReport:
        return replace(report, mic=mic)

    return change


@pytest.mark.parametrize("compress", [Compression.NONE, Compression.BEFORE_SIGNING])
def test_a_mic_that_was_not_kept_is_taken_again(sent: Send, compress: Compression) -> None:
    it = sent(compress=compress)
    assert SHA512 not in it.message.kept_mics
    mdn = it.take(with_digest_of(it.covered()))
    assert (mdn.state, mdn.mic_matched, it.message.state) == ("verified", True, State.DELIVERED)
    assert SHA512 in it.message.kept_mics


def test_a_payload_is_read_once_for_each_digest(sent: Send) -> None:
    it = sent()
    octets = it.covered()
    it.take(with_digest_of(octets))
    get_store().delete(it.row.payload_key)
    assert it.take(with_digest_of(octets)).state == "verified"


def test_the_mic_of_a_message_in_the_clear_is_taken_again(sent: Send) -> None:
    it = sent(sign="none")
    assert it.take(with_digest_of(LARGE)).state == "verified"


def test_settings_that_have_changed_since_do_not_count(sent: Send) -> None:
    it = sent()
    Connection.objects.update(sign="none", compress="before-signing")
    assert it.take(with_digest_of(it.covered())).state == "verified"


def test_another_mic_in_a_digest_that_was_not_kept_is_refused(sent: Send) -> None:
    it = sent()
    mdn = it.take(with_digest_of(b"something else"))
    assert (mdn.state, mdn.mic_matched) == ("refused", False)
    assert it.message.failure_code == "integrity-check-failed"


@pytest.mark.parametrize("change", [None, lambda octets: octets.swapcase()])
def test_a_payload_that_is_gone_or_damaged_proves_nothing(
    sent: Send, change: Callable[[bytes], bytes] | None
) -> None:
    it = sent()
    path = get_store().root / it.row.payload_key
    octets = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(octets))
    mdn = it.take(with_digest_of(it.covered()))
    assert (mdn.state, mdn.failure_text) == (
        "refused",
        "the MDN's MIC uses sha-512, which was not kept",
    )


def forgiving(it: Sent, *variants: str) -> None:
    """Let the message have been sent with this quirk."""
    settings = {**it.message.settings, "quirks": {"mic_tolerances": list(variants)}}
    Message.objects.update(settings=settings)


@pytest.mark.parametrize(
    ("variants", "state"), [((), "refused"), (("entity",), "refused"), (("body", "lf"), "verified")]
)
def test_wrong_octets_are_forgiven_only_by_the_quirk_for_them(
    sent: Send, variants: tuple[str, ...], state: str
) -> None:
    it = sent()
    forgiving(it, *variants)
    assert it.take(with_digest_of(LARGE)).state == state


def test_what_is_forgiven_is_told(sent: Send) -> None:
    it = sent(b"small")
    forgiving(it, "body")
    mdn = it.take(with_digest_of(b"small"))
    assert (it.message.state, mdn.mic_matched) == (State.DELIVERED, False)
    assert it.message.notes == [mdn.failure_text]
    assert "other octets than it should be (body)" in mdn.failure_text
    assert AuditEvent.objects.get(tag="mdn:inbound:verified").text == mdn.failure_text


def test_octets_that_nobody_knows_are_not_forgiven(sent: Send) -> None:
    it = sent(b"small")
    forgiving(it, *MICVariant)
    assert it.take(with_wrong_mic).state == "refused"


def test_a_payload_that_is_gone_is_not_forgiven(sent: Send) -> None:
    it = sent(b"small")
    forgiving(it, "body")
    get_store().delete(it.row.payload_key)
    assert it.take(with_digest_of(b"small")).state == "refused"


def test_without_a_mic_there_is_nothing_to_forgive(sent: Send) -> None:
    it = sent(b"small")
    forgiving(it, "body")
    assert it.take(lambda report: replace(report, mic=None)).state == "refused"
