"""The media process: one loop over one epoll and one 20 ms clock.

It wakes each 10 ms while streams are open: lets the legs of this sub-tick send, reads what came since, and
talks to control. Reading in batches at the sub-tick, and not at each packet, is what makes a call cheap.
Nothing in the loop touches the disk: two threads do (one for recordings, one for prompt clips).
"""

from __future__ import annotations

import gc
import logging
import select
import socket
from collections.abc import Callable
from typing import Final

import numpy as np

from dialer.media import protocol as p
from dialer.media.clock import PHASES, TICK_S, TICK_SAMPLES, SubTicks
from dialer.media.config import MediaConfig
from dialer.media.g711 import FRAME
from dialer.media.rtcp import is_rtcp
from dialer.media.rtp import PACKET_SIZE
from dialer.media.streams import Entropy, Stream, Streams

log = logging.getLogger("dialer.media")

READ_ROUNDS: Final = 4
"""At most so many packets of one socket per turn: a flood can't stop the clock."""
FEW: Final = 4
"""What came meanwhile waits for the next turn where it is less than this part of the first round."""
DATAGRAM: Final = 2048
ROWS: Final = 1024
"""Datagrams that are looked at together."""
ROW_SIZE: Final = 576
"""Bytes of one: what each host must be able to take (RFC 791). 60 ms of audio and RTCP reports fit."""
MAX_BACKLOG: Final = 32 << 20
"""Bytes that control hasn't read; more means that it is gone for good."""
LATE_S: Final = 0.005
WRITE_S: Final = 0.1
"""Recorded audio goes to the disk thread in batches."""
NEWS_S: Final = 0.02
"""What calls heard goes to control so often; replies go at once."""
PULSE_S: Final = 1.0
COLLECT_S: Final = 60.0


class ControlGone(Exception):
    """Control closed its end or stopped reading, or a disk thread died: time to leave."""


