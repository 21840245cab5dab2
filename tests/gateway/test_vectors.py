"""Messages that OpenAS2 and phase2 once sent each other: read as the one that was meant read them.

The MIC is taken from the MDN that the other product answered with. It is cut out by a regular
expression; none of our own code has a hand in it.
"""

import base64
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from as2gateway.certificates import Certificate
from as2gateway.events import Canonical, Reading, Rejected, Verdict
from as2gateway.headers import Headers
from as2gateway.policy import DecryptionKey, InboundPolicy
from as2gateway.request import read_request
from tests.gateway.reading import LEGACY, Read, accepted, read
from tests.gateway.splits import SPLITS, Split, whole

WIRE = Path(__file__).parents[1] / "vectors" / "wire"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message, as it stood on the wire."""

    case: str
    sender: str
    receiver: str

    def __str__(self) -> str:
        return f"{self.case}, {self.sender}"

    def octets(self, name: str) -> bytes:
        return (WIRE / self.case / name).read_bytes()

    @property
    def request(self) -> tuple[Headers, bytes]:
        return split_http(self.octets(f"{self.sender}-to-{self.receiver}-1.req"))

    @property
    def mic(self) -> bytes | None:
        """The digest that the receiver reported, sooner or later."""
        name = f"{self.sender}-to-{self.receiver}-1.resp"
        if self.case == "async-mdn":
            name = f"asyncmdn-{self.receiver}-to-{self.sender}-1.req"
        found = re.search(rb"(?im)^received-content-mic: (\S+?), ?\S+\r?$", self.octets(name))
        return base64.b64decode(found[1]) if found else None

    @property
    def policy(self) -> InboundPolicy:
        return replace(
            LEGACY,
            verify_with=(certificate(self.sender),),
            decrypt_with=(DecryptionKey(private_key(self.receiver), certificate(self.receiver)),),
        )


def split_http(octets: bytes) -> tuple[Headers, bytes]:
    """Header fields and body of a recorded request, with its chunks put together."""
    head, _, body = octets.partition(b"\r\n\r\n")
    headers = Headers.parse(head.partition(b"\r\n")[2])
    if headers.get("Transfer-Encoding") != "chunked":
        return headers, body
    whole = b""
    while size := int(body.partition(b"\r\n")[0], 16):
        start = body.index(b"\r\n") + 2
        whole += body[start : start + size]
        body = body[start + size + 2 :]
    return headers, whole


@cache
def certificate(product: str) -> Certificate:
    return Certificate.from_pem((WIRE / f"keys-{product}" / f"{product}.crt").read_bytes())


@cache
def private_key(product: str) -> RSAPrivateKey:
    pem = (WIRE / f"keys-{product}" / f"{product}.key").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    return key


def read_recorded(recorded: Recorded, split: Split, reading: Reading | None = None) -> Read:
    headers, body = recorded.request
    request = read_request(headers).mdn
    return read(headers, split(body), recorded.policy, request=request, reading=reading)


ALL = [
    Recorded(folder.name, *pair)
    for folder in sorted(WIRE.iterdir())
    if (folder / "payload").exists()
    for pair in (("openas2", "phase2"), ("phase2", "openas2"))
]
#: AES-GCM in an EnvelopedData, its tag behind the octets; OpenAS2 could not read it
GCM = Recorded("phase2-gcm", "phase2", "openas2")
#: signed with other line ends than sent
TEXT = Recorded("text-plain-8bit-lf", "openas2", "phase2")
#: whose MDN has no MIC, or one over something else
NO_MIC = [
    # The receiver did not know the names and had no certificate for them.
    Recorded("as2-names-with-spaces", "openas2", "phase2"),
    GCM,
    # Base64 was announced and DER sent; OpenAS2 refused it. Here it is tolerated (HTTP-29).
    Recorded("cte-base64", "phase2", "openas2"),
    # An unsigned MDN, in which neither product gives a MIC.
    Recorded("plain-unsigned-mdn", "openas2", "phase2"),
    Recorded("plain-unsigned-mdn", "phase2", "openas2"),
]
READ = [recorded for recorded in ALL if recorded != TEXT]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("recorded", READ, ids=str)
def test_a_recorded_message_gives_its_payload_and_mic(recorded: Recorded, split: Split) -> None:
    payload, verdict = read_recorded(recorded, split)
    facts = accepted(verdict).facts
    assert payload == recorded.octets("payload")
    assert facts.notes == ()
    assert facts.mic is not None
    if recorded not in NO_MIC:
        assert facts.mic.digest == recorded.mic


def test_the_recordings_are_all_there() -> None:
    assert len(ALL) == 32
    assert {*NO_MIC, TEXT} < {*ALL}


@pytest.mark.parametrize("recorded", READ, ids=str)
def test_the_layers_are_those_that_the_sender_was_set_to(recorded: Recorded) -> None:
    facts = accepted(read_recorded(recorded, whole)[1]).facts
    case = recorded.case
    assert facts.signed is (case not in {"enc-only-signed-mdn", "plain-unsigned-mdn"})
    assert facts.encrypted is (case not in {"sign-only-sha256", "plain-unsigned-mdn"})
    assert facts.compressed is case.startswith("compress")


def test_text_signed_with_other_line_ends_than_sent_is_read_as_signed() -> None:
    forms: list[Canonical] = []
    verdict: Verdict
    reading: Reading | None = Reading()
    while reading is not None:
        forms.append(reading.canonical)
        payload, verdict = read_recorded(TEXT, whole, reading)
        reading = verdict.second_reading if isinstance(verdict, Rejected) else None
    assert forms == [Canonical.RAW, Canonical.HEADERS_CRLF, Canonical.ALL_CRLF]
    assert payload == TEXT.octets("payload").replace(b"\n", b"\r\n")
    # phase2 answered with the MIC of what came; the sender's log tells what it had signed.
    mic = accepted(verdict).facts.mic
    assert f"original MIC: {mic and mic.encoded}," in TEXT.octets("verdict.txt").decode()
