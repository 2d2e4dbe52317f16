"""The conversation of one call: events in, actions out. No I/O, no clock.

Identity first (R1, R2), then the recording notice (R21, R40), then the questions in order. An answer
that isn't clear climbs a ladder: other words, keys, a person, ticket. Nothing is ever taken for a yes
that wasn't one. The customer hangs up first (R65).
"""

from __future__ import annotations

from dataclasses import replace

from dialer.ivr.detours import WithDetours
from dialer.ivr.ladder import KEYS, Ladder, Move, climb, common_move
from dialer.ivr.moves import (
    Action,
    HangUp,
    HeardWords,
    HungUp,
    Key,
    Listen,
    NobodyThere,
    Play,
    PlayedOut,
    RecogniserLost,
    SessionEvent,
    SessionResult,
    SpeechStarted,
    StopListen,
    StopPlay,
    Timeout,
    Transfer,
    TransferEnded,
)
from dialer.ivr.script import Ending
from dialer.ivr.stage import Step
from dialer.ivr.turn import Reply
from dialer.ivr.wishes import dialect
from dialer.model import AnswerClass, AnswerSource, Disposition, QuestionKind, Say

__all__ = [
    "Action",
    "HangUp",
    "HeardWords",
    "HungUp",
    "Key",
    "Listen",
    "Play",
    "PlayedOut",
    "RecogniserLost",
    "Session",
    "SessionEvent",
    "SessionResult",
    "SpeechStarted",
    "StopListen",
    "StopPlay",
    "Timeout",
    "Transfer",
    "TransferEnded",
]

_EARLY_S = 0.001
"""A timer may fire this much before its deadline and still count."""


