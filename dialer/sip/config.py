"""Settings of the SIP room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.errors import ConfigError
from dialer.sip.timers import TimerValues
from dialer.sip.trunkconfig import TrunkConfig as TrunkConfig
from dialer.sip.trunkconfig import TrunkType as TrunkType


@dataclass(frozen=True, slots=True)
class UserAgentConfig:
    """One user agent behind one UDP port."""

    host: str = "127.0.0.1"
    """IPv4 address that peers reach us at: in Via and Contact."""
    port: int = 5060
    """The port that goes with it."""
    user_agent: str = "Huifang"
    """User-Agent and Server header."""
    timers: TimerValues = field(default_factory=TimerValues)
    """RFC 3261 timer values."""
    max_ring_s: float = 180.0
    """A call that neither answers nor ends is cancelled (timer C, RFC 3261 16.6)."""
    bye_wait_s: float = 5.0
    """How long an ended call waits for the far end to confirm our BYE before it counts as over."""
    max_calls: int = 2000
    """With this many calls, further incoming ones are refused with 503."""
    max_server_transactions: int = 4000
    """Requests in work at one time; more are refused with 503: the bound on a flood's memory."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """The UDP socket and what is said through it."""

    bind_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every interface."""
    bind_port: int = 5060
    """UDP port to listen on; 0: any free one."""
    advertised_host: str = ""
    """Address that peers are told (behind NAT); empty: the bound one, or the one routed outwards."""
    user_agent: str = "Huifang"
    """User-Agent and Server header."""
    timers: TimerValues = field(default_factory=TimerValues)
    """RFC 3261 timer values; change them only in tests."""
    max_calls: int = 2000
    """With this many calls over this socket, further incoming ones are refused with 503."""


@dataclass(frozen=True, slots=True)
class RegistrarConfig:
    """Who may register with us (agents' phones)."""

    realm: str = "dialer"
    """Digest realm, and the domain of addresses of record."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """User name -> password."""
    min_expires_s: int = 30
    """Shorter registrations are refused with 423."""
    max_expires_s: int = 3600
    """Longer ones are shortened."""
    max_contacts: int = 5
    """Phones per user; the oldest gives way."""

    def __post_init__(self) -> None:
        if not self.realm:
            raise ConfigError("realm: empty, write e.g. dialer")
        if not 0 < self.min_expires_s <= self.max_expires_s:
            raise ConfigError("min_expires_s: must be above 0 and not above max_expires_s")
        if self.max_contacts < 1:
            raise ConfigError("max_contacts: must be 1 or more")
