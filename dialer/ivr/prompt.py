"""Prompt templates: fixed words around slots, rendered for one customer into pieces to say.

A template is text such as ``请问是{surname}{honorific}本人吗？``. Slots that are fixed words themselves
(company, honorific) melt into the text around them, so that one clip speaks the whole phrase; slots
that are values (money, numbers, names) stand alone and are read aloud by their kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from dialer.model import Say, SayKind, Task

HONORIFICS = ("先生", "女士", "先生或女士")
"""Every form of address a prompt can hold; the last one where the task doesn't say."""

TEXT_SLOTS = ("company", "honorific")
VALUE_SLOTS = {
    "surname": SayKind.SURNAME,
    "product": SayKind.PRODUCT,
    "premium": SayKind.MONEY,
    "pay_years": SayKind.NUMBER,
    "cooling_off_days": SayKind.NUMBER,
    "event": SayKind.DATE,
    "policy_tail": SayKind.DIGITS,
}
SLOTS = (*TEXT_SLOTS, *VALUE_SLOTS)

PUNCTUATION = " ，。、；：？！,.;:?!"

_SLOT = re.compile(r"\{([^{}]*)\}")
_LEADING = " \t\n，。、；：？！,.;:?!…"
_WORD = re.compile(r"\w")

_COMPOUND = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙壤驷公良"
    "漆雕乐正宰父谷梁拓跋夹谷轩辕令狐段干百里呼延东郭南门羊舌微生梁丘左丘东门西门第五"
)
_COMPOUND_SURNAMES = frozenset(_COMPOUND[i : i + 2] for i in range(0, len(_COMPOUND), 2))
_TAIL = 4


class ProductType(StrEnum):
    """Design of a life insurance product: of the new types, all but the first, the yield isn't certain."""

    ORDINARY = "ordinary"
    PARTICIPATING = "participating"
    """分红型."""
    UNIVERSAL = "universal"
    """万能型."""
    LINKED = "linked"
    """投资连结型."""

    @classmethod
    def of(cls, product: str) -> ProductType:
        """By its filed name, which carries the design: 金瑞两全保险（分红型）."""
        return next((kind for word, kind in _DESIGNS if word in product), cls.ORDINARY)


