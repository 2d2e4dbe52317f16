"""Settings of one trunk: ``[[trunks]]`` in dialer.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dialer.errors import ConfigError, SipParseError
from dialer.sip.address import HOST_PATTERN, parse_uri
from dialer.sip.numbering import NumberRule, check_destination, check_format
from dialer.sip.sdes import SrtpPolicy

_HOST = re.compile(HOST_PATTERN)
_USER = re.compile(r"[0-9A-Za-z+*#._\-]*")


class TrunkType(StrEnum):
    REGISTER = "register"
    """Up once the carrier has our registration."""
    STATIC = "static"
    """A dedicated line or a gateway that knows us by our address: up at once, no registration."""


class TrunkDriver(StrEnum):
    """Who speaks SIP for a trunk."""

    OWN = "own"
    PJSUA2 = "pjsua2"
    """PJSIP, in a process of its own. It is free under the GPL or under a commercial licence."""


class TrunkTransport(StrEnum):
    AUTO = "auto"
    """By DNS (NAPTR, SRV); UDP where that says nothing, TCP where a message is too large for it."""
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Identity(StrEnum):
    """How the network is told who calls, beside From (RFC 3325)."""

    NONE = "none"
    ASSERTED = "asserted"
    """P-Asserted-Identity: between us and a carrier that trusts us."""
    PREFERRED = "preferred"
    """P-Preferred-Identity: the carrier checks it and asserts it itself."""


class KeySending(StrEnum):
    """How we send DTMF keys."""

    AUTO = "auto"
    """RFC 4733 where the far end takes it, else SIP INFO."""
    RFC4733 = "rfc4733"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class CampaignCaller:
    """How the calls of one campaign show themselves on a trunk."""

    campaign: str
    """The campaign's name, as given to the import."""
    caller_id: str = ""
    """Instead of the trunk's; empty: the trunk's."""
    display_name: str = ""
    """Instead of the trunk's; empty: the trunk's."""


