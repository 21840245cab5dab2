"""Line ends of a signed part: as received, or one of three bounded repairs (MIME-17).

Some products sign CR LF and send LF. The first reading takes the octets as they came; only after
their digest has failed does another reading repair them, and then what it makes is what is
digested, verified and delivered alike. RFC 8551 section 3.1.1.
"""

import re
from typing import Protocol

from as2gateway.errors import LimitExceeded
from as2gateway.events import Canonical
from as2gateway.headers import MAX_BLOCK

_BARE_LF = re.compile(rb"(?<!\r)\n")
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")

#: what to try after a form whose digest failed
NEXT = {
    Canonical.RAW: Canonical.HEADERS_CRLF,
    Canonical.HEADERS_CRLF: Canonical.ALL_CRLF,
    Canonical.ALL_CRLF: Canonical.PLUS_CRLF,
}


class LineEnds(Protocol):
    """Turns the octets of a part, in pieces, into one form."""

    def update(self, data: bytes) -> bytes:
        """Take the next octets, at least one, and give what they make."""

    def finish(self) -> bytes:
        """Give what the end of the part adds."""


def line_ends(form: Canonical) -> LineEnds:
    """Start turning one part into ``form``."""
    return _FORMS[form]()


class _Raw:
    def update(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _PlusCRLF(_Raw):
    def finish(self) -> bytes:
        return b"\r\n"


class _AllCRLF(_Raw):
    def __init__(self) -> None:
        self._after_cr = False

    def update(self, data: bytes) -> bytes:
        # A CR at the end of the last piece belongs to an LF at the start of this one.
        skip = 1 if self._after_cr and data.startswith(b"\n") else 0
        self._after_cr = data.endswith(b"\r")
        return data[:skip] + _BARE_LF.sub(b"\r\n", data[skip:])


class _HeadersCRLF:
    def __init__(self) -> None:
        self._block: bytearray | None = bytearray()

    def update(self, data: bytes) -> bytes:
        block = self._block
        if block is None:
            return data
        # An empty line may have begun in the last two octets; those before were looked at.
        looked_at = max(len(block) - 2, 0)
        block += data
        blank = _BLANK_LINE.search(block, looked_at)
        if blank is None:
            if len(block) > MAX_BLOCK:
                raise LimitExceeded(f"more than {MAX_BLOCK} octets without an empty line")
            return b""
        self._block = None
        return _BARE_LF.sub(b"\r\n", block[: blank.end()]) + block[blank.end() :]

    def finish(self) -> bytes:
        return _BARE_LF.sub(b"\r\n", bytes(self._block or b""))


_FORMS: dict[Canonical, type[LineEnds]] = {
    Canonical.RAW: _Raw,
    Canonical.HEADERS_CRLF: _HeadersCRLF,
    Canonical.ALL_CRLF: _AllCRLF,
    Canonical.PLUS_CRLF: _PlusCRLF,
}
