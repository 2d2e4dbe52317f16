"""Settings of every test: the same examples each run, unless HYPOTHESIS_PROFILE=explore looks for new ones;
how the tests are spread over several workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ON_ONE_WORKER = {"test_wire_daemon_sipp.py"}
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
