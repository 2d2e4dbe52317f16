"""One suite over every implementation of the Trunk and Leg ports: the scripted one, a SIP trunk, a group of
trunks, and a SIP trunk whose signalling PJSIP does.

The far end of the real ones is an endpoint of its own that does what the called number stands for.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[1] / "unit" / "sip"), str(Path(__file__).parents[1] / "wire")]

from pjsip_wheel import pjsip_python
from ports import media_ports
from sip_fakes import FakeMediaPlane, until

from dialer.errors import TrunkError
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import PhoneNumber
from dialer.ports import (
    Answered,
    DialRequest,
    Ended,
    Failed,
    KeyPressed,
    Leg,
    LegEvent,
    ListenSpec,
    MediaPlane,
    Played,
    Progress,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    Trunk,
)
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg
from dialer.sip.lines import open_trunks
from dialer.sip.trunkconfig import TrunkDriver
from dialer.testing.legs import FakeLeg, FakeTrunk
from dialer.testing.phone import until_over, voice_file

TALKS = PhoneNumber.parse("13800000001")
LEAVES = PhoneNumber.parse("13800000002")
RINGS = PhoneNumber.parse("13800000003")
BUSY = PhoneNumber.parse("13800000486")
UNKNOWN = PhoneNumber.parse("13800000404")
FULL = PhoneNumber.parse("13800000503")
SPEAKS = PhoneNumber.parse("13800000005")
"""Presses 5, says something, listens to one utterance and hangs up."""
LINES = 2
SILENCE_S = 0.6


class Rig(ABC):
    """A trunk with ``LINES`` lines and its far end."""

    trunk: Trunk

    def __init__(self) -> None:
        self.invited: Counter[str] = Counter()
        """INVITEs that the far end got, by number."""
        self.ends: list[LegEvent] = []
        """How the far end's answered or ringing calls ended, as it saw them."""

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> None: ...

    @abstractmethod
    async def go_silent(self) -> None:
        """The far end takes everything and says nothing any more."""

    @abstractmethod
    def lose_media(self) -> None:
        """No call can be placed any more."""

    @abstractmethod
    def ports_open(self) -> int:
        """Media ports in use on our side."""

    async def dial(self, number: PhoneNumber, not_after: float | None = None) -> Leg:
        return await self.trunk.dial(DialRequest(number, reference="1", not_after=not_after))


class Scripted(Rig):
    trunk: FakeTrunk

    async def open(self, stack: AsyncExitStack) -> None:
        self.trunk = FakeTrunk({number.e164: self._person(number) for number in
                                (TALKS, LEAVES, RINGS, BUSY, UNKNOWN, FULL, SPEAKS)})  # fmt: skip
        self.trunk.lines = LINES
        self._silent = False

    def _person(self, number: PhoneNumber):  # type: ignore[no-untyped-def]
        async def live(leg: FakeLeg) -> None:
            self.invited[number.national] += 1
            if self._silent:
                await asyncio.sleep(SILENCE_S)
                leg.refuse(0, "no response", ours=True)
            elif number in (BUSY, UNKNOWN, FULL):
                code = int(number.national[-3:])
                leg.refuse(code, "refused", ours=code == 503)
            else:
                leg.ring()
                if number == RINGS:
                    return await self._seen(leg)
                leg.answer()
                if number == LEAVES:
                    leg.leave()
                elif number == SPEAKS:
                    leg.press("5")
                    await leg.say("hello", 0.1)
                    await leg.media.prompt_over()
                    leg.leave()
                await self._seen(leg)
            return None

        return live

    async def _seen(self, leg: FakeLeg) -> None:
        await until(lambda: leg.over is not None, "nobody hangs up")
        assert leg.over is not None
        self.ends.append(leg.over)

    async def go_silent(self) -> None:
        self._silent = True

    def lose_media(self) -> None:
        self.trunk.refusal = "the media plane is gone"

    def ports_open(self) -> int:
        return sum(not leg.media.closed for leg in self.trunk.legs)


