"""File names of payloads, in all the ways in which they are written: RFC 2183, 2231, 2047 and 8187.

What comes out is what the sender meant, not what may be used: it can hold directories, control
characters or nothing at all.
"""

import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from as2gateway.headers import Headers
from as2gateway.mime.charsets import codec_of
from as2gateway.mime.content_type import ContentType, read_parameters

#: Names of the security layers, never of a payload (FN-01).
_LAYER_NAMES = frozenset({"smime.p7m", "smime.p7s", "smime.p7z"})

#: Pieces of a name that RFC 2231 continues over several parameters; more than any name needs.
_MAX_PIECES = 50

_ENDS_A_TOKEN = re.compile(r'[\s";,\\]')

_ENCODED_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=(?:\s+(?==\?))?")


def filename(headers: Headers) -> str:
    """Name of the payload as its sender wrote it; empty if none is given.

    The Content-Disposition decides, then the ``name`` of the Content-Type (FN-01).
    """
    return _filename(headers.get("Content-Disposition") or "", headers.get("Content-Type"))


# Many partners name no file, or all by one name.
@lru_cache(maxsize=64)
def _filename(disposition: str, content_type: str | None) -> str:
    attached = read_parameters(disposition.partition(";")[2])
    named = ContentType.parse(content_type).parameters
    for parameters, parameter in ((attached, "filename"), (named, "name")):
        name = _read(parameters, parameter)
        if name and name.lower() not in _LAYER_NAMES:
            return name
    return ""


def _read(parameters: Mapping[str, str], name: str) -> str:
    """Read a parameter in its best form: extended, continued, or plain (RFC 2231, RFC 8187)."""
    if extended := parameters.get(f"{name}*"):
        return _decode_extended(extended)
    if f"{name}*0" in parameters or f"{name}*0*" in parameters:
        return _join(parameters, name)
    return _decode_plain(parameters.get(name, ""))


def _join(parameters: Mapping[str, str], name: str) -> str:
    octets = b""
    charset = "utf-8"
    for number in range(_MAX_PIECES):
        encoded = parameters.get(f"{name}*{number}*")
        plain = parameters.get(f"{name}*{number}")
        if encoded is None and plain is None:
            break
        if encoded is None:
            octets += (plain or "").encode("latin-1", "replace")
            continue
        if number == 0:
            charset, encoded = _split_charset(encoded)
        octets += unquote_to_bytes(encoded.encode("latin-1", "replace"))
    return _decode_octets(octets, charset)


def _decode_extended(value: str) -> str:
    charset, text = _split_charset(value)
    return _decode_octets(unquote_to_bytes(text.encode("latin-1", "replace")), charset)


def _split_charset(value: str) -> tuple[str, str]:
    """Split ``charset'language'text``; a value without them is taken as UTF-8."""
    charset, _, rest = value.partition("'")
    _, quote, text = rest.partition("'")
    return (charset or "utf-8", text) if quote else ("utf-8", value)


def _decode_plain(value: str) -> str:
    """Read a plain value: encoded words, or raw UTF-8 or Latin-1; ``%`` is only a character."""
    if _ENCODED_WORD.search(value):
        return _ENCODED_WORD.sub(_decode_word, value)
    return _decode_octets(value.encode("latin-1", "replace"), "utf-8")


def _decode_word(match: re.Match[str]) -> str:
    charset, kind, text = match[1].partition("*")[0], match[2].lower(), match[3]
    octets = text.encode("latin-1", "replace")
    try:
        if kind == "b":
            decoded = binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))
        else:
            decoded = binascii.a2b_qp(octets, header=True)
    except binascii.Error:
        return match[0]
    return _decode_octets(decoded, charset)


def _decode_octets(octets: bytes, charset: str) -> str:
    for encoding in (codec_of(charset), "utf-8"):
        try:
            return octets.decode(encoding)
        except UnicodeError:
            continue
    return octets.decode("latin-1")


def disposition(filename: str, *, quoted: bool = True) -> str:
    """Write the Content-Disposition that names a payload, quoted (FN-02).

    A name beyond ASCII is there a second time, in full (RFC 8187). Without quotes, characters that
    would end it are replaced.
    """
    plain = "".join(char if " " <= char <= "~" else "_" for char in filename)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    if not quoted:
        plain = _ENDS_A_TOKEN.sub("_", plain)
    field = f'attachment; filename="{escaped}"' if quoted else f"attachment; filename={plain}"
    if plain == filename:
        return field
    return f"{field}; filename*=utf-8''{quote(filename, safe='')}"
