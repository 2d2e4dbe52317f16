from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from media_peer import Peer

from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[ProcessMediaPlane]:
    plane = ProcessMediaPlane(MediaConfig(port_low=41000, port_high=41199, port_rest_s=0.5))
    await plane.start()
    yield plane
    await plane.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def other_peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()
