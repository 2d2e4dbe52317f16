"""Kamailio as a carrier's edge between us and a callee: digest, registrar, TCP and TLS. What passes through
it is SIPp's or baresip's."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from test_wire_transports import kamailio

from tests.interop.matrix import Feature
from tests.interop.rig import Ours, Rig, Unavailable, both_ways
from tests.interop.with_baresip import Baresip, Phone
from tests.interop.with_sipp import Sipp


class _Behind:
    """A way to a callee through a Kamailio of its own."""

    rig: Rig

    @asynccontextmanager
    async def through(self, callee_port: int, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        carrier = await kamailio(self.rig.peers, callee_port, self.rig.certificate)
        port = carrier.tls_port if transport == "tls" else carrier.peer.port
        known = {"username": "dialer", "password": "secret"}
        async with self.rig.ours(port, transport, **{**known, **options}) as ours:
            yield ours


class _SippBehind(_Behind, Sipp):
    proxied = True

    @asynccontextmanager
    async def reach(self, callee_port: int, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        async with self.through(callee_port, transport, **options) as ours:
            yield ours


class _BaresipBehind(_Behind, Baresip):
    @asynccontextmanager
    async def reach(self, phone: Phone, transport: str = "udp", **options: Any) -> AsyncIterator[Ours]:
        async with self.through(phone.port, transport, **options) as ours:
            yield ours


class Kamailio:
    name = "Kamailio"
    slow: tuple[Feature, ...] = ()

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._sipp, self._baresip = _SippBehind(rig), _BaresipBehind(rig)

    async def version(self) -> str:
        for program, package in (
            ("kamailio", "kamailio"),
            ("sipp", "sip-tester"),
            ("baresip", "baresip-core"),
        ):
            if (shutil.which(program) or shutil.which(program, path="/usr/sbin")) is None:
                raise Unavailable(f"apt-get install {package}")
        said = await self.rig.command("dpkg-query", "-W", "-f", "${Version}", "kamailio")
        return said.strip()

    async def start(self) -> None:
        """Each cell has its own."""

    async def stop(self) -> None: ...

    @property
    def cells(self) -> dict[Feature, Callable[[], Awaitable[str]]]:
        sipp, phone = self._sipp, self._baresip
        return {
            Feature.CALL: phone.call, Feature.DIGEST: self.digest, Feature.TCP: phone.tcp,
            Feature.TLS: self.tls, Feature.SRTP: self.srtp, Feature.DTMF_RTP: phone.dtmf_rtp,
            Feature.DTMF_INFO: sipp.dtmf_info, Feature.CANCEL: sipp.cancel, Feature.HOLD: phone.hold,
            Feature.SESSION_TIMER: sipp.session_timer, Feature.REFER: phone.refer,
            Feature.PRACK: sipp.prack, Feature.EARLY_MEDIA: sipp.early_media,
        }  # fmt: skip

    async def digest(self) -> str:
        async with (
            self._baresip.phone() as phone,
            self._baresip.reach(phone, type="register", register_expires_s=60) as ours,
        ):
            await ours.registered()
            line = await (await ours.dial()).answered()
            await line.hang_up()
        return "REGISTER (401) and INVITE (407) with MD5"

    async def tls(self) -> str:
        async with (
            self._baresip.phone() as phone,
            self._baresip.reach(phone, "tls", type="register", register_expires_s=60) as ours,
        ):
            await ours.registered()
            return await both_ways(await (await ours.dial()).answered(), phone.heard, phone.peer.stop)

    async def srtp(self) -> str:
        async with (
            self._baresip.phone("answermode=auto;mediaenc=srtp-mand") as phone,
            self._baresip.reach(phone, "tls", srtp="required") as ours,
        ):
            line = await (await ours.dial()).answered()
            assert line.leg._connected is not None
            keys = line.leg._connected.srtp
            assert keys is not None, "no keys"
            # It sends one RTCP packet in clear before its SRTP is on; that one must be dropped.
            said = await both_ways(line, phone.heard, phone.peer.stop, unauthentic=1)
            return f"{keys.suite}: {said}"
