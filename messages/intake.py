"""Intake: the header fields and the body of a request, read from WSGI's environment itself.

Django's own reader yields nothing for a chunked body and no error for one that was cut short, so
it is not used (docs/decisions/0004): octets come from ``wsgi.input``, and they are a body only if
their number is the declared one or the last chunk has come. Limits stand before reading (threats
R1); what cannot be a message is refused in plain text (RFC 4130 §5.4, HTTP-26).
"""

import functools
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self

from django.conf import settings

from as2gateway.headers import Headers
from messages import failpoints
from messages.watchdog import Watched, watchdog

Environ = Mapping[str, Any]

#: Fields that decide who sent what: two of one kind may be read in two ways (HDR-07, threats R2).
#: Content-Type and Content-Length are such, too, and the server itself refuses two of them.
SINGLE = ("AS2-From", "AS2-To", "Message-ID")
#: The field by which the server says which of those it has seen repeatedly.
REPEATED = "AS2-GATEWAY-REPEATED"

#: Bytes of the first reads, which also bounds what a slow peer is waited for, and of later ones.
_FIRST_READS = 64 * 1024
_LATER_READS = 256 * 1024
_WARMED_UP = 1024 * 1024
#: Digits of a length; more is an attack on ``int`` (leading zeros are legal, HTTP-08).
_LENGTH = re.compile(r"[0-9]{1,40}")
#: What leaves octets as they are; Apache Camel names the transfer encoding in Content-Encoding.
_NO_CODING = frozenset({"", "identity", "7bit", "8bit", "binary", "base64", "quoted-printable"})


class Refused(Exception):
    """A request that is no message: the HTTP status, words and fields to answer it with."""

    def __init__(self, status: HTTPStatus, reason: str, *fields: tuple[str, str]) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.fields = fields


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may cost: ``size`` in bytes; after ``grace`` seconds, ``min_rate`` bytes/s."""

    size: int
    min_rate: int
    grace: float

    @classmethod
    def from_settings(cls) -> Self:
        """What this installation allows a known partner."""
        return cls(settings.AS2_MAX_BODY, settings.AS2_MIN_RATE, settings.AS2_MIN_RATE_GRACE)

    def less(self, count: int) -> Self:
        """The same for a body of which so many bytes came before."""
        return replace(self, size=max(self.size - count, 0))

    def seconds(self, count: int) -> float:
        """How long that many bytes may take; a minimum rate of 0 is none."""
        return self.grace + count / self.min_rate if self.min_rate else math.inf


def read_headers(environ: Environ) -> Headers:
    """Take the request's header fields from the environment, names spelt as RFC 4130 spells them.

    The server has unfolded and joined them; a TAB left over counts as a space (HTTP-23). Raises
    Refused for more or longer fields than are allowed, and for two of a kind that must be one.
    """
    repeated = str(environ.get(f"HTTP_{REPEATED.replace('-', '_')}") or "")[:100]
    if repeated:
        raise Refused(HTTPStatus.BAD_REQUEST, f"More than one field came of: {repeated}.")
    fields = tuple(
        (_field_name(key), value.replace("\t", " ").strip())
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    )
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in fields)
    if len(fields) > settings.AS2_MAX_HEADERS or size > settings.AS2_MAX_HEADER_BYTES:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(fields)} header fields of {size} bytes are more than is accepted here.",
        )
    return Headers(fields)


def check_headers(headers: Headers) -> None:
    """Refuse a body that is coded: its octets would not be the message's."""
    coding = (headers.get("Content-Encoding") or "").strip().lower()
    if coding not in _NO_CODING:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding {coding[:40]!r} is not supported; send the message as it is.",
            ("Accept-Encoding", "identity"),  # HTTP-28
        )


def check_host(environ: Environ) -> None:
    """Refuse a request of HTTP/1.1 that does not say to whom it goes (RFC 9112 §3.2, HTTP-04)."""
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.1" and not environ.get("HTTP_HOST"):
        raise Refused(HTTPStatus.BAD_REQUEST, "A request of HTTP/1.1 needs a Host field.")


def declared_length(environ: Environ, limits: BodyLimits) -> int | None:
    """Say how long the body is to be; None if it comes in chunks. Raises Refused."""
    text = str(environ.get("CONTENT_LENGTH") or "")
    coding = str(environ.get("HTTP_TRANSFER_ENCODING") or "").strip().lower()
    if coding:
        _check_chunked(environ, coding, text)
        return None
    if not text:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length or chunks are needed.")
    # Some server or proxy may have joined repeated fields; equal ones are one (HTTP-08).
    values = {value.strip() for value in text.split(",")}
    if not all(_LENGTH.fullmatch(value) for value in values) or len(set(map(int, values))) > 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number.")
    length = int(values.pop())
    if length > limits.size:
        raise too_large(limits)
    return length


def read_body(
    environ: Environ, limits: BodyLimits, clock: Callable[[], float] = time.monotonic
) -> Iterator[bytes]:
    """Read the body piece by piece; raises Refused unless all of it comes, and in time.

    Only when the iterator has ended was the body whole.
    """
    length = declared_length(environ, limits)
    started, count = clock(), 0
    with _watched(environ) as watched:
        while length is None or count < length:
            wanted = _LATER_READS if count >= _WARMED_UP else _FIRST_READS
            wanted = wanted if length is None else min(wanted, length - count)
            watched.deadline = started + limits.seconds(count + wanted)
            data = _read(environ, wanted, watched)
            count += len(data)
            if watched.expired or clock() > started + limits.seconds(count):
                raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The message came too slowly.")
            if not data:
                break
            if count > limits.size:
                raise too_large(limits)
            failpoints.hit("rx.body")
            yield data
    if length is not None and count != length:
        raise Refused(HTTPStatus.BAD_REQUEST, f"The message ended after {count} of {length} bytes.")


_SPELLINGS = {
    "As2": "AS2",
    "Id": "ID",
    "Mime": "MIME",
    "Ediint": "EDIINT",
    "Te": "TE",
}


@functools.lru_cache(maxsize=512)  # far more names than partners use; a flood only costs time
def _field_name(key: str) -> str:
    words = [word.capitalize() for word in key.removeprefix("HTTP_").split("_")]
    return "-".join(_SPELLINGS.get(word, word) for word in words)


def _check_chunked(environ: Environ, coding: str, length: str) -> None:
    if length:
        # One of them lies: a way to smuggle a second request past a proxy (HTTP-07).
        raise Refused(
            HTTPStatus.BAD_REQUEST, "Either Transfer-Encoding or Content-Length, never both."
        )
    if coding != "chunked":
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "Only the transfer coding chunked is supported.")
    if not environ.get("wsgi.input_terminated"):
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "This server needs a Content-Length.")


def _read(environ: Environ, wanted: int, watched: Watched) -> bytes:
    try:
        data: bytes = environ["wsgi.input"].read(wanted)
    except Exception as error:  # each server has classes of its own for a broken body
        if watched.expired or isinstance(error, TimeoutError | BlockingIOError):
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The message came too slowly.") from error
        raise Refused(HTTPStatus.BAD_REQUEST, "The message was cut or is badly chunked.") from error
    return data


def _watched(environ: Environ) -> AbstractContextManager[Watched]:
    # Other servers than gunicorn give no socket; their own time-outs must do.
    connection = environ.get("gunicorn.socket")
    return nullcontext(Watched()) if connection is None else watchdog.watch(connection)


def too_large(limits: BodyLimits) -> Refused:
    """Say that a message is larger than what is accepted."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The message is larger than the {limits.size} bytes that are accepted here.",
    )
