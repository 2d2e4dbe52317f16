"""Whether a carrier is there: OPTIONS (RFC 3261 11), for the keep-alive, the commands and the checks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sipmessage import URI

from dialer.errors import SipParseError, TrunkError
from dialer.sip.address import Addr, default_port, is_numeric, parse_uri, uri_destination
from dialer.sip.config import TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.transport import resolve
from dialer.sip.trunkconfig import TrunkTransport, proxy_uri

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


async def ask(endpoint: SipEndpoint, config: TrunkConfig) -> int:
    """The status code of OPTIONS to the carrier; 0 where none came in ``no_response_s``, or no address."""
    try:
        async with asyncio.timeout(config.no_response_s):
            peer = await next_hop(config)
            return await endpoint.ask(URI(scheme="sip", host=domain_of(config), port=uri_port(config)), peer)
    except (TrunkError, TimeoutError):
        return 0


async def next_hop(config: TrunkConfig) -> Addr:
    """Where this trunk's messages go. Raises TrunkError where that has no address."""
    return await resolve(_target(config))


def _target(config: TrunkConfig) -> Addr:
    transport = "udp" if config.transport is TrunkTransport.AUTO else config.transport.value
    chosen = config.transport is not TrunkTransport.AUTO
    if config.outbound_proxy:
        try:
            found = uri_destination(parse_uri(proxy_uri(config.outbound_proxy)))
        except SipParseError as error:
            raise TrunkError(f"outbound_proxy: {error}") from error
        return found if found.fixed else found._replace(transport=transport, fixed=chosen)
    port = config.port or (default_port(transport) if is_numeric(config.host) else 0)
    return Addr(config.host, port, transport, name=config.host, fixed=chosen)


def domain_of(config: TrunkConfig) -> str:
    """The host part of this trunk's URIs."""
    return config.domain or config.host


def uri_port(config: TrunkConfig) -> int | None:
    """The port belongs into URIs only where they name the host itself."""
    return None if config.domain or config.port in (0, 5060) else config.port
