"""A partner that sends: messages in all shapes, over a socket, and a reading of what comes back."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from as2gateway import attachments
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.engine import Stamp
from as2gateway.engines import get_engine
from as2gateway.mdn import Expected, UnverifiedMDN, read_mdn, verify_mdn
from as2gateway.policy import MODERN_DIGESTS, Limits, MDNMode, OutboundPolicy, PayloadInfo
from messages.receiving import receive
from messages.replies import Reply
from tests import factories
from tests.messages.arrange import PAYLOAD
from tests.messages.wsgi import environment, post

#: What a partner named AMAZON does by default when it sends to VENDOR.
USUAL = OutboundPolicy(as2_from="AMAZON", as2_to="VENDOR", mdn=MDNMode.SYNC, mdn_signed=True)
_ORDERS = ("application/EDIFACT", "orders.edi")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it goes over the wire, and what its sender remembers of it."""

    fields: dict[str, str]
    body: bytes = field(repr=False)
    mics: dict[DigestAlgorithm, bytes] = field(default_factory=dict)

    def with_fields(self, **changes: str | None) -> "Sent":
        """The same with other header fields; ``_`` stands for ``-``, None takes a field out."""
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        changed = {**self.fields, **named}
        kept = {name: value for name, value in changed.items() if value is not None}
        return replace(self, fields=kept)

    def with_body(self, body: bytes) -> "Sent":
        """The same fields with other octets."""
        return replace(self, body=body)

    def with_broken_padding(self) -> "Sent":
        """The same, with an octet of the last block but one of the encryption (CBC) changed.

        By it the last octet of the padding differs, which then is none. The last block itself, if
        it were changed, would decrypt to a padding by chance one time in 256.
        """
        return self.with_body(self.body[:-17] + bytes([self.body[-17] ^ 1]) + self.body[-16:])

    def send(self) -> Reply:
        """Let the gateway receive it."""
        return send(post(self.body, self.fields))


def message(
    payload: bytes = PAYLOAD, message_id: str = "<1@amazon.example>", **policy: Any
) -> Sent:
    """Compose a message; by default signed, encrypted, with a signed sync MDN asked for."""
    return _compose([payload], PayloadInfo(len(payload), *_ORDERS), message_id, policy)


def several(*documents: tuple[str, bytes], **policy: Any) -> Sent:
    """Compose a message of several documents, each with its file name."""
    parts = [
        (PayloadInfo(len(octets), "application/EDIFACT", name), [octets])
        for name, octets in documents
    ]
    info, payload = attachments.join(parts, os.urandom)
    return _compose(payload, info, "<1@amazon.example>", policy)


def related(body: bytes, start: str = "<1>") -> Sent:
    """Compose a message that is said to hold several documents, ``start`` being the root."""
    info = PayloadInfo(len(body), f'multipart/related; boundary=b; start="{start}"')
    return _compose([body], info, "<1@amazon.example>", {})


def reporting(body: bytes, **policy: Any) -> Sent:
    """Compose a message whose document is an MDN-like report with this body."""
    kind = "multipart/report; report-type=disposition-notification; boundary=b"
    return _compose([body], PayloadInfo(len(body), kind), "<1@amazon.example>", policy)


def _compose(
    payload: Iterable[bytes], info: PayloadInfo, message_id: str, policy: dict[str, Any]
) -> Sent:
    defaults = {
        "sign_with": factories.identity("AMAZON").signing_key,
        "encrypt_to": factories.identity("VENDOR").certificate,
    }
    stamp = Stamp(message_id, timezone.now(), "orders")
    usual = replace(USUAL, **{**defaults, **policy})
    composition = get_engine().compose(payload, info, usual, stamp)
    body = b"".join(composition)
    return Sent(dict(composition.headers), body, dict(composition.mics))


def asking_async(**policy: Any) -> Sent:
    """Compose a message whose MDN is to be posted to the host of the connection."""
    return message(mdn=MDNMode.ASYNC, mdn_url="http://127.0.0.1:9/mdn", **policy)


def send(request: bytes) -> Reply:
    """Let the gateway receive a raw request."""
    with environment(request) as environ:
        return receive(environ)


def mdn_of(reply: Reply) -> UnverifiedMDN:
    """Read the MDN in an answer."""
    return read_mdn(reply.headers, reply.body, Limits())


def disposition(reply: Reply) -> str:
    """What the MDN in an answer says became of the message."""
    return mdn_of(reply).disposition.modified_type


def verify(reply: Reply, sent: Sent) -> None:
    """Check as the partner does that the MDN is signed by us, for this message, with its MIC."""
    expected = Expected(
        message_id=sent.fields["Message-ID"],
        as2_from="AMAZON",
        as2_to="VENDOR",
        mics=sent.mics,
        signed=True,
        certificates=(factories.identity("VENDOR").certificate,),
        allowed=MODERN_DIGESTS,
    )
    verify_mdn(mdn_of(reply), expected)
