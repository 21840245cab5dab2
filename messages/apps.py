"""The messages app."""

from django.apps import AppConfig
from django.conf import settings

from messages import failpoints


class MessagesConfig(AppConfig):
    """Messages, MDNs, attempts and deliveries.

    The label differs from the name, since Django has an app labelled ``messages`` of its own.
    """

    name = "messages"
    label = "as2_messages"
    verbose_name = "messages"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Arm the failpoints that a test asks for; a process in production refuses them."""
        failpoints.arm(settings.AS2_FAILPOINTS)
