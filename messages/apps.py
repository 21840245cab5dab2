"""The messages app."""

from django.apps import AppConfig
from django.conf import settings

from messages import checks, failpoints


class MessagesConfig(AppConfig):
    """Messages, MDNs, attempts and deliveries.

    The label differs from the name, since Django has an app labelled ``messages`` of its own.
    """

    name = "messages"
    label = "as2_messages"
    verbose_name = "traffic"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and arm the failpoints of a test; production refuses those."""
        checks.register()
        failpoints.arm(settings.AS2_FAILPOINTS)
