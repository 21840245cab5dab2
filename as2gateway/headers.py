"""Header fields of HTTP requests and MIME entities, in the order and spelling in which they came.

RFC 9110 section 5 and RFC 2045. Lines are split on CR LF or LF and on nothing else; folds are read
and never written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from as2gateway.errors import LimitExceeded, MalformedMessage

#: Bytes of one header block, and fields in it: what HTTP servers accept at the most (threats R1).
MAX_BLOCK = 64 * 1024
MAX_FIELDS = 100

# Never str.strip() alone: it takes 0x85 and others for blanks too (MIME-25).
_BLANKS = " \t"
_LINE_END = re.compile(r"\r?\n")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Headers:
    """An ordered list of fields; look-ups ignore the case of names."""

    fields: tuple[tuple[str, str], ...] = ()
    # A message is asked some forty times for fields: each look-up is one step.
    _values: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values: dict[str, tuple[str, ...]] = {}
        for name, value in self.fields:
            key = name.lower()
            values[key] = (*values.get(key, ()), value)
        object.__setattr__(self, "_values", values)

    @classmethod
    def parse(cls, block: bytes) -> Self:
        """Read a header block without its closing empty line.

        A folded line joins the one before it with one space (RFC 2616 §2.2); a TAB inside a value,
        the trace of a fold badly undone, counts as a space (HTTP-23). Bytes are read as Latin-1.
        Raises MalformedMessage for a line that is no field, LimitExceeded for too many.
        """
        if len(block) > MAX_BLOCK:
            raise LimitExceeded(f"header block of {len(block)} bytes, {MAX_BLOCK} are allowed")
        fields: list[tuple[str, str]] = []
        for line in _LINE_END.split(block.decode("latin-1").rstrip("\r\n")):
            if not line:
                continue
            if line[0] in " \t" and fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip(_BLANKS)}".strip(_BLANKS))
                continue
            fields.append(_read_field(line))
            if len(fields) > MAX_FIELDS:
                raise LimitExceeded(f"more than {MAX_FIELDS} header fields")
        return cls(tuple(fields))

    def get(self, name: str, default: str | None = None) -> str | None:
        """Value of the first field of that name."""
        values = self._values.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> tuple[str, ...]:
        """Values of all fields of that name, in order."""
        return self._values.get(name.lower(), ())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def with_field(self, name: str, value: str) -> Self:
        """These fields and one more at the end."""
        return type(self)((*self.fields, (name, value)))

    def encode(self) -> bytes:
        """Field lines, each ended by CR LF, without the closing empty line; never folded (HTTP-22).

        Raises ValueError for a name or value that would break out of its line.
        """
        lines = []
        for name, value in self.fields:
            if not _NAME.fullmatch(name) or _UNSAFE.search(value):
                raise ValueError(f"header field {name!r} cannot be sent: {value!r}")
            lines.append(f"{name}: {value}\r\n")
        return "".join(lines).encode("latin-1")


def _read_field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name.rstrip(_BLANKS)):
        raise MalformedMessage(f"not a header field: {line[:80]!r}")
    return name.rstrip(_BLANKS), value.replace("\t", " ").strip(_BLANKS)
