"""Whether a carrier is there: OPTIONS (RFC 3261 11), for the keep-alive, the commands and the checks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sipmessage import URI

from dialer.errors import SipParseError, TrunkError
from dialer.sip.address import Addr, parse_uri, uri_destination
from dialer.sip.config import TrunkConfig
from dialer.sip.stack import SipStack
from dialer.sip.trunkconfig import proxy_uri

_DEAD = frozenset({0, 408, 503})
"""No response, a proxy that had none, and a carrier that says itself that it takes no calls."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a trunk said to OPTIONS."""

    trunk: TrunkConfig
    code: int
    """SIP status; 0: nothing came."""
    waited_s: float
    error: str = ""
    """Why it couldn't be asked."""

    @property
    def place(self) -> str:
        """Where it was asked."""
        trunk = self.trunk
        return trunk.outbound_proxy or (f"{trunk.host}:{trunk.port}" if trunk.port else trunk.host)

    @property
    def alive(self) -> bool:
        return is_alive(self.code)


def is_alive(code: int) -> bool:
    """Whether this answer to OPTIONS, 0 for none, comes from a carrier that works: also a refusal does."""
    return code not in _DEAD


async def ask(endpoint: SipStack, config: TrunkConfig) -> int:
    """The status code of OPTIONS to the carrier; 0 where none came in ``no_response_s``, or no address."""
    try:
        async with asyncio.timeout(config.no_response_s):
            peer = await next_hop(endpoint, config)
            return await endpoint.ask(URI(scheme="sip", host=domain_of(config), port=uri_port(config)), peer)
    except (TrunkError, TimeoutError):
        return 0


async def next_hop(endpoint: SipStack, config: TrunkConfig) -> Addr:
    """Where this trunk's messages go first. Raises TrunkError where no server of it can be found."""
    return (await next_hops(endpoint, config))[0]


async def next_hops(endpoint: SipStack, config: TrunkConfig) -> list[Addr]:
    """Every server of this trunk, in the order to try them. Raises TrunkError where none can be found."""
    if not config.outbound_proxy:
        return await endpoint.targets(config.host, config.port, config.transport.value)
    try:
        uri = parse_uri(proxy_uri(config.outbound_proxy))
    except SipParseError as error:
        raise TrunkError(f"outbound_proxy: {error}") from error
    proxy = uri_destination(uri)
    said = proxy.fixed or proxy.reliable
    transport = proxy.transport if said else config.transport.value
    return await endpoint.targets(proxy.host, uri.port or 0, transport)


def domain_of(config: TrunkConfig) -> str:
    """The host part of this trunk's URIs."""
    return config.domain or config.host


def uri_port(config: TrunkConfig) -> int | None:
    """The port belongs into URIs only where they name the host itself."""
    return None if config.domain or config.port in (0, 5060) else config.port
