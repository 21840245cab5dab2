"""Resending by hand: asked for on the message's page, confirmed, and then done by POST only."""

from typing import Final

from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from audit.links import page_of
from messages import sending
from messages.models import Direction, Message, State
from messages.visibility import visible_messages

PERMISSION: Final = "as2_messages.resend_message"


def may_resend(user: User | AnonymousUser, message: Message) -> bool:
    """Say whether the message can be sent again, and this user may do it.

    What has not been tried yet, or is being sent, goes out by itself.
    """
    tried = message.attempts > 0 and message.state != State.SENDING
    tried = tried and message.purged_at is None
    return message.direction == Direction.OUTBOUND and tried and _allowed(user)


@require_http_methods(["GET", "POST"])
def resend(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask before sending again, and send when that was confirmed."""
    if not _allowed(request.user):
        raise PermissionDenied
    rows = visible_messages(request.user).select_related("connection__organization")
    message = get_object_or_404(rows, pk=pk)
    if not may_resend(request.user, message):
        flash.warning(request, "This message cannot be sent again: it is being sent, purged, or not ours.")
        return HttpResponseRedirect(page_of(message))
    if request.method == "POST":
        if sending.resend(message, request.user.get_username()):
            flash.success(request, "The message is sent again, under the same Message-ID.")
        else:
            flash.warning(request, "It is being sent at this moment.")
        return HttpResponseRedirect(page_of(message))
    context = {
        **admin.site.each_context(request),
        "title": "Send again",
        "opts": Message._meta,  # noqa: SLF001  what every admin template is given
        "original": message,
        "inline_admin_formsets": [],
        "row": message,
        "back": page_of(message),
    }
    return TemplateResponse(request, "as2_messages/resend.html", context)


def _allowed(user: User | AnonymousUser) -> bool:
    return user.has_perms(("as2_messages.view_message", PERMISSION))
