"""Asterisk 22 in its chroot (tests/peers/asterisk.sh): as a carrier's trunk, and as an office's PBX."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ports import free_ports
from sip_fakes import until
from sip_peers import Peer, listens

from dialer.ports import Ended, Failed
from dialer.sip.signals import TransferOutcome
from tests.interop.matrix import Feature
from tests.interop.rig import ROOT, Line, Ours, Rig, Unavailable, both_ways, cancelled, echoed
from tests.interop.scenario import Scenario
from tests.interop.with_baresip import Phone, start_baresip
from tests.interop.with_sipp import early, messages, start_sipp

SCRIPT = ROOT / "tests/peers/asterisk.sh"
CHROOT = ROOT / "build/asterisk"

PJSIP = """
[global]
type=global
user_agent=Asterisk
endpoint_identifier_order=username,ip
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}
[tcp]
type=transport
protocol=tcp
bind=127.0.0.1:{sip}
[tls]
type=transport
protocol=tls
bind=127.0.0.1:{tls}
cert_file={spool}/cert.pem
priv_key_file={spool}/cert.key
ca_list_file={spool}/ca.pem
method=tlsv1_2
verify_server=yes

[line](!)
type=endpoint
context=carrier
disallow=all
allow=alaw,ulaw
direct_media=no
rtp_symmetric=yes
moh_passthrough=yes
100rel=yes
dtmf_mode={dtmf}
timers={timers}
timers_min_se=90
timers_sess_expires=90

[by-address](line)
[by-address]
type=identify
endpoint=by-address
match=127.0.0.1

[dialer](line)
auth=dialer
aors=dialer
[dialer]
type=auth
auth_type=digest
username=dialer
password=secret
[dialer]
type=aor
max_contacts=4
minimum_expiration=10

[secure](line)
media_encryption=sdes
auth=secure
aors=secure
[secure]
type=auth
auth_type=digest
username=secure
password=secret
[secure]
type=aor
max_contacts=4

[prack](line)
100rel=required
auth=prack
[prack]
type=auth
auth_type=digest
username=prack
password=secret

[info](line)
dtmf_mode=info
auth=info
[info]
type=auth
auth_type=digest
username=info
password=secret

[timer](line)
timers=always
auth=timer
[timer]
type=auth
auth_type=digest
username=timer
password=secret

[callee](line)
aors=callee
[callee]
type=aor
max_contacts=1
minimum_expiration=10
contact=sip:{number}@127.0.0.1:{callee}

[1001](line)
auth=1001
aors=1001
[1001]
type=auth
auth_type=digest
username=1001
password=secret
[1001]
type=aor
max_contacts=1
minimum_expiration=10
"""

EXTENSIONS = """
[carrier]
; echo
exten => 13800000001,1,Answer()
 same => n,Echo()
; rings for ever
exten => 13800000002,1,Ringing()
 same => n,Wait(30)
; hears three keys and sends them back
exten => 13800000003,1,Answer()
 same => n,Read(KEYS,,3,,1,6)
 same => n,SendDTMF(${{KEYS}},250,160)
 same => n,Wait(10)
; speaks before it answers
exten => 13800000004,1,Progress()
 same => n,Playback({spool}/voice,noanswer)
 same => n,Answer()
 same => n,Wait(10)
; a callee of its own
exten => 13800000005,1,Dial(PJSIP/callee,20)
; transfers us by REFER
exten => 13800000006,1,Answer()
 same => n,Wait(0.5)
 same => n,Transfer(PJSIP/sip:callee@127.0.0.1:{callee})
 same => n,Wait(10)
; the agent's phone
exten => 13800000008,1,Dial(PJSIP/1001,20)
exten => 1001,1,Dial(PJSIP/1001,20)
; rings 0.5 s reliably, then echoes
exten => 13800000009,1,Ringing()
 same => n,Wait(0.5)
 same => n,Answer()
 same => n,Echo()
; where REFER moves somebody: Asterisk reports 200 with the first sound that it sends there, and 503 where
; the channel ends without any
exten => 2000,1,Answer()
 same => n,Playback({spool}/voice)
