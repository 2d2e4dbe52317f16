"""The far end of the fault tests: the shipped test phone in this process, and the daemons that call it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.append(str(Path(__file__).parents[1] / "wire"))

from daemon import Customer, Home, Tables, environment
from ports import media_ports

from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import TaskState
from dialer.sip.config import EndpointConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg
from dialer.testing.personas import Behaviour, Persona
from dialer.testing.phone import CustomerPhone


class FarEnd:
    """Customers ``C1``, ``C2``, ... with one behaviour each, and a home whose trunk leads to them."""

    def __init__(self, home: Path, behaviours: tuple[Behaviour, ...]) -> None:
        self.customers = [Customer(f"C{n}", f"1380000050{n}") for n in range(1, len(behaviours) + 1)]
        personas = {
            one.number: Persona(
                one.policy_no, one.number, one.name, "男", "", 0, "", (behaviour,), (), TaskState.OPEN
            )
            for one, behaviour in zip(self.customers, behaviours, strict=True)
        }
        self._phone = CustomerPhone(personas)
        self.over: Counter[str] = Counter()
        """Calls that have ended at the phone, by the number called."""
        self._folder = home

    @property
    def invites(self) -> Counter[str]:
        """INVITEs by policy number."""
        return self._phone.calls

    async def start(self, stack: AsyncExitStack, tables: Tables) -> Home:
        low, high = media_ports()
        plane = ProcessMediaPlane(MediaConfig(port_low=low, port_high=high))
        await plane.start()
        stack.push_async_callback(plane.close)
        endpoint = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=plane, on_invite=self._take)
        await endpoint.start()
        stack.push_async_callback(endpoint.close)
        home = Home.make(self._folder, endpoint.local[1], tables)
        stack.callback(home.stop)
        await home.add(self.customers)
        return home

    async def _take(self, leg: IncomingLeg) -> None:
        await self._phone.take(leg)
        self.over[leg.called] += 1


MakeFarEnd = Callable[..., Awaitable[tuple[FarEnd, Home]]]


@pytest_asyncio.fixture
async def make_far_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeFarEnd]:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:

        async def make(*behaviours: Behaviour, **tables: dict[str, object]) -> tuple[FarEnd, Home]:
            far_end = FarEnd(tmp_path / "home", behaviours)
            return far_end, await far_end.start(stack, tables)

        yield make
