"""``python -m tests.chaos --messages 10000 --seed 7``: exit code 1 if anything was lost."""

import argparse
import os
import random
import sys


def main() -> int:
    """Run, print one line of figures, and what differs from the ledger."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--embedded", action="store_true", help="SQLite, and files as broker")
    parser.add_argument("--kill-every", type=float, default=0.5, metavar="SECONDS")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="then send no more")
    options = parser.parse_args()

    result = run(Plan(**vars(options)))
    lines = [result.figures, *(f"  {difference}" for difference in result.differences)]
    if result.differences:
        lines.append(f"{len(result.differences)} differences; all is kept in {result.folder}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if result.differences else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.chaos.run import Plan, run

    sys.exit(main())
