"""PJSIP as the SIP stack of one trunk (``stack.SipStack``): lines, pace, rest and legs stay ours.

What PJSIP itself decides: transactions, digest, PRACK, session timers, the answer to a re-INVITE. A call
that we hang up counts as over when PJSIP says so, which is at once; CANCEL or BYE go on behind it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sipmessage import URI, Message, Request, Response

from dialer.errors import SdpError, SipParseError, TrunkError
from dialer.model import without_numbers
from dialer.ports import RemoteMedia
from dialer.sip.address import Addr, bracketed
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.leg import CallSignal, SipLeg
from dialer.sip.message import clean, parse_message, retry_after_s
from dialer.sip.outgoing import InviteSpec
from dialer.sip.pjsua import protocol as p
from dialer.sip.pjsua.process import PjsuaProcess
from dialer.sip.reason import PASSED_ON, described, network_cause
from dialer.sip.registration import RegisterSpec
from dialer.sip.resolver import Resolver
from dialer.sip.sdes import SrtpPolicy
from dialer.sip.sdp import SessionDescription, make_offer, remote_media
from dialer.sip.signals import (
    CallAnswered,
    CallEnded,
    CallFailed,
    CallProgress,
    CallUpdated,
    KeySignalled,
    Registered,
    RegistrationFailed,
    TransferEnded,
)
from dialer.sip.sockets import family_of, outward_address
from dialer.sip.stack import OnRegistration

logger = logging.getLogger("dialer.sip")

_MAX_RING_S = 180.0
"""Timer C (RFC 3261 16.6)."""
_SHORT_S, _LONG_S = 0.5, 33.0
"""How long a call that we hung up is taken to hold its place in PJSIP: until CANCEL or BYE is confirmed,
or where nothing had come, until the INVITE times out (RFC 3261 timer B)."""
_RESTART_S, _MAX_RESTART_S = 1.0, 60.0
_REGISTER_RETRY_S = 5


class _SecretBits:
    def getrandbits(self, k: int, /) -> int:
        return secrets.randbits(k)


@dataclass(slots=True)
class _Call:
    leg: SipLeg | None
    """None: nobody hears of it any more."""
    local: SessionDescription
    placed: asyncio.Future[str]
    """Why it wasn't placed; empty: it was, or may have been."""
    timer: asyncio.TimerHandle | None = None
    heard: bool = False
    """The far end has said anything."""
    rang: bool = False
    answered: bool = False
    hung_up: str | None = None
    remote: RemoteMedia | None = None


@dataclass(slots=True)
class _Registration:
    spec: RegisterSpec
    on_event: OnRegistration = field(repr=False)


