"""A trunk whose signalling a PJSIP process does, with a process that only speaks its protocol."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_fakes import FakeMediaPlane, until

from dialer.errors import ConfigError, TrunkError
from dialer.model import PhoneNumber
from dialer.ports import Answered, DialRequest, Ended, Failed, Held, KeyPressed, Leg, LegEvent, Progress
from dialer.sip.config import EndpointConfig, TrunkConfig, TrunkType
from dialer.sip.description import SessionDescription
from dialer.sip.lines import open_endpoint, probe_trunks
from dialer.sip.pjsua import protocol as p
from dialer.sip.pjsua.endpoint import PjsuaEndpoint
from dialer.sip.pjsua.sdptext import LocalMedia
from dialer.sip.sdp import make_offer
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import KeySending, TrunkDriver, TrunkTransport

FAKE = Path(__file__).with_name("fake_pjsip.py")
ANSWERS, RINGS, BUSY, NO_PLACE, SILENT, TIMES_OUT, LEAVES, DIES, NO_SDP = (
    PhoneNumber.parse(f"1380000000{last}") for last in range(1, 10)
)


class Site:
    """Trunks with a PJSIP process that isn't one."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.media = FakeMediaPlane()

    def config(self, mode: str = "", **fields: Any) -> TrunkConfig:
        script = self._folder / f"python{mode}"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} {self._folder}/log "{mode}" "$@"\n')
        script.chmod(0o755)
        common = {"name": "line", "host": "127.0.0.9", "port": 5070, "options_interval_s": 0.0}
        common |= {"driver": TrunkDriver.PJSUA2, "pjsua2_python": str(script), "no_response_s": 0.5}
        return TrunkConfig(**{**common, **fields})  # type: ignore[arg-type]

    async def trunk(self, mode: str = "", **fields: Any) -> SipTrunk:
        config = self.config(mode, **fields)
        sip = EndpointConfig("127.0.0.1", 0)
        self.endpoint = await self._stack.enter_async_context(open_endpoint(sip, config))
        trunk = SipTrunk(config, self.media, self.endpoint)
        await trunk.start()
        self._stack.push_async_callback(trunk.close)
        return trunk

    def commands(self, kind: str) -> list[dict[str, Any]]:
        said = [json.loads(line) for line in (self._folder / "log").read_text().splitlines()]
        return [one for one in said if one["kind"] == kind]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(tmp_path, stack)


def public(pid: int) -> bytes:
    """What others on this machine can see of a process."""
    return b"".join(Path(f"/proc/{pid}/{what}").read_bytes() for what in ("cmdline", "environ"))


async def dial(trunk: SipTrunk, number: PhoneNumber, **fields: Any) -> Leg:
    return await trunk.dial(DialRequest(number, **fields))


async def to_the_end(leg: Leg) -> list[LegEvent]:
    found: list[LegEvent] = []
    async with asyncio.timeout(10):
        while not found or not isinstance(found[-1], Failed | Ended):
            found.append(await leg.next_event())
    await leg.close()
    return found


async def test_a_trunk_with_the_driver_gets_a_pjsip_process_of_its_own(site: Site) -> None:
    trunk = await site.trunk(username="u", password="secret", realm="carrier", caller_id="4008001234")
    assert isinstance(site.endpoint, PjsuaEndpoint)
    (configure,) = site.commands("Configure")
    assert configure["pid"] != os.getpid()
    assert (configure["host"], configure["port"]) == ("127.0.0.1", 0)
    assert (configure["username"], configure["realm"]) == ("u", "carrier")
    assert b"secret" not in public(configure["pid"]), "the password goes over the socket only"
    assert "secret" not in repr(p.Configure(*(["secret"] * 12)))  # type: ignore[arg-type]
    assert trunk.state().up


async def test_without_the_driver_there_is_none(site: Site) -> None:
    config = site.config(driver=TrunkDriver.OWN)
    async with open_endpoint(EndpointConfig("127.0.0.1", 0), config) as endpoint:
        assert not isinstance(endpoint, PjsuaEndpoint)
    assert "pjsua2" not in sys.modules


async def test_the_interpreter_of_the_setting_is_started(site: Site, tmp_path: Path) -> None:
    sip = EndpointConfig("127.0.0.1", 0)
    with pytest.raises(TrunkError, match=r"pjsua2_python: /nowhere/python can't be started"):
        async with open_endpoint(sip, site.config(pjsua2_python="/nowhere/python")):
            pass
    with pytest.raises(TrunkError, match=r"bindings \(pjsua2\) can't be loaded"):
        async with open_endpoint(sip, site.config("unable")):
            pass
    with pytest.raises(TrunkError, match="needs msgspec and pjsua2"):
        async with open_endpoint(sip, site.config(pjsua2_python="/bin/false")):
            pass
    with pytest.raises(TrunkError, match="needs msgspec and pjsua2"):
        async with open_endpoint(sip, site.config("garbage")):
            pass
    (probed,) = await probe_trunks([site.config("unable")], sip)
    assert "can't be loaded" in probed.error


