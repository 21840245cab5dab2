"""A report in lines: also what is missing, unknown or odd has words."""

import datetime as dt
from dataclasses import replace

import pytest

from as2gateway.tls.report import Handshake, Report, VersionReport
from partners.tls.printing import print_manual, print_report
from tests.gateway.tls.test_report import CERTIFICATE, GOOD, NOW


def printed(report: Report) -> str:
    return "\n".join([*print_report(report, NOW), *print_manual(report)])


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (
            VersionReport("TLSv1.2", accepted=None, note="no answer"),
            "TLSv1.2                not known: no answer",
        ),
        (VersionReport("TLSv1.2", accepted=False), "TLSv1.2                refused"),
        (
            VersionReport("TLSv1.2", accepted=True, complete=False, note="no time"),
            "accepted, 0 suites; no time",
        ),
        (VersionReport("TLSv1.2", accepted=True, suites=("0xFEFE",)), "    0xFEFE"),
    ],
)
def test_each_state_of_a_version_has_words(version: VersionReport, line: str) -> None:
    assert line in printed(replace(GOOD, versions=(version,)))


def test_without_a_certificate_there_is_none_to_tell_of() -> None:
    text = printed(replace(GOOD, certificate=None, host_match=None))
    assert "host name              not known" in text
    assert "fingerprint" not in text


def test_an_end_in_the_past_is_said_loudly() -> None:
    past = replace(CERTIFICATE, not_after=NOW - dt.timedelta(days=1))
    assert "2026-11-24: EXPIRED" in printed(replace(GOOD, certificate=past))


def test_what_went_wrong_is_a_note() -> None:
    odd = replace(GOOD, problems=("It was odd.",), sending=Handshake(error="it is not pinned"))
    assert "note                   It was odd." in printed(odd)
    assert "sent by our gateway    refused: it is not pinned" in printed(odd)
