"""Visibility: the messages, MDNs and deliveries of the connections that a user may see."""

from typing import Final

from django.db.models import QuerySet

from messages.models import MDN, Delivery, Message
from partners.access.visibility import Anybody, Reach, limit

#: of what belongs to a message
BY_MESSAGE: Final = Reach("message__connection")
OF_MESSAGE: Final = Reach("connection")


def visible_messages(user: Anybody) -> QuerySet[Message]:
    """Return the messages of visible connections."""
    return limit(Message.objects.all(), user, OF_MESSAGE)


def visible_mdns(user: Anybody) -> QuerySet[MDN]:
    """Return the MDNs of those messages; one that fits no message is nobody's in particular."""
    return limit(MDN.objects.all(), user, BY_MESSAGE)


def visible_deliveries(user: Anybody) -> QuerySet[Delivery]:
    """Return the deliveries of those messages."""
    return limit(Delivery.objects.all(), user, BY_MESSAGE)
