"""The recorded traffic in ``tests/vectors/wire``, read without the help of our parsers."""

import re
from dataclasses import dataclass
from pathlib import Path

from as2gateway.certificates import Certificate
from as2gateway.headers import Headers

WIRE = Path(__file__).parent.parent / "vectors" / "wire"
CASES = sorted(folder.parent.name for folder in WIRE.glob("*/payload"))

_LOGGED = re.compile(r"MDN \[([^\]]*)\](?:.*\[(<[^\]]*>)\])?")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One HTTP message: header fields and the body, its chunks joined."""

    headers: Headers
    body: bytes


def read(case: str, name: str) -> Recorded:
    """Read a recorded file of a case, such as ``openas2-to-phase2-1.req``."""
    head, _, body = (WIRE / case / name).read_bytes().partition(b"\r\n\r\n")
    _, _, fields = head.partition(b"\r\n")
    if re.search(rb"(?im)^transfer-encoding:\s*chunked", fields):
        body = _joined(body)
    pairs = (line.decode("latin-1").split(":", 1) for line in fields.split(b"\r\n"))
    return Recorded(Headers(tuple((name, value.strip()) for name, value in pairs)), body)


def _joined(chunked: bytes) -> bytes:
    body = b""
    while True:
        size, _, chunked = chunked.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            return body
        body += chunked[:length]
        chunked = chunked[length + 2 :]


def certificate(product: str) -> Certificate:
    """The certificate that ``openas2`` or ``phase2`` signed with."""
    return Certificate.from_pem((WIRE / f"keys-{product}" / f"{product}.crt").read_bytes())


def logged_dispositions(case: str, message_id: str) -> set[str]:
    """What both products logged as the disposition of the MDN for a message, without its mode.

    A line that names no message, as those of failed deliveries do, counts for each.
    """
    verdict = (WIRE / case / "verdict.txt").read_text()
    found = _LOGGED.findall(verdict)
    return {
        disposition.partition(";")[2].strip()
        for disposition, named in found
        if named in {"", message_id}
    }
