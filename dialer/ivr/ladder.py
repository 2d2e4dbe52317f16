"""How one question is climbed: ask, other words, keys; confirm what was hesitant or grave.

``climb`` is a pure function: place on the ladder and reply -> new place and what to do. It never makes
a yes of anything but a yes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from dialer.ivr.script import Confirm, Question
from dialer.ivr.turn import Lean, Reply, lean
from dialer.model import AnswerClass, AnswerSource, QuestionKind

KEYS = 2
"""The last rung: 1 and 2 decide."""


class Move(StrEnum):
    """What the session does next."""

    ASK = "ask"
    """Ask from the new place."""
    REPLAY = "replay"
    """The same prompt once more, on request."""
    NEXT = "next"
    """Answered without a problem."""
    TICKET = "ticket"
    """Answered: it is a problem (R74)."""
    GIVE_UP = "give_up"
    """Unclear to the end."""
    WRONG = "wrong"
    APPOINT = "appoint"
    REFUSE = "refuse"
    COMPLAIN = "complain"
    HUMAN = "human"


_WHATEVER_WAS_ASKED = {
    AnswerClass.HUMAN: Move.HUMAN,
    AnswerClass.COMPLAINT: Move.COMPLAIN,
    AnswerClass.WRONG: Move.WRONG,
    AnswerClass.REFUSE: Move.REFUSE,
    AnswerClass.BUSY: Move.APPOINT,
}
_PLAIN_NO = {QuestionKind.IDENTITY: Move.WRONG, QuestionKind.CONS: Move.APPOINT}


@dataclass(frozen=True, slots=True)
class Ladder:
    """How far one question has come."""

    rung: int = 0
    """0 asks, 1 asks in other words, 2 asks for a key."""
    repeats: int = 0
    confirming: bool = False
    """The prompt is the second asking, said as a confirmation."""
    doubted: bool = False
    """A confirmation was asked for already: there is only one."""
    pending: Reply | None = None
    """A definite problem, said once, that waits for its confirmation. It is never lost."""


def common_move(answer_class: AnswerClass) -> Move | None:
    """What a reply of this class does whatever was asked; None where the question decides."""
    return _WHATEVER_WAS_ASKED.get(answer_class)


def climb(
    question: Question, ladder: Ladder, reply: Reply, *, keys_only: bool, max_repeats: int
) -> tuple[Ladder, Move]:
    """The next place and move. With TICKET, ``pending`` (else ``reply``) is what was said."""
    move = common_move(reply.answer_class)
    if move is not None:
        return ladder, move
    if reply.answer_class is AnswerClass.REPEAT and ladder.repeats < max_repeats:
        return replace(ladder, repeats=ladder.repeats + 1), Move.REPLAY
    match lean(question.kind, reply.answer_class):
        case Lean.GOOD if _asks_back(question, ladder, reply, always=True):
            return replace(ladder, confirming=True, doubted=True), Move.ASK
        case Lean.GOOD if ladder.pending is None or reply.source is AnswerSource.DTMF:
            return ladder, Move.NEXT
        case Lean.GOOD if ladder.rung == KEYS:
            return ladder, Move.TICKET  # said both: only a key takes the problem back
        case Lean.GOOD:
            return _to_keys(ladder), Move.ASK  # it contradicts what was said before
        case Lean.PROBLEM:
            return _problem(question, ladder, reply)
        case Lean.MAYBE_PROBLEM if ladder.doubted or ladder.rung == KEYS:
            return ladder, _PLAIN_NO.get(question.kind, Move.TICKET)
        case Lean.MAYBE_GOOD | Lean.MAYBE_PROBLEM if not ladder.doubted and ladder.rung < KEYS:
            return replace(ladder, confirming=True, doubted=True), Move.ASK
    return _unclear(question, ladder, keys_only)


def _asks_back(question: Question, ladder: Ladder, reply: Reply, *, always: bool) -> bool:
    """Once, and only what was spoken: a key is meant."""
    wanted = (Confirm.ALWAYS,) if always else (Confirm.ALWAYS, Confirm.PROBLEM)
    spoken = reply.source is AnswerSource.ASR
    return question.confirm in wanted and spoken and not ladder.doubted and ladder.rung < KEYS


def _problem(question: Question, ladder: Ladder, reply: Reply) -> tuple[Ladder, Move]:
    """A grave one is asked back once, unless a key said it."""
    if question.kind in _PLAIN_NO:
        return ladder, _PLAIN_NO[question.kind]
    if _asks_back(question, ladder, reply, always=False):
        return replace(ladder, confirming=True, doubted=True, pending=reply), Move.ASK
    return ladder, Move.TICKET


def _unclear(question: Question, ladder: Ladder, keys_only: bool) -> tuple[Ladder, Move]:
    """As many further askings as the question has ``retries``; the last of them is by keys."""
    if ladder.rung == 0 and question.retries == KEYS and not ladder.doubted and not keys_only:
        return replace(ladder, rung=1), Move.ASK
    if ladder.rung < KEYS and question.retries:
        return _to_keys(ladder), Move.ASK
    return ladder, Move.TICKET if ladder.pending is not None else Move.GIVE_UP


def _to_keys(ladder: Ladder) -> Ladder:
    return replace(ladder, rung=KEYS, confirming=False)
