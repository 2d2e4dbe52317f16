"""One RTP stream: what goes out each 20 ms and what becomes of what comes in. Free of I/O.

From connect() to the end a packet leaves every 20 ms, so that NATs and carriers see a stream: a key being
sent, else the prompt, else the bridged leg, else the codec's silence.

While the far end holds us nothing leaves, prompts and keys wait; time and recording go on in silence.

Source rule: packets count only from the address that SDP named. A peer behind a symmetric NAT sends from
the same host and another port; that port is learnt once, from its first valid audio or key packet, and
only while nothing has come from the named port, which wins it back; never that of whom the peer has just
taken the place of (a transfer within one gateway). Everything else is foreign: dropped and
counted. Once ``settled`` the caller may let the kernel drop it, uncounted, and call ``hear`` instead of
``receive``.

``tick`` and ``hear`` run 50 times a second for each call: what almost every packet is (20 ms of the agreed
codec, next in order, in time) goes a short way there, all else the long one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dialer.media import comfort, rtcp, rtp
from dialer.media.comfort import ComfortNoise
from dialer.media.config import MediaConfig
from dialer.media.dtmf import KeyReceiver, KeySender
from dialer.media.ears import Ears
from dialer.media.g711 import FRAME, PCMA, PCMU, SAMPLE_RATE, SILENCE, STATIC_TYPE, translate
from dialer.media.jitter import JitterBuffer
from dialer.media.keytone import key_tone
from dialer.media.legreports import LegReports
from dialer.media.progress import HeardTone, Noticed, Watcher
from dialer.media.recorder import Recorder
from dialer.media.reports import Jitter, Reception, Sent
from dialer.media.sequencer import Piece, Sequencer
from dialer.media.srtp import SrtpContext, check_keys
from dialer.media.steady import Steady
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
STRAGGLERS_S: Final = 2.0
"""For so long after a peer moved, its former address isn't learnt again."""
SETTLED: Final = 100
"""Packets (2 s) after which a peer's address is taken for settled."""
_LAW_OF_TYPE: Final = {number: law for law, number in STATIC_TYPE.items()}
_IDLE_AFTER: Final = 2400
"""Samples without audio after which a listener's time goes on in silence."""


