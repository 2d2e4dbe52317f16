"""The RTCP side of one stream: when a report is due, what it says, what the far end's says. Free of I/O.

Times are loop time in seconds; NTP times are made of them, as RFC 3550 6.4.1 allows a sender without a
notion of the time of day. A call has two members, so the group rules of RFC 3550 6.3 (reconsideration, BYE
back-off) have nothing to decide and are left out.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dialer.media import rtcp
from dialer.media.g711 import SAMPLE_RATE

_BANDWIDTH: Final = 64_000 / 8 * 0.05
"""Octets per second for RTCP: 5 % of G.711's (RFC 3550 6.2)."""
_SENDER_SHARE: Final = 0.25
_COMPENSATION: Final = 1.21828
"""e - 3/2: randomised intervals would else come out too short (RFC 3550 6.3.1)."""
_IP_UDP: Final = 28
_CNAME_BYTES: Final = 12
"""96 bits, the least that RFC 7022 4.2 asks."""
_REPORTS_KEPT: Final = 4
_NO_TRANSIT: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Sent:
    """Our stream so far. ``timestamp``: RTP time of now."""

    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Reception:
    """The far end's stream, of its present source."""

    ssrc: int
    highest: int
    """Extended highest sequence number."""
    expected: int
    received: int
    jitter: float
    """In samples (RFC 3550 A.8)."""


class Jitter:
    """Interarrival jitter (RFC 3550 A.8) of audio packets, in samples.

    The leg's short way does ``take`` itself for a packet that follows on another.
    """

    __slots__ = ("transit", "value")

    def __init__(self) -> None:
        self.transit = _NO_TRANSIT
        """Arrival minus timestamp of the packet before."""
        self.value = 0.0

    def reset(self) -> None:
        """The source's timestamps begin anew."""
        self.transit = _NO_TRANSIT

    def take(self, timestamp: int, arrival: int) -> None:
        """``arrival`` in samples on our clock."""
        step = abs(arrival - timestamp - self.transit)
        self.transit = arrival - timestamp
        # A jump of the timestamps, or their turn at 2**32, is no jitter.
        if step < SAMPLE_RATE:
            self.value += (step - self.value) / 16


def new_cname(entropy: bytes) -> str:
    """A name for one stream that leads back to nobody (RFC 7022). ``entropy``: at least 12 random bytes."""
    return base64.b64encode(entropy[:_CNAME_BYTES]).decode("ascii")


def interval_s(
    minimum_s: float, senders: int, we_sent: bool, average_size: float, first: bool, chance: float
) -> float:
    """Time to the next report of one of two members (RFC 3550 A.7). ``chance``: uniform in [0, 1)."""
    members, bandwidth = 2, _BANDWIDTH
    if senders <= members * _SENDER_SHARE:
        bandwidth *= _SENDER_SHARE if we_sent else 1 - _SENDER_SHARE
        members = senders if we_sent else members - senders
    least = minimum_s / 2 if first else minimum_s
    return max(least, average_size * members / bandwidth) * (chance + 0.5) / _COMPENSATION


