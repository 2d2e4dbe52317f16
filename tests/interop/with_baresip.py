"""baresip 1.0 as the customer's or the agent's phone."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_ports
from sip_fakes import until
from sip_peers import PEERS, Peer, listens

from dialer.sip.signals import TransferOutcome
from tests.interop.matrix import Feature
from tests.interop.rig import NUMBER, Ours, Rig, Unavailable, both_ways, cancelled
from tests.interop.scenario import Scenario
from tests.interop.with_sipp import messages, start_sipp, tcp_listens


@dataclass
class Phone:
    """A running baresip and its control connection."""

    peer: Peer
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                size = (await self.reader.readuntil(b":"))[:-1]
                said = json.loads((await self.reader.readexactly(int(size) + 1))[:-1])
                (self.replies if said.get("response") else self.events).append(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def tell(self, command: str, params: str = "") -> None:
        """One command; fails where it is refused."""
        body = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        before = len(self.replies)
        self.writer.write(b"%d:%s," % (len(body), body))
        await until(lambda: len(self.replies) > before, f"baresip doesn't answer to {command}", 5)
        assert self.replies[-1].get("ok"), f"{command}: {self.replies[-1]}"

    @property
    def keys(self) -> str:
        """What it heard as DTMF."""
        return "".join(str(e.get("param", "")) for e in self.events if e.get("type") == "CALL_DTMF_START")

    def heard(self) -> Path:
        (file,) = self.peer.folder.glob("dump-*-dec.wav")
        return file

    def stop(self) -> None:
        self._task.cancel()
        self.writer.close()
        self.peer.stop()


async def start_baresip(
    rig: Rig, account: str = "answermode=auto", user: str = NUMBER, registrar: str = "", tls: bool = False
) -> Phone:
    """``registrar``: ``host:port`` to register with as ``user``, password "secret"; else it only listens.

    With ``tls`` it listens on port + 1 with a certificate of the rig's authority.
    """
    program = shutil.which("baresip")
    assert program is not None
    port, rtp, control = free_ports(3)
    home, folder = rig.file("baresip-home"), rig.file("baresip")
    home.mkdir()
    folder.mkdir()
    values = {
        "PORT": port, "RTP": rtp, "RTP_END": rtp + 20, "CONTROL": control,
        "VOICE": rig.voice, "FOLDER": folder,
    }  # fmt: skip
    text = (PEERS / "baresip.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    text += "module srtp.so\n"
    if tls:
        pem, key = rig.certificate
        both = home / "certificate.pem"
        both.write_text(pem.read_text() + key.read_text())
        text += f"sip_certificate {both}\nsip_cafile {rig.authority.ca}\n"
    (home / "config").write_text(text)
    where = registrar or f"127.0.0.1:{port}"
    register = f"auth_user={user};auth_pass=secret;regint=60" if registrar else "regint=0"
    transport = ";transport=tls" if tls and registrar else ""
    (home / "accounts").write_text(f"<sip:{user}@{where}{transport}>;{register};{account}\n")
    peer = await rig.run(
        "baresip", [program, "-f", str(home), "-v"], port,
        lambda: listens(port) and tcp_listens(control), folder=folder,
    )  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", control)
    return Phone(peer, port, reader, writer)


class Baresip:
    name = "baresip"
    slow: tuple[Feature, ...] = ()

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._phones: list[Phone] = []

    async def version(self) -> str:
        program = shutil.which("baresip")
        if program is None:
            raise Unavailable("apt-get install baresip-core")
        said = await self.rig.command("dpkg-query", "-W", "-f", "${Version}", "baresip-core")
        return said.strip()

    async def start(self) -> None:
        """Each cell has a phone of its own."""

    async def stop(self) -> None: ...

    @property
    def cells(self) -> dict[Feature, Callable[[], Awaitable[str]]]:
        return {
            Feature.CALL: self.call, Feature.DIGEST: self.digest, Feature.TCP: self.tcp,
            Feature.TLS: self.tls, Feature.SRTP: self.srtp, Feature.DTMF_RTP: self.dtmf_rtp,
            Feature.DTMF_INFO: self.dtmf_info, Feature.CANCEL: self.cancel, Feature.HOLD: self.hold,
            Feature.REFER: self.refer, Feature.EARLY_MEDIA: self.early_media,
        }  # fmt: skip

    @asynccontextmanager
    async def phone(self, account: str = "answermode=auto", **options: Any) -> AsyncIterator[Phone]:
        phone = await start_baresip(self.rig, account, **options)
        try:
            yield phone
        finally:
            await asyncio.to_thread(phone.stop)

    @asynccontextmanager
    async def reach(self, phone: Phone, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        port = phone.port + (transport == "tls")
        async with self.rig.ours(port, transport, **options) as ours:
            yield ours

    # --- cells

    async def call(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            return await both_ways(await (await ours.dial()).answered(), phone.heard, phone.peer.stop)

    async def digest(self) -> str:
        """It registers with us as an agent's phone and is called there."""
        async with (
            self.rig.ours(users={"1001": "secret"}, algorithms=("MD5",)) as ours,
            self.phone(user="1001", registrar=f"127.0.0.1:{ours.port}"),
        ):
            await until(lambda: ours.endpoint.lookup("1001") is not None, "it didn't register", 8)
            line = await (await ours.dial("1001")).answered()
            await line.hang_up()
        return "registered with us (401, MD5), called at its contact"

    async def tcp(self) -> str:
        async with self.phone() as phone, self.reach(phone, "tcp") as ours:
            return await both_ways(await (await ours.dial()).answered(), phone.heard, phone.peer.stop)

    async def tls(self) -> str:
        """Both ways: we connect and verify its certificate; it connects and registers over TLS."""
        async with self.phone(tls=True) as phone, self.reach(phone, "tls") as ours:
            said = await both_ways(await (await ours.dial()).answered(), phone.heard, phone.peer.stop)
        async with self.rig.ours(users={"1001": "secret"}, algorithms=("MD5",)) as ours:
            registrar = f"127.0.0.1:{ours.endpoint.tls_port}"
            async with self.phone(user="1001", registrar=registrar, tls=True):
                await until(lambda: ours.endpoint.lookup("1001") is not None, "it didn't register", 8)
                line = await (await ours.dial("1001")).answered()
                await line.hang_up()
        return f"we to it: {said}; it to us: registered, called back on its connection"

    async def srtp(self) -> str:
        """As agents' phones do: SDES keys over TLS, required on our side."""
        async with (
            self.phone("answermode=auto;mediaenc=srtp-mand", tls=True) as phone,
            self.reach(phone, "tls", srtp="required") as ours,
        ):
            line = await (await ours.dial()).answered()
            assert line.leg._connected is not None
            keys = line.leg._connected.srtp
            assert keys is not None, "no keys"
            # It sends one RTCP packet in clear before its SRTP is on; that one must be dropped.
            said = await both_ways(line, phone.heard, phone.peer.stop, unauthentic=1)
            return f"{keys.suite}: {said}"

    async def dtmf_rtp(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("5#0")
            await until(lambda: phone.keys == "5#0", f"it heard {phone.keys!r}", 8)
            for key in "19*":
                await phone.tell("sndcode", key)
                await asyncio.sleep(0.35)
                await phone.tell("sndcode", "\x04")
                await asyncio.sleep(0.15)
            await line.heard_keys("19*")
            await line.hang_up()
        return "5#0 there, 19* here"

    async def dtmf_info(self) -> str:
        async with self.phone() as phone, self.reach(phone, dtmf="info") as ours:
            line = await (await ours.dial()).answered()
            await line.leg.send_keys("27#")
            await until(lambda: phone.keys == "27#", f"it heard {phone.keys!r}", 8)
            await line.hang_up()
        return "27# there; 1.0 sends none by INFO"

    async def cancel(self) -> str:
        async with self.phone("answermode=manual") as phone, self.reach(phone) as ours:
            return await cancelled(await ours.dial())

    async def hold(self) -> str:
        async with self.phone() as phone, self.reach(phone) as ours:
            return await hold_by_phone(await (await ours.dial()).answered(), phone)

    async def refer(self) -> str:
        return await refer_both(self, self.rig)

    async def early_media(self) -> str:
        async with self.phone("answermode=early") as phone, self.reach(phone) as ours:
            line = await ours.dial()
            await line.early_media()
            assert line.leg._connected is not None, "early media isn't connected"
            await asyncio.sleep(0.5)
            await phone.tell("accept")
            await both_ways(await line.answered(), phone.heard, phone.peer.stop)
        return "its 183 with SDP taken; 1.0 sends sound only after the answer"


async def hold_by_phone(line: Any, phone: Phone) -> str:
    """baresip holds (sendonly) and resumes; afterwards both are heard."""
    remote = lambda: line.leg._connected  # noqa: E731
    await asyncio.sleep(0.5)
    await phone.tell("hold")
    await until(lambda: remote() is not None and not remote().sending, f"not held\n{phone.peer.logs()}", 8)
    await asyncio.sleep(0.4)
    await phone.tell("resume")
    await until(lambda: remote().sending, f"not resumed\n{phone.peer.logs()}", 8)
    # Its recording ends with the hold; that it hears us afterwards, a key shows.
    await line.leg.send_keys("5")
    await until(lambda: phone.keys == "5", f"it heard {phone.keys!r} after the hold", 8)
    file = await line.talk(2.0)
    await line.hang_up()
    await line.rig.hears(file, line.rig.spoken, 0.5, "it isn't heard after the hold")
    return "held and resumed; a key there and its voice here after it"


async def refer_both(peer: Any, rig: Rig) -> str:
    """Both ways: baresip follows ours; we follow baresip's to a second callee."""
    answer = Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK").until_bye()
    target = await start_sipp(rig, Scenario().invite().reply(200, "OK", sdp="sendrecv").recv("ACK"))
    async with peer.phone() as phone, peer.reach(phone) as ours:
        line = await (await ours.dial()).answered()
        outcome = await line.leg.refer(f"sip:callee@127.0.0.1:{target.port}", wait_s=8)
        assert outcome.outcome is TransferOutcome.ACCEPTED, f"{outcome}\n{phone.peer.logs()}"
        await line.hang_up()
    target = await start_sipp(rig, answer, "-rtp_echo")
    async with peer.phone() as phone, peer.reach(phone, sip={"follow_refer": True}) as ours:
        line = await (await ours.dial()).answered()
        await phone.tell("transfer", f"sip:callee@127.0.0.1:{target.port}")
        await until(lambda: "ACK sip:" in messages(target), f"not followed\n{phone.peer.logs()}", 12)
        await asyncio.sleep(0.5)
        file = await line.talk(2.0)
        await line.hang_up()
        await rig.hears(file, rig.said, 0.8, "the second callee does not echo us")
    await target.finished()
    return "ours followed and reported; theirs followed, audio goes to the second callee"
