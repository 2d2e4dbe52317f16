"""How a turn of the conversation is timed and what counts as evidence."""

from __future__ import annotations

from dataclasses import dataclass

_DAY_S = 86_400.0
_TIMES = (
    "no_input_s", "utterance_s", "end_silence_s", "long_end_silence_s", "free_end_silence_s", "free_speech_s",
    "play_limit_s", "hold_limit_s", "long_stop_s", "min_duration_s",
)  # fmt: skip
_SHARES = (
    "min_confidence", "yes_min_confidence", "max_unknown_ratio", "yes_max_unknown_ratio",
    "min_evidence", "yes_min_evidence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Times in seconds. A reply below the evidence bars is unclear, never a yes. Raises ValueError."""

    no_input_s: float = 5.0
    """Silence after a prompt that counts as no answer."""
    utterance_s: float = 15.0
    """Longest wait from the start of speech to the recogniser's words."""
    end_silence_s: float = 0.7
    """Pause that ends an answer."""
    long_end_silence_s: float = 1.0
    """Pause that ends an answer where people tell more: anything left, appointment."""
    free_end_silence_s: float = 2.0
    """Pause that ends free speech: why somebody is dissatisfied, suggestions."""
    free_speech_s: float = 60.0
    """Free speech is listened to for so long at most; the recording goes on anyway."""
    barge_guard_s: float = 0.5
    """Speech and keys this soon after a prompt began belong to the question before it."""
    play_limit_s: float = 60.0
    """A prompt that hasn't ended by then counts as played."""
    hold_limit_s: float = 120.0
    """Longest hold while an agent is sought."""
    long_stop_s: float = 8.0
    """After the goodbye: wait this long for the customer to hang up first (R65)."""
    max_repeats: int = 2
    """Replays of one question on request; the next request counts as unclear."""
    max_unclear: int = 3
    """Questions in a row without a clear answer that end the call politely."""
    agents_available: bool = False
    """Whether a person can be asked for at all."""
    min_confidence: float = 0.6
    """Engine confidence below which nothing is believed."""
    yes_min_confidence: float = 0.75
    """The same for the answer that needs no ticket: a yes, or the no to a risky question."""
    max_unknown_ratio: float = 0.6
    """Share of out-of-grammar tokens above which nothing is believed."""
    yes_max_unknown_ratio: float = 0.34
    """The same for the answer that needs no ticket."""
    min_evidence: float = 0.9
    """Evidence (words, rivals, length and sound together) below which nothing is believed but a wish for
    a person, a complaint, or to hear it again."""
    yes_min_evidence: float = 0.9
    """The same for the answer that needs no ticket."""
    min_duration_s: float = 0.12
    """Shorter sounds are noise."""
    min_level_dbov: float = -50.0
    """Quieter sounds are noise (dB below overload)."""

    def __post_init__(self) -> None:
        for name in _TIMES:
            if not 0 < getattr(self, name) <= _DAY_S:
                raise ValueError(f"{name}: write seconds above 0")
        if not 0 <= self.barge_guard_s <= _DAY_S:
            raise ValueError("barge_guard_s: write seconds, 0 turns it off")
        if self.max_repeats < 0 or self.max_unclear < 1:
            name = "max_repeats" if self.max_repeats < 0 else "max_unclear"
            raise ValueError(f"{name}: write {0 if name == 'max_repeats' else 1} or more")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: write a share from 0 to 1")
        if self.yes_min_confidence < self.min_confidence:
            raise ValueError(
                "yes_min_confidence: must not be below min_confidence: a yes needs more evidence"
            )
        if self.yes_max_unknown_ratio > self.max_unknown_ratio:
            raise ValueError(
                "yes_max_unknown_ratio: must not be above max_unknown_ratio: a yes needs more evidence"
            )
        if not self.min_level_dbov <= 0:
            raise ValueError("min_level_dbov: write dB below overload, e.g. -50")
