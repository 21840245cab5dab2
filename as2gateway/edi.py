"""EDI facts: what the first kilobytes of a payload say about the documents inside.

ANSI X12 (ISA, GS, ST segments) and UN/EDIFACT (UNA, UNB, UNH; ISO 9735), the numbers that business
people ask by, and what functional acknowledgements (997, 999, CONTRL) say. For lists, searches and
reminders only: nothing is refused for what is found or missing here, and nothing is translated.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from types import MappingProxyType

#: How many octets from the start of a payload are worth looking at: a shipping notice names its
#: orders behind the addresses of each.
HEAD = 32_768

#: References and acknowledgements of a payload that are read, and characters of each: the longest
#: order numbers have 35 (EDIFACT) and 50 (X12 release 5010).
_MOST = 50
_LONGEST = 60

#: An ISA segment has fixed places: 105 octets and its terminator (X12.5).
_ISA_LENGTH = 106
_ISA_ELEMENTS = 17
_X12_ISA_CONTROL, _X12_SENDER, _X12_RECEIVER = 13, 6, 8
_X12_GROUP_CONTROL = 6

#: Service characters when no UNA gives others (ISO 9735 §7): component, element, release, segment.
_EDIFACT_DEFAULT = ":+.? '"
_UNA_LENGTH = 9


class Standard(StrEnum):
    """The syntax of an interchange."""

    UNKNOWN = ""
    X12 = "X12"
    EDIFACT = "EDIFACT"
    XML = "XML"


class ReferenceKind(StrEnum):
    """What a number in a document numbers."""

    ORDER = "order"
    INVOICE = "invoice"
    SHIPMENT = "shipment"


class Acceptance(StrEnum):
    """What a functional acknowledgement says of the documents that it answers."""

    ACCEPTED = "accepted"
    WITH_ERRORS = "accepted with errors"
    PARTLY = "partly accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Reference:
    """A number by which business people know a document."""

    kind: ReferenceKind
    value: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One answer of a functional acknowledgement: to an X12 group, or an EDIFACT interchange."""

    #: the group's or interchange's control number, as the acknowledgement repeats it
    control_number: str
    acceptance: Acceptance


