"""One RTP stream: what goes out each 20 ms and what becomes of what comes in. Free of I/O.

From connect() to the end a packet leaves every 20 ms, so that NATs and carriers see a stream: a key being
sent, else the prompt, else the bridged leg, else the codec's silence.

While the far end holds us nothing leaves, prompts and keys wait; time and recording go on in silence.

Source rule: packets count only from the address that SDP named. A peer behind a symmetric NAT sends from
the same host and another port; that port is learnt once, from its first valid audio or key packet, and
only while nothing has come from the named port. Everything else is foreign: dropped and counted. Once
``settled`` the caller may let the kernel drop it, uncounted, and call ``hear`` instead of ``receive``.

``tick`` and ``hear`` run 50 times a second for each call: what almost every packet is (20 ms of the agreed
codec, next in order, in time) goes a short way there, all else the long one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from dialer.media import rtp
from dialer.media.config import MediaConfig
from dialer.media.dtmf import KeyReceiver, KeySender
from dialer.media.g711 import FRAME, PCMA, PCMU, SAMPLE_RATE, SILENCE, STATIC_TYPE, translate
from dialer.media.jitter import JitterBuffer
from dialer.media.keytone import key_tone
from dialer.media.progress import HeardTone, Noticed, Watcher
from dialer.media.recorder import Recorder
from dialer.media.vad import Audio, Endpointer, Found, Started, new_detector
from dialer.model import RtpStats
from dialer.ports import (
    AnswererJudged,
    KeyPressed,
    ListenSpec,
    MediaEvent,
    MediaTimeout,
    Played,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    ToneHeard,
    Watch,
)

Address = tuple[str, int]
SETTLED: Final = 100
"""Packets (2 s) after which a peer's address is taken for settled."""
_LAW_OF_TYPE: Final = {number: law for law, number in STATIC_TYPE.items()}
_IDLE_AFTER: Final = 2400
"""Samples without audio after which a listener's time goes on in silence."""


class Cipher(Protocol):
    """What protects a leg's packets (SRTP); None: it is to be dropped."""

    def protect(self, packet: bytes, /) -> bytes | None: ...

    def unprotect(self, data: bytes, /) -> bytes | None: ...


