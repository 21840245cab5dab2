"""History: tests are kept, limited in number, and the last one of an endpoint can be asked for."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from as2gateway.compliance.facts import EndpointFacts
from as2gateway.compliance.findings import Finding, Status
from as2gateway.tls.report import Report
from as2gateway.tls.verdicts import ProfileVerdict, judge
from audit.recording import Subject, record
from audit.tags import Tag
from partners.compliance.profiles import catalogue
from partners.models import TLSProbe
from partners.tls.asking import Limits
from partners.tls.contexts import ClientPolicy, TLSSettingsError
from partners.tls.environment import environment_facts
from partners.tls.probing import probe
from partners.tls.targets import ProbeError, Target

#: Who asks for tests by the clock; those keep nobody from making one.
SCHEDULE: Final = "schedule"
#: Tests that pages may start: each is some hundred connections to somebody else's server.
PER_MINUTE: Final = 4
#: A page has to answer before a proxy gives it up.
PAGE_LIMITS: Final = Limits(answer=4.0, total=40.0)


class TooMany(Exception):
    """There were too many tests in the last minute."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a test, from where, and whether it may be of a host of our own network."""

    actor: str
    address: str | None = None
    allow_private: bool = False


def run_test(
    target: Target,
    policy: ClientPolicy,
    asking: Asking,
    limits: Limits | None = None,
) -> TLSProbe:
    """Test an endpoint and keep what was found, also that nothing could be."""
    row = _begin(target, asking)
    try:
        report = probe(target, policy, allow_private=asking.allow_private, limits=limits)
    except (ProbeError, TLSSettingsError) as error:
        row.error = str(error)
    else:
        row.facts = report.to_plain()
        row.verdicts = [plain_verdict(each) for each in verdicts(report)]
    row.ended_at = timezone.now()
    row.save(update_fields=["ended_at", "facts", "verdicts", "error"])
    return row


def _begin(target: Target, asking: Asking) -> TLSProbe:
    with transaction.atomic():
        record(
            Tag.ENDPOINT_TLS_TESTED,
            Subject("endpoint", str(target), str(target)),
            f"TLS of {target} tested",
            actor=asking.actor,
            address=asking.address,
        )
        return TLSProbe.objects.create(
            host=target.host,
            port=target.port,
            started_at=timezone.now(),
            requested_by=asking.actor[:150],
        )


def verdicts(report: Report, profile: str = "") -> tuple[ProfileVerdict, ...]:
    """Judge by every profile that is in force, or by one; () for an unknown one."""
    known, now = catalogue(), timezone.now()
    names = [profile] if profile else known.names
    profiles = [each for name in names for each in known.versions(name, now.date())[:1]]
    return judge(profiles, report, environment_facts(), now)


def plain_verdict(verdict: ProfileVerdict) -> dict[str, Any]:
    """Return a verdict for JSON, with those of its findings that are not well."""
    bad = {Status.VIOLATED, Status.UNKNOWN}
    return {
        "profile": verdict.profile,
        "verdict": verdict.verdict,
        "findings": [_plain(each) for each in verdict.findings if each.status in bad],
    }


def check_rate() -> None:
    """Raise TooMany if pages have started enough tests for now."""
    since = timezone.now() - dt.timedelta(minutes=1)
    made = TLSProbe.objects.filter(started_at__gt=since).exclude(requested_by=SCHEDULE)
    if made.count() >= PER_MINUTE:
        raise TooMany(f"There were {PER_MINUTE} tests in the last minute. Try again in a minute.")


def public_hosts() -> dict[str, str]:
    """Return hosts of partners that anybody may test, and the title of the profile they are of."""
    known, today = catalogue(), timezone.now().date()
    in_force = (each for name in known.names for each in known.versions(name, today)[:1])
    return {host: profile.title for profile in in_force for host in profile.hosts}


def last_test(target: Target) -> TLSProbe | None:
    """Return the last test of an endpoint, also one that found nothing out."""
    return TLSProbe.objects.filter(host=target.host, port=target.port).first()


def last_facts(url: str) -> EndpointFacts | None:
    """Return what the last test of an https:// URL's endpoint found, for the compliance rules."""
    try:
        target = Target.parse(url)
    except ProbeError:
        return None
    tested = TLSProbe.objects.filter(host=target.host, port=target.port, facts__isnull=False)
    row = tested.order_by("-started_at", "-pk").first()
    return Report.from_plain(row.facts).facts() if row is not None and row.facts else None


def _plain(finding: Finding) -> dict[str, Any]:
    names = ("rule", "severity", "status", "wanted", "why", "source", "found")
    return {name: str(getattr(finding, name)) for name in names}
