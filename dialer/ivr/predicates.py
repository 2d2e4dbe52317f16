"""Predicates: received, read, known, signed, promised, done - by whom, and whether at all."""

from __future__ import annotations

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import DENIALS, FACTS, PREDICATES, Reader, polarity
from dialer.ivr.words import Tag

IN_PLACE_OF = frozenset({"帮", "替", "代", "帮着", "代替", "帮忙"})
_TELLS = ("说", "讲", "解释", "介绍", "交代", "教", "听")
_MESSAGES = frozenset({"短信", "微信", "邮件", "电话", "通知"})
_ADVERBS = frozenset({"亲笔", "亲自", "亲手"})


def fact(reader: Reader, tag: Tag) -> None:
    positive, weak = polarity(reader)
    token, follower = reader.clause.tokens[reader.at], reader.peek()
    if follower is not None and follower.word.startswith("不") and (tag is Tag.TROUBLE or token.word == "看"):
        return
    if follower is not None and follower.word == "得" and tag is Tag.READ:
        return
    asked = bool(reader.senses) and reader.senses[-1].meaning in (Meaning.QUERY, Meaning.REPEAT)
    if asked or (tag is Tag.SAID and reader.subject is Tag.SELF and not reader.negations):
        return
    split = tag is Tag.RECEIVE and token.word.endswith("到") and reader.negations[-1:] in (["不"], ["没有"])
    if split and follower is not None and follower.word == "了" and not reader.rhetoric:
        reader.drop_negation()
        positive, weak = True, True
    if tag is Tag.COMPLAINT and not positive and reader.subject is Tag.SELF:
        return
    if tag in (Tag.PROMISE, Tag.DEPOSIT) and positive and _reproached(reader.clause, tag):
        reader.say(Meaning.COMPLAINT)
    elif tag is Tag.TROUBLE and not positive and (reader.more or _ends_with_le(reader)):
        reader.say(Meaning.NO_MORE)
    elif tag is Tag.GRASP and weak and positive and reader.negations and reader.negations[0].startswith("没"):
        reader.say(Meaning.NOTHING_UNKNOWN)
    elif tag is Tag.RECEIVE and positive and reader.clause.has(Tag.LATER) and _future(reader.clause):
        reader.say(Meaning.NOT_RECEIVED)
    elif positive and _not_said_of_self(reader, tag):
        reader.say(Meaning.UNSURE)
    elif tag is Tag.RECEIVE and positive and reader.subject is Tag.OTHER and not _handed(token.word):
        reader.say(Meaning.UNSURE if token.word.endswith("着") else Meaning.RECEIVED, weak=True)
    elif tag is Tag.GRASP and positive and _only(reader):
        reader.say(Meaning.KNOWN, weak=True)
    else:
        reader.say(FACTS[tag][0 if positive else 1], weak=weak)


def _reproached(clause: Clause, tag: Tag) -> bool:
    """说好保本, 当初说是存款: told one thing, sold another."""
    said = clause.has(Tag.SAID) or any(t.word in ("说", "讲", "当") for t in clause.tokens)
    return clause.has(Tag.REPROACH) or (tag is Tag.DEPOSIT and said)


def _future(clause: Clause) -> bool:
    return any(
        t.word in ("明天", "后天", "大后天", "下周", "过两天", "过几天", "过些天") for t in clause.tokens
    )


def _not_said_of_self(reader: Reader, tag: Tag) -> bool:
    """It came, but not yet or not the contract; it is known, but to somebody else."""
    if tag is Tag.RECEIVE:
        return _on_its_way(reader) or _other_paper(reader)
    return tag is Tag.GRASP and _known_to_others(reader)


def _other_paper(reader: Reader) -> bool:
    """收到的是发票, 收到别人的, 收到短信: something came, but not this customer's contract."""
    tokens = reader.clause.tokens
    if any(t.word in ("合同", "保单") for t in tokens):
        return False
    rest = tokens[reader.at + 1 :]
    words = [t.word for t in rest[:2]]
    of_other = len(rest) > 1 and rest[0].tag is Tag.OTHER and rest[1].word == "的"
    return words == ["的", "是"] or of_other or any(t.word in _MESSAGES for t in tokens)


