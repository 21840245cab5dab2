"""Redelivering: what a partner was asked to send again, the words of it, and what answers it."""

import datetime as dt
import logging
from collections.abc import Iterable
from typing import Final

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet

from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import (
    Direction,
    Message,
    Redelivery,
    RedeliveryItem,
    RedeliveryState,
    State,
)
from partners import letters
from partners.rollover.recording import By

logger = logging.getLogger(__name__)

#: Numbers of one request: more are asked for by their time.
MOST: Final = 200

_TEXT: Final = """\
Hello,

please send these documents again over AS2. We have not received them, or could not accept them.

  your AS2 id        {theirs}
  our AS2 id         {ours}
  environment        {environment}
{facts}
A repetition under the same Message-ID is fine: what we have already is not processed twice.

{company}
"""


def numbers_in(text: str) -> list[str]:
    """Read numbers, one a line or by comma; ValueError if there are too many, or one is too long.

    File names may have blanks in them.
    """
    found = list(dict.fromkeys(filter(None, (each.strip() for each in _lines(text)))))
    if len(found) > MOST:
        raise ValueError(f"Name at most {MOST} documents, or ask for them by their time.")
    if any(len(each) > 255 for each in found):  # noqa: PLR2004  the column, and longest file name
        raise ValueError("A number has at most 255 characters. Write one on each line.")
    return found


def _lines(text: str) -> Iterable[str]:
    return text.replace(",", "\n").splitlines()


def letter(row: Redelivery) -> str:
    """Write what is sent to the partner, or copied into its portal."""
    connection = row.connection
    missing = [each.number for each in row.items.all() if each.message_id is None]
    facts = [
        ("documents", row.documents),
        ("sent from", f"{row.since:%Y-%m-%d %H:%M} UTC" if row.since else ""),
        ("sent before", f"{row.until:%Y-%m-%d %H:%M} UTC" if row.until else ""),
        ("reason", " ".join(row.reason.split())),
        *(("number" if at == 0 else "", each) for at, each in enumerate(missing)),
    ]
    return _TEXT.format(
        theirs=connection.as2_id,
        ours=connection.organization.as2_id,
        environment=connection.environment,
        facts="".join(f"  {name:<18} {value}\n" for name, value in facts if value),
        company=connection.organization.name,
    )


def mail(row: Redelivery, by: By, now: dt.datetime) -> None:
    """Send the request by mail and write down that it went; raises CannotMail."""
    connection = row.connection
    to, organization = connection.partner.email, connection.organization
    message = EmailMessage(
        subject=f"Please send again: {organization.name} ({organization.as2_id})",
        body=letter(row),
        to=[to],
        reply_to=[organization.email] if organization.email else None,
    )
    letters.send(message, "text")
    with transaction.atomic():
        Redelivery.objects.filter(pk=row.pk).update(mailed_to=to, mailed_at=now)
        _record(Tag.REDELIVERY_REQUEST_MAILED, row, f"Mailed to {to}.", by)


def close(row: Redelivery, by: By, now: dt.datetime) -> bool:
    """End a request by hand; False if it has ended already."""
    with transaction.atomic():
        open_one = Redelivery.objects.filter(pk=row.pk, state=RedeliveryState.OPEN)
        if open_one.update(state=RedeliveryState.CLOSED, finished_at=now) == 0:
            return False
        _record(Tag.REDELIVERY_REQUEST_CLOSED, row, "Closed by hand.", by)
    return True


def _record(tag: Tag, row: Redelivery, text: str, by: By) -> None:
    record(tag, Subject.of(row), text, actor=by.actor, address=by.address)


def match(now: dt.datetime) -> int:
    """Let arrived messages answer open requests; how many are answered now. Safe to run twice."""
    rows = Redelivery.objects.filter(state=RedeliveryState.OPEN)
    return sum(_match(row, now) for row in rows.select_related("connection__partner"))


def arrivals(row: Redelivery) -> QuerySet[Message]:
    """Return what has been accepted on the connection since the request was made."""
    return Message.objects.filter(
        connection=row.connection_id,
        direction=Direction.INBOUND,
        state=State.ACCEPTED,
        created_at__gte=row.created_at,
    )


def _match(row: Redelivery, now: dt.datetime) -> bool:
    missing = list(row.items.filter(message__isnull=True))
    for item in missing:
        found = arrivals(row).filter(_brings(item.number)).order_by("created_at", "pk").first()
        if found is not None:
            _answer(row, item, found)
            item.message = found
    if not missing or any(item.message is None for item in missing):
        return False
    with transaction.atomic():
        open_one = Redelivery.objects.filter(pk=row.pk, state=RedeliveryState.OPEN)
        if open_one.update(state=RedeliveryState.ANSWERED, finished_at=now) == 0:
            return False
        record(Tag.REDELIVERY_REQUEST_ANSWERED, Subject.of(row), "All of it has come.")
    return True


def _answer(row: Redelivery, item: RedeliveryItem, message: Message) -> None:
    RedeliveryItem.objects.filter(pk=item.pk, message__isnull=True).update(message=message)
    logger.info("%s: %s has come as %s", row, item.number, message.message_id)


def _brings(number: str) -> Q:
    """Match by what people know a document: whole numbers only, zeros before them or not."""
    bare = number.strip().removeprefix("<").removesuffix(">")
    whole = [f"{kind} {bare}" for kind in ("order", "invoice", "shipment")]
    found = Q(message_id__in=[bare, f"<{bare}>"]) | Q(filename=number)
    for line in whole:
        found |= Q(edi_references=line) | Q(edi_references__startswith=f"{line}\n")
        found |= Q(edi_references__endswith=f"\n{line}") | Q(edi_references__contains=f"\n{line}\n")
    if bare.isdecimal():
        significant = bare.lstrip("0") or "0"
        padded = {significant.zfill(width) for width in range(len(significant), 15)}
        return found | Q(edi_control_number__in=[*padded, bare])
    return found | Q(edi_control_number=bare)
