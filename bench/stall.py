"""``make bench-stall``: the control loop blocked 200 ms every second, and what of it is seen on the wire."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import measure, ours
from bench.calls import CALLEE_PORT
from bench.talker import ROOT, start_callees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stall-ms", type=int, default=200)
    parser.add_argument("--chroot", type=Path, default=ROOT / "build/asterisk")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found = []
    for stall_ms in (0, options.stall_ms):
        callees = start_callees(options.folder, options.chroot, CALLEE_PORT)
        try:
            found.append(ours.hold_calls(options.folder, callees, options.calls, options.seconds, stall_ms))
        finally:
            callees.stop()
    free, stalled = found
    rows: list[tuple[object, ...]] = [
        ("late on the wire", "loop free", f"blocked {options.stall_ms} ms a second")
    ]
    for key in ("p50_ms", "p99_ms", "p999_ms", "max_ms"):
        rows.append((key, f"{free.wire[key]:.2f}", f"{stalled.wire[key]:.2f}"))
    rows.append(("packets", free.wire["packets"], stalled.wire["packets"]))
    rows.append(("gaps", free.wire["gaps"], stalled.wire["gaps"]))
    measure.print_table(rows)
    measure.print_json({
        "calls": stalled.calls,
        "late_p50_ms": stalled.wire["p50_ms"],
        "late_p99_ms": stalled.wire["p99_ms"],
        "late_p99_ms_free": free.wire["p99_ms"],
        "late_p99_ms_change": stalled.wire["p99_ms"] - free.wire["p99_ms"],
        "lost": sum(int(m.report.lost + m.wire["gaps"] + m.drops) for m in found),
    })  # fmt: skip


if __name__ == "__main__":
    main()
