"""What control asks of one stream: ports, prompts, recordings. The media process's side of the protocol.

The loop is ``worker``; nothing here waits: what needs the disk goes to a thread and answers later.
"""

from __future__ import annotations

import ctypes
import logging
import select
import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol

from dialer.errors import MediaError
from dialer.media import protocol as p
from dialer.media.clips import ClipCache, Frames
from dialer.media.clock import PHASES, SubTicks
from dialer.media.config import MediaConfig
from dialer.media.disk import DiskThread, RecordingFile
from dialer.media.ears import Ears
from dialer.media.g711 import SAMPLE_RATE
from dialer.media.lanes import Lanes
from dialer.media.leg import Leg, check_remote
from dialer.media.portpool import PortPool
from dialer.media.recorder import Recorder
from dialer.media.reporting import Reporting
from dialer.media.reports import new_cname
from dialer.ports import MediaEvent, MediaFailed

log = logging.getLogger("dialer.media")


class Entropy(Protocol):
    """os.urandom."""

    def __call__(self, size: int, /) -> bytes: ...


class Stream:
    """A leg with its socket and its recording file."""

    __slots__ = ("file", "fileno", "id", "lane", "leg", "phase", "plays", "port", "recv", "recv_into",
                 "recvfrom", "reporting", "rtcp_sock", "send", "sendto", "settled", "sock")  # fmt: skip

    def __init__(
        self, number: int, sock: socket.socket, rtcp_sock: socket.socket | None, port: int, phase: int,
        leg: Leg,
    ) -> None:  # fmt: skip
        self.id, self.port, self.phase, self.leg = number, port, phase, leg
        self.rtcp_sock = rtcp_sock
        self.reporting = False
        """Its next report has a time."""
        self.sock, self.fileno = sock, sock.fileno()
        self.send, self.sendto = sock.send, sock.sendto
        self.recv, self.recvfrom, self.recv_into = sock.recv, sock.recvfrom, sock.recv_into
        self.settled = False
        """The socket is connected: cheaper, and the kernel drops what isn't the peer's."""
        self.lane = -1
        """Where the leg is lent to; -1: it is in hand."""
        self.file: RecordingFile | None = None
        self.plays = 0
        """Counts play and stop commands: a clip that is loaded too late is recognised."""

    def settle(self) -> None:
        """Connect the socket to the leg's peer. The caller has just read all that came before."""
        try:
            if self.leg.remote is not None:
                self.sock.connect(self.leg.remote)
                self.settled = True
        except OSError as error:
            log.info("stream not connected", extra={"reason": error.strerror})

    def unsettle(self) -> None:
        """The peer moved: hear everybody again."""
        if self.settled:
            disconnect(self.sock)
            self.settled = False


_libc: Final = ctypes.CDLL(None, use_errno=True)
_NOBODY: Final = struct.pack("=H14x", socket.AF_UNSPEC)


def disconnect(sock: socket.socket) -> None:
    """Undo connect() of a bound UDP socket (connect(2): AF_UNSPEC), which Python's socket can't."""
    if _libc.connect(sock.fileno(), _NOBODY, len(_NOBODY)):
        raise OSError(ctypes.get_errno(), "the socket can't be disconnected")


