"""A carrier connection that places calls (ports.Trunk)."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import URI

from dialer.errors import TrunkError
from dialer.model import PhoneNumber
from dialer.ports import DialRequest, MediaPlane, TrunkState
from dialer.sip import numbering
from dialer.sip.address import Addr
from dialer.sip.breaker import Breaker, BreakerState
from dialer.sip.callrate import CallRate
from dialer.sip.config import TrunkConfig, TrunkType
from dialer.sip.digest import Credentials
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.identity import caller_of, route_of
from dialer.sip.leg import CallSignal, SipLeg
from dialer.sip.outgoing import InviteSpec
from dialer.sip.placing import DirectCalls, place, too_late
from dialer.sip.probe import ask, domain_of, is_alive, next_hops, uri_port
from dialer.sip.reason import OF_CALLEE
from dialer.sip.registration import RegisterSpec
from dialer.sip.signals import (
    CallAnswered,
    CallAnsweredLate,
    CallEnded,
    CallFailed,
    CallProgress,
    Registered,
    RegistrationFailed,
)
from dialer.sip.stack import SipStack

logger = logging.getLogger("dialer.sip")

_RESOLVE_RETRY_S = 30.0
_LEAVE_S = 1.0
"""How long the registrar may take to confirm at the end that we are gone."""
_SHORTEST_WATCH_S = 0.05
_REDIRECTS = 5
"""3xx in a row that are followed where the trunk follows them."""

OnChange = Callable[[str, TrunkState], None]
"""(name of the trunk, its state): it went down or came up."""


@dataclass(slots=True)
class _Line:
    """A line in use."""

    trial: bool
    """The call that shows whether the carrier works again."""
    judged: bool = False


class SipTrunk:
    """Call ``start`` once the endpoint runs, ``close`` before it ends.

    A target that is a SIP URI is called directly (``DirectCalls``).
    """

    def __init__(
        self,
        config: TrunkConfig,
        media: MediaPlane,
        endpoint: SipStack,
        on_change: OnChange | None = None,
        failover_s: float = math.inf,
    ) -> None:
        """``failover_s``: how long after its INVITE a call may go to the carrier's next server."""
        self.config = config
        self._failover_s = failover_s
        self._media = media
        self._endpoint = endpoint
        self._on_change = on_change
        self._direct: DirectCalls | None = None
        if isinstance(endpoint, SipEndpoint):
            self._direct = DirectCalls(
                media, endpoint, config.no_response_s, config.caller("")[0], config.display_name
            )
        self._breaker = Breaker(config.faults_to_rest, config.backoff_s, config.max_backoff_s)
        self._rate = CallRate(config.cps)
        self._gate = asyncio.Lock()
        self._waiting = 0
        """Calls that wait for their turn."""
        self._busy = 0
        self._told: bool | None = None
        """Whether it was last said to be up."""
        self._heard_at = 0.0
        self._asked_at = 0.0
        self._registered = False
        self._register_reason = "not registered yet"
        self._registration: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._first_yes = asyncio.Event()
        self._relocating: asyncio.Task[None] | None = None

    # --- life

    async def start(self) -> None:
        """A register trunk starts to register; it is up once the carrier has said yes."""
        if self._tasks:
            return
        self._heard_at = self._asked_at = self._endpoint.now()
        loop = asyncio.get_running_loop()
        if self.config.type is TrunkType.REGISTER:
            self._tasks.append(loop.create_task(self._register()))
        self._tasks.append(loop.create_task(self._watch()))

    async def registered(self) -> None:
        """Until the carrier has our registration for the first time; a static trunk doesn't wait."""
        if self.config.type is TrunkType.REGISTER:
            await self._first_yes.wait()

    async def close(self) -> None:
        """Take the registration back. Calls under way are their legs' business."""
        for task in self._tasks:
            task.cancel()
        if self._relocating is not None:
            self._relocating.cancel()
        self._tasks.clear()
        number, self._registration = self._registration, None
        registered, self._registered, self._register_reason = self._registered, False, "closed"
        if number is not None:
            await self._endpoint.unregister(number, _LEAVE_S if registered else 0.0)

    async def _register(self) -> None:
        config = self.config
        while True:
            try:
                peer, *others = await next_hops(self._endpoint, config)
            except TrunkError as error:
                self._register_reason = str(error)
                self._tell()
                await asyncio.sleep(_RESOLVE_RETRY_S)
                continue
            break
        domain, port = domain_of(config), uri_port(config)
        spec = RegisterSpec(
            registrar=URI(scheme="sip", host=domain, port=port),
            aor=URI(scheme="sip", host=domain, port=port, user=config.username),
            peer=peer,
            credentials=Credentials(config.username, config.password, config.realm),
            expires_s=config.register_expires_s,
            others=tuple(others),
        )
        self._registration = self._endpoint.register(spec, self._on_registration)

    def _on_registration(self, event: Registered | RegistrationFailed) -> None:
        if isinstance(event, Registered):
            self._heard_at = self._endpoint.now()
            if not self._registered:
                details = {"trunk": self.config.name, "expires_s": event.expires_s}
                logger.info("trunk registered", extra=details)
            self._registered, self._register_reason = True, ""
            self._first_yes.set()
        else:
            self._registered = False
            self._register_reason = (
                f"registration failed: {event.code or 'no response'} {event.reason}".strip()
            )
            if event.code in (0, 503) and not (self._relocating and not self._relocating.done()):
                self._relocating = asyncio.get_running_loop().create_task(self._relocate())
        self._tell()

    async def _relocate(self) -> None:
        """The registrar may have moved: its addresses are those of the first registration."""
        endpoint, number = self._endpoint, self._registration
        try:
            servers = await next_hops(endpoint, self.config)
        except TrunkError:
            return  # why it isn't registered has been told
        if number is not None and isinstance(endpoint, SipEndpoint):
            endpoint.relocate(number, servers)

    # --- whether the carrier is there

    async def _watch(self) -> None:
        """OPTIONS where the carrier has said nothing for long, and the end of a rest."""
        while True:
            await asyncio.sleep(max(_SHORTEST_WATCH_S, self._next_look() - self._endpoint.now()))
            self._tell()
            interval = self.config.options_interval_s
            if interval and self._endpoint.now() >= self._next_question():
                await self._ask()

    def _next_look(self) -> float:
        now, rest = self._endpoint.now(), self._breaker.rest_until
        looks = [now + 1.0]
        if rest is not None and rest > now:
            looks.append(rest)
        if self.config.options_interval_s:
            looks.append(self._next_question())
        return min(looks)

    def _next_question(self) -> float:
        interval = self.config.options_interval_s
        if self._breaker.state(self._endpoint.now()) is BreakerState.CLOSED:
            return max(self._heard_at, self._asked_at) + interval
        # Resting: its own answers to calls under way don't count, and its return is wanted soon.
        return self._asked_at + min(interval, self.config.backoff_s / 2)

    async def _ask(self) -> None:
        config, endpoint = self.config, self._endpoint
        self._asked_at = endpoint.now()
        code = await ask(endpoint, config)
        now = endpoint.now()
        if is_alive(code):
            self._heard_at = now
            self._breaker.alive(now)
            if not self._registered and self._registration is not None:
                endpoint.refresh(self._registration)
        else:
            # It rests until the next answer can be there.
            pause = min(config.options_interval_s, config.backoff_s / 2) + 2 * config.no_response_s
            self._breaker.failed(
                now, f"OPTIONS: {code or 'no response'}", retry_after_s=pause, certain=True, silent=True
            )
        self._tell()

    # --- ports.Trunk

    def state(self) -> TrunkState:
        free = max(0, min(self.config.lines - self._busy, self._endpoint.room))
        if problem := self._endpoint.problem:
            return TrunkState(False, free, problem)
        if not self._media.alive:
            return TrunkState(False, free, "the media plane is gone")
        if self.config.type is TrunkType.REGISTER and not self._registered:
            return TrunkState(False, free, self._register_reason)
        now = self._endpoint.now()
        state = self._breaker.state(now)
        if state is BreakerState.OPEN:
            rest = (self._breaker.rest_until or now) - now
            return TrunkState(False, free, f"{self._breaker.reason}: resting {rest:.0f} s")
        if state is BreakerState.HALF_OPEN:
            free = min(free, 1) if self._breaker.may_call(now) else 0
            return TrunkState(True, free, "" if free else f"one call at a time after {self._breaker.reason}")
        return TrunkState(True, free, "" if free else "no free line")

    def may_dial(self, number: PhoneNumber) -> bool:
        """Whether this number is on its allow-list."""
        return numbering.allowed(number, self.config.allow, self.config.deny)

    def _may_dial_user(self, user: str | None) -> bool:
        """Whether somebody else's number, that a redirection names, is on the allow-list, too."""
        try:
            return self.may_dial(PhoneNumber.parse(user or ""))
        except ValueError:
            return False

    def call_wait_s(self) -> float:
        """Until its pace lets the next call leave."""
        now = self._endpoint.now()
        return self._rate.next_at(now, self._waiting) - now

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send one INVITE at the trunk's pace. Raises TrunkError before anything left this host."""
        if isinstance(request.target, str):
            if self._direct is None:
                raise TrunkError(f"trunk {self.config.name}: PJSIP calls numbers only, no SIP URIs")
            return await self._direct.dial(request)
        number, name = request.target, self.config.name
        if not self.may_dial(number):
            kind = numbering.classify(number).value
            raise TrunkError(f"trunk {name}: may not dial {kind} numbers: see allow and deny")
        state = self.state()
        if not state.up or not state.lines_free:
            raise TrunkError(f"trunk {name}: {state.reason}")
        self._busy += 1
        line = _Line(self._breaker.took(self._endpoint.now()))
        try:
            servers = await self._find()
            now = self._endpoint.now()
            if request.not_after is not None and now + self.call_wait_s() > request.not_after:
                raise TrunkError("too late for an INVITE: its pace (cps) leaves no room")
            leg = await place(
                self._endpoint,
                self._media,
                request,
                lambda host, port: self._invite(request, number, servers, host, port),
                lambda event: self._on_signal(line, event),
                lambda: self._turn(request, line),
            )
        except BaseException as error:
            # Also when the caller is cancelled: the line was never used.
            self._busy -= 1
            if line.trial:
                self._breaker.withdrawn()
            if isinstance(error, TrunkError):
                raise TrunkError(f"trunk {name}: {error}") from error
            raise
        logger.info("invite sent", extra={"trunk": name, "reference": request.reference})
        return leg

    async def _find(self) -> list[Addr]:
        """Where the INVITE may go, in order. Raises TrunkError, and the trunk rests: nothing can leave."""
        try:
            return await next_hops(self._endpoint, self.config)
        except TrunkError as error:
            self._breaker.failed(self._endpoint.now(), str(error), certain=True, silent=True)
            self._tell()
            raise

    async def _turn(self, request: DialRequest, line: _Line) -> None:
        """Wait for this call's moment. Raises TrunkError where that is too late, or the trunk went down."""
        if not self.config.cps:
            return
        self._waiting += 1
        try:
            async with self._gate:
                now = self._endpoint.now()
                await asyncio.sleep(self._rate.next_at(now) - now)
                if too_late(request):
                    raise TrunkError("too late for an INVITE")
                if not line.trial and self._breaker.state(self._endpoint.now()) is not BreakerState.CLOSED:
                    raise TrunkError(self._breaker.reason)
                now = self._endpoint.now()
                self._rate.take(max(now, self._rate.next_at(now)))
        finally:
            self._waiting -= 1

    def _invite(
        self, request: DialRequest, number: PhoneNumber, servers: list[Addr], host: str, port: int
    ) -> InviteSpec:
        config, domain = self.config, domain_of(self.config)
        move_until = self._endpoint.now() + self._failover_s
        user = numbering.write(number, config.numbers, config.number_format)
        caller_id, display_name = config.caller(request.campaign)
        caller = caller_of(
            config, domain, request.caller_id or caller_id, request.display_name or display_name
        )
        return InviteSpec(
            target=URI(scheme="sip", user=user, host=domain, port=uri_port(config)),
            from_uri=caller.from_uri,
            peer=servers[0],
            others=tuple(servers[1:]),
            not_after=min(math.inf if request.not_after is None else request.not_after, move_until),
            offer=self._endpoint.offer(config.media_host or host, port, config.srtp),
            display_name=caller.display_name,
            credentials=self._credentials(),
            no_response_s=config.no_response_s,
            headers=(*route_of(config), *caller.headers),
            key_sending=config.dtmf,
            redirects=_REDIRECTS if config.follow_redirects else 0,
            may_follow=lambda uri: uri.user == user or self._may_dial_user(uri.user),
        )

    def _credentials(self) -> Credentials | None:
        config = self.config
        if not config.username:
            return None
        return Credentials(config.username, config.password, config.realm)

    # --- what calls say of the carrier

    def _on_signal(self, line: _Line, event: CallSignal) -> None:
        now = self._endpoint.now()
        if isinstance(event, CallFailed | CallEnded):
            self._busy -= 1
        if not (isinstance(event, CallFailed) and event.code == 0):
            self._heard_at = now
        if line.judged:
            return
        if isinstance(event, CallProgress | CallAnswered | CallAnsweredLate):
            self._breaker.worked(now)
        elif isinstance(event, CallFailed):
            self._judge(event, now)
        elif isinstance(event, CallEnded):
            if line.trial:
                self._breaker.withdrawn()
        else:
            return
        line.judged = True
        self._tell()

    def _judge(self, event: CallFailed, now: float) -> None:
        """Whose fault an INVITE's end without ringing was."""
        breaker, reason = self._breaker, f"{event.code or 'no'} {event.reason}".strip()
        callee = event.cause in OF_CALLEE
        if event.code == 503 and event.ours:
            breaker.failed(now, reason, retry_after_s=event.retry_after_s, certain=True)
        elif event.ours and event.code == 0:
            breaker.failed(now, reason, certain=True, silent=True, called=True)
        elif event.ours and event.code in (401, 407):
            # Refused credentials: a carrier bars who keeps trying them.
            breaker.failed(now, reason, certain=True)
        elif event.ours or event.code == 403 or (event.code >= 500 and event.code < 600 and not callee):
            breaker.failed(now, reason)
            if event.code == 403 and self._registration is not None:
                # A registrar that was started anew knows us no longer.
                self._endpoint.refresh(self._registration)
        else:
            breaker.worked(now)

    def _tell(self) -> None:
        """Say once that the trunk went down, why, and that it is up again."""
        state = self.state()
        if state.up is self._told:
            return
        half_open = self._breaker.state(self._endpoint.now()) is BreakerState.HALF_OPEN
        if self._told is False and half_open:
            return  # its rest is over, but no call has shown yet that it works
        first, self._told = self._told is None, state.up
        details = {"trunk": self.config.name, "why": state.reason}
        if not state.up:
            logger.warning("trunk down", extra=details)
        elif not first:
            logger.info("trunk up", extra={"trunk": self.config.name})
        if self._on_change is not None and not (first and state.up):
            self._on_change(self.config.name, state)
