"""X.500 names as certificates hold them: in words (RFC 4514), and compared (CMS-18)."""

from collections.abc import Mapping
from types import MappingProxyType

from as2gateway import ber
from as2gateway.ber import Node
from as2gateway.errors import MalformedMessage

#: how the string types of X.680 that names use are encoded; any other is read as UTF-8
_ENCODINGS: Mapping[int, str] = MappingProxyType(
    {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}  # BMPString, UniversalString, T61String
)

#: RFC 4514 §3, and the name everybody knows for an e-mail address
_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "2.5.4.3": "CN",
        "2.5.4.6": "C",
        "2.5.4.7": "L",
        "2.5.4.8": "ST",
        "2.5.4.9": "STREET",
        "2.5.4.10": "O",
        "2.5.4.11": "OU",
        "0.9.2342.19200300.100.1.1": "UID",
        "0.9.2342.19200300.100.1.25": "DC",
        "1.2.840.113549.1.9.1": "emailAddress",
    }
)

_ESCAPED = frozenset('"+,;<>\\')

#: one attribute of a name: its type, dotted, and its value
Attribute = tuple[str, str]


def attributes(name: Node) -> list[list[Attribute]]:
    """Attributes of a Name, one list for each of its relative names. Raises MalformedMessage."""
    return [
        [_attribute(pair) for pair in relative.expect(ber.SET).children]
        for relative in name.expect(ber.SEQUENCE).children
    ]


def _attribute(pair: Node) -> Attribute:
    fields = pair.fields()
    name, value = fields.take(ber.OID), fields.any()
    return name.oid(), value.content.decode(_ENCODINGS.get(value.tag, "utf-8"), errors="replace")


def text(name: Node) -> str:
    """The name as RFC 4514 writes it: ``CN=partner,O=Company,C=DE``, the last attribute first."""
    return ",".join(
        "+".join(f"{_SHORT.get(kind, kind)}={_escape(value)}" for kind, value in relative)
        for relative in reversed(attributes(name))
    )


def _escape(value: str) -> str:
    escaped = "".join(f"\\{mark}" if mark in _ESCAPED else mark for mark in value)
    escaped = escaped.replace("\0", "\\00")
    if escaped[:1] in {"#", " "}:
        escaped = f"\\{escaped}"
    if escaped.endswith(" ") and len(value) > 1:
        escaped = f"{escaped[:-1]}\\ "
    return escaped


def same(one: bytes, other: bytes) -> bool:
    """Whether two encoded Names are one name: string types, order, case and blanks do not count."""
    if one == other:
        return True
    try:
        return _folded(one) == _folded(other)
    except MalformedMessage:
        return False


def _folded(encoded: bytes) -> list[Attribute]:
    return sorted(
        (kind, " ".join(value.casefold().split()))
        for relative in attributes(ber.parse(encoded))
        for kind, value in relative
    )
