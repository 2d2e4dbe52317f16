"""PJSIP's pjsua2, from the pjsua2-python wheel (four calls, OpenSSL 1.0.2k), as a phone in a process of its
own Python: the daemon's environment never loads it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_ports
from sip_fakes import until
from sip_peers import Peer

from dialer.sip.signals import TransferOutcome
from tests.interop.matrix import Feature
from tests.interop.rig import ROOT, Ours, Rig, Unavailable, both_ways, cancelled
from tests.interop.scenario import Scenario
from tests.interop.with_sipp import early, start_sipp

WHEEL = "pjsua2-python==2.15.1.post1"
PYTHON = "3.11"


@dataclass
class Phone:
    peer: Peer
    port: int
    tls_port: int
    file: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    def read(self) -> None:
        """In a thread: every event as it comes."""
        assert self.peer.process.stdout is not None
        for line in self.peer.process.stdout:
            if line.startswith(b'{"event"'):
                self.events.append(json.loads(line))

    def count(self, event: str, **values: Any) -> int:
        return sum(e["event"] == event and all(e.get(k) == v for k, v in values.items()) for e in self.events)

    async def tell(self, do: str, text: str = "") -> None:
        assert self.peer.process.stdin is not None
        self.peer.process.stdin.write(json.dumps({"do": do, "text": text}).encode() + b"\n")
        self.peer.process.stdin.flush()
        await until(
            lambda: self.count("done", do=do) + self.count("refused", do=do) > 0, f"no answer to {do}"
        )
        refused = [e for e in self.events if e["event"] == "refused"]
        assert not refused, refused

    @property
    def keys(self) -> str:
        return "".join(e["digit"] for e in self.events if e["event"] == "key")

    def heard(self) -> Path:
        return self.file

    def stop(self) -> None:
        """End of input is its end: it closes its recording."""
        if self.peer.process.stdin is not None and not self.peer.process.stdin.closed:
            self.peer.process.stdin.close()
        try:
            self.peer.process.wait(6)
        finally:
            self.peer.stop()


class Pjsua2:
    name = "pjsua2"
    slow = (Feature.SESSION_TIMER,)

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._python = ""

    async def version(self) -> str:
        """Installs the wheel where it isn't cached; raises Unavailable."""
        uv = ["sh", str(ROOT / "scripts/uv.sh")]
        ask = (
            "import sys, pjsua2; e = pjsua2.Endpoint(); e.libCreate(); "
            "print('version', e.libVersion().full); sys.stdout.flush(); e.libDestroy()"
        )
        folder = self.rig.folder / "pjsua2-venv"
        steps = [
            [*uv, "venv", "--quiet", "--python", PYTHON, str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), WHEEL],
            [str(folder / "bin/python"), "-c", ask],
        ]
        said = b""
        for step in steps:
            process = await asyncio.create_subprocess_exec(
                *step, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            try:
                said, _ = await asyncio.wait_for(process.communicate(), 90)
            except TimeoutError:
                process.kill()
                raise Unavailable(f"{' '.join(step[:4])} took more than 90 s") from None
            if process.returncode:
                lines = said.decode(errors="replace").strip().splitlines() or ["no word"]
                raise Unavailable(f"{WHEEL} on Python {PYTHON}: {lines[-1]}")
        self._python = str(folder / "bin/python")
        found = [line for line in said.decode().splitlines() if line.startswith("version ")]
        return f"{found[0].split()[1]} (wheel {WHEEL.partition('==')[2]})"

    async def start(self) -> None:
        """Each cell has a phone of its own."""

    async def stop(self) -> None: ...

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
    async def phone(self, **options: Any) -> AsyncIterator[Phone]:
        port, tls_port, rtp = free_ports(3)
        pem, key = self.rig.certificate
        heard = self.rig.file("pjsua2-heard.wav")
        settings = {
            "sip_port": port, "tls_port": tls_port, "rtp_port": rtp, "certificate": str(pem), "key": str(key),
            "ca": str(self.rig.authority.ca), "voice": str(self.rig.voice), "heard": str(heard),
            "mode": "auto", "registrar": "", "prack": False, "timer": False, "srtp": False, **options,
        }  # fmt: skip
        script = str(Path(__file__).with_name("pjsua2_phone.py"))
        phones: list[Phone] = []

        def ready() -> bool:
            return bool(phones) and phones[0].count("ready") > 0

        command = [self._python, "-u", script, json.dumps(settings)]
        peer = await self.rig.run("pjsua2", command, port, lambda: True, pipes=True)
        phones.append(Phone(peer, port, tls_port, heard))
        reader = threading.Thread(target=phones[0].read, daemon=True)
        reader.start()
        try:
            await until(ready, f"pjsua2 isn't ready\n{peer.logs()}", 40)
            yield phones[0]
        finally:
            await asyncio.to_thread(phones[0].stop)

    @asynccontextmanager
    async def reach(self, phone: Phone, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        port = phone.tls_port if transport == "tls" else phone.port
        async with self.rig.ours(port, transport, **options) as ours:
            yield ours

    # --- cells

    async def call(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            return await both_ways(await (await ours.dial()).answered(), phone.heard, phone.stop)

    async def digest(self) -> str:
        async with (
            self.rig.ours(users={"1001": "secret"}) as ours,
            self.phone(user="1001", registrar=f"sip:127.0.0.1:{ours.port}"),
        ):
            await until(lambda: ours.endpoint.lookup("1001") is not None, "it didn't register", 8)
            line = await (await ours.dial("1001")).answered()
            await line.hang_up()
        return "registered with us, called at its contact"

    async def tcp(self) -> str:
        async with self.phone() as phone, self.reach(phone, "tcp") as ours:
            return await both_ways(await (await ours.dial()).answered(), phone.heard, phone.stop)

    async def tls(self) -> str:
        """It verifies our certificate and registers over TLS; we verify its and call it."""
        async with self.rig.ours(users={"1001": "secret"}) as ours:
            registrar = f"sip:127.0.0.1:{ours.endpoint.tls_port};transport=tls"
            async with self.phone(user="1001", registrar=registrar) as phone:
                await until(
                    lambda: ours.endpoint.lookup("1001") is not None, f"no registration: {phone.events}", 8
                )
                line = await (await ours.dial("1001")).answered()
                await line.hang_up()
        async with self.phone() as phone, self.reach(phone, "tls") as ours:
            said = await both_ways(await (await ours.dial()).answered(), phone.heard, phone.stop)
        return f"registered over TLS 1.2, called on its connection; called by us: {said}"

    async def srtp(self) -> str:
        async with self.phone(srtp=True) as phone, self.reach(phone, "tls", srtp="required") as ours:
            line = await (await ours.dial()).answered()
            assert line.leg._connected is not None
            assert line.leg._connected.srtp is not None, "no keys"
            return await both_ways(line, phone.heard, phone.stop)

    async def dtmf_rtp(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("5#0")
            await until(lambda: phone.keys == "5#0", f"it heard {phone.keys!r}", 8)
            await phone.tell("keys", "19*")
            await line.heard_keys("19*")
            await line.hang_up()
        return "5#0 there, 19* here"

    async def dtmf_info(self) -> str:
        async with self.phone() as phone, self.reach(phone, dtmf="info") as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("27#")
            await until(lambda: phone.keys == "27#", f"it heard {phone.keys!r}", 8)
            await phone.tell("info-keys", "48*")
            await line.heard_keys("48*")
            await line.hang_up()
        return "27# there, 48* here"

    async def cancel(self) -> str:
        async with self.phone(mode="manual") as phone, self.reach(phone) as ours:
            return await cancelled(await ours.dial())

    async def hold(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            line = await (await ours.dial()).answered()
            await asyncio.sleep(0.5)
            await phone.tell("hold")
            await until(lambda: not line.leg._connected.sending, f"not held\n{phone.events}", 8)
            await asyncio.sleep(0.4)
            await phone.tell("resume")
            await until(lambda: line.leg._connected.sending, f"not resumed\n{phone.events}", 8)
            said = await both_ways(line, phone.heard, phone.stop)
        return f"held and resumed; {said}"

    async def session_timer(self) -> str:
        """90 s is its shortest: the refresh comes after 45."""
        async with self.phone(timer=True) as phone, self.reach(phone, sip={"session_expires_s": 90}) as ours:
            line = await (await ours.dial()).answered()
            await asyncio.sleep(2)
            before = phone.count("request", code=200)
            began = asyncio.get_running_loop().time()
            await until(lambda: phone.count("request", code=200) > before, f"no refresh {phone.events}", 60)
            waited = asyncio.get_running_loop().time() - began
            assert 30 < waited < 60, f"{waited:.0f} s: {phone.events}"
            refresh = [e for e in phone.events if e["event"] == "request" and e["code"] == 200][-1]
            await line.hang_up()
        who = "ours" if refresh["role"] == 1 else "theirs"
        return f"refreshed by {refresh['method']} of {who} after {waited + 2:.0f} s"

    async def refer(self) -> str:
        target = await start_sipp(
            self.rig, Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").pause(300)
        )
        async with self.phone() as phone, self.reach(phone) as ours:
            line = await (await ours.dial()).answered()
            outcome = await line.leg.refer(f"sip:callee@127.0.0.1:{target.port}", wait_s=8)
            assert outcome.outcome is TransferOutcome.ACCEPTED, f"{outcome} {phone.events}"
            await line.hang_up()
        answer = Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
        target = await start_sipp(self.rig, answer, "-rtp_echo")
        async with self.phone() as phone, self.reach(phone, sip={"follow_refer": True}) as ours:
            line = await (await ours.dial()).answered()
            await phone.tell("refer", f"sip:callee@127.0.0.1:{target.port}")
            await until(lambda: phone.count("transfer", code=200, final=True) > 0, f"{phone.events}", 8)
            file = await line.talk(2.0)
            await line.hang_up()
            await self.rig.hears(file, self.rig.said, 0.8, "the second callee does not echo us")
        await target.finished()
        return "ours followed and reported; theirs followed and reported"

    async def prack(self) -> str:
        async with self.phone(mode="manual", prack=True) as phone, self.reach(phone) as ours:
            line = await ours.dial()
            await until(lambda: phone.count("request", method="PRACK", code=200) > 0, f"{phone.events}", 8)
            await phone.tell("answer")
            await line.answered()
            await line.hang_up()
        return "its 180 acknowledged by PRACK"

    async def early_media(self) -> str:
        async with self.phone(mode="early") as phone, self.reach(phone) as ours:
            line = await ours.dial()

            async def accept() -> None:
                await asyncio.sleep(3.0)
                await phone.tell("answer")

            task = asyncio.create_task(accept())
            try:
                return await early(line)
            finally:
                task.cancel()
