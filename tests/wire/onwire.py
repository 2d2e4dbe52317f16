"""What passes over loopback: when each RTP packet of a call left by the kernel's stamps, and its loudness.

Needs the right to open a packet socket (root). The kernel hands over packets of these ports only.
"""

from __future__ import annotations

import select
import threading
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from dialer.media.g711 import PCMA, decode
from dialer.testing.onwire import DESTINATION, SOURCE, packet_socket, stamp

_LOUD = 1000


@dataclass(frozen=True)
class Packet:
    at: float
    """Seconds of the real-time clock."""
    ours: bool
    """It left the dialler."""
    loud: bool


class Wiretap:
    """A-law RTP from and to these ports of the dialler's, for as long as it is open."""

    def __init__(self, low: int, high: int) -> None:
        self._sockets = {
            packet_socket(SOURCE, low, high): True, packet_socket(DESTINATION, low, high): False
        }  # fmt: skip
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
                loud = bool(np.abs(decode(packet[12:], PCMA)).max() > _LOUD)
                self.packets.append(Packet(stamp(ancillary), self._sockets[one], loud))
