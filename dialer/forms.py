"""Questionnaires on paper: the script's questions as text, printable for visits (R25) and letters (R26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dialer.handover import HandoverView, LetterConfig, WrittenAnswer
from dialer.ivr.prompt import Facts, facts_of, render
from dialer.ivr.script import NOT_A_PROBLEM, Question, Script
from dialer.model import Problem, ProblemKind, QuestionKind, Say, SayKind, Task

_STYLE = """
@page { size: A4; margin: 18mm; }
body { font-family: "Noto Serif CJK SC", SimSun, serif; font-size: 11pt; line-height: 1.5; color: #000; }
section { page-break-after: always; }
h1 { font-size: 16pt; text-align: center; margin: 0 0 6mm; }
table { width: 100%; border-collapse: collapse; margin: 4mm 0; }
td, th { border: 0.3mm solid #000; padding: 1.5mm 2mm; text-align: left; vertical-align: top; }
th { font-weight: normal; background: #eee; width: 22%; }
.no { width: 6%; text-align: center; }
.box { width: 16%; white-space: nowrap; }
.note { width: 24%; }
.sign td { height: 14mm; }
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question on paper."""

    question: Question
    text: str


def questions(script: Script, form: str, task: Task) -> tuple[Asked, ...]:
    """What the script asks this customer, without the identity and the consent to a recording.

    Raises ValueError where the task has no name to ask for.
    """
    facts = facts_of(task)
    return tuple(
        Asked(one, spelled(one.ask, script.company, facts))
        for one in script.form(form, facts)
        if one.kind not in NOT_A_PROBLEM
    )


def spelled(template: str, company: str, facts: Facts) -> str:
    """A prompt as it is written."""
    return "".join(map(written, render(template, company, facts)))


def written(say: Say) -> str:
    return f"{say.text}元" if say.kind is SayKind.MONEY else say.text


def fine(question: Question) -> WrittenAnswer:
    """The answer that is no problem."""
    risky = question.kind in (QuestionKind.BAD, QuestionKind.LEFT, QuestionKind.NEG)
    return WrittenAnswer(question.id, question.kind, not risky)


def problems(asked: Sequence[Asked], answers: Sequence[WrittenAnswer]) -> tuple[Problem, ...]:
    """R74: a no, or a yes to a risky question, becomes a ticket by the script's rule."""
    rules = {one.question.id: one.question.ticket for one in asked}
    found = []
    for answer in answers:
        rule = rules.get(answer.question)
        if answer.problem and rule is not None:
            kind = ProblemKind.RISKY_YES if answer.yes else ProblemKind.NO
            found.append(Problem(kind, answer.question, rule, answer.words or _said(answer), 0.0))
    return tuple(found)


def _said(answer: WrittenAnswer) -> str:
    return "是" if answer.yes else "否"


# --- on paper ------------------------------------------------------------------------------------


def visit_form(views: Sequence[tuple[HandoverView, Script, Sequence[Asked]]]) -> str:
    """One page for each visit: who, the questions, the signatures."""
    return _page("上门回访问卷", [_visit(*one) for one in views])


def letter_form(views: Sequence[tuple[HandoverView, Script, Sequence[Asked]]], config: LetterConfig) -> str:
    """One page for each letter: greeting, the questions, where to send it."""
    return _page("信函回访问卷", [_letter(*one, config) for one in views])


def _page(title: str, sections: Sequence[str]) -> str:
    body = "\n".join(f"<section>{one}</section>" for one in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _visit(view: HandoverView, script: Script, asked: Sequence[Asked]) -> str:
    task, handover = view.task, view.handover
    facts = (
        ("编号", f"V{handover.id}", "保单号", task.policy_no),
        ("投保人", f"{task.holder.name} {task.holder.honorific}".strip(), "产品", task.product),
        ("地址", task.address, "电话", "、".join(phone.number.national for phone in task.phones)),
        ("上门人员", handover.assignee, "约定日期", str(handover.planned or "")),
        ("销售人员", f"{task.seller}(不得单独上门)" if task.seller else "", "机构", task.branch),
    )
    signatures = [
        "投保人签字",
        *(["被保险人签字"] if task.holder.insured_differs else []),
        "上门人员签字",
        "日期",
    ]
    return (
        f"<h1>{escape(script.company)}上门回访问卷</h1>"
        + _table(facts)
        + _questionnaire(asked)
        + '<table class="sign">'
        + "".join(f"<tr><th>{escape(name)}</th><td></td></tr>" for name in signatures)
        + "</table>"
    )


def _letter(view: HandoverView, script: Script, asked: Sequence[Asked], config: LetterConfig) -> str:
    task = view.task
    title = f"{task.holder.name}{task.holder.honorific or '先生/女士'}"
    words = (
        f"您好!我们未能通过电话和上门与您取得联系,请您填写下面的问卷,签字后用所附信封寄回"
        f"{'(' + config.return_address + ')' if config.return_address else ''}。"
        f"{'如有疑问请拨打客服电话 ' + config.service_phone + '。' if config.service_phone else ''}"
    )
    return (
        f"<h1>{escape(script.company)}客户回访问卷</h1><p>尊敬的{escape(title)}:</p><p>{escape(words)}</p>"
        + _table((("编号", f"L{view.handover.id}", "保单号", task.policy_no),))
        + _questionnaire(asked)
        + '<table class="sign"><tr><th>投保人签字</th><td></td></tr><tr><th>日期</th><td></td></tr></table>'
    )


def _table(rows: Sequence[tuple[str, str, str, str]]) -> str:
    lines = []
    for row in rows:
        cells = zip(("th", "td", "th", "td"), row, strict=True)
        lines.append("".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in cells))
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _questionnaire(asked: Sequence[Asked]) -> str:
    rows = "".join(
        f'<tr><td class="no">{number}</td><td>{escape(one.text)}</td>'
        f'<td class="box">□ 是 &nbsp; □ 否</td><td class="note">说明:</td></tr>'
        for number, one in enumerate(asked, 1)
    )
    return f"<table>{rows}</table>"
