"""``python -m config.healthcheck``: whether the gateway of this environment is ready, for Docker.

It asks ``/readyz`` where and how the settings let the web server listen. The certificate is not
checked: it names the host that partners know, and this asks the machine itself.
"""

import http.client
import ssl
import sys
from http import HTTPStatus

from config.env import env

#: Seconds for an answer; the container's own limit is five.
_PATIENCE = 4.0
#: What a listener on all addresses of the machine is asked by.
_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def is_ready() -> bool:
    """Ask for it. Raises OSError or HTTPException where nobody answers as a web server does."""
    host, _, port = str(env("AS2_BIND")).rpartition(":")
    host = host.strip("[]")
    connection = _connection(_ALL.get(host, host), int(port))
    try:
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status == HTTPStatus.OK
    except ssl.SSLError:
        # With AS2_TLS_CLIENT_CA nobody is answered without a certificate, and we have none.
        return bool(env("AS2_TLS_CLIENT_CA"))
    finally:
        connection.close()


def _connection(host: str, port: int) -> http.client.HTTPConnection:
    if not env("AS2_TLS_CERT"):
        return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)


if __name__ == "__main__":
    try:
        ready = is_ready()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"No answer at {env('AS2_BIND')}: {error}")
    sys.exit(None if ready else "/readyz does not answer 200: it says there what is missing.")