class Leg:
    """Positions are samples on the media clock, ``now`` is loop time in seconds.

    ``emit`` takes each event. ``remote`` is where packets go, None before connect().
    """

    def __init__(
        self,
        config: MediaConfig,
        emit: Callable[[MediaEvent], None],
        ssrc: int,
        sequence: int,
        timestamp: int,
    ) -> None:
        self._config = config
        self._emit = emit
        # out
        self.remote: Address | None = None
        self.codec = PCMA
        self._type = STATIC_TYPE[PCMA]
        self._key_type: int | None = None
        self._ssrc, self._sequence, self._timestamp = ssrc, sequence, timestamp
        self._cipher: Cipher | None = None
        self._sending = False
        self._silence = SILENCE[PCMA] * FRAME
        self._next_tick = -1  # on no tick, so that the first packet always has the marker
        self._sent = 0
        self._keys_out = KeySender(config.key_s, config.key_gap_s)
        self._frames: Sequence[bytes] = ()
        self._frame = 0
        self._loop = False
        self._play_id: int | None = None
        # in
        self._plain = rtp.PLAIN | STATIC_TYPE[PCMA]
        self._heard_named = False
        self._learnt = False
        self._new_since = 0
        self._foreign = 0
        self._late = 0
        self._timeline = rtp.Timeline()
        self._placement = rtp.Placement()
        self._keys_in = KeyReceiver()
        self._last_heard = 0.0
        self._timed_out = False
        self._listener: Endpointer | None = None
        self._watcher: Watcher | None = None
        # beside
        self.recorder: Recorder | None = None
        self._record_start: int | None = None
        self.peer: Leg | None = None
        self._inbox: JitterBuffer | None = None

    def connect(self, remote: RemoteMedia, now: float) -> None:
        """Start sending; again: the peer moved or changed its codec."""
        if remote.codec != self.codec:
            self._frames = [translate(frame, self.codec, remote.codec) for frame in self._frames]
            self.codec = remote.codec
            self._silence = SILENCE[remote.codec] * FRAME
            if self._inbox is not None:
                self._inbox = self._new_inbox()
        if (remote.host, remote.port) != self.remote:
            self._heard_named = self._learnt = False
            self._new_since = self._timeline.received
        self._type, self._key_type = remote.payload_type, remote.dtmf_payload_type
        self._plain = rtp.PLAIN | remote.payload_type
        self._sending = remote.sending
        self.remote = (remote.host, remote.port)
        self._last_heard = now
        self._timed_out = False

    @property
    def settled(self) -> bool:
        """The peer's address is known for good."""
        return (self._heard_named or self._learnt) and self._timeline.received - self._new_since >= SETTLED

    @property
    def takes_keys(self) -> bool:
        return self._key_type is not None

    def press(self, digits: str) -> None:
        """Queue keys to be sent. Raises ValueError for anything but 0-9 * #."""
        self._keys_out.press(digits)

    def stats(self) -> RtpStats:
        line = self._timeline
        return RtpStats(
            self._sent, line.received, line.lost, self._late, line.reordered, line.duplicated, self._foreign
        )

    # --- prompts ---

    def play(self, frames: Sequence[bytes], play_id: int, loop: bool, now: float) -> None:
        """Frames in this leg's codec; replaces what plays."""
        self.stop_playing(now)
        self._frames, self._frame, self._play_id, self._loop = frames, 0, play_id, loop

    def stop_playing(self, now: float, completed: bool = False) -> None:
        play_id, self._play_id = self._play_id, None
        self._frames = ()
        if play_id is not None:
            self._emit(Played(now, play_id, completed))

    def drop_play(self, play_id: int, now: float) -> None:
        """It was stopped or replaced before it began."""
        self._emit(Played(now, play_id, False))

    # --- recording, listening, bridging ---

    def record(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._record_start = recorder.start

    def offset_s(self, position: int) -> float:
        """Seconds since record() began; 0.0 before."""
        return 0.0 if self._record_start is None else max(0, position - self._record_start) / SAMPLE_RATE

    def listen(self, spec: ListenSpec | None) -> None:
        """None stops; an utterance under way gets no SpeechEnded then."""
        if spec is None:
            self._listener = None
            return
        config = self._config
        detector = new_detector(config.vad_mode)
        self._listener = Endpointer(spec, self.codec, config.speech_floor_dbov, config.pre_roll_s, detector)

    def watch(self, what: Watch | None) -> None:
        """Call progress from now on; None stops."""
        config = self._config
        self._watcher = None
        if what is not None:
            self._watcher = Watcher(what, self.codec, config.progress, new_detector(config.vad_mode))

    def bridge(self, other: Leg, now: float) -> None:
        """Prompts on both legs stop; older bridges of either leg end."""
        for leg, peer in ((self, other), (other, self)):
            leg.unbridge()
            leg.stop_playing(now)
            leg.peer = peer
            leg._inbox = leg._new_inbox()

    def unbridge(self) -> None:
        peer, self.peer, self._inbox = self.peer, None, None
        if peer is not None and peer.peer is self:
            peer.unbridge()

    def _new_inbox(self) -> JitterBuffer:
        return JitterBuffer(self._config.bridge_delay_frames, self.codec)

    # --- each 20 ms ---

    def tick(self, position: int, now: float) -> bytes | None:
        """The packet that is due; None before connect(), while held, and where it can't be protected."""
        listener = self._listener
        if listener is not None and listener.next < position - _IDLE_AFTER:
            self._report(listener.idle(position - _IDLE_AFTER), now)
        if self._watcher is not None:
            self._notice(self._watcher.idle(position - _IDLE_AFTER), now)
        if not self._sending:
            return None
        kind = self._type if position == self._next_tick else self._type | 0x80
        self._next_tick = position + FRAME
        if self._keys_out.active and self._key_type is not None:
            key = self._keys_out.next(position)
            if key is not None:
                return self._event_packet(key.payload, key.start, key.marker, self._key_type)
        if self._play_id is None:
            frame = self._silence if self._inbox is None else self._bridged_frame()
        elif self._frame < len(self._frames):
            frame = self._frames[self._frame]
            self._frame += 1
        else:
            frame = self._prompt_over(now)
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        self._sent += 1
        recorder = self.recorder
        if recorder is not None:
            same = recorder.codec == self.codec
            recorder.sent.put(position, frame if same else translate(frame, self.codec, recorder.codec))
        packet = rtp.pack_packet(
            0x80, kind, sequence, (self._timestamp + position) & 0xFFFFFFFF, self._ssrc, frame
        )
        return packet if self._cipher is None else self._cipher.protect(packet)

    def _prompt_over(self, now: float) -> bytes:
        if self._loop and self._frames:
            self._frame = 1
            return self._frames[0]
        self.stop_playing(now, completed=True)
        return self._bridged_frame()

    def _bridged_frame(self) -> bytes:
        frame = self._inbox.take() if self._inbox is not None else None
        return self._silence if frame is None else frame

    def _event_packet(self, payload: bytes, start: int, marker: bool, kind: int) -> bytes | None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = bytearray(rtp.HEADER_SIZE)
        timestamp = (self._timestamp + start) & 0xFFFFFFFF
        rtp.pack_header(
            header, 0, 0x80, kind | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc
        )
        self._sent += 1
        packet = bytes(header) + payload
        return packet if self._cipher is None else self._cipher.protect(packet)

    def look_for_timeout(self, now: float) -> None:
        """To be called about every second."""
        limit = self._config.rtp_timeout_s
        if limit and not self._timed_out and self.remote is not None and now - self._last_heard >= limit:
            self._timed_out = True
            self._emit(MediaTimeout(now))

    # --- each datagram ---

    def receive(self, data: bytes, source: Address, position: int, now: float) -> None:
        """``position``: that of its arrival. What isn't RTP of ours is dropped."""
        if source == self.remote or self._learn(source, data):
            self.hear(data, position, now)
        elif self.remote is not None:  # Before connect() nobody is foreign yet.
            self._foreign += 1

    def hear(self, data: bytes, position: int, now: float) -> None:
        """A datagram that comes from ``remote`` for certain."""
        if self._cipher is not None:
            plain = self._cipher.unprotect(data)
            if plain is None:
                return
            data = plain
        if len(data) == rtp.PACKET_SIZE:
            head, sequence, timestamp, ssrc = rtp.peek(data)
            line, place = self._timeline, self._placement
            start = place.position + FRAME
            if (
                sequence == line.awaited and head == self._plain and ssrc == line.ssrc
                and timestamp == place.timestamp + FRAME
                and -rtp.Placement.SLACK <= position - start <= rtp.Placement.LATE
            ):  # fmt: skip
                line.awaited = sequence + 1
                line.run += 1
                place.timestamp, place.position, place.late_since = timestamp, start, -1
                self._last_heard = now
                self._audio(start, data[rtp.HEADER_SIZE :], self.codec, now)
                return
        packet = rtp.parse(data)
        if packet is not None:
            self._take(packet, position, now)

    def _take(self, packet: rtp.RtpPacket, position: int, now: float) -> None:
        self._heard_named = True
        self._last_heard = now
        verdict = self._timeline.take(packet.sequence, packet.ssrc)
        if verdict == rtp.RESTARTED:
            self._placement.reset()
            self._keys_in.reset()
        elif verdict in (rtp.DUPLICATE, rtp.STRAY):
            return
        if packet.payload_type == self._key_type:
            digit = self._keys_in.take(packet.timestamp, packet.marker, packet.payload)
            if digit is not None:
                self.key_signalled(digit, position, now)
            return
        codec = self.codec if packet.payload_type == self._type else _LAW_OF_TYPE.get(packet.payload_type)
        if codec is not None:
            start = self._placement.place(packet.timestamp, position, verdict != rtp.REORDERED)
            if position - start > rtp.Placement.LATE:
                self._late += 1
            self._audio(start, packet.payload, codec, now)

    def key_signalled(self, digit: str, position: int, now: float) -> None:
        """A key came as an event, by RTP or SIP INFO: its tone goes into the recording."""
        if self.recorder is not None:
            self.recorder.heard.put(position, key_tone(digit, self.recorder.codec))
        self._emit(KeyPressed(now, digit, self.offset_s(position)))

    def _learn(self, source: Address, data: bytes) -> bool:
        """Whether ``source`` is the negotiated peer behind a NAT, seen for the first time."""
        if self.remote is None or self._heard_named or self._learnt or source[0] != self.remote[0]:
            return False
        packet = rtp.parse(data)
        if packet is None or packet.payload_type not in (self._type, self._key_type):
            return False
        self.remote, self._learnt = source, True
        return True

    def _audio(self, start: int, payload: bytes, codec: str, now: float) -> None:
        """Received audio in its place: to the recording, the listener, the other leg of a bridge."""
        recorder = self.recorder
        if recorder is not None:
            same = recorder.codec == codec
            recorder.heard.put(start, payload if same else translate(payload, codec, recorder.codec))
        listener = self._listener
        if listener is not None:
            same = listener.codec == codec
            found = listener.feed(start, payload if same else translate(payload, codec, listener.codec))
            if found:
                self._report(found, now)
        watcher = self._watcher
        if watcher is not None:
            self._notice(watcher.feed(start, translate(payload, codec, watcher.codec)), now)
        if self.peer is not None:
            inbox = self.peer._inbox
            if inbox is not None:
                inbox.put(start, translate(payload, codec, self.peer.codec))

    def _notice(self, noticed: Sequence[Noticed], now: float) -> None:
        for item in noticed:
            if isinstance(item, HeardTone):
                self._emit(ToneHeard(now, item.tone, self.offset_s(item.start)))
            else:
                self._emit(AnswererJudged(now, item.answerer, item.why, self.offset_s(item.end)))

    def _report(self, found: Sequence[Found], now: float) -> None:
        for item in found:
            if isinstance(item, Started):
                self._emit(SpeechStarted(now, self.offset_s(item.start)))
            elif isinstance(item, Audio):
                self._emit(SpeechAudio(now, item.pcm))
            else:
                start, end = self.offset_s(item.start), self.offset_s(item.end)
                self._emit(SpeechEnded(now, start, end, item.level_dbov))


def check_remote(remote: RemoteMedia) -> str:
    """What is wrong with it, or an empty string."""
    if remote.codec not in (PCMA, PCMU):
        return f"codec {remote.codec!r} can't be played: PCMA or PCMU"
    if not 0 < remote.port < 65536:
        return f"{remote.port} is no RTP port"
    types = (remote.payload_type, remote.dtmf_payload_type)
    if any(number is not None and not 0 <= number <= 127 for number in types) or types[0] == types[1]:
        return "payload types are numbers from 0 to 127, different for audio and telephone-event"
    return ""
