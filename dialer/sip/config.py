"""Settings of the SIP room."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.errors import ConfigError
from dialer.sip.timers import TimerValues


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


class TrunkType(StrEnum):
    REGISTER = "register"
    """Up once the carrier has our registration."""
    STATIC = "static"
    """The carrier knows our address: up at once."""


@dataclass(frozen=True, slots=True)
class TrunkConfig:
    """One carrier connection. Raises ConfigError at construction where a value can't work."""

    name: str
    """How logs and states call it."""
    host: str
    """The carrier's SIP server: address or name."""
    port: int = 5060
    """Its UDP port."""
    type: TrunkType = TrunkType.STATIC
    """``register`` or ``static``."""
    username: str = ""
    """User for registration and digest; empty: challenges can't be answered."""
    password: str = field(default="", repr=False)
    """Its password, already read from where it is kept."""
    realm: str = ""
    """Answer only challenges of this realm; empty: of any."""
    domain: str = ""
    """Domain in From, To and Request-URI; empty: ``host``."""
    caller_id: str = ""
    """User part of From where a call brings none; empty: ``username``."""
    display_name: str = ""
    """Name beside the caller id; empty: none."""
    number_format: str = "{national}"
    """How a number is written in the Request-URI: {national} 13812345678, {e164} +8613812345678,
    {digits} 8613812345678; with any prefix, e.g. ``9{national}``."""
    lines: int = 30
    """Calls at one time."""
    register_expires_s: int = 300
    """Registration life that is asked for; refreshed well before its end."""
    no_response_s: float = 8.0
    """No response at all to INVITE for so long: the call failed, the trunk's fault."""
    backoff_s: float = 30.0
    """The trunk rests so long after no response, refused credentials, or 503 without Retry-After."""
    max_backoff_s: float = 3600.0
    """Longest rest that a Retry-After may ask for."""

    def __post_init__(self) -> None:
        names = {name for _, name, _, _ in string.Formatter().parse(self.number_format) if name is not None}
        problem = ""
        if not self.name or not self.host:
            problem = "a trunk needs name and host"
        elif not 0 < self.port < 65536:
            problem = "port must be 1-65535"
        elif len(names) != 1 or not names <= {"national", "e164", "digits"}:
            problem = "number_format needs one of {national}, {e164}, {digits}"
        elif self.lines < 1:
            problem = "lines must be 1 or more"
        elif self.type is TrunkType.REGISTER and not self.username:
            problem = "a register trunk needs username"
        elif self.register_expires_s < 10:
            problem = "register_expires_s must be 10 or more"
        elif min(self.no_response_s, self.backoff_s, self.max_backoff_s) <= 0:
            problem = "no_response_s, backoff_s and max_backoff_s must be above 0"
        if problem:
            raise ConfigError(f"trunk {self.name or '?'}: {problem}")


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
