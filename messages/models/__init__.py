"""What happened to each document: one module a table."""

from messages.models.attempts import Attempt, ErrorClass
from messages.models.deliveries import Delivery, DeliveryState
from messages.models.mdns import MDN, MDNState
from messages.models.messages import Direction, Message, State
from messages.models.redeliveries import Redelivery, RedeliveryItem, RedeliveryState
from messages.models.senders import UnknownSender
from messages.models.transfers import Transfer, TransferPiece
from messages.models.views import SavedView
from messages.models.webhook_events import WebhookEvent, WebhookEventState
from messages.models.wrapped_keys import WrappedKey

__all__ = [
    "MDN",
    "Attempt",
    "Delivery",
    "DeliveryState",
    "Direction",
    "ErrorClass",
    "MDNState",
    "Message",
    "Redelivery",
    "RedeliveryItem",
    "RedeliveryState",
    "SavedView",
    "State",
    "Transfer",
    "TransferPiece",
    "UnknownSender",
    "WebhookEvent",
    "WebhookEventState",
    "WrappedKey",
]
