"""The daemon calls SIPp: what SIPp saw, and what the operator sees afterwards.

One daemon calls seven customers at once, each a SIPp of its own behind one carrier; a second daemon has
a trunk that answers 503.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from carrier import Carrier
from daemon import ROOT, Customer, Home, soxi
from sip_peers import Peer, Peers, until

pytestmark = [pytest.mark.wire, pytest.mark.slow]

TALK_S = 4.0
NUMBERS = {
    name: f"1380000010{n}"
    for n, name in enumerate(("talks", "rings", "busy", "declines", "unallocated", "away", "crosses"))
}
_STAMP = re.compile(r"^-{10,} (\S+ \S+)$", re.MULTILINE)


@dataclass
class Observed:
    """Everything that both sides saw, once all calls were over."""

    calls: dict[str, list[Any]] = field(default_factory=dict)
    tasks: dict[str, Any] = field(default_factory=dict)
    verdicts: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    home: Home | None = None

    def only(self, policy_no: str) -> Any:
        """The customer's one call, as ``calls --json`` shows it."""
        views = self.calls.get(policy_no, [])
        assert len(views) == 1, f"{policy_no}: {len(views)} calls\n{self.home.log() if self.home else ''}"
        return views[0]

    def outcome(self, policy_no: str) -> str:
        return str(self.only(policy_no)["attempt"]["outcome"])

    def satisfied(self, name: str) -> None:
        """SIPp's scenario, which checks each message, ran to its end."""
        assert self.peers[name].process.poll() == 0, self.peers[name].logs()


def messages(peer: Peer) -> list[tuple[datetime, str, str]]:
    """SIPp's message log: when, ``sent`` or ``received``, first line."""
    (file,) = peer.folder.glob("*_messages.log")
    parts = _STAMP.split(file.read_text(errors="replace"))[1:]
    found = []
    for stamp, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line for line in body.splitlines() if line.strip()]
        way = "sent" if " sent" in lines[0] else "received"
        found.append((datetime.fromisoformat(stamp.replace("/", "-")[:26]), way, lines[1]))
    return found


def times(peer: Peer, way: str, start: str) -> list[datetime]:
    return [at for at, how, line in messages(peer) if how == way and line.startswith(start)]


async def call_all(folder: Path, observed: Observed) -> None:
    peers, carrier = Peers(folder), Carrier()
    home = observed.home
    try:
        await carrier.open()
        voice = folder / "voice.wav"
        shutil.copy(ROOT / "dialer" / "testing" / "voices" / "shi-wo.wav", voice)
        refuse = {"HEADER": "X-None: 1"}
        scenarios = {
            "talks": ("talk_then_bye", {"PAUSE": str(int(TALK_S * 1000)), "FILE": str(voice)}),
            "rings": ("ring_for_ever", {}),
            "busy": ("refuse", {"CODE": "486", "PHRASE": "Busy Here", **refuse}),
            "declines": ("refuse", {"CODE": "603", "PHRASE": "Decline", **refuse}),
            "unallocated": ("refuse", {"CODE": "404", "PHRASE": "Not Found", **refuse}),
            "away": ("refuse", {"CODE": "480", "PHRASE": "Temporarily Unavailable", **refuse}),
            "crosses": ("answer_crosses_cancel", {}),
        }
        for name, (scenario, values) in scenarios.items():
            peer = await peers.sipp(scenario, contact_port=carrier.port, patience_s=90, **values)
            observed.peers[name] = peer
            await carrier.add(NUMBERS[name], peer.port)
        down = await peers.sipp(
            "refuse", patience_s=90, CODE="503", PHRASE="Service Unavailable", HEADER="Retry-After: 300"
        )
        observed.peers["down"] = down
        home = observed.home = Home.make(folder / "home", carrier.port)
        ailing = Home.make(
            folder / "ailing", down.port, {"scheduler": {"cps": 1.0}, "calling": {"fault_recheck_s": 1.0}}
        )
        try:
            await home.add([Customer(name, number) for name, number in NUMBERS.items()])
            home.start()
            await ailing.add([Customer("down", "13800000201"), Customer("next", "13800000202")])
            ailing.start()
            await ailing.until("SELECT outcome FROM attempts", "the 503 was not recorded", 60)
            for rule in ("R7", "R42"):
                noted = f"SELECT count(*) FROM decisions WHERE rule = '{rule}'"
                await ailing.until(noted, f"no task waits by {rule}", 20)
            calls, tasks = await asyncio.gather(ailing.calls(), ailing.tasks())
            for name in ("down", "next"):
                observed.verdicts[name] = await ailing.last_verdict(tasks[name]["id"])
            ailing.stop()
            over = f"SELECT count(*) = {len(NUMBERS)} FROM attempts WHERE outcome IS NOT NULL"
            await home.until(over, "not every call is over", 60)
            refresh = "SELECT count(*) FROM tasks WHERE state = 'contact_refresh'"
            await home.until(refresh, "the unallocated number is not handed over", 20)
            await until(
                lambda: all(peer.process.poll() is not None for peer in peers.started),
                "a SIPp still runs",
                10,
            )
            more_calls, more_tasks = await asyncio.gather(home.calls(), home.tasks())
            observed.calls, observed.tasks = {**calls, **more_calls}, {**tasks, **more_tasks}
        finally:
            ailing.stop()
            home.stop()
    finally:
        for peer in peers.started:
            peer.stop()
        carrier.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    found = Observed()
    await call_all(tmp_path_factory.mktemp("sipp"), found)
    yield found


