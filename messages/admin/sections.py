"""Sections: everything that needs somebody, the most pressing first, within what a user may see.

The start page shows them, and the daily mail tells of them.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q, QuerySet

from audit.badges import Tone
from audit.links import list_of, page_of
from messages.admin import attention
from messages.admin.verdicts import verdict
from messages.admin.words import moment
from messages.models import (
    Delivery,
    DeliveryState,
    Message,
    Redelivery,
    RedeliveryState,
    UnknownSender,
    WebhookEvent,
    WebhookEventState,
)
from messages.silence import Silence, silences
from messages.visibility import BY_MESSAGE, OF_MESSAGE
from partners.access.rollovers import limited_rollovers
from partners.access.visibility import (
    BY_CONNECTION,
    Anybody,
    Reach,
    limit,
    visible_connections,
    visible_organizations,
)
from partners.models import (
    Confirmation,
    KeyPair,
    PartnerCertificate,
    Rollover,
    RolloverState,
)
from partners.open_things import open_things

#: Rows of a section; the rest is one click away.
SHOWN: Final = 5
#: Of what has no list of its own, more are shown.
_MOST_THINGS: Final = 20
#: How early an ending certificate is shown: a rollover with a partner takes weeks.
EXPIRY_NOTICE: Final = dt.timedelta(days=30)
#: How early a planned rollover is shown, and how early one that a partner has not acknowledged is
#: trouble; reminders of it come a week and a day before.
COMING: Final = dt.timedelta(days=14)
URGENT: Final = dt.timedelta(days=3)
#: For how long an event is shown that a webhook did not take.
MISSED: Final = dt.timedelta(days=7)
_OURS: Final = Reach("organization", visible_organizations)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at."""

    url: str
    title: str
    text: str
    #: when, in words; may be empty
    at: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What a section is about: its looks, and the list that shows all of it."""

    title: str
    tone: Tone
    icon: str
    #: what a user needs to see it
    permission: str
    url: str


@dataclass(frozen=True, slots=True)
class Section:
    """Things of one kind: how many, and the first of them."""

    kind: Kind
    count: int
    items: list[Item]


#: Counts what a user may see, and gives the first of it.
_Found = tuple[int, list[Item]]
_Source = Callable[[Anybody], _Found]


def sections(user: Anybody, now: dt.datetime) -> list[Section]:
    """Return what needs somebody; empty when all is well."""
    found = []
    for kind, source in _everything(now):
        if user.has_perm(kind.permission):  # type: ignore[union-attr]  # of every user that can log in here
            count, items = source(user)
            if count:
                found.append(Section(kind, count, items))
    things = _things(user, now)
    # Trouble first, and what goes its way last.
    return sorted([*found, *things], key=lambda each: _ORDER.index(each.kind.tone))


#: How pressing each tone is.
_ORDER: Final = (Tone.BAD, Tone.WARN, Tone.BUSY, Tone.GOOD, Tone.PLAIN)


def _things(user: Anybody, now: dt.datetime) -> list[Section]:
    """Make a section of what partners, profiles and endpoints leave to be done, if anything."""
    found = open_things(user, now)
    if not found:
        return []
    title, address = "Partners and endpoints", list_of("partners", "connection")
    kind = Kind(title, found[0].tone, "checklist", "partners.view_connection", address)
    items = [
        Item(each.link, each.title, "", f"by {each.due_at:%Y-%m-%d}" if each.due_at else "")
        for each in found[:_MOST_THINGS]
    ]
    return [Section(kind, len(found), items)]


def _everything(now: dt.datetime) -> Iterator[tuple[Kind, _Source]]:
    """Say what is looked at."""
    yield from _of_messages(now)
    yield from _of_partners(now)
    yield from _of_certificates(now)
    yield from _of_waiting(now)


def _of_messages(now: dt.datetime) -> Iterator[tuple[Kind, _Source]]:
    def message(row: Message) -> Item:
        found = verdict(row, now)
        return _message(row, found.text or found.headline)

    yield (
        _messages("Failed messages", Tone.BAD, "error", "failed"),
        _rows(attention.failed(now).select_related("connection"), OF_MESSAGE, message),
    )
    yield (
        _messages("Stuck: due, but no worker takes them", Tone.BAD, "sync_problem", "stuck"),
        _rows(attention.stuck(now).select_related("connection"), OF_MESSAGE, message),
    )
    yield (
        _kind(
            "Not handed over to the business side",
            Tone.BAD,
            "move_to_inbox",
            "as2_messages.delivery",
        ),
        _rows(attention.undelivered(now), BY_MESSAGE, _delivery),
    )
    yield (
        _messages("Refused by an acknowledgement", Tone.BAD, "rule", "not-understood"),
        _rows(attention.not_understood(now), OF_MESSAGE, _refused),
    )
    yield (
        _messages("Acknowledgements that are late", Tone.WARN, "pending", "unacknowledged"),
        _rows(attention.unacknowledged(now), OF_MESSAGE, _late),
    )


def _of_partners(now: dt.datetime) -> Iterator[tuple[Kind, _Source]]:
    def silent(user: Anybody) -> _Found:
        found = silences(visible_connections(user), now)
        return len(found), [_silence(each, now) for each in found[:SHOWN]]

    yield (
        _kind("Silent partners", Tone.WARN, "volume_off", "partners.connection"),
        silent,
    )
    given_up = WebhookEvent.objects.filter(
        state=WebhookEventState.FAILED, finished_at__gt=now - MISSED
    )
    yield (
        _kind(
            "Events that a webhook did not take",
            Tone.WARN,
            "webhook",
            "as2_messages.webhookevent",
            f"?state__exact={WebhookEventState.FAILED}",
        ),
        _rows(given_up.select_related("webhook"), None, _event),
    )
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yield (
        _kind("Unknown senders today", Tone.WARN, "help", "as2_messages.unknownsender"),
        _rows(UnknownSender.objects.filter(last_seen__gte=today), None, _sender),
    )


def _of_certificates(now: dt.datetime) -> Iterator[tuple[Kind, _Source]]:
    def certificate(row: KeyPair | PartnerCertificate) -> Item:
        ends = "ended" if row.not_after < now else "ends"
        text = f"It {ends} on {row.not_after:%Y-%m-%d}. Agree on its successor with the other side."
        return Item(page_of(row), str(row), text, _at(row.not_after))

    ours = _ending(KeyPair.objects.select_related("organization"), now)
    theirs = _ending(PartnerCertificate.objects.all(), now)
    yield (
        _kind("Our certificates that end", Tone.WARN, "key", "partners.keypair"),
        _rows(ours, _OURS, certificate),
    )
    yield (
        _kind("Partners' certificates that end", Tone.WARN, "badge", "partners.partnercertificate"),
        _rows(theirs, BY_CONNECTION, certificate),
    )
    yield (
        _kind("Rollovers that are not confirmed", Tone.WARN, "sync_lock", "partners.rollover"),
        _rollovers(_unconfirmed(now)),
    )


def _of_waiting(now: dt.datetime) -> Iterator[tuple[Kind, _Source]]:
    """What goes its way: shown, but no trouble."""

    def waits(row: Message) -> Item:
        return _message(row, verdict(row, now).text)

    coming = Q(state=RolloverState.PLANNED) & (
        _starts("new_pair", now) | _starts("new_certificate", now)
    )
    yield (
        _kind("Rollovers to come", Tone.BUSY, "autorenew", "partners.rollover"),
        _rollovers(coming & ~Q(pk__in=Rollover.objects.filter(_unconfirmed(now)).values("pk"))),
    )
    asked = Redelivery.objects.filter(state=RedeliveryState.OPEN)
    yield (
        _kind(
            "Asked of partners",
            Tone.BUSY,
            "move_up",
            "as2_messages.redelivery",
            f"?state__exact={RedeliveryState.OPEN}",
        ),
        _rows(
            asked.select_related("connection__organization", "connection__partner")
            .prefetch_related("items")
            .order_by("created_at"),
            BY_CONNECTION,
            _redelivery,
        ),
    )
    yield (
        _messages("Waiting for an MDN", Tone.BUSY, "hourglass_top", "waiting"),
        _rows(attention.waiting().select_related("connection"), OF_MESSAGE, waits),
    )


# ------------------------------------------------------------------------------ making sections


def _kind(title: str, tone: Tone, icon: str, model: str, query: str = "") -> Kind:
    """Make a kind; ``model`` is ``app.model``, of the permission and of the list."""
    app, _, name = model.partition(".")
    return Kind(title, tone, icon, f"{app}.view_{name}", list_of(app, name) + query)


def _messages(title: str, tone: Tone, icon: str, chosen: str) -> Kind:
    """Make a kind of messages, by what the list's filter calls it."""
    return _kind(title, tone, icon, "as2_messages.message", f"?attention={chosen}")


