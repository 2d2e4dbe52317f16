"""The values that every room shares: frozen, checked at construction, free of I/O.

Times are aware ``datetime`` (legal time) unless a name ends in ``_s`` (seconds) or ``offset_s``
(seconds from the start of the call's recording). Identifiers are the store's integers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

TaskId = NewType("TaskId", int)
CallId = NewType("CallId", int)
"""One attempt is one call: the attempt row's key names the call everywhere."""
TicketId = NewType("TicketId", int)


class Reason(str):
    """A reason for the operator in Chinese that knows its English. Plain text is a reason in one language."""

    en: str

    def __new__(cls, zh: str, en: str) -> Reason:
        made = super().__new__(cls, zh)
        made.en = en
        return made


def english(reason: str) -> str:
    return reason.en if isinstance(reason, Reason) else reason


def same_person(one: str, other: str) -> bool:
    """Blanks, width and case don't make another name. Nobody has no name."""

    def plain(name: str) -> str:
        return "".join(unicodedata.normalize("NFKC", name).casefold().split())

    return bool(plain(one)) and plain(one) == plain(other)


_DIGITS = re.compile(r"^\+?[0-9]{3,18}$")
_SEPARATORS = re.compile(r"[\s\-().（）－]")
_APART = r"[\s().（）‐-―－-]*"
_RUN = re.compile(rf"(?P<plus>\+{_APART})?(?P<digits>\d(?:{_APART}\d)*)")
"""Digits with what people put between them, also full-width."""
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# Six digits behind a code may be the rest of a number whose area code it seems.
_CODE = rf"[0-9]{{1,3}}(?!(?:{_APART}\d){{6}}(?!{_APART}\d))"
_READABLE = re.compile(
    r"((?<![\d+])(?<!\d[.)-])(?:"
    rf"(?:{_OCTET}\.){{3}}{_OCTET}(?::[0-9]{{1,5}})?"
    r"|(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9])?"
    rf"|\bSIP {_CODE}|\bQ\.850(?: {_CODE})?"
    r")(?![.-]?\d))"
)
"""IPv4 addresses, ISO dates, times, SIP's and Q.850's codes."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number in E.164 (``+8613812345678``). ``str()`` and ``repr()`` are masked: logs can't leak it."""

    e164: str

    @classmethod
    def parse(cls, text: str, country: str = "86") -> PhoneNumber:
        """Read what people type: 138 1234 5678, 0086138..., (010)6512-3456. Raises ValueError."""
        raw = _SEPARATORS.sub("", text.strip())
        if not _DIGITS.match(raw):
            raise ValueError("not a telephone number: use digits, e.g. 13812345678 or 010-65123456")
        if raw.startswith("+"):
            number = raw
        elif raw.startswith("00"):
            number = "+" + raw[2:]
        else:
            number = f"+{country}" + raw.removeprefix("0")
        if number.startswith("+86"):
            national = number[3:]
            mobile = len(national) == 11 and national[0] == "1" and national[1] in "3456789"
            fixed = (9 <= len(national) <= 11 and national[0] in "23456789") or re.match(
                r"^10\d{8}$", national
            )
            if not (mobile or fixed):
                raise ValueError("not a mainland number: a mobile has 11 digits, a fixed line its area code")
        elif len(number) < 8:
            raise ValueError("too short for an international number")
        return cls(number)

    @property
    def national(self) -> str:
        """As dialled inside the country: 13812345678, 01065123456."""
        if not self.e164.startswith("+86"):
            return "00" + self.e164[1:]
        rest = self.e164[3:]
        return rest if len(rest) == 11 and rest[0] == "1" and rest[1] != "0" else "0" + rest

    @property
    def masked(self) -> str:
        """138****1234: the first three and the last four digits."""
        digits = self.national
        return f"{digits[:3]}****{digits[-4:]}"

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def without_numbers(text: str) -> str:
    """Far ends write telephone numbers into phrases: rows, logs and events get their last four digits.

    Seven digits are one, whatever stands between them. Dates, times, IPv4 addresses and the codes of SIP
    and Q.850 stay readable.
    """
    parts = _READABLE.split(text)
    parts[::2] = [_RUN.sub(_last_four, part) for part in parts[::2]]
    return "".join(parts)


