"""What passes over loopback: when each RTP packet of a call left by the kernel's stamps, and its loudness.

Needs the right to open a packet socket (root). The kernel hands over packets of these ports only.
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from dialer.media.g711 import PCMA, decode

_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_IP = 0x0800
_SOURCE, _DESTINATION = 20, 22
"""Of the UDP port, behind an IPv4 header without options."""
_LOUD = 1000


@dataclass(frozen=True)
class Packet:
    at: float
    """Seconds of the real-time clock."""
    ours: bool
    """It left the dialler."""
    loud: bool


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction)))


def _socket(at: int, low: int, high: int) -> socket.socket:
    """UDP over IPv4 whose port at this offset is low..high (classic BPF)."""
    wanted = (
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 4, socket.IPPROTO_UDP),
        (0x28, 0, 0, at),  # A = port
        (0x35, 0, 2, low),
        (0x25, 1, 0, high),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
    code = (_Instruction * len(wanted))(*(_Instruction(*one) for one in wanted))
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(_Program(len(code), code)))
    made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)  # each passes loopback twice, out and in
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.bind(("lo", _ETH_P_IP))
    return made


class Wiretap:
    """A-law RTP from and to these ports of the dialler's, for as long as it is open."""

    def __init__(self, low: int, high: int) -> None:
        self._sockets = {_socket(_SOURCE, low, high): True, _socket(_DESTINATION, low, high): False}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.packets: list[Packet] = []
        """In the order in which they passed; grows while it is open."""

    def __enter__(self) -> Wiretap:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()

    def loud(self, *, ours: bool, after: float = 0.0) -> list[float]:
        """When sounding packets of one side passed."""
        return [one.at for one in self.packets if one.loud and one.ours is ours and one.at > after]

    def _listen(self) -> None:
        while not self._over.is_set():
            for one in select.select(list(self._sockets), [], [], 0.1)[0]:
                data, ancillary, _, _ = one.recvmsg(2048, 64)
                packet = data[28:]
                if len(packet) < 13 or packet[0] >> 6 != 2 or packet[1] & 0x7F != 8:
                    continue
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
                loud = bool(np.abs(decode(packet[12:], PCMA)).max() > _LOUD)
                self.packets.append(Packet(seconds + nanoseconds / 1e9, self._sockets[one], loud))
