"""SIPp of Debian 12 as the callee, directly or behind Kamailio."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ports import free_ports
from sip_fakes import until
from sip_peers import Peer, listens

from dialer.ports import Answered
from dialer.sip.signals import TransferOutcome
from tests.interop.matrix import Feature
from tests.interop.rig import Ours, Rig, Unavailable, cancelled, echoed
from tests.interop.scenario import Scenario

CHALLENGE = 'WWW-Authenticate: Digest realm="carrier", nonce="9f2c41d7", algorithm=MD5, qop="auth"'
FRAG = "message/sipfrag"


def tcp_listens(port: int) -> bool:
    """Whether some process accepts connections there."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


async def start_sipp(rig: Rig, scenario: Scenario, *more: str, port: int = 0) -> Peer:
    """SIPp as the callee of one call; ``port`` 0: any."""
    free, media = free_ports(2)
    port = port or free
    script = rig.file("sipp.xml")
    script.write_text(scenario.xml())
    tcp = scenario.transport == "tcp"
    program = shutil.which("sipp")
    assert program is not None
    command = [
        program, "-sf", str(script), "-i", "127.0.0.1", "-p", str(port), "-mp", str(media), "-m", "1",
        "-nostdin", "-timeout", "60", "-timeout_error", "-trace_err", "-trace_msg",
        "-t", "t1" if tcp else "u1", *more,
    ]  # fmt: skip
    return await rig.run("sipp", command, port, lambda: tcp_listens(port) if tcp else listens(port))


def messages(peer: Peer) -> str:
    """All that SIPp has sent and received."""
    return "".join(path.read_text() for path in peer.folder.glob("*_messages.log"))


