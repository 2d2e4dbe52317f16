"""RTCP's sockets, and whose report is due when. Part of the media process's loop.

A call sends one report in some 4 s, so this costs next to nothing, as long as nobody asks each call in turn:
a heap knows the next one due, and the reports of one turn are few.
"""

from __future__ import annotations

import heapq
import logging
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dialer.media.streams import Stream

log = logging.getLogger("dialer.media")

PER_TURN: Final = 4
"""Reports in one 10 ms turn at most: the rest waits for the next, so that no audio is late for them."""
DATAGRAM: Final = 2048


class Reporting:
    """``position``: samples on the media clock at a loop time. ``settle``: called before a leg's report, so
    that the leg knows its counts."""

    def __init__(
        self,
        epoll: select.epoll,
        position: Callable[[float], int],
        settle: Callable[[Stream], None],
    ) -> None:
        self._epoll, self._position, self._settle = epoll, position, settle
        self._by_fileno: dict[int, Stream] = {}
        self._due: list[tuple[float, int, Stream]] = []

    def add(self, stream: Stream) -> None:
        """Listen on a stream's RTCP socket, where it has one."""
        if stream.rtcp_sock is not None:
            self._by_fileno[stream.rtcp_sock.fileno()] = stream
            self._epoll.register(stream.rtcp_sock.fileno(), select.EPOLLIN)

    def connected(self, stream: Stream) -> None:
        """Its peer is settled, perhaps anew: its reports are due from now on."""
        at = stream.leg.reports.due_at
        if at is not None and not stream.reporting:
            stream.reporting = True
            heapq.heappush(self._due, (at, stream.id, stream))

    def remove(self, stream: Stream, now: float) -> None:
        """Say goodbye and close the socket."""
        data = stream.leg.report(self._position(now), now, bye=True)
        if data is not None:
            self._send(stream, data)
        self.close(stream)

    def close(self, stream: Stream) -> None:
        stream.reporting = False
        if stream.rtcp_sock is not None:
            self._by_fileno.pop(stream.rtcp_sock.fileno(), None)
            self._epoll.unregister(stream.rtcp_sock.fileno())
            stream.rtcp_sock.close()
            stream.rtcp_sock = None

    def send_due(self, now: float) -> None:
        """To be called each turn. Cheap where nothing is due."""
        due = self._due
        for _ in range(PER_TURN):
            if not due or due[0][0] > now:
                return
            stream = heapq.heappop(due)[2]
            if not stream.reporting:
                continue
            self._settle(stream)
            data = stream.leg.report(self._position(now), now)
            if data is not None:
                self._send(stream, data)
            at = stream.leg.reports.due_at
            stream.reporting = at is not None
            if at is not None:
                heapq.heappush(due, (at, stream.id, stream))

    def read(self, fileno: int, now: float) -> bool:
        """One datagram of an RTCP socket; false where it isn't one."""
        stream = self._by_fileno.get(fileno)
        if stream is None or stream.rtcp_sock is None:
            return False
        try:
            data, source = stream.rtcp_sock.recvfrom(DATAGRAM)
        except OSError as error:
            # ICMP errors surface here: a peer without RTCP, as many are.
            log.debug("no report read", extra={"reason": error.strerror})
        else:
            stream.leg.hear_report(data, source, now)
        return True

    def _send(self, stream: Stream, data: bytes) -> None:
        leg = stream.leg
        try:
            if not leg.reports.muxed:
                if stream.rtcp_sock is not None and leg.reports.to is not None:
                    stream.rtcp_sock.sendto(data, leg.reports.to)
            elif stream.settled:
                stream.send(data)
            elif leg.remote is not None:
                stream.sendto(data, leg.remote)
        except OSError as error:
            # Nobody there, no route: the next one may find its way.
            log.debug("report not sent", extra={"reason": error.strerror})
