"""Downloads: the octets of a message, streamed from the store to somebody who may have them.

Each download is an audit event with the user and the address. What partners sent is never shown
by the browser: it is saved, whatever it claims to be.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from django.contrib import messages as flash
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from audit.addresses import address_of
from audit.links import page_of
from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import Direction, Message
from messages.safe_names import file_name
from messages.store import get_store
from messages.visibility import visible_messages

PERMISSION: Final = "as2_messages.download_payload"


class What(StrEnum):
    """Which of a message's files; the value is part of the address."""

    PAYLOAD = "payload"
    RAW = "raw"

    def key_in(self, message: Message) -> str:
        """Return its key in the store; "" if there is no such file."""
        if self is What.PAYLOAD:
            return message.payload_key
        return message.raw_key if message.direction == Direction.INBOUND else message.wire_key

    @property
    def tag(self) -> Tag:
        """The audit event of a download."""
        if self is What.PAYLOAD:
            return Tag.MESSAGE_PAYLOAD_DOWNLOADED
        return Tag.MESSAGE_RAW_DOWNLOADED

    @property
    def label(self) -> str:
        """What the button says."""
        return "Download payload" if self is What.PAYLOAD else "Download raw request"


def may_download(user: User | AnonymousUser, message: Message, what: What) -> bool:
    """Say whether there is such a file, and this user may have it."""
    return bool(what.key_in(message)) and may_have_payloads(user)


@require_GET
def download(request: HttpRequest, pk: int, what: str) -> HttpResponseBase:
    """Stream one of a message's files as an attachment."""
    if not may_have_payloads(request.user):
        raise PermissionDenied
    message = get_object_or_404(visible_messages(request.user), pk=pk)
    chosen = next((each for each in What if each == what), None)
    key = chosen.key_in(message) if chosen else ""
    if chosen is None or not key:
        raise Http404
    try:
        return stream(request, message, chosen)
    except FileNotFoundError:
        flash.error(request, "The file is no longer in the store: it was purged or moved.")
        return HttpResponseRedirect(page_of(message))


def stream(request: HttpRequest, message: Message, what: What) -> StreamingHttpResponse:
    """Answer with a file of a message to whoever may have it; the record knows of it.

    Raises FileNotFoundError if it is gone from the store.
    """
    store, key = get_store(), what.key_in(message)
    length = store.size(key)
    note_download(request, message, what)
    return attached(store.chunks(key), _name(message, what), length)


def attached(
    chunks: Iterable[bytes], filename: str, length: int | None = None
) -> StreamingHttpResponse:
    """Make an answer of octets that somebody sent us, which no browser shows or runs."""
    headers = {
        "Content-Disposition": str(
            content_disposition_header(as_attachment=True, filename=filename)
        ),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if length is not None:
        headers["Content-Length"] = str(length)
    kind = "application/octet-stream"
    return StreamingHttpResponse(chunks, content_type=kind, headers=headers)


def may_have_payloads(user: User | AnonymousUser) -> bool:
    """Say whether this user may have files of the messages that it sees."""
    return user.has_perms(("as2_messages.view_message", PERMISSION))


def _name(message: Message, what: What) -> str:
    """Name the file safely; nameless ones by our own number."""
    name = file_name(message.filename) if message.filename else f"message-{message.pk}"
    return name if what is What.PAYLOAD else f"{name}.raw"


def note_download(request: HttpRequest, message: Message, what: What) -> None:
    """Write down who has a file of a message; committed before the first octet leaves."""
    record(
        what.tag,
        Subject.of(message),
        "Payload downloaded." if what is What.PAYLOAD else "Raw request downloaded.",
        actor=request.user.get_username(),
        address=address_of(request),
    )
