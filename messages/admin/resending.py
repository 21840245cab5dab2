"""Sending again by hand, one message or many: looked at first, and then done by POST only.

*Resend* repeats the same bytes under the same Message-ID; *resubmit* sends the document as a new
message, built by the settings and keys of now.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from audit.links import page_of
from messages import sending
from messages.admin.words import moment
from messages.models import Direction, Message, State
from messages.visibility import visible_messages

PERMISSION: Final = "as2_messages.resend_message"
#: Messages of one bulk: what an operator can look over, and a request can copy.
MOST: Final = 200
#: By this the page that asks tells that it was answered.
CONFIRMED: Final = "confirmed"


def may_resend(user: User | AnonymousUser, message: Message) -> bool:
    """Say whether the message can be sent again, and this user may do it.

    What has not been tried yet, or is being sent, goes out by itself.
    """
    return can_resend(message) and _allowed(user)


def may_resubmit(user: User | AnonymousUser, message: Message) -> bool:
    """Say whether the document can be sent as a new message, and this user may do it."""
    return can_resubmit(message) and _allowed(user)


def can_resend(message: Message) -> bool:
    """Say whether the same bytes can go out again."""
    tried = message.attempts > 0 and message.state != State.SENDING
    return message.direction == Direction.OUTBOUND and tried and message.purged_at is None


def can_resubmit(message: Message) -> bool:
    """Say whether the document can go out as a new message."""
    over = message.state in {State.DELIVERED, State.FAILED}
    return message.direction == Direction.OUTBOUND and over and bool(message.payload_key)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send again: whether it can be, how it is done, and in which words."""

    can: Callable[[Message], bool]
    #: does it; returns the message to look at, None if it cannot be now
    do: Callable[[Message, str], Message | None]
    title: str
    what: str
    done: str
    refused: str


def _resend(message: Message, actor: str) -> Message | None:
    return message if sending.resend(message, actor) else None


def _resubmit(message: Message, actor: str) -> Message | None:
    try:
        return sending.resubmit(message, actor)
    except (OSError, ValueError):
        return None


RESEND: Final = Way(
    can_resend,
    _resend,
    title="Send again",
    what="The same bytes go out under the same Message-ID. A partner that has the document already "
    "takes it as a duplicate.",
    done="The message is sent again, under the same Message-ID.",
    refused="It is being sent at this moment.",
)
RESUBMIT: Final = Way(
    can_resubmit,
    _resubmit,
    title="Send as a new message",
    what="The document goes out under a new Message-ID, signed and encrypted by the settings and "
    "keys of now. A partner that has the document already gets it twice: do this when it does "
    "not, or when keys or settings were wrong.",
    done="The document is sent as a new message.",
    refused="Its octets cannot be read from the store.",
)


@require_http_methods(["GET", "POST"])
def resend(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask before sending again, and send when that was confirmed."""
    return _one(request, pk, RESEND)


@require_http_methods(["GET", "POST"])
def resubmit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask before sending a document anew, and send when that was confirmed."""
    return _one(request, pk, RESUBMIT)


def _one(request: HttpRequest, pk: int, way: Way) -> HttpResponseBase:
    if not _allowed(request.user):
        raise PermissionDenied
    rows = visible_messages(request.user).select_related(
        "connection__organization", "connection__partner"
    )
    message = get_object_or_404(rows, pk=pk)
    if not way.can(message):
        text = "This message cannot be sent again: it is being sent, was purged, or is not ours."
        flash.warning(request, text)
        return HttpResponseRedirect(page_of(message))
    if request.method == "POST":
        sent = way.do(message, request.user.get_username())
        if sent is None:
            flash.warning(request, way.refused)
        else:
            flash.success(request, way.done)
        return HttpResponseRedirect(page_of(sent or message))
    return _ask(request, way, [message], back=page_of(message))


def many(request: HttpRequest, rows: QuerySet[Message], way: Way) -> HttpResponse | None:
    """Show which of the chosen messages can be sent again, and send them when confirmed.

    ``rows`` are the list's, and hence within the user's scope.
    """
    if not _allowed(request.user):
        raise PermissionDenied
    chosen = list(
        rows.select_related("connection__organization", "connection__partner").order_by("pk")[
            : MOST + 1
        ]
    )
    if len(chosen) > MOST:
        flash.error(request, f"Choose at most {MOST} messages at once.")
        return None
    fit = [row for row in chosen if way.can(row)]
    if not fit:
        flash.warning(request, "None of these can be sent again.")
        return None
    if CONFIRMED not in request.POST:
        return _ask(request, way, fit, left_out=len(chosen) - len(fit))
    _report(request, way, [way.do(row, request.user.get_username()) for row in fit])
    return None


def _report(request: HttpRequest, way: Way, sent: Iterable[Message | None]) -> None:
    results = list(sent)
    done = sum(each is not None for each in results)
    if done:
        flash.success(request, f"{way.title}: {done} on their way.")
    if done < len(results):
        flash.warning(request, f"{len(results) - done} were left alone. {way.refused}")


def _ask(
    request: HttpRequest, way: Way, rows: list[Message], *, left_out: int = 0, back: str = ""
) -> TemplateResponse:
    context = {
        **admin.site.each_context(request),
        "title": way.title,
        "opts": Message._meta,  # noqa: SLF001  what every admin template is given
        "way": way,
        "rows": [(row, moment(row.created_at)) for row in rows],
        "left_out": left_out,
        "action": request.POST.get("action", ""),
        "confirmed": CONFIRMED,
        "back": back or request.get_full_path(),
    }
    if back:
        context |= {"original": rows[0], "inline_admin_formsets": []}
    return TemplateResponse(request, "as2_messages/resend.html", context)


def _allowed(user: User | AnonymousUser) -> bool:
    return user.has_perms(("as2_messages.view_message", PERMISSION))
