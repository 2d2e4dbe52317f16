"""What a session writes down as it goes: turns, problems, and how the call stands."""

from __future__ import annotations

from dataclasses import replace

from dialer.ivr.anomalies import anomaly
from dialer.ivr.moves import SessionResult
from dialer.ivr.script import Question, Script
from dialer.ivr.turn import Reply
from dialer.model import (
    Answer,
    AppointmentWish,
    Disposition,
    Problem,
    ProblemKind,
    QuestionKind,
    TicketRule,
)


class Notes:
    """Append-only, but for the mark of the turn that counts."""

    def __init__(self, script: Script, form: str) -> None:
        self._tickets, self._label = script.tickets, script.label(form)
        self._answers: list[Answer] = []
        self._problems: list[Problem] = []
        self.outcome = Disposition.ANSWERED_INCOMPLETE
        self.reason = "the call ended before the script"
        self.hung_up_by = ""
        self.appointment: AppointmentWish | None = None
        self.identified = self.refused = self.complaint = self.transferred = self.dialect = False

    def turn(self, question: str, kind: QuestionKind, reply: Reply, asked_offset_s: float) -> None:
        """One asking and what came back."""
        asking = 1 + sum(answer.question == question for answer in self._answers)
        self._answers.append(
            Answer(
                question=question,
                kind=kind,
                answer_class=reply.answer_class,
                words=reply.words,
                confidence=reply.confidence,
                source=reply.source,
                asked_offset_s=asked_offset_s,
                start_offset_s=reply.start_offset_s,
                end_offset_s=reply.end_offset_s,
                asking=asking,
                decided_by=reply.decided_by,
                final=False,
            )
        )

    def settle(self) -> None:
        """The last turn is the one that counts."""
        self._answers[-1] = replace(self._answers[-1], final=True)

    def decide(self, outcome: Disposition, reason: str) -> None:
        self.outcome, self.reason = outcome, reason

    def answer_problem(self, question: Question, reply: Reply) -> None:
        """The problem answer to ``question`` (R23, R74)."""
        if question.ticket is None:
            raise ValueError(f"question {question.id} has no ticket rule")
        risky = question.kind in (QuestionKind.BAD, QuestionKind.LEFT)
        kind = ProblemKind.RISKY_YES if risky else ProblemKind.NO
        self._problem(kind, question.id, question.ticket, reply)

    def said(self, question: Question, reply: Reply) -> None:
        """What was said to an open question, where the script makes a ticket of it (R57)."""
        if question.ticket is not None:
            self._problem(ProblemKind.REMARK, question.id, question.ticket, reply)

    def explain(self, reply: Reply) -> None:
        """Why the last problem is one, in the customer's words (R66)."""
        last = self._problems[-1]
        words = "；".join(filter(None, (last.words, reply.words)))
        self._problems[-1] = replace(last, words=words)

    def withdraw(self) -> None:
        """It wasn't the policyholder after all: what he said makes no ticket (R2)."""
        self.identified = False
        self._problems.clear()

    def unclear(self, question: Question, reply: Reply) -> None:
        """未明确作答: asked to the end."""
        self._problem(ProblemKind.UNCLEAR, question.id, self._tickets.unclear, reply)

    def complained(self, question_id: str, reply: Reply) -> None:
        self.complaint = True
        self._problem(ProblemKind.COMPLAINT, question_id, self._tickets.complaint, reply)

    def no_agent(self, question_id: str, reply: Reply) -> None:
        self._problem(ProblemKind.NO_AGENT, question_id, self._tickets.no_agent, reply)

    def _problem(self, kind: ProblemKind, question_id: str, rule: TicketRule, reply: Reply) -> None:
        found = anomaly(reply.words)
        self._problems.append(
            Problem(kind, question_id, rule, reply.words, reply.start_offset_s, anomaly=found)
        )

    def result(self) -> SessionResult:
        return SessionResult(
            outcome=self.outcome,
            reason=self.reason,
            hung_up_by=self.hung_up_by,
            script_version=self._label,
            answers=tuple(self._answers),
            problems=tuple(self._problems),
            appointment=self.appointment,
            identified=self.identified,
            refused=self.refused,
            complaint=self.complaint,
            transferred=self.transferred,
            dialect=self.dialect,
        )
