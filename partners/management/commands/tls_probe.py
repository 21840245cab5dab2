"""``manage.py tls_probe``: see which TLS a host takes, and what the profiles say about it."""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from as2gateway.compliance.facts import Trust
from as2gateway.compliance.findings import Severity
from as2gateway.tls.report import Report
from as2gateway.tls.trust import parse_authorities, parse_pins
from as2gateway.tls.verdicts import ProfileVerdict
from audit.acting import ActingCommand, is_shell
from partners.compliance.profiles import catalogue
from partners.tls.asking import Limits
from partners.tls.contexts import ClientPolicy
from partners.tls.history import Asking, plain_verdict, run_test, verdicts
from partners.tls.printing import print_manual, print_report, print_verdicts
from partners.tls.probing import probe
from partners.tls.targets import ProbeError, Target

#: nothing at that level, something, could not run
FOUND = 1
COULD_NOT_RUN = 2


class Command(ActingCommand):
    """Test an endpoint's TLS; the shell may test hosts of its own network, too."""

    help = (
        "Test which TLS versions, suites and certificate a host has. "
        "Exit code 0: nothing at that level, 1: findings, 2: could not run."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the host, and by what to judge it."""
        parser.add_argument(
            "target",
            metavar="HOST[:PORT]",
            nargs="?",
            help="also as an https:// address; without it, the first public host of --profile",
        )
        parser.add_argument("--profile", default="", help="judge by this profile only")
        parser.add_argument("--json", action="store_true", help="print facts and verdicts as JSON")
        trust = parser.add_mutually_exclusive_group()
        trust.add_argument("--cafile", help="trust the authorities in this PEM file")
        trust.add_argument("--pin", metavar="SHA256", help="trust the certificate of this hash")
        levels = [Severity.ERROR.value, Severity.WARNING.value]
        parser.add_argument("--fail-on", choices=levels, default=levels[0])
        parser.add_argument(
            "--timeout", type=float, default=Limits().total, help="seconds for the whole test"
        )
        parser.add_argument(
            "--no-store", action="store_true", help="keep no history; needs no database"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Test, print, and end with the exit code."""
        report = self._report(options)
        found = verdicts(report, options["profile"])
        if options["json"]:
            judged = [plain_verdict(verdict) for verdict in found]
            self.stdout.write(
                json.dumps({"facts": report.to_plain(), "verdicts": judged}, indent=2)
            )
        else:
            for part in (
                print_report(report, timezone.now()),
                print_verdicts(found),
                print_manual(report),
            ):
                self.stdout.write("\n".join(part) + "\n")
        if _fails(found, options["fail_on"]):
            sys.exit(FOUND)

    def _report(self, options: dict[str, Any]) -> Report:
        profile = options["profile"]
        if profile and profile not in catalogue().names:
            names = ", ".join(catalogue().names)
            raise _could_not_run(f"There is no profile {profile}; there are {names}.")
        policy = _policy(options["cafile"], options["pin"])
        limits = Limits(total=options["timeout"])
        private = is_shell(self.user) or settings.AS2_TLS_PROBE_ALLOW_PRIVATE
        try:
            target = Target.parse(options["target"] or _public_host(profile))
            if options["no_store"]:
                return probe(target, policy, allow_private=private, limits=limits)
            asking = Asking(self.actor, allow_private=private)
            row = run_test(target, policy, asking, limits)
        except ProbeError as error:
            raise _could_not_run(str(error)) from error
        if row.facts is None:
            raise _could_not_run(row.error)
        return Report.from_plain(row.facts)


def _public_host(profile: str) -> str:
    """Return the host that a profile names, for who gives none."""
    versions = catalogue().versions(profile, timezone.now().date()) if profile else ()
    hosts = [host for version in versions[:1] for host in version.hosts]
    if not hosts:
        raise _could_not_run("Say which host to test, or a profile that names one.")
    return hosts[0]


def _policy(cafile: str | None, pin: str | None) -> ClientPolicy:
    try:
        if cafile is not None:
            authorities = parse_authorities(Path(cafile).read_text("ascii", "replace"))
            return ClientPolicy(Trust.CUSTOM_CA, authorities=authorities)
        if pin is not None:
            return ClientPolicy(Trust.PINNED, pins=parse_pins(pin))
    except (OSError, ValueError) as error:
        raise _could_not_run(str(error)) from error
    return ClientPolicy()


def _fails(found: tuple[ProfileVerdict, ...], level: str) -> bool:
    findings = [finding for verdict in found for finding in verdict.findings]
    if level == Severity.ERROR:
        return any(finding.is_error for finding in findings)
    return any(finding.is_open for finding in findings)


def _could_not_run(text: str) -> CommandError:
    return CommandError(text, returncode=COULD_NOT_RUN)
