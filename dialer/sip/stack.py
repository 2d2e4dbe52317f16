"""What a trunk and its legs ask of whoever speaks SIP for them: our own user agent, or PJSIP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sipmessage import URI

from dialer.sip.address import Addr
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdes import SrtpPolicy
from dialer.sip.sdp import SessionDescription
from dialer.sip.signals import Registered, RegistrationFailed, TransferEnded

if TYPE_CHECKING:
    from dialer.sip.leg import SipLeg

OnRegistration = Callable[[Registered | RegistrationFailed], None]


class SipStack(Protocol):
    """Events of a call go to its leg (``SipLeg.signal``), ``now`` being loop time."""

    @property
    def problem(self) -> str:
        """Why nothing can be sent; empty: it can."""
        ...

    @property
    def room(self) -> int:
        """How many more calls it can carry."""
        ...

    def now(self) -> float: ...

    def offer(self, host: str, port: int, srtp: SrtpPolicy = SrtpPolicy.OFF) -> SessionDescription:
        """What a call offers for media at ``host:port``."""
        ...

    async def targets(self, host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
        """The servers of a host in the order to try them. Raises TrunkError."""
        ...

    async def send_invite(self, spec: InviteSpec, leg: SipLeg) -> None:
        """Begin the leg and send its INVITE. Raises TrunkError before anything left this host."""
        ...

    def hang_up(self, call: int, reason: str) -> None: ...

    def hold(self, call: int, on: bool) -> None:
        """Raises TrunkError where it can't be asked for."""
        ...

    def send_keys(self, call: int, keys: str) -> None:
        """By INFO. Raises TrunkError where they can't be sent so."""
        ...

    async def transfer(
        self, call: int, target: str, wait_s: float, replaces: int | None = None
    ) -> TransferEnded: ...

    def register(self, spec: RegisterSpec, on_event: OnRegistration) -> int: ...

    def refresh(self, registration: int) -> None: ...

    async def unregister(self, registration: int, wait_s: float = 0.0) -> None: ...

    async def ask(self, uri: URI, peer: Addr) -> int:
        """The status code of OPTIONS; 0 where none came."""
        ...
