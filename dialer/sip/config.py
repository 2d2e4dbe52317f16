"""Settings of the SIP room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialer.errors import ConfigError
from dialer.sip.address import is_numeric, split_address
from dialer.sip.digest import OFFERED
from dialer.sip.sdes import SrtpPolicy
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
    follow_refer: bool = False
    """Whether a REFER in a call is followed; else it is refused with 603."""
    max_calls: int = 2000
    """With this many calls, further incoming ones are refused with 503, and none is placed."""
    max_server_transactions: int = 4000
    """Requests in work at one time; more are refused with 503: the bound on a flood's memory. Answered ones,
    kept for their retransmissions, make room."""
    udp_max_bytes: int = 0
    """A larger request to a UDP peer goes by TCP; 0: never."""
    session_expires_s: int = 1800
    """Session timer (RFC 4028) that is asked for; 0: none."""
    min_se_s: int = 90
    """Shortest session timer that is taken."""
    comfort_noise: bool = False
    """Whether an incoming call's comfort noise is taken (RFC 3389)."""
    srtp: SrtpPolicy = SrtpPolicy.OFF
    """SRTP in incoming calls; only over TLS."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """The SIP sockets and what is said through them. Raises ConfigError where a value can't work."""

    bind_host: str = "127.0.0.1"
    """Address to listen on, IPv4 or IPv6; 0.0.0.0 for every interface."""
    bind_port: int = 5060
    """UDP and TCP port to listen on; 0: any free one."""
    bind_device: str = ""
    """Network interface that all SIP goes through, such as eth1 (needs CAP_NET_RAW); empty: by routing."""
    advertised_host: str = ""
    """Address that peers are told (behind NAT); empty: the bound one, or the one routed outwards."""
    advertised_port: int = 0
    """UDP and TCP port that peers are told; 0: the bound one."""
    advertised_tls_port: int = 0
    """TLS port that peers are told; 0: ``tls_port``, or without a certificate the connection's own."""
    tcp: bool = True
    """Whether SIP over TCP is spoken, too; UDP always is."""
    udp_max_bytes: int = 1300
    """A larger request goes by TCP, unless the peer was configured for UDP (RFC 3261 18.1.1); 0: never."""
    tls_port: int = 5061
    """TLS port to listen on, where ``tls_certificate_file`` is set; 0: any free one."""
    tls_certificate_file: Path | None = None
    """PEM file with our certificate and those between it and its authority, for peers that connect to us."""
    tls_key_file: Path | None = None
    """PEM file with its key, without passphrase; none: the key stands in the certificate's file."""
    tls_ca_file: Path | None = None
    """PEM file with the authorities that servers' certificates must be signed by; none: the system's."""
    tls_client_certificate_file: Path | None = None
    """PEM file with the certificate that we show to servers that ask for one."""
    tls_client_key_file: Path | None = None
    """PEM file with its key, without passphrase; none: the key stands in the certificate's file."""
    connect_timeout_s: float = 3.0
    """How long a TCP connection with its TLS handshake may take."""
    keepalive_s: float = 90.0
    """A connection of ours that is silent for so long gets a keep-alive (RFC 5626); 0: none."""
    idle_s: float = 600.0
    """A connection without a message or keep-alive for so long is closed; opened again on demand."""
    max_connections: int = 500
    """TCP and TLS connections at one time; more are refused."""
    max_message_bytes: int = 65535
    """Longest SIP message on a stream; a longer one ends its connection."""
    nameservers: tuple[str, ...] = ()
    """DNS servers to ask for SIP hosts, as ``address`` or ``address:port``; none: the system's."""
    dns_timeout_s: float = 3.0
    """How long finding a host may take."""
    dscp: int = 24
    """Quality-of-service mark of SIP packets, 0 to 63: CS3, as network equipment expects for signalling."""
    user_agent: str = "Huifang"
    """User-Agent and Server header."""
    timers: TimerValues = field(default_factory=TimerValues)
    """RFC 3261 timer values; change them only in tests."""
    max_calls: int = 2000
    """With this many calls over this socket, further incoming ones are refused with 503, ours not placed."""
    follow_refer: bool = False
    """Whether a call that its far end transfers by REFER follows, to our own phones and to that far end's
    host only; else REFER is refused with 603."""
    session_expires_s: int = 1800
    """Session timer (RFC 4028): a call whose far end is gone without a word ends after it; 0: none."""
    min_se_s: int = 90
    """Shortest session timer that we take from a far end; RFC 4028 asks for 90 or more."""
    comfort_noise: bool = False
    """Whether comfort noise (RFC 3389) is offered and taken: for far ends that send nothing in silence."""
    srtp: SrtpPolicy = SrtpPolicy.OFF
    """Encrypted audio with agents' phones: ``off``, ``optional`` or ``required``; only over TLS."""

    def __post_init__(self) -> None:
        problem = next(self._problems(), "")
        if problem:
            raise ConfigError(problem)

    def _problems(self) -> Iterator[str]:
        if not is_numeric(self.bind_host):
            yield "bind_host: write an IP address of this machine, or 0.0.0.0"
        for name in ("bind_port", "tls_port", "advertised_port", "advertised_tls_port"):
            if not 0 <= getattr(self, name) < 65536:
                yield f"{name}: ports are 1-65535"
        if self.tls_certificate_file is None and self.tls_key_file is not None:
            yield "tls_key_file: needs tls_certificate_file"
        if self.tls_client_certificate_file is None and self.tls_client_key_file is not None:
            yield "tls_client_key_file: needs tls_client_certificate_file"
        if self.udp_max_bytes < 0:
            yield "udp_max_bytes: must be 0 or more"
        if min(self.connect_timeout_s, self.idle_s, self.dns_timeout_s) <= 0:
            yield "connect_timeout_s: this, idle_s and dns_timeout_s must be above 0"
        if self.keepalive_s < 0:
            yield "keepalive_s: must be 0 or more"
        if self.max_connections < 1:
            yield "max_connections: must be 1 or more"
        if not 1000 <= self.max_message_bytes <= 1_000_000:
            yield "max_message_bytes: must be 1000 to 1000000"
        if not 0 <= self.dscp < 64:
            yield "dscp: must be 0 to 63"
        if self.session_expires_s and not 0 < self.min_se_s <= self.session_expires_s:
            yield "min_se_s: must be above 0 and not above session_expires_s"
        try:
            for nameserver in self.nameservers:
                split_address(nameserver, 53)
        except ValueError as error:
            yield f"nameservers: {error}"


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
    algorithms: tuple[str, ...] = OFFERED
    """Digest algorithms that phones are asked for, preferred first: SHA-256, MD5. Some old phones (baresip
    1.0) refuse a challenge that has anything but MD5: then write MD5 alone."""

    def __post_init__(self) -> None:
        if not self.realm:
            raise ConfigError("realm: empty, write e.g. dialer")
        if not 0 < self.min_expires_s <= self.max_expires_s:
            raise ConfigError("min_expires_s: must be above 0 and not above max_expires_s")
        if self.max_contacts < 1:
            raise ConfigError("max_contacts: must be 1 or more")
        if not self.algorithms or not set(self.algorithms) <= set(OFFERED):
            raise ConfigError("algorithms: write SHA-256, MD5 or both")
