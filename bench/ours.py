"""Our own processes, measured while they hold calls: what the benches of calls and of stalls share."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import measure
from bench.caller import Job, Report
from bench.talker import Callees, prompt
from bench.wire import Watcher
from dialer.media.g711 import decode

RTP_LOW, RTP_SPAN = 20000, 9999
WATCHED = 50
"""Calls whose packets are looked at on the wire."""
START_S = 120


@dataclass
class Measured:
    report: Report
    calls: int
    seconds: float
    core_s: float
    control_s: float
    far_end_s: float
    stolen_s: float
    machine: float
    """Cores that were busy, of all, whatever with."""
    rss_mb: float
    pss_mb: float
    processes: int
    drops: int
    wire: dict[str, float]
    bad_recordings: list[str]

    @property
    def percent_per_call(self) -> float:
        return 100 * self.core_s / self.seconds / max(1, self.calls)


def write_prompt(folder: Path) -> Path:
    path = folder / "prompt.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(prompt().tobytes())
    return path


def hold_calls(
    folder: Path, callees: Callees, calls: int, seconds: float, stall_ms: int = 0,
    media: dict[str, object] | None = None, record: bool = True, listen: bool = True,
) -> Measured:  # fmt: skip
    """Place the calls, measure for ``seconds`` once all stand, end them, look at the recordings."""
    folder = folder / "recordings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = Job(
        calls,
        str(folder),
        str(write_prompt(folder)),
        callees.port,
        RTP_LOW,
        stall_ms,
        media or {},
        record=record,
        listen=listen,
    )
    watcher = Watcher(RTP_LOW, RTP_LOW + 2 * WATCHED - 1)
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.caller"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(dataclasses.asdict(job)) + "\n")
        child.stdin.flush()
        said = child.stdout.readline().split()
        if said[:1] != ["up"]:
            raise SystemExit("the caller failed, see above")
        time.sleep(2)
        pids = measure.family(child.pid)
        far_end, stolen = measure.cpu_s([callees.process.pid]), measure.stolen_s()
        busy = measure.busy_s()
        drops = measure.udp_drops(RTP_LOW, RTP_LOW + RTP_SPAN)
        before, start, wall = measure.cpu_s(pids), time.monotonic(), time.time()
        control = measure.cpu_s([child.pid])
        time.sleep(seconds)
        after, length = measure.cpu_s(pids), time.monotonic() - start
        control = measure.cpu_s([child.pid]) - control
        far_end = measure.cpu_s([callees.process.pid]) - far_end
        stolen = measure.stolen_s() - stolen
        machine = (measure.busy_s() - busy) / length
        drops = measure.udp_drops(RTP_LOW, RTP_LOW + RTP_SPAN) - drops
        rss, pss = measure.memory_mb(pids)
        wire = watcher.result(wall, wall + length)
        rest, _ = child.communicate("end\n", timeout=120)
        report = Report(**json.loads(rest.splitlines()[-1]))
    finally:
        for process in (watcher, child):
            if isinstance(process, Watcher):
                process.stop()
            elif process.poll() is None:
                process.kill()
                process.wait()
    bad = [fault for path, held in report.recordings if (fault := look_at(Path(path), held))]
    shutil.rmtree(folder)
    return Measured(
        report, int(said[1]), length, after - before, control, far_end, stolen, machine,
        rss, pss, len(pids), drops, wire, bad,
    )  # fmt: skip


def look_at(path: Path, held_s: float) -> str:
    """What is wrong with a recording: its length, or a side without sound; empty where it is right."""
    data = path.read_bytes()
    audio = data[58:]
    length_s = len(audio) / 16000
    if int.from_bytes(data[54:58], "little") != len(audio):
        return f"{path.name}: the header doesn't say its size"
    if abs(length_s - held_s) > 0.5:
        return f"{path.name}: {length_s:.2f} s where {held_s:.2f} s were held"
    for side, name, share in ((0, "sent", 0.8), (1, "received", 0.25)):
        pcm = decode(audio[side::2], "PCMA")
        frames = np.abs(pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.int32)).max(1)
        if np.mean(frames > 500) < share:
            return f"{path.name}: only {np.mean(frames > 500):.0%} of the {name} side has sound"
    return ""
