"""The partners app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from partners import triggers


class PartnersConfig(AppConfig):
    """Organizations, partners, connections, certificates and keys."""

    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and the triggers that ``migrate`` leaves behind."""
        from partners import checks  # noqa: F401, PLC0415 - models exist only from here on

        post_migrate.connect(triggers.install, sender=self)