class Streams:
    """All streams of the process. ``send`` takes replies and notices."""

    def __init__(
        self,
        config: MediaConfig,
        clock: Callable[[], float],
        ticks: SubTicks,
        entropy: Entropy,
        epoll: select.epoll,
        send: Callable[[p.AnyMessage], None],
    ) -> None:
        self._config, self._clock, self._ticks, self._entropy = config, clock, ticks, entropy
        self._epoll, self._send = epoll, send
        self._ports = PortPool(config.port_low, config.port_high, config.port_rest_s)
        self.reporting = Reporting(epoll, ticks.position, self._settle_counts)
        self._clips = ClipCache(config.clip_cache_mb << 20)
        self._last_stream = 0
        below = max(0, config.realtime_priority - 1)
        self.loader = DiskThread("clips", below)
        self.writer = DiskThread("recordings", below)
        self._chunks: list[tuple[Stream, RecordingFile, bytes]] = []
        self.by_id: dict[int, Stream] = {}
        self.by_fileno: dict[int, Stream] = {}
        self.phases: list[list[Stream]] = [[] for _ in range(PHASES)]
        """Those whose leg is in hand."""
        self.lanes: Lanes[Stream] = Lanes(PHASES, self._in_hand_again)
        self.lent: dict[int, Stream] = {}
        """Those whose leg is lent, by file descriptor; the others are in ``by_fileno``."""
        self.ears = Ears()

    def lend(self, phase: int, position: int) -> None:
        """Put every leg of a phase that is in its usual state on a lane, before its next tick."""
        stay: list[Stream] = []
        for stream in self.phases[phase]:
            lane = None
            if stream.settled:
                lane = self.lanes.lend(stream.leg, stream, stream.send, phase, position)
            if lane is None:
                stay.append(stream)
            else:
                stream.lane = lane
                del self.by_fileno[stream.fileno]
                self.lent[stream.fileno] = stream
        self.phases[phase] = stay

    def take_in_hand(self, stream: Stream) -> None:
        """Before anything is done with its leg."""
        if stream.lane >= 0:
            self.lanes.recall(stream.lane)

    def _settle_counts(self, stream: Stream) -> None:
        if stream.lane >= 0:
            self.lanes.settle(stream.lane)

    def _in_hand_again(self, stream: Stream) -> None:
        stream.lane = -1
        del self.lent[stream.fileno]
        self.by_fileno[stream.fileno] = stream
        self.phases[stream.phase].append(stream)

    @property
    def idle(self) -> bool:
        """Nobody needs the clock."""
        return not (self.by_id or self.loader.pending or self.writer.pending)

    def leave(self) -> None:
        """Close everything; recordings still open keep all their audio, but no sizes."""
        position = self._ticks.position(self._clock())
        for stream in self.by_id.values():
            self.take_in_hand(stream)
            stream.sock.close()
            self.reporting.close(stream)
            if stream.file is not None and stream.leg.recorder is not None:
                rest, file = stream.leg.recorder.finish(position), stream.file
                self.write(stream, rest)
                self.flush_writes()
                self.writer.submit(file.leave_open, lambda _: None, lambda _: None)
        self.writer.finish(self._config.disk_timeout_s)

    def obey(self, command: p.AnyCommand) -> None:
        try:
            if isinstance(command, p.Open):
                reply: p.Reply | None = self._open(command)
            elif isinstance(command, p.StreamCommand):
                stream = self.by_id.get(command.stream)
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
        self.take_in_hand(stream)
        leg, now = stream.leg, self._clock()
        match command:
            case p.Connect():
                if wrong := check_remote(command.remote) or leg.refuses(command.remote):
                    raise MediaError(wrong)
                leg.connect(command.remote, now)
                self.reporting.connected(stream)
                if not leg.settled:
                    stream.unsettle()
            case p.Play():
                self._play(command, stream)
                return None
            case p.StopPlaying():
                stream.plays += 1
                leg.stop_playing(now)
            case p.Listen():
                leg.listen(command.spec)
            case p.SetWatch():
                leg.watch(command.what)
            case p.Record():
                self._record(command, stream)
                return None
            case p.StopRecording():
                self._stop_recording(command, stream)
                return None
            case p.Bridge():
                other = self.by_id.get(command.other)
                if other is None or other is stream:
                    raise MediaError("the other stream is closed" if other is None else "one stream only")
                self.take_in_hand(other)
                stream.plays += 1
                other.plays += 1
                leg.bridge(other.leg, now)
            case p.Unbridge():
                leg.unbridge()
            case p.SendKeys():
                self._send_keys(leg, command.digits)
            case p.KeySignalled():
                leg.key_signalled(command.digit, self._ticks.position(now), now)
            case p.Close():
                return self._close(command, stream)
        return p.Done(command.id)

    def _open(self, command: p.Open) -> p.Opened:
        sock, rtcp_sock, port = self._bind()
        self._last_stream += 1
        number = self._last_stream
        phase = min(range(PHASES), key=lambda i: len(self.phases[i]) + self.lanes.members(i))
        seed = self._entropy(22)
        leg = Leg(
            self._config,
            lambda event: self._emit(number, event),
            int.from_bytes(seed[:4]),
            # The lower half: a loss at the turn would leave SRTP's rollover counter behind (RFC 3711 3.3.1).
            int.from_bytes(seed[4:6]) & 0x7FFF,
            int.from_bytes(seed[6:10]),
            new_cname(seed[10:]),
            lambda: int.from_bytes(self._entropy(4)) / (1 << 32),
            self.ears,
        )
        stream = Stream(number, sock, rtcp_sock, port, phase, leg)
        self.by_id[number] = self.by_fileno[stream.fileno] = stream
        self.phases[phase].append(stream)
        self._epoll.register(stream.fileno, select.EPOLLIN)
        self.reporting.add(stream)
        return p.Opened(command.id, number, self._config.advertised_host or self._config.host, port)

    def _bind(self) -> tuple[socket.socket, socket.socket | None, int]:
        """Sockets of RTP and, where reports are wanted, of RTCP on the port above."""
        now = self._clock()
        while (port := self._ports.take(now)) is not None:
            socks: list[socket.socket] = []
            try:
                for _ in range(2 if self._config.rtcp else 1):
                    socks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
            except OSError as error:
                for sock in socks:
                    sock.close()
                self._ports.give(port, now)
                raise MediaError(f"no socket for a stream: {error.strerror}") from error
            try:
                for number, sock in enumerate(socks):
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._config.dscp << 2)
                    sock.bind((self._config.host, port + number))
            except OSError as error:
                # Somebody else's port: try the next; this one rests like a used one.
                for sock in socks:
                    sock.close()
                self._ports.give(port, now)
                log.warning("RTP port taken by another program", extra={"port": port, "why": error.strerror})
                if self._config.port_rest_s == 0:
                    break
            else:
                return socks[0], socks[1] if self._config.rtcp else None, port
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
        self.reporting.remove(stream, now)
        del self.by_id[stream.id], self.by_fileno[stream.fileno]
        self.phases[stream.phase].remove(stream)
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
            self.take_in_hand(stream)
            if stream.plays == turn:
                frames = [frame for clip in clips for frame in clip]
                stream.leg.play(frames, command.play_id, command.loop, now)
            elif stream.id in self.by_id:
                stream.leg.drop_play(command.play_id, now)
            self._send(p.Done(command.id))

        self.loader.submit(load, loaded, lambda reason: self._send(p.Refused(command.id, reason)))

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
                self.take_in_hand(stream)
                stream.file, leg.recorder = None, None
            self._send(p.Refused(command.id, f"{command.path}: can't record: {reason}"))

        self.writer.submit(file.open, lambda _: self._send(p.Done(command.id)), failed)

    def write(self, stream: Stream, audio: bytes) -> None:
        """Leave audio to be written by the next ``flush_writes``."""
        if stream.file is not None and audio:
            self._chunks.append((stream, stream.file, audio))

    def flush_writes(self) -> None:
        """One job for many chunks: each wake-up of the other thread costs the loop a wait for the GIL."""
        chunks, self._chunks = self._chunks, []
        if not chunks:
            return

        def write() -> list[tuple[Stream, RecordingFile, str]]:
            broken: list[tuple[Stream, RecordingFile, str]] = []
            for stream, file, audio in chunks:
                try:
                    file.write(audio)
                except OSError as error:
                    broken.append((stream, file, error.strerror or str(error)))
            return broken

        self.writer.submit(write, self._broke_off, lambda _: None)

    def _broke_off(self, broken: list[tuple[Stream, RecordingFile, str]]) -> None:
        for stream, file, reason in broken:
            if stream.file is file:
                self.take_in_hand(stream)
                stream.file, stream.leg.recorder = None, None
                text = f"{file.path}: recording broke off: {reason}; what was written is kept"
                self._emit(stream.id, MediaFailed(self._clock(), text))

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
        self.flush_writes()

        def seal() -> int:
            file.write(rest)
            return file.seal()

        self.writer.submit(seal, done, failed)
