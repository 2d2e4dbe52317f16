"""Script file (YAML) -> Script. Every mistake is a ScriptError with file, line and what to write."""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from dialer.errors import ScriptError
from dialer.ivr.schema import ADAPTER, script_schema
from dialer.ivr.script import NOT_A_PROBLEM, Confirm, Question, Script
from dialer.ivr.yamlread import Place, complaint, line_at, read_yaml
from dialer.model import QuestionKind

_FIRST = "id, version, title, company"
_NO_BARGE_IN = (QuestionKind.IDENTITY, QuestionKind.CONS, QuestionKind.BAD)
_NEEDS_NO_TICKET = (*NOT_A_PROBLEM, QuestionKind.FREE)
_TICKET = "{category: 合同未送达, departments: [契约]}"


@lru_cache(maxsize=64)
def read_script(text: str, file: str) -> Script:
    """Parse and check ``text``; ``file`` only names it in errors. Raises ScriptError."""
    data, root = read_yaml(text, file, ScriptError, _FIRST)
    if not isinstance(data, dict):
        raise ScriptError("the script must be a table of 'key: value' lines", file, line_at(root, ()))
    _fill_defaults(data)
    try:
        script = ADAPTER.validate_python(data)
    except ValidationError as error:
        message, place = complaint(error, script_schema())
        if "/" in message and place == ("id",):
            message = "'id' must be plain, without / and slots"
        raise ScriptError(_whose(data, place) + message, file, line_at(root, place)) from None
    seen: dict[str, Question] = {}
    for number, question in enumerate(script.questions):
        if fault := _fault(question, seen):
            key, message = fault
            line = line_at(root, ("questions", number, key))
            raise ScriptError(f"question {question.id}: {message}", file, line)
        seen[question.id] = question
    return script


def line_of_place(text: str, place: str) -> int:
    """The line of a place that ``lint`` names (``prompts.closing``, ``received.ask``, ``received``).

    ``text`` is a script that ``read_script`` accepts. The whole script (empty) stands where its questions do.
    """
    data, root = read_yaml(text, "", ScriptError, _FIRST)
    name, *rest = place.split(".")
    if name in ("prompts", "tickets"):
        return line_at(root, (name, *rest))
    for number, question in enumerate(data["questions"]):
        if question["id"] == name:
            return line_at(root, ("questions", number, *(rest or ["id"])))
    return line_at(root, ("questions",))


def _fill_defaults(data: dict[Any, Any]) -> None:
    """What a question's kind and ticket decide unless it is written."""
    questions = data.get("questions")
    for question in questions if isinstance(questions, list) else ():
        if not isinstance(question, dict):
            continue
        if question.get("kind") in _NO_BARGE_IN:
            question.setdefault("barge_in", False)
        ticket = question.get("ticket")
        if isinstance(ticket, dict) and ticket.get("major") is True:
            question.setdefault("confirm", Confirm.PROBLEM.value)


def _whose(data: dict[Any, Any], place: Place) -> str:
    """What the mistake is in: ``question received: ``."""
    match place:
        case ("questions", int(number), *_):
            try:
                name = data["questions"][number]["id"]
            except (KeyError, TypeError, IndexError):
                name = number + 1
            return f"question {name}: "
        case (str(part), _, *_):
            return f"{part}: "
    return "the script: "


def _fault(question: Question, seen: Container[str]) -> tuple[str, str] | None:
    """What no single field shows: the key that it stands at, and what to write. ``seen``: the ids above."""
    kind, name = question.kind, question.id
    if name in seen:
        return "id", f"id {name!r} is taken: give it another"
    if kind in NOT_A_PROBLEM and question.ticket is not None:
        return "ticket", f"a no to {kind} is no problem: leave out ticket"
    if kind not in _NEEDS_NO_TICKET and question.ticket is None:
        problem = "yes" if kind in (QuestionKind.BAD, QuestionKind.LEFT) else "no"
        return "id", f"a {problem} here is a problem and must lead somewhere (R74): write ticket: {_TICKET}"
    for key, example in _EXAMPLES.items():
        if not question.free and getattr(question, key) is None:
            return "id", f"{key!r} is missing: write {key}: {example}"
    if question.follow_up is not None and (question.free or kind in NOT_A_PROBLEM):
        return "follow_up", f"{kind} has no problem answer to follow up: leave out follow_up"
    for other in question.when.ended:
        if other not in seen:
            return "when", f"no question {other!r} stands above this one: 'ended' needs earlier answers"
    return None


_EXAMPLES = {"ask_again": "the question in other words", "keys": "是请按一，不是请按二。"}
