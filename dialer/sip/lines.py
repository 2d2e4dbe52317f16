"""The trunks of one installation, each on its socket: the shared one, or its own on another line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from dialer.errors import TrunkError
from dialer.ports import MediaPlane
from dialer.sip.config import EndpointConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.pjsua.endpoint import PjsuaEndpoint
from dialer.sip.placing import DirectCalls
from dialer.sip.probe import Probed, ask, next_hop
from dialer.sip.stack import SipStack
from dialer.sip.trunk import OnChange, SipTrunk
from dialer.sip.trunkconfig import TrunkConfig, TrunkDriver
from dialer.sip.trunkgroup import TrunkGroup

_PROBE_S = 3.0
"""A person waits for the answer."""


def socket_of(sip: EndpointConfig, trunk: TrunkConfig) -> EndpointConfig:
    """What a trunk's own socket is bound to; what it doesn't say is as in ``sip``."""
    return replace(
        sip,
        bind_host=trunk.bind_host or sip.bind_host,
        bind_port=trunk.bind_port,
        bind_device=trunk.bind_device or sip.bind_device,
        tls_port=0,
        advertised_host=trunk.advertised_host,
        advertised_port=0,
        advertised_tls_port=0,
    )


@asynccontextmanager
async def open_endpoint(
    sip: EndpointConfig, trunk: TrunkConfig, shared: SipEndpoint | None = None
) -> AsyncIterator[SipStack]:
    """The socket of a trunk, bound; ``shared`` where it has none of its own. Raises TrunkError."""
    if shared is not None and not trunk.own_socket:
        yield shared
        return
    endpoint: SipEndpoint | PjsuaEndpoint
    if trunk.driver is TrunkDriver.PJSUA2:
        endpoint = PjsuaEndpoint(socket_of(sip, trunk), trunk)
    else:
        endpoint = SipEndpoint(socket_of(sip, trunk) if trunk.own_socket else sip)
    try:
        await endpoint.start()
        yield endpoint
    finally:
        await endpoint.close()


@asynccontextmanager
async def open_trunks(
    trunks: Sequence[TrunkConfig],
    sip: EndpointConfig,
    media: MediaPlane,
    shared: SipEndpoint,
    failover_s: float,
    on_change: OnChange | None = None,
) -> AsyncIterator[TrunkGroup]:
    """Every trunk started; ``shared`` is the running endpoint of ``sip``. Raises TrunkError."""
    async with AsyncExitStack() as stack:
        made = []
        for config in trunks:
            endpoint = await stack.enter_async_context(open_endpoint(sip, config, shared))
            made.append(SipTrunk(config, media, endpoint, on_change, failover_s))
        first = trunks[0]
        phones = DirectCalls(media, shared, first.no_response_s, first.caller("")[0], first.display_name)
        group = TrunkGroup(made, phones, failover_s)
        stack.push_async_callback(group.close)
        await group.start()
        yield group


async def probe_trunks(trunks: Sequence[TrunkConfig], sip: EndpointConfig) -> list[Probed]:
    """Ask all at once by OPTIONS, each from a port of our own, beside those of a running daemon."""

    async def probe(trunk: TrunkConfig) -> Probed:
        wait_s = min(_PROBE_S, trunk.no_response_s)
        free = replace(trunk, bind_port=0, no_response_s=wait_s)
        try:
            async with open_endpoint(replace(sip, bind_port=0, tls_port=0), free) as endpoint:
                await next_hop(endpoint, free)
                return Probed(trunk, await ask(endpoint, free), wait_s)
        except TrunkError as error:
            return Probed(trunk, 0, wait_s, str(error))

    return list(await asyncio.gather(*(probe(trunk) for trunk in trunks)))
