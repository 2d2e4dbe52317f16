"""One reply: from words or a key to a class that its evidence bears, and which way it leans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dialer.ivr.answers import Classified
from dialer.ivr.config import TurnSettings
from dialer.ivr.evidence import comma_turns, evidence
from dialer.ivr.prompt import PUNCTUATION
from dialer.ivr.script import OwnWords
from dialer.ivr.wishes import middling
from dialer.model import AnswerClass, AnswerSource, Heard, QuestionKind

Classify = Callable[[QuestionKind, str], Classified]


class Lean(StrEnum):
    """What a class means for its question's ticket."""

    GOOD = "good"
    """The answer that needs no ticket."""
    PROBLEM = "problem"
    MAYBE_GOOD = "maybe_good"
    MAYBE_PROBLEM = "maybe_problem"
    NONE = "none"


_FREE_MOVES = (AnswerClass.HUMAN, AnswerClass.COMPLAINT, AnswerClass.NO)
"""What free speech may mean beside what it says; NO: there is nothing to say."""
_SHORT_REPEAT = 8
"""Characters: 您说什么 asks for the question again, a longer 没听清他说的 tells a story."""
_UNDECIDED = (AnswerClass.UNCLEAR, AnswerClass.MAYBE_YES, AnswerClass.MAYBE_NO)
_BARE = dict.fromkeys(map(ord, PUNCTUATION))
_PARTICLES = "啊呀哦呢"
_WISHES = (AnswerClass.HUMAN, AnswerClass.COMPLAINT, AnswerClass.REPEAT)
"""What nobody should have to ask for twice, and what costs little where it was misheard."""
_RISKY = (QuestionKind.BAD, QuestionKind.LEFT)
_YES = {AnswerClass.YES: Lean.GOOD, AnswerClass.MAYBE_YES: Lean.MAYBE_GOOD}
_NO = {AnswerClass.NO: Lean.PROBLEM, AnswerClass.MAYBE_NO: Lean.MAYBE_PROBLEM}
_TURNED = {
    Lean.GOOD: Lean.PROBLEM,
    Lean.PROBLEM: Lean.GOOD,
    Lean.MAYBE_GOOD: Lean.MAYBE_PROBLEM,
    Lean.MAYBE_PROBLEM: Lean.MAYBE_GOOD,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back to one asking."""

    answer_class: AnswerClass
    words: str
    """As heard, or the key."""
    confidence: float
    source: AnswerSource
    start_offset_s: float
    end_offset_s: float
    decided_by: str


def lean(kind: QuestionKind, answer_class: AnswerClass) -> Lean:
    """Yes is good except to a risky or a left-over question, where it is the problem."""
    straight = (_YES | _NO).get(answer_class, Lean.NONE)
    return _TURNED.get(straight, straight) if kind in _RISKY else straight


def weigh(
    heard: Heard, kind: QuestionKind, turn: TurnSettings, classify: Classify
) -> tuple[AnswerClass, str]:
    """Class and reason. Confidence alone is no evidence, so each bar can turn a yes into unclear."""
    if kind is QuestionKind.FREE:
        return _weigh_free(heard, turn, classify)
    if not heard.text:
        return AnswerClass.UNCLEAR, "nothing understood"
    if heard.duration_s < turn.min_duration_s:
        return AnswerClass.UNCLEAR, f"too short: {heard.duration_s:.2f} s"
    if heard.level_dbov < turn.min_level_dbov:
        return AnswerClass.UNCLEAR, f"too quiet: {heard.level_dbov:.0f} dB"
    found = classify(kind, heard.text)
    good = lean(kind, found.answer_class) in (Lean.GOOD, Lean.MAYBE_GOOD)
    confidence = turn.yes_min_confidence if good else turn.min_confidence
    unknown = turn.yes_max_unknown_ratio if good else turn.max_unknown_ratio
    if heard.confidence < confidence:
        return AnswerClass.UNCLEAR, f"confidence {heard.confidence:.2f} below {confidence:.2f}"
    if heard.unknown_ratio > unknown:
        return AnswerClass.UNCLEAR, f"unknown words {heard.unknown_ratio:.2f} above {unknown:.2f}"
    if found.answer_class in _WISHES:
        return found.answer_class, found.decided_by
    score = evidence(heard, kind, found.answer_class, classify)
    needed = turn.yes_min_evidence if good else turn.min_evidence
    if score < needed:
        return AnswerClass.UNCLEAR, f"evidence {score:.2f} below {needed:.2f}"
    if good and not heard.expected:
        return AnswerClass.UNCLEAR, "pieced together from phrases"
    if comma_turns(heard.text, kind, found.answer_class, classify):
        return AnswerClass.UNCLEAR, "a comma that can't be heard would turn its meaning"
    return found.answer_class, found.decided_by


def _weigh_free(heard: Heard, turn: TurnSettings, classify: Classify) -> tuple[AnswerClass, str]:
    """Whatever is said counts as said, understood or not: the recording has it."""
    if heard.duration_s < turn.min_duration_s or heard.level_dbov < turn.min_level_dbov:
        return AnswerClass.UNCLEAR, "noise"
    if not heard.text:
        return AnswerClass.SAID, "speech without known words"
    borne = heard.confidence >= turn.min_confidence and heard.unknown_ratio <= turn.max_unknown_ratio
    found = classify(QuestionKind.FREE, heard.text)
    again = found.answer_class is AnswerClass.REPEAT and len(heard.text) <= _SHORT_REPEAT
    if borne and (again or found.answer_class in _FREE_MOVES):
        return found.answer_class, found.decided_by
    return AnswerClass.SAID, "free speech"


def contented(classify: Classify) -> Classify:
    """For questions about satisfaction: 一般 and 还行 are no yes (R66)."""

    def classified(kind: QuestionKind, text: str) -> Classified:
        found = classify(kind, text)
        word = middling(text)
        return Classified(AnswerClass.NO, word) if word and found.answer_class in _UNDECIDED else found

    return classified


def in_own_words(classify: Classify, words: OwnWords) -> Classify:
    """The question's own words, said alone, decide what the grammar of answers left open."""
    known = dict.fromkeys(words.yes, AnswerClass.YES) | dict.fromkeys(words.no, AnswerClass.NO)

    def classified(kind: QuestionKind, text: str) -> Classified:
        found = classify(kind, text)
        bare = text.translate(_BARE).rstrip(_PARTICLES)
        own = known.get(bare) if found.answer_class in _UNDECIDED else None
        return found if own is None else Classified(own, bare)

    return classified


def key_class(kind: QuestionKind, digit: str) -> AnswerClass | None:
    """1 is the literal yes, 2 the literal no, 0 a person, 9 and * again; others mean nothing.

    To an open question 2 and # say that there is nothing to say.
    """
    match digit:
        case "1" | "2" | "#" if kind is QuestionKind.FREE:
            return None if digit == "1" else AnswerClass.NO
        case "1" | "2":
            yes = (digit == "1") is (kind is not QuestionKind.NEG)
            return AnswerClass.YES if yes else AnswerClass.NO
        case "0":
            return AnswerClass.HUMAN
        case "9" | "*":
            return AnswerClass.REPEAT
    return None