def test_an_answered_call_is_recorded_until_the_callee_hangs_up(observed: Observed) -> None:
    observed.satisfied("talks")
    view = observed.only("talks")
    attempt, record = view["attempt"], view["record"]
    assert attempt["outcome"] == "answered_incomplete"
    assert attempt["sip_code"] == 200
    assert attempt["ringing_at"] is not None
    assert record["hung_up_by"] == "customer"
    assert record["rtp"]["sent"] > 100
    assert record["rtp"]["received"] > 100, "SIPp's audio must have arrived"
    assert record["rtp"]["foreign"] == 0
    assert observed.home is not None
    channels, rate, seconds = soxi(observed.home.recording(view))
    assert (channels, rate) == (2, 8000)
    assert seconds == pytest.approx(TALK_S, abs=1.0)
    assert record["recording"]["partial"] is False
    assert observed.tasks["talks"]["state"] == "open"


def test_a_phone_rings_20_seconds_before_cancel(observed: Observed) -> None:
    observed.satisfied("rings")
    peer = observed.peers["rings"]
    (ringing,), (cancelled,) = times(peer, "sent", "SIP/2.0 180"), times(peer, "received", "CANCEL ")
    assert 20.0 <= (cancelled - ringing).total_seconds() < 22.0
    assert times(peer, "sent", "SIP/2.0 487")
    assert times(peer, "received", "ACK ")
    assert len(times(peer, "received", "INVITE ")) == 1
    assert observed.outcome("rings") == "no_answer"
    attempt = observed.only("rings")["attempt"]
    assert attempt["sip_code"] == 487
    rang, over = (datetime.fromisoformat(attempt[key]) for key in ("ringing_at", "ended_at"))
    assert (over - rang).total_seconds() >= 20.0
    assert observed.only("rings")["record"]["recording"] is None


@pytest.mark.parametrize(
    ("name", "code", "outcome", "state"),
    [
        ("busy", 486, "busy", "open"),
        ("declines", 603, "rejected", "open"),
        ("unallocated", 404, "unallocated", "contact_refresh"),
        ("away", 480, "unreachable", "open"),
    ],
)
def test_a_refusal_is_recorded_as_what_it_means(
    observed: Observed, name: str, code: int, outcome: str, state: str
) -> None:
    observed.satisfied(name)
    attempt = observed.only(name)["attempt"]
    assert (attempt["outcome"], attempt["sip_code"]) == (outcome, code)
    assert attempt["answered_at"] is None
    assert observed.only(name)["record"]["recording"] is None
    assert observed.tasks[name]["state"] == state


def test_an_answer_that_crosses_cancel_ends_at_once_and_says_so(observed: Observed) -> None:
    observed.satisfied("crosses")
    peer = observed.peers["crosses"]
    (answered,), (bye,) = times(peer, "sent", "SIP/2.0 200 OK")[1:2], times(peer, "received", "BYE ")
    assert (bye - answered).total_seconds() < 1.0
    assert times(peer, "received", "ACK ")
    view = observed.only("crosses")
    assert view["attempt"]["outcome"] == "no_answer"
    assert "cancel" in view["attempt"]["reason"].lower()
    assert view["record"]["answers"] == []
    assert view["record"]["recording"] is None, "no session was started"
    assert view["record"]["script_version"] == ""


def test_a_503_is_not_counted_and_the_trunk_rests(observed: Observed) -> None:
    observed.satisfied("down")
    attempt = observed.only("down")["attempt"]
    assert (attempt["outcome"], attempt["sip_code"]) == ("trunk_failure", 503)
    assert observed.verdicts["down"]["rule"] == "R42"
    assert "不计次数" in observed.verdicts["down"]["why"]
    assert observed.tasks["down"]["state"] == "open"
    assert observed.calls.get("next") is None, "nobody is called while the trunk rests"
    assert observed.verdicts["next"]["rule"] == "R7"
    assert "503" in observed.verdicts["next"]["why"]
