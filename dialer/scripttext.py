"""A script in words for people: what it asks, when, and where an answer leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from dialer.forms import spelled
from dialer.ivr.lint import lint
from dialer.ivr.prompt import Facts, ProductType, render
from dialer.ivr.reader import line_of_place
from dialer.ivr.script import Condition, Confirm, Ending, Question, Script
from dialer.model import QuestionKind, SayKind, TicketRule
from dialer.site import Site
from dialer.views import ZH

SAMPLE = Facts(
    surname="王", honorific="先生", product="安心相伴终身寿险", premium=Decimal(12000), pay_years=10,
    cooling_off_days=15, event=date(2026, 11, 3), policy_tail="0138",
)  # fmt: skip
"""An invented customer, for rehearsals and outlines."""

_KINDS = {
    QuestionKind.IDENTITY: ("核对身份", "identity"),
    QuestionKind.CONS: ("征得同意", "consent"),
    QuestionKind.POS: ("事实", "fact"),
    QuestionKind.KNOW: ("是否清楚", "knows"),
    QuestionKind.BAD: ("风险事实", "risky fact"),
    QuestionKind.LEFT: ("其他问题", "anything left"),
    QuestionKind.NEG: ("否定问句", "negative"),
    QuestionKind.FREE: ("自由陈述", "free speech"),
}
_TYPES = {
    ProductType.ORDINARY: "普通型",
    ProductType.PARTICIPATING: "分红型",
    ProductType.UNIVERSAL: "万能型",
    ProductType.LINKED: "投连型",
}
_INSURED = {True: ("另有被保险人", "another insured"), False: ("同为被保险人", "same insured")}
_ENDINGS = {Ending.GOOD: "正常", Ending.PROBLEM: "有问题", Ending.UNCLEAR: "不明确"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``script lint``. ``rule``: the rule that is broken."""

    file: str
    line: int
    rule: str
    place: str
    message: str


def findings(site: Site, script: Script, text: str, file: Path) -> Iterator[Finding]:
    """What breaks a rule, and what has no clip to be spoken with."""
    for one in lint(script, site.settings.turns):
        yield Finding(str(file), line_of_place(text, one.place), one.rule, one.place, one.message)
    spoken = {fragment: place for place, fragment in _spoken(script)}
    for missing in site.prompts.missing(spoken):
        place = spoken[missing]
        message = f"no clip speaks {missing!r}: run `dialer prompts build`, or record it"
        yield Finding(str(file), line_of_place(text, place), "R21", place, message)


def _spoken(script: Script) -> Iterator[tuple[str, str]]:
    """Place and fragment of everything that every call says alike."""
    places = [(f"prompts.{name}", text) for name, text in script.prompts.items()]
    for question in script.questions:
        places += [(f"{question.id}.{name}", text) for name, text in question.texts()]
    for place, text in places:
        for say in render(text, script.company, SAMPLE):
            if say.kind is SayKind.TEXT:
                yield place, say.text


def kind_text(kind: QuestionKind, lang: str) -> str:
    return _KINDS[kind][lang != ZH]


def condition_text(when: Condition, lang: str) -> str:
    """When a question is asked; empty: always."""
    zh = lang == ZH
    parts = []
    if when.insured_differs is not None:
        in_zh, in_en = _INSURED[when.insured_differs]
        parts.append(in_zh if zh else in_en)
    if when.product:
        parts.append("、".join(_TYPES[one] for one in when.product) if zh else ", ".join(when.product))
    if when.channel:
        parts.append("、".join(when.channel))
    for question, ending in when.ended.items():
        parts.append(f"{question} {_ENDINGS[ending] if zh else ending.value}")
    return ("且" if zh else " and ").join(parts)


def ticket_text(rule: TicketRule, lang: str) -> str:
    """``代签名 → 合规 (重大)``."""
    marks = []
    if rule.major:
        marks.append("重大" if lang == ZH else "major")
    if rule.before_cooling_off:
        marks.append("犹豫期内" if lang == ZH else "before cooling-off ends")
    return f"{rule.category} → {'、'.join(rule.departments)}" + (f" ({', '.join(marks)})" if marks else "")


def flags_text(question: Question, lang: str) -> str:
    """What is special about how it is asked."""
    zh = lang == ZH
    found = [
        (question.short, "短", "short"),
        (not question.barge_in, "须听完", "heard to its end"),
        (question.confirm is not Confirm.NEVER, "须确认", "asked back"),
        (question.follow_up is not None, "追问", "asks why"),
        (question.retries < 2, f"重问 {question.retries} 次", f"{question.retries} retries"),
    ]
    return ("、" if zh else ", ").join((a if zh else b) for on, a, b in found if on)


def rows(script: Script, form: str, lang: str) -> list[tuple[str, ...]]:
    """One for each question of the form: number, id, kind, words, condition, ticket, flags."""
    return [
        (
            str(number),
            question.id,
            kind_text(question.kind, lang),
            spelled(question.ask, script.company, SAMPLE),
            condition_text(question.when, lang),
            ticket_text(question.ticket, lang) if question.ticket else "",
            flags_text(question, lang),
        )
        for number, question in enumerate(script.form(form), 1)
    ]
