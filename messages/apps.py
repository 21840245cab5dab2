"""The messages app."""

from django.apps import AppConfig


class MessagesConfig(AppConfig):
    """Messages, MDNs, attempts and deliveries.

    The label differs from the name, since Django has an app labelled ``messages`` of its own.
    """

    name = "messages"
    label = "as2_messages"
    verbose_name = "messages"
    default_auto_field = "django.db.models.BigAutoField"
