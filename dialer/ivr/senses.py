"""One clause to what it says: polarity, subject and predicate, read from left to right.

A negation reaches the next predicate; a second one cancels it (不是不清楚). A pronoun that a negation
can't take ends its reach (不,我收到了). Rhetorical words turn the polarity (怎么不是我签的, 清楚个啥).
This reader understands what it can and passes over the rest; ``scope.unexplained`` says what that was.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.ivr.asking import a_not_a, question, rhetoric
from dialer.ivr.clauses import Clause
from dialer.ivr.endings import end
from dialer.ivr.meanings import Meaning
from dialer.ivr.negation import consumed, gone, negation
from dialer.ivr.particles import BARE, NOMINAL, bare, copula
from dialer.ivr.predicates import CONTRACT, fact, no_more, promise, telling
from dialer.ivr.scope import doubts
from dialer.ivr.sense import (
    FACTS,
    IN_PLACE_OF,
    NOT_FOLLOWED,
    POSITIVE,
    PREDICATES,
    REFLEXIVE,
    Reader,
    Sense,
    scorned,
)
from dialer.ivr.signing import handle, signing
from dialer.ivr.tags import Tag


def _together(reader: Reader) -> bool:
    """我跟我爱人都是自己签的: both of them."""
    before, rest = reader.clause.tokens[: reader.at], reader.clause.tokens[reader.at + 1 :]
    with_whom = [t.word for t in before[-2:] if t.tag is not Tag.SELF][-1:]
    jointly = any(t.tag is Tag.ALL or t.word.startswith(("一起", "一块", "一同", "一道")) for t in rest)
    return reader.subject is Tag.SELF and with_whom in (["跟"], ["和"], ["与"]) and jointly


def _subject(reader: Reader, tag: Tag) -> None:
    previous = reader.peek(-1)
    if tag is Tag.OTHER and previous is not None and previous.word in ("当着", "当"):
        return  # 我当着业务员面签的: a witness
    if tag is Tag.OTHER and _together(reader):
        return
    following = reader.peek()
    if (
        reader.token.word in ("投保人", "被保险人", "被保人")
        and following is not None
        and following.word.startswith("本人")
    ):
        return  # 投保人本人签的
    if tag is Tag.OTHER and reader.subject is Tag.SELF and gone(reader):
        reader.reset()
    if reader.token.word in REFLEXIVE and reader.subject is Tag.OTHER and not reader.stated:
        return  # 业务员自己签的
    for_me = tag is Tag.SELF and reader.subject is Tag.OTHER and previous is not None
    if for_me and previous is not None and previous.word in IN_PLACE_OF:
        return  # 嗯别人替我签的
    if reader.senses:
        pending = [] if reader.spent else reader.negations  # 签名不是我, 是的没让我抄
        reader.reset()
        reader.negations = pending
    helped = previous is not None and previous.word in (*IN_PLACE_OF, "给", "跟", "对", "向", "和", "让")
    if not (tag is Tag.SELF and (reader.subject is Tag.NOBODY or (helped and reader.subject is not None))):
        reader.subject = tag


_AT = ("在", "还在", "搁", "放")


def _kept(reader: Reader) -> None:
    """在业务员手上: the paper is with somebody else; 在我包里, 合同在家里: with the customer."""
    holder, at = reader.peek(-1), reader.peek(-2)
    held = reader.token.word.startswith("手") and holder is not None and holder.tag is Tag.OTHER
    if held and at is not None and at.word in ("在", "还在") and not reader.negations:
        reader.say(Meaning.NOT_RECEIVED)
    mine = holder is not None and holder.tag is Tag.SELF and at is not None and at.word in _AT
    home = holder is not None and holder.word in _AT and reader.clause.has(Tag.PAPER)
    if (mine or home) and not reader.senses and not reader.negations:
        reader.say(Meaning.RECEIVED)


def _have(reader: Reader) -> None:
    if reader.negations and reader.token.word.startswith("还有") and reader.negations[-1] != "不是":
        if reader.spent:
            reader.reset()
        else:
            reader.drop_negation()  # 没有还有一个问题
    reader.have = "有"
    if reader.senses and reader.senses[-1].meaning in (Meaning.KNOWN, Meaning.NOT_KNOWN):
        return
    following, after = reader.next_meaningful(), reader.peek()
    if following is None and after is not None and after.word in CONTRACT:
        fact(reader, Tag.RECEIVE)  # 我有合同
        return
    if following is None or following.tag not in (*PREDICATES, Tag.NOT, Tag.QUESTION, Tag.ASK):
        turned = reader.negations or reader.rhetoric or scorned(reader)
        named = not turned and _something_named(reader)
        reader.say(Meaning.NONE if turned else Meaning.TOLD if named else Meaning.HAVE)
        reader.reset()


_MATTERS = frozenset({"内容", "方面", "情况", "任何", "服务", "录音"})


def _something_named(reader: Reader) -> bool:
    """有高利息, 有分红: what there is isn't what was asked for; 有这个情况 is."""
    rest = reader.clause.tokens[reader.at + 1 :]
    return any(t.tag is Tag.TOPIC and t.word not in _MATTERS for t in rest)


