"""Names that partners choose, made safe for file systems (threats R21, HDR-17).

Our own files are stored under names of ours (see ``store``); these are for the folders that people
and their programs look into: inbox and outbox. A bad name never refuses a document.
"""

import hashlib
import re
import unicodedata
from urllib.parse import quote

from audit.texts import storable

#: Bytes of a folder's name; file systems take 255, and a temporary name adds to it.
_FOLDER_BYTES = 200
#: Bytes of a file's name (threats R21): leaves room for what the business side adds.
_FILE_BYTES = 100
#: Hexadecimal digits that tell apart files of one name.
_MARK_DIGITS = 8

#: Bytes of a file's name that any file system takes
_MOST_BYTES = 255

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


def folder_name(as2_id: str) -> str:
    """Name the folder of an AS2 id: readable, and never the same for two ids.

    What is unsafe is percent-encoded, also a dot or dash in front. An AS2 id may have 128
    characters (RFC 4130 §6.2), thrice that when encoded: a long one is cut and told apart by
    its digest, after a ``~`` which no other name contains. Raises ValueError for an empty id.
    """
    if not as2_id:
        raise ValueError("an empty AS2 id names no folder")
    encoded = quote(as2_id, safe="").replace("~", "%7E")
    if encoded[0] in ".-":
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(encoded) <= _FOLDER_BYTES:
        return encoded
    digest = hashlib.sha256(as2_id.encode()).hexdigest()[:32]
    return f"{encoded[: _FOLDER_BYTES - len(digest) - 1]}~{digest}"


# What some file system forbids, and names of Windows' devices, whatever follows their dot.
_ILLEGAL = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|\A\.|[. ]\Z')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)


def is_usable(name: str) -> bool:
    """Whether a partner's file name, which is not empty, could be used on any file system as it is.

    Blanks and letters beyond ASCII may be in it, though ``file_name`` writes others for them.
    """
    too_long = len(name.encode("utf-8", "replace")) > _MOST_BYTES
    return not (too_long or _ILLEGAL.search(name) or _DEVICE.fullmatch(name))


def file_name(name: str) -> str:
    """Make a partner's file name safe: at most 100 bytes of ``A-Z a-z 0-9 . _ -``, no path."""
    stem, suffix = _split(name)
    return f"{stem[: _FILE_BYTES - len(suffix)]}{suffix}"


def marked_file_name(name: str, mark: str, number: int = 0) -> str:
    """Make a file name safe and unlike others: ``orders.edi`` becomes ``orders-0c8d1f2a.edi``.

    ``mark`` is hexadecimal and unique to the payload; its first eight digits are used, so that
    the name is the same at each try. ``number`` tells several documents of one payload apart,
    whatever their names are: ``orders-0c8d1f2a-2.edi``.
    """
    stem, suffix = _split(name)
    counted = f"-{number}" if number else ""
    ending = f"-{mark[:_MARK_DIGITS]}{counted}{suffix}"
    return f"{stem[: _FILE_BYTES - len(ending)]}{ending}"


def _split(name: str) -> tuple[str, str]:
    # The last part of a path in either notation; senders on Windows write whole paths.
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    safe = _UNSAFE.sub("_", last).strip("._-")
    stem, dot, ending = safe.rpartition(".")
    suffix = f"{dot}{ending}"
    if stem and _SUFFIX.fullmatch(suffix):
        return stem, suffix
    return safe or "document", ""


def storable_name(name: str) -> str:
    """Shorten a partner's file name for a column; its end is kept, which says what it is."""
    return storable(name.replace("\0", ""))[-255:]
