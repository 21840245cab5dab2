"""The header block of a MIME entity: RFC 2045 section 3."""

import re
from functools import lru_cache

from as2gateway.errors import LimitExceeded
from as2gateway.headers import MAX_BLOCK, Headers
from as2gateway.stream import Source, Wait

_EMPTY_LINES = frozenset({b"\r\n", b"\n"})
_BLOCK_END = re.compile(rb"\n\r?\n")
# Names of MIME fields have letters, digits and hyphens only. EDIFACT begins with ``UNB+UNOA:`` or
# with ``UNA:``, which the grammar of fields would allow.
_FIRST_FIELD = re.compile(rb"(?!UNA:)[A-Za-z][A-Za-z0-9_-]{,63}[ \t]{,8}:|\r?\n")

#: No name of a MIME field is longer: enough to tell a field from EDI data.
_GLANCE = 80

#: Blocks that are kept read, and octets of one: a partner repeats itself from message to message.
_KEPT = 256
_MAX_KEPT = 512


def read_headers(source: Source) -> Wait[tuple[Headers, bytes]]:
    r"""Read the fields of an entity, and the octets of its header block with the empty line.

    ``b"\r\n"`` alone is a block without fields (MIME-14). Lines end in CR LF or LF (MIME-25). An
    entity may end without an empty line: then it has no body. MalformedMessage or LimitExceeded if
    these are no fields, or too many.
    """
    block = _block_that_came(source) or (yield from _block_in_lines(source))
    # A boundary is new each time: what has one would only push out what comes again.
    once = len(block) > _MAX_KEPT or b"boundary=" in block
    return Headers.parse(block) if once else _parse(block), block


@lru_cache(_KEPT)
def _parse(block: bytes) -> Headers:
    return Headers.parse(block)


def _block_that_came(source: Source) -> bytes | None:
    """Take the block in one step, if all of it is there: it mostly is."""
    octets, start = source.octets, source.position
    end = _BLOCK_END.search(octets, start, start + MAX_BLOCK)
    if end is None or octets.startswith((b"\r\n", b"\n"), start):
        return None
    return source.take(end.end() - start)


def _block_in_lines(source: Source) -> Wait[bytes]:
    lines: list[bytes] = []
    size = 0
    while True:
        line = yield from source.line(MAX_BLOCK)
        lines.append(line)
        size += len(line)
        if size > MAX_BLOCK:
            raise LimitExceeded(f"a header block of more than {MAX_BLOCK} octets")
        if not line or line in _EMPTY_LINES:
            return b"".join(lines)


def begins_with_headers(source: Source) -> Wait[bool]:
    """Look whether an entity begins with a field or an empty line, without reading it.

    Some products encrypt bare EDI data, with no header block at all (MIME-23).
    """
    head = yield from source.peek(_GLANCE)
    return _FIRST_FIELD.match(head) is not None
