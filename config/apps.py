"""The app that holds the house together: settings, processes, health."""

from django.apps import AppConfig

from config import checks
from config.celery import app as celery_app

__all__ = ["ConfigConfig", "celery_app"]


class ConfigConfig(AppConfig):
    """Register the checks; importing this module also makes our Celery the current one."""

    name = "config"
    verbose_name = "configuration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        checks.register()
