"""A call-back script as a value: what is asked, in which words, and where a problem answer goes.

Versioned and locked once approved (R9, R21): a changed wording is a new version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum

from dialer.ivr.prompt import Facts, texts_of
from dialer.model import QuestionKind, TicketRule

FORMS = ("full", "short")

NOT_A_PROBLEM = (QuestionKind.IDENTITY, QuestionKind.CONS)
"""Kinds whose no is an exit or an appointment, never a ticket."""


class Purpose(StrEnum):
    """What the script is for: it decides which rules bind it."""

    CALLBACK = "callback"
    SURVEY = "survey"
    """At most five questions (R64)."""


class Condition(StrEnum):
    """When a question is asked."""

    ALWAYS = "always"
    INSURED_DIFFERS = "insured_differs"
    """Only where the insured is another person (R3)."""
    NEW_TYPE = "new_type"
    """Only for participating, universal and linked products."""

    def holds(self, facts: Facts) -> bool:
        match self:
            case Condition.INSURED_DIFFERS:
                return facts.insured_differs
            case Condition.NEW_TYPE:
                return facts.new_type
        return True


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Texts are templates (see ``prompt``)."""

    id: str
    kind: QuestionKind
    ask: str
    ask_again: str
    """The second asking, in other words."""
    keys: str
    """The third: which key means what. 1 is always the literal yes, 2 the literal no."""
    ticket: TicketRule | None = None
    """Where the problem answer goes; None only for identity and consent."""
    short: bool = False
    """Part of the short form."""
    barge_in: bool = True
    """Whether the customer may cut the prompt short by speaking."""
    confirm: bool = False
    """A spoken problem answer is asked back once before it counts (major anomalies)."""
    when: Condition = Condition.ALWAYS

    def templates(self) -> tuple[str, ...]:
        return (self.ask, self.ask_again, self.keys)


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is said around the questions. None of these may name a product: some of them are heard by
    whoever picks up the telephone (R2).
    """

    greeting: str
    """Said right before the identity question."""
    wrong_person: str
    """Goodbye to somebody else."""
    appointment: str
    """Asks when to call again: 1 is the morning, 2 the afternoon."""
    appointment_again: str
    appointment_done: str
    """Goodbye once a time is agreed."""
    refusal: str
    """Asks once whether the call-back is really declined, and names the keys: 1 is yes, 2 is no."""
    refused: str
    """Goodbye after a refusal."""
    transfer_hold: str
    """While the agent's telephone rings."""
    transfer_failed: str
    """Goodbye: nobody was free, somebody will call."""
    transfer_go_on: str
    """Nobody was free for an unclear answer: noted, the questions go on."""
    complaint: str
    """Calms before the transfer."""
    noted: str
    """After a problem answer, before the next question."""
    confirm: str
    """Leads a confirming question."""
    unclear: str
    """Leads the second asking where words were heard but not understood."""
    unclear_exit: str
    """Goodbye where nothing clear could be heard."""
    keys_help: str
    """After the keys prompt: 9 repeats, 0 is a person."""
    closing: str
    """Thanks at the end; then the customer hangs up first (R65)."""

    def items(self) -> Iterator[tuple[str, str]]:
        for item in fields(self):
            yield item.name, getattr(self, item.name)


@dataclass(frozen=True, slots=True)
class ScriptTickets:
    """Where problems go that belong to no question."""

    unclear: TicketRule
    """未明确作答."""
    complaint: TicketRule
    no_agent: TicketRule
    """Asked for a person and none was free."""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script; ``questions`` are in the order of asking (R21)."""

    id: str
    version: str
    title: str
    language: str
    company: str
    prompts: Prompts
    tickets: ScriptTickets
    questions: tuple[Question, ...]
    purpose: Purpose = Purpose.CALLBACK

    def form(self, form: str = "full", facts: Facts | None = None) -> tuple[Question, ...]:
        """The questions of ``full`` or ``short``; with ``facts`` only those that apply. ValueError."""
        if form not in FORMS:
            raise ValueError(f"unknown form {form!r} of script {self.id}: write one of {', '.join(FORMS)}")
        return tuple(
            question
            for question in self.questions
            if (form == "full" or question.short) and (facts is None or question.when.holds(facts))
        )

    def label(self, form: str = "full") -> str:
        """What a call's row says of the wording it used: ``new-policy/short@1``."""
        return f"{self.id}{'' if form == 'full' else '/' + form}@{self.version}"

    def templates(self) -> Iterator[str]:
        """Every template, prompts first."""
        for _, text in self.prompts.items():
            yield text
        for question in self.questions:
            yield from question.templates()

    def texts(self) -> tuple[str, ...]:
        """Every fixed fragment that a call by this script can play, once each, in order of appearance."""
        found: dict[str, None] = {}
        for template in self.templates():
            found.update((text, None) for text in texts_of(template, self.company))
        return tuple(found)


def split_name(name: str) -> tuple[str, str]:
    """``Task.script`` into script id and form: ``new-policy/short``; no form means full. ValueError."""
    script, _, form = name.strip().partition("/")
    form = form or "full"
    if not script or form not in FORMS:
        raise ValueError(f"no such script: {name!r}; write an id, or an id and a form, e.g. new-policy/short")
    return script, form
