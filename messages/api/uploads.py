"""Uploads: a document comes in, as the body of a call or as the file of a form, into quarantine.

Octets go from the connection to the store as they come, read as the AS2 URL reads them
(``intake``): limits, minimum rate, and a body counts only if all of it has come.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from audit.texts import storable
from messages import intake
from messages.intake import BodyLimits
from messages.safe_names import storable_name
from messages.store import Writer, get_store
from partners.api.problems import Problem, unprocessable
from partners.models.validators import CONTENT_TYPE

_FORM: Final = "multipart/form-data"
#: What programs say of octets if nobody tells them what these are.
_SAYS_NOTHING: Final = frozenset(
    {"", "application/octet-stream", "application/x-www-form-urlencoded"}
)
#: The field of the file, and fields that may stand beside it instead of in the URL.
_FILE: Final = "file"
_FIELDS: Final = ("connection", "filename", "content_type", "subject")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: A key of a row: what any database takes.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
#: Characters, as the settings of a connection and the columns of a message take them.
_LONGEST_TYPE: Final = 200
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Sent:
    """What a call says of its document."""

    connection: int
    filename: str
    content_type: str
    subject: str


def take(request: HttpRequest, asked: dict[str, str], document: Writer) -> Sent:
    """Write the document of a call; what is known of it. Raises Problem and intake.Refused."""
    _check_room(request)
    kind = request.headers.get("Content-Type", "").strip()
    if kind.partition(";")[0].strip().lower() == _FORM:
        given = _read_form(request, document)
    else:
        given = _read_body(request, document, kind)
    found = {name: value for name, value in (given | asked).items() if value}
    if not document.size:
        raise unprocessable(_FILE, "The document is empty.")
    return _checked(found)


def _check_room(request: HttpRequest) -> None:
    """Take nothing that may not fit, with what is made of it (threats IN6)."""
    intake.check_headers(intake.read_headers(request.META))
    length = intake.declared_length(request.META, BodyLimits.from_settings()) or 0
    if get_store().free_bytes() < settings.AS2_MIN_FREE_SPACE + 3 * length:
        status = HTTPStatus.INSUFFICIENT_STORAGE
        raise Problem(status, "Less than AS2_MIN_FREE_SPACE would be left on the store's disk.")


def _read_body(request: HttpRequest, document: Writer, kind: str) -> dict[str, str]:
    for piece in intake.read_body(request.META, BodyLimits.from_settings()):
        document.write(piece)
    bare = kind.partition(";")[0].strip().lower()
    return {} if bare in _SAYS_NOTHING else {"content_type": kind}


def _read_form(request: HttpRequest, document: Writer) -> dict[str, str]:
    limits = BodyLimits.from_settings()
    body = cast("Any", _Body(intake.read_body(request.META, limits)))
    # The parser believes a length only; of a body in chunks none is known.
    length = request.META.get("CONTENT_LENGTH") or limits.size
    meta = {**request.META, "CONTENT_LENGTH": str(length)}
    handler = _Handler(document)
    try:
        fields, _files = MultiPartParser(meta, body, [handler]).parse()
    except RequestDataTooBig as error:
        text = "The fields of the form are too large."
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text) from error
    except (MultiPartParserError, SuspiciousOperation) as error:
        text = "The form cannot be read: it is no multipart/form-data, or has too many fields."
        raise Problem(HTTPStatus.BAD_REQUEST, text) from error
    if not handler.filename:
        raise unprocessable(_FILE, f"The form has no file in its field {_FILE!r}.")
    values = {name: str(fields[name]) for name in _FIELDS if name in fields}
    known = {"filename": handler.filename}
    if handler.kind not in _SAYS_NOTHING:
        known["content_type"] = handler.kind
    return known | {name: value for name, value in values.items() if value}


class _Body:
    """A body that comes in pieces, read as Django's parser reads a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


class _Handler(FileUploadHandler):
    """Writes the file of a form to the store while it comes."""

    def __init__(self, document: Writer) -> None:
        super().__init__()
        self._document = document
        self.filename = ""
        self.kind = ""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Take one file; a second one would be lost, so it is refused."""
        super().new_file(*args, **kwargs)
        if self.filename or self.field_name != _FILE:
            raise unprocessable(_FILE, f"Send one file, in the field {_FILE!r}.")
        self.filename = self.file_name or ""
        self.kind = self.content_type or ""

    def receive_data_chunk(self, raw_data: bytes, _start: int) -> None:
        """Write a piece."""
        self._document.write(raw_data)

    def file_complete(self, _file_size: int) -> None:
        """Keep nothing besides."""


def _checked(found: dict[str, str]) -> Sent:
    """Refuse what could not be sent."""
    connection, kind = found.get("connection", ""), found.get("content_type", "")
    if not _NUMBER.fullmatch(connection):
        raise unprocessable("connection", "Say over which connection: its number.")
    if kind and (len(kind) > _LONGEST_TYPE or not CONTENT_TYPE.fullmatch(kind)):
        raise unprocessable("content_type", "This is no content type, like application/EDI-X12.")
    for name in ("filename", "subject"):
        text = found.get(name, "")
        if _CONTROL.search(text) or len(text) > _LONGEST_NAME:
            what = f"At most {_LONGEST_NAME} characters, and no control characters."
            raise unprocessable(name, what)
    return Sent(
        connection=int(connection),
        filename=storable_name(found.get("filename", "")),
        content_type=kind,
        subject=storable(found.get("subject", ""), _LONGEST_NAME),
    )