def _on_its_way(reader: Reader) -> bool:
    """寄了 isn't 收到; 收到我会告诉你 is when it comes; 寄到老家 is elsewhere."""
    word, follower, then = reader.clause.tokens[reader.at].word, reader.peek(), reader.peek(2)
    if follower is not None and follower.tag is Tag.SELF:
        return then is not None and then.word in ("会", "就", "再")
    arrived = (
        follower is None or follower.tag in (Tag.BOUND, Tag.PAUSE) or follower.word in ("的", "家里", "过")
    )
    return word in ("寄", "送") or (word in ("寄到", "送到") and not arrived)


def _known_to_others(reader: Reader) -> bool:
    """我儿子清楚, 你们比我清楚; not 业务员讲得很清楚."""
    before = reader.clause.tokens[: reader.at]
    if reader.clause.tokens[reader.at].word.startswith(_TELLS) or any(
        t.word.endswith(_TELLS) or t.tag is Tag.SAID for t in before
    ):
        return False
    return reader.subject is Tag.OTHER or (bool(before) and before[-1].word in ("你", "您", "你们"))


def _handed(word: str) -> bool:
    """给我, 送来, 寄到: somebody else's doing, this customer's receiving."""
    return any(part in word for part in "给送寄交发来")


def _only(reader: Reader) -> bool:
    """只知道要交钱: and nothing else."""
    before, follower = reader.peek(-1), reader.peek()
    more = follower is not None and follower.tag not in (Tag.BOUND, Tag.PAUSE) and follower.word != "的"
    return before is not None and before.word in ("只", "光", "就", "仅") and more


def _ends_with_le(reader: Reader) -> bool:
    follower = reader.peek()
    return follower is not None and follower.tag is Tag.BOUND


def _when(clause: Clause) -> bool:
    """签合同的时候: a time, not a statement."""
    return any(t.word in ("时候", "那天", "以后", "之后", "之前", "那会儿") for t in clause.tokens)


def signing(reader: Reader, tag: Tag) -> None:
    """Who signed: the subject nearest to the verb; 代 and 替 make it somebody else."""
    token = reader.clause.tokens[reader.at]
    if tag is Tag.OWN_HAND and token.word in _ADVERBS:
        reader.subject = Tag.SELF
        following = reader.next_meaningful()
        if following is not None and following.tag in (Tag.SIGN, Tag.OWN_HAND):
            return
    if tag is Tag.SIGN and reader.subject is None and (token.word == "写" or _when(reader.clause)):
        return
    if tag is Tag.OWN_HAND and any(t.word in IN_PLACE_OF for t in reader.clause.tokens[: reader.at]):
        tag = Tag.PROXY
    own = tag is Tag.OWN_HAND or (tag is Tag.SIGN and reader.subject is Tag.SELF)
    other = tag is Tag.PROXY or (tag is Tag.SIGN and reader.subject in (Tag.OTHER, Tag.SOMEBODY))
    positive, weak = polarity(reader)
    if own:
        undone = not positive and reader.negations and reader.negations[-1] not in DENIALS
        reader.say(
            Meaning.SIGNED if positive else Meaning.NOT_SIGNED if undone else Meaning.OTHER_SIGNED, weak=weak
        )
    elif other:
        reader.say(Meaning.OTHER_SIGNED if positive else Meaning.NO_PROXY, weak=weak)
    else:
        reader.say(Meaning.SIGNED_UNSAID if positive else Meaning.NOT_SIGNED, weak=weak)


def handle(reader: Reader) -> None:
    positive, _ = polarity(reader)
    if reader.subject is Tag.OTHER:
        reader.say(Meaning.OTHER_DID if positive else Meaning.UNSURE)
    elif reader.subject is Tag.SELF and not positive:
        reader.say(Meaning.OTHER_DID)


def promise(reader: Reader) -> None:
    word = reader.clause.tokens[reader.at].word
    following = reader.next_meaningful()
    vow = word == "保证" and following is not None and following.tag in (Tag.OWN_HAND, Tag.SIGN, Tag.COPULA)
    if not vow:
        fact(reader, Tag.PROMISE)


def no_more(reader: Reader) -> None:
    """没什么 is nothing, unless it negates what follows: 没什么问题, 没什么不清楚."""
    word, following = reader.clause.tokens[reader.at].word, reader.next_meaningful()
    if word in ("没什么", "没啥") and following is not None and following.tag in (*PREDICATES, Tag.NOT):
        reader.negations.append("没")
    else:
        reader.say(Meaning.NO_MORE)
