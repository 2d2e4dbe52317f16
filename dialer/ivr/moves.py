"""What goes into a session (events) and what comes out (actions, and the result at the end)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialer.model import Answer, AppointmentWish, Disposition, Heard, Problem, QuestionKind, Say

# --- events -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeardWords:
    """One utterance, recognised. Offsets from the start of the recording."""

    heard: Heard
    start_offset_s: float
    end_offset_s: float


@dataclass(frozen=True, slots=True)
class Key:
    digit: str
    offset_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    offset_s: float


@dataclass(frozen=True, slots=True)
class PlayedOut:
    """The prompt is over, or was stopped."""

    play_id: int


@dataclass(frozen=True, slots=True)
class Timeout:
    """``deadline()`` has come; earlier it is ignored."""


@dataclass(frozen=True, slots=True)
class RecogniserLost:
    """Speech can't be understood any more in this call: keys from now on."""


@dataclass(frozen=True, slots=True)
class HungUp:
    by: Literal["customer", "network"] = "customer"


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """``accepted``: both are talking. ``no_agent``: nobody took it. The others end the call."""

    result: Literal["accepted", "no_agent", "customer_left", "agent_hung_up"]


@dataclass(frozen=True, slots=True)
class NobodyThere:
    """The call was answered, but not by a person: ``outcome`` says by what. ``reason``: what showed it."""

    outcome: Disposition
    reason: str


SessionEvent = (
    HeardWords
    | Key
    | SpeechStarted
    | PlayedOut
    | Timeout
    | RecogniserLost
    | HungUp
    | TransferEnded
    | NobodyThere
)

# --- actions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Say this now; it replaces what is playing. ``loop``: until replaced or stopped."""

    play_id: int
    say: tuple[Say, ...]
    question_id: str = ""
    loop: bool = False
    slow: bool = False
    """The customer asked for slower speech."""


@dataclass(frozen=True, slots=True)
class StopPlay:
    pass


@dataclass(frozen=True, slots=True)
class Listen:
    """Report utterances until StopListen. ``phrases``: expected beside the lexicon's for ``kind``.

    The session counts silence itself: report SpeechStarted, and HeardWords once recognised.
    """

    question_id: str
    kind: QuestionKind
    end_silence_s: float
    phrases: tuple[str, ...] = ()
    max_speech_s: float | None = None
    """Longest utterance; None: the installation's."""


@dataclass(frozen=True, slots=True)
class StopListen:
    pass


@dataclass(frozen=True, slots=True)
class Transfer:
    """Seek an agent; report TransferEnded. ``reason``: ``human``, ``complaint`` or ``unclear``."""

    reason: Literal["human", "complaint", "unclear"]


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call, and any agent's leg that still rings."""

    reason: str


Action = Play | StopPlay | Listen | StopListen | Transfer | HangUp


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What the conversation came to."""

    outcome: Disposition
    reason: str
    hung_up_by: str
    """``customer``, ``dialer`` or ``network``."""
    script_version: str
    answers: tuple[Answer, ...] = ()
    """Every turn in order; ``final`` marks the one that counts for its question."""
    problems: tuple[Problem, ...] = ()
    appointment: AppointmentWish | None = None
    identified: bool = False
    refused: bool = False
    complaint: bool = False
    transferred: bool = False
    """An agent took the call over."""
    dialect: bool = False
    """The customer wished to be spoken to in dialect (R46)."""
