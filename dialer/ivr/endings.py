"""What a clause says that ends without a predicate: a bare negation, a person, a name."""

from __future__ import annotations

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.predicates import CONTRACT
from dialer.ivr.sense import (
    POSITIVE,
    Reader,
    alone,
)
from dialer.ivr.tags import Tag

_ARRIVING = frozenset({"来", "回来", "到"})
_WHEREABOUTS = _ARRIVING | {
    "在", "去", "回去", "回家", "上门", "跑", "跑来", "路过", "登门", "拿去", "用", "戴着", "研究",
    "见过", "见到",
}  # fmt: skip
_ANYBODY = frozenset({"别人", "他人", "其他人", "旁人", "外人"})
_BETWEEN = (Tag.MANNER, Tag.ALL, Tag.DEGREE, Tag.WHEN, Tag.PREP, Tag.ASPECT)


def end(reader: Reader) -> None:
    """What is left when the clause ends without a predicate."""
    reader.at = len(reader.clause.tokens) - 1
    first = reader.clause.tokens[0].tag if reader.clause.tokens else None
    if reader.negations and not reader.spent:
        if reader.subject is Tag.OTHER and reader.token.word in _ANYBODY and reader.negations == ["不是"]:
            reader.say(Meaning.BESIDE)  # 不是别人,是我签的
        elif reader.subject in (Tag.SELF, Tag.OTHER) and reader.negations[-1] == "不是":
            reader.say(Meaning.WRONG if _disowns(reader.clause) else Meaning.NOT_ME)
        elif reader.senses and reader.senses[-1].meaning is Meaning.COMPLAINT:
            return
        elif reader.senses and reader.senses[-1].meaning in POSITIVE:
            reader.amend(Meaning.UNSURE)  # 收到没有
        elif reader.rhetoric:
            reader.say(Meaning.AGREE, weak=True)
        elif _unsaid(reader):
            reader.say(Meaning.UNSURE)
        elif _away(reader.clause):
            reader.say(Meaning.BESIDE)
        elif (
            reader.token.tag is Tag.TELL and reader.negations[-1] == "不" and reader.subject is not Tag.OTHER
        ):
            reader.say(Meaning.REFUSE)  # 我不说
        elif all(s.meaning is Meaning.AGREE for s in reader.senses) and _withheld(reader.clause):
            reader.say(Meaning.NOT_RECEIVED)
        else:
            reader.say(alone(reader.negations))
    elif len(reader.clause.tokens) == 1 and reader.token.word in ("啥呀", "什么呀"):
        reader.say(Meaning.REPEAT)
    elif _introduces(reader):
        reader.say(Meaning.WRONG)
    elif any(sense.meaning not in (Meaning.HELLO, Meaning.WEAK) for sense in reader.senses):
        return
    elif reader.subject is Tag.NOBODY:
        reader.say(Meaning.BESIDE if _away(reader.clause) else Meaning.NONE)
    elif reader.subject is Tag.SOMEBODY:
        reader.say(Meaning.HAVE)
    elif reader.subject is Tag.SELF and _names_self(reader.clause):
        reader.say(Meaning.ME)
    elif reader.subject is Tag.OTHER and reader.clause.has(Tag.COPULA):
        reader.say(Meaning.WRONG if first is Tag.SELF else Meaning.NOT_ME)
    elif all(t.word == "就是" or t.tag is Tag.PAUSE for t in reader.clause.tokens) and reader.clause.has(
        Tag.BUT
    ):
        reader.say(Meaning.AGREE)


def _unsaid(reader: Reader) -> bool:
    """没有才怪, 没说没有: no plain denial."""
    twice = len(reader.negations) > 1 and reader.negations[0] == "没" and reader.clause.has(Tag.TELL)
    return twice or reader.clause.has(Tag.SCORN)


def _away(clause: Clause) -> bool:
    """我当时没在, 我没去银行, 没人来: who wasn't there denies nothing that was asked; 合同没来 does."""
    last = max((i for i, t in enumerate(clause.tokens) if t.tag in (Tag.NOT, Tag.NOBODY)), default=None)
    if last is None:
        return False
    before, rest = clause.tokens[:last], clause.tokens[last + 1 :]
    if before and all(t.tag is Tag.PAUSE for t in rest):
        return before[-1].tag is Tag.PLACE or before[-1].word.endswith(("边", "旁"))  # 家里没人
    moved = next((t for t in rest if t.word in _WHEREABOUTS or t.tag not in _BETWEEN), None)
    if moved is None or moved.word not in _WHEREABOUTS:
        return False
    person = clause.tokens[last].tag is Tag.NOBODY or any(t.tag in (Tag.SELF, Tag.OTHER) for t in before)
    return person or moved.word not in _ARRIVING


def _withheld(clause: Clause) -> bool:
    """没给, 什么合同都没有."""
    given = clause.tokens[-1].word == "给" and clause.tokens[-2:-1] and clause.tokens[-2].tag is Tag.NOT
    return bool(given) or any(paper in clause.text for paper in CONTRACT)


def _disowns(clause: Clause) -> bool:
    """我不是他, 我不是投保人, 我不是王芳: another person; not 不是我, 我不是."""
    tokens = clause.tokens
    if not tokens or tokens[0].tag is not Tag.SELF:
        return False
    rest = tokens[next(i for i, t in enumerate(tokens) if t.tag is Tag.NOT) + 1 :]
    named = rest[-1:] and rest[-1].tag is Tag.OTHER  # 张先生: 张 is also a measure word
    return bool(rest) and (named or all(t.tag in (Tag.SELF, Tag.PAUSE, None) for t in rest))


def _introduces(reader: Reader) -> bool:
    """对她是我妈, 对是我妈: the particle agrees to who it is, and that is somebody else."""
    tags = [token.tag for token in reader.clause.tokens]
    triples = list(zip(tags, tags[1:], tags[2:], strict=False))
    other = (Tag.OTHER, Tag.COPULA, Tag.SELF) in triples or (Tag.COPULA, Tag.SELF, Tag.OTHER) in triples
    agreed = all(sense.meaning in (Meaning.AGREE, Meaning.WEAK) for sense in reader.senses)
    return agreed and other and reader.subject is Tag.OTHER


def _names_self(clause: Clause) -> bool:
    """是我, 我就是, 我是王芳: nothing but the person."""
    plain = (
        Tag.HELLO, Tag.WEAK, Tag.SELF, Tag.COPULA, Tag.AGREE, Tag.BUT, Tag.PAUSE, Tag.COURTESY, Tag.BOUND,
    )  # fmt: skip
    named = clause.has(Tag.COPULA) and clause.tokens[0].tag is Tag.SELF and clause.unknown <= 4
    return all(t.tag in plain or t.word in "就的都啊" or (t.tag is None and named) for t in clause.tokens)
