"""A carrier connection that places calls (ports.Trunk)."""

from __future__ import annotations

import asyncio
import logging

from sipmessage import URI

from dialer.errors import MediaError, TrunkError
from dialer.model import PhoneNumber
from dialer.ports import DialRequest, MediaPlane, TrunkState
from dialer.sip.address import Addr
from dialer.sip.config import TrunkConfig, TrunkType
from dialer.sip.digest import Credentials
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import LegEvents, SipLeg
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallEnded, CallFailed, Registered, RegistrationFailed
from dialer.sip.transport import resolve

logger = logging.getLogger("dialer.sip")

_RESOLVE_RETRY_S = 30.0


class SipTrunk:
    """Call ``start`` once the endpoint runs, ``close`` before it ends.

    A target that is a SIP URI (an agent's phone, or a user registered with the endpoint) is called
    directly: it takes no line, needs no registration, and never gets the trunk's password.
    """

    def __init__(self, config: TrunkConfig, media: MediaPlane, endpoint: SipEndpoint) -> None:
        self.config = config
        self._media = media
        self._endpoint = endpoint
        self._busy = 0
        self._rest_until = 0.0
        self._rest_reason = ""
        self._registered = False
        self._register_reason = "not registered yet"
        self._registration: int | None = None
        self._registering: asyncio.Task[None] | None = None
        self._first_yes = asyncio.Event()

    # --- life

    async def start(self) -> None:
        """A register trunk starts to register; it is up once the carrier has said yes."""
        if self.config.type is TrunkType.REGISTER and self._registering is None:
            self._registering = asyncio.get_running_loop().create_task(self._register())

    async def registered(self) -> None:
        """Until the carrier has our registration for the first time; a static trunk doesn't wait."""
        if self.config.type is TrunkType.REGISTER:
            await self._first_yes.wait()

    async def close(self) -> None:
        """Take the registration back. Calls under way are their legs' business."""
        if self._registering is not None:
            self._registering.cancel()
            self._registering = None
        if self._registration is not None:
            self._endpoint.unregister(self._registration)
            self._registration = None
        self._registered, self._register_reason = False, "closed"

    async def _register(self) -> None:
        config = self.config
        while True:
            try:
                peer = await resolve(Addr(config.host, config.port))
            except TrunkError as error:
                self._register_reason = str(error)
                logger.warning("trunk host not found", extra={"trunk": config.name})
                await asyncio.sleep(_RESOLVE_RETRY_S)
                continue
            break
        spec = RegisterSpec(
            registrar=URI(scheme="sip", host=self._domain, port=self._port),
            aor=URI(scheme="sip", host=self._domain, port=self._port, user=config.username),
            peer=peer,
            credentials=Credentials(config.username, config.password, config.realm),
            expires_s=config.register_expires_s,
        )
        self._registration = self._endpoint.register(spec, self._on_registration)

    def _on_registration(self, event: Registered | RegistrationFailed) -> None:
        if isinstance(event, Registered):
            if not self._registered:
                details = {"trunk": self.config.name, "expires_s": event.expires_s}
                logger.info("trunk registered", extra=details)
            self._registered, self._register_reason = True, ""
            self._first_yes.set()
            return
        self._registered = False
        self._register_reason = f"registration failed: {event.code or 'no response'} {event.reason}".strip()
        logger.warning(
            "trunk registration failed",
            extra={"trunk": self.config.name, "code": event.code, "retry_s": event.retry_s},
        )

    # --- ports.Trunk

    def state(self) -> TrunkState:
        free = max(0, self.config.lines - self._busy)
        if not self._endpoint.running:
            return TrunkState(False, free, "the SIP endpoint isn't started")
        if not self._media.alive:
            return TrunkState(False, free, "the media plane is gone")
        if self.config.type is TrunkType.REGISTER and not self._registered:
            return TrunkState(False, free, self._register_reason)
        rest = self._rest_until - self._endpoint.now()
        if rest > 0:
            return TrunkState(False, free, f"{self._rest_reason}: resting {rest:.0f} s")
        return TrunkState(True, free, "" if free else "no free line")

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send one INVITE. Raises TrunkError before anything left this host."""
        if isinstance(request.target, str):
            uri, peer = await self._endpoint.locate(request.target)
            return await self._place(request, uri, peer, on_trunk=False)
        state = self.state()
        if not state.up or not state.lines_free:
            raise TrunkError(f"trunk {self.config.name}: {state.reason}")
        self._busy += 1
        try:
            uri, peer = await self._number_uri(request.target)
            return await self._place(request, uri, peer, on_trunk=True)
        except BaseException:
            # Also when the caller is cancelled: the line was never used.
            self._busy -= 1
            raise

    async def _place(self, request: DialRequest, uri: URI, peer: Addr, *, on_trunk: bool) -> SipLeg:
        config, events = self.config, LegEvents()
        try:
            stream = await self._media.open(events.media)
        except MediaError as error:
            raise TrunkError(f"trunk {config.name}: no media port: {error}") from error
        leg = SipLeg(self._endpoint, events, stream, self._on_over if on_trunk else None)
        try:
            host = self._endpoint.advertised.host
            user = request.caller_id or config.caller_id or config.username or "dialer"
            spec = InviteSpec(
                target=uri,
                from_uri=URI(scheme="sip", user=user, host=self._domain if on_trunk else host),
                peer=peer,
                offer=make_offer(*stream.local, self._endpoint.session_id()),
                display_name=config.display_name,
                credentials=self._credentials() if on_trunk else None,
                no_response_s=config.no_response_s,
            )
            if request.not_after is not None and self._endpoint.now() > request.not_after:
                raise TrunkError(f"trunk {config.name}: too late for an INVITE: name or port took too long")
            self._endpoint.place(spec, leg)
        except BaseException:
            await stream.close()
            raise
        logger.info("invite sent", extra={"trunk": config.name, "reference": request.reference})
        return leg

    async def _number_uri(self, number: PhoneNumber) -> tuple[URI, Addr]:
        config = self.config
        user = config.number_format.format(
            national=number.national, e164=number.e164, digits=number.e164.removeprefix("+")
        )
        uri = URI(scheme="sip", user=user, host=self._domain, port=self._port)
        return uri, await resolve(Addr(config.host, config.port))

    def _credentials(self) -> Credentials | None:
        config = self.config
        if not config.username:
            return None
        return Credentials(config.username, config.password, config.realm)

    @property
    def _domain(self) -> str:
        return self.config.domain or self.config.host

    @property
    def _port(self) -> int | None:
        """The port belongs into URIs only where they name the host itself."""
        return None if self.config.domain or self.config.port == 5060 else self.config.port

    def _on_over(self, event: CallFailed | CallEnded) -> None:
        """A call of this trunk is over: its line is free; an ailing trunk rests."""
        self._busy -= 1
        if not isinstance(event, CallFailed):
            return
        rest = 0.0
        if event.code == 503:
            rest = min(event.retry_after_s or self.config.backoff_s, self.config.max_backoff_s)
        elif event.ours and event.code in (0, 401, 407):
            # Refused credentials too: a carrier bars who keeps trying them.
            rest = self.config.backoff_s
        until = self._endpoint.now() + rest
        if rest and until > self._rest_until:
            self._rest_until, self._rest_reason = until, f"{event.code or 'no'} {event.reason}".strip()
            details = {"trunk": self.config.name, "rest_s": rest, "code": event.code}
            logger.warning("trunk rests", extra=details)
