"""Ways out of the script: somebody else, no time now, no wish to answer."""

from __future__ import annotations

from dataclasses import replace

from dialer.ivr import appointment
from dialer.ivr.agents import WithAgents
from dialer.ivr.ladder import Move, common_move
from dialer.ivr.moves import Action
from dialer.ivr.stage import Step
from dialer.ivr.turn import Reply
from dialer.model import AnswerClass, AnswerSource, AppointmentWish, Disposition, QuestionKind

_APPOINTMENT_ASKINGS = 2
_UNCONFIRMED = (Disposition.ANSWERED_INCOMPLETE, "a refusal that wasn't confirmed")


class WithDetours(WithAgents):
    """Adds the wrong-person exit, the refusal turn and the appointment turns."""

    _refusals = 0
    _appointment_askings = 0

    def _common(self, move: Move, reply: Reply, now: float) -> list[Action]:
        """Moves that any question, and the refusal and appointment turns, share."""
        self._notes.settle()
        match move:
            case Move.WRONG:
                self._notes.withdraw()
                prompt = self._script.prompts.wrong_person
                return self._exit(now, Disposition.WRONG_PERSON, "not the policyholder", prompt)
            case Move.APPOINT:
                return self._offer_appointment(reply.words, now)
            case Move.COMPLAIN:
                return self._complain(reply, now)
        return self._seek_agent("human", reply, now)

    def _refuse(self, now: float) -> list[Action]:
        """Asked back once; the second refusal in a call is taken at its word."""
        self._refusals += 1
        self._notes.refused = True
        if self._refusals > 1:
            return self._refused(now)
        self._step = Step.REFUSAL
        return self._ask_refusal(now)

    def _ask_refusal(self, now: float) -> list[Action]:
        say = self._say(self._script.prompts.refusal)
        return self._open(self._asking("refusal", QuestionKind.POS, say), now)

    def _on_refusal(self, reply: Reply, now: float) -> list[Action]:
        move = common_move(reply.answer_class)
        if move is not None and move is not Move.REFUSE:
            self._notes.refused = False
            return self._common(move, reply, now)
        match reply.answer_class:
            case AnswerClass.NO | AnswerClass.MAYBE_NO:
                self._notes.refused = False
                return self._ask(now)
            case AnswerClass.REPEAT if self._ladder.repeats < self._turn.max_repeats:
                self._ladder = replace(self._ladder, repeats=self._ladder.repeats + 1)
                return self._replay(reply, now)
            case AnswerClass.YES | AnswerClass.MAYBE_YES | AnswerClass.REFUSE:
                return self._refused(now)
        self._notes.refused = False
        return self._exit(now, *_UNCONFIRMED, self._script.prompts.refused)

    def _refused(self, now: float) -> list[Action]:
        self._notes.settle()
        return self._exit(now, *self._refusal_outcome(), self._script.prompts.refused)

    def _refusal_outcome(self) -> tuple[Disposition, str]:
        """Who isn't known to be the policyholder can't decline for him: another attempt stays due."""
        if self._notes.identified:
            return Disposition.REFUSED, "the customer declined"
        return Disposition.ANSWERED_INCOMPLETE, "declined before the identity was confirmed"

    def _offer_appointment(self, words: str, now: float) -> list[Action]:
        wish = appointment.parse(words, self._facts.weekday)
        self._notes.appointment = wish or AppointmentWish()
        return self._ask_time(now) if wish is None else self._appointed(now)

    def _ask_time(self, now: float) -> list[Action]:
        prompts = self._script.prompts
        prompt = prompts.appointment_again if self._appointment_askings else prompts.appointment
        self._appointment_askings += 1
        self._step = Step.APPOINTMENT
        say = self._say(prompt)
        return self._open(self._asking("appointment", QuestionKind.CONS, say, appointment.PHRASES), now)

    def _on_appointment(self, reply: Reply, now: float) -> list[Action]:
        move = common_move(reply.answer_class)
        if move is Move.REFUSE:
            self._notes.appointment, self._notes.refused = None, True
            return self._refused(now)
        if move is not None and move is not Move.APPOINT:
            self._notes.appointment = None
            return self._common(move, reply, now)
        if reply.source is AnswerSource.DTMF:
            wish = appointment.BY_KEY.get(reply.words)
        else:
            wish = appointment.parse(reply.words, self._facts.weekday)
        if wish is None and self._appointment_askings < _APPOINTMENT_ASKINGS:
            return self._ask_time(now)
        self._notes.appointment = wish or self._notes.appointment
        return self._appointed(now)

    def _appointed(self, now: float) -> list[Action]:
        """Agreed, or at least asked for: policy finds the time."""
        self._notes.settle()
        prompt = self._script.prompts.appointment_done
        return self._exit(now, Disposition.APPOINTMENT, "another time suits better", prompt)
