"""The audit app's configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Register the app under the label ``audit``."""

    name = "audit"
    label = "audit"
    verbose_name = "Audit"
    default_auto_field = "django.db.models.BigAutoField"
