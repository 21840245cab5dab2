"""Multipart bodies on raw octets, split where RFC 2046 section 5.1.1 splits them.

A part is exactly the octets between two delimiters: the one line end before a delimiter belongs to
the delimiter (MIME-11). A delimiter is a whole line (MIME-10). Nothing is decoded here.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from as2gateway.errors import MalformedMessage
from as2gateway.stream import Parser, Source, Wait, skip

#: RFC 2046 §5.1.1 allows 70 characters; a bound at all keeps what is held back small
MAX_BOUNDARY = 200

#: Boundaries that are kept: each is asked for once a part, and messages are read side by side.
_KEPT = 64

#: Blanks that may pad a delimiter line. The RFC sets no limit, senders add one or two.
_PADDING = 128

#: Octets taken from the source at a time, so that putting back the rest is cheap.
_PIECE = 256 * 1024


#: Almost-delimiters in one piece that are looked at one by one; from then on the input is taken for
#: an attack, and searched by a regular expression, which costs more to make and less for each.
_PATIENCE = 16

_HYPHENS = b"--"
_BLANKS = rb"[ \t]{0,%d}+" % _PADDING
_LINE_END = re.compile(rb"(--)?" + _BLANKS + rb"\r?\n")
# At the end of all octets one or both hyphens or the line end may be missing (MIME-13).
_LAST_END = re.compile(rb"-{0,2}" + _BLANKS + rb"(?:\r?\n)?\Z")
_UNFINISHED_END = re.compile(rb"-{0,2}" + _BLANKS + rb"\r?\n?")


class _Line(NamedTuple):
    """Where a delimiter line is, with the line ends before and after it."""

    start: int
    end: int
    #: whether no part follows it
    closes: bool


class _Delimiter:
    """Finds the delimiter lines of one boundary, each with the line end before it."""

    __slots__ = ("_needle", "reach")

    def __init__(self, boundary: str) -> None:
        octets = boundary.encode("latin-1", "replace")
        if not 1 <= len(octets) <= MAX_BOUNDARY:
            raise MalformedMessage(f"a multipart boundary of {len(octets)} characters")
        self._needle = b"\n--" + octets
        #: octets that a delimiter has at the most: CR, needle, two hyphens, padding, CR LF
        self.reach = len(self._needle) + _PADDING + 5

    def search(self, data: bytes) -> _Line | None:
        """Find the first whole delimiter line."""
        needle = self._needle
        at = data.find(needle)
        for _ in range(_PATIENCE):
            if at < 0:
                return None
            if match := _LINE_END.match(data, at + len(needle)):
                return _Line(_with_cr(data, at), match.end(), match[1] is not None)
            at = data.find(needle, at + 1)
        pattern = re.compile(re.escape(needle) + _LINE_END.pattern)
        match = pattern.search(data, at)
        return match and _Line(_with_cr(data, match.start()), match.end(), match[1] is not None)

    def search_last(self, data: bytes) -> int | None:
        """Where the last line begins, with the line end before it, if it is a delimiter."""
        at = data.rfind(self._needle)
        if at < 0 or not _LAST_END.match(data, at + len(self._needle)):
            return None
        return _with_cr(data, at)

    def holds_from(self, data: bytes) -> int:
        """Where octets begin that may turn out to be a delimiter when more have come."""
        held = at = len(data)
        # Two line feeds can matter: the one before a delimiter and the one at its end.
        for _ in range(2):
            at = data.rfind(b"\n", max(0, len(data) - self.reach), at)
            if at < 0:
                break
            if self._may_begin(data[at:]):
                held = at
        return _with_cr(data, held)

    def _may_begin(self, tail: bytes) -> bool:
        if len(tail) <= len(self._needle):
            return self._needle.startswith(tail)
        known = tail.startswith(self._needle)
        return known and _UNFINISHED_END.fullmatch(tail, len(self._needle)) is not None


@lru_cache(_KEPT)
def _delimiter(boundary: str) -> _Delimiter:
    return _Delimiter(boundary)


def _with_cr(data: bytes, at: int) -> int:
    return at - 1 if data[max(0, at - 1) : at] == b"\r" else at


def read_preamble(source: Source, boundary: str) -> Wait[None]:
    """Pass over everything up to and with the first delimiter line; none of it counts (MIME-12)."""
    delimiter = _delimiter(boundary)
    # Mostly there is no preamble.
    closed = yield from _read_first_line(source, delimiter)
    if closed is None:
        closed = yield from skip(_read_until(source, delimiter))
    if closed:
        raise MalformedMessage("a multipart without any part")


def read_part(source: Source, boundary: str) -> Parser[bytes, bool]:
    """Read one part, from after its delimiter line; True if it was the last.

    Without a further delimiter the part goes on to the end of the octets and is the last: whether
    it is whole, only its content can tell (MIME-13).
    """
    return _read_until(source, _delimiter(boundary))


def read_epilogue(source: Source) -> Wait[bool]:
    """Pass over all that is left; True if it was blank.

    After a part that is followed by another delimiter, a blank rest means that this delimiter was
    the last and lacked its hyphens (MIME-13).
    """
    blank = True
    while piece := (yield from source.some()):
        blank = blank and not piece.strip()
    return blank


def _read_until(source: Source, delimiter: _Delimiter) -> Parser[bytes, bool]:
    """Read up to a delimiter line, and that too; True if no part follows."""
    octets, at = source.octets, source.position
    # What has come and begins otherwise needs no closer look.
    if len(octets) < at + len(_HYPHENS) or octets.startswith(_HYPHENS, at):
        at_once = yield from _read_first_line(source, delimiter)
        if at_once is not None:
            return at_once
    held = b""
    while piece := (yield from source.some(_PIECE)):
        data = held + piece if held else piece
        line = delimiter.search(data)
        if line:
            source.put_back(data[line.end :])
            if line.start:
                yield data[: line.start]
            return line.closes
        keep = delimiter.holds_from(data)
        held = data[keep:]
        if keep:
            yield data[:keep]
    last = delimiter.search_last(held)
    if rest := held[:last]:
        yield rest
    return True


def _read_first_line(source: Source, delimiter: _Delimiter) -> Wait[bool | None]:
    """Read a delimiter that stands at the very start, where no line end comes before it.

    True if no part follows it; None if there is none, and then nothing was read.
    """
    if (yield from source.peek(len(_HYPHENS))) != _HYPHENS:
        return None
    head = b"\n" + (yield from source.peek(delimiter.reach))
    line = delimiter.search(head)
    if line and line.start == 0:
        yield from source.exactly(line.end - 1)
        return line.closes
    if len(head) <= delimiter.reach and delimiter.search_last(head) == 0:
        yield from source.exactly(len(head) - 1)
        return True
    return None
