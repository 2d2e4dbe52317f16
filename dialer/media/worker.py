"""The media process: one loop over one epoll and one 20 ms clock.

It wakes each 5 ms while streams are open: reads what came since, lets the legs of this sub-tick send, and
talks to control. Reading in batches at the sub-tick, and not at each packet, is what makes a call cheap.
Nothing in the loop touches the disk: two threads do (one for recordings, one for prompt clips).
"""

from __future__ import annotations

import gc
import logging
import select
import socket
from collections.abc import Callable
from typing import Final, Protocol

from dialer.errors import MediaError
from dialer.media import protocol as p
from dialer.media.clips import ClipCache, Frames
from dialer.media.clock import PHASES, TICK_S, SubTicks
from dialer.media.config import MediaConfig
from dialer.media.disk import DiskThread, RecordingFile
from dialer.media.g711 import SAMPLE_RATE
from dialer.media.leg import Leg, check_remote
from dialer.media.portpool import PortPool
from dialer.media.recorder import Recorder
from dialer.ports import MediaEvent, MediaFailed

log = logging.getLogger("dialer.media")

READ_ROUNDS: Final = 4
"""At most so many packets of one socket per turn: a flood can't stop the clock."""
DATAGRAM: Final = 2048
MAX_BACKLOG: Final = 32 << 20
"""Bytes that control hasn't read; more means that it is gone for good."""
LATE_S: Final = 0.005
PULSE_S: Final = 1.0
COLLECT_S: Final = 60.0


class Entropy(Protocol):
    """os.urandom."""

    def __call__(self, size: int, /) -> bytes: ...


class ControlGone(Exception):
    """Control closed its end, or stopped reading."""


class Stream:
    """A leg with its socket and its recording file."""

    __slots__ = ("file", "fileno", "id", "leg", "phase", "plays", "port", "sendto", "sock")

    def __init__(self, number: int, sock: socket.socket, port: int, phase: int, leg: Leg) -> None:
        self.id, self.port, self.phase, self.leg = number, port, phase, leg
        self.sock, self.fileno, self.sendto = sock, sock.fileno(), sock.sendto
        self.file: RecordingFile | None = None
        self.plays = 0
        """Counts play and stop commands: a clip that is loaded too late is recognised."""


