"""The partners app."""

from django.apps import AppConfig


class PartnersConfig(AppConfig):
    """Organizations, partners, connections, certificates and keys."""

    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from partners import checks  # noqa: F401, PLC0415 - models exist only from here on
