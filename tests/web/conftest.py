from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web_home import Desk, open_desk, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with ThreadPoolExecutor(1) as thread:  # this fixture may be asked for inside a loop
        thread.submit(lambda: asyncio.run(prepare(folder))).result()
    return folder


@pytest.fixture
async def desk(prepared: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    folder = tmp_path / "home"
    shutil.copytree(prepared, folder)
    made = await open_desk(folder)
    yield made
    await made.house.exports.close()  # type: ignore[attr-defined]
    await made.store.close()
