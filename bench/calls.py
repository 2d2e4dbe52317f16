"""``make bench-calls N=500``: concurrent recorded calls, and Asterisk 22 on the same work beside them.

Each call: our SIP endpoint and trunk place it to a SIPp callee that talks; a prompt plays in a loop, both
sides are recorded, voice activity is listened for. The far end runs on the same machine.

Where Asterisk fills the machine with that many calls, its share of a core per call says what the machine
has, and not what a call takes: packets leave late or not at all. So it carries half as many then, and again
half, until a tenth of the machine is idle; the ratio is to that figure, and both are printed.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from bench import asterisk, measure, ours
from bench.talker import CHROOT_SCRIPT, ROOT, start_callees

CALLEE_PORT = 5170


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--no-peer", action="store_true", help="leave Asterisk out")
    parser.add_argument("--processes", type=int, help="media processes (media.processes)")
    parser.add_argument("--no-record", action="store_true", help="to see what recording costs")
    parser.add_argument("--no-listen", action="store_true", help="to see what listening costs")
    parser.add_argument("--chroot", type=Path, default=ROOT / "build/asterisk")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.no_peer:
        subprocess.run(["sh", str(CHROOT_SCRIPT), "install", str(options.chroot)], check=True)
    media: dict[str, object] = {} if options.processes is None else {"processes": options.processes}
    callees = start_callees(options.folder, options.chroot, CALLEE_PORT)
    try:
        found = ours.hold_calls(
            options.folder,
            callees,
            options.calls,
            options.seconds,
            media=media,
            record=not options.no_record,
            listen=not options.no_listen,
        )
    finally:
        callees.stop()
    peers: list[asterisk.Measured] = []
    calls = options.calls
    while not options.no_peer and calls and not (peers and peers[-1].has_room):
        callees = start_callees(options.folder, options.chroot, CALLEE_PORT)
        try:
            peers.append(
                asterisk.hold_calls(options.folder, options.chroot, CALLEE_PORT, calls, options.seconds)
            )
        finally:
            callees.stop()
        calls //= 2
    report(found, peers)


def column(peer: asterisk.Measured) -> dict[str, str]:
    return {
        "calls up": f"{peer.calls}",
        "measured, s": f"{peer.seconds:.0f}",
        "% of a core per call": f"{peer.percent_per_call:.4f}",
        "cores": f"{peer.core_s / peer.seconds:.3f}",
        "the whole machine, cores": f"{peer.machine:.3f}",
        "RSS, MB": f"{peer.rss_mb:.0f}",
        "late on the wire, ms: p50": f"{peer.wire['p50_ms']:.2f}",
        "  p99": f"{peer.wire['p99_ms']:.2f}",
        "  p99.9": f"{peer.wire['p999_ms']:.2f}",
        "  max": f"{peer.wire['max_ms']:.2f}",
        "  packets": f"{peer.wire['packets']}",
        "  of calls": f"{peer.wire['streams']}",
        "  gaps in what was sent": f"{peer.wire['gaps']}",
    }


def report(found: ours.Measured, peers: list[asterisk.Measured]) -> None:
    mine, wire = found.report, found.wire
    lost = mine.lost + int(wire["gaps"]) + found.drops
    right = len(mine.recordings) - len(found.bad_recordings)
    rows: list[tuple[str, object]] = [
        ("calls up", found.calls),
        ("measured, s", f"{found.seconds:.0f}"),
        ("% of a core per call", f"{found.percent_per_call:.4f}"),
        ("cores", f"{found.core_s / found.seconds:.3f}"),
        ("  of it the control process", f"{found.control_s / found.seconds:.3f}"),
        ("the whole machine, cores", f"{found.machine:.3f}"),
        ("RSS, MB", f"{found.rss_mb:.0f}"),
        ("PSS, MB", f"{found.pss_mb:.0f}"),
        ("processes", found.processes),
        ("late on the wire, ms: p50", f"{wire['p50_ms']:.2f}"),
        ("  p99", f"{wire['p99_ms']:.2f}"),
        ("  p99.9", f"{wire['p999_ms']:.2f}"),
        ("  max", f"{wire['max_ms']:.2f}"),
        ("  packets", wire["packets"]),
        ("  of calls", wire["streams"]),
        ("  gaps in what was sent", wire["gaps"]),
        ("sub-ticks over 5 ms late in the media process", f"{mine.pulse_late}/{mine.pulse_turns}"),
        ("  skipped", mine.pulse_skipped),
        ("  worst, ms", f"{mine.pulse_worst_ms:.1f}"),
        ("received", mine.received),
        ("  lost", mine.lost),
        ("  more than 200 ms late", mine.late),
        ("  out of order", mine.reordered),
        ("  foreign", mine.foreign),
        ("  dropped at our sockets", found.drops),
        ("utterances heard", mine.utterances),
        ("recordings right", f"{right}/{found.calls}"),
        ("far end, cores", f"{found.far_end_s / found.seconds:.3f}"),
        ("stolen by the hypervisor, cores", f"{found.stolen_s / found.seconds:.3f}"),
    ]
    columns = [column(peer) for peer in peers]
    table = [(name, value, *(theirs.get(name, "") for theirs in columns)) for name, value in rows]
    heads = [f"Asterisk 22{'' if peer.has_room else ', machine full'}" for peer in peers]
    measure.print_table([("", "dialer", *heads), *table])
    for fault in found.bad_recordings[:10]:
        print(fault)
    peer = peers[-1] if peers else None
    asterisk_percent = None if peer is None else peer.percent_per_call
    measure.print_json({
        "calls": found.calls,
        "seconds": round(found.seconds, 1),
        "core_percent_per_call": found.percent_per_call,
        "asterisk_calls": None if peer is None else peer.calls,
        "asterisk_core_percent_per_call": asterisk_percent,
        "asterisk_core_percent_per_call_machine_full": (
            None if len(peers) < 2 else peers[0].percent_per_call
        ),
        "ratio": None if not asterisk_percent else found.percent_per_call / asterisk_percent,
        "late_p50_ms": wire["p50_ms"],
        "late_p99_ms": wire["p99_ms"],
        "late_max_ms": wire["max_ms"],
        "lost": lost,
        "late": mine.late,
        "skipped": mine.pulse_skipped,
        "rss_mb": found.rss_mb,
        "pss_mb": found.pss_mb,
        "recordings_right": right,
    })  # fmt: skip


if __name__ == "__main__":
    main()
