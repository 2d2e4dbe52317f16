"""Which UDP and TCP ports of loopback the tests' programs take: each pytest worker from ranges of its own.

Between a look and the program's start nobody else takes one, and no test hears another one's RTP. All lie
below what the kernel chooses from (32768 on).
"""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


@dataclass
class Ports:
    """This worker's part of a range, gone through again and again."""

    low: int
    high: int
    """Not one of them."""

    def __post_init__(self) -> None:
        share = (self.high - self.low) // max(_WORKERS, 4) // 2 * 2
        self.low += share * _WORKER
        self.high = self.low + share
        self._next = random.Random().randrange(self.low, self.high, 2)

    def take(self, width: int) -> int:
        """An even one that is free now, as are the ``width`` - 1 after it."""
        for _ in range(10_000):
            port = self._next if self._next + width <= self.high else self.low
            self._next = port + width + width % 2
            if all(map(_is_free, range(port, port + width))):
                return port
        raise AssertionError(f"no {width} free ports between {self.low} and {self.high}")


_PEERS, _MEDIA = Ports(10000, 19600), Ports(20000, 32600)
MEDIA_PORTS = 400


def free_ports(count: int = 1, width: int = 24) -> list[int]:
    """For peers; each with the ``width`` - 1 after it (SIPp takes RTP + 2, for video)."""
    return [_PEERS.take(width) for _ in range(count)]


def media_ports() -> tuple[int, int]:
    """The first and the last of one media plane's."""
    low = _MEDIA.take(MEDIA_PORTS)
    return low, low + MEDIA_PORTS - 2


def _is_free(port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
