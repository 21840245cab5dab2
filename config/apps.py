"""The app that holds the house together: settings, processes, health."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from config import checks
from config.celery import app as celery_app

__all__ = ["ConfigConfig", "celery_app"]


class ConfigConfig(AppConfig):
    """Register the checks; importing this module also makes our Celery the current one."""

    name = "config"
    verbose_name = "configuration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and have the roles made after each migration."""
        # Imported here: models can be imported only once all apps are loaded.
        from config.access.roles import ensure_roles  # noqa: PLC0415

        checks.register()
        post_migrate.connect(ensure_roles, sender=self)
