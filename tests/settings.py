"""Settings for tests: those of production, in a throw-away home.

``AS2_TEST_DATABASE=postgres`` runs the suite on a PostgreSQL that is started for it.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack

from tests import services

_home = tempfile.mkdtemp(prefix="as2-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)

# Nothing of the developer's own environment may reach a test.
_ours = ("AS2_TEST_", "AS2_SCREENSHOTS")
for _name in [n for n in os.environ if n.startswith("AS2_") and not n.startswith(_ours)]:
    del os.environ[_name]
for _name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS"):
    os.environ.pop(_name, None)
os.environ["AS2_ENV_FILE"] = ""
os.environ["AS2_HOME"] = _home

if os.environ.get("AS2_TEST_DATABASE") == "postgres":
    _server = ExitStack()
    atexit.register(_server.close)
    # Parallel test processes are our children and find the server by this name.
    os.environ[services.POSTGRES_URL] = _server.enter_context(services.postgres_server())
    os.environ["DATABASE_URL"] = os.environ[services.POSTGRES_URL]

from config.settings import *  # noqa: E402, F403 - the environment has to stand first

ALLOWED_HOSTS = ["*"]
# Fast on purpose: no test is about the strength of a password hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
