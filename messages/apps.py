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
        """Register the checks and what tells webhooks; arm the failpoints of a test."""
        from audit.recording import recorded  # noqa: PLC0415 - models exist only from here on
        from messages.webhooks.noting import note  # noqa: PLC0415 - the same

        recorded.connect(note)
        checks.register()
        failpoints.arm(settings.AS2_FAILPOINTS)
