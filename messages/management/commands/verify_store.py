"""``manage.py verify_store``: whether every file that the database names is there, as it was."""

import json
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from audit.acting import ActingCommand
from messages.stocktaking import Stock, take_stock
from messages.store import get_store

#: Lines of each kind that are printed; ``--json`` has all.
_MOST = 50


class Command(ActingCommand):
    """Compare the store with the database; nothing is changed."""

    help = (
        "Look for files that rows name and that are missing or changed, and for files that no row "
        "names. Exit code: 0 if the store is sound, 1 if a file is missing or changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--quick", action="store_true", help="compare sizes, not SHA-256")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compare and print."""
        stock = take_stock(get_store(), timezone.now(), digests=not options["quick"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(stock), indent=2))
        else:
            self.stdout.write("\n".join(_as_text(stock)))
        if not stock.sound:
            raise SystemExit(1)


def _as_text(stock: Stock) -> list[str]:
    lines = [f"missing  {key}  {text}" for key, text in [*stock.missing.items()][:_MOST]]
    lines += [f"changed  {key}  {text}" for key, text in [*stock.changed.items()][:_MOST]]
    lines += [f"orphan   {key}" for key in stock.orphans[:_MOST]]
    if not stock.sound:
        lines.append("Restore missing and changed files from a backup, under the same names.")
    elif stock.orphans:
        lines.append("Orphans are left by crashes and are swept after a week.")
    lines.append(
        f"{stock.files} files, {stock.bytes} bytes: {len(stock.missing)} missing, "
        f"{len(stock.changed)} changed, {len(stock.orphans)} orphans"
    )
    return lines


def _as_json(stock: Stock) -> dict[str, object]:
    return {
        "sound": stock.sound,
        "files": stock.files,
        "bytes": stock.bytes,
        "missing": stock.missing,
        "changed": stock.changed,
        "orphans": stock.orphans,
    }
