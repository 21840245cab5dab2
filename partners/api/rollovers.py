"""Calls about rollovers: those that there are, and what their page lets people do about one."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema

from partners.access.rollovers import limited_rollovers, needed, visible_confirmations
from partners.api.asking import Key, Moment, by, caller, given, one_of
from partners.api.paging import Page, PagingQuery, page
from partners.api.problems import conflict, unprocessable
from partners.api.schemas import RolloverOut, errors
from partners.models import Rollover, RolloverState
from partners.models.certificates import this_second
from partners.rollover import advancing, confirming
from partners.rollover.dates import PlanError, StartRefused

router = Router(tags=["rollovers"])

VIEW: Final = "partners.view_rollover"
_RELATED: Final = (
    "old_certificate__connection__organization",
    "new_certificate__connection__organization",
    "old_pair__organization",
    "new_pair__organization",
)


class RolloverFilters(Schema):
    """Which rollovers are wanted."""

    state: RolloverState | None = None
    connection: Key | None = None
    partner: Key | None = None


class NewStart(Schema):
    """When the new certificate is to take over."""

    start: Moment


class WhoHasIt(Schema):
    """Whose partner says that it has the new certificate."""

    connection: Key


@router.get("/rollovers", response={200: Page[RolloverOut], **errors()})
def list_rollovers(
    request: HttpRequest, filters: Annotated[RolloverFilters, Query()], paging: PagingQuery
) -> dict[str, Any]:
    """List the changes of certificates, theirs and ours, those that were planned last first."""
    user = caller(request, VIEW)
    rows = _rollovers(user).filter(**given(state=filters.state))
    of = given(connection=filters.connection, connection__partner=filters.partner)
    if of:
        # Only by what the caller sees: whether others take part in a change of ours is not told.
        part = visible_confirmations(user).filter(**of)
        rows = rows.filter(pk__in=part.order_by().values("rollover"))
    return page(rows, paging, written)


@router.get("/rollovers/{pk}", response={200: RolloverOut, **errors(404)})
def get_rollover(request: HttpRequest, pk: int) -> RolloverOut:
    """Give one rollover, and how far its connections are."""
    return written(one_of(_rollovers(caller(request, VIEW)), pk, "rollover"))


@router.post("/rollovers/{pk}/move", response={200: RolloverOut, **errors(404, 409, 411, 413, 415)})
def move_rollover(request: HttpRequest, pk: int, body: NewStart) -> RolloverOut:
    """Set another start, as long as it has not begun.

    It may not be in the past, before the new certificate is valid, or after the end of the old one.
    """
    return _act(
        request, pk, lambda row: advancing.move(row, body.start, this_second(), by(request))
    )


@router.post("/rollovers/{pk}/activate", response={200: RolloverOut, **errors(404, 409)})
def activate_rollover(request: HttpRequest, pk: int) -> RolloverOut:
    """Use the new certificate at once, or from the first moment of its validity."""
    return _act(request, pk, lambda row: advancing.start_now(row, this_second(), by(request)))


@router.post("/rollovers/{pk}/cancel", response={200: RolloverOut, **errors(404, 409)})
def cancel_rollover(request: HttpRequest, pk: int) -> RolloverOut:
    """Take the new certificate back, before or after its start; the old one stays."""

    def cancel(row: Rollover) -> None:
        if not advancing.cancel(row, this_second(), by(request)):
            raise conflict("It is closed already.")

    return _act(request, pk, cancel)


@router.post(
    "/rollovers/{pk}/acknowledge", response={200: RolloverOut, **errors(404, 409, 411, 413, 415)}
)
def acknowledge_rollover(request: HttpRequest, pk: int, body: WhoHasIt) -> RolloverOut:
    """Note that a connection's partner has our new certificate. To say so twice does no harm."""

    def acknowledge(row: Rollover) -> None:
        confirming.check_asked(row)
        part = visible_confirmations(caller(request)).filter(rollover=row)
        found = part.filter(connection=body.connection).first()
        if found is None:
            raise unprocessable("connection", "It takes no part in this, or you may not see it.")
        confirming.acknowledge(found, timezone.now(), by(request))

    return _act(request, pk, acknowledge)


def with_confirmations(rows: "QuerySet[Rollover]", user: User) -> "QuerySet[Rollover]":
    """Fetch what is told of a rollover: of its connections those that the user may see."""
    seen = Prefetch("confirmations", visible_confirmations(user))
    return rows.select_related(*_RELATED).prefetch_related(seen)


def written(row: Rollover) -> RolloverOut:
    """Write a row down that was fetched so."""
    return RolloverOut.of(row, row.confirmations.all())


def _rollovers(user: User) -> "QuerySet[Rollover]":
    return with_confirmations(limited_rollovers(Rollover.objects.all(), user), user)


def _act(request: HttpRequest, pk: int, do: Callable[[Rollover], None]) -> RolloverOut:
    """Do one thing as the page does it, and tell how it stands then."""
    user = caller(request, VIEW)
    row = one_of(_rollovers(user), pk, "rollover")
    caller(request, *needed(row))
    try:
        do(row)
    except StartRefused as error:
        raise unprocessable("start", str(error)) from error
    except PlanError as error:
        raise conflict(str(error)) from error
    return written(_rollovers(user).get(pk=row.pk))
