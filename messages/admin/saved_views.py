"""Saved views of the message list: filters under a name, for oneself or for all."""

from typing import Final

from django.contrib import messages as flash
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from audit.links import list_of
from messages.models import SavedView
from partners.access.visibility import sees_everything

PERMISSION: Final = "as2_messages.view_message"
#: Parts of a list's query that say where one is in it, not what it shows.
_PLACES: Final = ("p", "all", "e", "step", "csrfmiddlewaretoken")
_LONGEST_QUERY: Final = 2000
_LONGEST_NAME: Final = 80
#: Views of one person: the list of them stays one that can be read.
MOST: Final = 50


def visible_views(user: User | AnonymousUser) -> QuerySet[SavedView]:
    """Return one's own views, and what others share; a name may tell of a partner."""
    shared = Q(shared=True) if sees_everything(user) else Q(pk__in=[])
    return SavedView.objects.filter(Q(owner=user.pk) | shared).select_related("owner")


def essence(query: QueryDict) -> str:
    """Return what of a query says what is shown, in an order of its own."""
    kept = [(name, value) for name, values in query.lists() for value in values if value]
    wanted = QueryDict(mutable=True)
    for name, value in sorted(each for each in kept if each[0] not in _PLACES):
        wanted.appendlist(name, value)
    return wanted.urlencode()


@require_POST
def save(request: HttpRequest) -> HttpResponseBase:
    """Keep the filters of now under a name; one that is there already is replaced."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    query = essence(QueryDict(request.POST.get("query", "")[: 2 * _LONGEST_QUERY]))
    name = " ".join(request.POST.get("name", "").split())
    back = f"{list_of('as2_messages', 'message')}?{query}"
    if not 0 < len(name) <= _LONGEST_NAME:
        flash.error(request, f"Give the view a name of at most {_LONGEST_NAME} characters.")
    elif len(query) > _LONGEST_QUERY:
        flash.error(request, "These filters are too long to be saved.")
    elif SavedView.objects.filter(owner=request.user.pk).exclude(name=name).count() >= MOST:
        flash.error(request, f"There are {MOST} views already. Delete one of them first.")
    else:
        shared = "shared" in request.POST and sees_everything(request.user)
        SavedView.objects.update_or_create(
            owner_id=request.user.pk, name=name, defaults={"query": query, "shared": shared}
        )
        flash.success(request, f"The view “{name}” is saved.")
    return HttpResponseRedirect(back)


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Delete a view of one's own."""
    row = get_object_or_404(SavedView, pk=pk, owner=request.user.pk)
    row.delete()
    flash.success(request, f"The view “{row.name}” is deleted.")
    return HttpResponseRedirect(list_of("as2_messages", "message"))