def _last_four(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found["digits"])
    plus = found["plus"]
    if len(digits) < (5 if plus else 7):  # behind a plus a number's end may have been taken for the hour
        return found[0]
    return f"{plus or ''}****{digits[-4:]}"


class Segment(StrEnum):
    """Customer segment that narrows the calling windows (R45)."""

    GENERAL = "general"
    GOVERNMENT = "government"


class Disposition(StrEnum):
    """How an attempt ended (拨打结果). The reason text stands beside it (R42)."""

    COMPLETED = "completed"
    """Identity confirmed and every question of the script answered, whatever the answers."""
    ANSWERED_INCOMPLETE = "answered_incomplete"
    WRONG_PERSON = "wrong_person"
    REFUSED = "refused"
    APPOINTMENT = "appointment"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNALLOCATED = "unallocated"
    UNREACHABLE = "unreachable"
    TRUNK_FAILURE = "trunk_failure"
    """Ours or the carrier's fault before the phone rang: not counted as an attempt."""
    NOT_DIALLED = "not_dialled"
    """The barrier passed but no INVITE left (fence, window, no port): not counted."""
    MACHINE = "machine"
    """An answering machine, a voice mailbox or a fax took the call: nothing was asked of anybody."""
    TRANSFERRED = "transferred"
    """Handed to an agent before the script's end; the agent goes on with the customer."""
    UNKNOWN = "unknown"
    """A crash left it open: counted, never silently redialled."""

    @property
    def counts_as_attempt(self) -> bool:
        return self not in NOT_COUNTED


NOT_COUNTED = (Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED)
"""R42: faults of the line, no attempts."""


class Tone(StrEnum):
    """What the network or a machine sounds (ITU-T E.180; China: GB/T 3380, 450 Hz)."""

    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    UNOBTAINABLE = "unobtainable"
    """空号音: no such number."""
    SIT = "sit"
    """Special information tone: an announcement follows (950, 1400, 1800 Hz)."""
    BEEP = "beep"
    """An answering machine asks for the message."""
    FAX = "fax"


class TaskState(StrEnum):
    """Where a call-back task (回访任务) stands."""

    OPEN = "open"
    DONE = "done"
    """Reached and asked through; tickets may be open."""
    REFUSED = "refused"
    """拒访: the customer declined."""
    CONTACT_REFRESH = "contact_refresh"
    """The number is unallocated or the pass is used up: the business side must re-verify it (R22, R24)."""
    VISIT = "visit"
    """上门: the passes by telephone are used up (R25)."""
    LETTER = "letter"
    """信函: the visit was unsuccessful too (R26)."""
    UNREACHED = "unreached"
    """未能回访: neither telephone nor visit nor letter reached the customer."""
    WITH_AGENT = "with_agent"
    """An agent spoke with the customer and keeps the task; not dialled by itself again."""
    EXCLUDED = "excluded"
    """Waiver, surrender, do-not-call."""


class QuestionKind(StrEnum):
    """Polarity of a question; with the words it decides the answer's class."""

    POS = "POS"
    KNOW = "KNOW"
    BAD = "BAD"
    LEFT = "LEFT"
    NEG = "NEG"
    CONS = "CONS"
    IDENTITY = "IDENTITY"
    """POS at the identity gate: a plain no means WRONG."""
    FREE = "FREE"
    """An open question: the customer speaks freely, and it is kept (R66)."""


class AnswerClass(StrEnum):
    """What an utterance means for its question. ``?`` classes need one confirmation."""

    YES = "Y"
    NO = "N"
    MAYBE_YES = "Y?"
    MAYBE_NO = "N?"
    UNCLEAR = "U"
    REPEAT = "REPEAT"
    BUSY = "BUSY"
    WRONG = "WRONG"
    REFUSE = "REFUSE"
    COMPLAINT = "COMPLAINT"
    HUMAN = "HUMAN"
    SAID = "SAID"
    """Something was said to an open question: neither yes nor no."""


class AnswerSource(StrEnum):
    ASR = "asr"
    DTMF = "dtmf"
    AGENT = "agent"
    NONE = "none"
    """Nothing was said or pressed."""


class Signature(StrEnum):
    """Who must have signed a waiver (免访声明) before it exempts (R19)."""

    POLICYHOLDER = "policyholder"
    SELLER = "seller"
    SALES_MANAGER = "sales_manager"
    """销售管理部门经理."""


ALL_SIGNATURES = tuple(Signature)


