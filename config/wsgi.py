"""The WSGI application. WSGI, since under ASGI Django spools a whole body before a view runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
