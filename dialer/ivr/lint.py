"""What a well-formed script still may not say: findings with the rule that each breaks.

Run before approval; an approved script has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dialer.ivr.answers import classify
from dialer.ivr.config import TurnSettings
from dialer.ivr.prompt import TEXT_SLOTS, slots_of
from dialer.ivr.script import NOT_A_PROBLEM, Purpose, Question, Script
from dialer.model import AnswerClass, QuestionKind

PRODUCT_WORDS = (
    "保险", "保单", "投保", "保费", "险种", "合同", "犹豫期", "分红", "红利", "万能", "投连", "理财", "退保",
    "理赔", "本金", "保本", "收益", "续期", "缴费", "产品", "存款",
)  # fmt: skip
"""What tells somebody else about the policy (R2)."""

_PROMOTION = (
    "推荐", "优惠", "促销", "礼品", "赠送", "赠品", "抽奖", "升级", "加保", "新产品", "热销", "限时", "名额",
    "购买", "办理新", "了解一下我们的",
)  # fmt: skip
_THANKS = ("谢谢", "感谢", "多谢")
_POLITE = ("您", "请", *_THANKS)
_WE_HANG_UP = re.compile(r"(先挂|挂断|挂机|挂电话|通话(即将|马上)?结束)")
_NOTICE = "录音"
_CLAUSE = re.compile(r"[，。、；：？！,.;:?!\s]+")
_NEGATIVE = re.compile(r"^(请问|那么|那)?(您)?(现在|还|都|也|从来|是|真的)*(不(?!同)|没|未|别|无)")
_A_NOT_A = re.compile(r"(.)[不没]\1")
_HAVE_NOT = re.compile(r"有没有(?!人|谁|哪|任何人)")
_RISK = re.compile(r"损失|不确定|没有保证|不保证|风险(?!提示书)|可能少于|可能低于")
"""What a customer must have heard to its end."""
_ONE_TWO = ("按一", "按二")
_OPEN = re.compile(r"什么|哪|怎么|为何|原因|建议|意见|说一下|讲一下|谈谈")
_MAX_SURVEY_QUESTIONS = 5
_MIN_LONG_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class LintFinding:
    """``place``: ``prompts.closing``, ``received.ask`` or empty for the whole script."""

    rule: str
    place: str
    message: str


def lint(script: Script, turn: TurnSettings | None = None) -> tuple[LintFinding, ...]:
    """Every finding, in the order of the script; none means that it may be approved."""
    return (
        *_gate(script),
        *_prompts(script),
        *(finding for question in script.questions for finding in _question(question)),
        *_dependencies(script),
        *_closing(script, turn or TurnSettings()),
        *_survey(script),
    )


def _gate(script: Script) -> Iterator[LintFinding]:
    """Who is it (R1, R2), then the recording notice (R21, R40, R75), in every form."""
    for form in script.forms:
        questions = script.form(form)
        kinds = [question.kind for question in questions]
        if kinds[:1] != [QuestionKind.IDENTITY] or kinds.count(QuestionKind.IDENTITY) != 1:
            yield LintFinding("R1", "", f"{form} form: one identity question must come first, and only there")
            continue
        if kinds[1:2] != [QuestionKind.CONS] or _NOTICE not in questions[1].ask:
            yield LintFinding(
                "R40",
                "",
                f"{form} form: the second question must tell of the recording ({_NOTICE}) and ask leave",
            )
    for question in script.questions:
        if question.kind not in NOT_A_PROBLEM:
            continue
        if question.barge_in:
            yield LintFinding("R21", question.id, "must be heard to its end: write barge_in: false")
        for name, text in question.texts():
            if question.kind is QuestionKind.IDENTITY:
                yield from _neutral(f"{question.id}.{name}", text)


def _neutral(place: str, text: str) -> Iterator[LintFinding]:
    """Nothing that tells whoever listens about a policy."""
    slots = [slot for slot in slots_of(text) if slot not in (*TEXT_SLOTS, "surname")]
    words = [word for word in PRODUCT_WORDS if word in text]
    if slots or words:
        found = "{" + slots[0] + "}" if slots else words[0]
        yield LintFinding("R2", place, f"may be heard by somebody else: leave out {found}")


def _dependencies(script: Script) -> Iterator[LintFinding]:
    """A question that waits for another's answer is asked in no form that leaves that one out."""
    for form in script.forms:
        asked = {question.id for question in script.form(form)}
        for question in script.form(form):
            if missing := [name for name in question.when.ended if name not in asked]:
                message = f"{form} form: never asked, because {missing[0]} isn't part of it"
                yield LintFinding("R21", question.id, message)


