"""A run of the matrix on our side: a message composed and its MDN taken, or received and answered.

We are ``US``, who sign and decrypt with ``OURS``; the far end is ``THEM``, with ``THEIRS``.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm
from as2gateway.disposition import Disposition
from as2gateway.engine import Stamp
from as2gateway.engines import get_engine
from as2gateway.events import Accepted, Facts, Reading, Rejected, Verdict
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, MDNReport, UnverifiedMDN, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import (
    InboundPolicy,
    Limits,
    MDNMode,
    OutboundPolicy,
    PayloadInfo,
    SigningKey,
)
from as2gateway.request import AS2Request, read_request
from tests.gateway.matrix.rows import Receipt, Row
from tests.gateway.matrix.wire import OpenedMDN, Wire, open_mdn
from tests.gateway.reading import STRICT, read
from tests.gateway.splits import Split, at_random
from tests.gateway.wrapping import OURS, PACKAGINGS, THEIRS, Entity
from tests.openssl import Identity

SHA256 = DigestAlgorithm.SHA256
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MDN_URL = "http://us.example/as2"

#: what each packaging is made of, from inside out
LAYERS: Mapping[str, tuple[str, ...]] = {
    name.partition(" ")[0]: layers for name, layers in PACKAGINGS.items() if name.startswith("P")
}

#: the core's document: X12 whose segments end in CR LF, after lines that look like MIME
X12 = (
    b"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             "
    b"*260304*0506*U*00401*000000042*0*T*>~\r\n"
    b"GS*PO*THEM*US*20260304*0506*1*X*004010~\r\n--r\r\n\r\n.\r\nST*850*0001~\r\n"
    b"SE*2*0001~\r\nGE*1*1~\r\nIEA*1*000000042~\r\n"
)


def options(receipt: Receipt, micalg: str = "sha-256") -> tuple[tuple[str, str], ...]:
    """Header fields that ask for such an MDN."""
    fields = []
    if receipt.asked:
        fields.append(("Disposition-Notification-To", "somebody@them.example"))
    if receipt.signed:
        asked = "signed-receipt-protocol=optional, pkcs7-signature"
        asked += f"; signed-receipt-micalg=optional, {micalg}" if micalg else ""
        fields.append(("Disposition-Notification-Options", asked))
    if receipt.mode is MDNMode.ASYNC:
        fields.append(("Receipt-Delivery-Option", "http://them.example/mdn"))
    return tuple(fields)


# Sending -------------------------------------------------------------------------------------

_SENDER = OutboundPolicy(
    as2_from="US",
    as2_to="THEM",
    sign_with=SigningKey(OURS.private_key, OURS.certificate),
    encrypt_to=THEIRS.certificate,
    mdn_url=MDN_URL,
)


def outbound(row: Row, **changes: Any) -> OutboundPolicy:
    """How a message is built that is packed, and asks for an MDN, as the row says."""
    layers = LAYERS[row.packaging]
    compress = Compression.NONE
    if "comp" in layers:
        last = layers.index("comp") > layers.index("sign") if "sign" in layers else False
        compress = Compression.AFTER_SIGNING if last else Compression.BEFORE_SIGNING
    policy = replace(
        _SENDER,
        sign=SHA256 if "sign" in layers else None,
        encrypt=CipherAlgorithm.AES128_CBC if "enc" in layers else None,
        compress=compress,
        mdn=row.asks.mode,
        mdn_signed=row.asks.signed,
    )
    return replace(policy, **changes)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of ours on the wire, and what we remember of it."""

    wire: Wire
    policy: OutboundPolicy
    mics: Mapping[DigestAlgorithm, bytes]

    def take(self, mdn: Wire) -> UnverifiedMDN:
        """Read the MDN for it, and verify it as the policy asks. Raises AS2Error."""
        expected = Expected(
            message_id=self.wire["Message-ID"],
            as2_from=self.policy.as2_from,
            as2_to=self.policy.as2_to,
            mics=self.mics,
            signed=self.policy.mdn_signed,
            certificates=(THEIRS.certificate,),
            allowed=frozenset(DigestAlgorithm) - {DigestAlgorithm.MD5},
        )
        found = read_mdn(mdn.headers, mdn.body, Limits())
        verify_mdn(found, expected)
        return found


