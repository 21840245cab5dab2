"""Enumerating: which versions and suites a server takes, by asking until it refuses.

Offer all, strike the one that the server chose, offer the rest. A refusal may also be that
of a server that has had enough of us, so at the end one question that was answered before is asked
again.
"""

from dataclasses import replace
from typing import Final

from as2gateway.tls.answers import NotTLS
from as2gateway.tls.report import VersionReport
from as2gateway.tls.suites import BY_IANA, Suite, iana_name, suites_of
from as2gateway.tls.versions import Version
from partners.tls.asking import BudgetSpent, Endpoint, NoAnswer, Refused

#: Suites in one hello: some old servers break at more (they read a length in one octet).
_BATCH: Final = 48


def enumerate_versions(endpoint: Endpoint) -> tuple[VersionReport, ...]:
    """Ask for every version, the newest first, since time may run out; oldest first in the end."""
    found = [_version(endpoint, version) for version in reversed(Version)]
    return tuple(reversed(_confirmed(endpoint, found)))


def _version(endpoint: Endpoint, version: Version) -> VersionReport:
    suites = suites_of(version)
    chosen: list[str] = []
    notes: list[str] = []
    try:
        for at in range(0, len(suites), _BATCH):
            _ask_all(endpoint, version, suites[at : at + _BATCH], chosen, notes)
    except NotTLS as error:
        return VersionReport(version.label, accepted=False, note=str(error))
    except (NoAnswer, BudgetSpent) as error:
        return VersionReport(
            version.label,
            accepted=True if chosen else None,
            suites=tuple(chosen),
            complete=False,
            note=str(error),
        )
    note = "" if chosen else notes[0]
    return VersionReport(version.label, bool(chosen), tuple(chosen), note=note)


def _ask_all(
    endpoint: Endpoint,
    version: Version,
    suites: tuple[Suite, ...],
    chosen: list[str],
    notes: list[str],
) -> None:
    """Add what the server takes of some suites, as it is found; the refusal becomes a note."""
    left = {suite.code: suite for suite in suites}
    while left:
        try:
            hello = endpoint.ask(version, left.values())
        except Refused as refusal:
            notes.append(str(refusal))
            return
        if hello.version != version.value:
            notes.append(f"it answers with {_label(hello.version)}")
            return
        if hello.suite not in left:
            notes.append(f"it chose {iana_name(hello.suite)}, which was not offered")
            return
        chosen.append(iana_name(hello.suite))
        del left[hello.suite]


def _confirmed(endpoint: Endpoint, found: list[VersionReport]) -> list[VersionReport]:
    """Ask again what was answered; if it is not any more, no refusal counts."""
    known = next((version for version in found if version.suites), None)
    if known is None or not any(version.complete for version in found):
        return found
    version = next(each for each in Version if each.label == known.name)
    try:
        endpoint.ask(version, [BY_IANA[known.suites[0]]])
    except (Refused, NoAnswer, NotTLS, BudgetSpent):
        note = "not known: the server stopped answering in the course of the test"
        return [
            replace(each, accepted=each.accepted or None, complete=False, note=note)
            for each in found
        ]
    return found


def _label(number: int) -> str:
    known = {version.value: version.label for version in Version}
    return known.get(number, f"version 0x{number:04X}")