class Wired(Rig):
    """Two endpoints on loopback; media is real where ``media`` says so."""

    driver = TrunkDriver.OWN
    grouped = False

    def __init__(self, media: bool) -> None:
        super().__init__()
        self._real_media = media
        self.fakes = FakeMediaPlane()

    async def open(self, stack: AsyncExitStack) -> None:
        ours: MediaPlane = self.fakes
        theirs: MediaPlane = FakeMediaPlane()
        if self._real_media:
            low, high = media_ports()
            plane = ProcessMediaPlane(MediaConfig(port_low=low, port_high=high))
            await plane.start()
            stack.push_async_callback(plane.close)
            ours = theirs = plane
        self._far = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=theirs, on_invite=self._live)
        await self._far.start()
        stack.push_async_callback(self._far.close)
        self._silent_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stack.callback(self._silent_port.close)
        shared = SipEndpoint(EndpointConfig("127.0.0.1", 0))
        await shared.start()
        stack.push_async_callback(shared.close)
        config = TrunkConfig(
            "line", "127.0.0.1", self._far.local.port, lines=LINES, no_response_s=SILENCE_S,
            options_interval_s=0.0, driver=self.driver, pjsua2_python=self._python(), faults_to_rest=9,
        )  # fmt: skip
        group = await stack.enter_async_context(
            open_trunks([config], EndpointConfig("127.0.0.1", 0), ours, shared, 5.0)
        )
        self.trunk = group if self.grouped else group.trunks[0]

    def _python(self) -> str:
        return ""

    async def _live(self, leg: IncomingLeg) -> None:
        self.invited[leg.called] += 1
        if leg.called in (BUSY.national, UNKNOWN.national, FULL.national):
            await leg.reject(int(leg.called[-3:]), "refused")
            return
        await leg.ring()
        if leg.called != RINGS.national:
            await leg.answer()
            if leg.called == SPEAKS.national:
                await self._speak(leg)
            elif leg.called == LEAVES.national:
                while not isinstance(await leg.next_event(), Answered):
                    pass
                await leg.hang_up()
        await until_over(leg)
        self.ends.append(await leg.next_event())
        await leg.close()

    async def _speak(self, leg: IncomingLeg) -> None:
        while not isinstance(await leg.next_event(), Answered):
            pass
        await leg.media.listen(ListenSpec(end_silence_s=0.3, min_speech_s=0.2))
        await leg.media.send_keys("5")
        await asyncio.sleep(0.4)
        await leg.media.play([voice_file("shi-wo")], 1)
        while not isinstance(event := await leg.next_event(), SpeechEnded):
            if isinstance(event, Ended | Failed):
                return
        await leg.hang_up()

    async def go_silent(self) -> None:
        """Another socket at its port, which nobody reads."""
        port = self._far.local.port
        await self._far.close()
        await until(lambda: self._bound(port), "the far end's port isn't free")

    def _bound(self, port: int) -> bool:
        try:
            self._silent_port.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

    def lose_media(self) -> None:
        self.fakes.alive = False

    def ports_open(self) -> int:
        return sum(not stream.closed for stream in self.fakes.streams)


class Group(Wired):
    grouped = True


class Pjsip(Wired):
    driver = TrunkDriver.PJSUA2

    def _python(self) -> str:
        return pjsip_python()


IMPLEMENTATIONS: dict[str, type[Wired]] = {"sip": Wired, "group": Group, "pjsua2": Pjsip}


@pytest.fixture(params=["scripted", *IMPLEMENTATIONS])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    made: Rig = Scripted() if request.param == "scripted" else IMPLEMENTATIONS[request.param](media=False)
    async with AsyncExitStack() as stack:
        await made.open(stack)
        yield made


