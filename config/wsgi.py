"""The WSGI application. WSGI, since under ASGI Django spools a whole body before a view runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_pages = get_wsgi_application()

from messages.endpoint import AS2Endpoint  # noqa: E402  its models need the line above

application = AS2Endpoint(_pages)
