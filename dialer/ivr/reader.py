"""Script file (YAML) -> Script. Every mistake is a ScriptError with file, line and what to write.

The YAML is read as a node tree, not as Python values, so that each value still knows its line.
"""

from __future__ import annotations

from dataclasses import fields

from ruamel.yaml.nodes import ScalarNode

from dialer.ivr.prompt import TEXT_SLOTS, slots_of
from dialer.ivr.script import (
    NOT_A_PROBLEM,
    Condition,
    Prompts,
    Purpose,
    Question,
    Script,
    ScriptTickets,
)
from dialer.ivr.table import Table, compose, line_of, tag_of
from dialer.model import QuestionKind, TicketRule

_NO_BARGE_IN = (QuestionKind.IDENTITY, QuestionKind.CONS, QuestionKind.BAD)
_TICKET = "{category: 合同未送达, departments: [契约]}"


def read_script(text: str, file: str) -> Script:
    """Parse and check ``text``; ``file`` only names it in errors. Raises ScriptError."""
    return _script(compose(text, file))


def line_of_place(text: str, place: str) -> int:
    """The line of a place that ``lint`` names (``prompts.closing``, ``received.ask``, ``received``).

    ``text`` is a script that ``read_script`` accepts. The whole script (empty) stands where its questions do.
    """
    table = compose(text, "")
    name, _, key = place.partition(".")
    if name == "prompts":
        return table.table("prompts", "").line_of(key)
    for node in table.items("questions", ""):
        row = Table(node, "", "")
        if row.text("id", "") == name:
            return row.line_of(key or "id")
    return table.line_of("questions")


def _script(table: Table) -> Script:
    script = Script(
        id=table.text("id", "new-policy"),
        version=table.text("version", "1", number=True),
        title=table.text("title", "新契约回访"),
        language=table.text("language", "zh-CN"),
        company=table.text("company", "禾安人寿"),
        purpose=table.choice("purpose", Purpose, Purpose.CALLBACK),
        prompts=_prompts(table.table("prompts", "a table of what is said around the questions")),
        tickets=_script_tickets(table.table("tickets", "a table with unclear, complaint and no_agent")),
        questions=_questions(table),
    )
    table.done()
    if "/" in script.id or "{" in script.company:
        key = "id" if "/" in script.id else "company"
        table.fail(f"the script: {key!r} must be plain, without / and slots", table.line_of(key))
    return script


def _prompts(table: Table) -> Prompts:
    texts = {}
    for item in fields(Prompts):
        texts[item.name] = table.template(item.name, "what to say")
        values = [slot for slot in slots_of(texts[item.name]) if slot not in (*TEXT_SLOTS, "surname")]
        if values:
            table.fail(
                f"{table.name}: {item.name!r} may be heard by anybody who picks up (R2): "
                f"leave out {{{values[0]}}}",
                table.line_of(item.name),
            )
    table.done()
    return Prompts(**texts)


def _script_tickets(table: Table) -> ScriptTickets:
    rules = {item.name: _ticket(table.table(item.name, _TICKET)) for item in fields(ScriptTickets)}
    table.done()
    return ScriptTickets(**rules)


def _ticket(table: Table) -> TicketRule:
    departments = []
    for node in table.items("departments", "[客服]"):
        if not isinstance(node, ScalarNode) or tag_of(node) != "str" or not node.value.strip():
            table.fail(f"{table.name}: a department must be a name, e.g. 客服", line_of(node))
        departments.append(node.value.strip())
    rule = TicketRule(
        category=table.text("category", "合同未送达"),
        departments=tuple(departments),
        major=table.flag("major", False),
        before_cooling_off=table.flag("before_cooling_off", False),
    )
    table.done()
    return rule


def _questions(table: Table) -> tuple[Question, ...]:
    questions: dict[str, Question] = {}
    for number, node in enumerate(table.items("questions", "- id: identity"), start=1):
        row = Table(node, table.file, f"question {number}")
        question = _question(row)
        if question.id in questions:
            row.fail(f"question {number}: id {question.id!r} is taken: give it another", row.line_of("id"))
        questions[question.id] = question
    return tuple(questions.values())


def _question(row: Table) -> Question:
    name = row.text("id", "received")
    row.name = f"question {name}"
    kind = row.choice("kind", QuestionKind)
    ticket = None
    if row.optional("ticket") is not None:
        ticket = _ticket(row.table("ticket", _TICKET))
        if kind in NOT_A_PROBLEM:
            row.fail(f"{row.name}: a no to {kind} is no problem: leave out ticket", row.line_of("ticket"))
    elif kind not in NOT_A_PROBLEM:
        problem = "yes" if kind in (QuestionKind.BAD, QuestionKind.LEFT) else "no"
        row.fail(
            f"{row.name}: a {problem} here is a problem and must lead somewhere (R74): "
            f"write ticket: {_TICKET}"
        )
    question = Question(
        id=name,
        kind=kind,
        ask=row.template("ask", "the question"),
        ask_again=row.template("ask_again", "the question in other words"),
        keys=row.template("keys", "是请按1，不是请按2。"),
        ticket=ticket,
        short=row.flag("short", False),
        barge_in=row.flag("barge_in", kind not in _NO_BARGE_IN),
        confirm=row.flag("confirm", ticket is not None and ticket.major),
        when=row.choice("when", Condition, Condition.ALWAYS),
    )
    row.done()
    return question
