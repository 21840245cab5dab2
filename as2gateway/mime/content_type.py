"""Content types and their parameters: RFC 2045 section 5, read as products write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"\s*({_WORD}/{_WORD})(?=[\s;]|$)")
# One parameter, or what stands where one should be. Possessive, and matched only where the last
# match ended: a header of n characters costs O(n).
_PARAMETER = re.compile(
    r"""[;\s]*+ (?:
      (?P<name>[^\s=;"]++) \s*+ = \s*+
      (?: ""(?P<doubled>[^";]++)"" | "(?P<quoted>(?:[^"\\]++|\\.)*+)" | (?P<bare>[^;]*+) )
      | [^;]*+ )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\])')

#: what an entity is called that is CMS
PKCS7_MIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_PKCS7_SIGNATURE = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pkcs-7-signature",  # RFC 4130 §7.1 spells it so
    }
)


# A partner repeats itself from message to message: only boundaries are new each time.
@lru_cache(maxsize=64)
def read_parameters(text: str) -> Mapping[str, str]:
    r"""Read ``; name=value`` pairs, names in lower case; of a repeated name the first counts.

    Values may be quoted, in doubled quotes, or bare up to the next semicolon (MIME-10, FN-03). Only
    ``\"`` and ``\\`` are escapes: a Windows path in a file name keeps its backslashes.
    """
    return _parameters(text)


def _parameters(text: str) -> Mapping[str, str]:
    """Read them anew, for whom remembers the whole field."""
    parameters: dict[str, str] = {}
    # It matches wherever the last match ended: what is no parameter is taken up to the semicolon.
    for name, doubled, quoted, bare in _PARAMETER.findall(text):
        if name:
            value = _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted
            parameters.setdefault(name.lower(), value or doubled or bare.strip().strip('"'))
    return MappingProxyType(parameters)


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type in lower case, and its parameters by lower-case name."""

    type: str
    parameters: Mapping[str, str] = field(default_factory=lambda: _NO_PARAMETERS)

    # Partners repeat themselves, as ever.
    @staticmethod
    @lru_cache(maxsize=64)
    def parse(value: str | None) -> "ContentType":
        """Read a Content-Type field; never fails.

        No field means text/plain (RFC 2045 §5.2, MIME-14). A value that names no type, such as
        ``application/application/EDIFACT``, is application/octet-stream (MIME-24).
        """
        if value is None:
            return ContentType("text/plain")
        match = _TYPE.match(value)
        if match is None:
            return ContentType("application/octet-stream", _parameters(value.partition(";")[2]))
        return ContentType(match[1].lower(), _parameters(value[match.end() :]))

    def get(self, name: str) -> str | None:
        """Value of a parameter; ``name`` in lower case."""
        return self.parameters.get(name)

    @property
    def is_multipart(self) -> bool:
        """Whether the body is split by a boundary."""
        return self.type.startswith("multipart/")

    @property
    def boundary(self) -> str:
        """The boundary of a multipart; empty if there is none."""
        return self.parameters.get("boundary", "")

    def __str__(self) -> str:
        return self.type


def is_pkcs7_mime(content_type: ContentType, disposition: str | None = None) -> bool:
    """Whether the body claims to be CMS; which kind, only its object identifier says (MIME-09).

    ``disposition`` is the entity's Content-Disposition: some products send
    application/octet-stream and only the file name tells (RFC 8551 §3.10).
    """
    return content_type.type in PKCS7_MIME or _named(content_type, disposition, ".p7m", ".p7z")


def is_pkcs7_signature(content_type: ContentType, disposition: str | None = None) -> bool:
    """Whether this is the second part of a multipart/signed, in any spelling (MIME-08)."""
    return content_type.type in _PKCS7_SIGNATURE or _named(content_type, disposition, ".p7s")


def _named(content_type: ContentType, disposition: str | None, *endings: str) -> bool:
    if content_type.type != "application/octet-stream":
        return False
    attached = read_parameters((disposition or "").partition(";")[2]).get("filename", "")
    name = content_type.parameters.get("name", "")
    return attached.lower().endswith(endings) or name.lower().endswith(endings)