@dataclass(frozen=True, slots=True)
class Phone:
    number: PhoneNumber
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Policyholder:
    """投保人 and what the script may say of the policy. No ID number is ever kept."""

    name: str
    honorific: str = ""
    """先生 or 女士; empty: the script says 先生或女士."""
    insured_differs: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One customer to be called back about one policy."""

    id: TaskId
    campaign: str
    policy_no: str
    holder: Policyholder
    phones: tuple[Phone, ...]
    product: str
    premium: Decimal
    pay_years: int
    script: str
    cooling_off_days: int = 15
    cooling_off_end: date | None = None
    due: date | None = None
    deadline_type: str = ""
    """Name of the deadline type by which ``due`` was dated, e.g. ``R30``. Empty: it was given as a date."""
    event: date | None = None
    """What the deadline counts from: the signing, a claim's end, a visit."""
    due_provisional: bool = False
    """``due`` was counted through a year without an official calendar: early rather than late."""
    branch: str = ""
    channel: str = ""
    seller: str = ""
    seller_team: str = ""
    segment: Segment = Segment.GENERAL
    tier: str = ""
    """How often this customer is called back, e.g. ``A`` (R77, R78, R96). Empty: once."""
    zone: str = "Asia/Shanghai"
    state: TaskState = TaskState.OPEN
    pass_no: int = 1
    appointment: datetime | None = None
    waiver: bool = False
    """A waiver was handed in. It exempts only with all three signatures (R19)."""
    waiver_signatures: tuple[Signature, ...] = ()
    opted_out: bool = False
    surrendered: bool = False
    do_not_call: bool = False
    visit_failed: bool = False
    """A visit was made and didn't reach the customer (R26)."""
    address: str = ""
    """Where to visit and to write."""
    email: str = ""
    """For who declines calls (R37)."""

    @property
    def recurs(self) -> bool:
        """Whether the call-back comes round by the customer's tier: no deadline of its own (R77)."""
        return bool(self.tier) and self.due is None and self.cooling_off_end is None

    @property
    def missing_signatures(self) -> tuple[Signature, ...]:
        """What its waiver lacks (R19); all three where none was handed in."""
        signed = self.waiver_signatures if self.waiver else ()
        return tuple(one for one in ALL_SIGNATURES if one not in signed)

    def sold_by(self, name: str, team: str = "") -> bool:
        """Whether that person, or one of that team, sold this policy: never offered the call (R5)."""
        return same_person(name, self.seller) or same_person(team, self.seller_team)

    @property
    def customer_key(self) -> str:
        """One live call per customer whatever the number of tasks: same number, same customer."""
        return self.phones[0].number.e164


@dataclass(frozen=True, slots=True)
class DueChange:
    """A task's deadline dated anew: a notice came for a year that had no official calendar."""

    task_id: TaskId
    deadline_type: str
    before: date | None
    after: date
    provisional: bool
    """Whether ``after`` still goes by no official data."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one number; the row that proves it was made, and why it ended (R42)."""

    id: CallId
    task_id: TaskId
    number: PhoneNumber
    pass_no: int
    slot: str
    """Key of the slot it used, e.g. ``2026-11-10/1`` (local day, window index)."""
    invited_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Disposition | None = None
    """None while the call is live."""
    sip_code: int = 0
    reason: str = ""
    appointment: datetime | None = None
    """The callback time the customer asked for in this call."""

    @property
    def live(self) -> bool:
        return self.outcome is None


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the ways in which a recogniser can read an utterance."""

    text: str
    share: float
    """0..1 of what all readings together deserve."""
    whole: bool = True
    """Nothing in it was out of grammar."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser made of one utterance. ``text`` has no spaces; ``[unk]`` parts are dropped."""

    text: str
    confidence: float
    """0..1, the engine's own; not evidence by itself (noise can score 1.0)."""
    unknown_ratio: float = 0.0
    """Share of the decoded tokens that were out of grammar."""
    duration_s: float = 0.0
    level_dbov: float = -90.0
    """Mean speech level, dB below overload."""
    readings: tuple[Reading, ...] = ()
    """The likeliest first; empty where the engine gives only one."""
    snr_db: float = 30.0
    """Loud parts over quiet ones."""
    expected: bool = True
    """The whole text is a phrase of the grammar, and not parts of several."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer: enough to find it in the audio and to see why it was classed so."""

    question: str
    kind: QuestionKind
    answer_class: AnswerClass
    words: str
    confidence: float
    source: AnswerSource
    asked_offset_s: float
    start_offset_s: float
    end_offset_s: float
    asking: int = 1
    """1 for the first asking, 2 for the repetition, ..."""
    decided_by: str = ""
    """The words that decided the class."""
    final: bool = True
    """False for a turn that led to another asking."""


