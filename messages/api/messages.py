"""Calls about messages: look at them, send a document, send again."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, Header, Query, Router, Schema, Status

from messages import posting
from messages.admin import downloads, resending
from messages.admin.timeline import read_history, timeline
from messages.api import uploads
from messages.api.schemas import (
    AttemptOut,
    EntryOut,
    MDNOut,
    MessageOut,
    WholeMessageOut,
    facts_of,
)
from messages.models import Direction, Message, State
from messages.sending import Origin
from messages.store import Kind, get_store
from messages.visibility import visible_messages
from partners.access.visibility import visible_connections
from partners.api.asking import Key, Moment, by, caller, given, one_of
from partners.api.paging import Page, PagingQuery, page
from partners.api.problems import Problem, conflict, unavailable, unprocessable
from partners.api.schemas import errors
from partners.models import Connection

router = Router(tags=["messages"])

VIEW: Final = "as2_messages.view_message"
SEND: Final = "as2_messages.send_message"
_RELATED: Final = ("connection__organization", "connection__partner")
#: Of an Idempotency-Key; a UUID has 36.
_LONGEST_KEY: Final = 255
IdempotencyKey = Annotated[
    str,
    Header(
        max_length=_LONGEST_KEY,
        description="A repeated call with the same key is the same message, answered by 200.",
    ),
]

#: How a document comes in, for the description; it is read by ``uploads``.
_BODY: Final = {
    "required": True,
    "content": {
        "application/octet-stream": {
            "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "connection": {"type": "integer"},
                    "filename": {"type": "string"},
                    "content_type": {"type": "string"},
                    "subject": {"type": "string"},
                },
            }
        },
    },
}
#: What a download is, for the description.
OCTETS: Final = {
    "responses": {
        200: {
            "description": "The octets of the document.",
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
                }
            },
        }
    }
}


class MessageFilters(Schema):
    """Which messages are wanted."""

    direction: Direction | None = None
    state: State | None = None
    partner: Key | None = None
    connection: Key | None = None
    since: Moment | None = Field(None, description="Created then or later.")
    until: Moment | None = Field(None, description="Created before then.")
    message_id: str | None = Field(
        None, max_length=998, pattern=r"^[^\x00]*$", description="The Message-ID, whole."
    )


class SendFilters(Schema):
    """What is known of a document that is sent; a form may say it in fields, too."""

    connection: Key | None = Field(None, description="Over which connection: its number.")
    filename: str = Field("", description="What the partner is to call it.")
    content_type: str = Field("", description="Instead of the Content-Type of the call.")
    subject: str = Field("", description="Instead of the connection's.")


@router.get("/messages", response={200: Page[MessageOut], **errors()})
def list_messages(
    request: HttpRequest, filters: Annotated[MessageFilters, Query()], paging: PagingQuery
) -> dict[str, Any]:
    """List messages, the latest first."""
    wanted = given(
        direction=filters.direction,
        state=filters.state,
        connection__partner=filters.partner,
        connection=filters.connection,
        created_at__gte=filters.since,
        created_at__lt=filters.until,
        message_id=filters.message_id,
    )
    return page(_messages(request).filter(**wanted), paging, MessageOut.of)


@router.get("/messages/{pk}", response={200: WholeMessageOut, **errors(404)})
def get_message(request: HttpRequest, pk: int) -> WholeMessageOut:
    """Give one message with its MDNs, attempts, and everything that happened to it."""
    row = one_of(_messages(request), pk, "message")
    history = read_history(row)
    return WholeMessageOut(
        **facts_of(row),
        signed=row.signed,
        encrypted=row.encrypted,
        compressed=row.compressed,
        mics=row.mics,
        notes=[str(note) for note in row.notes],
        mdns=[MDNOut.of(each) for each in history.mdns],
        attempts=[AttemptOut.of(each) for each in history.attempts],
        deliveries=sorted(each.pk for each in history.deliveries),
        timeline=[EntryOut.of(each) for each in timeline(history)],
    )


@router.get(
    "/messages/{pk}/payload", response={200: None, **errors(404, 410)}, openapi_extra=OCTETS
)
def get_payload(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Download the document of a message. Each download is written into the audit record."""
    row = one_of(_messages(request, downloads.PERMISSION), pk, "message")
    if not row.payload_key:
        raise gone("This message has no document: it was refused, or its octets are purged.")
    try:
        return downloads.stream(request, row, downloads.What.PAYLOAD)
    except FileNotFoundError as error:
        raise gone("The document is no longer in the store: it was purged or moved.") from error