async def test_no_more_calls_than_pjsip_was_built_for(site: Site) -> None:
    trunk = await site.trunk(pjsua2_calls=2, lines=30)
    assert trunk.state().lines_free == 2
    legs = [await dial(trunk, ANSWERS) for _ in range(2)]
    assert trunk.state().lines_free == 0
    with pytest.raises(TrunkError, match="no free line"):
        await dial(trunk, ANSWERS)
    await legs[0].hang_up()
    await to_the_end(legs[0])
    assert trunk.state().lines_free == 0, "PJSIP may still be busy with its BYE"
    await until(lambda: trunk.state().lines_free == 1, "its place is never free again", 2)


async def test_a_call_goes_to_the_carrier_with_our_media_and_who_calls(site: Site) -> None:
    trunk = await site.trunk(caller_id="4008001234", display_name="回访", outbound_proxy="127.0.0.8")
    leg = await dial(trunk, ANSWERS)
    (place,) = site.commands("Place")
    assert place["target"] == "sip:13800000001@127.0.0.9:5070"
    assert place["from_uri"] == '"回访" <sip:4008001234@127.0.0.9>'
    assert place["routes"] == ["<sip:127.0.0.8:5060;lr;hide>", "<sip:127.0.0.8;lr>"]
    offer = SessionDescription.parse(place["sdp"])
    assert (offer.host, offer.port) == site.media.streams[0].local
    assert [type(await leg.next_event()) for _ in range(2)] == [Progress, Answered]
    remote = site.media.streams[0].remote
    assert remote is not None
    assert (remote.host, remote.port, remote.codec) == ("127.0.0.1", 4000, "PCMA")
    await leg.hang_up("done")
    (end,) = await to_the_end(leg)
    assert isinstance(end, Ended)
    assert (end.by_remote, end.reason) == (False, "done")


@pytest.mark.parametrize(
    ("number", "code", "ours", "reason"),
    [
        (BUSY, 486, False, "Busy Here; Q.850 17 User busy"),
        (SILENT, 0, True, "no response in 0.5 s"),
        (TIMES_OUT, 0, True, "Timeout of ****5678"),
        (DIES, 0, True, "the PJSIP process died"),
        (NO_SDP, 488, False, "no usable answer: no SDP in the answer"),
    ],
)
async def test_how_a_call_fails(site: Site, number: PhoneNumber, code: int, ours: bool, reason: str) -> None:
    trunk = await site.trunk()
    (end,) = await to_the_end(await dial(trunk, number))
    assert isinstance(end, Failed)
    assert (end.code, end.ours, end.reason) == (code, ours, reason)
    assert site.media.streams[0].closed
    if number == BUSY:
        assert (end.cause, end.retry_after_s) == (17, 7.0)


async def test_a_refused_call_never_left(site: Site) -> None:
    trunk = await site.trunk()
    with pytest.raises(TrunkError, match="PJSIP: no place"):
        await dial(trunk, NO_PLACE)
    assert trunk.state().lines_free == 4
    assert site.media.streams[0].closed


async def test_hold_keys_and_bye_of_the_far_end(site: Site) -> None:
    trunk = await site.trunk()
    leg = await dial(trunk, LEAVES)
    found = await to_the_end(leg)
    assert [type(one) for one in found if not isinstance(one, KeyPressed)] == [Answered, Held, Ended]
    assert isinstance(found[-1], Ended)
    assert (found[-1].by_remote, found[-1].reason) == (True, "Q.850 16 Normal call clearing")
    remote = site.media.streams[0].remote
    assert remote is not None
    assert not remote.sending, "held"


