import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import ScriptError
from dialer.ivr.prompt import ProductType
from dialer.ivr.reader import read_script
from dialer.ivr.script import Condition, Confirm, Ending, Purpose
from dialer.model import QuestionKind

FILE = Path(__file__).parents[3] / "config" / "scripts" / "new-policy.yaml"
SHIPPED = FILE.read_text(encoding="utf-8")

HEAD = """\
id: mini
version: 3
title: 小
language: zh-CN
company: 禾安人寿
"""
PROMPTS = "prompts:\n" + "".join(
    f"  {name}: 谢谢您。\n" for name in re.findall(r"^  (\w+): ", SHIPPED.split("tickets:")[0], re.M)
)
TICKETS = """\
tickets:
  unclear: {category: 未明确作答, departments: [客服]}
  complaint: {category: 投诉, departments: [投诉]}
  no_agent: {category: 要求人工, departments: [客服]}
"""
IDENTITY = """\
  - id: identity
    kind: IDENTITY
    ask: 请问是您吗？
    ask_again: 请问是您本人吗？
    keys: 请按一或二。
"""
FACT = """\
  - id: received
    kind: POS
    ask: 您收到了吗？
    ask_again: 您拿到了吗？
    keys: 请按一或二。
    ticket: {category: 合同未送达, departments: [契约], major: true}
"""
MINI = HEAD + PROMPTS + TICKETS + "questions:\n" + IDENTITY + FACT


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def reads_or_blames(text: str) -> None:
    line = 1
    try:
        read_script(text, "x.yaml")
    except ScriptError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 2


def fails(text: str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        read_script(text, "x.yaml")
    assert caught.value.file == "x.yaml"
    assert str(caught.value).startswith(f"x.yaml:{caught.value.line}: ")
    return caught.value


def test_a_small_script_reads_with_its_defaults() -> None:
    script = read_script(MINI, "x.yaml")
    assert (script.id, script.version, script.purpose) == ("mini", "3", Purpose.CALLBACK)
    identity, fact = script.questions
    assert (identity.kind, identity.barge_in, identity.ticket) == (QuestionKind.IDENTITY, False, None)
    assert (fact.barge_in, fact.confirm, fact.short, fact.when) == (True, Confirm.PROBLEM, False, Condition())
    assert fact.ticket is not None
    assert fact.ticket.departments == ("契约",)


def test_flags_are_read() -> None:
    more = "    short: true\n    barge_in: false\n    confirm: never\n"
    more += "    when: {product: [linked], channel: [银代]}\n"
    fact = read_script(MINI + more, "x.yaml").questions[1]
    when = Condition(product=(ProductType.LINKED,), channel=("银代",))
    assert (fact.short, fact.barge_in, fact.confirm, fact.when) == (True, False, Confirm.NEVER, when)


def test_a_question_may_depend_on_an_earlier_one_only() -> None:
    later = FACT.replace("id: received", "id: read") + "    when: {ended: {received: good}}\n"
    script = read_script(MINI + later, "x.yaml")
    assert script.questions[2].when.ended == {"received": Ending.GOOD}
    error = fails(MINI + later.replace("ended: {received", "ended: {read"))
    assert "no question 'read' stands above this one" in error.message
    assert "did you mean" in fails(MINI + later.replace("good", "godo")).message


def test_open_questions_need_neither_keys_nor_ticket() -> None:
    free = "  - id: advice\n    kind: FREE\n    ask: 请问您有什么建议？\n"
    question = read_script(MINI + free, "x.yaml").questions[2]
    assert (question.free, question.ask_again, question.keys, question.ticket) == (True, None, None, None)
    assert "follow_up" in fails(MINI + free + "    follow_up: {ask: 请问为什么？}\n").message


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("company: ", "compny: ", "compny", "unknown key 'compny', did you mean 'company'?"),
        ("title: 小\n", "title: 小\ncolour: red\n", "colour", "unknown key 'colour'"),
        ("title: 小\n", "title: 小\ntitle: 大\n", "title: 大", "written twice"),
        ("title: 小\n", "title: [小]\n", "title", "must be text: write title: 新契约回访"),
        ("title: 小\n", "title: ''\n", "title", "is empty"),
        ("title: 小\n", "title: true\n", "title", "must be text"),
        ("id: mini\n", "id: mini/short\n", "id: mini", "without / and slots"),
        ("  greeting: 谢谢您。\n", "  greeting: 您好{name}。\n", "  greeting", "unknown slot {name}"),
        ("  greeting: 谢谢您。\n", "  greeting: 您好{surnam}。\n", "  greeting", "did you mean 'surname'"),
        (
            "  greeting: 谢谢您。\n",
            "  greeting: 您好{surname。\n",
            "  greeting",
            "brace that belongs to no slot",
        ),
        (
            "  greeting: 谢谢您。\n",
            "  greeting: 您的{product}。\n",
            "  greeting",
            "(R2): leave out {product}",
        ),
        ("  greeting: 谢谢您。\n", "  greeting: 。\n", "  greeting", "no words to speak"),
        ("  greeting: 谢谢您。\n", "", "prompts:", "'greeting' is missing"),
        ("  closing: 谢谢您。\n", "  closng: 谢谢您。\n", "  closng", "did you mean 'closing'"),
        ("kind: POS", "kind: POSS", "kind: POSS", "did you mean 'POS'?: write one of POS, KNOW"),
        ("kind: POS", "kind: yes", "kind: yes", "unknown kind 'yes'"),
        ("    ask: 您收到了吗？\n", "", "  - id: received", "question received: 'ask' is missing"),
        ("ask: 您收到了吗？", "ask: 您交{premium}元吗？", "ask: 您交", "leave out the 元"),
        ("id: received", "id: identity", "id: identity\n    kind: POS", "'identity' is taken"),
        (
            "    ticket: {category: 合同未送达, departments: [契约], major: true}\n",
            "",
            "  - id: received",
            "R74",
        ),
        ("departments: [契约]", "departments: []", "    ticket", "at least one item"),
        ("departments: [契约]", "departments: 契约", "    ticket", "must be a list"),
        ("departments: [契约]", "departments: [{a: b}]", "    ticket", "must be text"),
        ("major: true", "major: maybe", "    ticket", "must be true or false"),
        ("major: true", "mayor: true", "    ticket", "did you mean 'major'"),
        ("questions:\n", "questions:\n  - 7\n", "  - 7", "must be a table"),
        ("  complaint: {category: 投诉, departments: [投诉]}\n", "", "tickets:", "'complaint' is missing"),
    ],
)
def test_every_mistake_has_its_line_and_a_remedy(old: str, new: str, at: str, says: str) -> None:
    text = MINI.replace(old, new, 1)
    assert text != MINI
    error = fails(text)
    assert says in error.message
    assert error.line == line_of(text, at)


