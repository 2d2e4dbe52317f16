"""The call's table: what it allows moves the call, everything else changes nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from dialer.call import TABLE, Call, Event, State, diagram, disposition_of
from dialer.errors import IllegalTransition
from dialer.model import Disposition

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
EVENTS = st.lists(st.tuples(st.sampled_from(list(Event)), st.floats(0, 50)), max_size=40)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_every_state_and_event(state: State, event: Event) -> None:
    call = Call(20, 5, state, 1.0, 2.0)
    before = dataclasses.replace(call)
    target = TABLE.get((state, event))
    if target is None:
        with pytest.raises(IllegalTransition, match=str(event)):
            call.apply(event, 9.0)
        assert call == before
    else:
        assert call.apply(event, 9.0) is call.state is target


def test_nothing_leaves_the_end_and_every_state_can_reach_it() -> None:
    assert not [event for (state, event) in TABLE if state is State.OVER]
    ends = {State.OVER}
    while found := {source for (source, _), target in TABLE.items() if target in ends} - ends:
        ends |= found
    assert ends == set(State)


@given(EVENTS)
def test_random_histories_keep_the_promises(events: list[tuple[Event, float]]) -> None:
    call, now, answered, talking = Call(20, 5), 0.0, False, False
    for event, later in events:
        now += later
        before = dataclasses.replace(call)
        try:
            call.apply(event, now)
        except IllegalTransition:
            assert call == before
            continue
        answered = answered or event is Event.ANSWERED
        talking = talking or call.state is State.TALKING
        deadline = call.ring_deadline()
        if call.state is State.RINGING:
            assert call.rang_at is not None
            assert deadline is not None
            assert deadline - call.rang_at >= 20
        elif call.state is State.DIALLING:
            assert deadline == call.invited_at + 25
        else:
            assert deadline is None
        if call.state in (State.TALKING, State.TRANSFERRING, State.BRIDGED):
            assert answered
        if before.state is State.OVER:
            pytest.fail("something moved after the end")


def test_the_ring_clock_starts_with_the_first_18x_only() -> None:
    call = Call(20, 5)
    call.apply(Event.INVITED, 100.0)
    assert call.ring_deadline() == 125.0
    call.apply(Event.PROGRESS, 103.0)
    call.apply(Event.PROGRESS, 115.0)
    assert call.ring_deadline() == 123.0


@pytest.mark.parametrize(
    ("code", "ours", "rang", "cancelled", "expected"),
    [
        (404, False, False, False, Disposition.UNALLOCATED),
        (410, False, True, False, Disposition.UNALLOCATED),
        (484, False, False, False, Disposition.UNALLOCATED),
        (604, False, False, False, Disposition.UNALLOCATED),
        (486, False, True, False, Disposition.BUSY),
        (600, False, False, False, Disposition.BUSY),
        (603, False, True, False, Disposition.REJECTED),
        (607, False, False, False, Disposition.REJECTED),
        (608, False, False, False, Disposition.REJECTED),
        (403, False, False, False, Disposition.TRUNK_FAILURE),
        (407, False, False, False, Disposition.TRUNK_FAILURE),
        (488, False, False, False, Disposition.TRUNK_FAILURE),
        (0, True, False, False, Disposition.TRUNK_FAILURE),
        (408, True, False, False, Disposition.TRUNK_FAILURE),
        (500, False, False, False, Disposition.TRUNK_FAILURE),
        (503, False, False, False, Disposition.TRUNK_FAILURE),
        (503, False, True, False, Disposition.UNREACHABLE),
        (408, False, True, False, Disposition.NO_ANSWER),
        (487, False, True, False, Disposition.NO_ANSWER),
        (408, False, False, False, Disposition.UNREACHABLE),
        (480, False, False, False, Disposition.UNREACHABLE),
        (480, False, True, False, Disposition.UNREACHABLE),
        (302, False, False, False, Disposition.UNREACHABLE),
        (487, False, True, True, Disposition.NO_ANSWER),
        (487, False, False, True, Disposition.NO_ANSWER),
        (480, False, True, True, Disposition.NO_ANSWER),
        (0, False, True, True, Disposition.NO_ANSWER),
        (0, False, False, True, Disposition.TRUNK_FAILURE),
        (486, False, True, True, Disposition.BUSY),
        (404, False, True, True, Disposition.UNALLOCATED),
    ],
)
def test_what_a_failed_invite_means(
    code: int, ours: bool, rang: bool, cancelled: bool, expected: Disposition
) -> None:
    assert disposition_of(code, ours=ours, rang=rang, cancelled=cancelled) is expected


@given(st.integers(300, 699), st.booleans(), st.booleans())
def test_a_phone_that_rang_is_always_counted_unless_the_fault_is_ours(
    code: int, rang: bool, cancelled: bool
) -> None:
    found = disposition_of(code, ours=False, rang=rang, cancelled=cancelled)
    if rang and code >= 424 and code not in (488, 606):
        assert found.counts_as_attempt


def test_the_document_shows_this_table() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    shown = text.split("<!-- call-states -->")[1].split("<!-- /call-states -->")[0]
    assert shown.strip() == f"```mermaid\n{diagram()}\n```", (
        "docs/architecture.md is old: put the output of `python -m dialer.call` between its markers"
    )


def test_the_phone_rings_from_its_first_180_whatever_was_heard_before() -> None:
    """R41: an announcement in a 183 isn't ringing time; a second 180 is the same ringing."""
    call = Call(20, 5)
    call.apply(Event.INVITED, 100.0)
    call.apply(Event.PROGRESS, 101.0)
    assert call.ring_deadline() == 121.0
    for now in (110.0, 115.0):
        call.apply(Event.PROGRESS, now)
        call.alerting(now)
    assert call.ring_deadline() == 130.0