class Worker:
    """``clock``, ``sleep``: time.monotonic, time.sleep. ``entropy``: os.urandom. ``parent``: os.getppid."""

    def __init__(
        self,
        control: socket.socket,
        config: MediaConfig,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        entropy: Entropy,
        parent: Callable[[], int],
    ) -> None:
        self._parent, self._parent_id = parent, parent()
        self._control, self._clock, self._sleep = control, clock, sleep
        self._control_fileno = control.fileno()
        self._ticks = SubTicks(clock())
        self._epoll = select.epoll()
        self._epoll.register(control, select.EPOLLIN)
        self._streams = Streams(config, clock, self._ticks, entropy, self._epoll, self._send)
        self._splitter = p.Splitter()
        self._out = bytearray()
        self._let_go = False
        self._rows = np.zeros((ROWS + 1, ROW_SIZE), np.uint8)
        self._views = [row.data for row in self._rows]
        self._turns = self._late = self._skipped = 0
        self._worst = 0.0
        self._next_write = self._next_news = self._next_pulse = self._next_collect = clock()
        self._hurry = False

    def run(self) -> None:
        """Until control is gone. Recordings still open stay as they are, with all their audio."""
        try:
            while True:
                self._wait()
                self._turn()
        except (ControlGone, ConnectionError) as error:
            log.log(logging.INFO if self._let_go else logging.ERROR, "leaving: %s", error)
        finally:
            self._streams.leave()
            self._epoll.close()

    def _wait(self) -> None:
        if not self._streams.idle:
            delay = self._ticks.deadline() - self._clock()
            if delay > 0:
                self._sleep(delay)
            return
        self._ticks.rest(self._clock())
        if self._clock() >= self._next_collect:
            # Collection is off (see __main__): its pauses are for when nobody listens.
            self._next_collect = self._clock() + COLLECT_S
            gc.collect()
        self._epoll.poll(max(0.0, self._next_pulse - self._clock()))
        self._ticks.rest(self._clock())

    def _turn(self) -> None:
        now = self._clock()
        for number in self._ticks.due(now):
            self._tick(number, now)
            late = self._clock() - self._ticks.epoch - number * TICK_S
            self._turns += 1
            self._late += late > LATE_S
            self._worst = max(self._worst, late)
        # After the sending, whose time it is.
        self._read()
        self._streams.reporting.send_due(now)
        if now >= self._next_write:
            self._next_write = now + WRITE_S
            self._streams.flush_writes()
        self._streams.loader.deliver()
        self._streams.writer.deliver()
        if now >= self._next_pulse:
            self._pulse(now)
        if self._hurry or now >= self._next_news:
            self._next_news, self._hurry = now + NEWS_S, False
            self._flush()

    def _tick(self, number: int, now: float) -> None:
        """One packet of each leg in this phase. Made first, then sent, then written: work of one kind in a
        row runs faster, and the packets leave close together."""
        streams, phase, position = self._streams, number % PHASES, number * TICK_SAMPLES
        sends, packets = streams.lanes.tick(phase, position)
        in_hand = streams.phases[phase]
        own = [stream.leg.tick(position, now) for stream in in_hand]
        for send, packet in zip(sends, packets, strict=True):
            try:
                send(packet)
            except OSError as error:
                # Full buffer, no route, nobody there: as good as lost on the way.
                log.debug("packet not sent", extra={"reason": error.strerror})
        for stream, packet_or_none in zip(in_hand, own, strict=True):
            if packet_or_none is not None:
                self._send_own(stream, packet_or_none)
        for stream, audio in streams.lanes.recordings(phase, position):
            streams.write(stream, audio)
        for stream in in_hand:
            recorder = stream.leg.recorder
            if recorder is not None and recorder.due(position):
                streams.write(stream, recorder.advance(position))
        if in_hand:
            streams.lend(phase, position + FRAME)

    def _send_own(self, stream: Stream, packet: bytes) -> None:
        try:
            if stream.settled:
                stream.send(packet)
            elif (remote := stream.leg.remote) is not None:
                stream.sendto(packet, remote)
        except OSError as error:
            log.debug("packet not sent", extra={"reason": error.strerror})

    def _read(self) -> None:
        """What came since: fetched first, then heard."""
        streams, poll = self._streams, self._epoll.poll
        lent, views = streams.lent, self._views
        most = 0
        for _ in range(READ_ROUNDS):
            ready = poll(0, ROWS)
            if not ready or len(ready) * FEW < most:
                return
            most = max(most, len(ready))
            now = self._clock()
            position = self._ticks.position(now)
            owners: list[Stream] = []
            lanes: list[int] = []
            commanded = False
            row, view = 0, views[0]
            for fileno, _mask in ready:
                stream = lent.get(fileno)
                if stream is not None:
                    try:
                        size = stream.recv_into(view)
                    except OSError:
                        # ICMP errors surface here; the RTP timeout judges a peer that is gone.
                        continue
                    if size == PACKET_SIZE:
                        owners.append(stream)
                        lanes.append(stream.lane)
                        row += 1
                        view = views[row]
                    else:
                        self._hear_odd(stream, bytes(view[:size]), position, now)
                elif fileno == self._control_fileno:
                    commanded = True  # later: a command may take back a leg whose packet is in a row
                else:
                    self._read_other(fileno, position, now)
            if lanes:
                for row in streams.lanes.hear(lanes, self._rows[: len(lanes)], position, now):
                    # Not what was awaited: the leg itself must look at it.
                    streams.take_in_hand(owners[row])
                    owners[row].leg.hear(bytes(views[row][:PACKET_SIZE]), position, now)
            streams.ears.look(now)
            if commanded:
                self._hear_control()

    def _hear_odd(self, stream: Stream, data: bytes, position: int, now: float) -> None:
        """What isn't 20 ms of audio, for a leg that is lent."""
        if is_rtcp(data):
            stream.leg.hear_muxed(data, now)
            return
        self._streams.take_in_hand(stream)
        stream.leg.hear(data, position, now)

    def _read_other(self, fileno: int, position: int, now: float) -> None:
        """One datagram of a leg in hand, or of its reports."""
        stream = self._streams.by_fileno.get(fileno)
        if stream is not None:
            try:
                if stream.settled:
                    stream.leg.hear(stream.recv(DATAGRAM), position, now)
                else:
                    data, source = stream.recvfrom(DATAGRAM)
                    stream.leg.receive(data, source, position, now)
            except OSError as error:
                log.debug("nothing to read", extra={"reason": error.strerror})
        else:
            self._streams.reporting.read(fileno, now)

    def _pulse(self, now: float) -> None:
        self._next_pulse = now + PULSE_S
        streams = self._streams
        for stream in streams.by_id.values():
            if stream.lane < 0:  # A lent leg hears something all the time.
                stream.leg.look_for_timeout(now)
            if not stream.settled and stream.leg.settled:
                stream.settle()
        if not (streams.loader.alive and streams.writer.alive):
            raise ControlGone("a disk thread died")
        if self._parent() != self._parent_id:
            # Seen even where a forked child of control still holds our socket open.
            raise ControlGone("control died")
        skipped, worst_ms = self._ticks.skipped - self._skipped, round(self._worst * 1000, 3)
        self._send(p.Pulse(now, len(streams.by_id), self._turns, self._late, skipped, worst_ms))
        self._turns = self._late = 0
        self._skipped, self._worst = self._ticks.skipped, 0.0

    def _hear_control(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self._let_go = True
            raise ControlGone("control closed its end")
        try:
            for body in self._splitter.feed(data):
                self._streams.obey(p.decode_command(body))
        except p.ProtocolError as error:
            raise ControlGone(f"control sent what isn't a command: {error}") from error

    def _send(self, message: p.AnyMessage) -> None:
        self._out += p.encode(message)
        # News wait for company: each waking of control costs it more than the news itself.
        self._hurry = self._hurry or not isinstance(message, p.Notice)

    def _flush(self) -> None:
        out = self._out
        if not out:
            return
        try:
            sent = self._control.send(out)
        except BlockingIOError:
            sent = 0
        del out[:sent]
        if len(out) > MAX_BACKLOG:
            raise ControlGone("control stopped reading")
