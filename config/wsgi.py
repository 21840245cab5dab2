"""The WSGI application. WSGI, since under ASGI Django spools a whole body before a view runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_pages = get_wsgi_application()

from config.metrics import shared  # noqa: E402  the same as below
from config.tls import handshake_failed  # noqa: E402  its receiver's models need the line above
from messages.endpoint import Application, AS2Endpoint  # noqa: E402  the same
from messages.handshakes import note_failed  # noqa: E402  the same

handshake_failed.connect(note_failed)

application: Application = AS2Endpoint(_pages)
if shared.is_on():
    from config.metrics.counting import Counted

    application = Counted(application)
