"""Pages of the gateway: what happened to each document, and what to do about it.

Templates must not have a variable called ``messages``: it is Django's, for flash messages.
"""

from django.contrib import admin

from messages.admin.connections import TestableConnectionAdmin
from messages.admin.deliveries import DeliveryAdmin
from messages.admin.mdns import MDNAdmin
from messages.admin.message_list import MessageAdmin
from messages.admin.redeliveries import RedeliveryAdmin
from messages.admin.senders import UnknownSenderAdmin
from messages.admin.webhooks import WebhookAdmin, WebhookEventAdmin

__all__ = [
    "DeliveryAdmin",
    "MDNAdmin",
    "MessageAdmin",
    "RedeliveryAdmin",
    "TestableConnectionAdmin",
    "UnknownSenderAdmin",
    "WebhookAdmin",
    "WebhookEventAdmin",
]

admin.site.index_template = "as2_messages/start.html"
admin.site.index_title = "Start"
