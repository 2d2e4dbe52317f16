"""Watches RTP on the loopback interface: when each packet of some streams left, by the kernel's stamps.

A process of its own: ``python -m bench.wire LOW HIGH``, source ports LOW..HIGH. A packet socket with a
filter in the kernel hands it the first bytes of those packets; it wakes ten times a second to read them.
It says ``ready``; at a line ``START END`` on stdin (seconds of the real-time clock) it prints one JSON
object and leaves.

Lateness of a packet: how much later it left than its RTP timestamp says, beside the earliest packet of the
same stream in the window.
"""

from __future__ import annotations

import ctypes
import json
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

from bench.measure import percentile

_SO_ATTACH_FILTER = 26
_SO_TIMESTAMPNS = 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_IP = 0x0800
_SNAP = 60


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction)))


def _attach(sock: socket.socket, low: int, high: int) -> None:
    """Pass UDP over IPv4 without options whose source port is even, low..high (classic BPF)."""
    wanted = (
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 6, socket.IPPROTO_UDP),
        (0x28, 0, 0, 20),  # A = source port
        (0x35, 0, 4, low),
        (0x25, 3, 0, high),
        (0x45, 2, 0, 1),  # odd: RTCP
        (0x06, 0, 0, _SNAP),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0),
    )
    code = (_Instruction * len(wanted))(*(_Instruction(*one) for one in wanted))
    program = _Program(len(code), code)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


def watch(low: int, high: int) -> None:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
    _attach(sock, low, high)
    # Each packet passes the interface twice, out and in: its sender needn't pay for being looked at twice.
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.bind(("lo", _ETH_P_IP))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
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
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
        (port,) = struct.unpack_from("!H", data, 20)
        sequence, timestamp = struct.unpack_from("!HI", data, 30)
        streams.setdefault(port, []).append((seconds + nanoseconds / 1e9, sequence, timestamp))


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
