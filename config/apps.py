"""The app that holds the house together: settings, processes, health."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate

from config import checks, clock
from config.celery import app as celery_app

__all__ = ["ConfigConfig", "celery_app"]


class GatewayAdminConfig(AdminConfig):
    """Django's admin, with our own site."""

    default_site = "config.access.site.GatewaySite"


class ConfigConfig(AppConfig):
    """Register the checks; importing this module also makes our Celery the current one."""

    name = "config"
    verbose_name = "configuration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and connect what other apps tell."""
        # Imported here: models can be imported only once all apps are loaded.
        from axes.signals import user_locked_out  # noqa: PLC0415  as said

        from config.access import lockout, roles  # noqa: PLC0415  the same

        clock.install(settings.AS2_CLOCK_FILE)
        checks.register()
        post_migrate.connect(roles.ensure_roles, sender=self)
        user_locked_out.connect(lockout.note)
