"""Two user agents that change their session at random over a bad network always end in agreement."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sip_fakes import B_PORT, Net, Pair, events

from dialer.sip.address import Addr
from dialer.sip.callstate import Call, Phase
from dialer.sip.negotiation import Open
from dialer.sip.signals import CallEnded, CallFailed, Signal
from dialer.sip.useragent import UserAgent

_SESSION_S = 120


class BadNet(Net):
    """Loses and repeats datagrams as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.random = random.Random(1)
        self.loss = self.repeats = 0.0
        self.drop = lambda source, peer, data: self.random.random() < self.loss

    def deliver(self) -> None:
        busy = True
        while busy:
            busy = False
            for source, agent in list(self.agents.items()):
                for data, peer in agent.datagrams_to_send():
                    busy = True
                    for _ in range(2 if self.random.random() < self.repeats else 1):
                        if peer in self.agents and not self.drop(source, peer, data):
                            self.agents[peer].receive_datagram(data, source, self.now)


class TwoAgents(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**16), update=st.booleans(), short=st.booleans())
    def call(self, seed: int, update: bool, short: bool) -> None:
        self.short = short
        self.net = BadNet()
        self.net.random = random.Random(seed)
        pair = Pair.__new__(Pair)
        options = {"session_expires_s": _SESSION_S, "seed": seed}
        pair.net = self.net
        pair.a, pair.b = self.net.add(5060, **options), self.net.add(B_PORT, **options)
        numbers = pair.talk()
        self.agents = (pair.a, pair.b)
        self.calls = tuple(_call(agent, number) for agent, number in zip(self.agents, numbers, strict=True))
        self.heard: tuple[list[Signal], list[Signal]] = ([], [])
        self.ended = False
        self.port = 50000
        if not update:
            for call in self.calls:
                assert call.dialog is not None
                call.dialog.allows = frozenset({"INVITE", "ACK", "BYE"})

    @rule(loss=st.sampled_from([0.0, 0.1, 0.4]), repeats=st.sampled_from([0.0, 0.3]))
    def weather(self, loss: float, repeats: float) -> None:
        self.net.loss, self.net.repeats = loss, repeats

    @rule(
        wishes=st.lists(
            st.tuples(st.integers(0, 1), st.sampled_from(["hold", "resume", "move", "refresh"])),
            min_size=1, max_size=4,
        ),
        now=st.booleans(),
    )  # fmt: skip
    def change(self, wishes: list[tuple[int, str]], now: bool) -> None:
        """Several at once: all but the first wait for the exchange under way, or meet the other side's."""
        for who, what in wishes:
            agent, number = self.agents[who], self.calls[who].number
            if what == "move":
                self.port += 2
                agent.move(number, "127.0.0.1", self.port, self.net.now)
            elif what == "refresh":
                agent._changes.refresh(self.calls[who], self.net.now)
            else:
                getattr(agent, what)(number, self.net.now)
        if now:
            self.net.deliver()

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 3.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.net.advance(seconds)

    @precondition(lambda self: self.short and not self.ended)
    @rule(who=st.integers(0, 1))
    def hang_up(self, who: int) -> None:
        self.ended = True
        self.agents[who].bye(self.calls[who].number, "done", self.net.now)

    @invariant()
    def one_offer_at_a_time(self) -> None:
        for call in getattr(self, "calls", ()):
            if call.dialog is not None and call.dialog.session.open is Open.OURS:
                assert call.change is not None or call.pending is not None or call.phase is not Phase.TALKING

    def teardown(self) -> None:
        if not hasattr(self, "net"):
            return
        self.net.loss = self.net.repeats = 0.0
        self.net.advance(3 * _SESSION_S)
        for agent, heard in zip(self.agents, self.heard, strict=True):
            heard += events(agent)
        over = [call.phase is Phase.OVER for call in self.calls]
        assert over[0] == over[1], "one side still talks"
        for call, heard in zip(self.calls, self.heard, strict=True):
            assert sum(isinstance(e, CallEnded | CallFailed) for e in heard) == (call.phase is Phase.OVER)
        if over[0]:
            self.net.advance(100)
            assert [agent.size for agent in self.agents] == [0, 0]
            return
        assert not self.ended, "a hang-up was forgotten"
        _agree(*self.calls)


def _call(agent: UserAgent, number: int) -> Call:
    return agent._calls.active[number]


def _agree(one: Call, two: Call) -> None:
    """Nothing is open, and each sends where and as the other said last."""
    for call, other in ((one, two), (two, one)):
        assert call.dialog is not None
        assert other.dialog is not None
        mine, theirs = call.dialog.session, other.dialog.session
        assert mine.stable
        assert not call.wanted
        assert call.change is None
        assert call.pending is None
        assert mine.media is not None
        assert theirs.local is not None
        assert (mine.media.host, mine.media.port) == (theirs.local.host, theirs.local.port)
        assert mine.media.sending == theirs.local.direction.receives
        assert mine.media.sending == theirs.ours.direction.receives, "a wish was forgotten"
        assert mine.local is not None
        assert (mine.ours.host, mine.ours.port) == (mine.local.host, mine.local.port)


TestTwoAgents = TwoAgents.TestCase
TestTwoAgents.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


def test_a_long_call_is_refreshed_and_lives() -> None:
    """Two agents that say nothing for an hour are still connected."""
    pair = Pair(session_expires_s=_SESSION_S)
    pair.talk()
    pair.net.advance(3600)
    assert events(pair.a) + events(pair.b) == []
    assert pair.net.starts().count("UPDATE") >= 59


def test_a_far_end_that_is_gone_ends_the_call() -> None:
    pair = Pair(session_expires_s=_SESSION_S)
    pair.talk()
    del pair.net.agents[Addr("127.0.0.1", B_PORT)]
    pair.net.advance(_SESSION_S)
    (ended,) = events(pair.a)
    assert isinstance(ended, CallEnded)
    assert not ended.by_remote
