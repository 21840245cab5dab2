"""Heads: how much of a request has to be there before a thread begins with it. No sockets here.

A head, and a body that is no longer than a usual document's, cost nothing but memory while they
come; a thread is for what can be worked on at once. Only larger bodies, and those of unknown
length, are read by the thread itself. Nothing is judged here: what is no proper request goes to the
server's parser, which says so.
"""

import re
from typing import Final

#: Bytes of a body that is waited for; the store holds as many in memory (``messages.store``).
SMALL: Final = 64 * 1024

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,40})[ \t]*(?=\r\n)", re.IGNORECASE)
#: Chunks have no length, and who asks for 100 sends nothing before it.
_UNKNOWN: Final = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


class Head:
    """The beginning of a request as it comes in; limits are in bytes, of the head and of a body."""

    def __init__(self, limit: int, small: int = SMALL) -> None:
        self.data = bytearray()
        self.large = False
        self._limit = limit
        self._small = small
        self._wanted: int | None = None

    def __len__(self) -> int:
        return len(self.data)

    @property
    def complete(self) -> bool:
        """Whether a thread may begin."""
        if self._wanted is None:
            return len(self.data) > self._limit
        return self.large or len(self.data) >= self._wanted

    @property
    def in_body(self) -> bool:
        """Whether the header fields are there, and the body is coming."""
        return self._wanted is not None

    def feed(self, piece: bytes) -> None:
        """Add what has come."""
        start = max(0, len(self.data) - len(_END) + 1)
        self.data += piece
        if self._wanted is None:
            end = self.data.find(_END, start)
            if end >= 0:
                self._measure(end)

    def _measure(self, end: int) -> None:
        head = bytes(self.data[: end + 2])
        lengths = [int(digits) for digits in _LENGTH.findall(head)]
        length = lengths[0] if len(lengths) == 1 else 0
        self.large = length > self._small or bool(_UNKNOWN.search(head))
        self._wanted = end + len(_END) + length
