"""Types: nothing is promised that is never made, and all of it is written down."""

from audit.tags import Tag
from messages.webhooks import types
from partners.event_types import EventType
from tests.maps import ROOT


def test_every_type_is_made_by_something() -> None:
    made = {*types._TYPES.values(), *types._STATES.values(), *types._VERDICTS.values()}
    by_step = {
        EventType.CERTIFICATE_EXPIRING,
        EventType.CERTIFICATE_NO_SUCCESSOR,
        EventType.CERTIFICATE_EXPIRED,
        EventType.ROLLOVER_UNCONFIRMED,
        EventType.KEY_REMINDER,
    }
    assert made | by_step | {EventType.WEBHOOK_TEST} == set(EventType)
    assert {*types._TYPES, *types._BY_DATA} <= set(Tag)


def test_every_type_is_explained() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()
    assert [each.value for each in EventType if f"`{each.value}`" not in page] == []
