"""Replies: what a request to the AS2 URL is answered with, as a value (RFC 4130 §5.4, §7.6)."""

from dataclasses import dataclass, field
from http import HTTPStatus

from as2gateway.headers import Headers
from as2gateway.quirks import Quirks

#: Seconds after which a partner may come again when the fault is ours and temporary (threats R4).
_RETRY_AFTER = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, header fields, and body, whose length is added; HEAD has one of another body."""

    status: HTTPStatus = HTTPStatus.OK
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)


#: The message was taken, and there is nothing to say: no MDN was asked for, or it goes elsewhere.
#: 200, since some products take neither 202 nor 204 (HTTP-15).
TAKEN = Reply()


def taken(quirks: Quirks) -> Reply:
    """The same, with the status that a partner insists on (HTTP-17)."""
    return Reply(HTTPStatus(int(quirks.empty_answer))) if quirks.empty_answer else TAKEN


def words(status: HTTPStatus, text: str, *fields: tuple[str, str]) -> Reply:
    """Answer in plain text, with more header fields if need be."""
    headers = Headers((("Content-Type", "text/plain; charset=utf-8"), *fields))
    return Reply(status, headers, f"{text}\n".encode())


def unavailable() -> Reply:
    """Ours, and temporary: never an MDN, since a negative one is final for many (threats R4)."""
    return words(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The message could not be stored. Nothing was kept; please send it again later.",
        ("Retry-After", str(_RETRY_AFTER)),
    )
