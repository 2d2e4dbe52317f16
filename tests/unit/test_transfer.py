"""Warm transfer with fake legs on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from call_house import FakePrompts, task, virtually

from dialer.errors import MissingPrompt
from dialer.model import Task
from dialer.ports import MediaTimeout
from dialer.testing.legs import FakeLeg, FakeTrunk, Person, nobody
from dialer.transfer import WHISPER, Agent, TransferConfig, WarmTransfer

URI = {name: f"sip:{name}@192.0.2.9" for name in ("a", "b", "c", "d")}
AGENTS = tuple(Agent(name, uri) for name, uri in URI.items())


class Desk:
    """A customer on hold and the agents' phones."""

    def __init__(self, people: dict[str, Person], config: TransferConfig | None = None, **given: Any) -> None:
        self.trunk = FakeTrunk({URI[name]: person for name, person in people.items()})
        self.prompts = FakePrompts()
        agents = tuple(agent for agent in AGENTS if agent.name in people)
        self.warm = WarmTransfer(
            self.trunk, self.prompts, config or TransferConfig(agents, **given), lambda name: None
        )
        self.customer = FakeLeg("customer", self.trunk.journal)
        self.accepted: list[str] = []

    async def run(self, one: Task | None = None) -> bool:
        return await self.warm.run(self.customer, one or task(), self.accepted.append)

    @property
    def asked(self) -> list[str]:
        return [str(request.target)[4] for request in self.trunk.requests]

    def free(self) -> list[str]:
        return [agent.name for agent, _ in self.warm.free_agents(task())]

    def tidy(self) -> bool:
        return all(leg.over and leg.closed for leg in self.trunk.legs)


def played(work: Callable[[], Awaitable[None]]) -> None:
    async def main(clock: Any) -> None:
        await work()

    virtually(main)


def accepts(*keys: str, after: int = 1, talks_s: float = 20) -> Person:
    """Presses ``keys`` after so many whispers, talks, hangs up."""

    async def agent(leg: FakeLeg) -> None:
        leg.ring()
        await asyncio.sleep(2)
        leg.answer()
        for _ in range(after):
            await leg.media.prompt_over()
        for key in keys:
            leg.press(key)
        await asyncio.sleep(talks_s)
        leg.leave()

    return agent


async def declines(leg: FakeLeg) -> None:
    leg.refuse(486)


def test_an_agent_accepts_and_both_talk() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1")})
        assert await desk.run() is True
        assert desk.accepted == ["a"]
        journal = desk.trunk.journal
        bridge = journal.index("customer bridge")
        assert journal.index("customer stop_playing") < bridge < journal.index("customer unbridge")
        assert journal.index(f"{URI['a']} play {WHISPER[0].text}") < bridge
        assert asyncio.get_running_loop().time() == pytest.approx(2 + 1 + 20, abs=0.5)
        assert desk.tidy()
        assert desk.free() == ["a"]

    played(work)


@pytest.mark.parametrize(
    "agent",
    [
        Agent("b", "sip:b@x", sales=True),
        Agent("b", "sip:b@x", team="一部"),
        Agent("s", "sip:b@x"),
    ],
)
def test_neither_sales_nor_the_sellers_team_is_offered_a_call(agent: Agent) -> None:
    free = Agent("c", "sip:c@x", team="三部")
    warm = WarmTransfer(FakeTrunk({}), FakePrompts(), TransferConfig(agents=(agent, free)))
    assert [one.name for one, _ in warm.free_agents(task(seller="s", seller_team="一部"))] == ["c"]
    unsold = [one.name for one, _ in warm.free_agents(task())]
    assert unsold == ["c"] if agent.sales else [agent.name, "c"], "who sold nothing of it may take it"


def test_the_seller_of_the_policy_is_never_asked() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1"), "b": nobody}, ring_s=5)
        assert await desk.run(task(seller="a")) is False
        assert desk.asked == ["b"]

    played(work)


def test_an_agent_without_a_phone_is_not_free() -> None:
    contacts: dict[str, str] = {}
    config = TransferConfig((Agent("a"),))
    warm = WarmTransfer(FakeTrunk({}), FakePrompts(), config, contacts.get)
    assert list(warm.free_agents(task())) == []
    contacts["a"] = URI["a"]
    assert [uri for _, uri in warm.free_agents(task())] == [URI["a"]]


def test_an_agent_serves_one_customer_at_a_time() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1", talks_s=60), "b": accepts("1", talks_s=60)})
        first = asyncio.create_task(desk.run())
        await asyncio.sleep(1)
        assert desk.free() == ["b"]
        other = FakeLeg("other", desk.trunk.journal)
        second = asyncio.create_task(desk.warm.run(other, task(), desk.accepted.append))
        await asyncio.sleep(10)
        assert desk.free() == []
        third = FakeLeg("third", desk.trunk.journal)
        assert await desk.warm.run(third, task(), desk.accepted.append) is False
        assert await asyncio.gather(first, second) == [True, True]
        assert desk.asked == ["a", "b"]
        assert desk.free() == ["a", "b"]

    played(work)


