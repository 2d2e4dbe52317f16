from __future__ import annotations

from dialer.media.portpool import PortPool


def test_even_ports_each_once_oldest_first_after_their_rest() -> None:
    pool = PortPool(5001, 5007, rest_s=5.0)
    assert len(pool) == 3
    assert [pool.take(0.0) for _ in range(4)] == [5002, 5004, 5006, None]
    pool.give(5004, 10.0)
    pool.give(5002, 11.0)
    assert pool.take(14.9) is None
    assert pool.take(15.0) == 5004
    assert pool.take(15.0) is None
    assert pool.take(16.0) == 5002


def test_the_port_above_each_lies_within_the_range_too() -> None:
    assert len(PortPool(5000, 5004, rest_s=0.0)) == 2
    assert len(PortPool(5000, 5005, rest_s=0.0)) == 3
