"""The header block of a MIME entity: RFC 2045 section 3."""

import re

from as2gateway.errors import LimitExceeded
from as2gateway.headers import MAX_BLOCK, Headers
from as2gateway.stream import Source, Wait

_EMPTY_LINES = frozenset({b"\r\n", b"\n"})
# Names of MIME fields have letters, digits and hyphens only. EDIFACT begins with ``UNB+UNOA:`` or
# with ``UNA:``, which the grammar of fields would allow.
_FIRST_FIELD = re.compile(rb"(?!UNA:)[A-Za-z][A-Za-z0-9_-]{,63}[ \t]{,8}:|\r?\n")

#: No name of a MIME field is longer: enough to tell a field from EDI data.
_GLANCE = 80


def read_headers(source: Source) -> Wait[tuple[Headers, bytes]]:
    r"""Read the fields of an entity, and the octets of its header block with the empty line.

    ``b"\r\n"`` alone is a block without fields (MIME-14). Lines end in CR LF or LF (MIME-25). An
    entity may end without an empty line: then it has no body. MalformedMessage or LimitExceeded if
    these are no fields, or too many.
    """
    lines: list[bytes] = []
    size = 0
    while True:
        line = yield from source.line(MAX_BLOCK)
        lines.append(line)
        size += len(line)
        if size > MAX_BLOCK:
            raise LimitExceeded(f"a header block of more than {MAX_BLOCK} octets")
        if not line or line in _EMPTY_LINES:
            block = b"".join(lines)
            return Headers.parse(block), block


def begins_with_headers(source: Source) -> Wait[bool]:
    """Look whether an entity begins with a field or an empty line, without reading it.

    Some products encrypt bare EDI data, with no header block at all (MIME-23).
    """
    head = yield from source.peek(_GLANCE)
    return _FIRST_FIELD.match(head) is not None
