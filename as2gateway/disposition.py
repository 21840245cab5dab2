"""Dispositions, what an MDN says became of a message: RFC 4130 section 7.5, RFC 3798 section 3.2.6.

Written in exactly one form, read in all forms that products are known to write (MDR-10, MDR-11).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from as2gateway.errors import AS2Error, MalformedMDN

#: AS2 knows no MDN sent by hand (RFC 4130 §7.4.4, MDN-18)
_MODE = "automatic-action/MDN-sent-automatically"


class DispositionType(StrEnum):
    """Whether the message was processed; ``failed`` if the MDN request is at fault (MDN-19)."""

    PROCESSED = "processed"
    FAILED = "failed"


class Level(StrEnum):
    """How bad a modifier is."""

    ERROR = "error"
    FAILURE = "failure"
    WARNING = "warning"


_CFWS = r"(?:\s|\([^()]*\))*+"  # blanks and comments (RFC 3798 §3.1.1)
_FIELD = re.compile(rf"(?:[^;]*;)?{_CFWS}(?P<type>[A-Za-z-]++){_CFWS}(?P<modifier>.*)", re.DOTALL)
_MODIFIER = re.compile(
    rf"/{_CFWS}(?P<level>error|failure|warning)(?![A-Za-z-]){_CFWS}(?P<rest>[:;=,]?\s*(?P<text>.*))",
    re.DOTALL | re.IGNORECASE,
)
# A second modifier after a comma, or after what some put for one; its level counts if it is worse
# (RFC 3798 §3.2.6).
_WORSE = re.compile(
    r"[,;/]\s*(?:(?:processed|failed)\s*/\s*)?(error|failure)\s*(?:[:;=,]|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Disposition:
    """The verdict of an MDN; ``text`` is the modifier, for example ``decryption-failed``."""

    type: DispositionType
    level: Level | None = None
    text: str = ""

    @staticmethod
    def for_error(error: AS2Error | None) -> "Disposition":
        """What to answer for what went wrong; None is success."""
        if error is None:
            return _PROCESSED
        level = Level(error.severity)
        failed = level is Level.FAILURE
        kind = DispositionType.FAILED if failed else DispositionType.PROCESSED
        return Disposition(kind, level, error.modifier)

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read a Disposition field; MalformedMDN if there is nothing to read.

        What is not understood is negative and kept as text: never is a doubtful answer positive.
        """
        match = _FIELD.fullmatch(value.strip())
        if match is None:
            raise MalformedMDN(f"unreadable Disposition {value[:200]!r}")
        word, modifier = match["type"].lower(), match["modifier"].rstrip(" \t\r\n;,.")
        if word not in set(DispositionType):
            return cls(DispositionType.FAILED, None, value.strip())
        kind = DispositionType(word)
        if not modifier and not match["modifier"].startswith("/"):
            return cls(kind)
        return cls(kind, *_read_modifier(modifier))

    @property
    def positive(self) -> bool:
        """Whether the partner has taken the message: processed, at most with a warning (MDR-10)."""
        return (self.type, self.level) in _POSITIVE

    @property
    def modified_type(self) -> str:
        """Type and modifier without the mode: ``processed/error: decryption-failed``."""
        modifier = f"/{self.level}" if self.level else ""
        return f"{self.type}{modifier}" + (f": {self.text}" if self.level and self.text else "")

    def __str__(self) -> str:
        return f"{_MODE}; {self.modified_type}"


_PROCESSED = Disposition(DispositionType.PROCESSED)
_POSITIVE = frozenset(
    {(DispositionType.PROCESSED, None), (DispositionType.PROCESSED, Level.WARNING)}
)


def _read_modifier(modifier: str) -> tuple[Level, str]:
    match = _MODIFIER.fullmatch(modifier)
    if match is None:
        # No known level (``processed/unsupported``): the word after the slash says what is wrong.
        return Level.ERROR, modifier.lstrip("/").strip()
    level, text = Level(match["level"].lower()), match["text"].strip()
    if level is Level.WARNING and (worse := _WORSE.search(match["rest"])):
        return Level(worse[1].lower()), text
    return level, text
