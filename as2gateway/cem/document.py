"""XML without its dangers: elements, attributes and text, and nothing else of it.

By expat, which is in the standard library. Its callbacks refuse every document type declaration,
and with it entities of any kind, internal or external, before one is defined (CEM-05); so nothing
expands and nothing is fetched. What is left is bounded by the size of the octets.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from as2gateway.errors import UnusableExchange

#: Elements within elements; these messages need five.
_MAX_DEPTH = 12
_MAX_ELEMENTS = 5000
#: What expat reads by itself. For others it asks Python, which has codecs that are no encodings and
#: remembers each name that it was asked for.
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16be", "utf-16le", "us-ascii", "iso-8859-1"})
_SEPARATOR = "\n"  # cannot be in a namespace's name


@dataclass(slots=True)
class Element:
    """An element of XML."""

    namespace: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text, without blanks around."""
        return "".join(self.pieces).strip()

    def all(self, namespace: str, name: str) -> Iterator["Element"]:
        """The children of that name."""
        return (each for each in self.children if (each.namespace, each.name) == (namespace, name))

    def one(self, namespace: str, name: str) -> "Element":
        """The only child of that name; UnusableExchange if there are more or none."""
        found = list(self.all(namespace, name))
        if len(found) != 1:
            raise UnusableExchange(f"{self.name} has {len(found)} elements {name}, one is due")
        return found[0]


def read(octets: bytes, limit: int) -> Element:
    """Read a document of at most ``limit`` bytes; its root. Raises UnusableExchange."""
    if len(octets) > limit:
        raise UnusableExchange(f"XML of {len(octets)} bytes, {limit} are allowed")
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.XmlDeclHandler = _check_encoding
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.UnparsedEntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.SkippedEntityHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(octets, True)  # noqa: FBT003 - expat's signature
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UnusableExchange(f"XML that cannot be read: {error}") from error
    return builder.root


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise UnusableExchange(f"XML in the encoding {encoding[:40]!r}; send it in UTF-8")


def _refuse(*_declaration: object) -> int:
    raise UnusableExchange("XML with a document type declaration or entities")


class _Builder:
    """Puts elements together; the first is the root."""

    def __init__(self) -> None:
        self._top = Element("", "")
        self._open = [self._top]
        self._count = 0

    @property
    def root(self) -> Element:
        return self._top.children[0]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise UnusableExchange("XML of too many elements")
        namespace, _, local = name.rpartition(_SEPARATOR)
        element = Element(namespace, local, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        self._open[-1].pieces.append(data)
