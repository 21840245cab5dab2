"""The start page: what needs attention, and nothing else. Empty when all is well."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.badges import Tone
from audit.links import list_of, page_of
from messages.admin import attention
from messages.admin.verdicts import verdict
from messages.admin.words import moment
from messages.models import Delivery, Message, State, UnknownSender
from messages.visibility import BY_MESSAGE, OF_MESSAGE, visible_messages
from partners.access.visibility import BY_CONNECTION, Reach, limit, visible_organizations
from partners.models import KeyPair, PartnerCertificate

#: Rows of a section; the rest is one click away.
SHOWN: Final = 5
#: How early an ending certificate is shown: a rollover with a partner takes weeks.
EXPIRY_NOTICE: Final = dt.timedelta(days=30)
DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at."""

    url: str
    title: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What a section is about: its looks, and the list that shows all of it."""

    title: str
    tone: Tone
    icon: str
    #: the model's part of page addresses and permissions
    app: str
    model: str
    reach: Reach | None
    query: str = ""

    @property
    def permission(self) -> str:
        """What a user needs to see the section."""
        return f"{self.app}.view_{self.model}"

    @property
    def url(self) -> str:
        """Where all of it is listed."""
        return list_of(self.app, self.model) + self.query


def _messages_of(title: str, tone: Tone, icon: str, chosen: str) -> Kind:
    """Make a kind of messages, by what the list's filter calls it."""
    return Kind(title, tone, icon, "as2_messages", "message", OF_MESSAGE, f"?attention={chosen}")


@dataclass(frozen=True, slots=True)
class Section:
    """Things of one kind: how many, and the first of them."""

    kind: Kind
    count: int
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the last 24 hours."""

    label: str
    value: int
    tone: Tone


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the start page shows to the theme's context."""
    now = timezone.now()
    sections = [
        section
        for kind, rows, item in _everything(now)
        if request.user.has_perm(kind.permission)
        and (section := _section(kind, limit(rows, request.user, kind.reach), item))
    ]
    sees_messages = request.user.has_perm("as2_messages.view_message")
    return context | {
        "sections": sections,
        "all_is_well": all(section.kind.tone is Tone.BUSY for section in sections),
        "figures": _figures(visible_messages(request.user), now) if sees_messages else [],
    }


_FAILED: Final = _messages_of("Failed messages", Tone.BAD, "error", "failed")
_STUCK: Final = _messages_of(
    "Stuck: due, but no worker takes them", Tone.BAD, "sync_problem", "stuck"
)
_WAITING: Final = _messages_of("Waiting for an MDN", Tone.BUSY, "hourglass_top", "waiting")
_UNDELIVERED: Final = Kind(
    "Not handed over to the business side",
    Tone.BAD,
    "move_to_inbox",
    "as2_messages",
    "delivery",
    BY_MESSAGE,
)
_OUR_CERTIFICATES: Final = Kind(
    "Our certificates that end",
    Tone.WARN,
    "key",
    "partners",
    "keypair",
    Reach("organization", visible_organizations),
)
_THEIR_CERTIFICATES: Final = Kind(
    "Partners' certificates that end",
    Tone.WARN,
    "badge",
    "partners",
    "partnercertificate",
    BY_CONNECTION,
)
_SENDERS: Final = Kind(
    "Unknown senders today", Tone.WARN, "help", "as2_messages", "unknownsender", None
)

_Source = tuple[Kind, QuerySet[Any], Callable[[Any], Item]]


def _everything(now: dt.datetime) -> list[_Source]:
    """Say what is looked at, the most pressing first."""

    def message(row: Message) -> Item:
        found = verdict(row, now)
        title = f"{row.partner_name}: {row.filename or row.message_id}"
        return Item(page_of(row), title, found.text or found.headline, moment(row.created_at))

    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ours = _ending(KeyPair.objects.select_related("organization"), now)
    theirs = _ending(PartnerCertificate.objects.all(), now)
    return [
        (_FAILED, attention.failed(now).select_related("connection"), message),
        (_STUCK, attention.stuck(now).select_related("connection"), message),
        (_UNDELIVERED, attention.undelivered(), _delivery),
        (_OUR_CERTIFICATES, ours, _certificate),
        (_THEIR_CERTIFICATES, theirs, _certificate),
        (_SENDERS, UnknownSender.objects.filter(last_seen__gte=today), _sender),
        (_WAITING, attention.waiting().select_related("connection"), message),
    ]


def _section(kind: Kind, rows: QuerySet[Any], item: Callable[[Any], Item]) -> Section | None:
    """Count, and fetch a few rows only if there are any."""
    count = rows.count()
    if count == 0:
        return None
    return Section(kind, count, [item(row) for row in rows[:SHOWN]])


def _ending(rows: QuerySet[Any], now: dt.datetime) -> QuerySet[Any]:
    """Find certificates that end soon; one that is retired before its end is no trouble."""
    retired = Q(retires_at__lte=now) | Q(retires_at__lte=F("not_after"))
    return rows.filter(not_after__lt=now + EXPIRY_NOTICE).exclude(retired).order_by("not_after")


def _certificate(row: KeyPair | PartnerCertificate) -> Item:
    ends = "ended" if row.not_after < timezone.now() else "ends"
    text = f"It {ends} on {row.not_after:%Y-%m-%d}. Agree on its successor with the other side."
    return Item(page_of(row), str(row), text, moment(row.not_after))


def _delivery(row: Delivery) -> Item:
    return Item(page_of(row), row.target, row.failure_text, moment(row.created_at))


def _sender(row: UnknownSender) -> Item:
    text = f"Came {row.count} times, last from {row.address or 'an unknown address'}."
    return Item(page_of(row), str(row), text, moment(row.last_seen))


def _figures(rows: QuerySet[Message], now: dt.datetime) -> list[Figure]:
    """Count the traffic of the last 24 hours in one query."""
    wanted = [
        ("received", State.ACCEPTED, Tone.GOOD),
        ("rejected", State.REJECTED, Tone.BAD),
        ("delivered", State.DELIVERED, Tone.GOOD),
        ("failed", State.FAILED, Tone.BAD),
    ]
    counts = {state.value: Count("pk", filter=Q(state=state)) for _, state, _ in wanted}
    found = rows.filter(created_at__gte=now - DAY).aggregate(**counts)
    return [
        Figure(label, found[state.value], tone if found[state.value] else Tone.PLAIN)
        for label, state, tone in wanted
    ]
