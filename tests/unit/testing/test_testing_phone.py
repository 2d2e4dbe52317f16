"""The demonstration's customers and agent, without a network."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from dialer.errors import MediaError
from dialer.model import Disposition, TaskState
from dialer.ports import Ended, SpeechEnded
from dialer.sip.leg import IncomingLeg
from dialer.testing.customers import CUSTOMERS
from dialer.testing.legs import FakeLeg
from dialer.testing.personas import Behaviour, Hear, Leave, Persona, Press, Refuse, Ring, Speak, Talk
from dialer.testing.phone import AgentPhone, CustomerPhone, voice_file
from dialer.testing.virtual import run_virtual

START = datetime(2026, 11, 10, tzinfo=UTC)


class Incoming(FakeLeg):
    """An incoming call whose caller speaks when told."""

    def __init__(self, called: str = "100") -> None:
        super().__init__("phone", [])
        self.called = called
        self.keys: list[str] = []
        self.did: list[str] = []
        self.broken = False

    async def ring(self) -> None:  # type: ignore[override]
        self.did.append("ring")

    async def answer(self) -> None:  # type: ignore[override]
        if self.broken:
            raise MediaError("no port")
        self.did.append("answer")
        self._answered = True
        self.media.send_keys = self._keys  # type: ignore[method-assign]

    async def _keys(self, digits: str) -> None:
        self.keys.append(digits)

    async def reject(self, code: int, reason: str = "") -> None:
        self.did.append(f"reject {code} {reason}")

    def prompt(self) -> None:
        self.put(SpeechEnded(0.0, 0.0, 1.0, -20.0))


def persona(*calls: Behaviour) -> Persona:
    return Persona("x", "100", "王", "男", "p", 1, "", calls, (), TaskState.DONE)


def lived(leg: Incoming, phone: CustomerPhone | AgentPhone, prompts: int = 0, bye: bool = False) -> None:
    async def main(clock: Callable[[], datetime]) -> None:
        async def caller() -> None:
            for _ in range(prompts):
                await asyncio.sleep(5)
                leg.prompt()
            await asyncio.sleep(60)
            if bye:
                leg.put(Ended(0.0, by_remote=True))

        calling = asyncio.create_task(caller())
        await phone.take(cast(IncomingLeg, leg))
        calling.cancel()

    run_virtual(main, START)
    assert leg.closed


def played(leg: Incoming) -> list[str]:
    return [line.split()[-1] for line in leg._journal if " play " in line]


def test_a_number_that_nobody_has() -> None:
    async def main(clock: Any) -> None:
        leg = Incoming("999")
        await CustomerPhone({"100": persona(Ring())}).take(cast(IncomingLeg, leg))
        assert leg.did == ["reject 404 Not Found"]

    run_virtual(main, START)


def test_a_customer_makes_one_turn_after_each_prompt_and_then_leaves() -> None:
    leg = Incoming()
    talk = Talk((Speak("shi-wo"), Press("1"), Hear(), Speak("meiyou")))
    lived(leg, CustomerPhone({"100": persona(talk)}), prompts=5)
    assert leg.did == ["ring", "answer"]
    assert played(leg) == ["shi-wo.wav", "meiyou.wav"]
    assert leg.keys == ["1"]
    assert leg._journal[-3].endswith("hang_up customer hangs up")


def test_a_customer_who_leaves_early() -> None:
    leg = Incoming()
    lived(leg, CustomerPhone({"100": persona(Talk((Leave(), Speak("shi-wo"))))}), prompts=1)
    assert played(leg) == []


def test_each_call_has_its_own_behaviour_and_the_last_repeats() -> None:
    phone = CustomerPhone({"100": persona(Refuse(486, "Busy Here"), Ring())})
    for wanted in (["reject 486 Busy Here"], ["ring"], ["ring"]):
        leg = Incoming()
        lived(leg, phone, bye=True)
        assert leg.did == wanted
    assert phone.calls == Counter({"x": 3})


def test_a_broken_test_call_frees_its_leg() -> None:
    leg = Incoming()
    leg.broken = True
    lived(leg, CustomerPhone({"100": persona(Talk(()))}))


def test_the_agent_listens_accepts_speaks_and_hangs_up() -> None:
    leg, phone = Incoming(), AgentPhone(key="3")
    lived(leg, phone, prompts=2)
    assert leg.keys == ["3"]
    assert played(leg) == ["agent.wav"]
    assert phone.accepted == 1
    assert any(line.endswith("agent hangs up") for line in leg._journal)


def test_the_agent_does_not_wait_for_ever_for_a_silent_customer() -> None:
    leg = Incoming()
    lived(leg, AgentPhone(patience_s=6.0), prompts=1)
    assert any(line.endswith("agent hangs up") for line in leg._journal)


def test_an_agent_whose_caller_is_gone_accepts_nothing() -> None:
    leg, phone = Incoming(), AgentPhone()
    lived(leg, phone, bye=True)
    assert (leg.keys, phone.accepted) == ([], 0)


def test_unknown_utterances_are_refused() -> None:
    with pytest.raises(KeyError, match="no shipped utterance"):
        voice_file("never-said")


def test_the_demonstrations_customers_can_say_their_turns_and_cover_the_outcomes() -> None:
    assert len(CUSTOMERS) == len({one.number for one in CUSTOMERS}) == 12
    for one in CUSTOMERS:
        for call in one.calls:
            for turn in call.turns if isinstance(call, Talk) else ():
                if isinstance(turn, Speak):
                    assert Path(voice_file(turn.voice)).stat().st_size > 1000
    outcomes = {outcome for one in CUSTOMERS for outcome in one.expected}
    assert {
        Disposition.COMPLETED, Disposition.WRONG_PERSON, Disposition.BUSY, Disposition.NO_ANSWER,
        Disposition.UNALLOCATED, Disposition.TRANSFERRED, Disposition.APPOINTMENT,
        Disposition.ANSWERED_INCOMPLETE,
    } <= outcomes  # fmt: skip
