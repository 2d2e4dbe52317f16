"""The asyncio shell of the user agent: its sockets, one timer, and who hears of which call.

Several trunks and agents may share one endpoint. After everything that touches the user agent,
``_pump`` sends what it has, passes its events on and re-arms the timer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sipmessage import URI

from dialer.errors import MediaError, SdpError, SipParseError, TrunkError
from dialer.ports import MediaPlane, RemoteMedia
from dialer.sip.address import Addr, bracketed, parse_uri, uri_destination
from dialer.sip.config import EndpointConfig, RegistrarConfig, UserAgentConfig
from dialer.sip.digest import Randomness
from dialer.sip.leg import IncomingLeg, SipLeg
from dialer.sip.moves import Moves
from dialer.sip.network import Network
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdes import SrtpPolicy, policy_for
from dialer.sip.sdp import SessionDescription, make_offer
from dialer.sip.signals import (
    CallEnded,
    CallFailed,
    IncomingCall,
    OptionsAnswered,
    ReferReceived,
    Registered,
    RegistrationFailed,
    Signal,
    TransferEnded,
)
from dialer.sip.useragent import UserAgent

logger = logging.getLogger("dialer.sip")

OnInvite = Callable[[IncomingLeg], Awaitable[None]]
OnRegistration = Callable[[Registered | RegistrationFailed], None]


_BYTES_AT_ONCE = 1024
"""A call takes a handful of tokens, and asking the kernel for each costs more than making it."""


class _SecretBits:
    """Randomness that can't be guessed: tags, branches and nonces are all that guards a dialog."""

    def __init__(self) -> None:
        self._bytes = b""

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        if len(self._bytes) < size:
            self._bytes = secrets.token_bytes(_BYTES_AT_ONCE + size)
        taken, self._bytes = self._bytes[:size], self._bytes[size:]
        return int.from_bytes(taken) >> (size * 8 - k)


