"""Each state in plain words."""

import datetime as dt
from collections.abc import Sequence

import pytest
from django.utils import timezone

from audit.badges import Tone
from messages.admin.verdicts import mdn_verdict, verdict
from messages.admin.words import MDN_TONES, STATE_TONES
from messages.models import MDN, MDNState, State
from tests.messages import made_up

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
LATER, BEFORE = NOW + dt.timedelta(hours=1), NOW - dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "fields", "headline", "text"),
    [
        (State.RECEIVED, {}, "Received", "It is being decrypted and verified."),
        (State.REJECTED, {"failure_text": "Why."}, "Rejected", "Why."),
        (State.QUEUED, {}, "Queued", "It will be sent within seconds."),
        (
            State.QUEUED,
            {"attempts": 2, "due_at": LATER, "failure_text": "Why."},
            "Will be tried again: 2026-11-24 13:00:00",
            "Why.",
        ),
        (
            State.QUEUED,
            {"attempts": 2, "due_at": BEFORE},
            "Will be tried again: now",
            "Somebody asked for it to be sent again.",
        ),
        (State.SENDING, {"attempts": 3}, "Being sent: attempt 3", ""),
        (
            State.WAITING,
            {"mdn_deadline": LATER},
            "Waiting for the MDN",
            "It was sent. The partner's MDN is due by 2026-11-24 13:00:00 UTC.",
        ),
        (
            State.WAITING,
            {"mdn_deadline": BEFORE},
            "Waiting for the MDN",
            "It was sent. The partner's MDN was due by 2026-11-24 11:00:00 UTC.",
        ),
        (State.DELIVERED, {}, "Delivered", "The partner's MDN proves it."),
        (
            State.DELIVERED,
            {"mdn_mode": "none"},
            "Delivered",
            "The partner's server took it. No MDN was asked for, so there is no other proof.",
        ),
        (State.FAILED, {"failure_text": "Why."}, "Failed", "Why."),
    ],
)
def test_a_verdict_says_where_a_message_is(
    state: State, fields: dict[str, object], headline: str, text: str
) -> None:
    found = verdict(made_up.message(made_up.connection(), state, **fields), NOW)
    assert (found.headline, found.text) == (headline, text)


def test_a_parked_message_names_the_connection_s_state() -> None:
    row = made_up.message(made_up.connection(state="paused"), State.QUEUED)
    found = verdict(row, timezone.now())
    assert found.headline == "Parked: the connection is paused"
    assert found.tone is Tone.WARN


def _mdns(*given: tuple[MDNState, bool]) -> Sequence[MDN]:
    return [MDN(state=state, positive=positive) for state, positive in given]


@pytest.mark.parametrize(
    ("state", "mdns", "text"),
    [
        (State.DELIVERED, [(MDNState.VERIFIED, True)], "positive"),
        (State.FAILED, [(MDNState.VERIFIED, False)], "negative"),
        (State.DELIVERED, [(MDNState.UNMATCHED, False), (MDNState.VERIFIED, True)], "positive"),
        (State.FAILED, [(MDNState.REFUSED, True)], "refused"),
        (State.FAILED, [], "none came"),
        (State.WAITING, [(MDNState.UNMATCHED, True)], "awaited"),
        (State.ACCEPTED, [(MDNState.ANSWERED, True)], "positive"),
        (State.REJECTED, [(MDNState.SENT, False)], "negative"),
        (State.ACCEPTED, [(MDNState.QUEUED, True)], "being sent"),
        (State.ACCEPTED, [(MDNState.FAILED, True)], "not sent"),
        (State.RECEIVED, [], "none yet"),
        (State.ACCEPTED, [], "none yet"),
    ],
)
def test_the_mdns_of_a_message_in_a_word(
    state: State, mdns: list[tuple[MDNState, bool]], text: str
) -> None:
    row = made_up.message(made_up.connection(), state)
    assert mdn_verdict(row, _mdns(*mdns)).text == text


def test_no_mdn_is_missed_where_none_was_asked_for() -> None:
    row = made_up.message(made_up.connection(), State.DELIVERED, mdn_mode="none")
    assert mdn_verdict(row, []).text == "not asked for"


def test_every_state_has_a_colour() -> None:
    assert set(STATE_TONES) == set(State)
    assert set(MDN_TONES) == set(MDNState)
