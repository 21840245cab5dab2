"""Calls about certificates: those that there are, what ends soon, and a partner's next one."""

import base64
import binascii
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any, Final

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from as2gateway.certificates import Certificate
from partners import importing
from partners.access.visibility import (
    BY_CONNECTION,
    limit,
    visible_connections,
    visible_key_pairs,
    visible_partners,
)
from partners.api.asking import Key, Moment, by, caller, given, one_of
from partners.api.paging import Page, PagingQuery, page
from partners.api.problems import unprocessable
from partners.api.rollovers import with_confirmations, written
from partners.api.schemas import CertificateOut, NamedOut, RolloverOut, days_left, errors
from partners.importing import KeyFileError
from partners.models import (
    CertificateFacts,
    Connection,
    KeyPair,
    Partner,
    PartnerCertificate,
    Rollover,
)
from partners.models.certificates import this_second
from partners.noticing.ends import successor_of, used_of
from partners.rollover.dates import PlanError, earliest_start
from partners.rollover.planning import Successor, plan_partner

router = Router(tags=["certificates"])

_USES: Final = ("verifies", "encrypts", "tls")
_OUR_USES: Final = ("signs", "decrypts")


class CertificateFilters(Schema):
    """Which certificates are wanted."""

    connection: Key | None = None
    partner: Key | None = None


class EndOut(Schema):
    """A certificate in use that comes to its end."""

    ours: bool
    of: list[NamedOut] = Field(description="Connections of a partner's, organization of ours.")
    subject: str
    fingerprint: str
    not_after: dt.datetime
    days_left: int
    successor: str = Field(description="What follows, in words; empty if nothing is planned.")


class EndsOut(Schema):
    """What ends within some days, the first end first."""

    items: list[EndOut]


class NextCertificate(Schema):
    """A certificate that a partner is going to use."""

    certificate: str = Field(
        max_length=importing.MAX_SIZE, description="PEM; or DER or PKCS#7 in base64."
    )
    start: Moment | None = Field(None, description="From when on; null is now.")
    connections: list[Key] | None = Field(
        None, description="On which connections; null is all that have a certificate."
    )
    verifies: bool = True
    encrypts: bool = True
    tls: bool = False


class RolloversOut(Schema):
    """What was planned: one rollover for each connection and certificate that is replaced."""

    items: list[RolloverOut]


@router.get("/certificates", response={200: Page[CertificateOut], **errors()})
def list_certificates(
    request: HttpRequest, filters: Annotated[CertificateFilters, Query()], paging: PagingQuery
) -> dict[str, Any]:
    """List the certificates of partners with what stands in them, the latest first."""
    wanted = given(connection=filters.connection, connection__partner=filters.partner)
    now = timezone.now()
    return page(
        _certificates(request).filter(**wanted), paging, lambda row: CertificateOut.of(row, now)
    )


@router.get("/certificates/due", response={200: EndsOut, **errors()})
def list_due_certificates(
    request: HttpRequest, days: Annotated[int, Query(ge=0, le=3650)] = 90
) -> EndsOut:
    """List the certificates in use, theirs and ours, that end soon, and what follows them."""
    user, now = caller(request, "partners.view_partnercertificate"), timezone.now()
    found = [*_theirs(user, now)]
    if user.has_perm("partners.view_keypair"):
        found += _ours(user, now)
    due = [each for each in found if each.days_left < days]
    return EndsOut(items=sorted(due, key=lambda each: each.not_after))


@router.get("/certificates/{pk}", response={200: CertificateOut, **errors(404)})
def get_certificate(request: HttpRequest, pk: int) -> CertificateOut:
    """Give one certificate of a partner."""
    return CertificateOut.of(one_of(_certificates(request), pk, "certificate"), timezone.now())


