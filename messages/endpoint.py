"""The AS2 URL: messages, and MDNs for ours. It stands before Django's own handling of requests.

A partner may call us by any host name, has no session and no cookie, and its body is read from
WSGI's environment (``intake``): nothing of what Django does for pages helps here, and
``ALLOWED_HOSTS`` would refuse documents.
"""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse

from django.core import signals

from messages import failpoints, restarting
from messages.receiving import receive
from messages.replies import Reply, words

Environ = dict[str, Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

#: Where partners send to, messages and asynchronous MDNs alike.
PATHS = frozenset({"/as2", "/as2/"})


class AS2Endpoint:
    """A WSGI application that answers the AS2 URL and leaves everything else to another one."""

    def __init__(self, pages: Application) -> None:
        self._pages = pages

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("PATH_INFO") not in PATHS:
            return self._pages(environ, start_response)
        # Django's request signals end stale database connections, here as for pages.
        signals.request_started.send(sender=type(self), environ=environ)
        reply = answer(environ)
        fields = list(reply.headers)
        # A 204 has neither a body nor a length (RFC 9110 §8.6).
        if "Content-Length" not in reply.headers and reply.status is not HTTPStatus.NO_CONTENT:
            fields.append(("Content-Length", str(len(reply.body))))
        start_response(f"{reply.status.value} {reply.status.phrase}", fields)
        return _Body(reply.body)


def answer(environ: Environ) -> Reply:
    """Take a message or an MDN.

    HEAD says that the URL is right, and of a message that was cut how much is held (HTTP-03).
    """
    method = environ["REQUEST_METHOD"]
    if method == "HEAD":
        return restarting.answer_question(environ)
    if method != "POST":
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return words(status, "AS2 messages are sent by POST.", ("Allow", "POST, HEAD"))
    return receive(environ)


class _Body:
    """The octets of an answer; closed by the server once it has handed them over in full."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body

    def close(self) -> None:
        """End the request."""
        signals.request_finished.send(sender=type(self))
        failpoints.hit("rx.answered")
