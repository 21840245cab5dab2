"""Character sets by the names that others give them; Python's codecs are not to be asked for those.

Some of its codecs are no character sets and fail in ways of their own. And it looks for a module by
any name that it is given, and remembers for ever which it has not found.
"""

from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from types import MappingProxyType
from typing import Final

_NO_TEXT: Final = frozenset(
    {
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "mbcs",
        "quopri_codec",
        "rot_13",
        "uu_codec",
        "zlib_codec",
    }
)
#: Character sets of which Python has no other name.
_BY_ONE_NAME: Final = ("cp874", "koi8_t", "koi8_u", "utf_8_sig")
_TEXT: Final = frozenset({*aliases.values(), *_BY_ONE_NAME}) - _NO_TEXT
_CODECS: Final[Mapping[str, str]] = MappingProxyType(
    {codec: codec for codec in _TEXT}
    | {alias: codec for alias, codec in aliases.items() if codec in _TEXT}
)


def codec_of(charset: str) -> str:
    """Name the codec that decodes a character set; that of UTF-8 for one that nobody knows."""
    return _CODECS.get(normalize_encoding(charset).lower(), "utf-8")
