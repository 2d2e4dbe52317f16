"""The look at the loopback interface sees the ports that it is told, and only those."""

from __future__ import annotations

import socket
import time

import pytest

from dialer.testing.onwire import DESTINATION, SOURCE, packet_socket, stamp

pytestmark = pytest.mark.wire
LOW, HIGH = 47120, 47123


@pytest.mark.parametrize(
    ("port", "rtp_only", "seen"),
    [
        (SOURCE, False, [LOW, LOW + 1, LOW + 2, HIGH]),
        (SOURCE, True, [LOW, LOW + 2]),
        (DESTINATION, False, []),
    ],
)
def test_it_sees_the_ports_that_it_is_told(port: int, rtp_only: bool, seen: list[int]) -> None:
    before = time.time()
    with packet_socket(port, LOW, HIGH, rtp_only=rtp_only, snap=30) as tap:
        tap.setblocking(False)
        for source in range(LOW - 1, HIGH + 2):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.bind(("127.0.0.1", source))
                one.sendto(bytes(40), ("127.0.0.1", 47200))
        found = []
        try:
            while True:
                data, ancillary, _, _ = tap.recvmsg(100, 64)
                assert len(data) == 30, "as much of each as was asked for"
                assert before - 1 < stamp(ancillary) < time.time() + 1
                found.append(int.from_bytes(data[20:22]))
        except BlockingIOError:
            pass
    assert found == seen
