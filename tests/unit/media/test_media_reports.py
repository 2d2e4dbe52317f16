from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from dialer.media import rtcp
from dialer.media.reports import Jitter, Reception, RtcpSession, Sent, interval_s, new_cname


def session(ssrc: int = 1, now: float = 100.0, minimum_s: float = 5.0, chance: float = 0.5) -> RtcpSession:
    return RtcpSession(ssrc, "name", minimum_s, lambda: chance, now)


def read(data: bytes) -> rtcp.Compound:
    found = rtcp.parse(data)
    assert found is not None
    return found


def sent(packets: int) -> Sent:
    return Sent(packets * 160, packets, packets * 160)


class TestInterval:
    def test_first_report_comes_after_half_the_time(self) -> None:
        assert abs(session(chance=0.5).next_at - 100 - 2.5 / 1.21828) < 1e-6

    @given(st.floats(0, 0.999), st.floats(40, 300), st.booleans(), st.integers(0, 2))
    def test_between_half_and_one_and_a_half_of_the_minimum(
        self, chance: float, size: float, we_sent: bool, senders: int
    ) -> None:
        wait = interval_s(5.0, senders, we_sent, size, False, chance)
        assert 2.5 / 1.21828 <= wait <= 7.5 / 1.21828

    def test_reports_never_take_more_than_their_share_of_the_bandwidth(self) -> None:
        """RFC 3550 6.2: 5 % of 64 kbit/s for both members."""
        mean = sum(interval_s(0.001, 2, True, 130, False, i / 100) for i in range(100)) / 100
        assert 130 / mean <= 400 / 2 * 1.3

    def test_reports_of_many_calls_do_not_come_together(self) -> None:
        chance = random.Random(1).random
        at = sorted(RtcpSession(i, "n", 5.0, chance, 0.0).next_at for i in range(500))
        assert at[-1] - at[0] > 1.9
        assert max(sum(start <= t < start + 0.1 for t in at) for start in at) < 60


class TestReportsOfOurs:
    def test_who_sent_nothing_is_a_receiver(self) -> None:
        ours = session()
        found = read(ours.report(103.0, sent(0), None))
        assert (found.ssrc, found.sender, found.blocks, found.cname) == (1, None, (), "name")

    def test_who_sent_tells_how_much_and_what_time_it_was(self) -> None:
        ours = session()
        found = read(ours.report(103.5, sent(150), None))
        assert found.sender == rtcp.SenderInfo(int(103.5 * 2**32), 24_000, 150, 24_000)

    def test_a_sender_on_hold_is_a_receiver_after_two_reports(self) -> None:
        ours = session()
        kinds = [read(ours.report(100.0 + 5 * i, sent(10), None)).sender is not None for i in range(4)]
        assert kinds == [True, True, False, False]

    def test_loss_is_told_for_the_time_since_the_report_before_and_in_all(self) -> None:
        ours = session()
        first = read(ours.report(103.0, sent(1), Reception(9, 100, 100, 75, 40.0))).blocks[0]
        assert (first.ssrc, first.fraction_lost, first.lost, first.highest, first.jitter) == (
            9,
            64,
            25,
            100,
            40,
        )
        second = read(ours.report(108.0, sent(2), Reception(9, 200, 200, 175, 8.9))).blocks[0]
        assert (second.fraction_lost, second.lost, second.jitter) == (0, 25, 8)
        third = read(ours.report(113.0, sent(3), Reception(9, 300, 300, 225, 8.0))).blocks[0]
        assert (third.fraction_lost, third.lost) == (128, 75)

    def test_another_source_is_counted_from_its_beginning(self) -> None:
        ours = session()
        ours.report(103.0, sent(1), Reception(9, 100, 100, 50, 0.0))
        block = read(ours.report(108.0, sent(2), Reception(10, 200, 200, 200, 0.0))).blocks[0]
        assert (block.ssrc, block.fraction_lost, block.lost) == (10, 0, 0)

    def test_a_source_that_fell_silent_is_not_reported(self) -> None:
        ours = session()
        ours.report(103.0, sent(1), Reception(9, 100, 100, 100, 0.0))
        assert read(ours.report(108.0, sent(2), Reception(9, 100, 100, 100, 0.0))).blocks == ()

    def test_the_end_is_said(self) -> None:
        found = read(session().farewell(110.0, sent(500), Reception(9, 400, 400, 399, 0.0)))
        assert found.left == (1,)
        assert found.sender is not None
        assert found.blocks[0].lost == 1


