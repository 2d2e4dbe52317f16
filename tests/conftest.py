"""Settings of every test: the same examples each run, unless HYPOTHESIS_PROFILE=explore looks for new ones;
how the tests are spread over several workers."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from dialer.store import SqlStore
from dialer.testing.postgres import PrivatePostgres, find_programs

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ON_ONE_WORKER = {
    "test_wire_answers.py", "test_wire_daemon_sipp.py", "test_wire_progress.py", "test_wire_rehearsal.py"
}  # fmt: skip
"""Files whose tests share one costly fixture."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: no worker should start one when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """With ``--dist loadgroup``: a file of ON_ONE_WORKER is one unit of work, else each test is.

    xdist 3.8 marks its groups in ``Item._nodeid``, which pytest 9.2 doesn't read any more.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return file if Path(file).name in ON_ONE_WORKER else nodeid

    return ByUnit(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A server for this worker's tests, with a database ``migrated`` to copy."""
    if find_programs() is None:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql", pytrace=False)
    server = PrivatePostgres(durable=False)
    try:
        server.start()

        async def migrate() -> None:
            await (await SqlStore.open(server.make("migrated"))).close()

        with ThreadPoolExecutor(1) as thread:  # this fixture may be asked for inside a loop
            thread.submit(lambda: asyncio.run(migrate())).result()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def new_postgres(postgres: PrivatePostgres, _numbers: Iterator[int]) -> Callable[[], str]:
    """Each call: the URL of another empty database with the tables in it."""
    return lambda: postgres.make(f"test{next(_numbers)}", "migrated")


@pytest.fixture
def postgres_url(new_postgres: Callable[[], str]) -> str:
    return new_postgres()
