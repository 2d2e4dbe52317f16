"""What the middle of the house asks of its shells. One contract suite runs over every implementation.

Two clocks: ``datetime`` is legal time (policy, rows, retention), ``float`` is loop time in seconds
(signalling, media, turns). ``offset_s`` counts from the start of the call's recording.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from dialer.access.search import CallQuery, Found, LogQuery
from dialer.events import Event
from dialer.kpi import Month
from dialer.model import (
    ArchiveEvent,
    Attempt,
    CallId,
    CallRecord,
    DayRoot,
    Detail,
    DueChange,
    Heard,
    ImportReport,
    Kept,
    KeptState,
    LogEntry,
    NewEntry,
    PhoneNumber,
    Recording,
    RtpStats,
    Say,
    Task,
    TaskId,
    Ticket,
)
from dialer.model import Tone as Tone
from dialer.policy.ledger import Rules
from dialer.policy.verdict import Decision

# --- signalling -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response (18x). ``early_media``: it carried SDP."""

    at: float
    code: int
    early_media: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """2xx received and acknowledged; the media stream is connected."""

    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The INVITE ended without an answer. ``code`` is the SIP status, 0 where none came.

    ``ours``: nothing reached a callee (no response, 5xx of the trunk before 18x, transport fault).
    """

    at: float
    code: int
    reason: str
    ours: bool = False
    retry_after_s: float = 0.0
    cause: int = 0
    """Q.850 cause of the response's Reason header (RFC 3326, RFC 6432); 0: none came."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An answered leg is over. ``by_remote``: the far end sent BYE."""

    at: float
    by_remote: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The far end put the call on hold (it sends, and doesn't listen), or ``on`` false: took it back."""

    at: float
    on: bool


# --- media ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Played:
    """``play_id`` is over. ``completed``: false where it was stopped or replaced."""

    at: float
    play_id: int
    completed: bool


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One DTMF digit (0-9 * #), reported once at its start."""

    at: float
    digit: str
    offset_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at: float
    offset_s: float


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Part of the utterance under way, with some pre-roll: 8 kHz mono signed 16-bit little-endian."""

    at: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """End of speech by VAD. ``level_dbov``: mean level of the speech frames."""

    at: float
    start_offset_s: float
    end_offset_s: float
    level_dbov: float


@dataclass(frozen=True, slots=True)
class MediaTimeout:
    """No RTP from the far end for the configured time."""

    at: float


@dataclass(frozen=True, slots=True)
class MediaFailed:
    """The media plane is gone or the recording can't be written: the call must end."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """A call progress tone of the far end; reported once at its recognition, again after a pause in it."""

    at: float
    tone: Tone
    offset_s: float


class Answerer(StrEnum):
    PERSON = "person"
    MACHINE = "machine"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class AnswererJudged:
    """Who answered, by tones and the length of the first speech. ``why``: the rule that decided."""

    at: float
    answerer: Answerer
    why: str
    offset_s: float
    tone: Tone | None = None
    """The tone that made it a machine; None: none did."""


MediaEvent = (
    Played | KeyPressed | SpeechStarted | SpeechAudio | SpeechEnded | MediaTimeout | MediaFailed
    | ToneHeard | AnswererJudged
)  # fmt: skip
LegEvent = Progress | Answered | Failed | Ended | Held | MediaEvent


@dataclass(frozen=True, slots=True)
class ListenSpec:
    """How to find one utterance (VAD endpointing)."""

    end_silence_s: float = 0.7
    min_speech_s: float = 0.12
    max_speech_s: float = 12.0


class Watch(StrEnum):
    """What call progress detection listens for."""

    EARLY = "early"
    """Before the answer: tones of the network in early media (ToneHeard)."""
    ANSWERER = "answerer"
    """From the answer on: tones, and a person or a machine (ToneHeard, AnswererJudged once)."""


class Srtp(StrEnum):
    """Crypto suites of SDP security descriptions (RFC 4568 6.2)."""

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Both directions' master key and salt (30 bytes each; RFC 3711, RFC 4568)."""

    suite: Srtp
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What SDP settled: where to send, which payload types, PCMA or PCMU."""

    host: str
    port: int
    codec: str
    payload_type: int
    dtmf_payload_type: int | None
    """None: the peer takes no telephone-event."""
    comfort_noise_payload_type: int | None = None
    """None: the peer sends and takes no comfort noise (RFC 3389)."""
    srtp: SrtpKeys | None = None
    """None: plain RTP."""
    rtcp_port: int | None = None
    """Where RTCP goes: ``port`` itself with rtcp-mux (RFC 5761), a=rtcp's, or ``port`` + 1; None: nowhere."""
    sending: bool = True
    """False while the far end holds us (a=sendonly, a=inactive): nothing of ours is sent."""


@dataclass(frozen=True, slots=True)
class RecordedAudio:
    """A closed recording file. Both channels have ``duration_s`` seconds."""

    path: Path
    codec: str
    duration_s: float
    size: int


class MediaStream(Protocol):
    """One RTP stream in the media plane. Every coroutine may raise MediaError."""

    @property
    def local(self) -> tuple[str, int]:
        """Address and port that our SDP offers."""
        ...

    async def connect(self, remote: RemoteMedia) -> None: ...

    async def play(self, clips: Sequence[Path], play_id: int, *, loop: bool = False) -> None:
        """Send WAV clips (8 kHz mono) one after the other; replaces what is playing."""
        ...

    async def stop_playing(self) -> None: ...

    async def listen(self, spec: ListenSpec | None) -> None:
        """Find utterances from now on (SpeechStarted, SpeechAudio..., SpeechEnded); None stops."""
        ...

    async def watch(self, what: Watch | None) -> None:
        """Call progress detection from now on (ToneHeard, AnswererJudged); None stops.

        An ANSWERER watch is over by itself once it has judged.
        """
        ...

    async def record(self, path: Path) -> None:
        """Start the stereo recording; offset 0 is now."""
        ...

    async def stop_recording(self) -> RecordedAudio: ...

    async def bridge(self, other: MediaStream) -> None:
        """Each hears the other from now on; recordings go on."""
        ...

    async def unbridge(self) -> None: ...

    async def send_keys(self, digits: str) -> None: ...

    async def key_signalled(self, digit: str) -> None:
        """The far end sent a key by SIP INFO: KeyPressed follows, the recording gets its tone."""
        ...

    async def close(self) -> RtpStats:
        """Release the port. Idempotent."""
        ...


class MediaPlane(Protocol):
    @property
    def alive(self) -> bool:
        """False while the plane is gone: no call may be placed."""
        ...

    async def open(
        self, sink: Callable[[MediaEvent], None], *, beside: MediaStream | None = None
    ) -> MediaStream:
        """A stream with a port of its own. Raises MediaError where ports or the plane are gone.

        ``beside``: a stream that this one is to be bridged with; both must live in one media process.
        """
        ...


class Leg(Protocol):
    """One SIP dialog with its media stream."""

    @property
    def media(self) -> MediaStream: ...

    async def next_event(self) -> LegEvent:
        """Signalling and media events in order of arrival; after Failed or Ended nothing follows."""
        ...

    async def hang_up(self, reason: str = "") -> None:
        """CANCEL before the answer, BYE after it; Failed or Ended follows. Idempotent."""
        ...

    async def close(self) -> RtpStats:
        """Free the dialog and the media port once over. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class DialRequest:
    """``target``: a number for the trunk, or a full SIP URI (an agent's phone)."""

    target: PhoneNumber | str
    caller_id: str = ""
    reference: str = ""
    """Ours, for logs: the call's id."""
    not_after: float | None = None
    """Loop time after which no INVITE may leave any more; None: any time."""
    beside: MediaStream | None = None
    """The stream that this call will be bridged with; None: it stays alone."""
    display_name: str = ""
    """Name beside the caller id; empty: the trunk's."""
    campaign: str = ""
    """Whose caller id a trunk shows where ``caller_id`` is empty."""


@dataclass(frozen=True, slots=True)
class TrunkState:
    up: bool
    lines_free: int
    reason: str = ""


class Trunk(Protocol):
    def state(self) -> TrunkState: ...

    async def dial(self, request: DialRequest) -> Leg:
        """Send one INVITE. Raises TrunkError before anything left this host."""
        ...


# --- listening and speaking -------------------------------------------------------------------


class RecogniserStream(Protocol):
    async def feed(self, pcm: bytes) -> None: ...

    async def finish(self) -> Heard:
        """Raises RecogniserError when the worker is dead or late; the stream is closed either way."""
        ...

    async def cancel(self) -> None: ...


class Recogniser(Protocol):
    async def open(self, words: Sequence[str]) -> RecogniserStream:
        """``words``: the grammar, in phrases of the model's vocabulary. Raises RecogniserError."""
        ...


class Synthesiser(Protocol):
    def clips(self, say: Sequence[Say], *, slow: bool = False) -> list[Path]:
        """The clips that speak it, in order; longer ones for who asked for slow speech.

        Raises MissingPrompt naming what is missing.
        """
        ...


# --- rows and recordings ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One decision as the ledger keeps it."""

    id: int
    task_id: TaskId
    at: datetime
    decision: Decision


class Claim(msgspec.Struct, frozen=True):
    """This node may try this task once, until the lease ends on the database's clock."""

    task: Task
    fence: int
    node: str


class Candidate(msgspec.Struct, frozen=True):
    """What ``verdict`` needs to know about a task."""

    task: Task
    attempts: tuple[Attempt, ...]
    """All attempts of this task, oldest first."""
    customer_attempts: tuple[Attempt, ...]
    """Attempts to the same customer by other tasks, for the daily cap and the one-live-call rule."""


class Lane(NamedTuple):
    """Tasks of one campaign, zone and segment: their windows open and close together."""

    campaign: str
    zone: str
    segment: str


Reachable = Callable[[Lane], bool]
"""Whether anybody of that lane may be called now."""


@dataclass(frozen=True, slots=True)
class CallView:
    """One call as the interface shows it."""

    attempt: Attempt
    task: Task
    record: CallRecord | None
    """None while the call is live."""


class Store(Protocol):
    """Every coroutine may raise StoreError."""

    async def add_tasks(self, tasks: Sequence[Task], now: datetime) -> ImportReport:
        """Insert; the same campaign and policy number twice counts as a duplicate and changes nothing."""
        ...

    async def candidates(
        self,
        now: datetime,
        limit: int,
        campaigns: Collection[str] | None = None,
        reachable: Reachable = lambda _lane: True,
        node: str = "",
    ) -> list[Candidate]:
        """Open tasks that aren't claimed and whose last Wait verdict is over, earliest deadline first.

        ``campaigns``: of these alone; None: of all. Of lanes that are ``reachable``; agreed times that are
        due are among them whatever their lane. ``node``: who asks; of several that are at work each is shown
        its own share of the tasks with the same deadline first, so that they don't reach for the same ones.
        The first task of a new lane may show only when ``now`` is a second later, and so may a new node.
        """
        ...

    async def reconsider(self, limit: int) -> int:
        """Show the queue tasks again that were refused and stayed open, so many at most. Returns how many."""
        ...

    async def candidate(self, task_id: TaskId) -> Candidate | None: ...

    async def record_decision(self, task_id: TaskId, decision: Decision, now: datetime) -> None:
        """Keep the verdict where it differs from the task's last one. A Wait hides the task until then, a
        Refuse that leaves it open until ``reconsider``."""
        ...

    async def decisions(self, task_id: TaskId) -> list[tuple[datetime, Decision]]:
        """Every change of the task's verdict with what it went by, oldest first."""
        ...

    async def keep_rules(self, rules: Rules, now: datetime, campaign: str = "") -> bool:
        """Keep the rules where they differ from the last ones kept; then waits are asked anew, for they
        went by others. Returns whether they differed.

        ``campaign``: whose rules they are; empty: the house's.
        """
        ...

    async def rules(self, fingerprint: str) -> Rules | None: ...

    async def provisional_tasks(self) -> list[Task]:
        """Tasks whose due date is provisional, by id."""
        ...

    async def set_due(self, changes: Sequence[DueChange], now: datetime) -> None:
        """One transaction: the deadlines, the ledger's note of each change, an event for each."""
        ...

    async def due_changes(self, task_id: TaskId) -> list[tuple[datetime, DueChange]]:
        """Oldest first."""
        ...

    async def claim(self, task_id: TaskId, node: str, lease_s: float, now: datetime) -> Claim | None:
        """One winner. None: somebody else has it, or it isn't open any more."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give an unused claim back."""
        ...

    async def barrier(
        self, claim: Claim, check: Callable[[Candidate], Decision], now: datetime
    ) -> tuple[Decision, Attempt | None]:
        """In one transaction: still our lease? verdict again on fresh rows? Then write the attempt row.

        Only with an Attempt may an INVITE leave. Raises Fenced where the lease is gone.
        """
        ...

    async def note_ringing(self, call_id: CallId, at: datetime) -> None: ...

    async def note_answered(self, call_id: CallId, at: datetime) -> None: ...

    async def renew(self, claim: Claim, lease_s: float) -> None:
        """Raises Fenced."""
        ...

    async def finish(self, claim: Claim, record: CallRecord) -> list[Ticket]:
        """One transaction: attempt, answers, tickets, recording, task state, outbox. Idempotent by call."""
        ...

    async def open_attempts(self, node: str) -> list[Attempt]:
        """Live attempts that this node left behind."""
        ...

    async def close_unknown(self, record: CallRecord) -> None:
        """Recovery: the attempt becomes what ``record`` says (UNKNOWN), the claim is dropped."""
        ...

    async def drop_claims(self, node: str) -> int:
        """Recovery: this node's claims without an attempt become free again. Returns how many."""
        ...

    async def tasks(self) -> list[Task]: ...

    async def calls(self, task_id: TaskId | None = None) -> list[CallView]: ...

    async def call(self, call_id: CallId) -> CallView | None: ...

    async def calls_by_id(self, ids: Sequence[CallId]) -> list[CallView]:
        """In the order of their ids; those that aren't there are left out."""
        ...

    async def search(self, query: CallQuery) -> Found:
        """Finished calls, newest first."""
        ...

    async def month_conversations(self, month: Month) -> list[CallId]:
        """The month's calls in which somebody was spoken with, oldest first: what is sampled (R59)."""
        ...

    async def tickets(self) -> list[Ticket]: ...

    async def recordings(self) -> list[Recording]: ...

    async def outbox(self, limit: int, after: int = 0) -> list[tuple[int, Event]]:
        """The oldest events that wait, behind this id; with their ids, which never come again."""
        ...

    async def outbox_done(self, ids: Sequence[int]) -> None: ...

    async def close(self) -> None: ...


class Archive(Protocol):
    async def reserve(self, call_id: CallId, at: datetime) -> Path:
        """Where the recorder writes while the call lives (``.part``). Raises ArchiveError (disk)."""
        ...

    async def seal(
        self, call_id: CallId, audio: RecordedAudio, started_at: datetime, ended_at: datetime
    ) -> Recording:
        """fsync, hash, rename; dates the deletion. Raises ArchiveError."""
        ...

    async def repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        """Close what a crash left open: a playable file marked partial, or None where there is no audio."""
        ...

    def has_room(self) -> tuple[bool, str]:
        """Whether a call could be recorded now, and why not (R75). Doesn't block."""
        ...


class ArchiveLog(Protocol):
    """The hash-chained, append-only log of the archive. Every coroutine may raise StoreError.

    ``SqlStore.archive`` is one.
    """

    async def append(
        self,
        kind: ArchiveEvent,
        call_id: CallId | None,
        by: str,
        at: datetime,
        details: Mapping[str, Detail],
    ) -> LogEntry:
        """Returns once it is committed: play nothing before. ``details`` hold no numbers, names or words."""
        ...

    async def log_of(self, call_id: CallId) -> list[LogEntry]:
        """Oldest first."""
        ...

    async def log_search(self, query: LogQuery) -> list[LogEntry]:
        """Newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Filed:
    """Everything that the database says about one call's recording; where a row is gone, None."""

    call_id: CallId
    recording: Recording | None
    kept: Kept | None
    """None: not sealed into the archive yet."""
    log: tuple[LogEntry, ...]
    """Its entries, oldest first."""


class ArchiveIndex(ArchiveLog, Protocol):
    """What the database knows of the archive. Every coroutine may raise StoreError."""

    async def unsealed(self, after: CallId, limit: int) -> tuple[list[CallView], CallId]:
        """Finished calls behind ``after`` with a recording and without evidence, oldest first; and up to
        which call all is settled but these: ``after`` of the next time."""
        ...

    async def in_state(self, state: KeptState, after: CallId, limit: int) -> list[Kept]: ...

    async def due(self, today: date, limit: int) -> list[Kept]:
        """Evidence in its place whose retention ended before ``today``, without a legal hold."""
        ...

    async def kept(self, call_id: CallId) -> Kept | None: ...

    async def change(
        self, moves: Sequence[tuple[Kept | None, Kept]], entries: Sequence[NewEntry]
    ) -> list[LogEntry]:
        """One transaction: each row from the first to the second, then the entries appended.

        A row that isn't in the state of its first any more (None: is there already): StoreError, nothing
        changes.
        """
        ...

    async def filed(self, after: CallId, limit: int) -> list[Filed]:
        """By call id: recordings, and evidence or log entries whose recording's row is gone too."""
        ...

    async def filed_calls(self, calls: Sequence[CallId]) -> list[Filed]: ...

    async def log_page(self, after: int, limit: int) -> list[LogEntry]: ...

    async def last_entry(self, kind: ArchiveEvent | None = None) -> LogEntry | None:
        """The newest; with ``kind`` the newest of that."""
        ...

    async def roots(self) -> list[DayRoot]: ...

    async def add_root(self, root: DayRoot, at: datetime) -> None: ...

    async def answered_between(self, start: datetime, end: datetime) -> list[CallView]:
        """Finished calls that were answered in [start, end)."""
        ...

    async def calls_by_id(self, ids: Sequence[CallId]) -> list[CallView]: ...

    async def audit_tickets(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Store those whose call has none of that category yet; returns what was stored."""
        ...

    async def tally(self) -> list[tuple[KeptState, str, bool, int, int]]:
        """(state, place, hold, calls, stored bytes)"""
        ...


class RangeReader(Protocol):
    """One recording's audio as the recorder wrote it (WAV), deciphered as far as it is read."""

    @property
    def size(self) -> int: ...

    async def read(self, offset: int, length: int) -> bytes:
        """Fewer bytes at the end, none behind it. Raises ArchiveError where the stored bytes were changed."""
        ...

    async def close(self) -> None: ...


class Evidence(Protocol):
    """What lies in the archive, to be read. Raises ArchiveError: unknown, not sealed yet, expired, changed.

    Whoever reads for a person appends ACCESSED or EXPORTED to the log first. ``EvidenceRoom`` of
    ``dialer/archive/evidence.py`` is one.
    """

    async def open(self, call_id: CallId) -> RangeReader: ...

    async def sidecar(self, call_id: CallId) -> str:
        """Canonical JSON: the call, its answers with offsets, hashes (docs/archive.md)."""
        ...


class EventSink(Protocol):
    async def publish(self, event_id: int, event: Event) -> None:
        """Raises DialerError where it can't be taken now: it comes again, and those behind it wait."""
        ...


@runtime_checkable
class ConfirmingSink(EventSink, Protocol):
    """A subscriber that takes many events at a time and has them for good later."""

    async def confirmed(self) -> tuple[set[int], str]:
        """Waits for what it took since the last time: the ids that it has for good, and why not the others.

        The others come again; later ones may come before them.
        """
        ...