class RtcpSession:
    """``chance`` gives uniform numbers in [0, 1). ``next_at``: when ``report`` is due."""

    def __init__(
        self, ssrc: int, cname: str, minimum_s: float, chance: Callable[[], float], now: float
    ) -> None:
        self._ssrc, self._cname, self._minimum_s, self._chance = ssrc, cname, minimum_s, chance
        self._average = 128.0
        self._sent_before: deque[int] = deque((0,), maxlen=2)
        self._our_reports: deque[int] = deque(maxlen=_REPORTS_KEPT)
        self._source = -1
        self._expected_before = self._received_before = 0
        self._remote_ssrc = -1
        self._remote_sr = 0
        self._remote_sr_at = 0.0
        self.last_heard = float("-inf")
        """When the far end's last valid packet came."""
        self.remote_lost: int | None = None
        self.remote_jitter_ms: float | None = None
        self.round_trip_ms: float | None = None
        self.remote_left = False
        """The far end said BYE. Only signalling ends a call."""
        self.next_at = now + interval_s(minimum_s, 0, False, self._average, True, chance())

    def report(self, now: float, sent: Sent, reception: Reception | None) -> bytes:
        """The datagram that is due; sets ``next_at``."""
        if reception is not None and (reception.ssrc, reception.received) == (
            self._source, self._received_before,
        ):  # fmt: skip
            # Nothing of it since the report before: not a sender any more (RFC 3550 6.4).
            reception = None
        we_sent = sent.packets != self._sent_before[0]
        data = self._build(now, sent, reception, we_sent, bye=False)
        self._sent_before.append(sent.packets)
        senders = we_sent + (reception is not None)
        self.next_at = now + interval_s(
            self._minimum_s, senders, we_sent, self._average, False, self._chance()
        )
        return data

    def farewell(self, now: float, sent: Sent, reception: Reception | None) -> bytes:
        """The last report, with BYE."""
        return self._build(now, sent, reception, sent.packets > 0, bye=True)

    def _build(self, now: float, sent: Sent, reception: Reception | None, we_sent: bool, bye: bool) -> bytes:
        sender = None
        if we_sent:
            ntp = _ntp(now)
            self._our_reports.append(ntp >> 16 & 0xFFFFFFFF)
            sender = rtcp.SenderInfo(ntp, sent.timestamp & 0xFFFFFFFF, sent.packets, sent.octets)
        blocks = [] if reception is None else [self._block(now, reception)]
        data = rtcp.build(self._ssrc, sender, blocks, self._cname, bye)
        self._average += (len(data) + _IP_UDP - self._average) / 16
        return data

    def _block(self, now: float, reception: Reception) -> rtcp.ReportBlock:
        """RFC 3550 A.3."""
        if reception.ssrc != self._source or reception.expected < self._expected_before:
            self._source = reception.ssrc
            self._expected_before = self._received_before = 0
        expected = reception.expected - self._expected_before
        lost = expected - (reception.received - self._received_before)
        self._expected_before, self._received_before = reception.expected, reception.received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        last_sr = delay = 0
        if self._remote_ssrc == reception.ssrc and self._remote_sr:
            last_sr = self._remote_sr
            delay = min(0xFFFFFFFF, int((now - self._remote_sr_at) * 65536))
        return rtcp.ReportBlock(
            reception.ssrc, fraction, reception.expected - reception.received,
            reception.highest & 0xFFFFFFFF, min(0xFFFFFFFF, int(reception.jitter)), last_sr, max(0, delay),
        )  # fmt: skip

    def receive(self, data: bytes, now: float) -> bool:
        """Take the far end's datagram; false where it isn't RTCP, or is our own come back."""
        compound = rtcp.parse(data)
        if compound is None or compound.ssrc == self._ssrc:
            return False
        self.last_heard = now
        self._average += (len(data) + _IP_UDP - self._average) / 16
        self._remote_ssrc = compound.ssrc
        if compound.sender is not None:
            self._remote_sr, self._remote_sr_at = compound.sender.ntp >> 16 & 0xFFFFFFFF, now
        for block in compound.blocks:
            if block.ssrc == self._ssrc:
                self._hear(block, now)
        if compound.ssrc in compound.left:
            self.remote_left = True
        return True

    def _hear(self, block: rtcp.ReportBlock, now: float) -> None:
        self.remote_lost = max(0, block.lost)
        self.remote_jitter_ms = round(block.jitter * 1000 / SAMPLE_RATE, 1)
        # Only an echo of a report that we did send tells a time.
        if block.last_sr in self._our_reports:
            trip = (_ntp(now) >> 16) - block.last_sr - block.delay
            trip = ((trip + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            if trip >= 0:
                self.round_trip_ms = round(trip * 1000 / 65536, 1)


def _ntp(now: float) -> int:
    """64-bit fixed point, never 0."""
    return max(1 << 16, int(now * 4294967296)) & 0xFFFFFFFFFFFFFFFF
