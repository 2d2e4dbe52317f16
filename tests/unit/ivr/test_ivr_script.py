from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.ivr.prompt import HONORIFICS, Facts, ProductType, render
from dialer.ivr.reader import read_script
from dialer.ivr.script import Condition, Ending, Script, split_name
from dialer.model import QuestionKind, SayKind

FILE = Path(__file__).parents[3] / "config" / "scripts" / "new-policy.yaml"
FACTS = Facts("王", "先生", "康安重疾", Decimal(12000), 20, 15)
SHORT = ["identity", "consent", "insurance", "received", "signed", "cooling_off", "promised", "anything_else"]


@pytest.fixture(scope="module")
def script() -> Script:
    return read_script(FILE.read_text(encoding="utf-8"), str(FILE))


def test_the_short_form_has_eight_questions(script: Script) -> None:
    assert [question.id for question in script.form("short", FACTS)] == SHORT


def test_the_full_form_has_the_fifteen_of_a_new_type_product(script: Script) -> None:
    assert len(script.form("full", replace(FACTS, product_type=ProductType.UNIVERSAL))) == 15
    assert len(script.form("full", FACTS)) == 13


@pytest.mark.parametrize("form", ["full", "short"])
def test_another_insured_is_asked_about_separately(script: Script, form: str) -> None:
    """R3."""
    ids = [question.id for question in script.form(form, replace(FACTS, insured_differs=True))]
    assert ids[ids.index("signed") + 1] == "signed_insured"


def test_shipped_ticket_rules(script: Script) -> None:
    rules = {q.id: q.ticket for q in script.questions if q.ticket is not None}
    assert {name for name, rule in rules.items() if rule.major} == {
        "signed",
        "signed_insured",
        "promised",
        "coached",
    }
    assert [name for name, rule in rules.items() if rule.before_cooling_off] == ["cooling_off"]
    assert rules["insurance"].departments == ("销售管理", "合规")
    assert rules["received"].category == "合同未送达"


def test_texts_hold_every_fragment_that_can_be_played(script: Script) -> None:
    texts = script.texts()
    assert len(texts) == len(set(texts))
    for honorific in HONORIFICS:
        facts = replace(FACTS, honorific=honorific)
        for template in script.templates():
            for say in render(template, script.company, facts):
                assert say.kind is not SayKind.TEXT or say.text in texts
    assert all("{" not in text and text.strip() for text in texts)


def test_short_prompts_are_short(script: Script) -> None:
    """The whole short form must fit into a minute."""
    spoken = [
        sum(len(say.text) for say in render(question.ask, script.company, FACTS))
        for question in script.form("short", FACTS)
    ]
    assert max(spoken) <= 24
    assert sum(spoken) <= 160


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("new-policy", ("new-policy", "full")),
        ("new-policy/short", ("new-policy", "short")),
        (" new-policy/full ", ("new-policy", "full")),
        ("new-policy/", ("new-policy", "full")),
    ],
)
def test_names_of_forms(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected


@pytest.mark.parametrize("name", ["", "/short", "new-policy/long", "a/b/c"])
def test_a_wrong_name_says_what_to_write(name: str) -> None:
    with pytest.raises(ValueError, match="new-policy/short"):
        split_name(name)


def test_an_unknown_form_is_refused(script: Script) -> None:
    with pytest.raises(ValueError, match="full, short"):
        script.form("long")


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (Condition(), True),
        (Condition(insured_differs=False), True),
        (Condition(insured_differs=True), False),
        (Condition(product=(ProductType.ORDINARY,)), True),
        (Condition(product=(ProductType.LINKED, ProductType.UNIVERSAL)), False),
        (Condition(channel=("银代", "经代")), True),
        (Condition(channel=("个代",)), False),
        (Condition(channel=("银代",), insured_differs=True), False),
    ],
)
def test_all_of_a_condition_must_hold(when: Condition, holds: bool) -> None:
    assert when.holds(replace(FACTS, channel="银代")) is holds


def test_a_condition_on_earlier_answers() -> None:
    when = Condition(ended={"paid": Ending.GOOD})
    assert when.holds(FACTS)
    assert when.met({"paid": Ending.GOOD})
    assert not when.met({"paid": Ending.PROBLEM})
    assert not when.met({})


def test_labels(script: Script) -> None:
    assert script.label() == "new-policy@1"
    assert script.label("short") == "new-policy/short@1"
    assert not any(q.barge_in for q in script.questions if q.kind in (QuestionKind.BAD, QuestionKind.CONS))
