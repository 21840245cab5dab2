"""A partner's AS2 server for tests: reads what we send by the core, and answers with a real MDN."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.utils import timezone

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.disposition import Disposition
from as2gateway.engine import BuiltMDN, Stamp
from as2gateway.engines import get_engine
from as2gateway.errors import AS2Error
from as2gateway.events import Accepted, Reading
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport
from as2gateway.mic import MIC
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.request import AS2Request, read_request
from tests import factories
from tests.messages.servers import answer, is_whole

#: Makes of the true report what this partner sends instead.
Change = Callable[[MDNReport], MDNReport]


@dataclass
class Partner:
    """Reads messages to AMAZON from VENDOR, keeps the payloads, answers with MDNs."""

    signs: bool = True
    signer: str = "AMAZON"
    change: Change = lambda report: report
    payloads: list[bytes] = field(default_factory=list)

    def __call__(self, request: bytes) -> bytes:
        """The HTTP answer to a request: 200 and the MDN."""
        mdn = self.mdn_for(request)
        fields = [f"{name}: {value}" for name, value in mdn.headers]
        return answer(mdn.body, "200 OK", *fields)

    def answers(self, connection: socket.socket, request: bytes) -> None:
        """Follow a request as a server's script, unless its sender has died in the middle."""
        if is_whole(request):
            connection.sendall(self(request))

    def mdn_for(self, request: bytes) -> BuiltMDN:
        """Read a request and report on it."""
        head, _, body = request.partition(b"\r\n\r\n")
        headers = Headers.parse(head.partition(b"\r\n")[2])
        asked = read_request(headers)
        mic = self._read(headers, asked, body)
        report = MDNReport(
            as2_from=asked.as2_to,
            as2_to=asked.as2_from,
            original_message_id=asked.message_id,
            final_recipient=asked.as2_to,
            disposition=Disposition.for_error(None),
            mic=mic,
        )
        stamp = Stamp("<mdn@amazon>", timezone.now(), "MDN")
        key = factories.identity(self.signer).signing_key if self.signs else None
        digest = mic.algorithm if mic else DigestAlgorithm.SHA256
        return get_engine().compose_mdn(self.change(report), stamp, key, digest)

    def _read(self, headers: Headers, asked: AS2Request, body: bytes) -> MIC | None:
        ours, theirs = factories.identity("VENDOR"), factories.identity("AMAZON")
        policy = InboundPolicy(
            as2_from="VENDOR",
            as2_to="AMAZON",
            require_signature=False,
            require_encryption=False,
            verify_with=(ours.certificate,),
            decrypt_with=(theirs.decryption_key,),
        )
        receiver = get_engine().receiver(headers, policy, asked.mdn, Limits(), Reading())
        pieces = list(receiver.feed(body))
        last, verdict = receiver.close()
        assert isinstance(verdict, Accepted), verdict
        self.payloads.append(b"".join(piece.data for piece in [*pieces, *last]))
        return verdict.facts.mic


def refusing(error: type[AS2Error]) -> Change:
    """Report an error, without a MIC."""
    disposition = Disposition.for_error(error("for a test"))
    return lambda report: replace(report, disposition=disposition, mic=None)


def reporting(value: str, *, with_mic: bool = True) -> Change:
    """Report a disposition as it is written on the wire."""
    disposition = Disposition.parse(f"automatic-action/MDN-sent-automatically; {value}")
    return lambda report: replace(
        report, disposition=disposition, mic=report.mic if with_mic else None
    )


def with_wrong_mic(report: MDNReport) -> MDNReport:
    """Report a MIC of something else."""
    return replace(report, mic=MIC(bytes(32), DigestAlgorithm.SHA256))


def with_unreadable_mic(report: MDNReport) -> MDNReport:
    """Report a MIC by an algorithm that nobody knows."""
    return replace(report, mic_spelling="rot13")


def for_another_message(report: MDNReport) -> MDNReport:
    """Report on a message that was never sent."""
    return replace(report, original_message_id="<another@vendor>")