class SipEndpoint:
    """``media`` is needed for incoming calls only. ``on_invite`` runs as a task per incoming call;
    without it they are refused with 480."""

    def __init__(
        self,
        config: EndpointConfig,
        *,
        media: MediaPlane | None = None,
        registrar: RegistrarConfig | None = None,
        on_invite: OnInvite | None = None,
        randomness: Randomness | None = None,
    ) -> None:
        self._config = config
        self._media = media
        self._registrar = registrar
        self.on_invite = on_invite
        self._randomness = randomness or _SecretBits()
        self._network: Network | None = None
        self._agent: UserAgent | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._pumping = False
        self._legs: dict[int, SipLeg] = {}
        self._idle = asyncio.Event()
        self._registrations: dict[int, OnRegistration] = {}
        self._options: dict[int, asyncio.Future[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._moves = Moves(self)

    # --- life

    async def start(self) -> None:
        """Bind the sockets. Raises TrunkError."""
        if self._agent is not None:
            return
        config = self._config
        network = Network(config, self, self._randomness)
        await network.start()
        host, port = network.local(network.bound)
        agent_config = UserAgentConfig(
            host=bracketed(host), port=port, user_agent=config.user_agent, timers=config.timers,
            max_calls=config.max_calls, follow_refer=config.follow_refer,
            session_expires_s=config.session_expires_s,
            min_se_s=config.min_se_s, comfort_noise=config.comfort_noise, srtp=config.srtp,
            udp_max_bytes=config.udp_max_bytes if config.tcp else 0,
        )  # fmt: skip
        self._network = network
        self._agent = UserAgent(agent_config, self._randomness, self._registrar, network.local, network.avoid)

    async def close(self, *, grace_s: float = 0.5) -> None:
        """Hang up what is left, wait up to ``grace_s`` for it to be confirmed, free the socket."""
        if self._agent is None:
            return
        answered = [call for call in self._legs if self.answered(call)]
        for call in list(self._legs):
            self.hang_up(call, "shutting down")
        if self._legs:
            self._idle.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace_s)
        for call, leg in list(self._legs.items()):
            # Its far end didn't confirm that in time, and its owner waits for an end.
            if call in answered:
                leg.signal(CallEnded(call, by_remote=False, reason="shutting down"), self.now())
            else:
                leg.signal(CallFailed(call, 0, "shutting down"), self.now())
        for task in list(self._tasks):
            task.cancel()
        self._moves.close()
        for answer in self._options.values():
            if not answer.done():
                answer.set_result(0)
        self._options.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._network is not None:
            self._network.close()
        self._network, self._agent, self._timer = None, None, None
        self._legs.clear()

    @property
    def running(self) -> bool:
        return self._agent is not None

    @property
    def problem(self) -> str:
        """Why nothing can be sent; empty: it can."""
        return "" if self.running else "the SIP endpoint isn't started"

    @property
    def room(self) -> int:
        """How many more calls it can carry."""
        return self._config.max_calls - len(self._legs)

    @property
    def local(self) -> Addr:
        """The bound address and UDP port. Raises TrunkError before ``start``."""
        return self._net().bound

    @property
    def tls_port(self) -> int:
        """The TLS port listened on; 0 for none."""
        return self._net().tls_port

    @property
    def advertised(self) -> Addr:
        """What peers are told in Via and Contact."""
        config = self._running().config
        return Addr(config.host, config.port)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def _running(self) -> UserAgent:
        if self._agent is None:
            raise TrunkError("the SIP endpoint isn't started")
        return self._agent

    def _net(self) -> Network:
        if self._network is None:
            raise TrunkError("the SIP endpoint isn't started")
        return self._network

    def session_id(self) -> int:
        """A new number for o= of an offer (RFC 4566 5.2)."""
        return self._randomness.getrandbits(31)

    def offer(self, host: str, port: int, srtp: SrtpPolicy = SrtpPolicy.OFF) -> SessionDescription:
        """What a call of ours offers for media at ``host:port``, with keys of its own."""
        return make_offer(
            host, port, self.session_id(), comfort_noise=self._config.comfort_noise, srtp=srtp,
            randomness=self._randomness,
        )  # fmt: skip

    def phone_offer(self, host: str, port: int, peer: Addr) -> SessionDescription:
        """The same for an agent's phone. Raises TrunkError where SRTP is required and it isn't on TLS."""
        try:
            policy = policy_for(self._config.srtp, encrypted=peer.transport == "tls")
        except SdpError as error:
            raise TrunkError(str(error)) from error
        return self.offer(host, port, policy)

    # --- commands

    def place(self, spec: InviteSpec, leg: SipLeg) -> None:
        """Send an INVITE whose events go to ``leg``."""
        call = self._running().invite(spec, self.now())
        self._legs[call] = leg
        leg.key_sending = spec.key_sending
        leg.begin(call)
        self._pump()

    async def send_invite(self, spec: InviteSpec, leg: SipLeg) -> None:
        """``place``, as a trunk asks for it: nothing is waited for."""
        self.place(spec, leg)

    def hang_up(self, call: int, reason: str) -> None:
        if self._agent is not None:
            self._agent.hang_up(call, reason, self.now())
            self._pump()

    # --- transfers (moves.py)

    async def transfer(
        self, call: int, target: str, wait_s: float, replaces: int | None = None
    ) -> TransferEnded:
        """Ask the far end to call ``target`` itself, or to take another call's place. Raises TrunkError."""
        return await self._moves.transfer(call, target, wait_s, replaces)

    def refer(self, call: int, target: str, wait_s: float, replaces: int | None) -> int | None:
        """Prepare a REFER; ``flush`` sends it."""
        return self._running().refer(call, target, wait_s, self.now(), replaces)

    def report_refer(self, refer: int, code: int) -> None:
        if self._agent is not None:
            self._agent.report_refer(refer, code, self.now())
            self._pump()

    def invite(self, spec: InviteSpec) -> int:
        """Prepare an INVITE without a leg; ``flush`` sends it. Raises TrunkError."""
        return self._running().invite(spec, self.now())

    def flush(self) -> None:
        self._pump()

    def leg(self, call: int) -> SipLeg | None:
        return self._legs.get(call)

    def parties(self, call: int) -> tuple[URI, Addr]:
        """Our identity in a call and where its far end is. Raises TrunkError where it is over."""
        found = self._running().parties(call)
        if found is None:
            raise TrunkError("the call is over")
        return found

    def answered(self, call: int) -> bool:
        return self._agent is not None and self._agent.answered(call)

    def move(self, leg: SipLeg, old: int, new: int) -> None:
        """``leg`` is the leg of ``new`` from now on."""
        self.drop(old)
        self._legs[new] = leg
        leg.moved(new)

    def drop(self, call: int) -> None:
        """What happens to a call is nobody's business any more."""
        self._legs.pop(call, None)

    def send_keys(self, call: int, keys: str) -> None:
        """Keys by INFO; the leg hears KeysSent."""
        self._running().send_keys(call, keys, self.now())
        self._pump()

    def hold(self, call: int, on: bool) -> None:
        agent = self._running()
        (agent.hold if on else agent.resume)(call, self.now())
        self._pump()

    def ring(self, call: int) -> None:
        self._running().ring(call, self.now())
        self._pump()

    def answer(self, call: int, host: str, port: int) -> RemoteMedia | None:
        media = self._running().answer(call, host, port, self.now())
        self._pump()
        return media

    def reject(self, call: int, code: int, reason: str, retry_after_s: int | None) -> None:
        self._running().reject(call, code, self.now(), reason, retry_after_s)
        self._pump()

    def register(self, spec: RegisterSpec, on_event: OnRegistration) -> int:
        """Register and stay registered; ``on_event`` hears of every change."""
        number = self._running().register(spec, self.now())
        self._registrations[number] = on_event
        self._pump()
        return number

    def refresh(self, registration: int) -> None:
        """Register again now, unless that is under way."""
        if self._agent is not None:
            self._agent.refresh(registration, self.now())
            self._pump()

    def relocate(self, registration: int, servers: list[Addr]) -> None:
        """DNS was asked again for a registrar that doesn't answer."""
        if self._agent is not None:
            self._agent.relocate(registration, servers, self.now())
            self._pump()

    async def unregister(self, registration: int, wait_s: float = 0.0) -> None:
        """Take a registration back; wait up to ``wait_s`` for the registrar to say so."""
        if self._agent is None:
            return
        gone = asyncio.Event()
        self._registrations[registration] = lambda _event: gone.set()
        self._agent.unregister(registration, self.now())
        self._pump()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await gone.wait()
        self._registrations.pop(registration, None)

    async def options(self, target: str) -> int:
        """Ask a SIP URI whether it is alive: its status code, 0 for none. Raises TrunkError."""
        return await self.ask(*await self.locate(target))

    async def ask(self, uri: URI, peer: Addr) -> int:
        """The same at an address that is known."""
        number = self._running().options(uri, peer, self.now())
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._options[number] = answer
        self._pump()
        return await answer

    def lookup(self, aor: str) -> str | None:
        """The contact URI that a phone registered with us for ``1001`` or ``sip:1001@REALM``."""
        return None if self._agent is None else self._agent.lookup(aor, self.now())

    async def locate(self, target: str) -> tuple[URI, Addr]:
        """The URI to call, and its address. Raises TrunkError."""
        try:
            uri = parse_uri(self.lookup(target) or target)
        except SipParseError as error:
            raise TrunkError(str(error)) from error
        if uri.scheme not in ("sip", "sips"):
            raise TrunkError("only sip and sips URIs can be called")
        flow = self._running().flow(target, self.now())
        if flow is not None and (not flow.reliable or self._net().connected(flow)):
            return uri, flow
        place = uri_destination(uri)
        said = place.fixed or place.reliable
        targets = await self.targets(place.host, place.port, place.transport if said else "auto")
        return uri, targets[0]

    async def targets(self, host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
        """The servers of a host in the order to try them (RFC 3263); ``port`` 0: not said, ``transport``
        ``auto``: by DNS, else UDP. A TCP or TLS connection to the first one stands, or others come first.

        Raises TrunkError where the host isn't found, or no server of it can be connected to.
        """
        network, problem = self._net(), ""
        found = await network.targets(host, port, transport)
        for index, target in enumerate(found):
            try:
                await network.connect(target)
            except TrunkError as error:
                logger.warning("sip server not reached", extra={"error": str(error)})
                network.avoid(target)
                problem = str(error)
                continue
            return found[index:] + found[:index]
        raise TrunkError(problem)

    # --- the loop

    def on_message(self, data: bytes, addr: Addr) -> None:
        """The network's: a message came."""
        if self._agent is not None:
            self._agent.receive_datagram(data, addr, self.now())
            self._pump()

    def on_broken(self, data: bytes, addr: Addr, reason: str) -> None:
        """The network's: a stream can't be read on after these headers."""
        if self._agent is not None:
            self._agent.receive_broken(data, addr, reason)
            self._pump()

    def on_error(self, addr: Addr, reason: str, unsent: bool) -> None:
        """The network's: nothing can be sent there, or its connection is gone."""
        if unsent:
            logger.warning("sip send failed", extra={"error": reason})
        if self._agent is not None:
            self._agent.transport_failed(addr, reason, self.now(), unsent=unsent)
            self._pump()

    def _on_timer(self) -> None:
        self._timer = None
        if self._agent is not None:
            self._agent.handle_timer(self.now())
            self._pump()

    def _pump(self) -> None:
        """Send, report, re-arm. What a handler does in between is pumped by the outer call."""
        agent, network = self._agent, self._network
        if self._pumping or agent is None or network is None:
            return
        self._pumping = True
        try:
            while True:
                datagrams = agent.datagrams_to_send()
                for data, addr in datagrams:
                    network.send(data, addr)
                event = agent.next_event()
                if event is None and not datagrams:
                    break
                if event is not None:
                    self._dispatch(event)
        finally:
            # Also where a handler failed: the other calls go on.
            self._pumping = False
            self._set_timer(agent)

    def _set_timer(self, agent: UserAgent) -> None:
        when = agent.get_timer()
        if self._timer is not None:
            if when is not None and self._timer_at <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
            self._timer = None
        if when is not None:
            # Its own when() isn't there where it is due at once (uvloop).
            self._timer, self._timer_at = asyncio.get_running_loop().call_at(when, self._on_timer), when

    def _dispatch(self, event: Signal) -> None:
        match event:
            case IncomingCall():
                self._on_incoming(event)
            case Registered() | RegistrationFailed():
                if (on_event := self._registrations.get(event.registration)) is not None:
                    on_event(event)
            case OptionsAnswered():
                answer = self._options.pop(event.request, None)
                if answer is not None and not answer.done():
                    answer.set_result(event.code)
            case TransferEnded():
                self._moves.transfer_ended(event)
            case ReferReceived():
                self._moves.refer_received(event)
            case _ if self._moves.takes(event):
                pass
            case _:
                leg = self._legs.get(event.call)
                if isinstance(event, CallFailed | CallEnded):
                    self._legs.pop(event.call, None)
                    if not self._legs:
                        self._idle.set()
                if leg is not None:
                    leg.signal(event, self.now())

    def _on_incoming(self, event: IncomingCall) -> None:
        if event.replaces is not None and (replaced := self._legs.get(event.replaces)) is not None:
            self._moves.replaced(event, replaced)
            return
        if self.on_invite is None or self._media is None:
            self._running().reject(event.call, 480, self.now(), "No calls are taken here")
            return
        leg = IncomingLeg(self, event, self._media)
        self._legs[event.call] = leg
        task = asyncio.get_running_loop().create_task(self._serve(leg, self.on_invite))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("incoming call failed", exc_info=error)

    async def _serve(self, leg: IncomingLeg, on_invite: OnInvite) -> None:
        """Run the owner's handler; an error in it, or its being cancelled, ends this call and no other."""
        served = False
        try:
            await on_invite(leg)
            served = True
        except (TrunkError, MediaError) as error:
            logger.warning("incoming call failed", extra={"error": str(error)})
        finally:
            if not served:
                await leg.hang_up("failed here")
                with suppress(MediaError):
                    await leg.close()