def send(
    policy: OutboundPolicy,
    payload: bytes = X12,
    info: PayloadInfo | None = None,
    pieces: Iterable[bytes] | None = None,
    engine: str = "native",
) -> Sent:
    """Compose a message."""
    info = info or PayloadInfo(len(payload), filename="po 850.edi")
    chunks = [payload] if pieces is None else pieces
    stamp = Stamp("<42@us.example>", NOW, "Order 850")
    composition = get_engine(engine).compose(chunks, info, policy, stamp)
    body = b"".join(composition)
    return Sent(Wire(composition.headers, body), policy, composition.mics)


# Receiving -----------------------------------------------------------------------------------


def addressed(entity: Entity, receipt: Receipt, micalg: str = "sha-256", **fields: str) -> Wire:
    """Put an entity into a message from THEM to US; ``_`` in a field's name stands for ``-``."""
    given = {"AS2-From": "THEM", "AS2-To": "US", "Message-ID": "<42@them.example>"}
    given |= {name.replace("_", "-"): value for name, value in fields.items()}
    headers = Headers((*given.items(), *options(receipt, micalg), *entity.headers))
    return Wire(headers, entity.body)


def inbound(row: Row, **changes: Any) -> InboundPolicy:
    """What insists on exactly the layers that the row has."""
    layers = LAYERS[row.packaging]
    policy = replace(STRICT, require_signature="sign" in layers, require_encryption="enc" in layers)
    return replace(policy, **changes)


@dataclass(frozen=True, slots=True)
class Received:
    """What we made of a message."""

    wire: Wire
    request: AS2Request
    payload: bytes = field(repr=False)
    verdict: Verdict

    @property
    def facts(self) -> Facts:
        """What is known of a message that is accepted."""
        assert isinstance(self.verdict, Accepted), self.verdict
        return self.verdict.facts

    def answer(self, key: Identity = OURS, engine: str = "native") -> Wire:
        """The MDN that was asked for, as it goes out; signed by us unless told otherwise."""
        asked = self.request.mdn
        assert asked is not None
        error = self.verdict.error if isinstance(self.verdict, Rejected) else None
        facts = self.verdict.facts
        report = MDNReport(
            as2_from=self.request.as2_to,
            as2_to=self.request.as2_from,
            original_message_id=self.request.message_id,
            final_recipient=self.request.as2_to,
            disposition=Disposition.for_error(error),
            mic=facts.mic,
            mic_spelling=asked.spelling if _is_asked_for(facts.mic, asked.digest) else None,
            from_field=self.request.to_field,
            to_field=self.request.from_field,
        )
        signer = SigningKey(key.private_key, key.certificate) if asked.signed else None
        digest = asked.digest or (facts.mic.algorithm if facts.mic else SHA256)
        stamp = Stamp("<mdn@us.example>", NOW)
        built = get_engine(engine).compose_mdn(report, stamp, signer, digest)
        return Wire(built.headers, built.body)


def _is_asked_for(mic: MIC | None, digest: DigestAlgorithm | None) -> bool:
    return mic is not None and mic.algorithm is digest


def receive(
    wire: Wire,
    policy: InboundPolicy = STRICT,
    *,
    split: Split = at_random,
    limits: Limits | None = None,
    engine: str = "native",
) -> Received:
    """Read a message, as often as its verdicts ask for."""
    request = read_request(wire.headers)
    again: Reading | None = Reading()
    while again is not None:
        payload, verdict = read(
            wire.headers,
            split(wire.body),
            policy,
            request=request.mdn,
            limits=limits,
            reading=again,
            engine=engine,
        )
        again = verdict.second_reading if isinstance(verdict, Rejected) else None
    return Received(wire, request, payload, verdict)


def check_answer(received: Received, mic: tuple[bytes, str] | None = None) -> OpenedMDN:
    """Read our MDN as the far end does: it is positive, for that message, with that MIC."""
    mdn = received.answer()
    assert (mdn["AS2-From"], mdn["AS2-To"]) == (received.wire["AS2-To"], received.wire["AS2-From"])
    found = open_mdn(mdn, OURS.certificate)
    assert found.disposition == "processed"
    assert found.fields["Original-Message-ID"] == received.wire["Message-ID"]
    assert found.signed is (received.request.mdn is not None and received.request.mdn.signed)
    if mic is not None:
        assert found.mic == mic
    return found


def check_run(received: Received, payload: bytes, covered: bytes, digest: str = "sha-256") -> None:
    """All that makes a run of R2 good: the document, its MIC, and a signed MDN that proves both."""
    assert received.payload == payload
    mic = hashlib.new(digest.replace("-", ""), covered).digest()
    assert received.facts.mic is not None
    assert (received.facts.mic.digest, received.facts.mic.algorithm) == (mic, digest)
    check_answer(received, (mic, received.facts.mic.algorithm.wire_name))
