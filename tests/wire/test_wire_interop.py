"""The quick cells of the interop matrix with SIPp, baresip and Kamailio that no other wire test covers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.interop.matrix import Feature
from tests.interop.rig import Rig
from tests.interop.with_baresip import Baresip
from tests.interop.with_kamailio import Kamailio
from tests.interop.with_sipp import Sipp

pytestmark = pytest.mark.wire

QUICK = [
    (Sipp, Feature.DIGEST),
    (Sipp, Feature.DTMF_INFO),
    (Sipp, Feature.REFER),
    (Baresip, Feature.DIGEST),
    (Baresip, Feature.TLS),
    (Baresip, Feature.SRTP),
    (Baresip, Feature.DTMF_RTP),
    (Baresip, Feature.DTMF_INFO),
    (Baresip, Feature.HOLD),
    (Kamailio, Feature.SRTP),
    (Kamailio, Feature.PRACK),
]


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.mark.parametrize(("peer", "feature"), QUICK, ids=[f"{p.name}-{f.value}" for p, f in QUICK])
async def test_a_real_peer(rig: Rig, peer: type[Sipp | Baresip | Kamailio], feature: Feature) -> None:
    assert await peer(rig).cells[feature]()
