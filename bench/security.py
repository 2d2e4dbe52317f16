"""``make bench-srtp N=100``: what SRTP and RTCP cost a call, beside the same calls without them.

Two media planes talk to each other: a prompt in a loop both ways, recorded and listened to on one side.
Only that side's processes are measured. The kinds take turns, so that a slower minute of the machine meets
all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
from dataclasses import replace
from pathlib import Path

from bench import measure
from bench.ours import write_prompt
from bench.talker import ROOT
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import RtpStats
from dialer.ports import ListenSpec, RemoteMedia, Srtp, SrtpKeys

LOW, SPAN = 20000, 9999
KINDS: dict[str, tuple[bool, Srtp | None]] = {
    "plain": (False, None),
    "rtcp": (True, None),
    "srtp_80": (True, Srtp.AES_CM_128_HMAC_SHA1_80),
    "srtp_32": (True, Srtp.AES_CM_128_HMAC_SHA1_32),
}


async def hold(kind: str, calls: int, seconds: float, folder: Path) -> tuple[float, RtpStats]:
    """Percent of a core per call, and the sum of the streams' counts."""
    reports, suite = KINDS[kind]
    folder = folder / "recordings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prompt = write_prompt(folder)
    ours = ProcessMediaPlane(MediaConfig(port_low=LOW, port_high=LOW + SPAN, rtcp=reports))
    theirs = ProcessMediaPlane(MediaConfig(port_low=LOW + 10000, port_high=LOW + 10000 + SPAN, rtcp=reports))
    before_start = set(measure.family(os.getpid()))
    await ours.start()
    pids = [pid for pid in measure.family(os.getpid()) if pid not in before_start]
    await theirs.start()
    mine = [await ours.open(lambda event: None) for _ in range(calls)]
    far = [await theirs.open(lambda event: None) for _ in range(calls)]
    for number, (here, there) in enumerate(zip(mine, far, strict=True)):
        keys = None if suite is None else SrtpKeys(suite, os.urandom(30), os.urandom(30))
        back = None if keys is None else replace(keys, send=keys.receive, receive=keys.send)
        for stream, peer, key in ((here, there, keys), (there, here, back)):
            host, port = peer.local
            await stream.connect(RemoteMedia(host, port, "PCMA", 8, 101, srtp=key, rtcp_port=port + 1))
        await here.record(folder / f"{number}.wav")
        await here.listen(ListenSpec())
        await here.play([prompt], 1, loop=True)
        await there.play([prompt], 1, loop=True)
    await asyncio.sleep(4)
    before = measure.cpu_s(pids)
    start = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    used = measure.cpu_s(pids) - before
    length = asyncio.get_running_loop().time() - start
    found = [await stream.close() for stream in mine]
    await ours.close()
    await theirs.close()
    shutil.rmtree(folder)
    total = RtpStats(
        received=sum(one.received for one in found),
        lost=sum(one.lost for one in found),
        unauthentic=sum(one.unauthentic for one in found),
        jitter_ms=max(one.jitter_ms for one in found),
        remote_lost=sum(one.remote_lost is not None for one in found),
    )
    return 100 * used / length / calls, total


async def run(calls: int, seconds: float, rounds: int, folder: Path) -> None:
    costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
    counts: dict[str, RtpStats] = {}
    for _ in range(rounds):
        for kind in KINDS:
            cost, counts[kind] = await hold(kind, calls, seconds, folder)
            costs[kind].append(cost)
    middle = {kind: statistics.median(found) for kind, found in costs.items()}
    rows: list[tuple[object, ...]] = [("", "% of a core per call", "more than plain", "lost", "reported on")]
    for kind, cost in middle.items():
        count = counts[kind]
        rows.append((kind, f"{cost:.4f}", f"{cost - middle['plain']:+.4f}", count.lost, count.remote_lost))
    measure.print_table(rows)
    measure.print_json({
        "calls": calls,
        **{f"{kind}_core_percent_per_call": cost for kind, cost in middle.items()},
        "lost": sum(count.lost for count in counts.values()),
        "unauthentic": sum(count.unauthentic for count in counts.values()),
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    options = parser.parse_args()
    asyncio.run(run(options.calls, options.seconds, options.rounds, options.folder))


if __name__ == "__main__":
    main()
