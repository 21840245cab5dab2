"""Problems: what a call that fails is answered with, always in one shape (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Final

from django.http import HttpResponse

MEDIA_TYPE: Final = "application/problem+json"
#: Seconds after which it may go, where the fault is ours and will pass.
_RETRY_AFTER: Final = 120


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a call: where, and what."""

    field: str
    text: str


class Problem(Exception):
    """A call that cannot be done; ``detail`` says why in plain words, and what would help.

    ``instance`` names this one failure, where the log has more of it.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        mistakes: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
        instance: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.mistakes = tuple(mistakes)
        self.headers = dict(headers or {})
        self.instance = instance


def answer(problem: Problem) -> HttpResponse:
    """Write a problem down. Its type is ``about:blank``: the status says what kind it is."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.instance:
        body["instance"] = problem.instance
    if problem.mistakes:
        body["errors"] = [asdict(mistake) for mistake in problem.mistakes]
    return HttpResponse(
        json.dumps(body, ensure_ascii=False),
        content_type=MEDIA_TYPE,
        status=problem.status,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def not_found(what: str) -> Problem:
    """Say that there is no such thing, or that it is none of the caller's: the same words."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no such {what}, or you may not see it.")


def nothing_here() -> Problem:
    """Say that no call has this address."""
    return Problem(HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def unprocessable(field: str, text: str) -> Problem:
    """Say that one value of a call cannot be taken."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return Problem(status, text, mistakes=[Mistake(field, text)])


def conflict(text: str) -> Problem:
    """Say that it cannot be done as things stand."""
    return Problem(HTTPStatus.CONFLICT, text)


def unavailable(text: str) -> Problem:
    """Say that it cannot be done now, and when to come again."""
    fields = {"Retry-After": str(_RETRY_AFTER)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, headers=fields)