class PjsuaEndpoint:
    """Call ``start`` before the first call. Where the process dies, its calls end and it is started again."""

    def __init__(self, sip: EndpointConfig, trunk: TrunkConfig) -> None:
        """``sip``: what the trunk's socket is bound to (``lines.socket_of``)."""
        self._sip, self._trunk = sip, trunk
        self._process = PjsuaProcess(trunk.pjsua2_python, self._on_event, self._on_gone)
        self._randomness = _SecretBits()
        self._resolver: Resolver | None = None
        self._problem = "PJSIP isn't started"
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._leaving: list[float] = []
        """When the places of calls that we hung up are surely free again."""
        self._registrations: dict[int, _Registration] = {}
        self._questions: dict[int, asyncio.Future[int]] = {}
        self._restarting: asyncio.Task[None] | None = None

    # --- life

    async def start(self) -> None:
        """Raises TrunkError where PJSIP or its bindings aren't there, or its port isn't free."""
        self._resolver = Resolver(
            nameservers=self._sip.nameservers, timeout_s=self._sip.dns_timeout_s,
            randomness=self._randomness, spoken=("udp", "tcp"),
        )  # fmt: skip
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> None:
        sip, trunk = self._sip, self._trunk
        host = sip.bind_host
        outward = outward_address(family_of(host)) if host == "0.0.0.0" else ""
        user = trunk.username or trunk.caller("")[0]
        configure = p.Configure(
            host=host, port=sip.bind_port, public_host=sip.advertised_host or outward,
            transport="tcp" if trunk.transport == "tcp" else "udp",
            identity=str(URI(scheme="sip", user=user, host=trunk.domain or trunk.host)),
            username=trunk.username, password=trunk.password, realm=trunk.realm or "*",
            user_agent=sip.user_agent, max_calls=trunk.pjsua2_calls,
            session_expires_s=sip.session_expires_s, min_se_s=sip.min_se_s,
        )  # fmt: skip
        ready = await self._process.start(configure)
        self._problem = ""
        self._leaving.clear()
        details = {"trunk": trunk.name, "version": ready.version, "port": ready.port}
        logger.info("pjsip started", extra=details)
        for number in self._registrations:
            self._send_register(number)

    async def close(self) -> None:
        """End the process; it hangs up what is left. Idempotent."""
        if self._restarting is not None:
            self._restarting.cancel()
            self._restarting = None
        self._problem = "PJSIP isn't started"
        await self._process.close()
        self._end_all("shutting down")
        if self._resolver is not None:
            self._resolver.close()
            self._resolver = None

    def _on_gone(self, reason: str) -> None:
        self._problem = reason
        self._end_all(reason)
        for number, registration in self._registrations.items():
            registration.on_event(RegistrationFailed(number, 0, reason, _RESTART_S))
        self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        pause = _RESTART_S
        while True:
            await asyncio.sleep(pause)
            await self._process.close()  # nothing of the old one may hold the port
            try:
                await self._start()
            except TrunkError as error:
                self._problem = str(error)
                pause = min(pause * 2, _MAX_RESTART_S)
                logger.error("pjsip doesn't start", extra={"trunk": self._trunk.name, "why": str(error)})
                continue
            self._restarting = None
            return

    def _end_all(self, reason: str) -> None:
        for number, call in list(self._calls.items()):
            over: CallSignal = CallEnded(number, by_remote=False, reason=reason)
            if not call.answered:
                over = CallFailed(number, 0, reason, ours=not call.rang)
            if not call.placed.done():
                call.placed.set_result("")
            self._over(number, over)
        for question in self._questions.values():
            if not question.done():
                question.set_result(0)

    # --- stack.SipStack

    @property
    def problem(self) -> str:
        return self._problem

    @property
    def pid(self) -> int | None:
        """Of the PJSIP process."""
        return self._process.pid

    @property
    def room(self) -> int:
        now = self.now()
        self._leaving = [at for at in self._leaving if at > now]
        return self._trunk.pjsua2_calls - len(self._calls) - len(self._leaving)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def offer(self, host: str, port: int, srtp: SrtpPolicy = SrtpPolicy.OFF) -> SessionDescription:
        number = self._randomness.getrandbits(31)
        return make_offer(host, port, number, comfort_noise=self._sip.comfort_noise)

    async def targets(self, host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
        if self._resolver is None or self._problem:
            raise TrunkError(self._problem or "PJSIP isn't started")
        spoken = "tcp" if self._trunk.transport == "tcp" else "udp"
        if transport not in ("auto", spoken):
            raise TrunkError(f"this trunk's PJSIP speaks {spoken}, not {transport}: see transport")
        return await self._resolver.targets(host, port, spoken)

    async def send_invite(self, spec: InviteSpec, leg: SipLeg) -> None:
        if self.room <= 0:
            raise TrunkError("PJSIP has no place for another call: see pjsua2_calls")
        number, loop = next(self._numbers), asyncio.get_running_loop()
        call = _Call(leg, spec.offer, loop.create_future())
        name = clean(spec.display_name)
        command = p.Place(
            number, str(spec.target), f'"{name}" <{spec.from_uri}>' if name else str(spec.from_uri),
            [_hop(spec.peer), *(value for key, value in spec.headers if key == "Route")],
            [header for header in spec.headers if header[0] != "Route"],
            str(spec.offer), spec.not_after,
        )  # fmt: skip
        self._process.send(command)
        self._calls[number] = call
        if spec.no_response_s:
            call.timer = loop.call_later(spec.no_response_s, self._silent, number, spec.no_response_s)
        leg.key_sending = spec.key_sending
        try:
            problem = await asyncio.shield(call.placed)
        except asyncio.CancelledError:
            call.leg = None
            self.hang_up(number, "given up")
            raise
        if problem:
            raise TrunkError(problem)
        leg.begin(number)

    def hang_up(self, call: int, reason: str) -> None:
        found = self._calls.get(call)
        if found is not None and found.hung_up is None:
            found.hung_up = reason
            with suppress(TrunkError):
                self._process.send(p.HangUp(call))

    def hold(self, call: int, on: bool) -> None:
        raise TrunkError("a call over PJSIP can't be held from here")

    def send_keys(self, call: int, keys: str) -> None:
        raise TrunkError("keys can't be sent by INFO over PJSIP")

    async def transfer(
        self, call: int, target: str, wait_s: float, replaces: int | None = None
    ) -> TransferEnded:
        raise TrunkError("a call over PJSIP can't be transferred by REFER")

    def register(self, spec: RegisterSpec, on_event: OnRegistration) -> int:
        number = next(self._numbers)
        self._registrations[number] = _Registration(spec, on_event)
        self._send_register(number)
        return number

    def _send_register(self, number: int) -> None:
        spec = self._registrations[number].spec
        command = p.Register(
            number, str(spec.registrar), str(spec.aor), [_hop(spec.peer)], spec.expires_s, _REGISTER_RETRY_S
        )
        with suppress(TrunkError):  # sent when the process is there
            self._process.send(command)

    def refresh(self, registration: int) -> None:
        with suppress(TrunkError):
            self._process.send(p.Refresh(registration))

    async def unregister(self, registration: int, wait_s: float = 0.0) -> None:
        found = self._registrations.get(registration)
        if found is None:
            return
        gone = asyncio.Event()
        found.on_event = lambda _event: gone.set()
        with suppress(TrunkError, TimeoutError):
            self._process.send(p.Unregister(registration))
            async with asyncio.timeout(wait_s):
                await gone.wait()
        self._registrations.pop(registration, None)

    async def ask(self, uri: URI, peer: Addr) -> int:
        number = next(self._numbers)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        try:
            self._process.send(p.Ask(number, str(uri), [_hop(peer)]))
            return await answer
        finally:
            self._questions.pop(number, None)

    # --- from the process

    def _on_event(self, event: p.Event) -> None:
        match event:
            case p.RegisterResult():
                self._on_registered(event)
            case p.AskResult():
                answer = self._questions.get(event.request)
                if answer is not None and not answer.done():
                    answer.set_result(event.code)
            case p.Ready() | p.Unable() | p.Pulse():
                pass
            case _:
                call = self._calls.get(event.call)
                if call is not None:
                    self._on_call(event, call)

    def _on_call(
        self,
        event: p.Placed | p.NotPlaced | p.Provisional | p.Answered | p.Offered | p.Key | p.Over,
        call: _Call,
    ) -> None:
        number = event.call
        match event:
            case p.Placed():
                if not call.placed.done():
                    call.placed.set_result("")
            case p.NotPlaced():
                call.leg = None
                self._over(number, CallFailed(number, 0, event.reason, ours=True))
                if not call.placed.done():
                    call.placed.set_result(event.reason)
            case p.Provisional():
                self._on_provisional(event, call)
            case p.Answered():
                self._on_answered(event, call)
            case p.Offered():
                self._on_offered(event, call)
            case p.Key() if len(event.digit) == 1 and event.digit in "0123456789*#":
                self._tell(call, KeySignalled(number, event.digit))
            case p.Over():
                self._over(number, _end(event, call))

    def _on_provisional(self, event: p.Provisional, call: _Call) -> None:
        if not call.heard:
            call.heard = True
            self._set_timer(call, _MAX_RING_S, lambda: self.hang_up(event.call, "rang too long"))
        if event.code == 100 or call.hung_up is not None:
            return
        call.rang = True
        message = _parsed(event.message)
        early = message is not None and bool(message.body)
        with suppress(SdpError):
            if message is not None and early:
                call.remote = _media(call, message.body)
        self._tell(call, CallProgress(event.call, event.code, early, call.remote if early else None))

    def _on_answered(self, event: p.Answered, call: _Call) -> None:
        call.heard = call.rang = True
        self._set_timer(call, None)
        message = _parsed(event.message)
        try:
            if message is not None and message.body:
                call.remote = _media(call, message.body)
            if call.remote is None:
                raise SdpError("no SDP in the answer")
        except SdpError as error:
            self.hang_up(event.call, f"no usable answer: {error}")
            self._over(event.call, CallFailed(event.call, 488, f"no usable answer: {error}"))
            return
        call.answered = True
        self._tell(call, CallAnswered(event.call, call.remote))

    def _on_offered(self, event: p.Offered, call: _Call) -> None:
        with suppress(SdpError):  # PJSIP refuses what it can't read, too
            call.remote = _media(call, event.sdp)
            self._tell(call, CallUpdated(event.call, call.remote))

    def _silent(self, number: int, waited_s: float) -> None:
        """No response at all: an answer that still comes is ended by PJSIP with CANCEL, or ACK and BYE."""
        self.hang_up(number, "no response")
        self._over(number, CallFailed(number, 0, f"no response in {waited_s:g} s", ours=True))

    def _over(self, number: int, over: CallSignal) -> None:
        call = self._calls.pop(number, None)
        if call is None:
            return
        self._set_timer(call, None)
        if call.hung_up is not None and not self._problem:
            self._leaving.append(self.now() + (_SHORT_S if call.heard else _LONG_S))
        self._tell(call, over)

    def _tell(self, call: _Call, signal: CallSignal) -> None:
        if call.leg is not None:
            call.leg.signal(signal, self.now())

    def _set_timer(self, call: _Call, after_s: float | None, work: Callable[[], None] | None = None) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
        if after_s is not None and work is not None:
            call.timer = asyncio.get_running_loop().call_later(after_s, work)

    def _on_registered(self, event: p.RegisterResult) -> None:
        found = self._registrations.get(event.registration)
        if found is None:
            return
        number = event.registration
        if event.code // 100 == 2:
            found.on_event(Registered(number, float(event.expires_s)))
        else:
            reason = without_numbers(clean(event.reason))
            found.on_event(RegistrationFailed(number, event.code, reason, float(_REGISTER_RETRY_S)))


def _hop(peer: Addr) -> str:
    """A Route that PJSIP follows and doesn't show (its ``hide`` parameter)."""
    transport = ";transport=tcp" if peer.transport == "tcp" else ""
    return f"<sip:{bracketed(peer.host)}:{peer.port}{transport};lr;hide>"


def _parsed(data: bytes) -> Message | None:
    try:
        return parse_message(data) if data else None
    except SipParseError:
        return None


def _media(call: _Call, body: bytes | str) -> RemoteMedia:
    """Raises SdpError."""
    return remote_media(call.local, SessionDescription.parse(body))


def _end(event: p.Over, call: _Call) -> CallSignal:
    """What PJSIP's end of a call means."""
    number, message = event.call, _parsed(event.message)
    said = without_numbers(clean(event.reason))
    if call.answered:
        if call.hung_up is not None:
            return CallEnded(number, by_remote=False, reason=call.hung_up)
        if isinstance(message, Request):
            return CallEnded(number, by_remote=True, reason=described("", message))
        return CallEnded(number, by_remote=False, reason=f"{event.code} {said}")
    if call.hung_up is not None:
        return CallFailed(number, 487, "Request Terminated")
    if not isinstance(message, Response):
        # Its own 408 or 503: a timer or the transport.
        return CallFailed(number, 0, said or "no response", ours=not call.rang)
    cause = network_cause(message)
    before_callee = not call.rang and cause not in PASSED_ON
    ours = before_callee and (message.code in (401, 407, 408) or 500 <= message.code < 600)
    why = described(clean(message.phrase)[:200], message)
    return CallFailed(number, message.code, why, ours, retry_after_s(message), cause)