@router.post(
    "/messages",
    response={
        202: MessageOut,
        200: MessageOut,
        **errors(404, 408, 411, 413, 415, 507),
    },
    openapi_extra={"requestBody": _BODY},
)
def send_document(
    request: HttpRequest,
    response: HttpResponse,
    asked: Annotated[SendFilters, Query()],
    idempotency_key: IdempotencyKey = "",
) -> Status[MessageOut]:
    """Send a document: the body of the call, or the file of a form.

    Once this is answered the document is safe here, and is sent whatever happens. Ask the
    message's own URL what came of it.
    """
    user = caller(request, VIEW, SEND)
    named = {name: str(value) for name, value in asked.dict().items() if value}
    if asked.connection is not None:
        _link(user, asked.connection)  # before all of the document is read for nothing
    with get_store().writer(Kind.PAYLOAD) as document:
        try:
            sent = uploads.take(request, named, document)
            posted = _post(request, user, sent, document, idempotency_key)
        except OSError as error:
            text = "The document could not be stored. Nothing was kept; send it again later."
            raise unavailable(text) from error
    return _answer(response, posted)


def _answer(response: HttpResponse, posted: posting.Posted) -> Status[MessageOut]:
    written = MessageOut.of(posted.message)
    response["Location"] = written.url
    status = HTTPStatus.OK if posted.repeated else HTTPStatus.ACCEPTED
    return Status(status, written)


def _key_reused() -> Problem:
    text = "This Idempotency-Key was used for another document or connection before."
    return unprocessable("Idempotency-Key", text)


def _link(user: User, pk: int) -> Connection:
    rows = visible_connections(user).select_related("organization", "partner")
    return one_of(rows, pk, "connection")


def _post(
    request: HttpRequest, user: User, sent: uploads.Sent, document: Any, key: str
) -> posting.Posted:
    link, who = _link(user, sent.connection), by(request)
    origin = Origin(who.actor, who.address, sent.subject, posting.key_of(user.pk, key))
    try:
        return posting.post(link, document, sent.filename, sent.content_type, origin)
    except posting.KeyReused as error:
        raise _key_reused() from error


@router.post("/messages/{pk}/resend", response={202: MessageOut, **errors(404, 409)})
def resend_message(request: HttpRequest, pk: int) -> Status[MessageOut]:
    """Send the same bytes again, under the same Message-ID; all attempts are allowed anew."""
    row = _sent(request, pk)
    sent = resending.RESEND.do(row, by(request).actor) if resending.RESEND.can(row) else None
    if sent is None:
        raise _not_now()
    return Status(HTTPStatus.ACCEPTED, MessageOut.of(sent))


@router.post(
    "/messages/{pk}/resubmit",
    response={202: MessageOut, 200: MessageOut, **errors(404, 409, 410)},
)
def resubmit_message(
    request: HttpRequest, response: HttpResponse, pk: int, idempotency_key: IdempotencyKey = ""
) -> Status[MessageOut]:
    """Send the document as a new message, by the settings and keys of now."""
    row = _sent(request, pk)
    who = by(request)
    key = posting.key_of(caller(request).pk, idempotency_key)
    # A call that is repeated is answered as before, whatever became of the first message.
    if not (resending.RESUBMIT.can(row) or posting.is_known(key)):
        raise _not_now()
    try:
        posted = posting.resubmit(row, Origin(who.actor, who.address, outbox_key=key))
    except posting.KeyReused as error:
        raise _key_reused() from error
    except ValueError as error:  # purged in this moment
        raise _not_now() from error
    except FileNotFoundError as error:
        raise gone("The document is no longer in the store: it was purged or moved.") from error
    except OSError as error:
        text = "The document could not be copied. Nothing was sent; call again later."
        raise unavailable(text) from error
    return _answer(response, posted)


def _sent(request: HttpRequest, pk: int) -> Message:
    """Find a message that the caller may send again."""
    return one_of(_messages(request, resending.PERMISSION), pk, "message")


def _not_now() -> Problem:
    return conflict(
        "This message cannot be sent again now: it was not sent yet, is being sent, was purged, or "
        "is not ours."
    )


def gone(text: str) -> Problem:
    """Say that octets are here no more."""
    return Problem(HTTPStatus.GONE, text)


def _messages(request: HttpRequest, *more: str) -> QuerySet[Message]:
    user = caller(request, VIEW, *more)
    return visible_messages(user).select_related(*_RELATED)
