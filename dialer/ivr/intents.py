"""Answers that mean the same to every question: later, wrong person, refusal, complaint, human, again."""

from __future__ import annotations

import re

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import Sense
from dialer.ivr.words import Tag

_SELLERS = (
    "业务员",
    "销售",
    "销售员",
    "代理人",
    "客户经理",
    "理财经理",
    "营销员",
    "保险员",
    "推销员",
    "工作人员",
)
_POSSESSED = re.compile(r"^的?(保险|保单|合同|电话|手机|号码|号)")
_FACTUAL = frozenset(
    {
        Meaning.KNOWN, Meaning.NOT_KNOWN, Meaning.RECEIVED, Meaning.NOT_RECEIVED, Meaning.READ,
        Meaning.NOT_READ, Meaning.SIGNED, Meaning.OTHER_SIGNED, Meaning.NOT_SIGNED, Meaning.SIGNED_UNSAID,
    }
)  # fmt: skip
_MACHINE = ("机器", "机器人", "机器说话", "电脑", "人工智能", "语音系统", "自动语音")


def _tags(clause: Clause, tag: Tag) -> list[int]:
    return [i for i, token in enumerate(clause.tokens) if token.tag is tag]


def _negated(clause: Clause, place: int) -> bool:
    """An odd number of negations stands before ``place``."""
    return sum(token.tag is Tag.NOT for token in clause.tokens[:place]) % 2 == 1


def _human(clause: Clause) -> Meaning | None:
    places = _tags(clause, Tag.HUMAN)
    if not places:
        return None
    declined = any(t.tag is Tag.NEEDLESS or t.word == "不要" for t in clause.tokens[: places[0]])
    if declined and clause.tokens[places[0]].word not in _MACHINE:
        return Meaning.UNSURE
    return Meaning.HUMAN


def _wrong(clause: Clause) -> Meaning | None:
    if clause.has(Tag.WRONG):
        return Meaning.WRONG
    if clause.has(Tag.ABSENT):
        mine = any(token.tag is Tag.SELF and "本人" not in token.word for token in clause.tokens)
        return Meaning.BUSY if mine else Meaning.WRONG
    for place, token in enumerate(clause.tokens):
        rest = "".join(token.word for token in clause.tokens[place + 1 :])
        somebody = token.tag is Tag.OTHER and token.word not in _SELLERS
        not_mine = token.tag is Tag.SELF and _negated(clause, place) and rest.startswith("的")
        if (somebody or not_mine) and _POSSESSED.match(rest):
            return Meaning.WRONG
    return None


def _refused(clause: Clause) -> Meaning | None:
    places = _tags(clause, Tag.REFUSE)
    if places:
        now = any(token.word in ("现在", "今天", "目前") for token in clause.tokens)
        if now and clause.tokens[places[0]].word in ("不行", "不可以"):
            return Meaning.BUSY
        return Meaning.UNSURE if _negated(clause, places[0]) else Meaning.REFUSE
    for place in _tags(clause, Tag.WILL):
        if any(t.tag is Tag.NOT and t.word.startswith("不") for t in clause.tokens[:place]):
            return Meaning.REFUSE
    calls = clause.has(Tag.CALL) or any(token.word in ("回访", "调查", "电话") for token in clause.tokens)
    if clause.has(Tag.NEEDLESS) and calls:
        return Meaning.REFUSE
    return None


def _busy(clause: Clause, said: list[Sense]) -> Meaning | None:
    places = _tags(clause, Tag.BUSY)
    if places and any(sense.meaning is Meaning.NOT_READ for sense in said):
        return None
    if places:
        if clause.tokens[places[0]].word in ("有事", "有点事") and clause.has(Tag.CHECK):
            return Meaning.MATTER
        if clause.tokens[0].word in ("他", "她") and not clause.has(Tag.LATER, Tag.CALL):
            return Meaning.WRONG
        return Meaning.CONSENT if _negated(clause, places[0]) else Meaning.BUSY
    calls = [clause.tokens[i].word for i in _tags(clause, Tag.CALL)]
    later = clause.has(Tag.LATER)
    if calls and (
        later or any(word.startswith(("再打", "再联", "再来", "回", "改", "另")) for word in calls)
    ):
        return Meaning.BUSY
    if any(word.startswith("再说") for word in calls):
        return Meaning.UNSURE
    factual = any(sense.meaning in _FACTUAL or sense.meaning is Meaning.UNSURE for sense in said)
    return Meaning.BUSY if later and not factual else None


def _broken_promise(clause: Clause) -> bool:
    """说好的五年就能取: agreed on, and it isn't so."""
    agreed = any(token.word in ("说好", "说好的", "讲好", "口口声声") for token in clause.tokens)
    return agreed and not clause.has(Tag.CALL, Tag.LATER) and len(clause.text) >= 6


def intent(clause: Clause, said: list[Sense]) -> Meaning | None:
    """The question-free meaning of a clause, or None where its senses decide. UNSURE: it was taken back."""
    if any(sense.meaning is Meaning.COMPLAINT for sense in said) or _broken_promise(clause):
        return Meaning.COMPLAINT
    if clause.has(Tag.BOUGHT):
        return Meaning.NOT_BOUGHT
    repeat = Meaning.REPEAT if clause.has(Tag.REPEAT) else None
    return _human(clause) or _wrong(clause) or _refused(clause) or _busy(clause, said) or repeat
