"""EDI envelope facts: what the first kilobytes of a payload say about the document inside.

ANSI X12 (ISA, GS, ST segments) and UN/EDIFACT (UNA, UNB, UNH; ISO 9735). Only for lists and
searches: nothing is refused for what is found or missing here, and nothing is translated.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

#: How many octets from the start of a payload are worth looking at.
HEAD = 4096

#: An ISA segment has fixed places: 105 octets and its terminator (X12.5).
_ISA_LENGTH = 106
_ISA_ELEMENTS = 17
_X12_ISA_CONTROL, _X12_SENDER, _X12_RECEIVER = 13, 6, 8

#: Service characters when no UNA gives others (ISO 9735 §7): component, element, release, segment.
_EDIFACT_DEFAULT = ":+.? '"
_UNA_LENGTH = 9


class Standard(StrEnum):
    """The syntax of an interchange."""

    UNKNOWN = ""
    X12 = "X12"
    EDIFACT = "EDIFACT"
    XML = "XML"


@dataclass(frozen=True, slots=True)
class EDIFacts:
    """What an envelope says; empty where it does not."""

    standard: Standard = Standard.UNKNOWN
    #: transaction set or message type: ``850``, ``ORDERS``, the root element
    type: str = ""
    control_number: str = ""
    sender: str = ""
    receiver: str = ""


def sniff(head: bytes) -> EDIFacts:
    """Read the envelope in the first octets of a payload; never raises."""
    text = head[:HEAD].decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip()
    if text.startswith("ISA") and len(text) >= _ISA_LENGTH:
        return _x12(text)
    if text.startswith(("UNA", "UNB")):
        return _edifact(text)
    if text.startswith("<"):
        return _xml(text)
    return EDIFacts()


def _x12(text: str) -> EDIFacts:
    separator, terminator = text[3], text[_ISA_LENGTH - 1]
    isa = text[: _ISA_LENGTH - 1].split(separator)
    if len(isa) != _ISA_ELEMENTS:
        return EDIFacts(Standard.X12)
    segments = (segment.strip().split(separator) for segment in text.split(terminator)[1:])
    kind = next((s[1] for s in segments if s[0] == "ST" and len(s) > 1), "")
    return EDIFacts(
        Standard.X12,
        kind.strip(),
        isa[_X12_ISA_CONTROL].strip(),
        isa[_X12_SENDER].strip(),
        isa[_X12_RECEIVER].strip(),
    )


def _edifact(text: str) -> EDIFacts:
    service = _EDIFACT_DEFAULT
    if text.startswith("UNA") and len(text) >= _UNA_LENGTH:
        service, text = text[3:_UNA_LENGTH], text[_UNA_LENGTH:].lstrip()
    component, element, release, terminator = service[0], service[1], service[3], service[5]
    segments = [
        [_first(part, component, release) for part in _split(segment.strip(), element, release)]
        for segment in _split(text, terminator, release)
    ]
    unb = next((s for s in segments if s[0] == "UNB"), [])
    unh = next((s for s in segments if s[0] == "UNH"), [])
    found = dict(enumerate(unb))
    return EDIFacts(
        Standard.EDIFACT,
        dict(enumerate(unh)).get(2, ""),
        found.get(5, ""),
        found.get(2, ""),
        found.get(3, ""),
    )


def _split(text: str, separator: str, release: str) -> list[str]:
    """Cut at separators that no release character stands before."""
    if release.isspace():
        return text.split(separator)
    escape, cut = re.escape(release), re.escape(separator)
    pieces = re.findall(f"((?:{escape}.|[^{cut}])*)(?:{cut}|$)", text, re.DOTALL)
    return pieces[:-1] if len(pieces) > 1 and not pieces[-1] else pieces


def _first(part: str, component: str, release: str) -> str:
    value = _split(part, component, release)[0]
    return value if release.isspace() else re.sub(f"{re.escape(release)}(.)", r"\1", value)


def _xml(text: str) -> EDIFacts:
    root = re.search(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)", text)
    return EDIFacts(Standard.XML, root[1] if root else "")