def _rows(rows: "QuerySet[Any]", reach: Reach | None, item: Callable[[Any], Item]) -> _Source:
    def find(user: Anybody) -> _Found:
        return _few(limit(rows, user, reach), item)

    return find


def _few(rows: "QuerySet[Any]", item: Callable[[Any], Item]) -> _Found:
    """Count, and fetch a few rows only if there are any."""
    count = rows.count()
    return count, [item(row) for row in rows[:SHOWN]] if count else []


def _rollovers(wanted: Q) -> _Source:
    """Give rollovers that a connection in the user's scope takes part in."""

    def find(user: Anybody) -> _Found:
        rows = Rollover.objects.filter(wanted).select_related(
            "new_pair__organization",
            "old_pair",
            "new_certificate__connection__organization",
            "old_certificate",
        )
        return _few(limited_rollovers(rows, user), _rollover)

    return find


def _starts(side: str, now: dt.datetime, within: dt.timedelta = COMING) -> Q:
    return Q(**{f"{side}__activates_at__lte": now + within})


def _unconfirmed(now: dt.datetime) -> Q:
    """Started and not seen at every connection, or about to start and not acknowledged by all."""
    rows = Confirmation.objects.filter(confirmed_at__isnull=True)
    unseen = rows.order_by().values("rollover")
    silent = rows.filter(acknowledged_at__isnull=True).order_by().values("rollover")
    # Whether a partner has imported our certificate only the partner knows; its own, it has.
    soon = Q(state=RolloverState.PLANNED, pk__in=silent) & _starts("new_pair", now, URGENT)
    return Q(state=RolloverState.ACTIVE, pk__in=unseen) | soon


