"""``manage.py doctor MESSAGE``: which settings would have made a refused message or MDN hold."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils import timezone

from audit.acting import ActingCommand
from messages.doctoring import Examined, NothingToExamine, diagnose
from messages.models import Message
from messages.visibility import visible_messages


class Command(ActingCommand):
    """Examine a stored message; nothing is changed by it."""

    help = (
        "Try other certificates, keys, algorithms, line ends and engines on a stored message, or "
        "on the last MDN for one of ours, and say which setting would make it hold. Changes "
        "nothing. Exit code: 0 if it holds by the settings of now, 1 if something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare which message."""
        parser.add_argument("message", help="its Message-ID, or its number in the admin")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Examine it and print what was found."""
        message = find_message(options["message"], self.user)
        try:
            examined = diagnose(message, timezone.now(), self.user)
        except NothingToExamine as error:
            raise CommandError(f"There is nothing to examine: {error}.") from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(message, examined), indent=2))
        else:
            self.stdout.write("\n".join(as_text(message, examined)))
        if examined.diagnosis.fault is not None:
            raise SystemExit(1)


def find_message(name: str, user: User) -> Message:
    """Find a message that a user may see, by its Message-ID, brackets or none, or its number.

    The newest of several. One that is outside of the user's scope ends as if there were none.
    """
    rows = visible_messages(user)
    bare = name.strip().removeprefix("<").removesuffix(">")
    found = rows.filter(message_id__in=[name.strip(), bare, f"<{bare}>"]).first()
    if found is None and name.isdecimal():
        found = rows.filter(pk=int(name)).first()
    if found is None:
        raise CommandError(f"There is no message {name!r}.")
    return found


def as_text(message: Message, examined: Examined) -> list[str]:
    """The findings in an operator's words."""
    diagnosis = examined.diagnosis
    lines = [f"{message.message_id}: {message.state}. Looked at: {examined.subject}."]
    if diagnosis.fault is None:
        lines.append("By the settings of now it holds.")
        if message.failure_text:
            lines.append(f"Then it was refused: {message.failure_text}")
        return lines
    lines.append(f"By the settings of now it does not hold: {diagnosis.fault.reason}.")
    lines += [f"Seen: {each}." for each in diagnosis.evidence]
    if not diagnosis.cures:
        lines.append("Nothing that can be set would make it hold.")
    for number, cure in enumerate(diagnosis.cures, 1):
        lines.append(f"Way {number}:" if len(diagnosis.cures) > 1 else "What would help:")
        for remedy in cure:
            lines.append(f"  - {remedy.change}   [{remedy.where}]")
            lines.append(f"    Found: {remedy.why}.")
            if remedy.caution:
                lines.append(f"    Mind: {remedy.caution}.")
    return lines


def as_json(message: Message, examined: Examined) -> dict[str, object]:
    """The findings for programs."""
    diagnosis = examined.diagnosis
    return {
        "message_id": message.message_id,
        "state": message.state,
        "examined": examined.subject,
        "holds": diagnosis.fault is None,
        "fault": diagnosis.fault.reason if diagnosis.fault else None,
        "disposition_modifier": diagnosis.fault.modifier if diagnosis.fault else None,
        "evidence": list(diagnosis.evidence),
        "cures": [[asdict(remedy) for remedy in cure] for cure in diagnosis.cures],
    }
