"""``manage.py messages``: what was sent and received, the newest first."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Prefetch

from audit.acting import ActingCommand
from messages.models import MDN, Direction, Message, State
from messages.visibility import visible_messages

#: Characters of a table's cell; JSON has everything in full.
_CELL = 60
_TITLES = ("time (UTC)", "direction", "from", "to", "state", "bytes", "file", "EDI", "reason")


class Command(ActingCommand):
    """List messages as a table, or as JSON for programs."""

    help = "List messages, the newest first, as a table or as one JSON array of objects."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the filters."""
        parser.add_argument("--json", action="store_true", help="print one JSON array")
        parser.add_argument("--state", choices=[state.value for state in State])
        parser.add_argument("--direction", choices=[direction.value for direction in Direction])
        parser.add_argument("--limit", type=int, default=20, help="how many at most (default 20)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the list."""
        names = ("state", "direction")
        wanted = {name: options[name] for name in names if options[name] is not None}
        mdns = Prefetch("mdns", MDN.objects.order_by("created_at"))
        rows = visible_messages(self.user).filter(**wanted).prefetch_related(mdns)
        rows = rows[: max(options["limit"], 0)]
        if options["json"]:
            self.stdout.write(json.dumps([describe(row) for row in rows], indent=2))
        else:
            self.stdout.write(table([_TITLES, *(_cells(row) for row in rows)]))


def describe(message: Message) -> dict[str, object]:
    """A message as JSON has it; times are ISO 8601 in UTC, sizes bytes."""
    mdns = [
        {
            "state": mdn.state,
            "disposition": mdn.disposition,
            "signed": mdn.signed,
            "signer": mdn.signer,
            "mic_matched": mdn.mic_matched,
        }
        for mdn in message.mdns.all()
    ]
    return {
        "message_id": message.message_id,
        "direction": message.direction,
        "state": message.state,
        "as2_from": message.as2_from,
        "as2_to": message.as2_to,
        "filename": message.filename,
        "content_type": message.content_type,
        "payload_size": message.payload_size,
        "payload_sha256": message.payload_sha256,
        "edi_standard": message.edi_standard,
        "edi_type": message.edi_type,
        "edi_control_number": message.edi_control_number,
        "edi_references": message.edi_references.splitlines(),
        "acknowledgement": message.acknowledgement,
        "signed": message.signed,
        "encrypted": message.encrypted,
        "compressed": message.compressed,
        "mdn_mode": message.mdn_mode,
        "attempts": message.attempts,
        "created_at": message.created_at.isoformat(),
        "finished_at": message.finished_at.isoformat() if message.finished_at else None,
        "failure_code": message.failure_code,
        "failure_text": message.failure_text,
        "mdns": mdns,
    }


def table(rows: Iterable[Sequence[str]]) -> str:
    """Lines of aligned columns; what is too long for a cell is cut."""
    cut = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cut
    )
    return "\n".join(line.rstrip() for line in lines)


def _cells(message: Message) -> Sequence[str]:
    size = message.payload_size
    return (
        f"{message.created_at:%Y-%m-%d %H:%M:%S}",
        message.direction,
        message.as2_from,
        message.as2_to,
        message.state,
        "" if size is None else str(size),
        message.filename,
        f"{message.edi_standard} {message.edi_type}".strip(),
        message.failure_text,
    )


def _cell(text: str) -> str:
    # Partners choose names: what a terminal would take for a command is not printed.
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= _CELL else line[: _CELL - 1] + "…"
