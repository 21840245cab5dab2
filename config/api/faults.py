"""Faults: what fails before, in or behind a call of the API is answered as a problem, too.

Without it Django answers by a page: of what no code of ours has caught, of a method or a host that
is not allowed, and with all that it knows where DEBUG is on.
"""

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.log import log_response

from partners.api.problems import MEDIA_TYPE, Problem, answer, nothing_here, unavailable

#: Nothing but the API is below it.
_PREFIX: Final = "/api/"


class Problems:
    """Middleware around all others: one shape of errors, whoever answers.

    Each call has a reference, which stands in every line that is logged meanwhile.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request; pages, that of the API's description among them, stay as they are."""
        if not _is_call(request):
            return self._get_response(request)
        reference = str(uuid.uuid4())
        with structlog.contextvars.bound_contextvars(reference=reference):
            found = self._get_response(request)
        if found.status_code < HTTPStatus.BAD_REQUEST or not isinstance(found, HttpResponse):
            return found
        if found.headers.get("Content-Type") != MEDIA_TYPE:
            _rewrite(found, _problem(request, found, reference))
        return found

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a call that the database kept from being done; leave the rest to Django."""
        if not isinstance(error, OperationalError | InterfaceError) or not _is_call(request):
            return None
        found = answer(unavailable("The database cannot be used now. Call again later."))
        text = "The database cannot be used: %s"
        log_response(text, request.path, response=found, request=request, exception=error)
        return found


def _is_call(request: HttpRequest) -> bool:
    return request.path_info.startswith(_PREFIX) and request.path != reverse("api_docs")


def _problem(request: HttpRequest, found: HttpResponse, reference: str) -> Problem:
    """Say what Django's page says, without what is nobody's business outside."""
    status = HTTPStatus(found.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        text = f"This went wrong here, and is no fault of the call. The log has it as {reference}."
        return Problem(status, text, instance=f"urn:uuid:{reference}")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Problem(status, f"{request.method} is not possible here; {found['Allow']} is.")
    if status == HTTPStatus.NOT_FOUND:
        return nothing_here()
    return Problem(status, f"This call cannot be taken: {status.phrase}.")


def _rewrite(found: HttpResponse, problem: Problem) -> None:
    """Put a problem in place of a page; the header fields of other middleware stay."""
    written = answer(problem)
    found.content = written.content
    for name, value in written.items():
        found.headers[name] = value
    found.headers["Content-Length"] = str(len(written.content))
