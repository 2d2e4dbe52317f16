"""Trunk, legs, media streams, recogniser and archive without a network or a disk.

For rehearsals and tests on any event loop, ``dialer.testing.virtual`` included. What the parts do is
written, in order, into one journal; who answers a phone is a coroutine function that gets the leg.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dialer.errors import ArchiveError, MediaError, RecogniserError, TrunkError
from dialer.model import CallId, Heard, PhoneNumber, Recording, RtpStats
from dialer.ports import (
    Answered,
    DialRequest,
    Ended,
    Failed,
    Held,
    KeyPressed,
    LegEvent,
    ListenSpec,
    MediaEvent,
    MediaStream,
    Played,
    Progress,
    RecordedAudio,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    TrunkState,
    Watch,
)

Journal = list[str]
_LEVEL_DBOV = -20.0


def _now() -> float:
    return asyncio.get_running_loop().time()


class FakeMediaStream:
    """Implements ``dialer.ports.MediaStream``. Every clip lasts ``clip_s``; nothing is sent."""

    def __init__(self, name: str, sink: Callable[[MediaEvent], None], journal: Journal) -> None:
        self.name, self.clip_s = name, 1.0
        self.record_s = 0.0
        """How long the recording's file takes to open; the recording itself runs at once."""
        self.failing: set[str] = set()
        """Methods that raise MediaError from now on."""
        self.recording: Path | None = None
        self.listening: ListenSpec | None = None
        self.watching: Watch | None = None
        self.bridged: MediaStream | None = None
        self.closed = False
        self.prompts = 0
        """Prompts that were heard to their end."""
        self._sink, self._journal = sink, journal
        self._from = 0.0
        self._playing: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = asyncio.Event()

    @property
    def local(self) -> tuple[str, int]:
        return "127.0.0.1", 4000

    @property
    def offset_s(self) -> float:
        """Of now, from the start of the recording."""
        return _now() - self._from

    async def connect(self, remote: RemoteMedia) -> None:
        self._do("connect")

    async def play(self, clips: Sequence[Path], play_id: int, *, loop: bool = False) -> None:
        self._do("play", "+".join(clip.name for clip in clips))
        self._end_play(False)
        self._playing = play_id
        if not loop:
            length = self.clip_s * len(clips)
            self._timer = asyncio.get_running_loop().call_later(length, self._end_play, True)

    async def stop_playing(self) -> None:
        self._do("stop_playing")
        self._end_play(False)

    async def listen(self, spec: ListenSpec | None) -> None:
        self._do(f"listen {spec.end_silence_s:g}" if spec else "stop_listening")
        self.listening = spec

    async def watch(self, what: Watch | None) -> None:
        self._do(f"watch {what}" if what else "stop_watching")
        self.watching = what

    async def record(self, path: Path) -> None:
        self._do("record")
        self.recording, self._from = path, _now()
        await asyncio.sleep(self.record_s)

    async def stop_recording(self) -> RecordedAudio:
        self._do("stop_recording")
        if self.recording is None:
            raise MediaError("nothing is being recorded")
        path, self.recording = self.recording, None
        return RecordedAudio(path, "PCMA", self.offset_s, 1000)

    async def bridge(self, other: MediaStream) -> None:
        self._do("bridge")
        self.bridged = other

    async def unbridge(self) -> None:
        self._do("unbridge")
        self.bridged = None

    async def send_keys(self, digits: str) -> None:
        self._do("send_keys")

    async def key_signalled(self, digit: str) -> None:
        self._do("key_signalled")

    async def close(self) -> RtpStats:
        if not self.closed:
            self._journal.append(f"{self.name} close")
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        return RtpStats(sent=50, received=50)

    async def prompt_over(self) -> None:
        """Wait for the end of the next prompt."""
        self._heard.clear()
        await self._heard.wait()

    def _end_play(self, completed: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._playing is not None:
            play_id, self._playing = self._playing, None
            self._sink(Played(_now(), play_id, completed))
            if completed:
                self.prompts += 1
                self._heard.set()

    def _do(self, what: str, detail: str = "") -> None:
        if what.split()[0] in self.failing:
            raise MediaError(f"{what}: the media plane is gone")
        self._journal.append(f"{self.name} {what} {detail}".rstrip())


class FakeLeg:
    """Implements ``dialer.ports.Leg``; the other methods are what the far end does."""

    def __init__(self, name: str, journal: Journal, confirms: bool = True) -> None:
        self.name, self.confirms = name, confirms
        """``confirms``: whether the far end answers CANCEL and BYE."""
        self.over: Failed | Ended | None = None
        self.closed = False
        self._answered = False
        self._journal = journal
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._last: LegEvent | None = None
        self._media = FakeMediaStream(name, self.put, journal)

    @property
    def media(self) -> FakeMediaStream:
        return self._media

    async def next_event(self) -> LegEvent:
        if self._last is None:
            event = await self._events.get()
            self._last = event if isinstance(event, Failed | Ended) else None
            return event
        return self._last

    async def hang_up(self, reason: str = "") -> None:
        if self.over is None:
            self._journal.append(f"{self.name} hang_up {reason}".rstrip())
            if self.confirms:
                self._confirm()

    async def close(self) -> RtpStats:
        if not self.closed:
            self._journal.append(f"{self.name} leg_close")
        self.closed = True
        self.put(Ended(_now(), by_remote=False, reason="closed"))
        return await self._media.close()

    def put(self, event: LegEvent) -> None:
        """Anything may arrive; after the end nothing does."""
        if self.over is None:
            self.over = event if isinstance(event, Failed | Ended) else None
            self._events.put_nowait(event)

    def ring(self, code: int = 180, *, early_media: bool = False) -> None:
        self._journal.append(f"{self.name} rings")
        self.put(Progress(_now(), code, early_media))

    def answer(self) -> None:
        self._journal.append(f"{self.name} answers")
        self._answered = True
        self.put(Answered(_now()))

    def refuse(self, code: int, reason: str = "", *, ours: bool = False) -> None:
        self.put(Failed(_now(), code, reason, ours))

    def leave(self) -> None:
        self._journal.append(f"{self.name} leaves")
        self.put(Ended(_now(), by_remote=True))

    def hold(self, on: bool = True) -> None:
        self.put(Held(_now(), on))

    def press(self, digit: str) -> None:
        self.put(KeyPressed(_now(), digit, self._media.offset_s))

    async def say(self, words: str, length_s: float = 0.8) -> None:
        """One utterance; ``FakeRecogniser`` understands exactly these words."""
        start = self._media.offset_s
        self.put(SpeechStarted(_now(), start))
        self.put(SpeechAudio(_now(), words.encode()))
        await asyncio.sleep(length_s)
        self.put(SpeechEnded(_now(), start, self._media.offset_s, _LEVEL_DBOV))

    def _confirm(self) -> None:
        self.put(Ended(_now(), by_remote=False) if self._answered else Failed(_now(), 487, "Terminated"))


Person = Callable[[FakeLeg], Awaitable[None]]
"""Who is called: gets the leg when the INVITE arrives."""


async def nobody(leg: FakeLeg) -> None:
    """Rings until the caller gives up."""
    leg.ring()


def keys(digits: str, then_leave: bool = True) -> Person:
    """Answers at once and presses one key after each prompt, then hangs up after the next prompt."""

    async def answer(leg: FakeLeg) -> None:
        leg.ring()
        leg.answer()
        for digit in digits:
            await leg.media.prompt_over()
            await asyncio.sleep(0.2)
            leg.press(digit)
        if then_leave:
            await leg.media.prompt_over()
            leg.leave()

    return answer


class FakeTrunk:
    """Implements ``dialer.ports.Trunk``. ``people``: who answers, by E.164 number or SIP URI, which takes
    no line."""

    def __init__(self, people: Mapping[str, Person], journal: Journal | None = None) -> None:
        self.people = dict(people)
        self.journal: Journal = [] if journal is None else journal
        self.refusal = ""
        """Why no INVITE can leave; empty: it can."""
        self.lines = 10
        self.dial_s = 0.0
        """How long an INVITE takes to leave."""
        self.confirms = True
        self.legs: list[FakeLeg] = []
        self.requests: list[DialRequest] = []
        self._calls: set[asyncio.Future[None]] = set()

    def state(self) -> TrunkState:
        busy = sum(
            leg.over is None and isinstance(request.target, PhoneNumber)
            for leg, request in zip(self.legs, self.requests, strict=True)
        )
        free = max(0, self.lines - busy)
        return TrunkState(not self.refusal, free, self.refusal or ("" if free else "no free line"))

    async def dial(self, request: DialRequest) -> FakeLeg:
        await asyncio.sleep(self.dial_s)
        state = self.state()
        if self.refusal:
            raise TrunkError(self.refusal)
        if not state.lines_free and isinstance(request.target, PhoneNumber):
            raise TrunkError(state.reason)
        if request.not_after is not None and _now() > request.not_after:
            raise TrunkError("too late for an INVITE")
        number = isinstance(request.target, PhoneNumber)
        name = "customer" if number else str(request.target)
        self.journal.append(f"{name} invited")
        leg = FakeLeg(name, self.journal, self.confirms)
        self.legs.append(leg)
        self.requests.append(request)
        target = request.target.e164 if isinstance(request.target, PhoneNumber) else request.target
        call = asyncio.ensure_future(self._answer(leg, self.people.get(target, nobody)))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return leg

    @staticmethod
    async def _answer(leg: FakeLeg, person: Person) -> None:
        await person(leg)


@dataclass(slots=True)
class FakeRecogniser:
    """Implements ``dialer.ports.Recogniser``: the audio is the words in UTF-8."""

    confidence: float = 0.95
    delay_s: Callable[[str], float] = lambda words: 0.1
    """How long it takes to recognise these words."""
    unknown_ratio: float = 0.0
    failing: set[str] = field(default_factory=set)
    """``open``, ``feed``, ``finish``: raise RecogniserError there."""
    grammars: list[tuple[str, ...]] = field(default_factory=list)
    cancelled: int = 0
    open_streams: int = 0

    async def open(self, words: Sequence[str]) -> FakeRecogniserStream:
        self.check("open")
        self.grammars.append(tuple(words))
        self.open_streams += 1
        return FakeRecogniserStream(self)

    def check(self, what: str) -> None:
        if what in self.failing:
            raise RecogniserError(f"{what}: the worker died")


class FakeRecogniserStream:
    def __init__(self, recogniser: FakeRecogniser) -> None:
        self._recogniser, self._pcm, self._closed = recogniser, b"", False

    async def feed(self, pcm: bytes) -> None:
        self._recogniser.check("feed")
        self._pcm += pcm

    async def finish(self) -> Heard:
        self._close()
        words = self._pcm.decode()
        await asyncio.sleep(self._recogniser.delay_s(words))
        self._recogniser.check("finish")
        return Heard(words, self._recogniser.confidence, self._recogniser.unknown_ratio)

    async def cancel(self) -> None:
        self._recogniser.cancelled += 1
        self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._recogniser.open_streams -= 1


class FakeArchive:
    """Implements ``dialer.ports.Archive`` in memory."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal: Journal = [] if journal is None else journal
        self.room: tuple[bool, str] = (True, "")
        self.full = False
        """``reserve`` and ``seal`` raise ArchiveError."""

    def has_room(self) -> tuple[bool, str]:
        return self.room

    async def reserve(self, call_id: CallId, at: datetime) -> Path:
        self._check()
        return Path(f"{call_id:08d}.wav.part")

    async def seal(
        self, call_id: CallId, audio: RecordedAudio, started_at: datetime, ended_at: datetime
    ) -> Recording:
        self._check()
        self.journal.append("sealed")
        return self._row(call_id, audio.duration_s, started_at, ended_at, partial=False)

    async def repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        self.journal.append("repaired")
        return self._row(call_id, 1.0, started_at, started_at, partial=True)

    def _check(self) -> None:
        if self.full:
            raise ArchiveError("no space left")

    @staticmethod
    def _row(call_id: CallId, length_s: float, start: datetime, end: datetime, partial: bool) -> Recording:
        until = end.date().replace(year=end.year + 3, day=min(end.day, 28))
        return Recording(
            call_id, f"{call_id:08d}.wav", "0" * 64, 1000, length_s, "PCMA", start, end, until, False, partial
        )
