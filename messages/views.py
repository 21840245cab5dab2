"""The AS2 URL: messages, and MDNs for ours. Reads WSGI's environment itself, see ``intake``."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from messages import failpoints
from messages.receiving import receive
from messages.replies import TAKEN, Reply, words


class _Answer(HttpResponse):
    """A response that tells when it has been handed over to the server in full."""

    def close(self) -> None:
        super().close()
        failpoints.hit("rx.answered")


@csrf_exempt
def as2(request: HttpRequest) -> HttpResponse:
    """Take a message or an MDN. HEAD says that the URL is right, and nothing more (HTTP-03)."""
    if request.method == "HEAD":
        return _response(TAKEN)
    if request.method != "POST":
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return _response(words(status, "AS2 messages are sent by POST.", ("Allow", "POST, HEAD")))
    environ: dict[str, Any] = request.META
    return _response(receive(environ))


def _response(reply: Reply) -> HttpResponse:
    response = _Answer(reply.body, status=reply.status)
    # Django's default would claim that an empty answer is HTML.
    del response["Content-Type"]
    for name, value in reply.headers:
        response[name] = value
    response["Content-Length"] = str(len(reply.body))
    return response
