"""Several trunks against SIPp: what each carrier saw, and what the operator sees of the daemon."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from daemon import ROOT, Customer, Home
from sip_fakes import FakeMediaPlane, until
from sip_peers import NUMBER, Peer, Peers, dial, event, to_the_end

from dialer.ports import Answered, Ended, Failed, Progress, TrunkState
from dialer.sip.config import EndpointConfig, TrunkConfig, TrunkType
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.lines import open_trunks
from dialer.sip.trunkconfig import Identity
from dialer.sip.trunkgroup import TrunkGroup

pytestmark = pytest.mark.wire

_RECEIVED = re.compile(r"^-{10,} (\S+ \S+)\nUDP message received \[\d+\] bytes :\n\n(\S+) ", re.MULTILINE)


def to(peer: Peer, name: str, **fields: Any) -> TrunkConfig:
    """A trunk to SIPp, which knows no OPTIONS."""
    return TrunkConfig(
        **{"name": name, "host": "127.0.0.1", "port": peer.port, "options_interval_s": 0.0, **fields}
    )


@asynccontextmanager
async def group_of(*trunks: TrunkConfig, **kept: Any) -> AsyncIterator[TrunkGroup]:
    media, config = FakeMediaPlane(), EndpointConfig("127.0.0.1", 0)
    endpoint = SipEndpoint(config, media=media)
    await endpoint.start()
    try:
        async with open_trunks(trunks, config, media, endpoint, 5.0, **kept) as group:
            yield group
    finally:
        await endpoint.close()


def messages(peer: Peer) -> str:
    (file,) = peer.folder.glob("*_messages.log")
    return file.read_text(errors="replace")


def received(peer: Peer, method: str) -> list[datetime]:
    """When SIPp got requests of this method, by its own log."""
    stamps = [stamp for stamp, first in _RECEIVED.findall(messages(peer)) if first == method]
    return [datetime.fromisoformat(stamp.replace("/", "-")[:26]) for stamp in stamps]


async def test_a_full_carrier_hands_the_call_to_the_second_which_rings_once(peers: Peers) -> None:
    full = await peers.sipp("refuse", CODE="503", PHRASE="Full", HEADER="Retry-After: 120")
    callee = await peers.sipp("answer_until_bye")
    async with group_of(to(full, "a"), to(callee, "b", priority=2)) as group:
        leg = await dial(group)  # type: ignore[arg-type]
        assert isinstance(await event(leg), Progress)
        assert isinstance(await event(leg), Answered)
        await leg.hang_up("done")
        assert isinstance((await to_the_end(leg))[-1], Ended)
        assert group.trunks[0].state().reason == "503 Full: resting 120 s"
        assert group.state().lines_free == 30
    await full.finished()
    await callee.finished()
    assert len(received(full, "INVITE")) == len(received(callee, "INVITE")) == 1


async def test_a_silent_carrier_ends_the_attempt_and_the_next_goes_elsewhere(peers: Peers) -> None:
    away = await peers.sipp("silent")
    callee = await peers.sipp("refuse", CODE="486", PHRASE="Busy", HEADER="X-None: 1")
    async with group_of(to(away, "a", no_response_s=1.2), to(callee, "b", priority=2)) as group:
        failed = (await to_the_end(await dial(group)))[-1]  # type: ignore[arg-type]
        assert isinstance(failed, Failed)
        assert (failed.code, failed.ours) == (0, True)
        assert callee.process.poll() is None, "it may have rung: nobody else is called"
        assert not group.trunks[0].state().up
        failed = (await to_the_end(await dial(group)))[-1]  # type: ignore[arg-type]
        assert isinstance(failed, Failed)
        assert failed.code == 486
    await callee.finished()


async def test_a_registration_is_made_longer_refreshed_lost_regained_and_taken_back(peers: Peers) -> None:
    registrar = await peers.sipp("registrar", MIN="30", EXPIRES="2", CODE="500")
    told: list[tuple[bool, str]] = []
    trunk = to(registrar, "a", type=TrunkType.REGISTER, username="u", password="p", register_expires_s=10)

    def changed(name: str, state: TrunkState) -> None:
        told.append((state.up, state.reason))

    async with group_of(trunk, on_change=changed) as group:
        await asyncio.wait_for(group.registered(), 5)
        assert group.state().up
        await until(lambda: not group.state().up, "the loss wasn't noticed", 5)
        await until(lambda: group.state().up, "not registered again", 5)
        assert (False, "registration failed: 500 Lost") in told
        assert told[-1][0]
    await registrar.finished()
    asked = re.findall(r"REGISTER sip:.*?\n\n", messages(registrar), re.DOTALL)
    assert [re.search(r"Expires: (\d+)", request)[1] for request in asked] == ["10", "30", "30", "30", "0"]  # type: ignore[index]


async def test_the_peer_sees_who_calls_and_from_which_address(peers: Peers) -> None:
    callee = await peers.sipp("answer_then_bye")
    trunk = to(
        callee, "line", bind_host="127.0.0.5", identity=Identity.ASSERTED, caller_id="4008001234",
        display_name="回访中心", number_format="0{national}",
    )  # fmt: skip
    async with group_of(trunk) as group:
        assert isinstance((await to_the_end(await dial(group)))[-1], Ended)  # type: ignore[arg-type]
    await callee.finished()
    said = messages(callee)
    assert 'P-Asserted-Identity: "回访中心" <sip:4008001234@127.0.0.1>' in said
    assert f"INVITE sip:0{NUMBER.national}@127.0.0.1:{callee.port} SIP/2.0" in said
    assert "Via: SIP/2.0/UDP 127.0.0.5:" in said
    assert "Contact: <sip:4008001234@127.0.0.5:" in said


async def test_no_second_holds_more_calls_than_cps_by_the_carriers_own_log(peers: Peers) -> None:
    callee = await peers.sipp("refuse", calls=14, CODE="486", PHRASE="Busy", HEADER="X-None: 1")
    async with group_of(to(callee, "a", cps=4.0)) as group:

        async def call() -> None:
            await to_the_end(await dial(group))  # type: ignore[arg-type]

        await asyncio.gather(*(call() for _ in range(14)))
    await callee.finished()
    times = received(callee, "INVITE")
    assert len(times) == 14
    most = max(sum(0 <= (other - at).total_seconds() < 1.0 for other in times) for at in times)
    assert most == 4
    assert 3.0 <= (times[-1] - times[0]).total_seconds() < 5.0


@pytest.mark.slow
async def test_a_daemon_with_two_trunks_calls_on_over_the_second(peers: Peers, tmp_path: Path) -> None:
    voice = tmp_path / "voice.wav"
    shutil.copy(ROOT / "dialer" / "testing" / "voices" / "shi-wo.wav", voice)
    full = await peers.sipp("refuse", patience_s=90, CODE="503", PHRASE="Full", HEADER="Retry-After: 300")
    callee = await peers.sipp("talk_then_bye", patience_s=90, calls=2, PAUSE="2000", FILE=str(voice))
    common = {"host": "127.0.0.1", "options_interval_s": 0}
    home = Home.make(
        tmp_path / "home",
        0,
        trunks=[
            {"name": "primary", "port": full.port, "caller_id": "4008001234", **common},
            {"name": "backup", "port": callee.port, "priority": 2, "bind_host": "127.0.0.7", **common},
        ],
    )
    try:
        await home.add(
            [Customer("T1", "13800000401"), Customer("T2", "13800000402"), Customer("T3", "+85223456789")]
        )
        daemon = home.start()
        over = "SELECT count(*) = 2 FROM attempts WHERE outcome IS NOT NULL"
        await home.until(over, f"not both calls ended\n{callee.logs()}", 60)
        await callee.finished()
        calls, tasks = await home.calls(), await home.tasks()
        assert [len(calls[name]) for name in ("T1", "T2")] == [1, 1], "the 503 is no attempt of its own"
        assert all(calls[name][0]["attempt"]["sip_code"] == 200 for name in ("T1", "T2"))
        assert all(calls[name][0]["record"]["rtp"]["received"] > 50 for name in ("T1", "T2"))
        assert "T3" not in calls
        refused = await home.last_verdict(tasks["T3"]["id"])
        assert (refused["kind"], refused["rule"]) == ("refuse", "DESTINATION")
        assert "港澳台" in refused["why"]
        decided = home.rows(f"SELECT count(*) FROM decisions WHERE task_id = {tasks['T3']['id']}")
        assert decided == [(1,)]
        said = daemon.log()
        assert said.count("trunk down") == 1
        assert "TrunkDown" in said
        assert "call moved to another trunk" in said
        assert "Via: SIP/2.0/UDP 127.0.0.7:" in messages(callee)
        daemon.terminate()
        assert await daemon.exit_code(20) == 0
    finally:
        home.stop()


@pytest.mark.slow
async def test_what_a_gateway_means_by_its_codes_reaches_the_row_and_no_number_the_log(
    peers: Peers, tmp_path: Path
) -> None:
    """A busy callee behind a 503, a missing route behind a 404: no second INVITE, no contact refresh."""
    number = "13800000411"
    gateway = await peers.sipp(
        "refuse", patience_s=60, CODE="503", PHRASE=f"Failed 86{number}",
        HEADER=f'Reason: Q.850;cause=17;text="{number} busy"',
    )  # fmt: skip
    lost = await peers.sipp(
        "refuse", patience_s=60, CODE="404", PHRASE="Not Found", HEADER="Reason: Q.850;cause=3"
    )
    spare = await peers.sipp("answer_then_bye", patience_s=60)
    common = {"host": "127.0.0.1", "options_interval_s": 0}
    home = Home.make(
        tmp_path / "home",
        0,
        trunks=[
            {"name": "gateway", "port": gateway.port, "allow": ["13800000411"], **common},
            {"name": "lost", "port": lost.port, "allow": ["13800000412"], "priority": 2, **common},
            {"name": "spare", "port": spare.port, "priority": 3, **common},
        ],
    )
    try:
        await home.add([Customer("T1", number), Customer("T2", "13800000412")])
        daemon = home.start()
        await home.until("SELECT count(*) = 2 FROM attempts WHERE outcome IS NOT NULL", "not both ended", 40)
        calls, tasks = await home.calls(), await home.tasks()
        busy, nowhere = (calls[name][0]["attempt"] for name in ("T1", "T2"))
        assert (busy["outcome"], busy["sip_code"]) == ("busy", 503)
        assert busy["reason"] == "503 Failed ****0411; Q.850 17 ****0411 busy"
        assert (nowhere["outcome"], nowhere["sip_code"]) == ("unreachable", 404)
        assert [tasks[name]["state"] for name in ("T1", "T2")] == ["open", "open"]
        assert "INVITE" not in messages(spare)
        said = daemon.log()
        assert "trunk down" not in said
        assert "1380000041" not in said
        daemon.terminate()
        assert await daemon.exit_code(20) == 0
    finally:
        home.stop()
