"""Bodies: how the web server reads them, each octet copied once or not at all.

gunicorn reads ahead and copies what is over again at every read, which costs a large body more
than all that is done with it afterwards. Here a read asks the socket for what is missing, and no
more. What a body is, and when it is broken, stays gunicorn's to say.
"""

from collections.abc import Callable
from typing import Any

from gunicorn.http import body as bodies
from gunicorn.http import message, parser

#: Where a chunk ends and nothing of it is over.
_NOTHING = memoryview(b"")


class Body(bodies.Body):  # type: ignore[misc]  # gunicorn has no types
    """``wsgi.input``: hands through what its reader gives, unless lines are read of it."""

    def read(self, size: int | None = None) -> bytes:
        """Read so many octets; fewer are all that there are."""
        if size is None or not 0 < size <= bodies.MAX_READ_STEP or self.buf.tell():
            return bytes(super().read(size))
        return bytes(self._read_reader(size))


class LengthReader(bodies.LengthReader):  # type: ignore[misc]  # the same
    """A body of a declared length."""

    def read(self, size: int) -> bytes:
        """Read so many octets of it, or what there is until it ends or breaks off."""
        data = _gather(min(size, self.length), self._piece)
        self.length -= len(data)
        return data

    def _piece(self, most: int) -> bytes:
        held = len(self.unreader.buf.getbuffer())
        if held or most <= self.unreader.mxchunk:  # of a small one, more is read than asked for
            return bytes(self.unreader.read(min(held, most) or most))
        return bytes(self.unreader.chunk(most))


class ChunkedReader(bodies.ChunkedReader):  # type: ignore[misc]  # the same
    """A body that comes in chunks."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._rest = _NOTHING

    def read(self, size: int) -> bytes:
        """Read so many octets of it, over as many chunks as that takes."""
        return _gather(size, self._piece)

    def _piece(self, most: int) -> memoryview:
        while not self._rest:
            piece = next(self.parser, None)
            if piece is None:
                return _NOTHING
            self._rest = memoryview(piece)
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece


class Request(message.Request):  # type: ignore[misc]  # the same
    """A request whose body is read as here."""

    body: Any

    def set_body_reader(self) -> None:
        """Let gunicorn say what kind of body it is."""
        super().set_body_reader()
        reader = self.body.reader
        if isinstance(reader, bodies.ChunkedReader):
            reader = ChunkedReader(self, self.unreader)
        else:
            reader = LengthReader(self.unreader, reader.length)
        self.body = Body(reader)


class Parser(parser.RequestParser):  # type: ignore[misc]  # the same
    """gunicorn's parser of requests, with bodies that are read as here."""

    mesg_class = Request


def _gather(size: int, next_piece: Callable[[int], bytes | memoryview]) -> bytes:
    pieces = []
    while size > 0 and (piece := next_piece(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