class Ringing(RuleBasedStateMachine):
    """R41: whatever the far end sends and when, we end no ring before its 20 s are over."""

    @initialize(ring_s=st.floats(20, 60), no_progress_s=st.floats(0, 20), start=st.floats(1, 1e6))
    def invite(self, ring_s: float, no_progress_s: float, start: float) -> None:
        self.call = Call(ring_s, no_progress_s)
        self.call.apply(Event.INVITED, start)
        self.now = self.invited = start
        self.ring_s, self.no_progress_s = ring_s, no_progress_s
        self.first_18x: float | None = None
        self.first_180: float | None = None

    @precondition(lambda self: self.call.ring_deadline() is None)
    @rule(ring_s=st.floats(20, 60), no_progress_s=st.floats(0, 20))
    def call_again(self, ring_s: float, no_progress_s: float) -> None:
        self.invite(ring_s, no_progress_s, self.now)

    @precondition(lambda self: self.call.ring_deadline() is not None)
    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        """As the conductor does: the clock alone ends a ring, and at its deadline."""
        deadline = self.call.ring_deadline()
        assert deadline is not None
        if self.now + seconds < deadline:
            self.now += seconds
            return
        self.now = max(self.now, deadline)
        self.call.apply(Event.CANCEL, self.now)
        rang = self.first_180 or self.first_18x or self.invited + self.no_progress_s
        assert self.now - rang >= self.ring_s - 1e-6
        assert self.now - rang >= 20 - 1e-6

    @precondition(lambda self: self.call.ring_deadline() is not None)
    @rule(code=st.sampled_from([180, 181, 183]))
    def progress(self, code: int) -> None:
        self.call.apply(Event.PROGRESS, self.now)
        self.first_18x = self.first_18x or self.now
        if code == 180:
            self.call.alerting(self.now)
            self.first_180 = self.first_180 or self.now

    @precondition(lambda self: self.call.ring_deadline() is not None)
    @rule(event=st.sampled_from([Event.FAILED, Event.ANSWERED]))
    def the_far_end_decides(self, event: Event) -> None:
        self.call.apply(event, self.now)
        assert self.call.ring_deadline() is None


TestRinging = Ringing.TestCase
TestRinging.settings = hypothesis_settings(max_examples=150, stateful_step_count=20, deadline=None)
