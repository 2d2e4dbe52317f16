from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dialer.ivr.prompt import (
    Facts,
    ProductType,
    facts_of,
    render,
    slots_of,
    surname,
    template_fault,
    texts_of,
)
from dialer.model import Phone, PhoneNumber, Policyholder, Say, SayKind, Task, TaskId

FACTS = Facts("王", "女士", "康安重疾", Decimal("12000.00"), 20, 15)


def task(**changes: object) -> Task:
    base = Task(
        id=TaskId(1),
        campaign="demo",
        policy_no="P1",
        holder=Policyholder("欧阳娜娜", "女士", insured_differs=True),
        phones=(Phone(PhoneNumber.parse("13812345678")),),
        product="金瑞两全保险（分红型）",
        premium=Decimal(5000),
        pay_years=10,
        script="new-policy/short",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("王芳", "王"),
        ("欧阳娜", "欧阳"),
        ("欧阳", "欧"),
        ("诸葛孔明", "诸葛"),
        ("司马", "司"),
        ("买买提·艾力", "买买提"),
        ("John Smith", "Smith"),
        (" 李四 ", "李"),
    ],
)
def test_surname(name: str, expected: str) -> None:
    assert surname(name) == expected


def test_a_holder_without_a_name_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="no name"):
        facts_of(task(holder=Policyholder("  ")))


def test_facts_of_a_task() -> None:
    facts = facts_of(task(), weekday=2)
    assert facts == Facts(
        "欧阳",
        "女士",
        "金瑞两全保险（分红型）",
        Decimal(5000),
        10,
        15,
        True,
        ProductType.PARTICIPATING,
        policy_tail="1",
        weekday=2,
    )
    plain = facts_of(task(product="安康定期寿险", holder=Policyholder("王芳", "小姐")))
    assert (plain.product_type, plain.honorific) == (ProductType.ORDINARY, "先生或女士")


def test_company_and_honorific_melt_into_the_text() -> None:
    say = render("这里是{company}，请问是{surname}{honorific}本人吗？", "禾安人寿", FACTS)
    assert say == (
        Say(SayKind.TEXT, "这里是禾安人寿，请问是"),
        Say(SayKind.SURNAME, "王"),
        Say(SayKind.TEXT, "女士本人吗？"),
    )


def test_values_stand_alone_and_punctuation_is_not_spoken() -> None:
    say = render("保费{premium}，缴{pay_years}年，{product}，{cooling_off_days}。", "", FACTS)
    assert say == (
        Say(SayKind.TEXT, "保费"),
        Say(SayKind.MONEY, "12000"),
        Say(SayKind.TEXT, "缴"),
        Say(SayKind.NUMBER, "20"),
        Say(SayKind.TEXT, "年，"),
        Say(SayKind.PRODUCT, "康安重疾"),
        Say(SayKind.NUMBER, "15"),
    )


@pytest.mark.parametrize(
    ("premium", "text"),
    [("12000", "12000"), ("1E+4", "10000"), ("99.5", "99.50"), ("0.01", "0.01"), ("100.00", "100")],
)
def test_money_is_plain_yuan(premium: str, text: str) -> None:
    assert render("{premium}", "", replace(FACTS, premium=Decimal(premium))) == (Say(SayKind.MONEY, text),)


def test_every_honorific_has_its_fragment() -> None:
    assert texts_of("请问是{surname}{honorific}本人吗？", "") == (
        "请问是",
        "先生本人吗？",
        "女士本人吗？",
        "先生或女士本人吗？",
    )


def test_slots_and_stray_braces() -> None:
    assert slots_of("{a}b{}") == ("a", "")
    assert "brace" in template_fault("您{好")
    assert template_fault("{surname}") == ""


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        ("金瑞两全保险（分红型）", ProductType.PARTICIPATING),
        ("聚财终身寿险（万能型）", ProductType.UNIVERSAL),
        ("优选投资连结保险", ProductType.LINKED),
        ("康安定期寿险", ProductType.ORDINARY),
    ],
)
def test_the_filed_name_carries_the_design(product: str, kind: ProductType) -> None:
    assert ProductType.of(product) is kind


def test_the_date_and_the_policys_last_digits() -> None:
    facts = facts_of(task(policy_no="HA2026-00138/7", event=date(2026, 11, 3)))
    assert render("{event}，尾号{policy_tail}", "", facts) == (
        Say(SayKind.DATE, "2026-11-03"),
        Say(SayKind.TEXT, "尾号"),
        Say(SayKind.DIGITS, "1387"),
    )


@pytest.mark.parametrize("template", ["{event}提交的申请", "尾号{policy_tail}"])
def test_what_this_customer_lacks_is_told(template: str) -> None:
    with pytest.raises(ValueError, match="the script speaks of"):
        render(template, "", facts_of(task(policy_no="P1", event=None)))