class Worker:
    def __init__(
        self,
        control: socket.socket,
        config: MediaConfig,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        entropy: Entropy,
    ) -> None:
        self._control, self._config, self._clock, self._sleep = control, config, clock, sleep
        self._entropy = entropy
        self._ticks = SubTicks(clock())
        self._ports = PortPool(config.port_low, config.port_high, config.port_rest_s)
        self._phases: list[list[Stream]] = [[] for _ in range(PHASES)]
        self._streams: dict[int, Stream] = {}
        self._sockets: dict[int, Stream] = {}
        self._last_stream = 0
        self._clips = ClipCache(config.clip_cache_mb << 20)
        self._loader = DiskThread("clips")
        self._writer = DiskThread("recordings")
        self._splitter = p.Splitter()
        self._out = bytearray()
        self._epoll = select.epoll()
        self._epoll.register(control, select.EPOLLIN)
        self._turns = self._late = self._skipped = 0
        self._worst = 0.0
        self._next_pulse = self._next_collect = clock()

    # --- the loop ---

    def run(self) -> None:
        """Until control is gone. Recordings still open stay as they are, with all their audio."""
        try:
            while True:
                self._wait()
                self._turn()
        except (ControlGone, ConnectionError):
            log.info("control is gone")
        finally:
            self._leave()

    def _wait(self) -> None:
        if self._streams or self._loader.pending or self._writer.pending:
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

    def _turn(self) -> None:
        self._read()
        now = self._clock()
        for number in self._ticks.due(now):
            self._tick(number, now)
            self._turns += 1
            late = self._clock() - self._ticks.epoch - number * TICK_S
            if late > LATE_S and self._streams:
                self._late += 1
            self._worst = max(self._worst, late)
        self._loader.deliver()
        self._writer.deliver()
        if now >= self._next_pulse:
            self._pulse(now)
        self._flush()

    def _tick(self, number: int, now: float) -> None:
        """One packet of each leg in this phase."""
        position = number * 40
        for stream in self._phases[number % PHASES]:
            leg = stream.leg
            packet = leg.tick(position, now)
            if packet is not None:
                try:
                    stream.sendto(packet, leg.remote)  # type: ignore[arg-type]
                except OSError as error:
                    # Full buffer, no route: as good as lost on the way.
                    log.debug("packet not sent", extra={"reason": error.strerror})
            if leg.recorder is not None and leg.recorder.due(position):
                self._write(stream, leg.recorder.advance(position))

    def _read(self) -> None:
        sockets, poll = self._sockets, self._epoll.poll
        for _ in range(READ_ROUNDS):
            ready = poll(0, len(sockets) + 1)
            if not ready:
                return
            now = self._clock()
            position = self._ticks.position(now)
            for fileno, _mask in ready:
                stream = sockets.get(fileno)
                if stream is None:
                    self._hear_control()
                    continue
                try:
                    data, source = stream.sock.recvfrom(DATAGRAM)
                except OSError:
                    # ICMP errors surface here; the RTP timeout judges a peer that is gone.
                    continue
                stream.leg.receive(data, source, position, now)

    def _pulse(self, now: float) -> None:
        self._next_pulse = now + PULSE_S
        for stream in self._streams.values():
            stream.leg.look_for_timeout(now)
        if not (self._loader.alive and self._writer.alive):
            raise ControlGone  # A thread died of a fault of ours: end, so that control hears of it.
        skipped = self._ticks.skipped
        self._send(
            p.Pulse(
                now, len(self._streams), self._turns, self._late, skipped - self._skipped,
                round(self._worst * 1000, 3),
            )
        )  # fmt: skip
        self._turns = self._late = 0
        self._skipped, self._worst = skipped, 0.0

    def _leave(self) -> None:
        position = self._ticks.position(self._clock())
        for stream in self._streams.values():
            stream.sock.close()
            if stream.file is not None and stream.leg.recorder is not None:
                rest, file = stream.leg.recorder.finish(position), stream.file
                self._write(stream, rest)
                self._writer.submit(file.leave_open, lambda _: None, lambda _: None)
        self._writer.finish(self._config.disk_timeout_s)
        self._epoll.close()

    # --- control ---

    def _hear_control(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise ControlGone
        for body in self._splitter.feed(data):
            self._obey(p.decode_command(body))

    def _send(self, message: p.AnyMessage) -> None:
        self._out += p.encode(message)

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
            raise ControlGone

    def _obey(self, command: p.AnyCommand) -> None:
        try:
            if isinstance(command, p.Open):
                reply: p.Reply | None = self._open(command)
            elif isinstance(command, p.StreamCommand):
                stream = self._streams.get(command.stream)
                if stream is None:
                    raise MediaError("the stream is closed")
                reply = self._obey_stream(command, stream)
            else:
                raise MediaError("configured already")
        except MediaError as error:
            reply = p.Refused(command.id, str(error))
        if reply is not None:
            self._send(reply)

    def _obey_stream(self, command: p.StreamCommand, stream: Stream) -> p.Reply | None:
        """The reply, or None where it comes later."""
        leg, now = stream.leg, self._clock()
        match command:
            case p.Connect():
                if wrong := check_remote(command.remote):
                    raise MediaError(wrong)
                leg.connect(command.remote, now)
            case p.Play():
                self._play(command, stream)
                return None
            case p.StopPlaying():
                stream.plays += 1
                leg.stop_playing(now)
            case p.Listen():
                leg.listen(command.spec)
            case p.Record():
                self._record(command, stream)
                return None
            case p.StopRecording():
                self._stop_recording(command, stream)
                return None
            case p.Bridge():
                other = self._streams.get(command.other)
                if other is None or other is stream:
                    raise MediaError("the other stream is closed" if other is None else "one stream only")
                stream.plays += 1
                other.plays += 1
                leg.bridge(other.leg, now)
            case p.Unbridge():
                leg.unbridge()
            case p.SendKeys():
                self._send_keys(leg, command.digits)
            case p.Close():
                return self._close(command, stream)
        return p.Done(command.id)

    # --- streams ---

    def _open(self, command: p.Open) -> p.Opened:
        sock, port = self._bind()
        self._last_stream += 1
        number = self._last_stream
        phase = min(range(PHASES), key=lambda i: len(self._phases[i]))
        seed = self._entropy(10)
        leg = Leg(
            self._config,
            lambda event: self._emit(number, event),
            int.from_bytes(seed[:4]),
            int.from_bytes(seed[4:6]),
            int.from_bytes(seed[6:]),
        )
        stream = Stream(number, sock, port, phase, leg)
        self._streams[number] = self._sockets[stream.fileno] = stream
        self._phases[phase].append(stream)
        self._epoll.register(stream.fileno, select.EPOLLIN)
        return p.Opened(command.id, number, self._config.advertised_host or self._config.host, port)

    def _bind(self) -> tuple[socket.socket, int]:
        now = self._clock()
        while (port := self._ports.take(now)) is not None:
            try:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            except OSError as error:
                self._ports.give(port, now)
                raise MediaError(f"no socket for a stream: {error.strerror}") from error
            try:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._config.dscp << 2)
                sock.bind((self._config.host, port))
            except OSError as error:
                # Somebody else's port: try the next; this one rests like a used one.
                sock.close()
                self._ports.give(port, now)
                log.warning("RTP port taken by another program", extra={"port": port, "why": error.strerror})
                if self._config.port_rest_s == 0:
                    break
            else:
                return sock, port
        span = f"{self._config.port_low}-{self._config.port_high}"
        raise MediaError(f"no free RTP port in {span}: widen media.port_low..port_high, or let ports rest")

    def _emit(self, number: int, event: MediaEvent) -> None:
        self._send(p.notice(number, event))

    def _close(self, command: p.Close, stream: Stream) -> p.Reply | None:
        now = self._clock()
        stream.plays += 1
        leg = stream.leg
        leg.stop_playing(now)
        leg.unbridge()
        stats = leg.stats()
        del self._streams[stream.id], self._sockets[stream.fileno]
        self._phases[stream.phase].remove(stream)
        self._epoll.unregister(stream.fileno)
        stream.sock.close()
        self._ports.give(stream.port, now)
        closed = p.Closed(command.id, stats)
        if stream.file is None or leg.recorder is None:
            return closed
        self._seal(stream, lambda _: self._send(closed), lambda _: self._send(closed))
        return None

    def _play(self, command: p.Play, stream: Stream) -> None:
        if stream.leg.remote is None:
            raise MediaError("connect the stream before playing")
        if not command.clips and command.loop:
            raise MediaError("nothing to play in a loop")
        stream.plays += 1
        turn, codec = stream.plays, stream.leg.codec

        def load() -> list[Frames]:
            return [self._clips.get(path, codec) for path in command.clips]

        def loaded(clips: list[Frames]) -> None:
            now = self._clock()
            if stream.plays == turn:
                frames = [frame for clip in clips for frame in clip]
                stream.leg.play(frames, command.play_id, command.loop, now)
            elif stream.id in self._streams:
                stream.leg.drop_play(command.play_id, now)
            self._send(p.Done(command.id))

        self._loader.submit(load, loaded, lambda reason: self._send(p.Refused(command.id, reason)))

    def _send_keys(self, leg: Leg, digits: str) -> None:
        if not leg.takes_keys:
            raise MediaError("the peer takes no telephone-event: keys can't be sent")
        try:
            leg.press(digits)
        except ValueError as error:
            raise MediaError(str(error)) from error

    # --- recordings ---

    def _record(self, command: p.Record, stream: Stream) -> None:
        leg = stream.leg
        if leg.remote is None:
            raise MediaError("connect the stream before recording: the codec isn't settled")
        if stream.file is not None:
            raise MediaError("the stream is being recorded already")
        file = stream.file = RecordingFile(command.path, leg.codec)
        start = self._ticks.position(self._clock())
        leg.record(Recorder(leg.codec, start, self._config.record_flush_s))

        def failed(reason: str) -> None:
            if stream.file is file:
                stream.file, leg.recorder = None, None
            self._send(p.Refused(command.id, f"{command.path}: can't record: {reason}"))

        self._writer.submit(file.open, lambda _: self._send(p.Done(command.id)), failed)

    def _write(self, stream: Stream, audio: bytes) -> None:
        file = stream.file
        if file is None:
            return

        def failed(reason: str) -> None:
            if stream.file is not file:
                return
            stream.file, stream.leg.recorder = None, None
            text = f"{file.path}: recording broke off: {reason}; what was written is kept"
            self._emit(stream.id, MediaFailed(self._clock(), text))

        self._writer.submit(lambda: file.write(audio), lambda _: None, failed)

    def _stop_recording(self, command: p.StopRecording, stream: Stream) -> None:
        recorder = stream.leg.recorder
        if recorder is None or stream.file is None:
            raise MediaError("the stream isn't being recorded")
        path = stream.file.path

        def sealed(size: int) -> None:
            duration_s = recorder.samples / SAMPLE_RATE
            self._send(p.RecordingClosed(command.id, path, recorder.codec, duration_s, size))

        def failed(reason: str) -> None:
            self._send(p.Refused(command.id, f"{path}: the recording can't be closed: {reason}"))

        self._seal(stream, sealed, failed)

    def _seal(self, stream: Stream, done: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Write the rest and the sizes; the stream goes on without a recording."""
        recorder, file = stream.leg.recorder, stream.file
        if recorder is None or file is None:
            return
        stream.leg.recorder, stream.file = None, None
        rest = recorder.finish(self._ticks.position(self._clock()))

        def seal() -> int:
            file.write(rest)
            return file.seal()

        self._writer.submit(seal, done, failed)
