"""The shipped scripts: each keeps the rules, can be gone through, and each problem answer leads somewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.ivr.answers import Classified
from dialer.ivr.lint import lint
from dialer.ivr.moves import HeardWords, HungUp, Key, Play, PlayedOut, SpeechStarted
from dialer.ivr.prompt import Facts, ProductType
from dialer.ivr.reader import read_script
from dialer.ivr.schema import FILE, schema_text
from dialer.ivr.script import NOT_A_PROBLEM, Purpose, Script
from dialer.ivr.session import Session, SessionResult
from dialer.model import AnswerClass, Disposition, Heard, QuestionKind
from dialer.tts.book import PromptBook
from dialer.tts.config import PromptConfig

CONFIG = Path(__file__).parents[3] / "config"
FILES = sorted((CONFIG / "scripts").glob("*.yaml"))
SCRIPTS = {file.stem: read_script(file.read_text(encoding="utf-8"), str(file)) for file in FILES}
FACTS = Facts(
    "王", "先生", "安心相伴终身寿险", Decimal(12000), 10, 15, True, ProductType.LINKED, "银代",
    date(2026, 11, 3), "0138",
)  # fmt: skip
RISKY = (QuestionKind.BAD, QuestionKind.LEFT)
BANKS = {
    "new-policy": 16, "wealth": 11, "wealth-ongoing": 11, "complaint": 6, "satisfaction": 7, "claims": 8,
    "lapse": 10, "policy-change": 8, "orphan": 9, "visit-verification": 8,
}  # fmt: skip
every_script = pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())


def classify(kind: QuestionKind, text: str) -> Classified:
    known = text in AnswerClass._value2member_map_
    return Classified(AnswerClass(text) if known else AnswerClass.UNCLEAR, text)


def go_through(script: Script, problems: frozenset[str], facts: Facts = FACTS) -> SessionResult:
    """By keys: the problem answer to these questions, the good one to the others; 说说 to open ones."""
    kinds = {question.id: question.kind for question in script.questions}
    session, now = Session(script, "full", facts, None, classify), 0.0
    actions = session.start(now)
    for _ in range(60):
        play = next(one for one in reversed(actions) if isinstance(one, Play))
        now += 3.0
        session.feed(PlayedOut(play.play_id), now)
        kind = kinds.get(play.question_id, QuestionKind.FREE)
        now += 1.0
        if not play.question_id:
            break
        if kind is QuestionKind.FREE:
            session.feed(SpeechStarted(now), now)
            heard = Heard("说说", 1.0, 0.0, 1.0, -20.0)
            actions = session.feed(HeardWords(heard, now, now + 1.0), now + 3.0)
            now += 3.0
        else:
            yes = (play.question_id in problems) is (kind in RISKY)
            actions = session.feed(Key("1" if yes else "2", now), now)
    session.feed(HungUp(), now)
    return session.result


def test_every_bank_ships() -> None:
    assert {name: len(script.questions) for name, script in SCRIPTS.items()} == BANKS
    assert all(script.id == name for name, script in SCRIPTS.items())


@every_script
def test_it_keeps_the_rules(script: Script) -> None:
    assert lint(script) == ()


@every_script
def test_each_of_its_prompts_has_a_clip(script: Script) -> None:
    clips = CONFIG / "prompts"
    book = PromptBook(PromptConfig(clips / "recorded", clips / "synthetic", clips / "none"))
    assert book.missing(script.texts()) == []


@every_script
def test_good_answers_complete_it_without_a_ticket(script: Script) -> None:
    result = go_through(script, frozenset())
    assert result.outcome is Disposition.COMPLETED
    remarks = [q.id for q in script.questions if q.free and q.ticket is not None]
    assert [problem.question for problem in result.problems] == remarks


@every_script
def test_each_problem_answer_alone_leads_to_its_ticket(script: Script) -> None:
    remarks = {q.id for q in script.questions if q.free}
    for question in script.questions:
        if question.kind in NOT_A_PROBLEM or question.free:
            continue
        result = go_through(script, frozenset({question.id}))
        assert result.outcome is Disposition.COMPLETED, question.id
        found = [problem for problem in result.problems if problem.question not in remarks]
        assert [(one.question, one.rule) for one in found] == [(question.id, question.ticket)]
        if question.follow_up is not None:
            assert "说说" in found[0].words


@every_script
def test_whom_it_names_no_product_to(script: Script) -> None:
    result = go_through(script, frozenset({"identity"}))
    assert (result.outcome, result.problems) == (Disposition.WRONG_PERSON, ())


def test_the_survey_has_five_questions_and_asks_the_dissatisfied_why() -> None:
    survey = SCRIPTS["satisfaction"]
    assert survey.purpose is Purpose.SURVEY
    assert sum(question.kind not in NOT_A_PROBLEM for question in survey.questions) == 5
    assert all(question.follow_up for question in survey.questions if question.satisfaction)


def test_grave_answers_are_marked_in_every_bank() -> None:
    """R56."""
    grave = {
        "代签名",
        "代客操作",
        "私自收费",
        "资料失真",
        "误导",
        "代回访",
        "面访不实",
        "侵占保费",
        "代办保全",
    }
    for script in SCRIPTS.values():
        for question in script.questions:
            if question.ticket is not None:
                assert question.ticket.major is (question.ticket.category in grave), question.id


def test_what_was_not_received_is_not_asked_after() -> None:
    told = go_through(SCRIPTS["complaint"], frozenset({"proposed"}))
    assert "carried_out" not in {answer.question for answer in told.answers}
    assert "satisfied" in {answer.question for answer in told.answers}


def test_conditions_choose_the_questions() -> None:
    plain = replace(FACTS, insured_differs=False, product_type=ProductType.ORDINARY)
    asked = {answer.question for answer in go_through(SCRIPTS["new-policy"], frozenset(), plain).answers}
    assert not asked & {"signed_insured", "risk_statement", "uncertain"}


def test_the_schema_for_editors_is_current() -> None:
    assert (CONFIG / "scripts" / FILE).read_text(encoding="utf-8") == schema_text()
    assert all(FILE in file.read_text(encoding="utf-8").splitlines()[0] for file in FILES)
