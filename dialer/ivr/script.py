"""A call-back script as a value: what is asked, in which words, and where a problem answer goes.

These classes are the script language: ``reader`` reads a YAML file into them, ``schema`` makes the JSON
Schema for editors of them. Versioned and locked once approved (R9, R21): a changed wording is a new version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.dataclasses import dataclass

from dialer.ivr.prompt import TEXT_SLOTS, Facts, ProductType, slots_of, template_fault, texts_of
from dialer.model import QuestionKind, TicketRule

FORMS = ("full", "short")

NOT_A_PROBLEM = (QuestionKind.IDENTITY, QuestionKind.CONS)
"""Kinds whose no is an exit or an appointment, never a ticket."""

_CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _stripped(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


def _spoken(text: str) -> str:
    if fault := template_fault(text):
        raise ValueError(fault)
    return text


def _told_anybody(text: str) -> str:
    if values := [slot for slot in slots_of(text) if slot not in (*TEXT_SLOTS, "surname")]:
        raise ValueError(f"may be heard by anybody who picks up (R2): leave out {{{values[0]}}}")
    return text


def _plain_word(text: str) -> str:
    if "/" in text or "{" in text:
        raise ValueError("must be plain, without / and slots")
    return text


def _as_text(value: object) -> object:
    """A version may be written as a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _complete(rule: TicketRule) -> TicketRule:
    if not rule.category.strip():
        raise ValueError("category is empty: write e.g. 合同未送达")
    if not rule.departments or not all(name.strip() for name in rule.departments):
        raise ValueError("departments must be a list with at least one item, e.g. [契约]")
    return rule


Ticket = Annotated[TicketRule, AfterValidator(_complete)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_stripped)]
Template = Annotated[Text, AfterValidator(_spoken)]
"""Words to be spoken, with slots such as ``{surname}``."""
Neutral = Annotated[Template, AfterValidator(_told_anybody)]
"""The same without a value of the policy."""


class Purpose(StrEnum):
    """What the script is for: it decides which rules bind it."""

    CALLBACK = "callback"
    SURVEY = "survey"
    """At most five questions (R64)."""


class Confirm(StrEnum):
    """Whether a spoken answer is asked back once before it counts."""

    NEVER = "never"
    PROBLEM = "problem"
    """Only the answer that makes a ticket."""
    ALWAYS = "always"
    """Either answer."""


class Ending(StrEnum):
    """How a question ended, for questions that depend on it."""

    GOOD = "good"
    PROBLEM = "problem"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Condition:
    """When a question is asked: everything that is written here must hold."""

    insured_differs: StrictBool | None = None
    """Whether the insured is another person (R3)."""
    product: tuple[ProductType, ...] = ()
    """Only for products of these types; new-type products are participating, universal and linked."""
    channel: tuple[Text, ...] = ()
    """Only for policies sold through these channels, e.g. 银代."""
    ended: Mapping[str, Ending] = Field(default_factory=dict)
    """How earlier questions must have ended, e.g. {paid: good}."""

    def holds(self, facts: Facts) -> bool:
        """Whether it may be asked of this customer, as far as that is known before the call."""
        return (
            self.insured_differs in (None, facts.insured_differs)
            and (not self.product or facts.product_type in self.product)
            and (not self.channel or facts.channel in self.channel)
        )

    def met(self, ended: Mapping[str, Ending]) -> bool:
        """Whether the answers so far ask for it."""
        return all(ended.get(question) is wanted for question, wanted in self.ended.items())