; the PBX calls us
exten => out,1,Dial(PJSIP/dialer,20)
"""


class Asterisk:
    """The program with its configuration; ``callee_port`` is where its own callee listens."""

    def __init__(self, rig: Rig, name: str, number: str) -> None:
        self.rig, self.name, self.number = rig, name, number
        self.port, self.tls_port, self.callee_port = free_ports(3)
        self.folder = rig.folder / f"{name}-{os.getpid()}"
        self.peer: Peer | None = None

    async def install(self) -> str:
        """Its version. Raises Unavailable."""
        if os.geteuid() != 0:
            raise Unavailable("Asterisk 22 needs root for its chroot")
        if shutil.which("debootstrap") is None and not (CHROOT / ".installed").exists():
            raise Unavailable("apt-get install debootstrap")
        process = await asyncio.create_subprocess_exec(
            "sh", str(SCRIPT), "install", str(CHROOT),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise Unavailable(said.decode(errors="replace").strip().splitlines()[-1])
        text = await self.rig.command("chroot", str(CHROOT), "asterisk", "-V")
        found = re.search(r"Asterisk (\S+)", text)
        return found[1] if found else text.strip()

    async def start(self) -> None:
        config = self.folder
        config.mkdir()
        name = config.name
        spool = f"/var/spool/asterisk.d/{name}"
        values = {
            "sip": self.port, "tls": self.tls_port, "callee": self.callee_port, "number": self.number,
            "spool": spool, "dtmf": "rfc4733", "timers": "yes",
        }  # fmt: skip
        rtp = free_ports(width=402)[0]
        (config / "pjsip.conf").write_text(PJSIP.format(**values))
        (config / "extensions.conf").write_text(EXTENSIONS.format(**values))
        (config / "rtp.conf").write_text(f"[general]\nrtpstart={rtp}\nrtpend={rtp + 400}\n")
        (config / "musiconhold.conf").write_text("[general]\n")
        inside = CHROOT / spool.lstrip("/")
        inside.mkdir(parents=True, exist_ok=True)
        # Three seconds of it.
        (inside / "voice.alaw").write_bytes(self.rig.voice_alaw.read_bytes()[:24000])
        pem, key = self.rig.certificate
        for source, target in ((pem, "cert.pem"), (key, "cert.key"), (self.rig.authority.ca, "ca.pem")):
            shutil.copy(source, inside / target)
        command = ["sh", str(SCRIPT), "run", str(CHROOT), str(config)]
        self.peer = await self.rig.run("asterisk", command, self.port, lambda: listens(self.port), 40)
        await self.console("core waitfullybooted")

    async def console(self, words: str) -> str:
        return await self.rig.command("sh", str(SCRIPT), "rx", str(CHROOT), str(self.folder), words)

    async def stop(self) -> None:
        if self.peer is not None:
            await asyncio.to_thread(self.peer.stop)
        for kind in ("etc/asterisk.d", "run/asterisk.d", "var/spool/asterisk.d", "var/log/asterisk.d"):
            shutil.rmtree(CHROOT / kind / self.folder.name, ignore_errors=True)


class AsteriskTrunk:
    """Asterisk as the carrier: static (known by address) and registered."""

    name = "Asterisk trunk"
    slow = (Feature.SESSION_TIMER,)

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.asterisk = Asterisk(rig, "interop-trunk", "13800000005")

    async def version(self) -> str:
        return await self.asterisk.install()

    async def start(self) -> None:
        await self.asterisk.start()

    async def stop(self) -> None:
        await self.asterisk.stop()

    @property
    def cells(self) -> dict[Feature, Callable[[], Awaitable[str]]]:
        return {
            Feature.CALL: self.call, Feature.DIGEST: self.digest, Feature.TCP: self.tcp,
            Feature.TLS: self.tls, Feature.SRTP: self.srtp, Feature.DTMF_RTP: self.dtmf_rtp,
            Feature.DTMF_INFO: self.dtmf_info, Feature.CANCEL: self.cancel, Feature.HOLD: self.hold,
            Feature.SESSION_TIMER: self.session_timer, Feature.REFER: self.refer,
            Feature.PRACK: self.prack, Feature.EARLY_MEDIA: self.early_media,
        }  # fmt: skip

    @asynccontextmanager
    async def reach(self, transport: str = "udp", user: str = "dialer", **more: Any) -> AsyncIterator[Ours]:
        """A trunk with digest as ``user``; empty: a static one that is known by its address."""
        port = self.asterisk.tls_port if transport == "tls" else self.asterisk.port
        known = {"username": user, "password": "secret"} if user else {"caller_id": "4001"}
        more = {**known, **more}
        async with self.rig.ours(port, transport, **more) as ours:
            yield ours

    # --- cells

    async def call(self) -> str:
        """Static: no credentials."""
        async with self.reach(user="") as ours:
            back = await echoed(await (await ours.dial("13800000001")).answered())
            line = await (await ours.dial("13800000004")).answered()
            await line.hang_up()
        return f"static trunk: {back}"

    async def digest(self) -> str:
        async with self.reach(type="register", register_expires_s=60) as ours:
            await ours.registered()
            line = await (await ours.dial("13800000001")).answered()
            await line.hang_up()
        async with self.reach(username="dialer", password="wrong") as ours:
            line = await ours.dial("13800000001")
            end = await line.over()
            assert isinstance(end, Failed), end
            assert end.code in (401, 403), end
        return f"registered, INVITE with credentials; a wrong password ends with {end.code}"

    async def tcp(self) -> str:
        async with self.reach("tcp") as ours:
            return await echoed(await (await ours.dial("13800000001")).answered())

    async def tls(self) -> str:
        async with self.reach("tls", type="register", register_expires_s=60) as ours:
            await ours.registered()
            return await echoed(await (await ours.dial("13800000001")).answered())

    async def srtp(self) -> str:
        async with self.reach("tls", "secure", srtp="required") as ours:
            line = await (await ours.dial("13800000001")).answered()
            assert line.leg._connected is not None
            assert line.leg._connected.srtp is not None, "no keys"
            return f"{line.leg._connected.srtp.suite}: {await echoed(line)}"

    async def _keys(self, user: str, **more: Any) -> str:
        async with self.reach(user=user, **more) as ours:
            line = await (await ours.dial("13800000003")).answered()
            await asyncio.sleep(0.4)
            await line.leg.send_keys("519")
            await line.heard_keys("519", 12)
            await line.hang_up()
        return "519 there (Read), 519 back (SendDTMF)"

    async def dtmf_rtp(self) -> str:
        return await self._keys("dialer")

    async def dtmf_info(self) -> str:
        return await self._keys("info", dtmf="info")

    async def cancel(self) -> str:
        async with self.reach() as ours:
            return await cancelled(await ours.dial("13800000002"))

    async def hold(self) -> str:
        """A phone behind Asterisk holds; it passes that on (moh_passthrough)."""
        scenario = Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").pause(900)
        scenario.request("INVITE", sdp="sendonly").recv(100, optional=True).recv(200).request("ACK").pause(
            900
        )
        scenario.request("INVITE", sdp="sendrecv").recv(100, optional=True).recv(200).request("ACK")
        async with (
            callee(self.rig, scenario.until_bye(), self.asterisk.callee_port),
            self.reach() as ours,
        ):
            line = await (await ours.dial("13800000005")).answered()
            return await held_through(line)

    async def session_timer(self) -> str:
        async with self.reach(user="timer", sip={"session_expires_s": 90}) as ours:
            return await refreshed(await (await ours.dial("13800000001")).answered())

    async def refer(self) -> str:
        # Moved, it hears of its new partner by re-INVITE.
        waits = Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK")
        waits.recv("INVITE").ok(200, "OK", sdp="sendrecv").recv("ACK").pause(6000)
        async with callee(self.rig, waits, self.asterisk.callee_port), self.reach() as ours:
            line = await (await ours.dial("13800000005")).answered()
            await asyncio.sleep(0.5)
            target = f"sip:2000@127.0.0.1:{self.asterisk.port}"
            outcome = await line.leg.refer(target, wait_s=8)
            assert outcome.outcome is TransferOutcome.ACCEPTED, outcome
            await line.hang_up()
        answer = Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        async with (
            callee(self.rig, answer, self.asterisk.callee_port, "-rtp_echo") as target_peer,
            self.reach(sip={"follow_refer": True}) as ours,
        ):
            line = await (await ours.dial("13800000006")).answered()
            before = line.leg._connected
            await until(lambda: line.leg._connected != before, f"not followed: {line.events}", 12)
            await until(lambda: "ACK sip:" in messages(target_peer), "the second callee has no call", 12)
            assert line.last(Ended) is None, line.events
            said = await echoed(line)
        return f"ours moved its other side and was reported; theirs followed: {said}"

    async def prack(self) -> str:
        async with self.reach(user="prack") as ours:
            line = await (await ours.dial("13800000009")).answered()
            said = await echoed(line, 1.6)
        return f"100rel=required: reliable 180, PRACK; {said}"

    async def early_media(self) -> str:
        async with self.reach() as ours:
            return await early_at(await ours.dial("13800000004"))


async def early_at(line: Line) -> str:
    return await early(line)


@asynccontextmanager
async def callee(rig: Rig, scenario: Scenario, port: int, *more: str) -> AsyncIterator[Peer]:
    """SIPp on the port that Asterisk knows."""
    peer = await start_sipp(rig, scenario, *more, port=port)
    try:
        yield peer
    finally:
        await asyncio.to_thread(peer.stop)


async def held_through(line: Line) -> str:
    await line.leg.media.play([line.rig.prompt], 1, loop=True)
    remote = lambda: line.leg._connected  # noqa: E731
    await until(lambda: remote() is not None and not remote().sending, f"not held: {line.events}", 8)
    await until(lambda: remote().sending, f"not resumed: {line.events}", 8)
    await asyncio.sleep(0.3)
    assert line.last(Ended) is None, line.events
    await line.hang_up()
    return "held by re-INVITE (sendonly) and resumed"


async def refreshed(line: Line) -> str:
    """A session of 90 s is refreshed in time, by whoever it is up to."""
    calls = line.leg._endpoint._running()._calls.active
    await asyncio.sleep(1)
    before = calls[line.leg._call].timer
    assert before is not None, "no session timer was agreed"
    # Each refresh makes a new one; without it we would hang up after 60 s.
    await until(lambda: calls[line.leg._call].timer is not before, "no refresh", 58)
    await asyncio.sleep(17)
    assert line.last(Ended) is None, line.events
    await line.hang_up()
    who = "us" if before.we_refresh else "Asterisk"
    return f"{before.interval_s} s, refreshed by {who}; the call lived on"


class AsteriskPbx:
    """Asterisk as the office's PBX: the agents' phones are at it, and we register to it."""

    name = "Asterisk PBX"
    slow = (Feature.SESSION_TIMER,)

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.asterisk = Asterisk(rig, "interop-pbx", "13800000005")

    async def version(self) -> str:
        return await self.asterisk.install()

    async def start(self) -> None:
        await self.asterisk.start()

    async def stop(self) -> None:
        await self.asterisk.stop()

    @property
    def cells(self) -> dict[Feature, Callable[[], Awaitable[str]]]:
        return {
            Feature.CALL: self.call, Feature.DIGEST: self.digest, Feature.TCP: self.tcp,
            Feature.TLS: self.tls, Feature.SRTP: self.srtp, Feature.DTMF_RTP: self.dtmf_rtp,
            Feature.DTMF_INFO: self.dtmf_info, Feature.CANCEL: self.cancel, Feature.HOLD: self.hold,
            Feature.SESSION_TIMER: self.session_timer, Feature.REFER: self.refer,
            Feature.PRACK: self.prack, Feature.EARLY_MEDIA: self.early_media,
        }  # fmt: skip

    @asynccontextmanager
    async def registered(
        self, transport: str = "udp", user: str = "dialer", **more: Any
    ) -> AsyncIterator[Ours]:
        port = self.asterisk.tls_port if transport == "tls" else self.asterisk.port
        async with self.rig.ours(
            port, transport, type="register", username=user, password="secret", register_expires_s=60, **more
        ) as ours:
            await ours.registered()
            yield ours

    @asynccontextmanager
    async def agent(self, account: str = "answermode=auto") -> AsyncIterator[Phone]:
        """An agent's phone, registered at the PBX."""
        phone = await start_baresip(self.rig, account, "1001", f"127.0.0.1:{self.asterisk.port}")
        try:
            for _ in range(40):
                if "sip:1001-" in await self.asterisk.console("pjsip show aor 1001"):
                    break
                await asyncio.sleep(0.2)
            else:
                raise AssertionError(f"the phone didn't register\n{phone.peer.logs()}")
            yield phone
        finally:
            await asyncio.to_thread(phone.stop)

    # --- cells

    async def call(self) -> str:
        """To the agent's phone at the PBX, and from the PBX to us."""
        async with self.registered() as ours, self.agent() as phone:
            there = await both_ways(
                await (await ours.dial("13800000008")).answered(), phone.heard, phone.peer.stop
            )
        return f"agent's phone behind the PBX: {there}"

    async def digest(self) -> str:
        """We register, and are called at our registration."""
        async with self.registered() as ours:
            await self.asterisk.console("channel originate Local/out@carrier application Echo")
            line = await ours.called()
            await line.leg.answer()
            await line.answered()
            said = await echoed(line)
        return f"registered; the PBX called us there: {said}"

    async def tcp(self) -> str:
        async with self.registered("tcp") as ours:
            await self.asterisk.console("channel originate Local/out@carrier application Echo")
            line = await ours.called()
            await line.leg.answer()
            said = await echoed(await line.answered())
        return f"registered by TCP, called on it: {said}"

    async def tls(self) -> str:
        async with self.registered("tls") as ours:
            await self.asterisk.console("channel originate Local/out@carrier application Echo")
            line = await ours.called()
            await line.leg.answer()
            said = await echoed(await line.answered())
        return f"registered by TLS, called on it: {said}"

    async def srtp(self) -> str:
        async with self.registered("tls", "secure", srtp="required") as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            assert line.leg._connected is not None
            assert line.leg._connected.srtp is not None, "no keys"
            return await both_ways(line, phone.heard, phone.peer.stop)

    async def dtmf_rtp(self) -> str:
        async with self.registered() as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            await asyncio.sleep(0.4)
            await line.leg.send_keys("519")
            await until(lambda: phone.keys == "519", f"it heard {phone.keys!r}", 8)
            for key in "27":
                await phone.tell("sndcode", key)
                await asyncio.sleep(0.35)
                await phone.tell("sndcode", "\x04")
                await asyncio.sleep(0.2)
            await line.heard_keys("27")
            await line.hang_up()
        return "519 to the agent's phone, 27 from it"

    async def dtmf_info(self) -> str:
        """INFO between us and the PBX, RFC 4733 between it and the agent's phone."""
        async with self.reach_info() as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            await asyncio.sleep(0.4)
            await line.leg.send_keys("519")
            await until(lambda: phone.keys == "519", f"it heard {phone.keys!r}", 8)
            for key in "27":
                await phone.tell("sndcode", key)
                await asyncio.sleep(0.35)
                await phone.tell("sndcode", "\x04")
                await asyncio.sleep(0.2)
            await line.heard_keys("27")
            await line.hang_up()
        return "519 to the agent's phone, 27 from it, by INFO on our side"

    @asynccontextmanager
    async def reach_info(self) -> AsyncIterator[Ours]:
        async with self.rig.ours(self.asterisk.port, username="info", password="secret", dtmf="info") as ours:
            yield ours

    async def cancel(self) -> str:
        async with self.registered() as ours, self.agent("answermode=manual"):
            return await cancelled(await ours.dial("13800000008"))

    async def hold(self) -> str:
        async with self.registered() as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            await asyncio.sleep(0.5)
            await phone.tell("hold")
            remote = lambda: line.leg._connected  # noqa: E731
            await until(lambda: not remote().sending, f"not held\n{phone.peer.logs()}", 8)
            await asyncio.sleep(0.4)
            await phone.tell("resume")
            await until(lambda: remote().sending, "not resumed", 8)
            file = await line.talk(2.0)
            await line.hang_up()
            await self.rig.hears(file, self.rig.spoken, 0.5, "the agent isn't heard after the hold")
        return "the agent's phone held and resumed, heard again"

    async def session_timer(self) -> str:
        """The PBX calls us and keeps the call alive."""
        async with self.rig.ours(
            self.asterisk.port, username="timer", password="secret", sip={"session_expires_s": 90}
        ) as ours:
            return await refreshed(await (await ours.dial("13800000001")).answered())

    async def refer(self) -> str:
        """The agent transfers us: Asterisk moves us inside, and so does our REFER with the agent."""
        async with self.registered() as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            await asyncio.sleep(0.5)
            await phone.tell("transfer", f"sip:13800000001@127.0.0.1:{self.asterisk.port}")
            await asyncio.sleep(1.5)
            theirs = await echoed(line)
        async with self.registered() as ours, self.agent() as phone:
            line = await (await ours.dial("13800000008")).answered()
            await asyncio.sleep(0.5)
            target = f"sip:2000@127.0.0.1:{self.asterisk.port}"
            outcome = await line.leg.refer(target, wait_s=8)
            assert outcome.outcome is TransferOutcome.ACCEPTED, outcome
            await line.hang_up()
        return f"the agent moved us: {theirs}; we moved the agent, reported"

    async def prack(self) -> str:
        async with self.rig.ours(self.asterisk.port, username="prack", password="secret") as ours:
            line = await (await ours.dial("13800000009")).answered()
            await line.hang_up()
        return "100rel=required: reliable 180, PRACK"

    async def early_media(self) -> str:
        async with self.registered() as ours:
            return await early_at(await ours.dial("13800000004"))