class Session(WithDetours):
    """``start`` once, then ``feed`` every event and ``Timeout`` when ``deadline()`` has come.

    ``now`` is loop time in seconds. ``result`` can be read at any moment; it is final once ``over``.
    """

    _unclear_in_row = 0

    # -- the shell's side --------------------------------------------------------------------

    @property
    def over(self) -> bool:
        return self._step is Step.OVER

    @property
    def result(self) -> SessionResult:
        """What the call has come to; before the end, what it would be if the line broke now."""
        return self._notes.result()

    def deadline(self) -> float | None:
        """When to feed Timeout; None: nothing to wait for but events."""
        return self._exchange.deadline if self._exchange is not None else self._deadline

    def start(self, now: float, offset_s: float = 0.0) -> list[Action]:
        """Greet and ask who it is. ``offset_s``: how far the recording has come."""
        self._zero = now - offset_s
        return self._ask(now, self._say(self._script.prompts.greeting))

    def feed(self, event: SessionEvent, now: float) -> list[Action]:
        """What to do about ``event``. Events that don't fit the moment do nothing."""
        due = self.deadline()
        if self._step in (Step.NEW, Step.OVER):
            return []
        if isinstance(event, Timeout) and (due is None or now + _EARLY_S < due):
            return []
        match event:
            case HungUp(by):
                self._hung_up(by)
                return []
            case RecogniserLost():
                return self._recogniser_lost(now)
            case TransferEnded(result):
                return self._transfer_ended(result, now)
            case NobodyThere(outcome, reason):
                return self._nobody_there(outcome, reason, now)
        if self._exchange is not None:
            actions, reply = self._exchange.feed(event, now, now - self._zero)
            return actions if reply is None else actions + self._replied(reply, now)
        return self._played_or_late(event, now)

    # -- replies -----------------------------------------------------------------------------

    def _replied(self, reply: Reply, now: float) -> list[Action]:
        assert self._exchange is not None
        asking = self._exchange.asking
        if wish := dialect(reply.answer_class, reply.words):
            self._notes.dialect = True
            reply = replace(reply, answer_class=AnswerClass.HUMAN, decided_by=wish)
        self._notes.turn(asking.question_id, asking.kind, reply, self._exchange.asked_offset_s)
        if asking.free:
            return self._on_free(reply, now)
        match self._step:
            case Step.REFUSAL:
                return self._on_refusal(reply, now)
            case Step.APPOINTMENT:
                return self._on_appointment(reply, now)
        return self._on_question(reply, now)

    def _next(self, now: float, ending: Ending, lead: tuple[Say, ...] = ()) -> list[Action]:
        """The next question that the answers so far ask for."""
        self._ended[self._question.id] = ending
        self._ladder, self._index = Ladder(), self._following()
        if self._index < len(self._questions):
            return self._ask(now, lead)
        say = lead + self._say(self._script.prompts.closing)
        return self._farewell(now, Disposition.COMPLETED, "the script was asked to its end", say)

    def _following(self) -> int:
        """Index of the next question that applies; their number where none does."""
        later = range(self._index + 1, len(self._questions))
        applies = (index for index in later if self._questions[index].when.met(self._ended))
        return next(applies, len(self._questions))

    def _on_question(self, reply: Reply, now: float) -> list[Action]:
        question, before = self._question, self._ladder
        self._ladder, move = climb(
            question, before, reply, keys_only=self._keys_only, max_repeats=self._turn.max_repeats
        )
        match move:
            case Move.ASK:
                misheard = reply.words and not self._ladder.confirming
                return self._ask(now, self._say(self._script.prompts.unclear) if misheard else ())
            case Move.REPLAY:
                return self._replay(reply, now)
            case Move.NEXT:
                self._notes.settle()
                self._unclear_in_row = 0
                if question.kind is QuestionKind.IDENTITY:
                    self._notes.identified = True
                return self._next(now, Ending.GOOD)
            case Move.TICKET:
                self._notes.settle()
                self._notes.answer_problem(question, self._ladder.pending or reply)
                self._unclear_in_row = 0
                return self._problem_noted(now)
            case Move.GIVE_UP:
                self._notes.settle()
                return self._give_up(reply, now)
            case Move.REFUSE:
                return self._refuse(now)
        return self._common(move, reply, now)

    def _problem_noted(self, now: float) -> list[Action]:
        """On, or first why (R66)."""
        question = self._question
        if question.follow_up is None:
            return self._next(now, Ending.PROBLEM, self._say(self._script.prompts.noted))
        self._step, self._ladder = Step.WHY, Ladder()
        say = self._say(question.follow_up.ask)
        return self._open(self._asking(f"{question.id}.why", QuestionKind.FREE, say), now)

    def _on_free(self, reply: Reply, now: float) -> list[Action]:
        """Free speech: kept as it is said. Only a wish for a person and a complaint lead elsewhere."""
        move, question, ladder = common_move(reply.answer_class), self._question, self._ladder
        if move is not None:
            return self._common(move, reply, now)
        if reply.answer_class is AnswerClass.REPEAT and ladder.repeats < self._turn.max_repeats:
            self._ladder = replace(ladder, repeats=ladder.repeats + 1)
            return self._replay(reply, now)
        said, why = reply.answer_class is AnswerClass.SAID, self._step is Step.WHY
        silent = reply.source is AnswerSource.NONE
        if silent and not why and question.ask_again and question.retries and not ladder.rung:
            self._ladder = replace(ladder, rung=1)
            return self._ask(now)
        self._notes.settle()
        lead = self._say(self._script.prompts.noted) if said or why else ()
        if why:
            self._notes.explain(reply)
            return self._next(now, Ending.PROBLEM, lead)
        if said:
            self._notes.said(question, reply)
        return self._next(now, Ending.GOOD if said else Ending.UNCLEAR, lead)

    def _give_up(self, reply: Reply, now: float) -> list[Action]:
        """Unclear to the end: a person where one is free, else a ticket."""
        if self._question.kind is QuestionKind.IDENTITY:
            return self._nothing_clear(now, "identity not confirmed")
        if self._agents:
            return self._seek_agent("unclear", reply, now)
        return self._after_unclear(reply, now, self._script.prompts.noted)

    def _after_unclear(self, reply: Reply, now: float, lead: str) -> list[Action]:
        """Nobody to help: a ticket, and on; without consent the call ends."""
        if self._question.kind is QuestionKind.CONS:
            return self._nothing_clear(now, "no clear consent to the recorded call")
        self._notes.unclear(self._question, reply)
        self._unclear_in_row += 1
        if self._unclear_in_row >= self._turn.max_unclear:
            return self._nothing_clear(now, "no clear answers")
        return self._next(now, Ending.UNCLEAR, self._say(lead))

    def _nothing_clear(self, now: float, reason: str) -> list[Action]:
        prompt = self._script.prompts.unclear_exit
        return self._exit(now, Disposition.ANSWERED_INCOMPLETE, reason, prompt)

    # -- the end -----------------------------------------------------------------------------

    def _nobody_there(self, outcome: Disposition, reason: str, now: float) -> list[Action]:
        """Only before anybody said who he is. The goodbye names nobody: neither customer nor company."""
        if self._step is not Step.QUESTION or self._notes.identified:
            return []
        if outcome is Disposition.MACHINE:
            return self._exit(now, outcome, reason, self._script.prompts.wrong_person)
        self._notes.decide(outcome, reason)
        return self._hang_up(reason)

    def _played_or_late(self, event: SessionEvent, now: float) -> list[Action]:
        """Between exchanges: a prompt nobody answers, a hold, a goodbye."""
        played = isinstance(event, PlayedOut) and event.play_id == self._plays
        if self._step is Step.CALM and (played or isinstance(event, Timeout)):
            assert self._seeking is not None
            return self._seek_agent("complaint", self._seeking.reply, now)
        if self._step is Step.HOLD and isinstance(event, Timeout):
            return self._no_agent(now)
        if self._step is Step.FAREWELL and played and self._notes.outcome is Disposition.MACHINE:
            return self._hang_up(self._notes.reason)
        if self._step is Step.FAREWELL and played:
            self._deadline = now + self._turn.long_stop_s
        elif self._step is Step.FAREWELL and isinstance(event, Timeout):
            return self._hang_up("the customer didn't hang up first")
        return []

    def _recogniser_lost(self, now: float) -> list[Action]:
        """Keys from now on; what is being asked is asked again with them. Free speech is recorded anyway."""
        known, self._keys_only = self._keys_only, True
        if self._exchange is None:
            return []
        if self._exchange.asking.free:
            reply = self._exchange.wordless("recorded, not recognised", now - self._zero)
            return [] if reply.answer_class is not AnswerClass.SAID else self._replied(reply, now)
        if known:
            return []
        match self._step:
            case Step.QUESTION:
                self._ladder = replace(self._ladder, rung=KEYS, confirming=False)
                return self._ask(now)
            case Step.REFUSAL:
                return self._ask_refusal(now)
        return self._ask_time(now)

    def _answered_all(self) -> bool:
        self._ended[self._question.id] = Ending.PROBLEM
        return self._following() == len(self._questions)

    def _hung_up(self, by: str) -> None:
        """The line is gone. What was said so far still counts."""
        match self._step:
            case Step.WHY if self._answered_all():
                self._notes.decide(Disposition.COMPLETED, "hung up instead of saying more")
            case Step.QUESTION | Step.WHY:
                if self._ladder.pending is not None:
                    self._notes.answer_problem(self._question, self._ladder.pending)
                self._notes.reason = "hung up before the end"
            case Step.REFUSAL if by == "customer":
                self._notes.decide(*self._refusal_outcome())
            case Step.REFUSAL:
                self._notes.refused = False
                self._notes.reason = "hung up before the end"
            case Step.APPOINTMENT:
                self._notes.decide(Disposition.APPOINTMENT, "another time suits better")
            case Step.HOLD:
                self._note_unmet()
        self._hush()
        self._step = Step.OVER
        self._notes.hung_up_by = by
