"""The door of the REST API: who calls, by which token, and only then what is asked.

The API itself is loaded with the first call that shows a good token: the AS2 URL, the pages, the
workers and the commands need nothing of it.
"""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pkgutil import resolve_name
from typing import Final, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RoutePattern
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from audit.addresses import address_of
from audit.recording import besides
from messages import intake
from messages.intake import BodyLimits, Refused
from messages.rates import get_limiter
from partners.access import tokens
from partners.api.problems import Problem, answer, nothing_here
from partners.models import APIToken

Answer = TypeVar("Answer", bound=HttpResponseBase)

#: Where it is, beside the pages; all addresses that it gives begin so.
ROOT: Final = "api/v1/"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: The call that takes a document, whose body is of any kind and length.
_SEND: Final = "messages"
#: Bytes of a body that is JSON: a certificate with its chain is some kB.
_JSON_LIMIT: Final = 2 * 1024 * 1024


@csrf_exempt  # a token is shown with each call; a browser does not add it by itself
def door(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer one call."""

    def call() -> HttpResponseBase:
        if path != _SEND:
            _read_json(request)
        return _answer(request, path)

    return guarded(request, call)


def guarded(request: HttpRequest, call: Callable[[], Answer]) -> Answer | HttpResponse:
    """Do what is asked for whoever shows a token that may; what fails is a problem."""
    try:
        token = _token(request)
        _check_method(request, token)
        with besides(token=token.name):
            return call()
    except Problem as problem:
        return answer(problem)
    except Refused as refusal:
        return answer(as_problem(refusal))


def as_problem(refusal: Refused) -> Problem:
    """Say what was refused while a body was read."""
    return Problem(refusal.status, refusal.reason, headers=dict(refusal.fields))


def _token(request: HttpRequest) -> APIToken:
    """Find out who calls. Problem (401); who tries too often has to wait (Refused, 429)."""
    now, address = timezone.now(), address_of(request)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(secret.strip(), now) if scheme.lower() == "bearer" else None
    if token is None or token.user is None:
        get_limiter().check_stranger(address, None)
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "Show a token: “Authorization: Bearer as2_…”. This one is missing, wrong, revoked or "
            "has expired, or its user is not active.",
            headers={"WWW-Authenticate": 'Bearer realm="as2gateway"'},
        )
    tokens.note_use(token, now, address)
    request.user = token.user
    request.api_token = token  # type: ignore[attr-defined]  # read by ``assembly``
    return token


def _check_method(request: HttpRequest, token: APIToken) -> None:
    if token.read_only and request.method not in _READING:
        raise Problem(HTTPStatus.FORBIDDEN, f"The token {token.name} may only read.")


def _read_json(request: HttpRequest) -> None:
    """Read a small body, with the limits that hold at the AS2 URL; chunked ones, too."""
    if request.method in _READING or not _has_body(request):
        return
    if request.content_type != "application/json":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        raise Problem(status, "Send application/json.", headers={"Accept": "application/json"})
    intake.check_headers(intake.read_headers(request.META))
    allowed = BodyLimits.from_settings()
    allowed = BodyLimits(min(_JSON_LIMIT, allowed.size), allowed.min_rate, allowed.grace)
    # Where Django keeps what it has read; it would read nothing of a body in chunks.
    request._body = b"".join(intake.read_body(request.META, allowed))  # noqa: SLF001 - Django's own


def _has_body(request: HttpRequest) -> bool:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return length != "0" or "HTTP_TRANSFER_ENCODING" in request.META


def _answer(request: HttpRequest, path: str) -> HttpResponseBase:
    try:
        view, args, kwargs = _calls().resolve(path)
    except Resolver404 as error:
        raise nothing_here() from error
    found: HttpResponseBase = view(request, *args, **kwargs)
    if isinstance(found, HttpResponseNotAllowed):
        allowed = found["Allow"]
        text = f"{request.method} is not possible here; {allowed} is."
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, text, headers={"Allow": allowed})
    if isinstance(found, HttpResponse):
        found.headers.setdefault("Cache-Control", "no-store")
    return found


@cache
def _calls() -> URLResolver:
    """Load the API, once in a process."""
    patterns = resolve_name("config.api.assembly:patterns")
    return URLResolver(RoutePattern(""), patterns)