def test_a_question_that_is_not_asked_of_a_stranger_may_not_have_a_ticket() -> None:
    text = MINI.replace("    keys: 请按一或二。\n", "    keys: 请按一或二。\n    ticket: {}\n", 1)
    error = fails(text.replace("ticket: {}", "ticket: {category: 甲, departments: [乙]}"))
    assert "a no to IDENTITY is no problem" in error.message


def test_the_risky_yes_needs_a_ticket_too() -> None:
    text = MINI.replace("kind: POS", "kind: BAD").replace(
        MINI[MINI.index("    ticket: {category: 合同") :], ""
    )
    assert "a yes here is a problem" in fails(text).message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("a: [1, 2", "not YAML"),
        ("a: b: c", "not YAML"),
        ("\x00", "not YAML"),
        ("- 1\n- 2\n", "must be a table"),
        ("just words", "must be a table"),
        ("[" * 5000, "nested too deeply"),
        ("? [a]\n: b\n", "a key must be a plain word"),
        ("a: &x {b: *x}\n", "contains itself"),
        ("a: 1\n", "unknown key 'a'"),
    ],
)
def test_what_is_no_script_at_all(text: str, says: str) -> None:
    assert says in fails(text).message


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_garbage_reads_or_raises_a_script_error(text: str) -> None:
    reads_or_blames(text)


@given(st.integers(0, len(MINI) - 1), st.integers(0, 40), st.text("{}[]:- \n'\"#&*!|>a1", max_size=4))
def test_a_damaged_script_reads_or_raises_a_script_error(start: int, length: int, patch: str) -> None:
    reads_or_blames(MINI[:start] + patch + MINI[start + length :])