class Sipp:
    name = "SIPp"
    proxied = False

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def version(self) -> str:
        program = shutil.which("sipp")
        if program is None:
            raise Unavailable("apt-get install sip-tester")
        process = await asyncio.create_subprocess_exec(program, "-v", stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        found = re.search(r"SIPp (v\S+?)\.?\s", said.decode())
        return found[1].rstrip(".") if found else "unknown"

    async def start(self) -> None:
        """Nothing runs between cells."""

    async def stop(self) -> None: ...

    @property
    def cells(self) -> dict[Feature, Callable[[], Awaitable[str]]]:
        return {
            Feature.CALL: self.call, Feature.DIGEST: self.digest, Feature.TCP: self.tcp,
            Feature.DTMF_RTP: self.dtmf_rtp, Feature.DTMF_INFO: self.dtmf_info, Feature.CANCEL: self.cancel,
            Feature.HOLD: self.hold, Feature.SESSION_TIMER: self.session_timer, Feature.REFER: self.refer,
            Feature.PRACK: self.prack, Feature.EARLY_MEDIA: self.early_media,
        }  # fmt: skip

    slow: tuple[Feature, ...] = ()

    # --- how a callee is reached

    @asynccontextmanager
    async def reach(self, callee_port: int, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        async with self.rig.ours(callee_port, transport, **options) as ours:
            yield ours

    def scenario(self, **options: Any) -> Scenario:
        return Scenario(proxied=self.proxied, **options)

    # --- cells

    async def call(self) -> str:
        scenario = self.scenario().invite().reply(180, "Ringing", reliable=False)
        scenario.reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario, "-rtp_echo")
        async with self.reach(callee.port) as ours:
            said = await echoed(await (await ours.dial()).answered())
        await callee.finished()
        return said

    async def digest(self) -> str:
        scenario = self.scenario().invite().reply(401, "Unauthorized", CHALLENGE)
        scenario.recv("ACK").invite(verify=("dialer", "secret"))
        scenario.reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port, username="dialer", password="secret") as ours:
            line = await (await ours.dial()).answered()
            await line.hang_up()
        await callee.finished()
        return "SIPp verified our answer to its 401 (MD5, qop auth)"

    async def tcp(self) -> str:
        scenario = self.scenario(transport="tcp").invite().reply(200, "OK", sdp="sendrecv")
        scenario.recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario, "-rtp_echo")
        async with self.reach(callee.port, "tcp") as ours:
            said = await echoed(await (await ours.dial()).answered())
        await callee.finished()
        return said

    async def dtmf_rtp(self) -> str:
        scenario = self.scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario, "-rtp_echo")
        async with self.reach(callee.port) as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("5#0")
            await line.heard_keys("5#0")
            await line.hang_up()
        await callee.finished()
        return "our keys 5#0 came back through its echo"

    async def dtmf_info(self) -> str:
        scenario = self.scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK")
        scenario.recv("INFO", ("Content-Type", "application/dtmf-relay"), ("body", "Signal=7")).ok()
        scenario.request("INFO", body="Signal=4\nDuration=160", kind="application/dtmf-relay").recv(200)
        scenario.request("INFO", body="#", kind="application/dtmf").recv(200).until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port, dtmf="info") as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("7")
            await line.heard_keys("4#")
            await line.hang_up()
        await callee.finished()
        return "7 there; 4 (dtmf-relay) and # (dtmf) here"

    async def cancel(self) -> str:
        scenario = self.scenario().invite().reply(180, "Ringing", reliable=False)
        scenario.recv("CANCEL").ok().reply(487, "Request Terminated").recv("ACK")
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port) as ours:
            said = await cancelled(await ours.dial())
        await callee.finished()
        return said

    async def hold(self) -> str:
        scenario = self.scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").pause(1200)
        for ours_is, theirs in (("recvonly", "sendonly"), ("sendrecv", "sendrecv")):
            scenario.request("INVITE", sdp=theirs).recv(100, optional=True)
            scenario.recv(200, ("body", f"a={ours_is}")).request("ACK").pause(1200)
        scenario.until_bye()
        callee = await start_sipp(self.rig, scenario, "-rtp_echo")
        async with self.reach(callee.port) as ours:
            line = await (await ours.dial()).answered()
            said = await held(line, callee, 1.2)
        await callee.finished()
        return said

    async def session_timer(self) -> str:
        expires = "Session-Expires: 4;refresher=uac"
        scenario = self.scenario().invite(("Supported", "timer"))
        scenario.reply(200, "OK", "Require: timer", expires, sdp="sendrecv").recv("ACK")
        for _ in range(2):
            scenario.recv("UPDATE", ("Session-Expires", "4;refresher=uac")).ok(200, "OK", expires)
        scenario.request("UPDATE", "Supported: timer", "Session-Expires: 90;refresher=uas").recv(
            200, ("Session-Expires", "refresher=uas")
        )
        scenario.until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port) as ours:
            line = await (await ours.dial()).answered()
            await until(lambda: messages(callee).count("\nUPDATE sip:") >= 3, "no refresh", 12.0)
            await asyncio.sleep(0.2)
            await line.hang_up()
        await callee.finished()
        return "two UPDATEs of ours every 2 s, one of theirs taken"

    async def refer(self) -> str:
        scenario = self.scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK")
        scenario.recv("REFER", ("Refer-To", "sip:7000@127.0.0.1")).ok(202, "Accepted")
        state = ("Event: refer", "Subscription-State: terminated;reason=noresource")
        scenario.request("NOTIFY", *state, body="SIP/2.0 200 OK", kind=FRAG).recv(200).until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port) as ours:
            line = await (await ours.dial()).answered()
            outcome = await line.leg.refer("sip:7000@127.0.0.1", wait_s=8)
            assert outcome.outcome is TransferOutcome.ACCEPTED, outcome
            await line.hang_up()
        await callee.finished()
        await self._referred_by_sipp()
        return "ours accepted and reported; theirs followed to a second callee"

    async def _referred_by_sipp(self) -> None:
        other = Scenario().invite(("Referred-By", "callee")).reply(200, "OK", sdp="sendrecv").recv("ACK")
        target = await start_sipp(self.rig, other.until_bye(), "-rtp_echo")
        scenario = self.scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK")
        scenario.request(
            "REFER", f"Refer-To: sip:callee@127.0.0.1:{target.port}", "Referred-By: sip:callee@127.0.0.1"
        )
        scenario.recv(202).recv("NOTIFY", ("body", "100")).ok().recv("NOTIFY", ("body", "200")).ok()
        scenario.until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port, sip={"follow_refer": True}) as ours:
            line = await (await ours.dial()).answered()
            await callee.finished()
            await echoed(line)
        await target.finished()

    async def prack(self) -> str:
        scenario = self.scenario().invite(("Supported", "100rel"))
        scenario.reply(180, "Ringing", "Require: 100rel", "RSeq: 42")
        scenario.recv("PRACK", ("RAck", "42 1 INVITE" if not self.proxied else "42 2 INVITE")).ok()
        scenario.reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port) as ours:
            line = await (await ours.dial()).answered()
            await line.hang_up()
        await callee.finished()
        return "180 with RSeq 42 acknowledged by PRACK"

    async def early_media(self) -> str:
        scenario = self.scenario(port="rtpstream_audio_port").invite()
        scenario.reply(183, "Session Progress", sdp="sendrecv", reliable=False)
        scenario.play(str(self.rig.voice_alaw)).pause(3000)
        scenario.reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        callee = await start_sipp(self.rig, scenario)
        async with self.reach(callee.port) as ours:
            said = await early(await ours.dial())
        await callee.finished()
        return said


async def early(line: Any) -> str:
    """The peer is heard before it answers; then it answers."""
    progress = await line.early_media()
    file = await line.talk(2.2, play=False)
    assert line.last(Answered) is None, "answered too early to be judged"
    heard = await line.rig.hears(file, line.rig.spoken, 0.5, "early media is not heard")
    await line.answered()
    await line.hang_up()
    return f"{progress.code} heard before the answer, likeness {heard:.2f}"


async def held(line: Any, callee: Peer, each_s: float) -> str:
    """While the peer holds us, nothing of ours leaves; after it, audio flows again."""
    await line.leg.media.play([line.rig.prompt], 1, loop=True)
    remote = lambda: line.leg._connected  # noqa: E731
    await until(lambda: remote() is not None and not remote().sending, f"not held\n{callee.logs()}", 8)
    await until(lambda: remote().sending, "not resumed", each_s + 8)
    await line.leg.media.stop_playing()
    said = await echoed(line, 2.0) if each_s == 1.2 else ""
    return f"held and resumed; {said}"
