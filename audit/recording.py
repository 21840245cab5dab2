"""Recording: write one audit event, inside the transaction of what it tells of.

An event and its cause are then committed together or not at all. Payloads, header values at
length and key material never come in here: texts are clipped, data holds plain JSON values only.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Self

from django.db import models
from django.dispatch import Signal
from django.utils import timezone

from audit.addresses import plain
from audit.inserting import insert
from audit.models import AuditEvent
from audit.tags import Tag
from audit.texts import storable

#: Characters of a text inside ``data``: enough for a URL or an error, not for a document.
DATA_TEXT: Final = 500
#: Nesting of ``data``: ``{field: {"old": …, "new": […]}}``.
DATA_DEPTH: Final = 3
#: What every PEM form of a private key contains (RFC 7468, and the older kinds).
KEY_MATERIAL: Final = "PRIVATE KEY-----"
WITHHELD: Final = "[withheld: key material]"

#: Sent with each ``event`` that was written, in its transaction, to what tells others of it.
recorded: Final = Signal()

_besides: Final[ContextVar[Mapping[str, object]]] = ContextVar("besides")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about: kind, primary key and the name it had then."""

    kind: str
    pk: str
    name: str

    @classmethod
    def of(cls, row: models.Model) -> Self:
        """Name a row of ours; the kind is its model's name in lower case."""
        kind = row._meta.model_name  # noqa: SLF001  # Django's documented name for it
        return cls(str(kind), str(row.pk), str(row))


@contextmanager
def besides(**facts: object) -> Iterator[None]:
    """Write these facts into the data of every event that is recorded meanwhile."""
    token = _besides.set(facts)
    try:
        yield
    finally:
        _besides.reset(token)


def record(  # noqa: PLR0913  # an event has this many sides, and callers name them
    tag: Tag,
    subject: Subject,
    text: str,
    *,
    data: Mapping[str, object] | None = None,
    actor: str = "system",
    address: str | None = None,
) -> None:
    """Write one event. Call it inside the transaction that does what it tells of.

    Raises TypeError for data that is not plain JSON (bytes, models, dates): what may be
    written down is chosen by the caller, never by a serializer.
    """
    event = AuditEvent(
        at=timezone.now(),
        tag=tag.value,
        actor=_clip(actor, 150),
        address=plain(address or ""),  # a Unix socket has none
        subject_kind=_clip(subject.kind, 40),
        subject_pk=_clip(subject.pk, 40),
        subject_name=_clip(subject.name, 200),
        text=_clip(text, 1000),
        data=_plain({**(data or {}), **_besides.get({})}, DATA_DEPTH),
    )
    insert(event)
    recorded.send(AuditEvent, event=event)


def _clip(text: str, limit: int) -> str:
    """Make a text storable: partners choose some of these."""
    clean = storable(text)
    if KEY_MATERIAL in clean:
        return WITHHELD
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _plain(value: object, depth: int) -> object:
    """Copy plain JSON data, texts clipped; TypeError for anything else."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str):
        return _clip(value, DATA_TEXT)
    if depth and isinstance(value, Mapping):
        return {_clip(str(key), 100): _plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    raise TypeError(f"not plain data for an audit event: {type(value).__name__}")
