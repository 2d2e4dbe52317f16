"""A look at the loopback interface: UDP packets of some ports, each with the kernel's stamp.

Needs the right to open a packet socket (root). The filter is the kernel's, so that others' packets cost
nothing.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

SOURCE, DESTINATION = 20, 22
"""Where the UDP port stands, behind an IPv4 header without options."""
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_IP = 0x0800


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction)))


def packet_socket(
    port: int, low: int, high: int, *, rtp_only: bool = False, snap: int = 0xFFFF
) -> socket.socket:
    """Packets whose ``port`` (SOURCE or DESTINATION) is ``low``..``high``, the first ``snap`` bytes of each.

    ``rtp_only``: even ports, not RTCP's odd ones. Read them with ``recvmsg`` and ``stamp``. Raises
    PermissionError.
    """
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
    wanted = _filter(port, low, high, rtp_only, snap)
    code = (_Instruction * len(wanted))(*(_Instruction(*one) for one in wanted))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(_Program(len(code), code)))
    made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)  # each passes loopback twice, out and in
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.bind(("lo", _ETH_P_IP))
    return made


def stamp(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """Seconds of the real-time clock at which the kernel saw it."""
    seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
    return float(seconds + nanoseconds / 1e9)


def _filter(port: int, low: int, high: int, rtp_only: bool, snap: int) -> list[tuple[int, int, int, int]]:
    """Classic BPF: each test but the first load jumps to the end where it fails."""
    odd = 1 if rtp_only else 0
    return [
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 4 + odd, socket.IPPROTO_UDP),
        (0x28, 0, 0, port),  # A = port
        (0x35, 0, 2 + odd, low),
        (0x25, 1 + odd, 0, high),
        *[(0x45, 1, 0, 1)] * odd,
        (0x06, 0, 0, snap),
        (0x06, 0, 0, 0),
    ]