class TestReportsOfTheFarEnd:
    def test_two_ends_learn_loss_jitter_and_round_trip(self) -> None:
        ours, theirs = session(1, now=1000.0), session(2, now=5.0)
        report = ours.report(1003.0, sent(150), None)
        theirs.receive(report, 8.020)
        answer = theirs.report(10.0, sent(100), Reception(1, 150, 150, 147, 16.0))
        assert ours.receive(answer, 1005.020 + 0.000)
        assert (ours.remote_lost, ours.remote_jitter_ms) == (3, 2.0)
        assert ours.round_trip_ms is not None
        assert abs(ours.round_trip_ms - 40.0) < 0.2
        back = ours.report(1008.0, sent(300), Reception(2, 100, 100, 100, 0.0))
        assert theirs.receive(back, 13.0)
        assert theirs.round_trip_ms is not None
        assert abs(theirs.round_trip_ms - 20.0) < 0.2

    def test_nobody_said_anything(self) -> None:
        ours = session()
        assert (ours.remote_lost, ours.remote_jitter_ms, ours.round_trip_ms) == (None, None, None)

    def test_a_round_trip_is_told_only_by_a_report_that_we_sent(self) -> None:
        ours = session()
        ours.report(103.0, sent(1), None)
        made_up = rtcp.ReportBlock(1, 0, 0, 0, 0, 0x12345678, 0)
        assert ours.receive(rtcp.build(2, None, [made_up], "x"), 104.0)
        assert ours.round_trip_ms is None

    def test_an_impossible_delay_tells_nothing(self) -> None:
        ours = session()
        ours.report(103.0, sent(1), None)
        mid = int(103.0 * 2**32) >> 16 & 0xFFFFFFFF
        assert ours.receive(
            rtcp.build(2, None, [rtcp.ReportBlock(1, 0, 0, 0, 0, mid, 65536 * 9)], "x"), 104.0
        )
        assert ours.round_trip_ms is None

    def test_our_own_reports_come_back_are_no_report(self) -> None:
        ours = session()
        assert not ours.receive(ours.report(103.0, sent(1), Reception(1, 5, 5, 2, 0.0)), 103.1)
        assert ours.remote_lost is None
        assert ours.last_heard == float("-inf")

    def test_a_report_on_somebody_else_is_not_ours(self) -> None:
        ours = session()
        assert ours.receive(rtcp.build(2, None, [rtcp.ReportBlock(77, 9, 9, 9, 9, 9, 9)], "x"), 1.0)
        assert ours.remote_lost is None

    def test_goodbye(self) -> None:
        ours = session()
        ours.receive(rtcp.build(2, None, [], "x", bye=True), 1.0)
        assert ours.remote_left

    @given(st.binary(max_size=200), st.floats(0, 1e6))
    def test_garbage_raises_nothing(self, data: bytes, now: float) -> None:
        ours = session()
        ours.receive(data, now)
        ours.receive(rtcp.build(5, None, [], "n")[:8] + data, now)
        ours.report(now, sent(1), Reception(5, 1, 1, 1, 0.0))


class TestJitter:
    def test_a_steady_stream_has_none(self) -> None:
        jitter = Jitter()
        for n in range(100):
            jitter.take(n * 160, 5000 + n * 160)
        assert jitter.value == 0

    def test_is_that_of_rfc_3550(self) -> None:
        """Every second packet 10 ms late: |D| is 80 samples each time, J grows towards it."""
        jitter = Jitter()
        for n in range(500):
            jitter.take(n * 160, n * 160 + 80 * (n % 2))
        assert 79 < jitter.value <= 80

    def test_the_turn_of_the_timestamp_is_no_jitter(self) -> None:
        jitter = Jitter()
        for n in range(10):
            jitter.take((0xFFFFFFFF - 800 + n * 160) & 0xFFFFFFFF, n * 160)
        assert jitter.value == 0

    def test_a_jump_or_a_new_source_is_no_jitter(self) -> None:
        jitter = Jitter()
        jitter.take(0, 0)
        jitter.take(5_000_000, 160)
        jitter.reset()
        jitter.take(77, 320)
        assert jitter.value == 0


def test_names_are_short_plain_and_unlike_each_other() -> None:
    assert len(new_cname(bytes(range(12)))) == 16
    assert new_cname(bytes(12)) != new_cname(bytes(11) + b"\x01")
    assert new_cname(bytes(range(200, 220))).isascii()
