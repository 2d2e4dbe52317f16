"""Ten thousand calls with every kind of end leave nothing behind: no call, dialog, transaction or timer."""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest
from sip_fakes import A_PORT, B_ADDR, SILENCE, Net, events

from dialer.errors import TrunkError
from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import RegistrarConfig
from dialer.sip.digest import Credentials
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallEnded, CallFailed, IncomingCall

BATCH = 100
TARGET = parse_uri("sip:13812345678@127.0.0.1:5070")
CALLER = parse_uri("sip:4008@127.0.0.1")


class Exchange:
    """``a`` places calls, ``b`` treats each by its lot; a part of all messages is lost."""

    def __init__(self, loss: float, seed: int = 1) -> None:
        self.net = Net()
        self.a, self.b = self.net.add(A_PORT), self.net.add(B_ADDR.port)
        self.chance = random.Random(seed)
        self.net.drop = lambda *_: self.chance.random() < loss
        self.ends: dict[int, int] = {}

    def batch(self, count: int) -> None:
        """Calls at the same time; returns once all is over and quiet."""
        net = self.net
        mine = [
            self.a.invite(InviteSpec(TARGET, CALLER, B_ADDR, make_offer("127.0.0.1", 40000, 1)), net.now)
            for _ in range(count)
        ]
        theirs: list[int] = []
        for _ in range(12):
            net.advance(1.0)
            net.sent.clear()
            for event in events(self.b):
                if isinstance(event, IncomingCall):
                    theirs.append(event.call)
                    self._treat(event.call)
            self._note()
        for call in mine:
            lot = call % 8
            if lot == 0:
                self.a.send_keys(call, "12#", net.now)
            elif lot == 1:
                self.a.refer(call, "sip:1@127.0.0.1:5090", 5.0, net.now)
            elif lot == 2:
                self.a.hold(call, net.now)
            if lot != 3:
                self.a.hang_up(call, "ring time over", net.now)
        net.advance(5.0)
        for call in theirs:
            self.b.hang_up(call, "customer hangs up", net.now)
        net.advance(2 * SILENCE)
        net.sent.clear()
        self._note()
        events(self.b)

    def _treat(self, call: int) -> None:
        lot, net = call % 7, self.net
        if lot == 0:
            self.b.reject(call, self.chance.choice([486, 603, 404, 503, 302]), net.now)
        elif lot == 1:
            self.b.ring(call, net.now)
        elif lot < 5:
            self.b.ring(call, net.now)
            self.b.answer(call, "127.0.0.1", 41000, net.now)
        elif lot == 5:
            self.b.answer(call, "127.0.0.1", 41000, net.now)
            self.b.hang_up(call, "at once", net.now)

    def _note(self) -> None:
        for event in events(self.a):
            if isinstance(event, CallEnded | CallFailed):
                self.ends[event.call] = self.ends.get(event.call, 0) + 1


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.0, 0.15])
def test_five_thousand_calls_leave_nothing(loss: float) -> None:
    """Twice, so ten thousand: once over a good network, once over one that loses 15 % of all messages."""
    exchange = Exchange(loss)
    for _ in range(5):
        exchange.batch(BATCH)
    exchange.ends.clear()
    before = objects()
    for _ in range(34):
        exchange.batch(BATCH)
    assert set(exchange.ends.values()) == {1}, "each call ends once"
    assert len(exchange.ends) == 34 * BATCH
    exchange.ends.clear()
    assert objects() - before < 200
    assert (exchange.a.size, exchange.b.size) == (0, 0)
    tracemalloc.start()
    try:
        # What was parsed last is kept, up to a bound: filled again while memory is counted.
        for _ in range(6):
            exchange.batch(BATCH)
        exchange.ends.clear()
        gc.collect()
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            exchange.batch(BATCH)
        exchange.ends.clear()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert grown < 40_000, f"{grown} bytes more after 500 calls: tables breathe, but by less than that"


def test_an_outgoing_call_too_many_is_refused_before_it_leaves() -> None:
    net = Net()
    agent = net.add(A_PORT, max_calls=3)
    spec = InviteSpec(TARGET, CALLER, B_ADDR, make_offer("127.0.0.1", 40000, 1))
    calls = [agent.invite(spec, net.now) for _ in range(3)]
    agent.datagrams_to_send()
    with pytest.raises(TrunkError, match="all 3 calls"):
        agent.invite(spec, net.now)
    assert agent.datagrams_to_send() == []
    for call in calls:
        agent.hang_up(call, "over", net.now)
    net.advance(2 * SILENCE)
    assert agent.size == 0
    agent.invite(spec, net.now)


def test_one_challenge_serves_the_registration_and_all_calls_of_a_trunk() -> None:
    """FAULTS: no second round trip per call; a nonce that has grown old is replaced once."""
    net = Net()
    agent = net.add(A_PORT)
    registrar = net.add(B_ADDR.port, registrar=RegistrarConfig(realm="r", users={"u": "pw"}))
    aor = parse_uri("sip:u@r")
    spec = RegisterSpec(parse_uri("sip:r"), aor, B_ADDR, Credentials("u", "pw"), 100)
    first = agent.register(spec, net.now)
    net.deliver()
    assert net.starts() == ["REGISTER", "401", "REGISTER", "200"]
    net.sent.clear()
    net.advance(80.0)
    assert net.starts()[:2] == ["REGISTER", "200"], "the refresh knows the nonce"
    net.sent.clear()
    other = agent.register(spec, net.now)
    net.deliver()
    assert net.starts() == ["REGISTER", "200"], "and so does another registration"
    net.sent.clear()
    net.advance(600.0)
    starts = net.starts()
    assert starts.count("401") <= 2, "one stale nonce per its life"
    assert starts.count("200") >= 8
    for number in (first, other):
        agent.unregister(number, net.now)
    net.advance(SILENCE)
    assert (agent.size, registrar.size) == (0, 0)


def test_what_the_user_agent_remembers_of_challenges_is_bounded() -> None:
    net = Net()
    agent = net.add(A_PORT)
    for index in range(600):
        credentials, peer = Credentials(f"u{index}", "pw"), Addr("127.0.0.1", 10000 + index)
        spec = InviteSpec(TARGET, CALLER, peer, make_offer("127.0.0.1", 40000, 1), credentials=credentials)
        agent.hang_up(agent.invite(spec, net.now), "over", net.now)
    net.advance(2 * SILENCE)
    assert agent.size == 0
    assert len(agent._core._nonces) <= 256
