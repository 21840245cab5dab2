"""Assembly: the routers of the apps as one API, and its description (OpenAPI 3.1)."""

import copy
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.security import HttpBearer

from config.api.door import ROOT, as_problem
from messages.api import deliveries, messages
from messages.intake import Refused
from partners.api import certificates, connections, rollovers
from partners.api.problems import MEDIA_TYPE, Mistake, Problem, answer, nothing_here
from partners.models import APIToken

#: Of the API, not of the gateway: what programs rely on.
VERSION: Final = "1.0"

_DESCRIPTION: Final = """\
Send documents, see what became of them, fetch what has come, and keep certificates in time.

Each call shows a token (`Authorization: Bearer as2_…`), made on the page *API tokens* or by
`manage.py api_token`. It may do and see what its user may; what lies outside of the user's scope is
answered as what does not exist. Times have a zone. Lists come in pages: give `next` as `cursor`.
What fails is answered in one shape (RFC 9457, `application/problem+json`).
"""


class Token(HttpBearer):
    """The token of a call; the door has looked it up."""

    def authenticate(self, request: HttpRequest, token: str) -> APIToken | None:
        """Return it; without the door there is none, and nothing opens."""
        found: APIToken | None = getattr(request, "api_token", None)
        return found


class API(NinjaAPI):
    """The API, whose calls are named as their functions."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Name a call in the description."""
        return str(operation.view_func.__name__)


api = API(
    title="as2gateway",
    version=VERSION,
    description=_DESCRIPTION,
    auth=Token(),
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
for router in (
    messages.router,
    deliveries.router,
    connections.router,
    certificates.router,
    rollovers.router,
):
    api.add_router("", router)


@api.exception_handler(Problem)
def _problem(_request: HttpRequest, error: Problem) -> HttpResponse:
    return answer(error)


@api.exception_handler(Refused)
def _refused(_request: HttpRequest, error: Refused) -> HttpResponse:
    return answer(as_problem(error))


@api.exception_handler(AuthenticationError)
def _unknown(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return answer(Problem(HTTPStatus.UNAUTHORIZED, "Show a token."))


@api.exception_handler(ValidationError)
def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = [Mistake(_place(each["loc"]), _words(each)) for each in error.errors]
    text = "; ".join(f"{each.field}: {each.text}" for each in found)
    return answer(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, text, mistakes=found))


@api.exception_handler(HttpError)
def _other(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(Problem(HTTPStatus(error.status_code), str(error)))


@api.exception_handler(Exception)
def _fault(_request: HttpRequest, error: Exception) -> HttpResponse:
    """Leave it to ``faults``; ninja would answer with the traceback where DEBUG is on."""
    raise error


@api.exception_handler(Http404)
def _missing(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return answer(nothing_here())


def _words(error: dict[str, Any]) -> str:
    """Take the words of a check of ours as they are; pydantic puts its own before them."""
    return str(error["msg"]).removeprefix("Value error, ")


def _place(location: tuple[object, ...]) -> str:
    """Name a value as the caller wrote it: without ninja's own names before it."""
    words = [str(each) for each in location]
    kind, *rest = words
    known = kind in {"query", "path", "header", "body"}
    return ".".join(rest[1:] or rest) if known else ".".join(words)


#: Methods of calls whose body nobody reads.
_WITHOUT_BODY: Final = frozenset({"get", "head", "options"})
#: What the door answers where a body is slow, long, of another type or badly announced.
_OF_BODIES: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.NOT_IMPLEMENTED,
)
#: of its calls, below ``ROOT``
patterns = [each for each in api.urls[0] if str(each.pattern)]


def description() -> dict[str, Any]:
    """Describe the API. Problems have a media type of their own, which ninja does not know."""
    found: dict[str, Any] = copy.deepcopy(dict(api.get_openapi_schema(path_prefix=f"/{ROOT}")))
    for method, call in (each for path in found["paths"].values() for each in path.items()):
        if method not in _WITHOUT_BODY:
            _add_the_door_s(call["responses"])
        for status, each in call["responses"].items():
            if int(status) >= HTTPStatus.BAD_REQUEST and "content" in each:
                each["content"] = {MEDIA_TYPE: next(iter(each["content"].values()))}
    return found


def _add_the_door_s(responses: dict[str | int, Any]) -> None:
    """Add the problems that a call with a body meets before it comes to the API."""
    by_status = {int(status): each for status, each in responses.items()}
    shape = by_status[HTTPStatus.UNAUTHORIZED]["content"]
    for status in _OF_BODIES:
        described = {"description": status.phrase, "content": dict(shape)}
        by_status.setdefault(status.value, described)
    responses.clear()
    responses.update(sorted(by_status.items()))
