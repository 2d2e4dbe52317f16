"""Run the matrix: ``python -m tests.interop [--lang en] [PEER..]``.

Exit status 0: every cell passed, doesn't exist at that peer by its own documentation, or fails for a reason
in ``reasons.py``. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.interop.matrix import Feature, Matrix, Outcome, Result
from tests.interop.reasons import KNOWN, LACKING
from tests.interop.rig import Rig, Unavailable

CELL_S = 60.0
SLOW_CELL_S = 110.0
WHOLE_S = 340.0
AT_ONCE = 3


def peers() -> list[type[Any]]:
    from tests.interop.with_asterisk import AsteriskPbx, AsteriskTrunk
    from tests.interop.with_baresip import Baresip
    from tests.interop.with_kamailio import Kamailio
    from tests.interop.with_pjsua2 import Pjsua2
    from tests.interop.with_sipp import Sipp

    return [AsteriskTrunk, AsteriskPbx, Pjsua2, Sipp, Baresip, Kamailio]


async def run_cell(
    matrix: Matrix, peer: str, feature: Feature, cell: Callable[[], Awaitable[str]], limit_s: float
) -> None:
    """One cell; whatever goes wrong in it is its own failure."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            outcome = Outcome(Result.PASS, await cell())
    except Exception as error:  # noqa: BLE001 - any fault is this cell's result
        outcome = Outcome(Result.FAIL, f"{type(error).__name__}: {error}")
    outcome.seconds = time.monotonic() - began
    matrix.outcomes[peer, feature] = outcome
    first = outcome.detail.splitlines()[0] if outcome.detail else ""
    print(f"{outcome.result.value:5} {peer} / {feature.value} ({outcome.seconds:.1f} s): {first}", flush=True)


async def run_peer(matrix: Matrix, kind: type[Any], rig: Rig, wanted: set[str]) -> None:
    peer = kind(rig)
    try:
        matrix.versions[peer.name] = await peer.version()
        await peer.start()
    except (Unavailable, AssertionError, OSError) as error:
        matrix.versions.setdefault(peer.name, "")
        matrix.unavailable[peer.name] = str(error).splitlines()[0]
        print(f"fail  {peer.name}: not available: {error}", flush=True)
        for feature in Feature:
            lacking = (peer.name, feature) in LACKING
            result = Result.NOT_THERE if lacking else Result.FAIL
            matrix.outcomes[peer.name, feature] = Outcome(result, "the peer is not available")
        await peer.stop()
        return
    cells = {f: cell for f, cell in peer.cells.items() if not wanted or f.value in wanted}
    try:
        slow = [
            asyncio.create_task(run_cell(matrix, peer.name, f, cells.pop(f), SLOW_CELL_S))
            for f in peer.slow
            if f in cells
        ]
        for feature, cell in cells.items():
            await run_cell(matrix, peer.name, feature, cell, CELL_S)
        await asyncio.gather(*slow)
    finally:
        await peer.stop()
    for feature in Feature:
        if (peer.name, feature) in LACKING:
            matrix.outcomes[peer.name, feature] = Outcome(Result.NOT_THERE, LACKING[peer.name, feature])
        elif (peer.name, feature) not in matrix.outcomes and not wanted:
            matrix.outcomes[peer.name, feature] = Outcome(Result.FAIL, "no cell was run")


async def run(matrix: Matrix, folder: Path, names: list[str], wanted: set[str]) -> None:
    rig = Rig(folder)
    await rig.start()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(kind: type[Any]) -> None:
        async with at_once:
            await run_peer(matrix, kind, rig, wanted)

    kinds = [kind for kind in peers() if not names or kind.name in names]
    for kind in kinds:
        matrix.versions[kind.name] = ""
    try:
        async with asyncio.timeout(WHOLE_S):
            await asyncio.gather(*(one(kind) for kind in kinds))
    except TimeoutError:
        matrix.unavailable["the whole run"] = f"not over within {WHOLE_S:.0f} s"
    finally:
        await rig.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.interop", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("peers", nargs="*", help="only these, by name")
    parser.add_argument("--feature", action="append", default=[], choices=[f.value for f in Feature])
    parser.add_argument("--lang", choices=["zh", "en"], default="zh")
    parser.add_argument("--keep", type=Path, help="keep logs and recordings in this folder")
    options = parser.parse_args()
    began = time.monotonic()
    matrix = Matrix(LACKING, KNOWN)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="interop-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(run(matrix, folder, options.peers, set(options.feature)))
    finally:
        if options.keep is None:
            with suppress(OSError):
                shutil.rmtree(folder)
    print()
    print(matrix.table(options.lang))
    print()
    for name, version in matrix.versions.items():
        print(f"{name}: {version}")
    for (peer, feature), outcome in matrix.outcomes.items():
        if outcome.result is Result.NOT_THERE:
            print(f"n/a   {peer} / {feature.value}: {outcome.detail}")
        elif outcome.result is Result.FAIL and (peer, feature) in KNOWN:
            print(f"fail  {peer} / {feature.value}: {KNOWN[peer, feature]}")
    for fault in matrix.faults():
        print(f"FAULT {fault}")
    print(matrix.json(time.monotonic() - began))
    return 1 if matrix.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
