"""A small world: one partner that a provider manages, and one that it must not even hear of."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.utils import timezone

from audit.tags import Tag
from config.access.roles import Role
from messages.models import DeliveryState, Message, Redelivery, State, UnknownSender
from partners.models import Connection, Scope
from tests import factories
from tests.messages import made_up

#: In every name of what a provider must not see, and in nothing else.
SECRET = "QUUXCO"
#: What finds it, and is no proof when it comes back: a page repeats what was searched for.
TERM = SECRET[:4]


@dataclass(frozen=True, slots=True)
class World:
    """The two connections, and a message on each."""

    own: Connection
    other: Connection
    own_message: Message
    other_message: Message


def build() -> World:
    """Make rows of every kind on both sides."""
    own = _side("AMAZON", "VENDOR")
    other = _side(SECRET, f"{SECRET}-VENDOR")
    now = timezone.now()
    UnknownSender.objects.create(
        as2_from=f"{SECRET}-SENDER", as2_to="VENDOR", first_seen=now, last_seen=now
    )
    made_up.mdn(None, original_message_id=f"<{SECRET}-unmatched@them>")
    return World(own, other, _traffic(own), _traffic(other))


def _side(theirs: str, ours: str) -> Connection:
    return factories.connection(
        factories.organization(ours),
        factories.partner(f"{theirs} company"),
        as2_id=theirs,
        url=f"https://{theirs.lower()}.example/as2",
    )


def _traffic(link: Connection) -> Message:
    name = link.as2_id
    row = made_up.message(
        link,
        State.FAILED,
        filename=f"{name}.edi",
        message_id=f"<{name}@vendor.example>",
        payload_key=made_up.stored(),
    )
    made_up.mdn(row, mdn_message_id=f"<mdn-{name}@partner.example>")
    made_up.delivery(row, DeliveryState.HELD, failure_text="The inbox is full.")
    made_up.event(row, Tag.MESSAGE_OUTBOUND_FAILED, f"{name} failed.")
    asked = Redelivery.objects.create(connection=link, documents=f"{name} orders", created_by="ann")
    asked.items.create(number=f"{name}-PO77")
    return row


def user(*roles: Role, scope: Connection | None = None, whole_partner: bool = True) -> User:
    """Make somebody with these roles, and a scope if a connection is given."""
    row = User.objects.create_user(f"user{User.objects.count()}", is_staff=True)
    row.groups.set(Group.objects.filter(name__in=[role.value for role in roles]))
    if scope is not None:
        limit = Scope.objects.create(user=row)
        if whole_partner:
            limit.partners.add(scope.partner)
        else:
            limit.connections.add(scope)
    return row
