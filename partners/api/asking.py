"""Asking: who calls, what they may, and which rows are theirs. The same rules as on the pages."""

import datetime as dt
import re
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from audit.addresses import address_of
from partners.api.problems import Problem, not_found
from partners.rollover.recording import By

Row = TypeVar("Row", bound=Model)

#: Of what a database takes for a key.
LARGEST: Final = 2**63 - 1
#: The number of a row, as a filter or in a body.
Key = Annotated[int, Field(ge=1, le=LARGEST)]
#: How ISO 8601 begins; a bare number would be read as seconds since 1970.
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _as_written(value: object) -> object:
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError("write a time as in 2026-11-29T12:00:00Z")
    return value


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError("there is no such time in UTC") from error


#: A time with its zone, as a filter or in a body.
Moment = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_in_utc)]


def caller(request: HttpRequest, *permissions: str) -> User:
    """Return who calls; Problem (403) unless they have all of these permissions."""
    user = request.user
    if not isinstance(user, User):
        raise Problem(HTTPStatus.UNAUTHORIZED, "Show a token.")
    lacking = [each for each in permissions if not user.has_perm(each)]
    if lacking:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"{user.get_username()} may not do this: it takes the permission {lacking[0]}. "
            "An administrator gives it, with a role.",
        )
    return user


def one_of(rows: "QuerySet[Row]", pk: int, what: str) -> Row:
    """Return a row of those that the caller may see; Problem (404) if it is none of them."""
    found: Row | None = rows.filter(pk=pk).first() if 0 < pk <= LARGEST else None
    if found is None:
        raise not_found(what)
    return found


def by(request: HttpRequest) -> By:
    """Name who does it, and from where, for the audit record."""
    return By(request.user.get_username(), address_of(request))


def given(**filters: Any) -> dict[str, Any]:
    """Keep the filters that were given."""
    return {name: value for name, value in filters.items() if value is not None}
