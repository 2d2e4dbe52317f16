"""Settings of ``[sip]`` about dialogs and what is negotiated in them, with two values each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sip_fakes import FakeMediaPlane, until
from test_sip_settings import NUMBER, carrier, silent

from dialer.errors import TrunkError
from dialer.ports import DialRequest
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.message import to_bytes
from dialer.sip.sdes import SrtpPolicy
from dialer.sip.trunk import SipTrunk


@asynccontextmanager
async def invite_to(**fields: Any) -> AsyncIterator[tuple[SipEndpoint, Any]]:
    """An endpoint that has sent its INVITE to a carrier that is silent, and that INVITE."""
    async with carrier(silent) as far:
        plane = FakeMediaPlane()
        endpoint = SipEndpoint(EndpointConfig(bind_port=0, **fields), media=plane)
        await endpoint.start()
        trunk = SipTrunk(TrunkConfig("t", "127.0.0.1", far.address[1]), plane, endpoint)
        leg = await trunk.dial(DialRequest(NUMBER))
        await until(lambda: bool(far.requests("INVITE")), "no INVITE")
        yield endpoint, far.requests("INVITE")[0]
        await leg.close()
        await endpoint.close(grace_s=0)


@pytest.mark.parametrize(("seconds", "said"), [(1800, "1800"), (600, "600"), (0, None)])
async def test_the_session_timer_that_is_asked_for(seconds: int, said: str | None) -> None:
    async with invite_to(session_expires_s=seconds) as (_, invite):
        assert invite.headers.get("Session-Expires") == said
        assert ("timer" in invite.headers["Supported"]) == (said is not None)


@pytest.mark.parametrize("seconds", [90, 300])
async def test_the_shortest_session_timer_that_is_taken(seconds: int) -> None:
    async with invite_to(min_se_s=seconds) as (endpoint, invite):
        assert invite.headers["Min-SE"] == str(seconds)
        async with carrier(silent) as far:
            invite.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:{far.address[1]};branch=z9hG4bKx")
            invite.headers.set("From", "<sip:far@127.0.0.1>;tag=far")
            invite.headers.set("Session-Expires", "120")
            far.transport.sendto(to_bytes(invite), tuple(endpoint.local)[:2])
            await until(lambda: bool(far.got), "no response")
            code = 422 if seconds == 300 else 480
            await until(lambda: any(getattr(m, "code", 0) == code for m in far.got), f"no {code}")


@pytest.mark.parametrize("wanted", [False, True])
async def test_comfort_noise_is_offered(wanted: bool) -> None:
    async with invite_to(comfort_noise=wanted) as (_, invite):
        assert (b"a=rtpmap:13 CN/8000" in invite.body) == wanted


async def test_keys_for_a_phone_on_tls() -> None:
    tls, udp = Addr("127.0.0.1", 5061, "tls"), Addr("127.0.0.1", 5060)
    offers = {}
    for policy in SrtpPolicy:
        endpoint = SipEndpoint(EndpointConfig(bind_port=0, srtp=policy))
        await endpoint.start()
        offers[policy] = str(endpoint.phone_offer("127.0.0.1", 4000, tls))
        if policy is SrtpPolicy.REQUIRED:
            with pytest.raises(TrunkError, match="tls"):
                endpoint.phone_offer("127.0.0.1", 4000, udp)
        else:
            assert "a=crypto" not in str(endpoint.phone_offer("127.0.0.1", 4000, udp))
        await endpoint.close(grace_s=0)
    assert "a=crypto" not in offers[SrtpPolicy.OFF]
    assert "RTP/AVP " in offers[SrtpPolicy.OPTIONAL]
    assert "RTP/SAVP " in offers[SrtpPolicy.REQUIRED]
    assert offers[SrtpPolicy.OPTIONAL].count("a=crypto:") == 2