def _prompts(script: Script) -> Iterator[LintFinding]:
    for name, text in script.prompts.items():
        place = f"prompts.{name}"
        yield from _neutral(place, text)
        yield from _promotion(place, text)
    for name in ("wrong_person", "refused", "appointment_done", "closing"):
        text = getattr(script.prompts, name)
        if not any(word in text for word in _THANKS):
            yield LintFinding("R47", f"prompts.{name}", "ends the call without thanks: add 谢谢 or 感谢")


def _question(question: Question) -> Iterator[LintFinding]:
    if question.kind is QuestionKind.NEG:
        yield LintFinding("R74", question.id, "a yes to a negative question means nothing: ask it positively")
    if question.kind not in NOT_A_PROBLEM and not question.free and question.ticket is None:
        yield LintFinding("R74", question.id, "the problem answer leads nowhere: give it a ticket")
    if question.satisfaction and question.follow_up is None:
        message = "who isn't satisfied is asked why: give it a follow_up"
        yield LintFinding("R66", question.id, message)
    if question.barge_in and (word := _RISK.search(question.ask + (question.ask_again or ""))):
        message = f"a risk ({word[0]}) must be heard to its end: write barge_in: false"
        yield LintFinding("R21", question.id, message)
    yield from _own_words(question)
    for name, text in question.texts():
        place = f"{question.id}.{name}"
        yield from _promotion(place, text)
        if not any(word in text for word in _POLITE) or "你" in text:
            yield LintFinding("R47", place, "address the customer politely: 您, 请")
        if name == "keys":
            yield from _keys(place, text)
        elif name.startswith("follow_up") or question.free:
            yield from _open(place, text)
        else:
            yield from _form(place, text)


def _own_words(question: Question) -> Iterator[LintFinding]:
    """A script adds words to the grammar of answers; it doesn't turn them round."""
    for texts, wrong in ((question.words.yes, AnswerClass.NO), (question.words.no, AnswerClass.YES)):
        for text in texts:
            if classify(question.kind, text).answer_class is wrong:
                message = f"{text} is understood as a {wrong.name.lower()}: leave it out"
                yield LintFinding("R74", f"{question.id}.words", message)
    if both := set(question.words.yes) & set(question.words.no):
        yield LintFinding("R74", f"{question.id}.words", f"{both.pop()} can't be a yes and a no")


def _keys(place: str, text: str) -> Iterator[LintFinding]:
    """The last resort names both keys; they always mean yes and no."""
    one, two = (text.find(word) for word in _ONE_TWO)
    if not 0 <= one < two:
        yield LintFinding("R74", place, "name both keys, yes first: ...请按一，...请按二")


def _open(place: str, text: str) -> Iterator[LintFinding]:
    if not _OPEN.search(text):
        yield LintFinding("R66", place, "ask openly, so that the customer tells: 什么原因, 请您说一下")


def _form(place: str, text: str) -> Iterator[LintFinding]:
    """A yes and a no must each mean one thing."""
    if _HAVE_NOT.search(text) or _A_NOT_A.search(text.replace("有没有", "")):
        yield LintFinding(
            "R74", place, "是不是/有没有 questions have no plain yes: ask 您…吗 (有没有人 may stay)"
        )
        return
    clauses = [clause for clause in _CLAUSE.split(text) if clause]
    if clauses and _NEGATIVE.match(clauses[-1]):
        yield LintFinding(
            "R74", place, "a negative question can't be answered by yes or no: ask it positively"
        )


def _promotion(place: str, text: str) -> Iterator[LintFinding]:
    for word in _PROMOTION:
        if word in text:
            yield LintFinding(
                "R82", place, f"a call-back sells nothing and stays on its subject (R68): {word}"
            )


def _closing(script: Script, turn: TurnSettings) -> Iterator[LintFinding]:
    """The customer hangs up first."""
    for name, text in script.prompts.items():
        if _WE_HANG_UP.search(text):
            yield LintFinding("R65", f"prompts.{name}", "the customer hangs up first: don't announce the end")
    if turn.long_stop_s < _MIN_LONG_STOP_S:
        message = (
            f"waits only {turn.long_stop_s:g} s for the customer to hang up: "
            f"write turns.long_stop_s = {_MIN_LONG_STOP_S:g} or more in dialer.toml"
        )
        yield LintFinding("R65", "prompts.closing", message)


def _survey(script: Script) -> Iterator[LintFinding]:
    count = sum(question.kind not in NOT_A_PROBLEM for question in script.questions)
    if script.purpose is Purpose.SURVEY and count > _MAX_SURVEY_QUESTIONS:
        yield LintFinding(
            "R64", "", f"a survey has at most {_MAX_SURVEY_QUESTIONS} questions, this one {count}"
        )