async def test_a_dead_process_ends_its_calls_and_comes_back(site: Site) -> None:
    trunk = await site.trunk(type=TrunkType.REGISTER, username="u", password="p")
    await asyncio.wait_for(trunk.registered(), 5)
    leg = await dial(trunk, ANSWERS)
    while not isinstance(await leg.next_event(), Answered):
        pass
    pid = site.commands("Configure")[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    (end,) = await to_the_end(leg)
    assert isinstance(end, Ended)
    assert (end.by_remote, end.reason) == (False, "the PJSIP process died")
    assert not trunk.state().up
    assert trunk.state().reason == "the PJSIP process died"
    with pytest.raises(TrunkError, match="the PJSIP process died"):
        await dial(trunk, ANSWERS)
    await until(lambda: trunk.state().up, "it isn't started again", 5)
    assert len(site.commands("Register")) == 2, "registered again"
    await (await dial(trunk, ANSWERS)).close()


async def test_a_hung_process_is_killed(site: Site) -> None:
    trunk = await site.trunk("hang", options_interval_s=0.1, no_response_s=20.0)
    await until(lambda: trunk.state().reason == "the PJSIP process hung and was killed", "not noticed", 8)
    with pytest.raises(TrunkError):
        await dial(trunk, ANSWERS)


async def test_nobody_s_process_stays_behind(site: Site, tmp_path: Path) -> None:
    async with open_endpoint(EndpointConfig("127.0.0.1", 0), site.config()) as endpoint:
        assert isinstance(endpoint, PjsuaEndpoint)
        pid = endpoint.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


async def test_options_and_registration_go_through_it(site: Site) -> None:
    trunk = await site.trunk(options_interval_s=0.1, type=TrunkType.REGISTER, username="u", password="p")
    await asyncio.wait_for(trunk.registered(), 5)
    await until(lambda: len(site.commands("Ask")) > 1, "nobody asks")
    assert trunk.state().up
    assert site.commands("Register")[0]["aor"] == "sip:u@127.0.0.9:5070"
    await trunk.close()
    assert site.commands("Unregister")


async def test_a_number_in_a_registrars_words_is_masked(site: Site) -> None:
    trunk = await site.trunk("barred", type=TrunkType.REGISTER, username="u", password="p")
    await until(lambda: "403" in trunk.state().reason, "its refusal isn't told")
    assert trunk.state().reason.startswith("registration failed: 403 No ****5678")


async def test_what_it_can_t_do_is_said(site: Site) -> None:
    trunk = await site.trunk()
    leg = await dial(trunk, ANSWERS)
    with pytest.raises(TrunkError, match="held"):
        site.endpoint.hold(1, True)
    with pytest.raises(TrunkError, match="INFO"):
        site.endpoint.send_keys(1, "5")
    with pytest.raises(TrunkError, match="REFER"):
        await site.endpoint.transfer(1, "sip:a@b", 1.0)
    with pytest.raises(TrunkError, match="numbers only"):
        await trunk.dial(DialRequest("sip:1001@127.0.0.1"))
    with pytest.raises(TrunkError, match="speaks udp, not tcp"):
        await site.endpoint.targets("127.0.0.1", 5060, "tcp")
    await leg.close()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"transport": TrunkTransport.TLS}, "no tls"),
        ({"bind_device": "eth1"}, "bind_host"),
        ({"bind_host": "::1"}, "IPv4"),
        ({"dtmf": KeySending.INFO}, "INFO"),
        ({"follow_redirects": True}, "redirections"),
        ({"pjsua2_calls": 0}, "1 or more"),
    ],
)
def test_settings_that_it_can_t_follow_are_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        TrunkConfig("line", "127.0.0.1", driver=TrunkDriver.PJSUA2, **fields)


def test_later_sdp_names_our_media_and_none_of_pjsips_sockets() -> None:
    local = LocalMedia.of(str(make_offer("192.0.2.7", 20000, 77)))
    theirs = (
        "v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=pjmedia\r\nb=AS:84\r\nt=0 0\r\na=X-nat:0\r\n"
        "m=audio 4000 RTP/AVP 8 96\r\nc=IN IP4 127.0.0.1\r\nb=TIAS:64000\r\na=rtcp:4001 IN IP4 127.0.0.1\r\n"
        "a=recvonly\r\na=rtpmap:8 PCMA/8000\r\na=ssrc:1 cname:x\r\n"
    )
    for version in (78, 79):
        text = local.into(theirs, rtcp_mux=version == 79)
        found = SessionDescription.parse(text)
        assert (found.host, found.port, found.session_id, found.version) == ("192.0.2.7", 20000, 77, version)
        assert found.direction == "recvonly"
        assert (found.rtcp_port, found.rtcp_mux) == (None, version == 79)
        assert "127.0.0.1" not in text
    refused = local.into(theirs.replace("audio 4000", "audio 0"), rtcp_mux=False)
    assert "m=audio 0 RTP/AVP 8 96" in refused
    with pytest.raises(ValueError, match="needs"):
        LocalMedia.of("v=0\r\n")


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    splitter = p.Splitter()
    readers: list[Callable[[bytes], object]] = [p.decode_command, p.decode_event]
    try:
        for body in splitter.feed(data):
            for read in readers:
                read(body)
    except p.ProtocolError:
        pass


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=5), st.integers(1, 30))
def test_messages_come_whole_however_they_are_cut(calls: list[int], size: int) -> None:
    stream = b"".join(p.encode(p.HangUp(call)) for call in calls)
    splitter, found = p.Splitter(), []
    for start in range(0, len(stream), size):
        found += [p.decode_command(body) for body in splitter.feed(stream[start : start + size])]
    assert found == [p.HangUp(call) for call in calls]


def test_the_socket_of_the_trunk_is_as_its_settings_say() -> None:
    config = replace(TrunkConfig("line", "127.0.0.1"), driver=TrunkDriver.PJSUA2)
    assert config.own_socket
