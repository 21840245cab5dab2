"""Header fields of HTTP requests and MIME entities, in the order and spelling in which they came.

RFC 9110 section 5 and RFC 2045. Lines are split on CR LF or LF and on nothing else; folds are read
and never written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from as2gateway.errors import LimitExceeded, MalformedMessage

#: Bytes of one header block, and fields in it: what HTTP servers accept at the most (threats R1).
MAX_BLOCK = 64 * 1024
MAX_FIELDS = 100

#: names of fields that are kept, once written: some dozens are in use
_KEPT_NAMES = 128

# Never str.strip() alone: it takes 0x85 and others for blanks too (MIME-25).
_BLANKS = " \t"
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_PRINTABLE = bytes(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class Headers:
    """An ordered list of fields; look-ups ignore the case of names."""

    fields: tuple[tuple[str, str], ...] = ()
    # What is received is asked some twenty times for fields: each look-up is one step. What is
    # written never is. Threads share what is remembered, so an index is there as a whole or not.
    _index: Mapping[str, tuple[str, ...]] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @classmethod
    def parse(cls, block: bytes) -> Self:
        """Read a header block without its closing empty line.

        A folded line joins the one before it with one space (RFC 2616 §2.2); a TAB inside a value,
        the trace of a fold badly undone, counts as a space (HTTP-23). Bytes are read as Latin-1.
        Raises MalformedMessage for a line that is no field, LimitExceeded for too many.
        """
        if len(block) > MAX_BLOCK:
            raise LimitExceeded(f"header block of {len(block)} bytes, {MAX_BLOCK} are allowed")
        #: name, value, and what is folded under it
        fields: list[list[str]] = []
        for ended in block.decode("latin-1").rstrip("\r\n").split("\n"):
            line = ended.removesuffix("\r")
            if not line:
                continue
            if line[0] in " \t" and fields:
                fields[-1].append(line.strip(_BLANKS))
                continue
            fields.append(_read_field(line))
            if len(fields) > MAX_FIELDS:
                raise LimitExceeded(f"more than {MAX_FIELDS} header fields")
        return cls(tuple([(name, _unfold(values)) for name, *values in fields]))

    def get(self, name: str, default: str | None = None) -> str | None:
        """Value of the first field of that name."""
        values = (self._index or self._indexed()).get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> tuple[str, ...]:
        """Values of all fields of that name, in order."""
        return self._indexed().get(name.lower(), ())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._indexed()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    @property
    def repeats(self) -> bool:
        """Whether there is more than one field of some name."""
        return len(self._indexed()) < len(self.fields)

    def _indexed(self) -> Mapping[str, tuple[str, ...]]:
        """All values of each field, by its name in lower case."""
        if self._index is not None:
            return self._index
        index: dict[str, tuple[str, ...]] = {}
        for name, value in self.fields:
            key = name.lower()
            index[key] = (*index[key], value) if key in index else (value,)
        object.__setattr__(self, "_index", index)
        return index

    def with_field(self, name: str, value: str) -> Self:
        """These fields and one more at the end."""
        return type(self)((*self.fields, (name, value)))

    def encode(self) -> bytes:
        """Field lines, each ended by CR LF, without the closing empty line; never folded (HTTP-22).

        Raises ValueError for a name or value that would break out of its line.
        """
        safe = is_printable("".join([value for _, value in self.fields]))
        for name, value in self.fields:
            if not _is_name(name) or (not safe and _UNSAFE.search(value)):
                raise ValueError(f"header field {name!r} cannot be sent: {value!r}")
        return "".join([f"{name}: {value}\r\n" for name, value in self.fields]).encode("latin-1")


def is_printable(text: str) -> bool:
    """Whether all of it is printable ASCII; of long text ``str.isprintable`` says it slowly."""
    return text.isascii() and not text.encode("ascii").translate(None, _PRINTABLE)


@lru_cache(_KEPT_NAMES)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _read_field(line: str) -> list[str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(_BLANKS)
    if not colon or not _NAME.fullmatch(name):
        raise MalformedMessage(f"not a header field: {line[:80]!r}")
    return [name, value.replace("\t", " ").strip(_BLANKS)]


def _unfold(values: list[str]) -> str:
    # All at once: a line for each few octets would cost the square of their number otherwise.
    return values[0] if len(values) == 1 else " ".join(filter(None, values))
