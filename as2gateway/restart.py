"""AS2 Restart: a large message that was cut goes on where it stopped.

draft-harding-as2-restart-07; section numbers are those of the draft. A transfer is named by a
strong entity-tag in ``ETag``. ``HEAD`` with that tag asks how many octets of the body are held;
``POST`` with ``Content-Range`` sends the rest. Here header fields are turned into decisions; where
the octets are held is for whoever receives them.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from as2gateway.headers import Headers

#: A strong entity-tag (RST-01): RFC 9110 §8.8.3 without the weak form. Its length bounds a column.
_TRANSFER_ID = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
#: Digits of an offset; more is an attack on ``int``.
_RANGE = re.compile(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
#: What says that a body begins at the first octet, in whatever way the rest is spelt.
_FROM_THE_START = re.compile(r"bytes\s+0+-.*")
_NUMBER = re.compile(r"[0-9]{1,18}")
#: Classes of HTTP statuses, by their first digit, and the one that says "never".
_SUCCESSES, _SERVER_ERRORS, _NOT_IMPLEMENTED = 2, 5, 501
#: A tag needs to be unique, not secret; half of a SHA-256 is more than enough.
_ID_DIGITS = 32


class PartialBody(ValueError):
    """A body that is only a part of a message, and cannot be placed in any transfer."""


class RangeNotSatisfiable(Exception):
    """A part does not continue what is held; ``held`` says from which octet it may go on."""

    def __init__(self, reason: str, held: int) -> None:
        super().__init__(reason)
        self.held = held

    @property
    def content_range(self) -> str:
        """The Content-Range of the 416 that tells so (RST-04)."""
        return f"bytes */{self.held}"


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Which octets of a message a body has, counted from 0, both ends included."""

    first: int
    last: int
    total: int

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read ``bytes first-last/total``. Raises PartialBody."""
        found = _RANGE.fullmatch(value.strip())
        if found is None:
            raise PartialBody(f"Content-Range {value[:60]!r} cannot be read")
        read = cls(*map(int, found.groups()))
        if not read.first <= read.last < read.total:
            raise PartialBody(f"Content-Range {value[:60]!r} names no octets of a message")
        return read

    @property
    def length(self) -> int:
        """Octets that the body must have."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.total}"


@dataclass(frozen=True, slots=True)
class Part:
    """What a POST carries of a transfer: its octets from ``offset`` to the end."""

    transfer_id: str
    offset: int
    #: octets of the whole message; None if it comes in chunks and nothing tells
    total: int | None


# --- receiving -----------------------------------------------------------------------------------


def read_transfer_id(headers: Headers) -> str:
    """Return the transfer's name; empty if there is none, or it is weak or no entity-tag."""
    value = (headers.get("ETag") or "").strip()
    return value if _TRANSFER_ID.fullmatch(value) else ""


def check_whole(headers: Headers) -> None:
    """Raise PartialBody for a body that does not have its message's first and last octet.

    For whoever does not know Restart: a part would be taken for the whole (RST-02).
    """
    value = headers.get("Content-Range")
    if value is None:
        return
    value = value.strip()
    span = _RANGE.fullmatch(value)
    ends_early = span is not None and int(span[2]) != int(span[3]) - 1
    if ends_early or not _FROM_THE_START.fullmatch(value):
        raise PartialBody("partial messages are not supported; send all of it")


def read_part(headers: Headers, length: int | None) -> Part | None:
    """Say which part of which transfer a POST carries; None for an ordinary message.

    ``length`` is the body's, None if it comes in chunks. Raises PartialBody for a part of no
    transfer, RangeNotSatisfiable for a range that is not what the body has.
    """
    transfer_id, value = read_transfer_id(headers), headers.get("Content-Range")
    if not transfer_id:
        check_whole(headers)
        return None
    if value is None:
        return Part(transfer_id, 0, length)
    span = ContentRange.parse(value)
    if length is not None and span.length != length:
        raise RangeNotSatisfiable(f"{span} is not what a body of {length} bytes has", 0)
    if span.last != span.total - 1:
        raise RangeNotSatisfiable(f"{span} does not reach to the end of the message", 0)
    return Part(transfer_id, span.first, span.total)


def check_continues(part: Part, held: int, total: int | None) -> None:
    """Raise RangeNotSatisfiable unless a part goes on where ``held`` octets of a message end.

    It may begin earlier: who has been told of a number may find that more has come meanwhile, and
    who saw no answer to a whole message sends its last octet again (RST-05).
    """
    if part.offset > held:
        raise RangeNotSatisfiable(f"it begins at {part.offset}, and {held} bytes are held", held)
    if total is not None and part.total != total:
        raise RangeNotSatisfiable(f"the message had {total} bytes, now {part.total}", held)


# --- sending -------------------------------------------------------------------------------------


def new_transfer_id(message_id: str, wire_sha256: str) -> str:
    """Name the transfer of one message: the same for every attempt, unique among all senders.

    The Message-ID is unique; the digest makes sure that other octets are another transfer.
    """
    named = hashlib.sha256(f"{message_id}\n{wire_sha256}".encode()).hexdigest()
    return f'"{named[:_ID_DIGITS]}"'


def part_fields(transfer_id: str, offset: int, total: int) -> tuple[tuple[str, str], ...]:
    """Fields of a POST that carries a message from an octet on.

    The range is told of the whole, too: some receivers read its size there (section 4).
    """
    return ("ETag", transfer_id), ("Content-Range", str(ContentRange(offset, total - 1, total)))


def question(transfer_id: str, headers: Headers) -> Headers:
    """Fields of the HEAD that asks how much of a transfer is held; ``headers`` are the message's.

    AS2-Version is 1.2 there, whatever the message says (section 5.1).
    """
    names = ((name, headers.get(name) or "") for name in ("AS2-To", "AS2-From"))
    return Headers((("ETag", transfer_id), *names, ("AS2-Version", "1.2")))


def resume_at(status: int, held: str | None, total: int) -> int | None:
    """Say from which octet to send after a HEAD; None to ask again later.

    ``held`` is the answer's Content-Length. Whatever is not a number of octets of this message
    means all of it (RST-03). A server error is one that has not settled yet (RST-06): going on at
    0 would throw away what it holds.
    """
    if status // 100 == _SERVER_ERRORS and status != _NOT_IMPLEMENTED:
        return None
    if status // 100 != _SUCCESSES or held is None or not _NUMBER.fullmatch(held):
        return 0
    octets = int(held)
    if octets > total:
        return 0
    # All is there and only the answer is missing: the last octet asks for it (RST-05).
    return min(octets, total - 1)
