"""Watches RTP on the loopback interface: when each packet of some streams left, by the kernel's stamps.

A process of its own: ``python -m bench.wire LOW HIGH``, source ports LOW..HIGH. A packet socket with a
filter in the kernel hands it the first bytes of those packets; it wakes ten times a second to read them.
It says ``ready``; at a line ``START END`` on stdin (seconds of the real-time clock) it prints one JSON
object and leaves.

Lateness of a packet: how much later it left than its RTP timestamp says, beside the earliest packet of the
same stream in the window.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

from bench.measure import percentile
from dialer.testing.onwire import SOURCE, packet_socket, stamp

_SNAP = 60


def watch(low: int, high: int) -> None:
    sock = packet_socket(SOURCE, low, high, rtp_only=True, snap=_SNAP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.setblocking(False)
    print("ready", flush=True)
    streams: dict[int, list[tuple[float, int, int]]] = {}
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        _drain(sock, streams)
    start, end = map(float, sys.stdin.readline().split())
    _drain(sock, streams)
    print(json.dumps(summary(streams, start, end)), flush=True)


def _drain(sock: socket.socket, streams: dict[int, list[tuple[float, int, int]]]) -> None:
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(_SNAP, 64)
        except BlockingIOError:
            return
        if len(data) < 40 or not ancillary:
            continue
        (port,) = struct.unpack_from("!H", data, 20)
        sequence, timestamp = struct.unpack_from("!HI", data, 30)
        streams.setdefault(port, []).append((stamp(ancillary), sequence, timestamp))


def summary(streams: dict[int, list[tuple[float, int, int]]], start: float, end: float) -> dict[str, object]:
    late: list[float] = []
    gaps = count = 0
    for packets in streams.values():
        inside = [packet for packet in packets if start <= packet[0] <= end]
        if len(inside) < 2:
            continue
        count += 1
        offsets, unwrapped = [], inside[0][2]
        for index, (at, sequence, timestamp) in enumerate(inside):
            if index:
                gaps += max(0, ((sequence - inside[index - 1][1]) & 0xFFFF) - 1)
            unwrapped += (timestamp - unwrapped + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            offsets.append(at - unwrapped / 8000)
        first = min(offsets)
        late += [(offset - first) * 1000 for offset in offsets]
    late.sort()
    return {
        "streams": count, "packets": len(late), "gaps": gaps,
        "p50_ms": percentile(late, 0.5), "p99_ms": percentile(late, 0.99),
        "p999_ms": percentile(late, 0.999), "max_ms": late[-1] if late else 0.0,
    }  # fmt: skip


class Watcher:
    """The process, from outside."""

    def __init__(self, low: int, high: int) -> None:
        command = [sys.executable, "-m", "bench.wire", str(low), str(high)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the wire can't be watched: a packet socket needs root")

    def result(self, start: float, end: float) -> dict[str, float]:
        said, _ = self._process.communicate(f"{start} {end}\n", timeout=60)
        found: dict[str, float] = json.loads(said)
        return found

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def main(argv: Sequence[str]) -> None:
    watch(int(argv[1]), int(argv[2]))


if __name__ == "__main__":
    main(sys.argv)