@dataclass(frozen=True, slots=True)
class TicketRule:
    """What a script says about a problem answer: where it goes and how grave it is."""

    category: str
    """问题件 category in the interface's words, e.g. 合同未送达."""
    departments: tuple[str, ...]
    major: bool = False
    """重大异常 (R55, R56)."""
    before_cooling_off: bool = False
    """Due before the cooling-off period ends where that is sooner."""


class ProblemKind(StrEnum):
    NO = "no"
    RISKY_YES = "risky_yes"
    UNCLEAR = "unclear"
    """未明确作答: asked to the end, no clear answer."""
    COMPLAINT = "complaint"
    NO_AGENT = "no_agent"
    """Asked for a person and none was free."""
    REMARK = "remark"
    """Said to an open question: an opinion to be settled (R57)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that must become a ticket (R23, R74)."""

    kind: ProblemKind
    question: str
    rule: TicketRule
    words: str
    offset_s: float
    anomaly: str = ""
    """重大异常 that the words state, whatever was asked (R56); empty: none."""


@dataclass(frozen=True, slots=True)
class AppointmentWish:
    """When the customer asked to be called, as said; policy turns it into a permitted time (R79)."""

    days: int | None = None
    """0 today, 1 tomorrow, ...; None: not said."""
    half: str = ""
    """``am``, ``pm`` or empty."""
    hour: int | None = None
    minute: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """问题件. ``id`` is 0 until the store has issued it; ``call_id`` is 0 where paper raised it, no call."""

    call_id: CallId
    task_id: TaskId
    category: str
    departments: tuple[str, ...]
    question: str
    words: str
    answer_offset_s: float
    issued_at: datetime
    due: datetime
    major: bool = False
    escalated: bool = False
    """Two departments or more, or the same matter again: to 领导小组 (R18, R89)."""
    anomaly: str = ""
    """What makes it major in the customer's own words, whatever was asked (R56)."""
    repeat_of: TicketId = TicketId(0)
    """The latest earlier ticket of the policy about the same matter; 0: none. The store finds it."""
    status: str = "open"
    id: TicketId = TicketId(0)


@dataclass(frozen=True, slots=True)
class Recording:
    """Index entry of one call's audio: stereo, 0 = what we sent, 1 = what the customer said."""

    call_id: CallId
    path: str
    """Relative to the archive root."""
    sha256: str
    size: int
    duration_s: float
    codec: str
    """``PCMA`` or ``PCMU``: the received payload, never transcoded."""
    started_at: datetime
    ended_at: datetime
    retain_until: date
    legal_hold: bool = False
    partial: bool = False
    """Repaired after a crash."""


class ArchiveEvent(StrEnum):
    """What can happen to archived calls; each is an entry of the hash-chained log."""

    SEALED = "sealed"
    """Evidence and sidecar lie on disk with these hashes."""
    STORED = "stored"
    """Both lie in the object store, locked until a date, under these version ids."""
    REQUESTED = "requested"
    GRANTED = "granted"
    DENIED = "denied"
    """A request, or a try to hear without a grant, was refused."""
    REVOKED = "revoked"
    ACCESSED = "accessed"
    """Played or downloaded, by whom and under which grant (R62)."""
    EXPORTED = "exported"
    FILED = "filed"
    """A filing was recorded before an export to a regulator (R63)."""
    HELD = "held"
    RELEASED = "released"
    LISTED = "listed"
    """May go: its retention is over. Nothing is deleted yet."""
    APPROVED = "approved"
    """A second person agreed that what was listed goes."""
    EXPIRING = "expiring"
    """The deletion begins: what is missing from here on is missing on purpose."""
    EXPIRED = "expired"
    """Deleted, and seen to be gone."""
    AUDITED = "audited"
    """A day's answered calls were compared with its recordings."""


