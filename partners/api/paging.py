"""Paging: lists in pages, each of which says where the next one begins.

By a cursor and not by numbers: what comes in meanwhile neither repeats a row nor hides one.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, TypeVar

from django.db.models import Model, QuerySet
from ninja import Query, Schema
from pydantic import Field

from partners.api.asking import LARGEST
from partners.api.problems import unprocessable

Row = TypeVar("Row", bound=Model)
Out = TypeVar("Out", bound=Schema)

#: Rows of a page, if nobody says how many, and at the most.
USUAL: Final = 50
MOST: Final = 200


class Page(Schema, Generic[Out]):
    """Some rows, and the cursor of those that follow; null on the last page."""

    items: list[Out]
    next: str | None = Field(description="Give it as `cursor` to get the next page.")


class Paging(Schema):
    """Which part of a list is wanted."""

    limit: int = Field(USUAL, ge=1, le=MOST, description="Rows of a page.")
    cursor: str = Field("", max_length=100, description="`next` of the page before.")


PagingQuery = Annotated[Paging, Query()]


def page(
    rows: "QuerySet[Row]",
    paging: Paging,
    write: Callable[[Row], Any],
    *,
    oldest_first: bool = False,
) -> dict[str, Any]:
    """Cut one page out of rows, by their keys; Problem (422) for a cursor that is none of ours."""
    rows = rows.order_by("pk" if oldest_first else "-pk")
    if paging.cursor:
        rows = rows.filter(**{"pk__gt" if oldest_first else "pk__lt": _key(paging.cursor)})
    found = list(rows[: paging.limit + 1])
    shown = found[: paging.limit]
    following = _cursor(shown[-1].pk) if len(found) > len(shown) else None
    return {"items": [write(row) for row in shown], "next": following}


def _cursor(key: int) -> str:
    return base64.urlsafe_b64encode(f"pk:{key}".encode()).decode().rstrip("=")


def _key(cursor: str) -> int:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        kind, _, number = base64.urlsafe_b64decode(padded).decode("ascii").partition(":")
        key = int(number)
    except (ValueError, binascii.Error) as error:
        raise unprocessable("cursor", "This cursor is none of a list here.") from error
    if kind != "pk" or not 0 <= key <= LARGEST:
        raise unprocessable("cursor", "This cursor is none of a list here.")
    return key