@dataclass(frozen=True, slots=True, config=_CONFIG)
class FollowUp:
    """Asked once after a problem answer: why, or what exactly (R66). What is said goes into the ticket."""

    ask: Annotated[Template, Field(examples=["请问您不满意的主要原因是什么？请您简单说一下。"])]
    """An open question; the customer speaks freely."""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class OwnWords:
    """Answers in this question's own words, which only its asking explains: 解决了, 没解决."""

    yes: Annotated[tuple[Text, ...], Field(examples=[["解决了", "已经解决了"]])] = ()
    """Mean the literal yes."""
    no: Annotated[tuple[Text, ...], Field(examples=[["没解决", "没有解决"]])] = ()
    """Mean the literal no."""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Question:
    """One question. Texts are templates (see ``prompt``)."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", examples=["received"])]
    """Name of the question in answers and tickets: letters, digits, _ and -."""
    kind: QuestionKind
    """IDENTITY, CONS (consent), POS (a fact), KNOW (is it clear to you), BAD (yes is the problem), LEFT
    (anything left) or FREE (free speech, recorded)."""
    ask: Annotated[Template, Field(examples=["请问您收到并签收保险合同了吗？"])]
    """The first asking."""
    ask_again: Annotated[Template | None, Field(examples=["请问保险合同您拿到了吗？"])] = None
    """The second asking, in other words."""
    keys: Annotated[Template | None, Field(examples=["收到请按一，没有收到请按二。"])] = None
    """The third: which key means what. 1 is always the literal yes, 2 the literal no."""
    ticket: Annotated[
        Ticket | None, Field(examples=[{"category": "合同未送达", "departments": ["契约"]}])
    ] = None
    """Where the problem answer goes. IDENTITY and CONS have none."""
    short: StrictBool = False
    """Part of the short form, named SCRIPT/short."""
    barge_in: StrictBool = True
    """Whether the customer may cut the prompt short by speaking. Default: not for IDENTITY, CONS and BAD."""
    confirm: Confirm = Confirm.NEVER
    """Whether a spoken answer is asked back once. Default: the problem answer of major ones."""
    when: Condition = Field(default_factory=Condition)
    """When it is asked at all."""
    follow_up: FollowUp | None = None
    """What is asked after a problem answer."""
    words: OwnWords = Field(default_factory=OwnWords)
    """Answers in this question's own words."""
    satisfaction: StrictBool = False
    """Asks whether the customer is satisfied: 一般 and 还行 are no yes either (R66)."""
    retries: Annotated[int, Field(ge=0, le=2)] = 2
    """Further askings of an unclear answer: 2 in other words, then by keys; 1 by keys; 0 none."""
    end_silence_s: Annotated[float | None, Field(gt=0, le=10)] = None
    """Pause that ends an answer. Default: by kind, from [turns]."""
    no_input_s: Annotated[float | None, Field(gt=0, le=60)] = None
    """Silence that counts as no answer. Default: from [turns]."""

    @property
    def free(self) -> bool:
        return self.kind is QuestionKind.FREE

    def texts(self) -> Iterator[tuple[str, str]]:
        """Key and words of each that is said."""
        follow_up = self.follow_up.ask if self.follow_up else None
        named = (("ask", self.ask), ("ask_again", self.ask_again), ("keys", self.keys))
        for name, text in (*named, ("follow_up.ask", follow_up)):
            if text is not None:
                yield name, text

    def templates(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.texts())


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Prompts:
    """What is said around the questions. None of these may name a product: some of them are heard by
    whoever picks up the telephone (R2).
    """

    greeting: Neutral
    """Said right before the identity question."""
    wrong_person: Neutral
    """Goodbye to somebody else."""
    appointment: Neutral
    """Asks when to call again: 1 is the morning, 2 the afternoon."""
    appointment_again: Neutral
    """The same in other words."""
    appointment_done: Neutral
    """Goodbye once a time is agreed."""
    refusal: Neutral
    """Asks once whether the call-back is really declined, and names the keys: 1 is yes, 2 is no."""
    refused: Neutral
    """Goodbye after a refusal."""
    transfer_hold: Neutral
    """While the agent's telephone rings."""
    transfer_failed: Neutral
    """Goodbye: nobody was free, somebody will call."""
    transfer_go_on: Neutral
    """Nobody was free for an unclear answer: noted, the questions go on."""
    complaint: Neutral
    """Calms before the transfer."""
    noted: Neutral
    """After a problem answer, before the next question."""
    confirm: Neutral
    """Leads a confirming question."""
    unclear: Neutral
    """Leads the second asking where words were heard but not understood."""
    unclear_exit: Neutral
    """Goodbye where nothing clear could be heard."""
    keys_help: Neutral
    """After the keys prompt: 9 repeats, 0 is a person."""
    closing: Neutral
    """Thanks at the end; then the customer hangs up first (R65)."""
    slower: Neutral | None = None
    """Before a prompt is said again slowly, where the customer asked for that."""
    machine: Neutral | None = None
    """Said to who asks whether a machine is speaking, before the transfer."""

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and words of each that is said."""
        for item in fields(self):
            if (text := getattr(self, item.name)) is not None:
                yield item.name, text


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ScriptTickets:
    """Where problems go that belong to no question."""

    unclear: Ticket
    """未明确作答."""
    complaint: Ticket
    """客户投诉."""
    no_agent: Ticket
    """Asked for a person and none was free."""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Script:
    """A whole script; ``questions`` are in the order of asking (R21)."""

    id: Annotated[Text, AfterValidator(_plain_word), Field(examples=["new-policy"])]
    """Name of the script in lists, campaigns and calls."""
    version: Annotated[Text, BeforeValidator(_as_text), Field(examples=["1"])]
    """A changed wording is a new version (R9, R21). A number or a text."""
    title: Annotated[Text, Field(examples=["新契约回访"])]
    """For people."""
    language: Annotated[Text, Field(examples=["zh-CN"])]
    """Of the prompts: Mandarin (R46)."""
    company: Annotated[Text, AfterValidator(_plain_word), Field(examples=["禾安人寿"])]
    """What {company} is spoken as."""
    prompts: Prompts
    tickets: ScriptTickets
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    """In the order of asking."""
    purpose: Purpose = Purpose.CALLBACK
    """callback, or survey with at most five questions (R64)."""

    def form(self, form: str = "full", facts: Facts | None = None) -> tuple[Question, ...]:
        """The questions of ``full`` or ``short``; with ``facts`` only those that apply. ValueError.

        Those that depend on earlier answers (``when.ended``) are among them.
        """
        if form not in FORMS:
            raise ValueError(f"unknown form {form!r} of script {self.id}: write one of {', '.join(FORMS)}")
        if form not in self.forms:
            raise ValueError(f"script {self.id} has no {form} form: mark its questions with short: true")
        return tuple(
            question
            for question in self.questions
            if (form == "full" or question.short) and (facts is None or question.when.holds(facts))
        )

    @property
    def forms(self) -> tuple[str, ...]:
        """full, and short where some question belongs to it."""
        return FORMS if any(question.short for question in self.questions) else FORMS[:1]

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