@router.post(
    "/partners/{pk}/certificates", response={201: RolloversOut, **errors(404, 411, 413, 415)}
)
def plan_certificate(request: HttpRequest, pk: int, body: NextCertificate) -> Status[RolloversOut]:
    """Take a partner's next certificate, to be used from a moment on, and plan the change.

    The present one goes on until then; signatures by either are accepted meanwhile. What the
    profile of a connection does not allow is refused, and then nothing is planned at all.
    """
    user = caller(request, "partners.view_partner", "partners.add_partnercertificate")
    partner, now = one_of(visible_partners(user), pk, "partner"), this_second()
    certificate = _read(body.certificate, now)
    successor = Successor(certificate, verifies=body.verifies, encrypts=body.encrypts, tls=body.tls)
    if not (body.verifies or body.encrypts or body.tls):
        raise unprocessable("verifies", "Choose at least one use.")
    links = _links(user, partner, body.connections)
    start = body.start or earliest_start(certificate, now)
    try:
        planned = plan_partner(links, successor, start, now, by(request))
    except PlanError as error:
        raise unprocessable("certificate", str(error)) from error
    rows = Rollover.objects.filter(pk__in=[row.pk for row in planned]).order_by("pk")
    items = [written(row) for row in with_confirmations(rows, user)]
    return Status(HTTPStatus.CREATED, RolloversOut(items=items))


def _certificates(request: HttpRequest) -> QuerySet[PartnerCertificate]:
    user = caller(request, "partners.view_partnercertificate")
    rows = limit(PartnerCertificate.objects.all(), user, BY_CONNECTION)
    return rows.select_related("connection__organization", "connection__partner")


def _read(text: str, now: dt.datetime) -> Certificate:
    """Read a certificate as people paste it; Problem (422) says what it is instead."""
    data = text.encode()
    if "-----BEGIN" not in text:
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            text = "This is neither PEM nor base64."
            raise unprocessable("certificate", text) from error
    try:
        certificate = importing.read_certificate(data)
        importing.check_certificate(certificate, now)
    except KeyFileError as error:
        raise unprocessable("certificate", f"{error}.") from error
    return certificate


def _links(user: User, partner: Partner, wanted: list[int] | None) -> list[Connection]:
    """Find the connections that are meant: visible, of the partner, with one to be replaced."""
    rows = visible_connections(user).filter(partner=partner, certificates__isnull=False).distinct()
    links = list(rows.select_related("organization", "partner"))
    if wanted is not None:
        missing = {*wanted} - {row.pk for row in links}
        links = [row for row in links if row.pk in wanted]
        if missing:
            text = (
                f"{partner} has no connection {min(missing)} with a certificate, or you may not "
                "see it."
            )
            raise unprocessable("connections", text)
    if not links:
        raise unprocessable("connections", f"{partner} has no certificate that could be replaced.")
    return links


def _theirs(user: User, now: dt.datetime) -> Iterator[EndOut]:
    """Give each certificate once, though test and production may both have it."""
    found: dict[str, list[tuple[PartnerCertificate, Connection, str]]] = defaultdict(list)
    links = visible_connections(user).select_related("organization", "partner")
    for link in links.prefetch_related("certificates"):
        rows = list(link.certificates.all())
        for row in used_of(rows, _USES, now):
            found[row.fingerprint].append((row, link, successor_of(row, rows, _USES)))
    for same in found.values():
        # Where one of several has none, that is what has to be said.
        successor = min((text for _, _, text in same), key=bool)
        of = [NamedOut(id=link.pk, name=f"{link.partner}: {link}") for _, link, _ in same]
        yield _end(same[0][0], of, successor, now, ours=False)


def _ours(user: User, now: dt.datetime) -> Iterator[EndOut]:
    found: dict[int, list[KeyPair]] = defaultdict(list)
    for pair in visible_key_pairs(user).select_related("organization"):
        found[pair.organization_id].append(pair)
    for pairs in found.values():
        for pair in used_of(pairs, _OUR_USES, now):
            of = [NamedOut(id=pair.organization_id, name=str(pair.organization))]
            yield _end(pair, of, successor_of(pair, pairs, _OUR_USES), now, ours=True)


def _end(
    row: CertificateFacts, of: list[NamedOut], successor: str, now: dt.datetime, *, ours: bool
) -> EndOut:
    return EndOut(
        ours=ours,
        of=of,
        subject=row.subject,
        fingerprint=row.fingerprint,
        not_after=row.not_after,
        days_left=days_left(row, now),
        successor=successor,
    )