def _ending(rows: "QuerySet[Any]", now: dt.datetime) -> "QuerySet[Any]":
    """Find certificates that end soon; one that is retired before its end is no trouble."""
    retired = Q(retires_at__lte=now) | Q(retires_at__lte=F("not_after"))
    return rows.filter(not_after__lt=now + EXPIRY_NOTICE).exclude(retired).order_by("not_after")


# -------------------------------------------------------------------------------- making items


def _at(moment_or_none: dt.datetime | None) -> str:
    return f"{moment(moment_or_none)} UTC" if moment_or_none else ""


def _message(row: Message, text: str) -> Item:
    title = f"{row.partner_name}: {row.filename or row.message_id}"
    return Item(page_of(row), title, text, _at(row.created_at))


def _refused(row: Message) -> Item:
    text = f"The partner's EDI software says: {row.acknowledgement}. Ask which segment it means."
    return _message(row, text)


def _late(row: Message) -> Item:
    kind = f"{row.edi_standard} {row.edi_type}".strip()
    return _message(row, f"{kind} was delivered, but no functional acknowledgement has come.")


def _delivery(row: Delivery) -> Item:
    text = row.failure_text
    if row.state == DeliveryState.WAITING:
        text = "It waits to be fetched by the API, and no program has acknowledged it for a day."
    return Item(page_of(row), row.target, text, _at(row.created_at))


def _sender(row: UnknownSender) -> Item:
    text = f"Came {row.count} times, last from {row.address or 'an unknown address'}."
    return Item(page_of(row), str(row), text, _at(row.last_seen))


def _event(row: WebhookEvent) -> Item:
    return Item(page_of(row), str(row), row.failure_text, _at(row.finished_at))


def _silence(found: Silence, now: dt.datetime) -> Item:
    row = found.connection
    days = (now - (found.last or row.created_at)).days
    usual = "The connection allows" if found.is_set else "Longer than its habit: that allows"
    text = f"No document for {days} days. {usual} {found.allowed.days}. Ask whether all is well."
    if found.last is None:
        text = f"No document has ever come. {usual} {found.allowed.days} days without."
    return Item(page_of(row), f"{row.partner}: {row}", text, _at(found.last))


def _rollover(row: Rollover) -> Item:
    whose = "Our certificate" if row.is_ours else "The partner's certificate"
    text = f"{whose} {row.new.subject} is used from {row.starts_at:%Y-%m-%d %H:%M} UTC on."
    return Item(page_of(row), row.whose, text, _at(row.starts_at))


def _redelivery(row: Redelivery) -> Item:
    items = list(row.items.all())
    come = sum(each.message_id is not None for each in items)
    text = f"{come} of {len(items)} documents have come." if items else "Close it when it has come."
    what = row.documents or ", ".join(each.number for each in items[:3])
    return Item(page_of(row), f"{row.connection.partner}: {what}", text, _at(row.created_at))
