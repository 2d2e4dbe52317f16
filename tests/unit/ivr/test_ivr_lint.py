from dataclasses import replace
from pathlib import Path

import pytest

from dialer.ivr.config import TurnSettings
from dialer.ivr.lint import lint
from dialer.ivr.reader import read_script
from dialer.ivr.script import Condition, Ending, FollowUp, OwnWords, Purpose, Question, Script
from dialer.model import QuestionKind

SCRIPTS = sorted((Path(__file__).parents[3] / "config" / "scripts").glob("*.yaml"))


@pytest.fixture
def script() -> Script:
    path = next(path for path in SCRIPTS if path.stem == "new-policy")
    return read_script(path.read_text(encoding="utf-8"), str(path))


def changed(script: Script, name: str, **changes: object) -> Script:
    questions = tuple(
        replace(question, **changes) if question.id == name else question  # type: ignore[arg-type]
        for question in script.questions
    )
    return replace(script, questions=questions)


def only(script: Script) -> tuple[str, str]:
    found = lint(script)
    assert len({(finding.rule, finding.place) for finding in found}) == 1, found
    assert found[0].message
    return found[0].rule, found[0].place


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_shipped_scripts_have_no_findings(path: Path) -> None:
    assert lint(read_script(path.read_text(encoding="utf-8"), str(path))) == ()


def test_identity_comes_first(script: Script) -> None:
    first, second, *rest = script.questions
    assert only(replace(script, questions=(second, first, *rest))) == ("R1", "")
    assert only(replace(script, questions=(second, *rest))) == ("R1", "")


def test_identity_is_asked_in_every_form(script: Script) -> None:
    assert only(changed(script, "identity", short=False)) == ("R1", "")


def test_the_recording_notice_comes_before_the_first_business_question(script: Script) -> None:
    first, second, third, *rest = script.questions
    assert only(replace(script, questions=(first, third, second, *rest))) == ("R40", "")
    assert only(changed(script, "consent", ask="请问您现在方便吗？")) == ("R40", "")


def test_the_gate_is_heard_to_its_end(script: Script) -> None:
    assert only(changed(script, "identity", barge_in=True)) == ("R21", "identity")


@pytest.mark.parametrize("word", ["保单", "{product}", "{premium}", "退保"])
def test_no_product_word_before_the_identity_is_known(script: Script, word: str) -> None:
    assert only(changed(script, "identity", keys=f"您的{word}请按一，不是请按二。")) == (
        "R2",
        "identity.keys",
    )


def test_no_product_word_in_what_anybody_may_hear(script: Script) -> None:
    prompts = replace(script.prompts, transfer_hold="您的保单请稍候")
    assert only(replace(script, prompts=prompts)) == ("R2", "prompts.transfer_hold")
    with pytest.raises(ValueError, match=r"leave out \{premium\}"):
        replace(script.prompts, transfer_hold="您的{premium}请稍候")


@pytest.mark.parametrize(
    "text",
    [
        "请问您是不是收到了合同？",
        "请问您有没有收到合同？",
        "您清不清楚犹豫期？",
        "请问您签没签过字？",
        "请问您没收到合同吗？",
        "犹豫期有十五天，您不清楚吗？",
        "合同的事，请问您还没有收到吗？",
    ],
)
def test_questions_without_a_plain_yes_are_refused(script: Script, text: str) -> None:
    assert only(changed(script, "received", ask=text)) == ("R74", "received.ask")


@pytest.mark.parametrize(
    "text",
    [
        "请问有没有人向您承诺过保本？",
        "保险不是存款，您清楚吗？",
        "这和存款不同，您清楚吗？",
        "分红是不确定的，您清楚吗？",
        "请问您收到了吗？",
        "犹豫期内可以无条件退保，请问您知道吗？",
    ],
)
def test_plain_questions_may_stay(script: Script, text: str) -> None:
    assert lint(changed(script, "received", ask=text, barge_in=False)) == ()


def test_negative_kind_is_refused(script: Script) -> None:
    assert only(changed(script, "received", kind=QuestionKind.NEG)) == ("R74", "received")


def test_every_no_leads_somewhere(script: Script) -> None:
    assert only(changed(script, "promised", ticket=None)) == ("R74", "promised")


@pytest.mark.parametrize("text", ["合同收到了吗？", "请问你收到合同了吗？"])
def test_customers_are_addressed_politely(script: Script, text: str) -> None:
    assert only(changed(script, "received", ask=text)) == ("R47", "received.ask")


def test_goodbyes_thank(script: Script) -> None:
    assert only(replace(script, prompts=replace(script.prompts, closing="再见。"))) == (
        "R47",
        "prompts.closing",
    )


def test_nothing_is_sold(script: Script) -> None:
    assert only(changed(script, "received", ask="请问您收到合同了吗？现在加保有优惠。"))[0] == "R82"
    prompts = replace(script.prompts, noted="好的，为您推荐。")
    assert only(replace(script, prompts=prompts)) == ("R82", "prompts.noted")


def test_the_customer_hangs_up_first(script: Script) -> None:
    prompts = replace(script.prompts, closing="谢谢您，通话结束。")
    assert only(replace(script, prompts=prompts)) == ("R65", "prompts.closing")
    assert [finding.rule for finding in lint(script, TurnSettings(long_stop_s=1))] == ["R65"]


def test_a_survey_has_at_most_five_questions(script: Script) -> None:
    gate, fact = script.questions[:2], script.questions[3]
    questions: list[Question] = [replace(fact, id=f"q{number}", short=False) for number in range(6)]
    survey = replace(script, purpose=Purpose.SURVEY, questions=(*gate, *questions))
    assert only(survey) == ("R64", "")
    assert lint(replace(survey, questions=(*gate, *questions[:5]))) == ()
    assert lint(replace(survey, purpose=Purpose.CALLBACK)) == ()


# --- what the language can say beyond the shipped bank ------------------------------------------


def test_own_words_do_not_turn_the_grammar_round(script: Script) -> None:
    turned = changed(script, "received", words=OwnWords(yes=("没收到",)))
    assert only(turned) == ("R74", "received.words")
    both = changed(script, "received", words=OwnWords(yes=("办了",), no=("办了",)))
    assert only(both) == ("R74", "received.words")
    assert lint(changed(script, "received", words=OwnWords(yes=("办了",), no=("没办",)))) == ()


def test_who_is_not_satisfied_is_asked_why(script: Script) -> None:
    assert only(changed(script, "received", satisfaction=True)) == ("R66", "received")


def test_a_risk_is_heard_to_its_end(script: Script) -> None:
    assert only(changed(script, "surrender", barge_in=True)) == ("R21", "surrender")


def test_a_follow_up_asks_openly(script: Script) -> None:
    closed = changed(script, "received", follow_up=FollowUp("请问您确定吗？"))
    assert only(closed) == ("R66", "received.follow_up.ask")


def test_a_question_waits_for_none_that_its_form_leaves_out(script: Script) -> None:
    waits = changed(script, "signed", when=Condition(ended={"terms": Ending.GOOD}))
    assert only(waits) == ("R21", "signed")


def test_a_script_may_have_no_short_form(script: Script) -> None:
    questions = tuple(replace(question, short=False) for question in script.questions)
    full = replace(script, questions=questions)
    assert lint(full) == ()
    assert full.forms == ("full",)
    with pytest.raises(ValueError, match="no short form"):
        full.form("short")