@dataclass(frozen=True, slots=True)
class EDIFacts:
    """What a document says; empty where it does not."""

    standard: Standard = Standard.UNKNOWN
    #: transaction set or message type: ``850``, ``ORDERS``, the root element
    type: str = ""
    control_number: str = ""
    sender: str = ""
    receiver: str = ""
    #: control number of the first functional group; EDIFACT has groups seldom, and none is read
    group_number: str = ""
    references: tuple[Reference, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()


#: A segment: its elements, the first of which is its name; each is a list of components.
_Segment = list[list[str]]

#: where transaction sets have their numbers (X12 004010 to 008010): segment → element, kind
_X12_REFERENCES: Mapping[str, tuple[tuple[int, ReferenceKind], ...]] = MappingProxyType(
    {
        "BEG": ((3, ReferenceKind.ORDER),),  # 850
        "BAK": ((3, ReferenceKind.ORDER),),  # 855
        "BCH": ((3, ReferenceKind.ORDER),),  # 860
        "BCA": ((3, ReferenceKind.ORDER),),  # 865
        "BSN": ((2, ReferenceKind.SHIPMENT),),  # 856
        "PRF": ((1, ReferenceKind.ORDER),),  # 856, each order
        "BIG": ((2, ReferenceKind.INVOICE), (4, ReferenceKind.ORDER)),  # 810
        "G50": ((3, ReferenceKind.ORDER),),  # 875
        "W05": ((2, ReferenceKind.ORDER), (3, ReferenceKind.ORDER)),  # 940
        "W06": ((2, ReferenceKind.ORDER), (4, ReferenceKind.SHIPMENT)),  # 945
    }
)
#: qualifiers of REF segments (X12, element 128)
_X12_QUALIFIERS: Mapping[str, ReferenceKind] = MappingProxyType(
    {
        "PO": ReferenceKind.ORDER,
        "IV": ReferenceKind.INVOICE,
        "SI": ReferenceKind.SHIPMENT,
    }
)
#: AK901, the verdict on a group (X12, element 715)
_AK901: Mapping[str, Acceptance] = MappingProxyType(
    {
        "A": Acceptance.ACCEPTED,
        "E": Acceptance.WITH_ERRORS,
        "P": Acceptance.PARTLY,
        "R": Acceptance.REJECTED,
        "M": Acceptance.REJECTED,
        "W": Acceptance.REJECTED,
        "X": Acceptance.REJECTED,
    }
)
#: message types whose own number (BGM, 1004) is one that people ask by
_EDIFACT_OWN: Mapping[str, ReferenceKind] = MappingProxyType(
    {
        "ORDERS": ReferenceKind.ORDER,
        "ORDCHG": ReferenceKind.ORDER,
        "INVOIC": ReferenceKind.INVOICE,
        "DESADV": ReferenceKind.SHIPMENT,
    }
)
#: qualifiers of RFF segments (EDIFACT, 1153)
_EDIFACT_QUALIFIERS: Mapping[str, ReferenceKind] = MappingProxyType(
    {
        "ON": ReferenceKind.ORDER,
        "IV": ReferenceKind.INVOICE,
        "AAK": ReferenceKind.SHIPMENT,
    }
)
#: the action on an interchange (EDIFACT, 0083)
_UCI_ACTIONS: Mapping[str, Acceptance] = MappingProxyType(
    {"4": Acceptance.REJECTED, "7": Acceptance.ACCEPTED, "8": Acceptance.ACCEPTED}
)

#: What the names of segments begin with that are looked into; most of a document is others.
_X12_READ = ("ST", "GS", "REF", "AK1", "AK9", *_X12_REFERENCES)
_EDIFACT_READ = ("UNB", "UNH", "BGM", "RFF", "UCI")

#: Types of documents that acknowledge others; they are not acknowledged themselves.
ACKNOWLEDGEMENTS = frozenset({"997", "999", "CONTRL"})


def sniff(head: bytes) -> EDIFacts:
    """Read the first octets of a payload; never raises."""
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
    segments = [
        [[element.strip()] for element in segment.split(separator)]
        for segment in _readable(text.split(terminator)[1:], _X12_READ)
    ]
    return EDIFacts(
        Standard.X12,
        _value(_named(segments, "ST"), 1),
        isa[_X12_ISA_CONTROL].strip(),
        isa[_X12_SENDER].strip(),
        isa[_X12_RECEIVER].strip(),
        _value(_named(segments, "GS"), _X12_GROUP_CONTROL),
        _kept(_x12_references(segments)),
        tuple(islice(_x12_acknowledged(segments), _MOST)),
    )


def _x12_references(segments: Iterable[_Segment]) -> Iterator[Reference]:
    for segment in segments:
        name = _value(segment, 0)
        if name == "REF" and (kind := _X12_QUALIFIERS.get(_value(segment, 1))):
            yield Reference(kind, _value(segment, 2))
        for place, kind in _X12_REFERENCES.get(name, ()):
            yield Reference(kind, _value(segment, place))


def _x12_acknowledged(segments: Iterable[_Segment]) -> Iterator[Acknowledged]:
    group = ""
    for segment in segments:
        name = _value(segment, 0)
        if name == "AK1":
            group = _value(segment, 2)
        elif name == "AK9" and group and (verdict := _AK901.get(_value(segment, 1))):
            yield Acknowledged(group, verdict)
            group = ""


def _edifact(text: str) -> EDIFacts:
    service = _EDIFACT_DEFAULT
    if text.startswith("UNA") and len(text) >= _UNA_LENGTH:
        service, text = text[3:_UNA_LENGTH], text[_UNA_LENGTH:].lstrip()
    component, element, release, terminator = service[0], service[1], service[3], service[5]
    segments = [
        [_components(part, component, release) for part in _split(segment, element, release)]
        for segment in _readable(_split(text, terminator, release), _EDIFACT_READ)
    ]
    unb, kind = _named(segments, "UNB"), _value(_named(segments, "UNH"), 2)
    return EDIFacts(
        Standard.EDIFACT,
        kind,
        _value(unb, 5),
        _value(unb, 2),
        _value(unb, 3),
        references=_kept(_edifact_references(segments)),
        acknowledged=tuple(islice(_edifact_acknowledged(segments), _MOST)),
    )


def _edifact_references(segments: Iterable[_Segment]) -> Iterator[Reference]:
    type_now = ""
    for segment in segments:
        name = _value(segment, 0)
        if name == "UNH":
            type_now = _value(segment, 2)
        elif name == "BGM" and (kind := _EDIFACT_OWN.get(type_now)):
            yield Reference(kind, _value(segment, 2))
        elif name == "RFF" and (kind := _EDIFACT_QUALIFIERS.get(_value(segment, 1))):
            yield Reference(kind, _value(segment, 1, 1))


def _edifact_acknowledged(segments: Iterable[_Segment]) -> Iterator[Acknowledged]:
    for segment in segments:
        if _value(segment, 0) == "UCI" and (verdict := _UCI_ACTIONS.get(_value(segment, 4))):
            yield Acknowledged(_value(segment, 1), verdict)


def _readable(segments: Iterable[str], names: tuple[str, ...]) -> Iterator[str]:
    """Those segments, without the line ends around them, that may have one of the names."""
    return (text for segment in segments if (text := segment.strip()).startswith(names))


def _named(segments: Iterable[_Segment], name: str) -> _Segment:
    return next((segment for segment in segments if _value(segment, 0) == name), [])


def _value(segment: _Segment, place: int, component: int = 0) -> str:
    """Return what stands at a place of a segment; empty if it is shorter."""
    parts = segment[place] if place < len(segment) else []
    return parts[component] if component < len(parts) else ""


def _kept(found: Iterable[Reference]) -> tuple[Reference, ...]:
    """Each number once, in the order of the document; none that no number could be."""
    plausible = (
        each for each in found if 0 < len(each.value) <= _LONGEST and each.value.isprintable()
    )
    return tuple(islice(dict.fromkeys(plausible), _MOST))


def _split(text: str, separator: str, release: str) -> list[str]:
    """Cut at separators that no release character stands before."""
    if release.isspace():
        return text.split(separator)
    if release in text:
        escape, cut = re.escape(release), re.escape(separator)
        # Possessive: n characters cost O(n).
        pieces = re.findall(f"((?:[^{escape}{cut}]++|{escape}.?)*+)(?:{cut}|$)", text, re.DOTALL)
    else:
        pieces = text.split(separator)
    return pieces[:-1] if len(pieces) > 1 and not pieces[-1] else pieces


def _components(part: str, component: str, release: str) -> list[str]:
    values = _split(part, component, release)
    if release.isspace() or release not in part:
        return values
    released = re.compile(f"{re.escape(release)}(.)", re.DOTALL)
    return [released.sub(r"\1", value) for value in values]


def _xml(text: str) -> EDIFacts:
    root = re.search(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)", text)
    return EDIFacts(Standard.XML, root[1] if root else "")
