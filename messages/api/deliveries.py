"""Calls about deliveries: what waits to be fetched, its octets, and that they have arrived."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema, Status

from messages import delivering, dispatch, pulling
from messages.admin import downloads
from messages.api.messages import OCTETS, gone
from messages.api.schemas import DeliveryOut
from messages.literals import Literal
from messages.models import Delivery, DeliveryState
from messages.store import get_store
from messages.visibility import visible_deliveries
from partners.api.asking import Key, by, caller, given, one_of
from partners.api.paging import Page, PagingQuery, page
from partners.api.problems import conflict
from partners.api.schemas import errors
from partners.models import Route

router = Router(tags=["deliveries"])

VIEW: Final = "as2_messages.view_delivery"
ACKNOWLEDGE: Final = "as2_messages.acknowledge_delivery"
RETRY: Final = "as2_messages.retry_delivery"


class DeliveryFilters(Schema):
    """Which deliveries are wanted."""

    state: DeliveryState | None = None
    route: Route | None = None
    connection: Key | None = None
    partner: Key | None = None


@router.get("/deliveries", response={200: Page[DeliveryOut], **errors()})
def list_deliveries(
    request: HttpRequest, filters: Annotated[DeliveryFilters, Query()], paging: PagingQuery
) -> dict[str, Any]:
    """List deliveries, the oldest first. What waits to be fetched has the state *waiting*."""
    wanted = given(
        # By its index, which holds few rows, and not through all that was ever delivered.
        state=Literal(filters.state.value) if filters.state else None,
        route=filters.route,
        message__connection=filters.connection,
        message__connection__partner=filters.partner,
    )
    rows = _deliveries(request).filter(**wanted)
    return page(rows, paging, DeliveryOut.of, oldest_first=True)


@router.get("/deliveries/{pk}", response={200: DeliveryOut, **errors(404)})
def get_delivery(request: HttpRequest, pk: int) -> DeliveryOut:
    """Give one delivery."""
    return DeliveryOut.of(one_of(_deliveries(request), pk, "delivery"))


@router.get(
    "/deliveries/{pk}/payload",
    response={200: None, **errors(404, 409, 410)},
    openapi_extra=OCTETS,
)
def fetch_document(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Fetch a document that waits, as often as need be; it waits until it is acknowledged."""
    row = one_of(_deliveries(request, downloads.PERMISSION), pk, "delivery")
    if row.route != Route.PULL:
        raise conflict("This document goes into a folder; fetch it from there.")
    if row.state == DeliveryState.HELD:
        raise conflict(row.failure_text)
    if not row.message.payload_key:
        raise gone("Its octets are purged.")
    try:
        size = get_store().size(row.message.payload_key)
    except FileNotFoundError as error:
        text = "The document is missing in the store; an operator has to restore it from a backup."
        raise gone(text) from error
    downloads.note_download(request, row.message, downloads.What.PAYLOAD)
    length = size if row.attachment is None else None
    return downloads.attached(pulling.read(row), row.target.rpartition("/")[2], length)


@router.post("/deliveries/{pk}/acknowledge", response={200: DeliveryOut, **errors(404, 409)})
def acknowledge_document(request: HttpRequest, pk: int) -> DeliveryOut:
    """Say that a document has arrived; it waits no more. To say so twice does no harm."""
    row, who = one_of(_deliveries(request, ACKNOWLEDGE), pk, "delivery"), by(request)
    pulling.acknowledge(row, who.actor, who.address)
    row.refresh_from_db(fields=["state", "finished_at"])
    if row.route != Route.PULL or row.state != DeliveryState.DONE:
        raise conflict("This document does not wait to be fetched.")
    return DeliveryOut.of(row)


@router.post("/deliveries/{pk}/retry", response={202: DeliveryOut, **errors(404, 409)})
def retry_delivery(request: HttpRequest, pk: int) -> Status[DeliveryOut]:
    """Let a delivery that is held go on, once what held it is set right."""
    row = one_of(_deliveries(request, RETRY), pk, "delivery")
    if not delivering.release(row, by(request).actor):
        raise conflict("This delivery is not held.")
    dispatch.wake_delivery(row.pk)
    row.refresh_from_db(fields=["state", "failure_text"])
    return Status(HTTPStatus.ACCEPTED, DeliveryOut.of(row))


def _deliveries(request: HttpRequest, *more: str) -> QuerySet[Delivery]:
    user = caller(request, VIEW, *more)
    return visible_deliveries(user).select_related("message__connection")
