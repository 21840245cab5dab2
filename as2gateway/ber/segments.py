"""Constructed strings: X.690 section 8.7.3."""

import math

from as2gateway.ber.header import END_OF_CONTENTS, OCTET_STRING, Decoded, check_depth, decode
from as2gateway.errors import LimitExceeded, MalformedMessage

#: segments that are worth looking at together
_FEWEST = 4
#: octets of a segment below which it costs far more than its octets, and how many of these may be
#: missing; a quarter of a million tiny segments take some two seconds
_SMALL = 16
_MOST_MISSING = 4 * 1024 * 1024


class Segments:
    """Walks the segments of a constructed string, nested as they may be, however they are cut."""

    __slots__ = ("_alike", "_left", "_levels", "_missing", "position")

    def __init__(self, length: int | None) -> None:
        #: for each open level where it ends (None: at its mark), and where it must have ended
        self._levels: list[tuple[int | None, float]] = [
            (length, math.inf if length is None else length)
        ]
        self._left = 0
        #: how many segments are looked at together
        self._alike = _FEWEST
        #: octets that small segments lack, less what larger ones after them have more
        self._missing = 0
        #: octets walked over
        self.position = 0
        self._close()

    def ended(self) -> bool:
        """Whether the string has ended."""
        return not self._levels

    def feed(self, data: bytes) -> list[bytes]:
        """What the octets add to the string; ``position`` tells how many of them were used."""
        pieces: list[bytes] = []
        start = self.position
        while self._levels:
            at = self.position - start
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    break
                pieces.append(piece)
                self._left -= len(piece)
                self.position += len(piece)
            else:
                decoded = decode(data, at)
                if decoded is None:
                    break
                self.position = start + decoded[3]
                if self._enter(decoded):
                    pieces += self._take_alike(data, at, decoded[3])
            self._close()
        return pieces

    def _take_alike(self, data: bytes, at: int, body: int) -> list[bytes]:
        """Take segments that are whole and begin with the same octets as the one just entered.

        Writers cut into segments of one length, many into 1 kB: looking at the headers of many of
        them at once costs a fraction of looking at each. ``at`` is where the first header starts,
        ``body`` where its contents do.
        """
        stride = body - at + self._left
        room = min(len(data) - body, self._levels[-1][1] - self.position)
        most = min(self._alike, int(room - self._left) // stride + 1)
        if most < _FEWEST:
            return []
        stop = at + most * stride
        # Of each octet of the header, in how many segments in a row it is the same.
        columns = (data[each:stop:stride] for each in range(at, body))
        count = min(len(column) - len(column.lstrip(column[:1])) for column in columns)
        # Only what was found is looked for in greater number, so each octet costs the same.
        self._alike = 2 * self._alike if count == self._alike else max(count, _FEWEST)
        last = body + (count - 1) * stride
        pieces = [data[each : each + self._left] for each in range(body, last + 1, stride)]
        self.position += last - body + self._left
        self._weigh(count - 1, self._left)
        self._left = 0
        return pieces

    def _enter(self, decoded: Decoded) -> bool:
        """Take a header; whether octets of the string follow it."""
        tag, constructed, length, _ = decoded
        end, bound = self._levels[-1]
        stop = self.position + (length or 0)
        if stop > bound:
            raise MalformedMessage("a segment of a string that is longer than the string")
        if tag == END_OF_CONTENTS and end is None:
            self._levels.pop()
        elif tag != OCTET_STRING:
            raise MalformedMessage(f"an ASN.1 element {tag:#04x} within an OCTET STRING")
        elif constructed:
            check_depth(len(self._levels) + 1)
            self._levels.append((None, bound) if length is None else (stop, stop))
        else:
            self._left = length or 0
        self._weigh(1, self._left)
        return self._left > 0

    def _weigh(self, count: int, size: int) -> None:
        """Refuse tiny segments without end, wherever they were cut and whatever came before."""
        missing = self._missing + count * (_SMALL - size)
        self._missing = missing if missing > 0 else 0
        if missing > _MOST_MISSING:
            raise LimitExceeded(f"a string in very many segments of less than {_SMALL} octets")

    def _close(self) -> None:
        while not self._left and self._levels and self._levels[-1][0] == self.position:
            self._levels.pop()
