"""The partners app."""

from django.apps import AppConfig


class PartnersConfig(AppConfig):
    """Organizations, partners, connections, certificates and keys."""

    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"
