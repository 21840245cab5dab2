"""What the page of a connection knows of messages: the button that tests it by one."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.links import link_to, page_of
from audit.pages import framed
from audit.theme import action
from messages.admin.verdicts import verdict
from messages.models import Message, State
from messages.onboarding import testing
from partners.admin import ConnectionAdmin
from partners.admin.rollovers import by
from partners.models import Confirmation, Connection, Environment, RolloverState

admin.site.unregister(Connection)


#: columns of the board that are seen without scrolling: how a connection is, and how it goes
_FIRST: Final = (
    "names",
    "partner",
    "where",
    "status",
    "verdict",
    "certificate",
    "next_rollover",
    "last_success",
    "last_failure",
)
_GOOD: Final = (State.ACCEPTED, State.DELIVERED)
_BAD: Final = (State.REJECTED, State.FAILED)


def _latest(state: State) -> Subquery:
    rows = Message.objects.filter(connection=OuterRef("pk"), state=state)
    return Subquery(rows.order_by("-created_at").values("created_at")[:1])


def _minute(at: dt.datetime | None) -> SafeString | str:
    """Show a moment; where there is little room, the hour stands below the day."""
    if at is None:
        return "-"
    day, hour = f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M}".split()
    return format_html('<span class="as2-word">{}</span> {}', day, hour)


def _last(row: Connection, states: Iterable[State]) -> dt.datetime | None:
    times = (getattr(row, f"last_{state.value}") for state in states)
    return max(filter(None, times), default=None)


@admin.register(Connection)
class TestableConnectionAdmin(ConnectionAdmin):
    """Connections, with a test of the whole way: keys, endpoint, message, MDN."""

    actions_detail = ("test_connection", *ConnectionAdmin.actions_detail)
    list_display: tuple[str, ...] = (  # type: ignore[assignment]  # any number of columns
        *_FIRST,
        *(name for name in ConnectionAdmin.list_display if name not in _FIRST),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Fetch with each row when a message of it last went well or ill, and planned changes.

        Each time is the end of an index; what is planned is one query for all rows.
        """
        planned = Confirmation.objects.filter(rollover__state=RolloverState.PLANNED)
        related = planned.select_related("rollover__new_pair", "rollover__new_certificate")
        times = {f"last_{state.value}": _latest(state) for state in (*_GOOD, *_BAD)}
        rows = super().get_queryset(request).annotate(**times)
        return rows.prefetch_related(Prefetch("confirmations", related, to_attr="planned_changes"))

    @admin.display(description="next rollover")
    def next_rollover(self, row: Connection) -> SafeString | str:
        """Show the day on which a certificate of either side changes."""
        changes: list[Confirmation] = row.planned_changes  # type: ignore[attr-defined]  # prefetched above
        if not changes:
            return "-"
        rollover = min((each.rollover for each in changes), key=lambda each: each.starts_at)
        whose = "ours" if rollover.is_ours else "theirs"
        day = f"{rollover.starts_at:%Y-%m-%d},"
        return link_to(rollover, format_html('<span class="as2-word">{}</span> {}', day, whose))

    @admin.display(description="last success (UTC)")
    def last_success(self, row: Connection) -> SafeString | str:
        """Show when a document last went through, in or out."""
        return _minute(_last(row, _GOOD))

    @admin.display(description="last failure (UTC)")
    def last_failure(self, row: Connection) -> SafeString | str:
        """Show when one last failed; in red if nothing has gone through since."""
        failed, well = _last(row, _BAD), _last(row, _GOOD)
        if failed is None:
            return "-"
        tone = Tone.BAD if well is None or well < failed else Tone.PLAIN
        return badge(tone, _minute(failed))

    @action(description="Test connection", url_path="test", permissions=["test_connection"])
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a test message when that was asked for, and show each step in green or red."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Connection) or not self.has_view_permission(request, row):
            raise Http404
        if request.method == "POST":
            testing.start(row, by(request))
            flash.success(request, "A test message is on its way.")
            return HttpResponseRedirect(request.path)
        now = timezone.now()
        message = testing.latest_test(row)
        context = {
            "title": f"Test of {row}",
            "original": row,
            "rows": testing.judge(row, message, now),
            "message": message,
            "message_page": page_of(message) if message else "",
            "verdict": verdict(message, now) if message else None,
            "is_open": message is not None and testing.is_open(message),
            "counts": row.environment == Environment.PRODUCTION,
            "back": page_of(row),
        }
        return framed(self, request, "as2_messages/test_connection.html", context)

    def has_test_connection_permission(
        self, request: HttpRequest, _object_id: object = None
    ) -> bool:
        """Whoever may edit it and see what came of it."""
        return request.user.has_perms(("partners.change_connection", "as2_messages.view_message"))
