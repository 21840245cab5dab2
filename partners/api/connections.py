"""Calls about partners and connections, and how compliant these are."""

from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from as2gateway.compliance.findings import Verdict
from partners.access.visibility import visible_connections, visible_partners
from partners.api.asking import Key, caller, given, one_of
from partners.api.paging import Page, PagingQuery, page
from partners.api.schemas import ConnectionOut, FindingOut, FindingsOut, PartnerOut, errors
from partners.compliance.cases import with_all
from partners.compliance.evaluating import judge
from partners.models import Connection, ConnectionState, Environment

router = Router()


class ConnectionFilters(Schema):
    """Which connections are wanted."""

    partner: Key | None = None
    environment: Environment | None = None
    state: ConnectionState | None = None
    verdict: Verdict | None = Field(None, description="The last verdict on its compliance.")


@router.get("/partners", response={200: Page[PartnerOut], **errors()}, tags=["partners"])
def list_partners(request: HttpRequest, paging: PagingQuery) -> dict[str, Any]:
    """List the partners, those that were added last first."""
    user = caller(request, "partners.view_partner")
    return page(visible_partners(user), paging, PartnerOut.of)


@router.get("/partners/{pk}", response={200: PartnerOut, **errors(404)}, tags=["partners"])
def get_partner(request: HttpRequest, pk: int) -> PartnerOut:
    """Give one partner."""
    user = caller(request, "partners.view_partner")
    return PartnerOut.of(one_of(visible_partners(user), pk, "partner"))


@router.get("/connections", response={200: Page[ConnectionOut], **errors()}, tags=["connections"])
def list_connections(
    request: HttpRequest, filters: Annotated[ConnectionFilters, Query()], paging: PagingQuery
) -> dict[str, Any]:
    """List the connections with the last verdict on each, those that were added last first."""
    wanted = given(
        partner=filters.partner,
        environment=filters.environment,
        state=filters.state,
        compliance__verdict=filters.verdict,
    )
    return page(_connections(request).filter(**wanted), paging, ConnectionOut.of)


@router.get("/connections/{pk}", response={200: ConnectionOut, **errors(404)}, tags=["connections"])
def get_connection(request: HttpRequest, pk: int) -> ConnectionOut:
    """Give one connection."""
    return ConnectionOut.of(one_of(_connections(request), pk, "connection"))


@router.get(
    "/connections/{pk}/compliance",
    response={200: FindingsOut, **errors(404)},
    tags=["connections"],
)
def get_compliance(request: HttpRequest, pk: int) -> FindingsOut:
    """Judge a connection now, by its profile: every rule, and what it found."""
    user = caller(request, "partners.view_connection", "partners.view_compliance")
    row = one_of(visible_connections(user), pk, "connection")
    moment = timezone.now()
    (found,) = judge(with_all(Connection.objects.filter(pk=row.pk)), moment)
    return FindingsOut(
        verdict=found.verdict,
        profiles=[profile.label for profile in found.versions],
        deadline=found.deadline(moment),
        findings=[
            FindingOut.of(each, acknowledged=each.rule in found.acknowledged)
            for each in found.findings
        ],
    )


def _connections(request: HttpRequest) -> QuerySet[Connection]:
    user = caller(request, "partners.view_connection")
    return visible_connections(user).select_related("organization", "partner", "compliance")