@dataclass(frozen=True, slots=True)
class TrunkConfig:
    """One carrier connection. Raises ConfigError at construction where a value can't work."""

    name: str
    """How logs and states call it."""
    host: str
    """The carrier's SIP server: address or name."""
    port: int = 0
    """Its port; 0: what DNS says of the name (SRV), else 5060, with TLS 5061."""
    type: TrunkType = TrunkType.STATIC
    """``register``, or ``static`` for a dedicated line or gateway that knows us by our address."""
    driver: TrunkDriver = TrunkDriver.OWN
    """``own``, or ``pjsua2``: PJSIP does this line's signalling; see the operations manual."""
    pjsua2_python: str = ""
    """Python interpreter with PJSIP's bindings and msgspec; empty: the one that runs this program."""
    pjsua2_calls: int = 4
    """Calls at one time that this PJSIP was built for (PJSUA_MAX_CALLS); the wheel's number."""
    transport: TrunkTransport = TrunkTransport.AUTO
    """``auto`` (by DNS, else UDP), ``udp``, ``tcp`` or ``tls``."""
    bind_host: str = ""
    """Our address on this line, where it isn't that of [sip]: the trunk gets a socket of its own."""
    bind_port: int = 0
    """The port of that socket; 0: any free one. A carrier that knows us by our address needs a fixed one."""
    bind_device: str = ""
    """Network interface of this line, e.g. ``eth1``, where routing alone wouldn't use it."""
    advertised_host: str = ""
    """The address that this carrier is told, behind NAT; empty: the bound one, or that of [sip]."""
    media_host: str = ""
    """The address that our SDP offers on this line; empty: that of [media]. With it, [media] host must
    take packets there: 0.0.0.0."""
    username: str = ""
    """User for registration and digest; empty: challenges can't be answered."""
    password: str = field(default="", repr=False)
    """Its password, already read from where it is kept."""
    password_env: str = ""
    """Environment variable with its password; empty: see [secrets]."""
    password_file: Path | None = None
    """File whose first line is its password, used where the variable is unset."""
    realm: str = ""
    """Answer only challenges of this realm; empty: of any."""
    domain: str = ""
    """Domain in From, To and Request-URI; empty: ``host``."""
    outbound_proxy: str = ""
    """Where everything is sent instead of ``host``: ``host``, ``host:port`` or a SIP URI; named in Route."""
    caller_id: str = ""
    """Number in From where the campaign has none; empty: ``username``, without one the word dialer."""
    display_name: str = ""
    """Name beside the caller id; empty: none."""
    identity: Identity = Identity.NONE
    """``asserted`` (P-Asserted-Identity) or ``preferred`` (P-Preferred-Identity): tells the caller id once
    more, as carriers ask for it; ``none``: only From does."""
    hide_caller_id: bool = False
    """From is anonymous, Privacy: id asks the carrier to show nothing (RFC 3325); needs ``identity``."""
    campaigns: tuple[CampaignCaller, ...] = ()
    """Caller id and display name of single campaigns on this line."""
    number_format: str = "{national}"
    """How a number is written in the Request-URI: {national} 13812345678 or 01065123456,
    {e164} +8613812345678, {digits} 8613812345678; with any prefix, e.g. ``9{national}``."""
    numbers: tuple[NumberRule, ...] = ()
    """Numbers that are written otherwise: the first rule whose ``match`` covers the number wins. For one
    area also {local}: 65123456."""
    allow: tuple[str, ...] = ("mobile", "geographic")
    """What may be dialled: kinds of numbers (mobile, geographic, shared_cost, freephone, service, premium,
    satellite, hk_mo_tw, international) and patterns such as 1[3-9]X* or 010*. A pattern never opens service,
    premium and satellite numbers, and foreign ones only where it begins with + or 00."""
    deny: tuple[str, ...] = ()
    """What may not, although ``allow`` covers it; written the same way."""
    lines: int = 30
    """Calls at one time."""
    cps: float = 0.0
    """Calls that may leave in any second; 0: no bound but that of [scheduler]."""
    priority: int = 1
    """Trunks of the lowest number are used first, others when those are down or full."""
    weight: int = 1
    """Share of the calls among trunks of the same priority, beside their free lines."""
    srtp: SrtpPolicy = SrtpPolicy.OFF
    """``off``, ``optional`` or ``required``: encrypted audio; keys are sent in SDP, so only with tls."""
    dtmf: KeySending = KeySending.AUTO
    """How our keys are sent: ``rfc4733``, ``info``, or ``auto`` by what the far end takes."""
    follow_redirects: bool = False
    """Whether a 3xx is followed; else the call failed. What it names must be on this carrier's host."""
    register_expires_s: int = 300
    """Registration life that is asked for; refreshed well before its end."""
    options_interval_s: float = 30.0
    """The carrier is asked by OPTIONS whether it is there when it has said nothing for so long; 0: never."""
    no_response_s: float = 8.0
    """No response at all to INVITE or OPTIONS for so long: the trunk's fault."""
    faults_to_rest: int = 3
    """Doubtful faults in a row (5xx before any ringing) that let the trunk rest; a 503, refused
    credentials or silence do so at once."""
    backoff_s: float = 30.0
    """The trunk rests so long after a fault without Retry-After; doubled each time it fails again."""
    max_backoff_s: float = 3600.0
    """Longest rest, also where a Retry-After asks for more."""

    def __post_init__(self) -> None:
        problem = next(self._problems(), "")
        if problem:
            raise ConfigError(f"{problem} (trunk {self.name or '?'})")

    def _problems(self) -> Iterator[str]:
        if not self.name:
            yield "name: empty, write how logs shall call this trunk"
        if not 0 <= self.port < 65536:
            yield "port: must be 1-65535, or 0 for DNS to say"
        if not 0 <= self.bind_port < 65536:
            yield "bind_port: must be 1-65535, or 0 for any free one"
        for name in ("lines", "weight", "faults_to_rest", "pjsua2_calls"):
            if getattr(self, name) < 1:
                yield f"{name}: must be 1 or more"
        if not 0 <= self.cps <= 1000:
            yield "cps: must be 0 to 1000 calls in a second"
        if self.register_expires_s < 10:
            yield "register_expires_s: must be 10 or more"
        if self.options_interval_s < 0:
            yield "options_interval_s: must be 0 or more"
        for name in ("no_response_s", "backoff_s", "max_backoff_s"):
            if getattr(self, name) <= 0:
                yield f"{name}: must be above 0"
        if self.type is TrunkType.REGISTER and not self.username:
            yield "type: a register trunk needs username"
        if self.hide_caller_id and self.identity is Identity.NONE:
            yield "hide_caller_id: needs identity, or the carrier doesn't know who calls"
        if self.srtp is not SrtpPolicy.OFF and self.transport is not TrunkTransport.TLS:
            yield 'srtp: needs transport = "tls", because its keys stand in the SDP'
        if self.driver is TrunkDriver.PJSUA2:
            yield from self._beyond_pjsua2()
        yield from self._wrong_names()
        yield from self._wrong_numbers()

    def _beyond_pjsua2(self) -> Iterator[str]:
        if self.transport is TrunkTransport.TLS:
            yield 'driver: "pjsua2" speaks udp and tcp here, no tls'
        if ":" in self.bind_host:
            yield 'driver: "pjsua2" speaks IPv4 here'
        if self.bind_device:
            yield 'driver: "pjsua2" can\'t be bound to an interface, write bind_host'
        if self.dtmf is KeySending.INFO:
            yield 'driver: "pjsua2" sends no keys by INFO here'
        if self.follow_redirects:
            yield 'driver: "pjsua2" follows no redirections here'

    def _wrong_names(self) -> Iterator[str]:
        for name in ("host", "domain", "bind_host", "advertised_host", "media_host"):
            value = getattr(self, name)
            if not _HOST.fullmatch(value) and (value or name == "host"):
                yield f"{name}: write an address or a name, without port"
        if self.outbound_proxy:
            try:
                parse_uri(proxy_uri(self.outbound_proxy))
            except SipParseError:
                yield "outbound_proxy: write host, host:port or sip:host:port;transport=tcp"
        callers = [self.caller_id, *(one.caller_id for one in self.campaigns)]
        if not all(_USER.fullmatch(caller) for caller in callers):
            yield "caller_id: write a number such as 4008001234 or +861065123456"
        campaigns = [one.campaign for one in self.campaigns]
        if not all(campaigns) or len(set(campaigns)) < len(campaigns):
            yield "campaigns: each entry needs a campaign of its own"

    def _wrong_numbers(self) -> Iterator[str]:
        if not self.allow:
            yield "allow: nothing could ever be dialled, write e.g. mobile"
        try:
            check_format(self.number_format)
        except ValueError as error:
            yield f"number_format: {error}"
        if "{local}" in self.number_format:
            yield "number_format: {local} would leave out every area code: write it in numbers, for one area"
        for name in ("allow", "deny"):
            for entry in getattr(self, name):
                try:
                    check_destination(entry)
                except ValueError as error:
                    yield f"{name}: {error}"

    @property
    def own_socket(self) -> bool:
        """Whether it needs a socket beside that of [sip]."""
        other = self.driver is not TrunkDriver.OWN
        return bool(other or self.bind_host or self.bind_port or self.bind_device or self.advertised_host)

    def caller(self, campaign: str) -> tuple[str, str]:
        """Caller id and display name of a campaign's calls."""
        found = next((one for one in self.campaigns if one.campaign == campaign), None)
        caller_id = (found.caller_id if found else "") or self.caller_id or self.username or "dialer"
        return caller_id, (found.display_name if found else "") or self.display_name


def proxy_uri(text: str) -> str:
    """``host``, ``host:port`` or a SIP URI as a SIP URI."""
    return text if text.startswith(("sip:", "sips:")) else f"sip:{text}"