Detail = str | int | float | bool
"""A value of a log entry's details."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the archive's log. ``body`` is what was hashed: canonical JSON (``dialer.proof``)."""

    seq: int
    at: datetime
    kind: ArchiveEvent
    call_id: CallId | None
    """None: it isn't about one call."""
    by: str
    """Who did it: an account's name, or the node."""
    details: Mapping[str, Detail]
    body: str
    hash: str
    """SHA-256 of a zero byte and ``body``, which names the hash of the entry before."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be appended to the archive's log."""

    kind: ArchiveEvent
    call_id: CallId | None
    by: str
    at: datetime
    details: Mapping[str, Detail]


class KeptState(StrEnum):
    """Where a call's evidence stands."""

    SEALED = "sealed"
    """Complete and in the log; not yet where it stays (an upload or the removal of a copy is due)."""
    KEPT = "kept"
    LISTED = "listed"
    """Its retention is over; somebody has to agree that it goes."""
    APPROVED = "approved"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    """A tombstone: the files are gone, the row and the log stay."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Index entry of one call's evidence: what lies where, with which hashes, and how long.

    ``audio`` and ``sidecar`` are paths below the archive's root, or keys in the bucket; their hashes and
    sizes are those of the bytes that lie there (enciphered, where they are).
    """

    call_id: CallId
    state: KeptState
    place: str
    """``local`` or ``s3``."""
    audio: str
    audio_sha256: str
    audio_size: int
    sidecar: str
    sidecar_sha256: str
    sidecar_size: int
    retain_until: date
    """The last day on which it must be there."""
    sealed_at: datetime
    retain_class: str = ""
    """Which class made it longer; empty: none."""
    audio_version: str = ""
    sidecar_version: str = ""
    """Version ids in the bucket."""
    hold: bool = False
    listed_at: datetime | None = None
    listed_by: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class DayRoot:
    """The signed Merkle root of a day's log entries. ``text`` is what was signed: canonical JSON."""

    day: date
    first: int
    last: int
    root: str
    text: str
    signature: str
    public_key: str


AUDIT_CATEGORY = "录音审计"
"""Category of tickets about a recording that isn't whole: the house's own fault, not a 问题件 of R14."""


class SayKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    SURNAME = "surname"
    PRODUCT = "product"
    DATE = "date"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Say:
    """One piece of a prompt: fixed words, or a value that is read aloud by its kind."""

    kind: SayKind
    text: str
    """The words, or the value as text: ``12000`` for MONEY (yuan), ``20`` for NUMBER, ``2026-11-10`` for
    DATE, ``0138`` for DIGITS."""


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """An agent in a call (R7, R40): from the bridge to its end. Milliseconds in the call's recording."""

    agent: str
    joined_ms: int
    left_ms: int
    held: tuple[tuple[int, int], ...] = ()
    """While the agent's telephone had the customer on hold: from, to."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Everything a finished call leaves behind; stored in one transaction."""

    call_id: CallId
    task_id: TaskId
    outcome: Disposition
    ended_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    sip_code: int = 0
    reason: str = ""
    hung_up_by: str = ""
    """``customer``, ``dialer`` or ``network``."""
    answers: tuple[Answer, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    recording: Recording | None = None
    appointment: datetime | None = None
    agent: str = ""
    """The agent the customer was transferred to."""
    transferred: bool = False
    rtp: RtpStats | None = None
    script_version: str = ""
    agent_legs: tuple[AgentLeg, ...] = ()
    """The agents who took the call over, in order."""


@dataclass(frozen=True, slots=True)
class RtpStats:
    """Counts of one media stream over its life."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    late: int = 0
    reordered: int = 0
    duplicated: int = 0
    foreign: int = 0
    """Packets from a source that wasn't negotiated: dropped."""
    jitter_ms: float = 0.0
    """Interarrival jitter of what we received (RFC 3550 6.4.1), at the end."""
    remote_lost: int | None = None
    """Packets of ours that the far end missed, by its last RTCP report; None: it sent none."""
    remote_jitter_ms: float | None = None
    """Jitter that it reported."""
    round_trip_ms: float | None = None
    """From RTCP's LSR and DLSR."""
    unauthentic: int = 0
    """SRTP and SRTCP packets whose authentication failed: dropped."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One bad row of an import: the reader's row number (the header is row 1) and what to do."""

    row: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    accepted: int = 0
    duplicates: int = 0
    errors: tuple[RowError, ...] = field(default=())
