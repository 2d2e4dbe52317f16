from pathlib import Path

import pytest

from dialer.ivr.notes import Notes
from dialer.ivr.reader import read_script
from dialer.ivr.turn import Reply
from dialer.model import AnswerClass, AnswerSource, Disposition, ProblemKind, QuestionKind

FILE = Path(__file__).parents[3] / "config" / "scripts" / "new-policy.yaml"
SCRIPT = read_script(FILE.read_text(encoding="utf-8"), str(FILE))
REPLY = Reply(AnswerClass.NO, "没收到", 0.9, AnswerSource.ASR, 12.5, 13.0, "没收到")


def test_an_untouched_call_came_to_nothing() -> None:
    result = Notes(SCRIPT, "full").result()
    assert (result.outcome, result.answers) == (Disposition.ANSWERED_INCOMPLETE, ())
    assert result.script_version == "new-policy@1"


def test_askings_are_counted_by_question_and_only_the_settled_turn_is_final() -> None:
    notes = Notes(SCRIPT, "short")
    for question in ("received", "received", "signed"):
        notes.turn(question, QuestionKind.POS, REPLY, 9.0)
        if question == "received":
            notes.settle()
    result = notes.result()
    assert [(a.question, a.asking, a.final) for a in result.answers] == [
        ("received", 1, True),
        ("received", 2, True),
        ("signed", 1, False),
    ]


def test_problems_carry_words_offset_and_the_rule_of_their_kind() -> None:
    notes = Notes(SCRIPT, "short")
    by_id = {question.id: question for question in SCRIPT.questions}
    notes.answer_problem(by_id["received"], REPLY)
    notes.answer_problem(by_id["promised"], REPLY)
    notes.unclear(by_id["signed"], REPLY)
    notes.complained("signed", REPLY)
    notes.no_agent("signed", REPLY)
    problems = notes.result().problems
    assert [(p.kind, p.question, p.rule.category) for p in problems] == [
        (ProblemKind.NO, "received", "合同未送达"),
        (ProblemKind.RISKY_YES, "promised", "误导"),
        (ProblemKind.UNCLEAR, "signed", "未明确作答"),
        (ProblemKind.COMPLAINT, "signed", "客户投诉"),
        (ProblemKind.NO_AGENT, "signed", "要求人工"),
    ]
    assert {(p.words, p.offset_s) for p in problems} == {("没收到", 12.5)}
    assert notes.result().complaint


def test_a_no_to_the_gate_is_no_ticket() -> None:
    with pytest.raises(ValueError, match="identity has no ticket rule"):
        Notes(SCRIPT, "short").answer_problem(SCRIPT.questions[0], REPLY)