class Leg:
    """Positions are samples on the media clock, ``now`` is loop time in seconds.

    ``emit`` takes each event. ``remote`` is where packets go, None before connect().
    """

    # Slots, because above 30 attributes an instance's dictionary is searched each time.
    __slots__ = (
        "_cipher", "_config", "_ears", "_emit", "_foreign", "_frame", "_frames", "_heard_named", "_inbox",
        "_jitter", "_key_type", "_keys_in", "_keys_out", "_last_heard", "_late", "_learnt", "_left",
        "_left_at", "_listener", "_loop", "_named", "_new_since", "_next_noise", "_next_tick", "_noise",
        "_noise_heard", "_noise_type", "_order", "_placement", "_plain", "_play_id", "_record_start",
        "_sending", "_sent", "_sequence", "_short", "_silence", "_ssrc", "_timed_out", "_timeline",
        "_timestamp", "_type", "_watcher", "codec", "peer", "recorder", "remote", "reports",
    )  # fmt: skip

    def __init__(
        self,
        config: MediaConfig,
        emit: Callable[[MediaEvent], None],
        ssrc: int,
        sequence: int,
        timestamp: int,
        cname: str = "-",
        chance: Callable[[], float] = lambda: 0.5,
        ears: Ears | None = None,
    ) -> None:
        """``cname``, ``chance``: see LegReports. ``ears``: what listens for many legs; None: each itself."""
        self._config = config
        self._emit = emit
        self._ears = ears
        # out
        self.remote: Address | None = None
        self._named: Address | None = None
        self._left: Address | None = None
        """Whom we heard before the peer moved, at ``_left_at``: its last packets teach nothing."""
        self._left_at = 0.0
        self.codec = PCMA
        self._type = STATIC_TYPE[PCMA]
        self._key_type: int | None = None
        self._ssrc, self._sequence, self._timestamp = ssrc, sequence, timestamp
        self._cipher: SrtpContext | None = None
        self._noise_type: int | None = None
        self._next_noise = 0
        self._short = (0, 0)
        """Packets sent that aren't 20 ms of audio, and their octets."""
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
        self._jitter = Jitter()
        self._noise_heard = comfort.STATIC_TYPE
        self._noise = ComfortNoise(config.speech_floor_dbov)
        self._order: Sequencer | None = None
        """While a packet is missing: what came after it, for those who listen."""
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
        self.reports = LegReports(config, ssrc, cname, chance)

    def connect(self, remote: RemoteMedia, now: float) -> None:
        """Start sending; again: the peer moved or changed its codec."""
        if remote.codec != self.codec:
            self._frames = [translate(frame, self.codec, remote.codec) for frame in self._frames]
            self.codec = remote.codec
            self._silence = SILENCE[remote.codec] * FRAME
            if self._inbox is not None:
                self._inbox = self._new_inbox()
        if (remote.host, remote.port) != self.remote:
            if (remote.host, remote.port) != self._named:
                self._left, self._left_at = self.remote, now
            self._heard_named = self._learnt = False
            self._new_since = self._timeline.received
            self._timeline.awaited = -1  # the short way doesn't ask who is heard
        self._type, self._key_type = remote.payload_type, remote.dtmf_payload_type
        self._plain = rtp.PLAIN | remote.payload_type
        noise = remote.comfort_noise_payload_type
        self._noise_type = noise if self._config.comfort_noise_s else None
        self._noise_heard = comfort.STATIC_TYPE if noise is None else noise
        if remote.srtp is not None:
            if self._cipher is None:
                self._cipher = SrtpContext(remote.srtp)
            else:
                self._cipher.rekey(remote.srtp)
        self.reports.connect(remote, now)
        self._sending = remote.sending
        self.remote = self._named = (remote.host, remote.port)
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

    def refuses(self, remote: RemoteMedia) -> str:
        """Why this stream can't go on so, or an empty string."""
        if self._cipher is not None and remote.srtp is None:
            return "the stream is encrypted: it can't go on in clear"
        return ""

    def stats(self) -> RtpStats:
        line, cipher, session = self._timeline, self._cipher, self.reports.session
        return RtpStats(
            self._sent, line.received, line.lost, self._late, line.reordered,
            line.duplicated + (0 if cipher is None else cipher.replayed), self._foreign,
            jitter_ms=round(self._jitter.value * 1000 / SAMPLE_RATE, 1),
            remote_lost=None if session is None else session.remote_lost,
            remote_jitter_ms=None if session is None else session.remote_jitter_ms,
            round_trip_ms=None if session is None else session.round_trip_ms,
            unauthentic=0 if cipher is None else cipher.rejected,
        )  # fmt: skip

    # --- reports ---

    def report(self, position: int, now: float, bye: bool = False) -> bytes | None:
        """The RTCP datagram that is due, or with ``bye`` the last one; None: nothing is to be sent."""
        packets, octets = self._short
        sent = Sent(self._timestamp + position, self._sent, (self._sent - packets) * FRAME + octets)
        line = self._timeline
        reception = None
        if line.ssrc >= 0:
            reception = Reception(line.ssrc, *line.source(), self._jitter.value)
        make = self.reports.farewell if bye else self.reports.report
        return make(now, sent, reception, self._cipher)

    def hear_report(self, data: bytes, source: Address, now: float) -> None:
        """A datagram on RTCP's own port."""
        if not self.reports.receive(data, source, now, self._cipher):
            self._foreign += self.remote is not None

    def hear_muxed(self, data: bytes, now: float) -> None:
        """An RTCP datagram in clear that came from where RTP comes (RFC 5761)."""
        self.reports.receive(data, None, now, None)

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
        self._listener = Endpointer(
            spec, self.codec, config.speech_floor_dbov, config.pre_roll_s, detector, config.speech_drop_db
        )

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
        if self._order is not None:
            self._hear_pieces(self._order.overdue(position), now)
        if self._noise.active:
            self._fill(position - comfort.LAG, now)
        if not self._sending:
            return None
        if self._noise_type is not None and self._nothing_to_say:
            return self._noise_packet(position, self._noise_type)
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
        if frame is not None:
            return frame
        if self.peer is not None and self.peer._noise.active:
            return self.peer._noise.frame(self.codec)
        return self._silence

    @property
    def _nothing_to_say(self) -> bool:
        return self._play_id is None and self._inbox is None and not self._keys_out.active

    def _noise_packet(self, position: int, kind: int) -> bytes | None:
        """Comfort noise where speech just ended, and from time to time."""
        spoke = position == self._next_tick
        self._next_tick = -1  # so that the next audio has the marker
        if not spoke and position < self._next_noise:
            return None
        self._next_noise = position + int(self._config.comfort_noise_s * SAMPLE_RATE)
        return self._event_packet(comfort.packet(comfort.QUIETEST), position, False, kind)

    def _event_packet(self, payload: bytes, start: int, marker: bool, kind: int) -> bytes | None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = bytearray(rtp.HEADER_SIZE)
        timestamp = (self._timestamp + start) & 0xFFFFFFFF
        rtp.pack_header(
            header, 0, 0x80, kind | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc
        )
        self._sent += 1
        self._short = (self._short[0] + 1, self._short[1] + len(payload))
        packet = bytes(header) + payload
        return packet if self._cipher is None else self._cipher.protect(packet)

    def look_for_timeout(self, now: float) -> None:
        """To be called about every second."""
        limit, heard, session = self._config.rtp_timeout_s, self._last_heard, self.reports.session
        if session is not None and (self._noise.active or not self._sending):
            # It is silent on purpose: its reports say that it is there.
            heard = max(heard, session.last_heard)
        if limit and not self._timed_out and self.remote is not None and now - heard >= limit:
            self._timed_out = True
            self._emit(MediaTimeout(now))

    # --- lent out ---

    def hand_over(self, position: int) -> Steady | None:
        """This leg's state, where it is in its usual one before the tick at ``position``; else None.

        Until ``take_back`` nothing here may be called but ``found``, ``settled``, ``hear_report``,
        ``hear_muxed``, and ``report`` after ``count``.
        """
        line, place, listener, recorder = self._timeline, self._placement, self._listener, self.recorder
        if (
            self._cipher is not None or not self._sending or self._noise_type is not None
            or self._keys_out.active or self.peer is not None or self._watcher is not None
            or self._order is not None or self._noise.active or self._next_tick != position
            or not 0 < line.awaited <= 0xFFFF or position - place.position > _IDLE_AFTER
            or (recorder is not None and recorder.codec != self.codec)
        ):  # fmt: skip
            return None
        prompt = self._play_id is not None
        if prompt and self._frame >= len(self._frames):
            return None
        lent = (b"", b"")
        if listener is not None:
            held = listener.lend() if listener.codec == self.codec else None
            if held is None or listener.next != place.position + FRAME:
                return None
            lent = held
        return Steady(
            self._sequence, self._timestamp, self._ssrc, self._type,
            self._frames if prompt else (self._silence,), self._frame if prompt else 0,
            self._loop or not prompt, prompt, position, 0,
            line.awaited, 0, False, line.ssrc, self._plain, place.timestamp, place.position,
            self._jitter.transit, self._jitter.value, self._last_heard,
            self.codec, listener, *lent, recorder,
        )  # fmt: skip

    def take_back(self, steady: Steady) -> None:
        """The end of that: the state as it is by now."""
        self._sequence, self._next_tick = steady.sequence, steady.next_tick
        self.count(steady.sent, steady.run, steady.awaited, steady.jitter)
        if steady.prompt:
            self._frame = steady.frame
        place = self._placement
        place.timestamp, place.position = steady.newest, steady.place
        self._jitter.transit = steady.transit
        self._last_heard = steady.heard_at
        if steady.listener is not None:
            steady.listener.resume(steady.place + FRAME, steady.held, steady.tail)

    def count(self, sent: int, heard: int, awaited: int, jitter: float) -> None:
        """What happened while lent: packets sent and heard, the sequence number awaited by now."""
        line = self._timeline
        self._sent += sent
        line.run += heard
        line.awaited, self._jitter.value = awaited, jitter
        if heard:
            self._placement.late_since = -1

    # --- each datagram ---

    def receive(self, data: bytes, source: Address, position: int, now: float) -> None:
        """``position``: that of its arrival. What isn't RTP of ours is dropped."""
        if source == self.remote:
            self.hear(data, position, now)
        elif self._learnt and source == self._named:
            # Whoever was learnt was somebody else on that host.
            self.remote, self._learnt = source, False
            self._timeline.awaited = -1
            self.hear(data, position, now)
        elif not self._learn(source, data, position, now):
            self._foreign += self.remote is not None  # Before connect() nobody is foreign yet.

    def hear(self, data: bytes, position: int, now: float) -> None:
        """A datagram that comes from ``remote`` for certain."""
        if self._cipher is not None:
            if rtcp.is_rtcp(data):
                self.reports.receive(data, None, now, self._cipher)
                return
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
                jitter = self._jitter
                step = position - timestamp - jitter.transit
                jitter.transit += step
                jitter.value += ((step if step >= 0 else -step) - jitter.value) / 16
                self._last_heard = now
                frame = data[rtp.HEADER_SIZE :]
                self._keep(start, frame, self.codec)
                if self._listener is not None or self._watcher is not None:
                    self._listen(start, frame, self.codec, now)
                return
        if self._cipher is None and rtcp.is_rtcp(data):
            self.hear_muxed(data, now)
            return
        packet = rtp.parse(data)
        if packet is not None:
            self._heard_named = True
            self._take(packet, position, now)

    def _take(self, packet: rtp.RtpPacket, position: int, now: float) -> None:
        self._last_heard = now
        line = self._timeline
        expected = line.expected
        verdict = line.take(packet.sequence, packet.ssrc)
        if verdict == rtp.RESTARTED:
            self._placement.reset()
            self._keys_in.reset()
            self._jitter.reset()
            if self._order is not None:
                self._hear_pieces(self._order.restart(), now)
        elif verdict in (rtp.DUPLICATE, rtp.STRAY):
            return
        elif verdict == rtp.IN_ORDER and packet.sequence != expected and self._order is None:
            self._order = Sequencer(expected)
        kind, in_order = packet.payload_type, verdict != rtp.REORDERED
        codec = self.codec if kind == self._type else _LAW_OF_TYPE.get(kind)
        start, audio = position, b""
        if kind == self._key_type:
            digit = self._keys_in.take(packet.timestamp, packet.marker, packet.payload)
            if digit is not None:
                self.key_signalled(digit, position, now)
        elif codec is not None:
            if in_order:
                self._jitter.take(packet.timestamp, position)
            start, audio = self._placement.place(packet.timestamp, position, in_order), packet.payload
            if position - start > rtp.Placement.LATE:
                self._late += 1
            if self._noise.active and in_order:
                self._fill(start, now)
                self._noise.stop()
            self._keep(start, audio, codec)
        elif kind == self._noise_heard:
            self._noise.start(self._placement.place(packet.timestamp, position, in_order), packet.payload)
        if self._order is not None:
            audio = translate(audio, codec, self.codec) if codec is not None else b""
            self._hear_pieces(self._order.put(packet.sequence, start, audio, position), now)
        elif codec is not None and in_order:
            self._listen(start, audio, codec, now)
        if self._order is not None or self._noise.active:
            # The next packet isn't as usual: the short way is closed.
            line.awaited = -1

    def key_signalled(self, digit: str, position: int, now: float) -> None:
        """A key came as an event, by RTP or SIP INFO: its tone goes into the recording."""
        if self.recorder is not None:
            self.recorder.heard.put(position, key_tone(digit, self.recorder.codec))
        self._emit(KeyPressed(now, digit, self.offset_s(position)))

    def _learn(self, source: Address, data: bytes, position: int, now: float) -> bool:
        """Whether ``source`` is the negotiated peer behind a NAT, heard for the first time: it counts."""
        if self.remote is None or self._heard_named or self._learnt or source[0] != self.remote[0]:
            return False
        if source == self._left and now - self._left_at < STRAGGLERS_S:
            return False
        plain = data if self._cipher is None else self._cipher.unprotect(data)
        packet = None if plain is None else rtp.parse(plain)
        if packet is None or packet.payload_type not in (self._type, self._key_type):
            return False
        self.remote, self._learnt = source, True
        self._take(packet, position, now)
        return True

    def _fill(self, until: int, now: float) -> None:
        """Comfort noise up to a position, for the recording and who listens."""
        noise = self._noise.until(until, self.codec)
        if noise is not None:
            start, payload = noise
            if self.recorder is not None:
                payload_there = translate(payload, self.codec, self.recorder.codec)
                self.recorder.heard.put(start, payload_there)
            self._listen(start, payload, self.codec, now)

    def _hear_pieces(self, pieces: Sequence[Piece], now: float) -> None:
        """What a missing packet held up."""
        if self._order is not None and not self._order.waiting:
            self._order = None
        for piece in pieces:
            self._listen(piece.position, piece.payload, self.codec, now, piece.lost)

    def _keep(self, start: int, payload: bytes, codec: str) -> None:
        """Received audio in its place: to the recording, and to the other leg of a bridge."""
        recorder = self.recorder
        if recorder is not None:
            same = recorder.codec == codec
            recorder.heard.put(start, payload if same else translate(payload, codec, recorder.codec))
        if self.peer is not None:
            inbox = self.peer._inbox
            if inbox is not None:
                inbox.put(start, translate(payload, codec, self.peer.codec))

    def _listen(self, start: int, payload: bytes, codec: str, now: float, lost: bool = False) -> None:
        """Audio in order to those who listen."""
        listener = self._listener
        if listener is not None:
            heard = payload if listener.codec == codec else translate(payload, codec, listener.codec)
            if self._ears is None:
                self._report(listener.feed(start, heard, lost), now)
            elif listener.hold(start, heard, lost):
                self._ears.add(self, listener)
        watcher = self._watcher
        if watcher is not None:
            self._notice(watcher.feed(start, translate(payload, codec, watcher.codec)), now)

    def found(self, listener: Endpointer, found: Sequence[Found], now: float) -> None:
        """From the ears: what ``listener`` found, unless nobody wants to know any more."""
        if listener is self._listener:
            self._report(found, now)

    def _notice(self, noticed: Sequence[Noticed], now: float) -> None:
        for item in noticed:
            if isinstance(item, HeardTone):
                self._emit(ToneHeard(now, item.tone, self.offset_s(item.start)))
            else:
                self._watcher = None
                offset_s = self.offset_s(item.end)
                self._emit(AnswererJudged(now, item.answerer, item.why, offset_s, item.tone))

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
    if remote.rtcp_port is not None and not 0 < remote.rtcp_port < 65536:
        return f"{remote.rtcp_port} is no RTCP port"
    return "" if remote.srtp is None else check_keys(remote.srtp)