def _ask(reader: Reader) -> None:
    """我想问一下 announces a question; 我问一下我儿子 puts the answer off."""
    following = reader.next_meaningful()
    elsewhere = following is not None and following.tag in (Tag.OTHER, Tag.SELF)
    yours = any(t.tag is Tag.YOU for t in reader.clause.tokens[: reader.at])
    elsewhere = elsewhere or (reader.peek() or reader.token).word == "问"  # 我要问问家里
    elsewhere = elsewhere or (reader.token.word == "查一下" and (yours or reader.subject is Tag.SELF))
    if reader.negations:
        reader.say(Meaning.NO_MORE)  # 没有要咨询的
        return
    reader.say(Meaning.UNSURE if elsewhere else Meaning.MORE)


def _unsure(reader: Reader) -> None:
    """知道分红不一定有: what is uncertain is the dividend, and that is known."""
    known = bool(reader.senses) and reader.senses[-1].meaning is Meaning.KNOWN
    following = reader.peek()
    casual = reader.token.word == "随便" and following is not None and following.tag is Tag.READ
    if not casual and not (known and reader.token.word in ("不一定", "不确定", "不肯定")):
        reader.say(Meaning.UNSURE)


def _deed(reader: Reader) -> None:
    """还没拆: that it wasn't done answers no question."""
    if reader.negations:
        reader.say(Meaning.BESIDE)


_TAG_QUESTIONS = frozenset({"是不是", "对不对", "是否", "有没有", "行不行", "好不好"})
_STEPS: dict[Tag, Callable[[Reader], None]] = {
    Tag.NOT: negation,
    Tag.QUESTION: question,
    Tag.RHETORIC: rhetoric,
    Tag.HANDLE: handle,
    Tag.HAVE: _have,
    Tag.NO_MORE: no_more,
    Tag.COPULA: copula,
    Tag.PROMISE: promise,
    Tag.ASK: _ask,
    Tag.REPAIR: lambda reader: reader.say(Meaning.DENY, repair=True),
    Tag.RECALL: lambda reader: reader.say(Meaning.UNSURE, repair=not reader.negations),
    Tag.DEED: _deed,
    Tag.NEEDLESS: lambda reader: reader.say(Meaning.NEEDLESS),
    Tag.UNSURE: _unsure,
    Tag.MIDDLING: lambda reader: reader.say(Meaning.UNSURE),
    Tag.WHAT_MATTER: lambda reader: reader.say(Meaning.MATTER),
    Tag.HELLO: lambda reader: reader.say(Meaning.HELLO),
}


def _asks_after(reader: Reader) -> bool:
    """收到了是不是: asks whether the yes is one."""
    ends = all(t.tag is Tag.PAUSE for t in reader.clause.tokens[reader.at + 1 :])
    return ends and reader.token.word in _TAG_QUESTIONS and reader.senses[-1].meaning in POSITIVE


def _read(reader: Reader, tag: Tag | None) -> None:
    if tag in _STEPS:
        _STEPS[tag](reader)
    elif tag in FACTS:
        if tag is Tag.MUDDLED and consumed(reader):
            reader.negations = []
        fact(reader, tag)
        reader.more = reader.more or tag is Tag.MORE
    elif tag in (Tag.SIGN, Tag.OWN_HAND, Tag.PROXY):
        signing(reader, tag)
    elif tag in BARE:
        bare(reader, tag)
    elif tag is Tag.TELL:
        telling(reader)
    elif tag is Tag.WILL and (reader.peek(-1) or reader.token).word in ("倒是", "倒"):
        reader.negations.append("没")  # 我倒是想收到
    elif tag is Tag.PLACE:
        _kept(reader)
    elif tag is Tag.REPEAT and reader.token.word in NOT_FOLLOWED:
        reader.say(Meaning.NOT_KNOWN)
    elif tag in (Tag.SELF, Tag.OTHER, Tag.NOBODY, Tag.SOMEBODY):
        _subject(reader, tag)
    elif (
        tag is Tag.BUSY
        and reader.token.word.startswith(("没", "哪", "谁"))
        and reader.clause.has(Tag.READ, Tag.SIGN)
    ):
        reader.negations.append("没")  # 没时间看


def senses(clause: Clause, *, supposed: bool = False) -> list[Sense]:
    """What one clause says, in order, each with the doubt that the words around throw on it."""
    reader = Reader(clause, doubts(clause, supposed=supposed))
    for at, token in enumerate(clause.tokens):
        reader.at = at
        if token.tag is Tag.WHETHER or token.word == "有没有人" or a_not_a(reader):
            if not reader.senses or _asks_after(reader):
                reader.say(Meaning.UNSURE)
            break
        if token.tag is Tag.BOUND and token.word not in "了啦喽咯":
            if reader.spent and reader.rhetoric:
                reader.reset()  # 怎么会没收到早收到了
            reader.drop_negation()
        if reader.spent and token.tag is Tag.ALL and reader.peek(-1) == NOMINAL:
            reader.reset()  # 不清楚的都问明白了
        _read(reader, token.tag)
    else:
        end(reader)
    return reader.senses
