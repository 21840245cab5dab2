"""Naming: names of documents that a partner is to be told of, where its connection says so.

By default none is: what cannot be used is made safe (``safe_names``), and of two equal names both
documents are kept (FN-04, FN-05).
"""

from collections.abc import Iterator

from as2gateway.errors import (
    AS2Error,
    DuplicateFilename,
    IllegalFilename,
    MendedFilename,
    RepeatedFilename,
)
from as2gateway.events import Facts
from as2gateway.quirks import UnwelcomeName
from messages.arrivals import Arrival
from messages.models import Direction, Message, State
from messages.safe_names import is_usable, storable_name

#: Characters of a partner's file name that are repeated in a text.
_QUOTED = 100


def judge_names(arrival: Arrival, facts: Facts) -> AS2Error | None:
    """Return what the partner is to be warned of; raises it where the message is to be refused."""
    warning = None
    for wanted, refusal, notice in _unwelcome(arrival, facts):
        if wanted is UnwelcomeName.REJECT:
            raise refusal
        warning = warning or notice
    return warning


def _unwelcome(
    arrival: Arrival, facts: Facts
) -> Iterator[tuple[UnwelcomeName, AS2Error, AS2Error]]:
    quirks = arrival.policy.quirks
    if quirks.illegal_name and (name := _illegal(facts)):
        text = f"the file name {name[:_QUOTED]!r} cannot be used"
        yield quirks.illegal_name, IllegalFilename(text), MendedFilename(text)
    if quirks.repeated_name and _came_before(arrival, facts.filename):
        text = f"a document called {facts.filename[:_QUOTED]!r} came before"
        yield quirks.repeated_name, DuplicateFilename(text), RepeatedFilename(text)


def _illegal(facts: Facts) -> str:
    """The first name that cannot be used, of the document or of any of several; empty if none."""
    names = (facts.filename, *(each.filename for each in facts.attachments))
    return next((name for name in names if name and not is_usable(name)), "")


def _came_before(arrival: Arrival, filename: str) -> bool:
    """Whether another message of this partner has brought a document of that name.

    A repetition of the message itself is none.
    """
    others = Message.objects.filter(
        connection=arrival.connection,
        direction=Direction.INBOUND,
        state=State.ACCEPTED,
        filename=storable_name(filename),
    )
    return bool(filename) and others.exclude(message_id=arrival.message_id).exists()
