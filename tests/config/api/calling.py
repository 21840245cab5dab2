"""Calls of the API as a program makes them: a token of a user's, and rows to ask for."""

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from messages.models import Delivery, DeliveryState, State
from partners.access import tokens
from partners.access.tokens import Wish
from partners.models import Connection, Organization, PartnerCertificate, Rollover, Route
from partners.models.certificates import this_second
from partners.rollover.planning import Successor, plan_ours, plan_partner
from partners.rollover.recording import By
from tests import factories
from tests.config.access import world
from tests.config.access.world import World
from tests.messages import made_up

ROOT = "/api/v1/"
PROBLEM = "application/problem+json"
#: until what is planned begins
PLANNED = dt.timedelta(days=5)


def secret_of(user: User, **wish: Any) -> str:
    """Make a token for a user; its secret."""
    return tokens.make(user, Wish("erp", **wish), timezone.now(), By("ann")).secret


def client_of(user: User, **wish: Any) -> Client:
    """A program with a token of that user."""
    return with_secret(secret_of(user, **wish))


def with_secret(secret: str) -> Client:
    """A program that shows this as its token."""
    return Client(headers={"Authorization": f"Bearer {secret}"})


@dataclass(frozen=True, slots=True)
class Rows:
    """What there is on a provider's side of the small world."""

    world: World
    waiting: Delivery
    held: Delivery
    certificate: PartnerCertificate
    rollover: Rollover
    ours: Rollover

    def fill(self, path: str) -> str:
        """Put the rows' numbers into an address."""
        own = self.world.own
        numbers = {
            "message": self.world.own_message.pk,
            "waiting": self.waiting.pk,
            "held": self.held.pk,
            "connection": own.pk,
            "partner": own.partner_id,
            "certificate": self.certificate.pk,
            "rollover": self.rollover.pk,
            "ours": self.ours.pk,
        }
        return ROOT + path.format(**numbers)


def build() -> Rows:
    """The small world; the message was tried, a document waits, certificates are to change."""
    rows = world.build()
    row = rows.own_message
    row.attempts = 1
    row.save(update_fields=["attempts"])
    certificate = rows.own.certificates.get()
    theirs(rows.other)
    return Rows(
        rows,
        waiting(rows.own),
        row.deliveries.get(),
        certificate,
        theirs(rows.own),
        ours(rows.own.organization),
    )


def theirs(link: Connection) -> Rollover:
    """A partner's certificate is to change in some days."""
    new = Successor(factories.identity(f"{link.as2_id}-planned").certificate)
    now = this_second()
    (row,) = plan_partner([link], new, now + PLANNED, now, By("ann"))
    return row


def ours(owner: Organization) -> Rollover:
    """A key pair of ours is to change in some days."""
    now, key = this_second(), factories.material(factories.identity(f"{owner.as2_id}-planned"))
    return plan_ours(owner, "planned", key, start=now + PLANNED, now=now, by=By("ann"))


def waiting(link: Connection, data: bytes = made_up.PAYLOAD, **fields: Any) -> Delivery:
    """A document that waits to be fetched."""
    row = made_up.message(
        link,
        State.ACCEPTED,
        payload_key=made_up.stored(data=data),
        payload_size=len(data),
        payload_sha256=hashlib.sha256(data).hexdigest(),
    )
    return made_up.delivery(row, DeliveryState.WAITING, route=Route.PULL, **fields)


def next_certificate(link: Connection, **fields: Any) -> dict[str, Any]:
    """What a call says of a partner's next certificate, in DER and base64."""
    der = factories.identity(f"{link.as2_id}-next").certificate.der
    start = timezone.now() + dt.timedelta(days=10)
    return {
        "certificate": base64.b64encode(der).decode(),
        "start": start.isoformat(),
        **fields,
    }