@pytest.fixture(params=["scripted", *IMPLEMENTATIONS])
async def speaking(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """With real media, where there is any."""
    made: Rig = Scripted() if request.param == "scripted" else IMPLEMENTATIONS[request.param](media=True)
    async with AsyncExitStack() as stack:
        await made.open(stack)
        yield made


async def event(leg: Leg) -> LegEvent:
    return await asyncio.wait_for(leg.next_event(), 10)


async def to_the_end(leg: Leg) -> list[LegEvent]:
    found = [await event(leg)]
    while not isinstance(found[-1], Ended | Failed):
        found.append(await event(leg))
    return found


async def answered(leg: Leg) -> list[LegEvent]:
    """Every event up to the answer."""
    found = [await event(leg)]
    while not isinstance(found[-1], Answered):
        assert not isinstance(found[-1], Ended | Failed), found
        found.append(await event(leg))
    return found


async def all_lines_free(rig: Rig) -> None:
    await until(lambda: rig.trunk.state().lines_free == LINES, f"a line is kept: {rig.trunk.state()}", 3)


async def test_a_trunk_is_up_and_a_call_takes_a_line_until_its_end(rig: Rig) -> None:
    assert (rig.trunk.state().up, rig.trunk.state().lines_free) == (True, LINES)
    leg = await rig.dial(TALKS)
    assert rig.trunk.state().lines_free == LINES - 1
    await answered(leg)
    assert rig.trunk.state().lines_free == LINES - 1
    await leg.hang_up()
    await to_the_end(leg)
    await leg.close()
    await all_lines_free(rig)
    assert rig.trunk.state().up


async def test_ringing_then_answer_then_our_bye(rig: Rig) -> None:
    leg = await rig.dial(TALKS)
    begin = await answered(leg)
    assert [type(one) for one in begin] == [Progress, Answered]
    assert isinstance(begin[0], Progress)
    assert begin[0].code == 180
    await leg.hang_up("done")
    (end,) = await to_the_end(leg)
    assert isinstance(end, Ended)
    assert not end.by_remote
    assert begin[0].at <= begin[1].at <= end.at
    await until(lambda: len(rig.ends) == 1, "the far end heard no BYE")


async def test_nothing_follows_the_end_but_the_end(rig: Rig) -> None:
    leg = await rig.dial(LEAVES)
    end = (await to_the_end(leg))[-1]
    assert isinstance(end, Ended)
    assert end.by_remote
    await leg.hang_up("late")
    assert await event(leg) == end
    await leg.close()
    assert await event(leg) == end


async def test_hanging_up_before_the_answer_cancels(rig: Rig) -> None:
    leg = await rig.dial(RINGS)
    assert isinstance(await event(leg), Progress)
    await leg.hang_up("rang long enough")
    await leg.hang_up("again")
    (end,) = await to_the_end(leg)
    assert isinstance(end, Failed)
    assert (end.code, end.ours) == (487, False)
    await until(lambda: len(rig.ends) == 1, "the far end heard no CANCEL")
    assert isinstance(rig.ends[0], Failed)
    await leg.close()
    await all_lines_free(rig)


@pytest.mark.parametrize(
    ("number", "code", "ours"), [(BUSY, 486, False), (UNKNOWN, 404, False), (FULL, 503, True)]
)
async def test_a_refusal_says_its_code_and_whose_fault_it_was(
    rig: Rig, number: PhoneNumber, code: int, ours: bool
) -> None:
    leg = await rig.dial(number)
    (end,) = await to_the_end(leg)
    assert isinstance(end, Failed)
    assert (end.code, end.ours) == (code, ours)
    assert end.reason
    await leg.close()
    await until(lambda: rig.ports_open() == 0, "a media port is kept")


async def test_no_response_at_all_is_our_side_s_fault(rig: Rig) -> None:
    await rig.go_silent()
    leg = await rig.dial(TALKS)
    (end,) = await to_the_end(leg)
    assert isinstance(end, Failed)
    assert (end.code, end.ours) == (0, True)
    await leg.close()
    assert rig.ports_open() == 0


async def test_no_call_leaves_without_a_free_line(rig: Rig) -> None:
    legs = [await rig.dial(TALKS) for _ in range(LINES)]
    for leg in legs:
        await answered(leg)
    assert rig.trunk.state().lines_free == 0
    with pytest.raises(TrunkError, match="no free line"):
        await rig.dial(TALKS)
    assert rig.invited[TALKS.national] == LINES
    assert rig.ports_open() == LINES
    await legs[0].hang_up()
    await to_the_end(legs[0])
    await until(lambda: rig.trunk.state().lines_free == 1, "the line isn't free", 3)
    await answered(await rig.dial(TALKS))


async def test_no_call_leaves_after_its_time(rig: Rig) -> None:
    with pytest.raises(TrunkError, match="too late"):
        await rig.dial(TALKS, not_after=asyncio.get_running_loop().time() - 0.1)
    assert not rig.invited
    assert rig.ports_open() == 0
    await all_lines_free(rig)


async def test_no_call_leaves_where_the_trunk_is_down(rig: Rig) -> None:
    rig.lose_media()
    state = rig.trunk.state()
    assert not state.up
    assert state.reason
    with pytest.raises(TrunkError):
        await rig.dial(TALKS)
    assert not rig.invited


@pytest.mark.parametrize("number", [TALKS, RINGS], ids=["answered", "ringing"])
async def test_closing_a_live_leg_ends_the_call_and_frees_line_and_port(
    rig: Rig, number: PhoneNumber
) -> None:
    leg = await rig.dial(number)
    while not isinstance(await event(leg), Answered if number == TALKS else Progress):
        pass
    stats = await leg.close()
    assert await leg.close() == stats
    assert isinstance(await event(leg), Ended | Failed)
    await until(lambda: len(rig.ends) == 1, "the far end's call goes on")
    await all_lines_free(rig)
    assert rig.ports_open() == 0


async def test_two_calls_don_t_touch_each_other(rig: Rig) -> None:
    first, second = await rig.dial(TALKS), await rig.dial(RINGS)
    await answered(first)
    assert isinstance(await event(second), Progress)
    await first.hang_up()
    assert isinstance((await to_the_end(first))[-1], Ended)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.next_event(), 0.2)
    await second.hang_up()
    assert isinstance((await to_the_end(second))[-1], Failed)
    await first.close()
    await second.close()
    await all_lines_free(rig)


async def test_keys_and_speech_are_heard_and_ours_is_heard_there(speaking: Rig) -> None:
    leg = await speaking.dial(SPEAKS)
    await answered(leg)
    await leg.media.listen(ListenSpec(end_silence_s=0.3, min_speech_s=0.2))
    heard: list[LegEvent] = []
    while not heard or not isinstance(heard[-1], SpeechEnded):
        heard.append(await event(leg))
    kinds = [type(one) for one in heard]
    assert [one.digit for one in heard if isinstance(one, KeyPressed)] == ["5"]
    assert kinds.index(SpeechStarted) < kinds.index(SpeechAudio) < kinds.index(SpeechEnded)
    await leg.media.play([voice_file("shi-wo")], 7)
    rest = await to_the_end(leg)
    assert isinstance(rest[-1], Ended)
    assert rest[-1].by_remote, "the far end hangs up only once it has heard us"
    assert [one.play_id for one in rest if isinstance(one, Played)] in ([7], [])
    stats = await leg.close()
    assert stats.sent > 0
    assert stats.received > 0
