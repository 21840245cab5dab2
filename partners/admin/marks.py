"""Marks: what findings look like at a field of the form, and above it all."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from as2gateway.compliance.findings import Finding, Severity, Status, Verdict
from audit.badges import Tone, badge

#: The field of findings about certificates: no field of the form, but the certificates below it.
CERTIFICATES: Final = "certificates"

TONES: Final = {
    Verdict.ERROR: Tone.BAD,
    Verdict.WARNING: Tone.WARN,
    Verdict.UNKNOWN: Tone.PLAIN,
    Verdict.OK: Tone.GOOD,
}
_SEVERITIES: Final = {
    Severity.ERROR: Tone.BAD,
    Severity.WARNING: Tone.WARN,
    Severity.INFO: Tone.PLAIN,
}


def verdict_badge(verdict: Verdict | None, more: str = "") -> SafeString:
    """Show a verdict in a word; None is a connection without a profile."""
    if verdict is None:
        return badge(Tone.PLAIN, "no profile")
    return badge(TONES[verdict], f"{verdict}, {more}" if more else verdict)


def sentence(finding: Finding) -> str:
    """Say all of a finding: what is there, what is wanted, why, and who says so."""
    return (
        f"{finding.rule}: {finding.found}. Wanted: {finding.wanted}. "
        f"{finding.why} Source: {finding.source}."
    )


def mark(finding: Finding) -> SafeString:
    """Show a finding at its field, in the colour of its severity."""
    tone = _SEVERITIES[finding.severity]
    return format_html(
        '<span class="as2-mark as2-{}" data-rule="{}">{} {}. <b>Wanted: {}.</b> {} '
        '<span class="as2-source">{} · {}</span></span>',
        tone.value,
        finding.rule,
        badge(tone, finding.severity),
        finding.found,
        finding.wanted,
        finding.why,
        finding.rule,
        _source(finding),
    )


def _source(finding: Finding) -> SafeString | str:
    if not finding.source_url:
        return finding.source
    link = '<a class="as2-link" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(link, finding.source_url, finding.source)


def marks(findings: Iterable[Finding]) -> SafeString:
    """Show several."""
    return format_html_join("", "{}", ((mark(finding),) for finding in findings))


def marked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that are shown at fields: what is violated, remarks too."""
    return tuple(each for each in findings if each.status is Status.VIOLATED)


def counts(findings: Sequence[Finding]) -> str:
    """Count findings by status: ``1 error, 2 warnings, 20 ok``."""
    violated = {
        f"{severity}s": [f for f in marked(findings) if f.severity is severity]
        for severity in Severity
    }
    groups = {name: len(each) for name, each in violated.items()}
    for status in (Status.UNKNOWN, Status.NOT_APPLICABLE, Status.OK):
        groups[status.value] = sum(each.status is status for each in findings)
    return ", ".join(f"{count} {name}" for name, count in groups.items() if count)
