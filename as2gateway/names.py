"""AS2 names, the values of AS2-From and AS2-To: RFC 4130 section 6.2.

A name is what stands in our database; a field value is how it is written on the wire, quoted only
where it must be. Names are compared octet for octet, with case and spaces (HDR-02, HDR-04).
"""

import re
from functools import lru_cache

#: RFC 4130 §6.2: 1 to 128 characters, counted after unquoting
MAX_LENGTH = 128

#: names kept read and written: partners come back
_KEPT = 256

_NAME = re.compile(r"[\x20-\x7e]+")
_UNQUOTED = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPE = re.compile(r'\\(["\\])')
_NEEDS_QUOTES = re.compile(r'[ "\\]')


def check_name(name: str) -> None:
    """Raise ValueError, in words for an operator, unless ``name`` is a legal AS2 name."""
    if not name:
        raise ValueError("an AS2 name has at least one character")
    if len(name) > MAX_LENGTH:
        raise ValueError(f"an AS2 name has at most {MAX_LENGTH} characters, not {len(name)}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"an AS2 name has only printable ASCII characters: {name!r}")


@lru_cache(_KEPT)
def quote(name: str) -> str:
    """Write a name as a field value, in quotes only where the grammar asks for them (HDR-03)."""
    check_name(name)
    if not _NEEDS_QUOTES.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@lru_cache(_KEPT)
def unquote(value: str) -> str:
    """Read a field value: ``"ABC"`` and ``ABC`` are one name. ValueError if it is none.

    A name with spaces and no quotes is illegal, but sent by several products: it is read as the
    whole value (HDR-06).
    """
    value = value.strip(" ")
    if quoted := _QUOTED.fullmatch(value):
        name = _ESCAPE.sub(r"\1", quoted[1])
    elif not value or _UNQUOTED.fullmatch(value):
        name = value
    else:
        raise ValueError(f"not an AS2 name: {value[:200]!r}")
    check_name(name)
    return name


def first_word(value: str) -> str | None:
    """Second guess at a name with spaces and no quotes, if the whole of it is unknown (HDR-06).

    None where the value is quoted or has no space: then there is nothing to guess.
    """
    value = value.strip(" ")
    word, space, _ = value.partition(" ")
    return word if space and not value.startswith('"') else None