def test_the_whisper_is_repeated_until_the_key() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1", after=3)})
        assert await desk.run() is True
        whispers = [line for line in desk.trunk.journal if line.startswith(f"{URI['a']} play")]
        assert len(whispers) == 3

    played(work)


def test_another_key_accepts_nothing() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("2", "#", "5", talks_s=100)}, accept_s=15.0)
        assert await desk.run() is False
        assert desk.accepted == []
        assert asyncio.get_running_loop().time() == pytest.approx(2 + 15)
        assert desk.tidy()

    played(work)


@pytest.mark.parametrize(("key", "taken"), [("1", False), ("8", True)])
def test_the_accept_key_is_the_configured_one(key: str, taken: bool) -> None:
    async def work() -> None:
        desk = Desk({"a": accepts(key)}, accept_key="8")
        assert await desk.run() is taken

    played(work)


@pytest.mark.parametrize("ring_s", [4.0, 20.0])
def test_who_does_not_answer_gives_way_to_the_next(ring_s: float) -> None:
    async def work() -> None:
        desk = Desk({"a": nobody, "b": declines, "c": accepts("1")}, ring_s=ring_s)
        assert await desk.run() is True
        assert desk.accepted == ["c"]
        assert desk.asked == ["a", "b", "c"]
        invited = desk.trunk.journal.index(f"{URI['b']} invited")
        assert desk.trunk.journal.index(f"{URI['a']} hang_up transfer over") < invited, "two phones ring"
        assert asyncio.get_running_loop().time() == pytest.approx(ring_s + 2 + 1 + 20, abs=0.5)
        assert desk.tidy()

    played(work)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_customer_is_not_offered_to_everybody(most: int) -> None:
    async def work() -> None:
        desk = Desk(dict.fromkeys(URI, declines), max_agents=most)
        assert await desk.run() is False
        assert len(desk.asked) == most

    played(work)


def test_nobody_is_asked_twice() -> None:
    async def work() -> None:
        desk = Desk({"a": declines}, max_agents=3)
        assert await desk.run() is False
        assert desk.asked == ["a"]

    played(work)


@pytest.mark.parametrize("after_s", [0.2, 1.0, 2.5, 10.0])
def test_a_cancelled_transfer_leaves_no_phone_ringing(after_s: float) -> None:
    """While the INVITE leaves, while it rings, in the whisper, in the talk."""

    async def work() -> None:
        desk = Desk({"a": accepts("1", talks_s=100)})
        desk.trunk.dial_s = 0.5
        running = asyncio.create_task(desk.run())
        await asyncio.sleep(after_s)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert desk.tidy()
        assert desk.free() == ["a"]

    played(work)


def test_cancelled_while_an_agents_leg_is_being_left_the_agent_is_free_again() -> None:
    async def work() -> None:
        desk = Desk({"a": nobody}, ring_s=3)
        desk.trunk.confirms = False
        running = asyncio.create_task(desk.run())
        await asyncio.sleep(5)  # the CANCEL is out, the far end says nothing
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.sleep(10)
        assert all(leg.closed for leg in desk.trunk.legs)
        assert desk.free() == ["a"]

    played(work)


def test_an_agent_who_leaves_in_the_whisper_gives_way() -> None:
    async def leaves(leg: FakeLeg) -> None:
        leg.answer()
        await leg.media.prompt_over()
        leg.leave()

    async def work() -> None:
        desk = Desk({"a": leaves, "b": accepts("1")})
        assert await desk.run() is True
        assert desk.accepted == ["b"]

    played(work)


def test_a_trunk_that_cannot_dial_is_no_error_of_the_call() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1"), "b": accepts("1")})
        desk.trunk.refusal = "no route"
        assert await desk.run() is False
        assert desk.free() == ["a", "b"]

    played(work)


def test_a_bridge_that_fails_frees_the_agent() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1")})
        desk.customer.media.failing = {"bridge"}
        assert await desk.run() is False
        assert desk.accepted == []
        assert desk.tidy()
        assert desk.free() == ["a"]

    played(work)


def test_without_the_whispers_clip_no_leg_is_left() -> None:
    async def work() -> None:
        desk = Desk({"a": accepts("1")})
        desk.prompts.missing = True
        with pytest.raises(MissingPrompt):
            await desk.run()
        assert desk.tidy()
        assert desk.free() == ["a"]

    played(work)


def test_an_agent_whose_audio_is_gone_gives_the_customer_back() -> None:
    async def work() -> None:
        async def falls_silent(leg: FakeLeg) -> None:
            leg.answer()
            await leg.media.prompt_over()
            leg.press("1")
            await asyncio.sleep(5)
            leg.put(MediaTimeout(asyncio.get_running_loop().time()))

        desk = Desk({"a": falls_silent})
        async with asyncio.timeout(20):
            assert await desk.run() is True
        assert "customer unbridge" in desk.trunk.journal
        assert desk.tidy()

    played(work)
