"""Patterns: what a webhook chooses, and names that nobody could mean."""

import pytest

from partners.event_types import matches, read_patterns


@pytest.mark.parametrize(
    ("pattern", "event", "meant"),
    [
        ("*", "message.failed", True),
        ("message.failed", "message.failed", True),
        ("message.*", "message.failed", True),
        ("message", "message.failed", True),
        ("certificate.expiring", "certificate.expiring.no_successor", True),
        ("certificate.expiring.no_successor", "certificate.expiring", False),
        ("message.fail", "message.failed", False),
        ("mess", "message.failed", False),
    ],
)
def test_a_pattern_means_its_name_and_what_is_below(pattern: str, event: str, meant: bool) -> None:
    assert matches((*read_patterns("key.reminder"), pattern), event) is meant


def test_patterns_stand_on_lines_or_between_commas() -> None:
    assert read_patterns("message.*, mdn\n message.*\nkey.reminder") == (
        "message.*",
        "mdn",
        "key.reminder",
    )


@pytest.mark.parametrize("text", ["", "  \n", "message.faild", "*.failed", "message.*.x"])
def test_what_fits_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="event"):
        read_patterns(text)
