"""Heads of answers: status and header fields of a response, as the standard library reads them.

With what servers do that it does not expect: interim statuses of any number, and lines among the
fields that are none. Fields are taken apart by their colon, for which its parser of mails takes as
long as all the rest of an answer does.
"""

import http.client
import re
from http import HTTPStatus
from typing import BinaryIO, Final

#: Lines of a head; as many as the standard library takes.
_MOST_LINES: Final = 100
_LONGEST_LINE: Final = 65536
_NAME: Final = re.compile(rb"[!-9;-~]+:")
_WITHOUT_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class FinalResponse(http.client.HTTPResponse):
    """Passes over every interim response (SND-04); the standard library knows only 100."""

    def begin(self) -> None:
        """Read the head."""
        status = HTTPStatus.CONTINUE.value
        while 100 <= status < 200:  # noqa: PLR2004  the class of interim statuses
            version, status, reason = self._read_status()  # type: ignore[attr-defined]  # the stubs leave it out
            try:
                fields = _read_fields(self.fp)
            except ConnectionError as error:  # not the same as none of an answer
                raise http.client.IncompleteRead(b"") from error
        if not version.startswith(("HTTP/0.9", "HTTP/1.")):
            raise http.client.UnknownProtocol(version)
        self.version = 11 if version > "HTTP/1.0" else 10
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = fields
        self._frame()

    def _frame(self) -> None:
        """Find out where the body ends (RFC 9112 §6.3)."""
        self.chunked = (self.headers.get("Transfer-Encoding") or "").lower() == "chunked"
        self.chunk_left = None
        self.length = None if self.chunked else _length(self.headers.get("Content-Length"))
        if self.status in _WITHOUT_BODY or self._method == "HEAD":  # type: ignore[attr-defined]  # the same
            self.length = 0
        closes = self._check_close()  # type: ignore[attr-defined]  # the same
        self.will_close = closes or (not self.chunked and self.length is None)


def _length(value: str | None) -> int | None:
    """Return a length that can be one."""
    try:
        length = int(value or "")
    except ValueError:
        return None
    return length if length >= 0 else None


def _read_fields(file: BinaryIO) -> http.client.HTTPMessage:
    """Read fields, their folds, and the empty line; a line that is none is passed over.

    The standard library takes such a line for the end of the head, and the fields that follow for
    a part of the body: what the answer is, and how long, would be lost.
    """
    fields: list[tuple[str, str]] = []
    for _ in range(_MOST_LINES):
        line = file.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("header line")
        if not line.strip(b"\r\n"):
            break
        name, _, value = line.decode("latin-1").partition(":")
        if line[0] in b" \t" and fields:
            fields[-1] = fields[-1][0], fields[-1][1] + line.decode("latin-1")
        elif _NAME.match(line):
            fields.append((name, value))
    else:
        raise http.client.HTTPException(f"its head has more than {_MOST_LINES} lines")
    found = http.client.HTTPMessage()
    for name, value in fields:
        found[name] = value.lstrip(" \t").rstrip("\r\n")
    return found