_DESIGNS = (
    ("分红", ProductType.PARTICIPATING),
    ("万能", ProductType.UNIVERSAL),
    ("投资连结", ProductType.LINKED),
    ("投连", ProductType.LINKED),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a script may say of one customer and policy, and what decides which questions apply."""

    surname: str
    honorific: str
    product: str
    premium: Decimal
    """Yuan a year."""
    pay_years: int
    cooling_off_days: int
    insured_differs: bool = False
    """The insured is another person: the signatures are asked separately (R3)."""
    product_type: ProductType = ProductType.ORDINARY
    channel: str = ""
    """个代, 银代, 经代, 电销 or 网销."""
    event: date | None = None
    """The signing, a claim's end, a visit: what the call-back is about."""
    policy_tail: str = ""
    """The last four digits of the policy's number."""
    weekday: int | None = None
    """Of the call's day, 0 = Monday, so that 下周一 can be counted; None: weekdays aren't understood."""


def surname(name: str) -> str:
    """The surname of a full name: 欧阳娜 -> 欧阳, 王芳 -> 王, 买买提·艾力 -> 买买提. Raises ValueError."""
    name = name.strip()
    if not name:
        raise ValueError("the policyholder has no name: the identity question can't be asked")
    if "·" in name:
        return name.split("·", 1)[0]
    if name.isascii():
        return name.split()[-1]
    return name[:2] if name[:2] in _COMPOUND_SURNAMES and len(name) > 2 else name[:1]


def facts_of(task: Task, weekday: int | None = None) -> Facts:
    """What the script may say of ``task``. Raises ValueError where the holder has no name."""
    holder = task.holder
    return Facts(
        surname=surname(holder.name),
        honorific=holder.honorific if holder.honorific in HONORIFICS else HONORIFICS[-1],
        product=task.product,
        premium=task.premium,
        pay_years=task.pay_years,
        cooling_off_days=task.cooling_off_days,
        insured_differs=holder.insured_differs,
        product_type=ProductType.of(task.product),
        channel=task.channel,
        event=task.event,
        policy_tail="".join(filter(_is_digit, task.policy_no))[-_TAIL:],
        weekday=weekday,
    )


def _is_digit(character: str) -> bool:
    return character.isascii() and character.isdigit()


def slots_of(template: str) -> tuple[str, ...]:
    """Names between braces, in order, known or not."""
    return tuple(_SLOT.findall(template))


def template_fault(template: str) -> str:
    """What is wrong with a template and what to write, or empty."""
    for slot in slots_of(template):
        if slot not in SLOTS:
            near = get_close_matches(slot, SLOTS, n=1, cutoff=0.6)
            guess = f", did you mean {near[0]!r}?" if near else ""
            return f"has an unknown slot {{{slot}}}{guess}: slots are " + " ".join(
                f"{{{name}}}" for name in SLOTS
            )
    rest = _SLOT.sub("", template)
    if "{" in rest or "}" in rest:
        return "has a brace that belongs to no slot, like {surname}"
    if "{premium}元" in template:
        return "{premium} is read with its 元: leave out the 元"
    if not slots_of(template) and not template.strip(PUNCTUATION):
        return "has no words to speak"
    return ""


def render(template: str, company: str, facts: Facts) -> tuple[Say, ...]:
    """Split ``template`` around its values. Raises ValueError where this customer has no such value.

    Unknown slots raise KeyError: the reader lets none pass.
    """
    if _same_for_all(template):
        return _plain(template, company, facts.honorific)
    return tuple(_render(template, company, facts))


@lru_cache(maxsize=1024)
def _same_for_all(template: str) -> bool:
    return set(slots_of(template)) <= {"company", "honorific"}


@lru_cache(maxsize=2048)
def _plain(template: str, company: str, honorific: str) -> tuple[Say, ...]:
    """A text without a customer's own values: cut once, spoken in each call."""
    parts = _SLOT.split(template)
    values = {"company": company, "honorific": honorific}
    text = "".join(values[part] if index % 2 else part for index, part in enumerate(parts))
    return tuple(_fixed(text))


def _render(template: str, company: str, facts: Facts) -> Iterator[Say]:
    text = ""
    for index, part in enumerate(_SLOT.split(template)):
        if index % 2 == 0:
            text += part
        elif part == "company":
            text += company
        elif part == "honorific":
            text += facts.honorific
        else:
            yield from _fixed(text)
            text = ""
            yield Say(VALUE_SLOTS[part], _value(part, facts))
    yield from _fixed(text)


def _fixed(text: str) -> Iterator[Say]:
    """A fragment starts with a word: a clip can't speak the comma that followed a slot."""
    text = text.lstrip(_LEADING).rstrip()
    if _WORD.search(text):
        yield Say(SayKind.TEXT, text)


def _value(slot: str, facts: Facts) -> str:
    match slot:
        case "premium":
            amount = facts.premium.quantize(Decimal("0.01"))
            return f"{amount:f}".removesuffix(".00")
        case "pay_years":
            return str(facts.pay_years)
        case "cooling_off_days":
            return str(facts.cooling_off_days)
        case "surname":
            return facts.surname
        case "event":
            if facts.event is None:
                raise ValueError("the script speaks of {event}, but the task has no such date (起算日)")
            return facts.event.isoformat()
        case "policy_tail":
            if len(facts.policy_tail) < _TAIL:
                raise ValueError(
                    "the script speaks of {policy_tail}, but the policy number has no four digits"
                )
            return facts.policy_tail
    return facts.product


def texts_of(template: str, company: str) -> tuple[str, ...]:
    """Every fixed fragment that ``template`` can say, whoever the customer is."""
    found: dict[str, None] = {}
    for honorific in HONORIFICS:
        facts = Facts("", honorific, "", Decimal(0), 0, 0, event=date.min, policy_tail="0000")
        found.update((say.text, None) for say in render(template, company, facts) if say.kind is SayKind.TEXT)
    return tuple(found)
